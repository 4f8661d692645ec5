# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pot's anchors in the rules of the packet filter."""

from __future__ import annotations

import re

PF_ANCHORS = ("nat-anchor pot-nat", 'rdr-anchor "pot-rdr/*"')

# The longest name that pot gives an anchor of a pot.
_LONGEST = 55
# What begins a translation or a filter rule in pf.conf(5).
_PF_RULE = re.compile(r"\s*(?:nat|rdr|binat|no|pass|block|match|antispoof|load|(?:nat-|rdr-|binat-)?anchor)\b")


def has_pf_anchors(text: str) -> bool:
    """Whether pf.conf holds both anchors, each once on a line of its own, exactly as pot looks for them."""
    lines = text.splitlines()
    return all(lines.count(anchor) == 1 for anchor in PF_ANCHORS)


def with_pf_anchors(text: str) -> str:
    """The text of pf.conf with both anchors, each once, before its first translation or filter rule.

    pf.conf(5) wants options, normalization and queueing before translation; C(pot init) would insert them at the very
    top.
    """
    lines = [line for line in text.splitlines() if line.strip() not in PF_ANCHORS]
    position, continued = len(lines), False
    for number, line in enumerate(lines):
        if not continued and _PF_RULE.match(line):
            position = number
            break
        continued = line.endswith("\\")
    return "".join(line + "\n" for line in lines[:position] + list(PF_ANCHORS) + lines[position:])


def anchor_of(name: str) -> str:
    """The anchor of a pot's redirections: pot names it by the end of a long name, without underscores in front."""
    return "pot-rdr/" + (name if len(name) <= _LONGEST else name[-_LONGEST:].lstrip("_"))
