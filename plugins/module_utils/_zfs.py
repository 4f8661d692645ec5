# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading zfs(8), zpool(8) and mount(8) output, and deciding what a dataset still lacks. Nothing here runs a command."""

from __future__ import annotations

import re

# zfs(8) accepts "none" for these and prints 0 for it with -p; setting a quota to 0 is an error, so "none" is the one spelling used.
_NONE_IS_ZERO = frozenset(("quota", "refquota", "reservation", "refreservation"))
_SIZES = _NONE_IS_ZERO | frozenset(("recordsize", "special_small_blocks"))
_COUNTS = frozenset(("filesystem_limit", "snapshot_limit"))
_UNLIMITED = str(2**64 - 1)
_SIZE = re.compile(r"\A([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*(?:([KMGTPEZ])(?:I?B)?|B)?\Z", re.IGNORECASE)
_NAME = re.compile(r"\A[A-Za-z][A-Za-z0-9_.:-]*(/[A-Za-z0-9_.:-]+)+\Z")
_PROPERTY = re.compile(r"\A[a-z][a-z0-9_]*\Z|\A[a-z0-9_.-]*:[a-z0-9:_.-]*\Z")

# Set through an option of their own, or able to take the dataset away from the host.
RESERVED = {
    "mountpoint": "it has an option of its own",
    "canmount": "the dataset has to be mounted at boot",
    "jailed": "a jailed dataset can not be mounted on the host",
    "zoned": "a jailed dataset can not be mounted on the host",
    "volsize": "it makes a volume, and a file system is needed",
    "volblocksize": "it makes a volume, and a file system is needed",
}


def check_name(name):
    """Return None when C(POOL/NAME…) names a dataset below a pool, else why not, as the end of a sentence."""
    if _NAME.match(name):
        return None
    if "/" not in name:
        return "names a whole pool; name a dataset in it, as in %s/matrixdata" % (name or "zroot")
    return "is not a dataset name such as zroot/matrixdata (letters, digits, '_', '-', '.' and ':', no blanks)"


def size_in_bytes(value):
    """The number of bytes in a size as zfs(8) writes it: 131072, "128K", "1.5G", "10GiB" (powers of 1024).

    Raises ValueError for anything else.
    """
    text = str(value).strip()
    match = None if isinstance(value, bool) else _SIZE.match(text)
    if not match:
        raise ValueError("'%s' is not a size such as 10G, 128K or a number of bytes" % text)
    number, suffix = match.group(1), (match.group(2) or "").upper()
    factor = 1024 ** (" KMGTPEZ".index(suffix) if suffix else 0)
    return int(number) * factor if "." not in number else int(float(number) * factor)


def canonical(prop, value):
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
        return str(size_in_bytes(value))
    if prop in _COUNTS and text == _UNLIMITED:
        return "none"
    return text


def canonical_properties(properties):
    """C({property: value}) with every value in its canonical spelling; ValueError names the property that can not be set."""
    result = {}
    for prop, value in properties.items():
        if not _PROPERTY.match(str(prop)):
            raise ValueError("'%s' is not the name of a ZFS property" % prop)
        if prop in RESERVED:
            raise ValueError("%s can not be set here: %s" % (prop, RESERVED[prop]))
        if value is None or isinstance(value, (dict, list)):
            raise ValueError("%s needs a single value" % prop)
        try:
            result[prop] = canonical(prop, value)
        except ValueError as error:
            raise ValueError("%s: %s" % (prop, error))
    return result


def parse_properties(text):
    """C({property: value}) from C(zfs get -H -p -o property,value all DATASET)."""
    return dict(line.split("\t", 1) for line in text.splitlines() if "\t" in line)


def parse_datasets(text):
    """A list of C((name, mountpoint, canmount)) from C(zfs list -H -o name,mountpoint,canmount -t filesystem)."""
    return [tuple(line.split("\t")) for line in text.splitlines() if line.count("\t") == 2]


def parse_mounts(text):
    """A list of C((device, path)) in mount order from C(mount -p); blanks in paths come as C(\\040), as in fstab(5)."""
    mounts = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 3:
            mounts.append(tuple(re.sub(r"\\([0-7]{3})", lambda m: chr(int(m.group(1), 8)), field) for field in fields[:2]))
    return mounts


def missing_properties(wanted, current):
    """C({property: (before, after)}) of what has to be set; an inherited or default value that is equal counts as set."""
    difference = {}
    for prop, value in wanted.items():
        before = current.get(prop, "-")
        if canonical(prop, before) != value if before != "-" else value != "-":
            difference[prop] = (before, value)
    return difference


def mountpoint_conflict(name, mountpoint, real_path, datasets, mounts, entries):
    """Why dataset C(name) must not be mounted at C(mountpoint), as a sentence, or None.

    C(real_path) is the mount point with symbolic links resolved; C(entries) are the names in that directory when something other
    than the dataset itself holds them (an empty list when the dataset is already mounted there).
    """
    for other, other_mountpoint, canmount in datasets:
        if other != name and other_mountpoint == mountpoint and canmount != "off":
            return "%s is already the mountpoint of the dataset %s" % (mountpoint, other)
    at_path = [device for device, path in mounts if path == real_path]
    if at_path and at_path[-1] != name:
        return "%s is mounted on %s already" % (at_path[-1], mountpoint)
    if entries:
        shown = ", ".join(sorted(entries)[:3]) + (" …" if len(entries) > 3 else "")
        return "the directory %s is not empty (%s); mounting %s there would hide its content, so move that away first" % (mountpoint, shown, name)
    return None


def shadowed_children(name, mountpoint, datasets):
    """Names of the datasets mounted below C(mountpoint): a pot that gets the directory sees them as empty directories."""
    prefix = mountpoint.rstrip("/") + "/"
    return [other for other, other_mountpoint, canmount in datasets if other != name and canmount == "on" and other_mountpoint.startswith(prefix)]


def human(size):
    """A number of bytes for a message: C(1.5G)."""
    value = float(size)
    for suffix in " KMGTPE":
        if value < 1024 or suffix == "E":
            break
        value /= 1024
    return ("%.1f" % value).rstrip("0").rstrip(".") + suffix.strip()
