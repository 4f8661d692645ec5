# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host side of pot: its configuration file and what a machine offers. Nothing here runs a command."""

from __future__ import annotations

import re

DEFAULTS = {"POT_ZFS_ROOT": "zroot/pot", "POT_FS_ROOT": "/opt/pot", "POT_CACHE": "/var/cache/pot", "POT_GROUP": "pot"}

# potnet reads these itself: it splits at '=', takes the text up to the first blank and keeps quote characters.
POTNET_KEYS = frozenset(("POT_ZFS_ROOT", "POT_FS_ROOT", "POT_NETWORK", "POT_NETMASK", "POT_GATEWAY", "POT_EXTIF", "POT_DNS_NAME", "POT_DNS_IP"))

PF_ANCHORS = ("nat-anchor pot-nat", 'rdr-anchor "pot-rdr/*"')

_KEY = re.compile(r"\APOT_[A-Za-z0-9_]+\Z")
_PLAIN = re.compile(r"\A[A-Za-z0-9_./:,@%+-]*\Z")
_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?(POT_[A-Za-z0-9_]+)=(.*?)\s*$")
# What begins a translation or a filter rule in pf.conf(5).
_PF_RULE = re.compile(r"\s*(?:nat|rdr|binat|no|pass|block|match|antispoof|load|(?:nat-|rdr-|binat-)?anchor)\b")
_RELEASE = re.compile(r"\A([^-]+)-[^-]+-([0-9]+\.[0-9]+(?:-[A-Z]+[0-9]*)?)-RELEASE\Z")


def text_of(key, value):
    """The text of a setting's value; raises ValueError for a key or a value that pot.conf can not carry."""
    if not _KEY.match(str(key)):
        raise ValueError("'%s' is not a setting of pot (they begin with POT_)" % key)
    if isinstance(value, (dict, list)) or value is None:
        raise ValueError("%s needs a single value" % key)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "\n" in text or "\0" in text:
        raise ValueError("%s holds a line break" % key)
    if key in POTNET_KEYS and not _PLAIN.match(text):
        raise ValueError("%s must be written without blanks and quotes, because potnet can not read them" % key)
    return text


def assignment(key, text):
    """The line for pot.conf: unquoted where possible, since potnet keeps quotes, and quoted for sh where it has to be."""
    if _PLAIN.match(text):
        return "%s=%s" % (key, text)
    return '%s="%s"' % (key, re.sub(r'(["\\$`])', r"\\\1", text))


def parse(text):
    """C({key: value}) of the assignments in a pot.conf, quotes removed, the last one of a key winning as in sh."""
    settings = {}
    for line in text.splitlines():
        match = _ASSIGNMENT.match(line)
        if match:
            value = match.group(2)
            if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
                quote, value = value[0], value[1:-1]
                if quote == '"':
                    value = re.sub(r'\\(["\\$`])', r"\1", value)
            else:
                value = value.split(" ")[0].split("\t")[0]
            settings[match.group(1)] = value
    return settings


def edit(text, settings):
    """The text of pot.conf in which each of the settings (C({key: text})) stands exactly once; all other lines are kept."""
    wanted = {key: assignment(key, value) for key, value in settings.items()}
    lines = []
    for line in text.splitlines():
        match = _ASSIGNMENT.match(line)
        if match and match.group(1) in settings:
            new = wanted.pop(match.group(1), None)
            if new is None:
                continue
            line = new
        lines.append(line)
    lines += [wanted[key] for key in sorted(wanted)]
    return "".join(line + "\n" for line in lines)


def quoted_for_potnet(text):
    """The keys whose quotes make potnet blind to them."""
    return sorted({match.group(1) for match in map(_ASSIGNMENT.match, text.splitlines())
                   if match and match.group(1) in POTNET_KEYS and match.group(2)[:1] in ('"', "'")})


def releases(manifests, machine):
    """The releases, as C(14.2), that the file names of MANIFESTS offer for this kind of machine (C(amd64)), oldest first."""
    found = {match.group(2) for match in map(_RELEASE.match, manifests) if match and match.group(1) == machine}
    return sorted(found, key=lambda release: [int(number) for number in re.findall(r"[0-9]+", release)])


def short_release(version):
    """C(14.2) from C(14.2-RELEASE-p3) as freebsd-version(1) prints it."""
    return version.strip().split("-")[0]


def default_interface(route):
    """The interface in the output of C(route -n get default), or an empty string."""
    match = re.search(r"^\s*interface:\s*(\S+)", route, re.MULTILINE)
    return match.group(1) if match else ""


def has_pf_anchors(text):
    """Whether pf.conf holds both anchors, each once on a line of its own, exactly as pot looks for them."""
    lines = text.splitlines()
    return all(lines.count(anchor) == 1 for anchor in PF_ANCHORS)


def with_pf_anchors(text):
    """The text of pf.conf with both anchors, each once, before its first translation or filter rule.

    pf.conf(5) wants options, normalization and queueing before translation; C(pot init) would insert them at the very top.
    """
    lines = [line for line in text.splitlines() if line.strip() not in PF_ANCHORS]
    position, continued = len(lines), False
    for number, line in enumerate(lines):
        if not continued and _PF_RULE.match(line):
            position = number
            break
        continued = line.endswith("\\")
    return "".join(line + "\n" for line in lines[:position] + list(PF_ANCHORS) + lines[position:])


def pot_base(text):
    """The base release in a pot's own pot.conf, or an empty string."""
    match = re.search(r"^pot\.base=\s*\"?([^\s\"]*)", text, re.MULTILINE)
    return match.group(1) if match else ""
