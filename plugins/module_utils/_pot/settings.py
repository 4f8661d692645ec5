# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pot.conf and pot.default.conf, the host's own settings of pot: what they say, and how one of them is changed.

pot sources both files, so they are sh, and sh alone can read them as pot does. Nothing here runs it.
"""

from __future__ import annotations

import re
import typing as t

# What pot itself falls back on.
DEFAULTS = {
    "POT_ZFS_ROOT": "zroot/pot",
    "POT_FS_ROOT": "/opt/pot",
    "POT_CACHE": "/var/cache/pot",
    "POT_TMP": "/tmp",
    "POT_GROUP": "pot",
    "POT_EXTIF": "em0",
    "POT_NETWORK": "10.192.0.0/10",
    "POT_NETMASK": "255.192.0.0",
    "POT_GATEWAY": "10.192.0.1",
    "POT_NETWORK_STACK": "ipv4",
}

# sh for a host that is asked through a connection: $prefix is pot's, $POT_FS_ROOT is set afterwards.
SOURCING = (
    r"""
for f in "$prefix/etc/pot/pot.default.conf" "$prefix/etc/pot/pot.conf"; do
    if [ -r "$f" ]; then . "$f"; fi
done
POT_FS_ROOT=${POT_FS_ROOT:-%(POT_FS_ROOT)s}
"""
    % DEFAULTS
)

# potnet reads these itself: it splits at '=', takes the text up to the first blank and keeps quote characters.
POTNET_KEYS = frozenset(
    (
        "POT_ZFS_ROOT",
        "POT_FS_ROOT",
        "POT_NETWORK",
        "POT_NETMASK",
        "POT_GATEWAY",
        "POT_EXTIF",
        "POT_DNS_NAME",
        "POT_DNS_IP",
    )
)

_KEY = re.compile(r"\APOT_[A-Za-z0-9_]+\Z")
_PLAIN = re.compile(r"\A[A-Za-z0-9_./:,@%+-]*\Z")
_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?(POT_[A-Za-z0-9_]+)=(.*?)\s*$")


def files(prefix: str) -> tuple[str, str]:
    """Paths of the two files of a pot that is installed below a prefix; the second one is the administrator's."""
    return prefix + "/etc/pot/pot.default.conf", prefix + "/etc/pot/pot.conf"


def question(texts: t.Iterable[str], keys: t.Iterable[str]) -> list[str]:
    """The command that prints the values of settings, a line each, of the texts of the two files in their order; it
    fails where sh does not understand them. What their last command returns is nothing to pot, and nothing to it.
    """
    shown = " ".join(f'"${key}"' for key in keys)
    script = f'for text do eval "$text"; done; printf "%s\\n" {shown}'
    return ["/bin/sh", "-c", script, "pot", *texts]


def answer(output: str, keys: t.Sequence[str]) -> dict[str, str]:
    """C({key: value}) of what question() printed; empty where the files set none. They may print something
    themselves.
    """
    return dict(zip(keys, output.split("\n")[-len(keys) - 1 :]))


def text_of(key: str, value: object) -> str:
    """The text of a setting's value; raises ValueError for a key or a value that pot.conf cannot carry."""
    if not _KEY.match(str(key)):
        raise ValueError(f"'{key}' is not a setting of pot (they begin with POT_)")
    if isinstance(value, (dict, list)) or value is None:
        raise ValueError(f"{key} needs a single value")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "\n" in text or "\0" in text:
        raise ValueError(f"{key} holds a line break")
    if key in POTNET_KEYS and not _PLAIN.match(text):
        raise ValueError(f"{key} must be written without blanks and quotes, because potnet cannot read them")
    return text


def assignment(key: str, text: str) -> str:
    """The line for pot.conf: unquoted where possible, since potnet keeps quotes, and quoted for sh where it has to
    be.
    """
    if _PLAIN.match(text):
        return f"{key}={text}"
    return '{}="{}"'.format(key, re.sub(r'(["\\$`])', r"\\\1", text))


def parse(text: str) -> dict[str, str]:
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


def edit(text: str, settings: t.Mapping[str, str]) -> str:
    """The text of pot.conf in which each of the settings (C({key: text})) stands exactly once; all other lines are
    kept.
    """
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


def quoted_for_potnet(text: str) -> list[str]:
    """The keys whose quotes make potnet blind to them."""
    return sorted(
        {
            match.group(1)
            for match in map(_ASSIGNMENT.match, text.splitlines())
            if match and match.group(1) in POTNET_KEYS and match.group(2)[:1] in ('"', "'")
        }
    )
