# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How C(guard) comes to the host and to a pot, so that pot asks it at every start, also at the boot and by hand.

pot sources its C(pot.conf) as sh before it looks at its command, with the command's words as C($1) and so on. A few
lines there call the program and end pot when it says no. Neither C(pot.conf) nor a pot's directory C(conf) can be
reached from a jail.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Collection

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import (
    errors,
    files,
    no_links,
    one_file,
    run,
    snapshots,
    tables,
    zfs,
)
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import read_text
from ansible_collections.potluck.matrix.plugins.module_utils._pot import (
    conf,
    guard,
    guard_program,
    guard_tree,
    mounting,
    mounts,
    settings,
)
from ansible_collections.potluck.matrix.plugins.module_utils._pot.machine import Machine
from ansible_collections.potluck.matrix.plugins.module_utils._pot.state import State

BEGIN = "# BEGIN potluck.matrix: a stopped pot is looked at before pot follows what its jail has left in it"
END = "# END potluck.matrix"
HOOK = """#!/bin/sh
# Written by potluck.matrix: pot cleans up after this, and must not be led out of the jail.
exec %s poststop "$_POT_NAME"
"""

LAUNCHER = """#!/bin/sh
# Written by potluck.matrix. Called by pot (see pot.conf) and by the hook poststop of pots.
for python in %s /usr/local/bin/python3 /usr/local/bin/python3.[0-9] /usr/local/bin/python3.[0-9][0-9]; do
    if [ -x "$python" ]; then
        exec "$python" -I "$0.pyz" "${0%%/libexec/*}" "$@"
    fi
done
echo "###>  This host has no Python any more, and potluck.matrix cannot look at a pot before its start: install one"
exit 1
"""
PARTS = (
    conf,
    guard,
    guard_program,
    guard_tree,
    mounts,
    settings,
    errors,
    files,
    no_links,
    run,
    snapshots,
    tables,
    zfs,
)


def program(prefix: str) -> str:
    """Path of the program that pot calls; what Python runs is beside it, with C(.pyz) at the end."""
    return prefix + "/libexec/potluck-pot-guard"


def with_lines(text: str, prefix: str) -> str:
    """pot.conf with the lines that call the program, once; the text itself when they are there."""
    # No '=' and no key of pot in them: potnet reads the file without sh.
    lines = (
        "\n".join(
            [
                BEGIN,
                'case "$1" in',
                "|".join(guard_program.COMMANDS) + ")",
                f'    {program(prefix)} "$@" || exit 1',
                "    ;;",
                "esac",
                END,
            ]
        )
        + "\n"
    )
    if lines in text:
        return text
    text = re.sub(rf"(?ms)^{re.escape(BEGIN)}\n.*?^{re.escape(END)}\n", "", text)
    return text + ("\n" if text and not text.endswith("\n") else "") + lines


def host_files(prefix: str, python: str = sys.executable) -> list[tuple[str, str, int]]:
    """[(path, text, mode)] of the program. The bytes that are no text stand in it as C(surrogateescape) has them."""
    sources = one_file.content(guard_program, PARTS)
    return [
        (program(prefix) + ".pyz", sources.decode("utf-8", "surrogateescape"), 0o644),
        (program(prefix), LAUNCHER % python, 0o755),
    ]


def ensure_host(machine: Machine) -> None:
    """Install the program, then have pot call it."""
    for path, text, mode in host_files(machine.prefix):
        if read_text(path) != text or os.stat(path).st_mode & 0o7777 != mode:
            if not machine.check:
                os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            machine.edit(path, text, "the guard that pot calls", mode=mode)
    path = machine.prefix + "/etc/pot/pot.conf"
    text = read_text(path) or ""
    wanted = with_lines(text, machine.prefix)
    if wanted != text:
        machine.edit(path, wanted, "call the guard")


def _holder(machine: Machine, source: str) -> list[str] | None:
    """[dataset, directory] that a source of fscomp.conf lies on; C(None) where that is the host's own root or no
    dataset at all.
    """
    if not source.startswith("/"):
        return [source, machine.datasets[source]["mountpoint"]] if source in machine.datasets else None
    path = os.path.realpath(source) + "/"
    found = [
        (len(p["mountpoint"]), d)
        for d, p in machine.datasets.items()
        if p["mounted"] == "yes" and len(p["mountpoint"]) > 1 and path.startswith(p["mountpoint"] + "/")
    ]
    dataset = max(found)[1] if found else ""
    return [dataset, machine.datasets[dataset]["mountpoint"]] if dataset else None


def ensure_pot(machine: Machine, state: State, verified: Collection[str] = ()) -> None:
    """Write beside pot.conf what the guard must know of a pot, and the hook that calls it when the pot's jail has
    ended.

    verified: sources of mounts that this run has found in their place. What an earlier run found stands for all others,
    since what is not mounted now must not count as not needed.
    """
    directory = machine.home(state.name) + "/conf/"
    known = guard.record(read_text(directory + guard.RECORD) or "{}") or {}
    sources = {}
    for line in state.lines:
        if line.source and not line.source.startswith(machine.own_prefixes()):
            holder = None if line.source in verified else known.get(line.source)
            sources[line.source] = holder or _holder(machine, line.source)
    text = (
        json.dumps(
            {"sources": {source: holder for source, holder in sources.items() if holder}}, indent=1, sort_keys=True
        )
        + "\n"
    )
    if read_text(directory + guard.RECORD) != text:
        machine.edit(directory + guard.RECORD, text, "datasets that must be mounted", mode=0o600)
    hook, found = HOOK % program(machine.prefix), read_text(directory + "poststop.sh")
    if found is None:
        machine.edit(directory + "poststop.sh", hook, "the guard", mode=0o755)
    elif program(machine.prefix) not in found:
        machine.warnings.append(
            f"Pot {state.name} has a poststop hook of its own: let {machine.home(state.name)}/conf/poststop.sh call "
            f"'{program(machine.prefix)} poststop {state.name}' first."
        )


def clear(machine: Machine, state: State) -> None:
    """Look at a stopped pot before it is started; C(Sentence) when it must not be. What was removed is told in
    warnings.
    """
    if machine.check:
        return
    pot = guard.Pot(machine.fs_root, state.name, machine.mounts, lambda source: mounting.effective(machine, source))
    try:
        pot.sources()
        pot.places()
    except guard_tree.Refused as exc:
        raise Sentence(f"Pot {state.name} is not started: {exc}.") from exc
    except OSError as exc:
        raise Sentence(f"Pot {state.name} is not started: its files cannot be looked at ({exc}).") from exc
    machine.warnings += [
        f"In pot {state.name}, {text}; pot would have followed it on the host." for text in pot.tree.repaired
    ]
    _rc, out, _err = machine.runner.run([machine.pot, "start", guard_program.PROOF])
    if guard_program.ANSWER not in out:
        machine.warnings.append(
            f"pot does not call {program(machine.prefix)}, so links that a pot has planted are only found when Ansible "
            "starts the pot: "
            f"check the lines of potluck.matrix in {machine.prefix}/etc/pot/pot.conf."
        )
