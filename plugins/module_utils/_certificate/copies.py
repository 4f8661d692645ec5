# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies of the pair for services that run as somebody who may not read nginx's."""

from __future__ import annotations

import grp
import os

from ansible_collections.potluck.matrix.plugins.module_utils._certificate.certificate import description
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.changes import Changes
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.commands import last_line, run
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.files import Pair
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import no_links
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import put

_MODE = 0o640


def make(wanted: dict, pair: Pair, changes: Changes) -> None:
    """Make one copy what the pair is, and tell its service; Sentence when it cannot be told, for the next time.

    wanted: an item of the settings' C(copies). Nothing is done where its directory is missing: the part that needs the
    copy is not set up yet, or no longer. In check mode what is missing is what that part would have made by now.
    """
    directory = wanted["directory"]
    if not changes.check and (not os.path.isdir(directory) or pair.problem() is not None):
        return
    try:
        group = grp.getgrnam(wanted["group"]).gr_gid
    except KeyError:
        if not changes.check:
            raise Sentence(f"there is no group {wanted['group']}, which is to read {directory}") from None
        group = -1
    attributes = no_links.Attributes(0, group, _MODE)
    copy, untold = Pair(directory), os.path.join(directory, ".untold")
    texts = pair.texts()
    right = all(texts) and copy.texts() == texts and all(_has(path, attributes) for path in copy.paths)
    if right and not os.path.exists(untold):
        return
    changes.note(
        f"copied the certificate for {wanted['service']}",
        copy.chain_path,
        description(copy.chain),
        description(texts[0]),
    )
    if changes.check:
        return
    # Until the service has been told, so that a run that was cut off is made up for.
    put(untold, b"", attributes)
    chain, key = texts
    put(copy.key_path, key.encode(), attributes)
    put(copy.chain_path, chain.encode(), attributes)
    _tell(wanted)
    no_links.remove(untold)


def _has(path: str, attributes: no_links.Attributes) -> bool:
    return no_links.attributes(os.stat(path)) == attributes


def _tell(wanted: dict) -> None:
    """Tell a service that runs; one that does not reads them when it starts."""
    if run("service", wanted["service"], "onestatus").returncode != 0:
        return
    done = run(*wanted["reload"])
    if done.returncode != 0:
        raise Sentence(
            f"{wanted['service']} was not told of its certificate and goes on with the former one: "
            + last_line(done.stderr + done.stdout)
        )
