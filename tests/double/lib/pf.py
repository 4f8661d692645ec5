# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packet filter as far as pot uses it: the translation rules of its anchors. Filter rules are read and shown, and
filter nothing.

The main rules decide whether an anchor counts: pot's rules do nothing until pf is enabled and its rules name both
anchors.

"nat on EXTIF from NETWORK to any" concerns every packet that leaves EXTIF with a source in NETWORK, also the host's own
where its address lies in there. pf gives such a packet another source port unless it belongs to a connection that pf
itself has translated: a connection that came from outside, or that was there before the rule, gets answers from a port
that its other end never spoke to, and is dead from then on. Here those answers vanish on their way out, which the other
end cannot tell from that.
"""

from __future__ import annotations

import re
import socket
import time

import net
import release
import shared

STATE = shared.RUN + "/pf.json"
NAT, RDR = "pot-nat", "pot-rdr"
# iptables' chains that stand for pf's anchors.
NAT_CHAIN, RDR_CHAIN, CUT_CHAIN = "POTNAT", "POTRDR", "POTCUT"
# Rules for ethernet came with FreeBSD 14.
ETHERNET = " ethernet," if release.kernel().major >= 14 else ""
ORDER = f"Rules must be in order: options,{ETHERNET} normalization, queueing, translation, filtering"
KINDS = (
    ("set",),
    ("ether",),
    ("scrub",),
    ("altq", "queue"),
    ("nat", "rdr", "binat", "nat-anchor", "rdr-anchor", "binat-anchor", "no"),
    ("pass", "block", "antispoof", "anchor", "match", "load"),
)
RANKS = {word: rank for rank, words in enumerate(KINDS, 1) for word in words}


def state() -> dict:
    """enabled: since when (epoch), or None; main: statements as pfctl shows them; nat: [interface, network] of pot's
    rule, or None.
    """
    return shared.load(STATE, {"enabled": None, "main": [], "nat": None})


def editing():
    """The state, to be changed in place."""
    return shared.editing(STATE, {"enabled": None, "main": [], "nat": None})


def parse(text: str, name: str) -> tuple[list[str], list[str]]:
    """(translation and filter statements as pfctl shows them, complaints) of a pf.conf; name is what complaints call
    it.
    """
    found, complaints, last, number = [], [], 0, 0
    lines = text.split("\n")
    while number < len(lines):
        statement = lines[number]
        number += 1
        while statement.endswith("\\") and number < len(lines):
            statement = statement[:-1] + " " + lines[number]
            number += 1
        statement = statement.partition("#")[0].strip()
        if not statement or re.match(r"[A-Za-z_]\w*\s*=", statement):
            continue
        word = statement.split()[0]
        if word in ("table", "include"):
            continue
        rank = RANKS.get(word, 0)
        if not rank:
            complaints.append(f"{name}:{number}: syntax error")
        elif rank < last:
            complaints.append(f"{name}:{number}: {ORDER}")
        else:
            last = rank
            if rank >= RANKS["nat"]:
                found.append(shown(statement))
    return found, complaints


def shown(statement: str) -> str:
    """A statement as pfctl prints it, for the ones that pot's hosts have; others as they were written."""
    words = statement.split()
    if len(words) == 2 and words[0].endswith("-anchor"):
        return f'{words[0]} "{words[1].strip(chr(34))}" all'
    if words[0] in ("pass", "block") and set(words[1:]) <= {"all", "in", "out", "drop"}:
        direction = "".join(f" {word}" for word in words[1:] if word in ("in", "out"))
        return f"pass{direction} all flags S/SA keep state" if words[0] == "pass" else f"block drop{direction} all"
    return " ".join(words)


def anchored(current: dict, anchor: str) -> bool:
    """Whether pf is on and its main rules lead to pot's anchor."""
    names = {NAT: (NAT,), RDR: (RDR, RDR + "/*")}[anchor]
    return bool(current["enabled"]) and any(f'{anchor[4:]}-anchor "{name}" all' in current["main"] for name in names)


def main_rules(statements: list[str]) -> None:
    """Load the main rules; the anchors keep theirs."""
    with editing() as current:
        current["main"] = statements
    apply()


def enable(on: bool) -> bool:
    """Switch pf on or off; False when it was so before."""
    with editing() as current:
        if bool(current["enabled"]) is on:
            return False
        current["enabled"] = time.time() if on else None
    apply()
    return True


def translate(uplink: str, network: str) -> None:
    """Pot's rule in its anchor: nat on uplink from network to any."""
    with editing() as current:
        current["nat"] = [uplink, network]
    apply()


def iptables(table: str, *arguments: str, check: bool = True) -> None:
    net.run(net.IPTABLES, "-t", table, *arguments, check=check)


def apply() -> None:
    """Let the kernel do what the rules say."""
    current = state()
    uplink, network = current["nat"] or ("", "")
    for table, chain, hooks, anchor in (
        ("nat", NAT_CHAIN, (("POSTROUTING",),), NAT),
        ("nat", RDR_CHAIN, (("PREROUTING", "-m", "addrtype", "--dst-type", "LOCAL"),), RDR),
        # The host's own packets, and those of alias pots, whose links net.host_end() names.
        ("mangle", CUT_CHAIN, (("OUTPUT",), ("FORWARD", "-i", "jl+")), NAT),
    ):
        iptables(table, "-N", chain, check=False)
        for hook in hooks:
            iptables(table, "-D", *hook, "-j", chain, check=False)
            if anchored(current, anchor):
                iptables(table, "-A", *hook, "-j", chain)
        if anchor == NAT:
            iptables(table, "-F", chain)
    if network:
        leaving = ("-s", network, "-o", uplink)
        iptables("nat", "-A", NAT_CHAIN, *leaving, "-j", "MASQUERADE")
        iptables("mangle", "-A", CUT_CHAIN, *leaving, "-m", "conntrack", "--ctdir", "REPLY", "-j", "DROP")
        iptables(
            "mangle",
            "-A",
            CUT_CHAIN,
            *leaving,
            "-p",
            "tcp",
            "!",
            "--syn",
            "-m",
            "conntrack",
            "--ctstate",
            "NEW",
            "-j",
            "DROP",
        )


def port_name(number: int, protocol: str) -> str:
    """What pfctl calls a port of a rule's condition."""
    try:
        return socket.getservbyport(number, protocol)
    except OSError:
        return str(number)


def anchor_rules(anchor: str) -> list[str] | None:
    """The translation rules in an anchor as pfctl shows them; None where there is no such anchor."""
    if anchor == NAT:
        rule = state()["nat"]
        return [f"nat on {rule[0]} inet from {rule[1]} to any -> ({rule[0]}:0)"] if rule else None
    top, _separator, pot = anchor.partition("/")
    rules = net.redirects().get(pot) if top == RDR else None
    uplink = (state()["nat"] or [""])[0]
    return rules and [
        f"rdr pass on {uplink} inet proto {protocol} from any to ({uplink}) port = {port_name(outside, protocol)} -> "
        f"{address} port {inside}"
        for protocol, outside, address, inside in rules
    ]


def anchors() -> list[str]:
    """The names of all anchors there are, those of the main rules included."""
    named = {match[1] for line in state()["main"] if (match := re.match(r'\S+-anchor "([^"/]+)(?:/\*)?" all', line))}
    return sorted(named | {f"{RDR}/{pot}" for pot in net.redirects()} | ({NAT} if state()["nat"] else set()))
