# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What zfs(8) takes and prints: names, sizes, properties."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner

# Seconds: a pool with many snapshots on slow disks.
TIMEOUT = 600

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*(?:([KMGTPEZ])(?:I?B)?|B)?", re.IGNORECASE)
# zfs(8) accepts "none" for these and prints 0 for it with -p; setting a quota to 0 is an error, so "none" is the one
# spelling used.
_NONE_IS_ZERO = frozenset(("quota", "refquota", "reservation", "refreservation"))
_SIZES = _NONE_IS_ZERO | frozenset(("recordsize", "special_small_blocks"))
_COUNTS = frozenset(("filesystem_limit", "snapshot_limit"))
_UNLIMITED = str(2**64 - 1)
_PROPERTY = re.compile(r"\A[a-z][a-z0-9_]*\Z|\A[a-z0-9_.-]*:[a-z0-9:_.-]*\Z")

# Set through an option of their own, or able to take the dataset away from the host.
RESERVED = {
    "mountpoint": "it has an option of its own",
    "canmount": "the dataset has to be mounted at boot",
    "jailed": "a jailed dataset cannot be mounted on the host",
    "zoned": "a jailed dataset cannot be mounted on the host",
    "volsize": "it makes a volume, and a file system is needed",
    "volblocksize": "it makes a volume, and a file system is needed",
}


def is_dataset(name: str) -> bool:
    """Whether a text is a name C(POOL/NAME…) as zfs(8) takes it, without blanks."""
    return bool(
        re.fullmatch(r"[A-Za-z][A-Za-z0-9_.:-]*(/[A-Za-z0-9_.:-]+)+", name) and not {".", ".."} & set(name.split("/"))
    )


def run_zfs(runner: Runner, *arguments: str) -> str:
    """Standard output of a zfs command; C(Sentence) with its own words when it does not end with 0."""
    rc, out, err = runner.run(["zfs", *arguments], timeout=TIMEOUT)
    if rc != 0:
        reason = err.strip().replace("\n", "; ") or f"exit code {rc}"
        raise Sentence(f"'zfs {' '.join(arguments)}' failed: {reason}")
    return out


def size_in_bytes(value: object) -> int:
    """The number of bytes in a size as zfs(8) writes it: 131072, "128K", "1.5G", "10GiB" (powers of 1024)."""
    given = str(value).strip()
    match = None if isinstance(value, (bool, float)) else _SIZE.fullmatch(given)
    if not match:
        raise ValueError(f"'{given}' is not a size such as 10G, 128K or a number of bytes")
    number, suffix = match.group(1), (match.group(2) or "").upper()
    factor = 1024 ** (" KMGTPEZ".index(suffix) if suffix else 0)
    return int(number) * factor if "." not in number else int(float(number) * factor)


def record_size(value: object) -> int:
    """The property recordsize in bytes: a power of two from 512 bytes to 16 MiB (zfsprops(7))."""
    found = size_in_bytes(value)
    if not 512 <= found <= 16 * 1024**2 or found & (found - 1):
        raise ValueError(f"'{value}' is not a power of two from 512 to 16M")
    return found


def human(size: float) -> str:
    """A number of bytes for a message: C(1.5G)."""
    value = float(size)
    for suffix in " KMGTPE":
        if value < 1024 or suffix == "E":
            break
        value /= 1024
    return (f"{value:.1f}").rstrip("0").rstrip(".") + suffix.strip()


def canonical(prop: str, value: object) -> str:
    """The one spelling of a property's value in which a wanted and a reported (zfs get -p) value can be compared.

    Sizes become bytes, booleans on/off, an absent limit "none". Raises ValueError for a size that is none.
    """
    if isinstance(value, bool):
        return "on" if value else "off"
    text = str(value)
    if "\n" in text or "\t" in text or "\0" in text:
        raise ValueError("the value holds a tabulator or a line break")
    if prop in _SIZES:
        if text in ("none", "0") and prop in _NONE_IS_ZERO:
            return "none"
        return str(record_size(value) if prop == "recordsize" else size_in_bytes(value))
    if prop in _COUNTS and text == _UNLIMITED:
        return "none"
    return text


def canonical_properties(
    properties: t.Mapping[str, object], reserved: t.Mapping[str, str] | None = None
) -> dict[str, str]:
    """C({property: value}) with every value in its canonical spelling; ValueError names the property that cannot be
    set.

    reserved: why those properties that cannot be set here cannot; RESERVED when it is not given.
    """
    result = {}
    reserved = RESERVED if reserved is None else reserved
    for prop, value in properties.items():
        if not _PROPERTY.match(str(prop)):
            raise ValueError(f"'{prop}' is not the name of a ZFS property")
        if prop in reserved:
            raise ValueError(f"{prop} cannot be set here: {reserved[prop]}")
        if value is None or isinstance(value, (dict, list)):
            raise ValueError(f"{prop} needs a single value")
        try:
            result[prop] = canonical(prop, value)
        except ValueError as error:
            raise ValueError(f"{prop}: {error}") from None
    return result


def parse_properties(text: str) -> dict[str, str]:
    """C({property: value}) from C(zfs get -H -p -o property,value all DATASET)."""
    return dict(line.split("\t", 1) for line in text.splitlines() if "\t" in line)


def missing_properties(wanted: t.Mapping[str, str], current: t.Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """C({property: (before, after)}) of what has to be set; an inherited or default value that is equal counts as
    set.
    """
    difference = {}
    for prop, value in wanted.items():
        before = current.get(prop, "-")
        if canonical(prop, before) != value if before != "-" else value != "-":
            difference[prop] = (before, value)
    return difference
