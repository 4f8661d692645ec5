# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of another major version beside those that are installed.

The packages cannot be installed together, but they can be unpacked elsewhere: PostgreSQL's programs find what belongs
to them from where they are themselves (make_relative_path() in src/port/path.c).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.pkg import Pkg, last_words
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner

# Of root, and open to PostgreSQL's account. Programs can be run there, unlike on the database's dataset.
PLACE = "/usr/local/libexec/potluck-postgresql"
# Seconds to unpack a package.
LIMIT = 600


def files(place: str) -> list[str]:
    """The packages that were fetched into a directory: below All, or below All/Hashed with a hash in their names."""
    return sorted(
        os.path.join(parent, name)
        for parent, _directories, names in os.walk(place)
        for name in names
        if name.endswith((".pkg", ".txz")) and not os.path.islink(os.path.join(parent, name))
    )


@contextlib.contextmanager
def programs(pkg: Pkg, runner: Runner, version: str) -> t.Iterator[str]:
    """The directory of the programs of a major version, until the context ends; C(Sentence) when there are none."""
    place = PLACE + version
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place, 0o755)
    try:
        names = [f"postgresql{version}-server", f"postgresql{version}-client"]
        answer = pkg.run("fetch", "-y", "-o", place, *names)
        found = files(place)
        missing = [name for name in names if not any(os.path.basename(file).startswith(name + "-") for file in found)]
        if answer[0] != 0 or missing:
            raise Sentence(
                f"the data are in a cluster of PostgreSQL {version}, and the repository does not give its programs "
                f"({last_words(answer)}); use one that has {names[0]}, or go back to a snapshot",
                "repository",
            )
        for file in found:
            rc, _out, err = runner.run(["tar", "-x", "-f", file, "-C", place], LIMIT, umask=0o022)
            if rc != 0:
                raise Sentence(f"{os.path.basename(file)} cannot be unpacked: {err.strip()[-200:]}", "program")
        yield os.path.join(place, "usr/local/bin")
    finally:
        shutil.rmtree(place, ignore_errors=True)
