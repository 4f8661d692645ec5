# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Notice a host that has gone without a word."""

from __future__ import annotations

import re
import shlex
import subprocess
import typing as t

# A host that has been silent for a minute is taken for gone.
SIGNS_OF_LIFE = "-o ServerAliveInterval=15 -o ServerAliveCountMax=4"


def notice_silence(outer: t.Any, host: str, transport: str) -> None:
    """Have ssh ask the host for a sign of life, unless the user has told ssh how often to do that.

    Without one, a connection whose other end has gone without a word hangs for as long as Ansible runs.

    outer: the connection plugin ssh, with its options set; transport: what tells its connection from the host's own.
    """
    given = [outer.get_option(name) or "" for name in ("ssh_args", "ssh_common_args", "ssh_extra_args")]
    port, user = outer.get_option("port"), outer.get_option("remote_user")
    if "serveraliveinterval" in " ".join(given).lower():
        return
    # Options on ssh's command line stand above ssh_config(5), so what is said there has to be asked for: -G prints
    # what would hold.
    words = [word for text in given for word in shlex.split(text)]
    words += [word for name, value in (("Port", port), ("User", user)) if value for word in ("-o", f"{name}={value}")]
    asked = subprocess.run(
        [outer.get_option("ssh_executable"), "-G", *words, host],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if re.search(rb"^serveraliveinterval [1-9]", asked.stdout, re.MULTILINE):
        return
    outer.set_option("ssh_extra_args", (f"{given[2]} {SIGNS_OF_LIFE}").strip())
    # A connection that ssh shares has the options of whoever opened it: the host's own may have none of these.
    if not outer.get_option("control_path"):
        outer.set_option("control_path", outer._create_control_path(host, port, user, transport))
