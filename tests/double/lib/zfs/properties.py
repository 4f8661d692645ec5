# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties: their defaults, what may be set, and how values are read and shown."""

from __future__ import annotations

import os
import re

import release

from zfs.errors import ZfsError

ONOFF = ("on", "off")

COMPRESSION = (
    "on | off | lzjb | gzip | gzip-[1-9] | zle | lz4 | zstd | zstd-[1-19] | zstd-fast | "
    "zstd-fast-[1-10,20,30,40,50,60,70,80,90,100,500,1000]"
)

CHECKSUM = "on | off | fletcher2 | fletcher4 | sha256 | sha512 | skein | edonr"

UNITS = "BKMGTPE"

# name: (default, kind). kind: 'ro' computed, 'size' number or none, 'fixed' settable at creation only,
# a tuple of words, or a name handled in check().
PROPERTIES = {
    "type": (None, "ro"),
    "creation": (None, "ro"),
    "used": (None, "ro"),
    "available": (None, "ro"),
    "referenced": (None, "ro"),
    "compressratio": (None, "ro"),
    "mounted": (None, "ro"),
    "origin": (None, "ro"),
    "quota": (0, "size"),
    "reservation": (0, "size"),
    "recordsize": (131072, "recordsize"),
    "mountpoint": (None, "mountpoint"),
    "sharenfs": ("off", "text"),
    "checksum": ("on", "checksum"),
    "compression": ("off", "compression"),
    "atime": ("on", ONOFF),
    "devices": ("on", ONOFF),
    "exec": ("on", ONOFF),
    "setuid": ("on", ONOFF),
    "readonly": ("off", ONOFF),
    "jailed": ("off", ONOFF),
    "snapdir": ("hidden", ("hidden", "visible")),
    "aclmode": ("discard", ("discard", "groupmask", "passthrough", "restricted")),
    "aclinherit": ("restricted", ("discard", "noallow", "restricted", "passthrough", "passthrough-x")),
    "createtxg": (None, "ro"),
    "canmount": ("on", ("on", "off", "noauto")),
    "xattr": ("on", ("on", "off", "dir", "sa")),
    "copies": ("1", ("1", "2", "3")),
    "version": (None, "ro"),
    "utf8only": ("off", "fixed"),
    "normalization": ("none", "fixed"),
    "casesensitivity": ("sensitive", "fixed"),
    "vscan": ("off", ONOFF),
    "nbmand": ("off", ONOFF),
    "sharesmb": ("off", "text"),
    "refquota": (0, "size"),
    "refreservation": (0, "size"),
    "guid": (None, "ro"),
    "primarycache": ("all", ("all", "none", "metadata")),
    "secondarycache": ("all", ("all", "none", "metadata")),
    "usedbysnapshots": (None, "ro"),
    "usedbydataset": (None, "ro"),
    "usedbychildren": (None, "ro"),
    "usedbyrefreservation": (None, "ro"),
    "logbias": ("latency", ("latency", "throughput")),
    "objsetid": (None, "ro"),
    "dedup": (
        "off",
        (
            "on",
            "off",
            "verify",
            "sha256",
            "sha256,verify",
            "sha512",
            "sha512,verify",
            "skein",
            "skein,verify",
            "edonr,verify",
        ),
    ),
    "mlslabel": ("none", "text"),
    "sync": ("standard", ("standard", "always", "disabled")),
    "dnodesize": ("legacy", ("legacy", "auto", "1k", "2k", "4k", "8k", "16k")),
    "refcompressratio": (None, "ro"),
    "written": (None, "ro"),
    "logicalused": (None, "ro"),
    "logicalreferenced": (None, "ro"),
    "volmode": ("default", ("default", "full", "geom", "dev", "none")),
    "filesystem_limit": ("none", "count"),
    "snapshot_limit": ("none", "count"),
    "filesystem_count": ("none", "ro"),
    "snapshot_count": ("none", "ro"),
    "snapdev": ("hidden", ("hidden", "visible")),
    "acltype": ("nfsv4", ("off", "nfsv4", "posix")),
    "context": ("none", "text"),
    "fscontext": ("none", "text"),
    "defcontext": ("none", "text"),
    "rootcontext": ("none", "text"),
    "relatime": ("off", ONOFF),
    "redundant_metadata": ("all", ("all", "most")),
    "overlay": ("on", ONOFF),
    "encryption": ("off", "fixed"),
    "keylocation": ("none", "text"),
    "keyformat": ("none", "fixed"),
    "pbkdf2iters": ("0", "fixed"),
    "special_small_blocks": (0, "bytes"),
}

# What OpenZFS 2.4 has besides, and its other defaults.
PROPERTIES_OF_15 = {
    "xattr": ("sa", PROPERTIES["xattr"][1]),
    "relatime": ("on", ONOFF),
    "prefetch": ("all", ("none", "metadata", "all")),
    "direct": ("standard", ("disabled", "standard", "always")),
    "longname": ("off", ONOFF),
    **{
        f"default{whose}quota": (0, "bytes")
        for whose in ("user", "group", "project", "userobj", "groupobj", "projectobj")
    },
}

NEWER = release.kernel().major >= 15

if NEWER:
    PROPERTIES.update(PROPERTIES_OF_15)

# What a command ends with when a property cannot be set.
NOT_SET = 255 if NEWER else 1

ALIASES = {
    "avail": "available",
    "refer": "referenced",
    "compress": "compression",
    "ratio": "compressratio",
    "recsize": "recordsize",
    "rdonly": "readonly",
    "refreserv": "refreservation",
    "reserv": "reservation",
    "usedds": "usedbydataset",
    "usedsnap": "usedbysnapshots",
    "usedchild": "usedbychildren",
    "usedrefreserv": "usedbyrefreservation",
    "lused": "logicalused",
    "lrefer": "logicalreferenced",
    "normalization": "normalization",
}

SNAPSHOT_PROPERTIES = (
    "type",
    "creation",
    "used",
    "referenced",
    "compressratio",
    "devices",
    "exec",
    "setuid",
    "createtxg",
    "xattr",
    "version",
    "utf8only",
    "normalization",
    "casesensitivity",
    "nbmand",
    "guid",
    "primarycache",
    "secondarycache",
    "defer_destroy",
    "userrefs",
    "objsetid",
    "mlslabel",
    "refcompressratio",
    "written",
    "logicalreferenced",
    "acltype",
    "context",
    "fscontext",
    "defcontext",
    "rootcontext",
    "encryption",
)

NOT_INHERITED = {
    "quota",
    "reservation",
    "refquota",
    "refreservation",
    "canmount",
    "volmode",
    "filesystem_limit",
    "snapshot_limit",
}

CREATION_ONLY_DASH = {"version", "utf8only", "normalization", "casesensitivity"}


def human(number: int) -> str:
    """zfs_nicebytes(): at most five characters."""
    index, rest = 0, number
    while rest >= 1024 and index < 6:
        rest //= 1024
        index += 1
    if index == 0:
        return f"{number}B"
    if number % (1 << (10 * index)) == 0:
        return f"{rest}{UNITS[index]}"
    value = number / (1 << (10 * index))
    for digits in (2, 1, 0):
        text = f"{value:.{digits}f}{UNITS[index]}"
        if len(text) <= 5:
            return text
    return text


def to_bytes(text: str) -> int:
    """zfs_nicestrtonum(): '10G' -> bytes. ZfsError with zfs' words otherwise."""
    match = re.match(r"(\d+(\.\d+)?|\.\d+)(.*)\Z", text, re.S)
    if not match:
        raise ZfsError(f"bad numeric value '{text}'")
    suffix = match.group(3)
    index = UNITS.find(suffix[:1].upper()) if suffix else 0
    if index < 0 or (suffix and (suffix[1:].upper() not in ("", "B", "IB") or (index == 0 and len(suffix) > 1))):
        raise ZfsError(f"invalid numeric suffix '{suffix}'")
    return int(float(match.group(1)) * (1 << (10 * index))) if match.group(2) else int(match.group(1)) << (10 * index)


def is_user(name: str) -> bool:
    return ":" in name


def canonical(name: str) -> str:
    return ALIASES.get(name, name)


def check(name: str, value: str, creating: bool) -> tuple[str, object]:
    """The stored form of a property given on a command line. ZfsError with zfs' reason otherwise."""
    if is_user(name):
        if re.search(r"[^a-z0-9:_.+-]", name):
            raise ZfsError(f"invalid property '{name}'")
        return name, value
    name = canonical(name)
    if name not in PROPERTIES:
        raise ZfsError(f"invalid property '{name}'")
    kind = PROPERTIES[name][1]
    if kind == "ro" or (kind == "fixed" and not creating):
        raise ZfsError(f"'{name}' is readonly")
    if isinstance(kind, tuple):
        if value not in kind:
            raise ZfsError(f"'{name}' must be one of '{' | '.join(kind)}'")
    elif kind == "compression":
        if not re.match(
            r"(on|off|lzjb|gzip(-[1-9])?|zle|lz4|zstd(-([1-9]|1[0-9]))?|zstd-fast(-([1-9]|10|[2-9]0|100|500|1000))?)\Z",
            value,
        ):
            raise ZfsError(f"'compression' must be one of '{COMPRESSION}'")
    elif kind == "checksum":
        if value not in CHECKSUM.split(" | "):
            raise ZfsError(f"'checksum' must be one of '{CHECKSUM}'")
    elif kind == "mountpoint":
        if value not in ("none", "legacy") and not value.startswith("/"):
            raise ZfsError("'mountpoint' must be an absolute path, 'none', or 'legacy'")
        if value.startswith("/"):
            value = os.path.normpath(value)
    elif kind == "recordsize":
        number = to_bytes(value)
        if number < 512 or number > 1 << 20 or number & (number - 1):
            raise ZfsError("'recordsize' must be power of 2 from 512B to 1M")
        return name, number
    elif kind == "size":
        if value == "none":
            return name, 0
        number = to_bytes(value)
        if number == 0 and name in ("quota", "refquota"):
            raise ZfsError(f"use 'none' to disable {name}")
        return name, number
    elif kind == "bytes":
        return name, to_bytes(value)
    elif kind == "count" and value != "none":
        return name, str(to_bytes(value))
    return name, value


def show(name: str, value: object, exact: bool) -> str:
    """A value as list and get print it."""
    kind = PROPERTIES.get(name, (None, None))[1]
    if isinstance(value, int):
        if kind == "size" and value == 0:
            return "0" if exact else "none"
        if exact or name in ("createtxg", "guid", "objsetid", "userrefs", "version"):
            return str(value)
        if name == "special_small_blocks":
            return str(value)
        return human(value)
    return str(value)
