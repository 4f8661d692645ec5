# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a pot: its name, release, interfaces, ports and mounts.

Every checker takes the value, returns its normal form and raises ValueError with the end of a sentence whose subject
is the value.
"""

from __future__ import annotations

import re

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import names, values
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.storage import absolute_path

interface = values.word(r"[A-Za-z][A-Za-z0-9_.]*", "is not the name of a network interface", 15)
bridge = values.word(
    r"[A-Za-z0-9_][A-Za-z0-9_-]*", "is not a bridge's name (letters, digits, hyphens, underscores)", 55
)


def pot_name(value) -> str:
    """The name of a pot, as the module, the connection and an inventory have it.

    pot itself refuses only dots and breaks on much more; a name of digits would be taken for the number of a jail, and
    55 characters keep the name of the pf anchor equal to the pot's.
    """
    given = names.text(value)
    if "." in given:
        raise ValueError("holds a dot, which pot does not allow")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_+-]*", given):
        raise ValueError(
            "is not a pot's name (letters, digits, hyphens, underscores, plus signs; no hyphen or plus sign in front)"
        )
    if given.isdigit():
        raise ValueError("consists of digits, so that it would be taken for the number of a jail")
    if len(given) > 55:
        raise ValueError("is longer than 55 characters")
    return given


def release(value) -> str:
    """A FreeBSD release X.Y; an unquoted 14.2 arrives as a number and means the same."""
    given = str(value) if isinstance(value, float) else names.text(value)
    if re.fullmatch(r"[0-9]+\.[0-9]+-.*", given):
        raise ValueError("has something after the version")
    if not re.fullmatch(r"1[3-9]\.[0-9]", given):
        raise ValueError("is not a FreeBSD release from 13.0 on")
    return given


def ports(value) -> list:
    """Ports of the pot to forward to: C([PROTOCOL:]POT_PORT[:HOST_PORT]) as (protocol, port in the pot, port of the
    host or None).
    """
    found = []
    for number, item in enumerate(values.items(value), 1):
        shown = f'has as item {number} "{item}", which '
        given = str(item) if isinstance(item, int) and not isinstance(item, bool) else item
        match = isinstance(given, str) and re.fullmatch(r"(?:(tcp|udp):)?([0-9]{1,9})(?::([0-9]{1,9}))?", given)
        if not match:
            raise ValueError(shown + "is not of the form PROTOCOL:PORT:HOST_PORT")
        try:
            inside, outside = names.port(match.group(2)), names.port(match.group(3)) if match.group(3) else None
        except ValueError as error:
            raise ValueError(shown + f"has a port that {error}") from None
        found.append((match.group(1) or "tcp", inside, outside))
        if outside and [(part[0], part[2]) for part in found].count((found[-1][0], outside)) > 1:
            raise ValueError(shown + "takes a port of the host for the second time")
    return found


def mounts(value) -> list:
    """More mounts of the pot: dictionaries with source and target."""
    found: list[dict] = []
    for number, item in enumerate(values.items(value), 1):
        shown = f"has as item {number} "
        if not isinstance(item, dict):
            raise ValueError(shown + f"{names.kind(item)} where a dictionary with source and target is expected")
        unknown = set(item) - {"source", "target", "kind", "read_only"}
        if unknown:
            raise ValueError(shown + f'a mount with the unknown key "{sorted(unknown, key=str)[0]}"')
        for key in ("source", "target"):
            if not item.get(key):
                raise ValueError(shown + f"a mount without {key}")
        try:
            values.choice("directory", "dataset", "fscomp")(item.get("kind", "directory"))
            values.boolean(item.get("read_only", False))
            target = absolute_path(item["target"])
            source = values.line(item["source"])
            if item.get("kind", "directory") == "directory":
                absolute_path(source)
        except ValueError as error:
            raise ValueError(shown + f"a mount with a value that {error}") from None
        if target in ("/", "/mnt") or target in [other["target"] for other in found]:
            raise ValueError(shown + f"a mount on {target}, where something else is mounted already")
        found.append(dict(item))
    return found


def python_version(value) -> str:
    """The Python that FreeBSD's packages are named after."""
    given = str(value) if isinstance(value, float) else names.text(value)
    if not re.fullmatch(r"3\.(9|1[0-9])", given):
        raise ValueError(
            "is not a Python version from 3.9 on" + ("; put it in quotes" if isinstance(value, float) else "")
        )
    return given


def lines(value) -> str:
    """A text of several lines without control characters."""
    for part in names.text(value).splitlines():
        values.line(part.replace("\t", " "))
    return str(value)
