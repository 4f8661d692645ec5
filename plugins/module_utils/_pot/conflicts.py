# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What two pots of one host must not share: an address, and data that both can write."""

from __future__ import annotations

import os

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import read_text
from ansible_collections.potluck.matrix.plugins.module_utils._pot import mounting
from ansible_collections.potluck.matrix.plugins.module_utils._pot.conf import PotConf, view
from ansible_collections.potluck.matrix.plugins.module_utils._pot.machine import Machine
from ansible_collections.potluck.matrix.plugins.module_utils._pot.mounts import parse_fscomp
from ansible_collections.potluck.matrix.plugins.module_utils._pot.names import former_name
from ansible_collections.potluck.matrix.plugins.module_utils._pot.network import lenient, split_alias


def _addresses(texts: list[str]) -> set[str]:
    return {lenient(lambda text: split_alias(text, "")[1], [text])[0] for text in texts if text != "auto"}


def _overlap(one: str, other: str) -> bool:
    return (one.rstrip("/") + "/").startswith(other.rstrip("/") + "/") or (other.rstrip("/") + "/").startswith(
        one.rstrip("/") + "/"
    )


def _directory(machine: Machine, source: str) -> str:
    return os.path.realpath(mounting.effective(machine, source))


def _writable(machine: Machine, name: str) -> list[str]:
    """[directory of the host] that a pot mounts and can write in."""
    text = read_text(machine.home(name) + "/conf/fscomp.conf") or ""
    return [
        _directory(machine, line.source)
        for line in parse_fscomp(text, machine.root(name))
        if line.source and line.option != "ro" and not mounting.own(machine, line)
    ]


def check(machine: Machine, name: str, addresses: list[str], mounts: list[tuple[str, str, str]]) -> None:
    """C(Sentence) when another pot, running or not, has one of the addresses or mounts the same data, or what lies
    above or below them.

    addresses: as in pot.conf; mounts: [(source, target, option)] as in fscomp.conf. Data that one of the two can only
    read may be shared. The pot that was put aside for this one has the same, and must not run.
    """
    wanted = _addresses(addresses)
    directories = [(source, _directory(machine, source)) for source, _target, option in mounts if option != "ro"]
    for other in machine.names() if wanted or directories else []:
        if other == name:
            continue
        if other == former_name(name):
            if machine.read(other).running:
                raise Sentence(
                    f"Pot {other}, which was put aside for pot {name}, runs; stop it with 'pot stop {other}'."
                )
            continue
        taken = wanted & _addresses(view(PotConf(read_text(machine.home(other) + "/conf/pot.conf") or ""))["ip"])
        if taken:
            raise Sentence(
                "Address {} belongs to pot {}. {}".format(", ".join(sorted(taken)), other, _way_out(other, name)),
                "ip",
            )
        for source, directory in directories:
            shared = [path for path in _writable(machine, other) if _overlap(directory, path)]
            if shared:
                raise Sentence(
                    "{} cannot be mounted in pot {}, because pot {} mounts {} and two pots must not write the "
                    "same data. {}".format(
                        source, name, other, "it" if shared[0] == directory else shared[0], _way_out(other, name)
                    ),
                    "mounts",
                )


def _way_out(other: str, name: str) -> str:
    return (
        f"Choose another one; or if pot {other} is to become pot {name}, rename it with 'pot stop {other}; pot rename "
        f"-p {other} -n {name}' "
        "and run again; or if it is "
        f"not needed any more, remove it with 'pot stop {other}; pot destroy -p {other}', which leaves what it mounts."
    )
