# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ZFS as FreeBSD 13.2's OpenZFS 2.1 shows it, on directories of the double's disk image.

A dataset's files lie in ``/.double/disk/zpool/<dataset>/=fs`` and are bind-mounted at its mountpoint, its snapshots are
copies in ``=snap/<name>`` ('=' cannot occur in a dataset's name, so children never collide). Everything else (properties,
origins, times) is JSON in ``/.double/disk/meta/zfs.json``. A dataset with a quota, of its own or above it, gets an ext4 image of
its own (``=img``) whose free space a filler file limits, so that writing beyond the quota fails with ENOSPC and the quota can
change while mounted.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import subprocess
import sys
import time

import jails
import mounts
import mounttable
import shared

DISK = "/.double/disk"
POOL_DATA = DISK + "/zpool"
META = DISK + "/meta/zfs.json"
TOOLS = "/.double/usr/bin/"
SYSTEM_TOOLS = "/.double/usr/sbin/"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.: -]*(/[A-Za-z0-9_.:-][A-Za-z0-9_.: -]*)*\Z")
SNAPSHOT_NAME = re.compile(r"[A-Za-z0-9_.: -]+\Z")
ONOFF = ("on", "off")
COMPRESSION = "on | off | lzjb | gzip | gzip-[1-9] | zle | lz4 | zstd | zstd-[1-19] | zstd-fast | zstd-fast-[1-10,20,30,40,50,60,70,80,90,100,500,1000]"
CHECKSUM = "on | off | fletcher2 | fletcher4 | sha256 | sha512 | skein | edonr"
EMPTY = 24576  # what a fresh dataset uses
UNITS = "BKMGTPE"


class ZfsError(Exception):
    """A message for stderr and the exit code."""

    def __init__(self, message: str, code: int = 1):
        super().__init__(message)
        self.code = code


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
        ("on", "off", "verify", "sha256", "sha256,verify", "sha512", "sha512,verify", "skein", "skein,verify", "edonr,verify"),
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
    "type", "creation", "used", "referenced", "compressratio", "devices", "exec", "setuid", "createtxg", "xattr", "version",
    "utf8only", "normalization", "casesensitivity", "nbmand", "guid", "primarycache", "secondarycache", "defer_destroy",
    "userrefs", "objsetid", "mlslabel", "refcompressratio", "written", "logicalreferenced", "acltype", "context", "fscontext",
    "defcontext", "rootcontext", "encryption",
)
NOT_INHERITED = {"quota", "reservation", "refquota", "refreservation", "canmount", "volmode", "filesystem_limit", "snapshot_limit"}
CREATION_ONLY_DASH = {"version", "utf8only", "normalization", "casesensitivity"}


# ---------------------------------------------------------------- state


def new_state(pool: str = "zroot") -> dict:
    """The state of a fresh pool with its root dataset only."""
    return {
        "pool": {"name": pool, "guid": _guid(), "created": int(time.time()), "altroot": None},
        "txg": 4,
        "objset": 53,
        "datasets": {pool: _entry(1, 54)},
    }


def _guid() -> int:
    return int.from_bytes(os.urandom(8), "big")


def _entry(txg: int, objset: int) -> dict:
    return {"created": int(time.time()), "guid": _guid(), "txg": txg, "objset": objset, "props": {}, "origin": None, "snaps": {}}


def load() -> dict:
    """The pool's metadata for reading."""
    state = shared.load(META, None)
    if state is None:
        with edit() as state:
            pass
    return state


def edit():
    """The pool's metadata for changing, under a lock; makes the pool on first use."""
    if not os.path.exists(META):
        os.makedirs(os.path.dirname(META), exist_ok=True)
        state = new_state()
        os.makedirs(files_of(state["pool"]["name"]), exist_ok=True)
        shared.store(META, state)
    return shared.editing(META, None)


def next_ids(state: dict) -> tuple[int, int]:
    state["txg"] += 1
    state["objset"] += 1
    return state["txg"], state["objset"]


def data_of(dataset: str) -> str:
    """The directory that holds a dataset's =fs, =snap, =img and its children."""
    return POOL_DATA + "/" + dataset


def files_of(dataset: str) -> str:
    """The dataset's files, mounted or not."""
    return data_of(dataset) + "/=fs"


def snapshot_files(dataset: str, snapshot: str) -> str:
    return data_of(dataset) + "/=snap/" + snapshot


def children(state: dict, dataset: str) -> list[str]:
    """Descendants, parents first, in zfs' order."""
    prefix = dataset + "/"
    return sorted((name for name in state["datasets"] if name.startswith(prefix)), key=lambda name: name.split("/"))


def in_order(state: dict) -> list[str]:
    return sorted(state["datasets"], key=lambda name: name.split("/"))


def clones_of(state: dict, snapshot: str) -> list[str]:
    return [name for name in in_order(state) if state["datasets"][name]["origin"] == snapshot]


def need(state: dict, dataset: str, verb: str = "open") -> dict:
    """The entry of an existing dataset or snapshot, or zfs' words that it is missing."""
    base, _separator, snapshot = dataset.partition("@")
    entry = state["datasets"].get(base)
    if entry is None or (snapshot and snapshot not in entry["snaps"]):
        raise ZfsError(f"cannot {verb} '{dataset}': dataset does not exist")
    return entry["snaps"][snapshot] if snapshot else entry


# ---------------------------------------------------------------- numbers


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
        if not re.match(r"(on|off|lzjb|gzip(-[1-9])?|zle|lz4|zstd(-([1-9]|1[0-9]))?|zstd-fast(-([1-9]|10|[2-9]0|100|500|1000))?)\Z", value):
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


# ---------------------------------------------------------------- values


def size_of(path: str) -> int:
    """Bytes on disk below a directory, staying on its file system."""
    total = 0
    seen = set()
    stack = [path]
    try:
        device = os.lstat(path).st_dev
    except FileNotFoundError:
        return 0
    while stack:
        try:
            with os.scandir(stack.pop()) as entries:
                for entry in entries:
                    info = entry.stat(follow_symlinks=False)
                    if info.st_dev != device:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        stack.append(entry.path)
                    elif info.st_nlink > 1:
                        if info.st_ino in seen:
                            continue
                        seen.add(info.st_ino)
                    total += info.st_blocks * 512 if not entry.is_dir(follow_symlinks=False) else 512
        except OSError:
            continue
    return total


class Facts:
    """Computed properties, each directory measured once per command."""

    def __init__(self, state: dict):
        self.state = state
        self._own: dict[str, int] = {}
        self._table: dict[str, str] | None = None

    def own(self, dataset: str) -> int:
        if dataset not in self._own:
            self._own[dataset] = EMPTY + size_of(files_of(dataset))
        return self._own[dataset]

    def snapshot(self, dataset: str, name: str) -> int:
        key = dataset + "@" + name
        if key not in self._own:
            self._own[key] = EMPTY + size_of(snapshot_files(dataset, name))
        return self._own[key]

    def by_snapshots(self, dataset: str) -> int:
        """A copy is no block-sharing snapshot: only what the live files no longer hold counts, roughly."""
        now = self.own(dataset)
        return sum(max(0, self.snapshot(dataset, name) - now) for name in self.state["datasets"][dataset]["snaps"])

    def used(self, dataset: str) -> int:
        own = self.own(dataset) + self.by_snapshots(dataset)
        return own + self.by_children(dataset)

    def by_children(self, dataset: str) -> int:
        return sum(self.own(child) + self.by_snapshots(child) for child in children(self.state, dataset))

    def available(self, dataset: str) -> int:
        info = os.statvfs(DISK)
        free = info.f_bavail * info.f_frsize
        name = dataset
        while True:
            for limit in ("quota",) + (("refquota",) if name == dataset else ()):
                quota = prop(self.state, name, limit)[0]
                if quota:
                    used = self.used(name) if limit == "quota" else self.own(name)
                    free = min(free, max(0, quota - used))
            if "/" not in name:
                return free
            name = name.rpartition("/")[0]

    def mounted_at(self, dataset: str) -> str | None:
        if self._table is None:
            self._table = {entry["device"]: entry["path"] for entry in mounttable.load() if entry["fstype"] == "zfs"}
        return self._table.get(dataset)

    def value(self, dataset: str, name: str, exact: bool) -> tuple[str, str]:
        """(value, source) of any property of a dataset or snapshot; source as 'zfs get' prints it."""
        base, _separator, snapshot = dataset.partition("@")
        entry = self.state["datasets"][base]
        if snapshot:
            return self._snapshot_value(base, snapshot, name, exact)
        if is_user(name):
            value, source = prop(self.state, dataset, name)
            return ("-", "-") if value is None else (str(value), source)
        if name not in PROPERTIES:
            return "-", "-"
        if PROPERTIES[name][1] != "ro" and name not in CREATION_ONLY_DASH:
            value, source = prop(self.state, dataset, name)
            if name == "mountpoint":
                value = mountpoint(self.state, dataset)
            return show(name, value, exact), source
        if name in ("utf8only", "normalization", "casesensitivity"):
            return str(prop(self.state, dataset, name)[0]), "-"
        if name in ("filesystem_count", "snapshot_count"):
            return "none", "default"
        if name == "mounted":
            return ("yes" if self.mounted_at(dataset) else "no"), "-"
        if name == "origin":
            return entry["origin"] or "-", "-"
        if name == "creation":
            return str(entry["created"]) if exact else stamp(entry["created"]), "-"
        if name in ("compressratio", "refcompressratio"):
            return "1.00" if exact else "1.00x", "-"
        number = {
            "used": lambda: self.used(dataset),
            "available": lambda: self.available(dataset),
            "referenced": lambda: self.own(dataset),
            "usedbysnapshots": lambda: self.by_snapshots(dataset),
            "usedbydataset": lambda: self.own(dataset),
            "usedbychildren": lambda: self.by_children(dataset),
            "usedbyrefreservation": lambda: 0,
            "written": lambda: self.own(dataset),
            "logicalused": lambda: self.used(dataset) - EMPTY // 2,
            "logicalreferenced": lambda: self.own(dataset) - EMPTY // 2,
            "createtxg": lambda: entry["txg"],
            "guid": lambda: entry["guid"],
            "objsetid": lambda: entry["objset"],
            "version": lambda: 5,
            "type": lambda: "filesystem",
        }[name]()
        return show(name, number, exact), "-"

    def _snapshot_value(self, base: str, snapshot: str, name: str, exact: bool) -> tuple[str, str]:
        entry = self.state["datasets"][base]["snaps"][snapshot]
        if is_user(name):
            if name in entry["props"]:
                return entry["props"][name][0], "local"
            value, source = prop(self.state, base, name)
            if value is None:
                return "-", "-"
            return str(value), source if source.startswith("inherited") else f"inherited from {base}"
        if name not in SNAPSHOT_PROPERTIES and name not in ("written",):
            return "-", "-"
        if name == "creation":
            return str(entry["created"]) if exact else stamp(entry["created"]), "-"
        values = {
            "type": "snapshot", "used": 0, "referenced": None, "createtxg": entry["txg"], "guid": entry["guid"],
            "objsetid": entry["objset"], "compressratio": "1.00" if exact else "1.00x",
            "refcompressratio": "1.00" if exact else "1.00x", "defer_destroy": "off", "userrefs": 0, "version": 5,
            "written": 0, "logicalreferenced": None,
        }
        if name in values:
            value = values[name]
            if value is None:
                value = self.snapshot(base, snapshot)
            elif name == "used":
                value = max(0, self.snapshot(base, snapshot) - self.own(base))
            return show(name, value, exact), "-"
        value, source = prop(self.state, base, name)
        return show(name, value, exact), "-" if PROPERTIES[name][1] == "fixed" else source


def stamp(seconds: int) -> str:
    moment = time.localtime(seconds)
    return f"{time.strftime('%a %b', moment)} {moment.tm_mday:2d} {moment.tm_hour:2d}:{moment.tm_min:02d} {moment.tm_year}"


def prop(state: dict, dataset: str, name: str) -> tuple[object, str]:
    """(stored value, source) of a settable or user property, with inheritance; (None, '-') for an unset user property."""
    entry = state["datasets"][dataset]
    if name in entry["props"]:
        value, source = entry["props"][name]
        return value, source
    default = PROPERTIES.get(name, (None, None))[0]
    if name in NOT_INHERITED or PROPERTIES.get(name, ("", ""))[1] == "fixed":
        return default, "default"
    parent = dataset
    while "/" in parent:
        parent = parent.rpartition("/")[0]
        props = state["datasets"][parent]["props"]
        if name in props:
            return props[name][0], f"inherited from {parent}"
    return default, "-" if default is None and is_user(name) else "default"


def mountpoint(state: dict, dataset: str) -> str:
    """Where a dataset belongs: a path, 'none' or 'legacy'."""
    name, rest = dataset, ""
    while True:
        props = state["datasets"][name]["props"]
        if "mountpoint" in props:
            base = props["mountpoint"][0]
            return base if base in ("none", "legacy") else (base.rstrip("/") + rest or "/")
        if "/" not in name:
            return "/" + name + rest
        name, _separator, last = name.rpartition("/")
        rest = "/" + last + rest


# ---------------------------------------------------------------- mounting


def _options(state: dict, dataset: str) -> tuple[str, int]:
    words, flags = ["rw"], 0
    if prop(state, dataset, "readonly")[0] == "on":
        words[0] = "ro"
        flags |= mounts.MS_RDONLY
    for name, word, flag in (("exec", "noexec", mounts.MS_NOEXEC), ("setuid", "nosuid", mounts.MS_NOSUID)):
        if prop(state, dataset, name)[0] == "off":
            words.append(word)
            flags |= flag
    if prop(state, dataset, "atime")[0] == "off":
        words.append("noatime")
        flags |= 1024
    words.append("nfsv4acls")
    return ",".join(words), flags


def attach(source: str, target: str, flags: int = 0) -> None:
    """Bind a directory in a peer group of its own: mounts below one side never show up below the other, but do in pots."""
    if flags:
        # A running pot gets a mount as it is in this moment, and nothing of what is done to its flags later.
        stage = f"{shared.RUN}/stage.{os.getpid()}.{time.monotonic_ns()}"
        os.mkdir(stage)
        mounts.mount(source, stage, None, mounts.MS_BIND)
        try:
            mounts.mount("none", stage, None, mounts.MS_PRIVATE)
            mounts.mount("none", stage, None, mounts.MS_BIND | mounts.MS_REMOUNT | flags)
            mounts.mount(stage, target, None, mounts.MS_BIND)
        finally:
            mounts.umount(stage, mounts.MNT_DETACH)
            os.rmdir(stage)
    else:
        mounts.mount(source, target, None, mounts.MS_BIND)
    mounts.mount("none", target, None, mounts.MS_PRIVATE)
    mounts.mount("none", target, None, 1 << 20)  # MS_SHARED: pots' namespaces are slaves of the host's


def mount(state: dict, dataset: str) -> None:
    """Mount a dataset at its mountpoint. OSError if that fails."""
    target = mountpoint(state, dataset)
    _image_up(state, dataset)
    os.makedirs(target, exist_ok=True)
    options, flags = _options(state, dataset)
    real = os.path.realpath(target)
    attach(files_of(dataset), real, flags)
    mounttable.add(dataset, real, "zfs", options)


def mountable(state: dict, dataset: str) -> bool:
    return mountpoint(state, dataset) not in ("none", "legacy") and prop(state, dataset, "canmount")[0] == "on"


def unmount(dataset: str, force: bool = False) -> bool:
    """Unmount a dataset if it is mounted. ZfsError when busy."""
    entry = next((entry for entry in reversed(mounttable.load()) if entry["fstype"] == "zfs" and entry["device"] == dataset), None)
    if entry is None:
        return False
    path = entry["path"]
    above = [other for other in mounttable.below(path) if other["path"] != path]
    users = [
        other for other in mounttable.load() if other["fstype"] == "nullfs" and (other["device"] + "/").startswith(path.rstrip("/") + "/")
    ]
    if not force and (above or users):
        raise ZfsError(f"cannot unmount '{path}': pool or dataset is busy")
    if force:
        for other in reversed(above):
            detach(other["path"])
    try:
        mounts.umount(path, mounts.MNT_DETACH if force else 0)
    except OSError as error:
        if error.errno == 16:
            raise ZfsError(f"cannot unmount '{path}': pool or dataset is busy") from None
        if error.errno != 22:
            raise
    mounttable.remove(path)
    return True


def detach(path: str) -> None:
    """Forced unmount of whatever is uppermost at a path."""
    try:
        mounts.umount(path, mounts.MNT_DETACH)
    except OSError:
        pass
    mounttable.remove(path)


def mountable_now(state: dict, dataset: str) -> bool:
    return mountpoint(state, dataset) not in ("none", "legacy") and prop(state, dataset, "canmount")[0] != "off"


def mount_all(state: dict) -> None:
    """What the rc script zfs does at boot."""
    facts = Facts(state)
    for dataset in sorted(state["datasets"], key=lambda name: mountpoint(state, name)):
        if mountable(state, dataset) and not facts.mounted_at(dataset):
            mount(state, dataset)


# ---------------------------------------------------------------- quota


def _run(*argv: str, **options) -> None:
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)


def limit_of(state: dict, dataset: str) -> int:
    """How much the files of a dataset may take now, in bytes: its quotas and those of the datasets above it. 0: no limit."""
    limits = [value] if (value := prop(state, dataset, "refquota")[0]) else []
    facts = Facts(state)
    name = dataset
    while name:
        if value := prop(state, name, "quota")[0]:
            limits.append(max(1, value - facts.used(name) + facts.own(dataset)))
        name = parent_of(name)
    return min(limits) if limits else 0


def apply_quotas(state: dict, dataset: str) -> None:
    """Make writes beyond a quota fail, in the dataset and in all that share a quota with it."""
    top = name = dataset
    while name:
        if prop(state, name, "quota")[0]:
            top = name
        name = parent_of(name)
    for each in [top, *children(state, top)]:
        apply_quota(state, each)


@contextlib.contextmanager
def _loop_devices():
    """FreeBSD's /dev has no loop devices: they exist there only while an image is being mounted."""
    nodes = {"/dev/loop-control": (stat.S_IFCHR, 10, 237), **{f"/dev/loop{minor}": (stat.S_IFBLK, 7, minor) for minor in range(64)}}
    for path, (kind, major, minor) in nodes.items():
        if not os.path.exists(path):
            os.mknod(path, kind | 0o600, os.makedev(major, minor))
    try:
        yield
    finally:
        for path in nodes:
            _forget(path)


def _volume_up(dataset: str) -> None:
    image, inside = data_of(dataset) + "/=img", data_of(dataset) + "/=vol"
    if not mounts.is_mounted(inside):
        with _loop_devices():
            _run(TOOLS + "mount", "-i", "-o", "loop", image, inside)
        mounts.mount("none", inside, None, mounts.MS_PRIVATE)


def _image_up(state: dict, dataset: str) -> None:
    """Mount the dataset's own image, if it has one and it is not mounted yet."""
    if not os.path.exists(data_of(dataset) + "/=img"):
        return
    _volume_up(dataset)
    files = files_of(dataset)
    if not mounts.is_mounted(files):
        mounts.mount(data_of(dataset) + "/=vol/fs", files, None, mounts.MS_BIND)
        mounts.mount("none", files, None, mounts.MS_PRIVATE)


def _forget(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def apply_quota(state: dict, dataset: str) -> None:
    """Make writes to one dataset fail beyond its limit. Moves it into an image of its own when it has none yet."""
    limit = limit_of(state, dataset)
    base = data_of(dataset)
    image, inside, files = base + "/=img", base + "/=vol", files_of(dataset)
    if not os.path.exists(image):
        if not limit:
            return
        where = Facts(state).mounted_at(dataset)
        if where and any((jail["path"] + "/").startswith(where + "/") for jail in jails.load().values()):
            # the ground a running jail stands on cannot be exchanged
            return
        info = os.statvfs(DISK)
        with open(image, "wb") as stream:
            stream.truncate(max(info.f_blocks * info.f_frsize, limit + (64 << 20)))
        _run(SYSTEM_TOOLS + "mkfs.ext4", "-q", "-F", "-m", "0", "-i", "65536", "-O", "^has_journal", "-E", "lazy_itable_init=1", image)
        os.makedirs(inside, exist_ok=True)
        old = base + "/=old"
        os.rename(files, old)
        os.mkdir(files)
        _volume_up(dataset)
        _run(TOOLS + "cp", "-a", old, inside + "/fs")
        shutil.rmtree(old)
        _image_up(state, dataset)
        if where:
            again = [
                entry for entry in mounttable.load() if entry["fstype"] == "nullfs" and (entry["device"] + "/").startswith(where + "/")
            ]
            mounts.umount(where, mounts.MNT_DETACH)
            attach(files, where, _options(state, dataset)[1])
            for entry in again:
                mounts.umount(entry["path"], mounts.MNT_DETACH)
                attach(entry["device"], entry["path"], mounts.MS_RDONLY if entry["options"].startswith("ro") else 0)
    elif not mounts.is_mounted(inside):
        _image_up(state, dataset)
    filler = inside + "/filler"
    _forget(filler)
    if not limit:
        return
    info = os.statvfs(inside)
    free = info.f_bavail * info.f_frsize
    room = limit - (EMPTY + size_of(files))
    if free > room:
        _run(TOOLS + "fallocate", "-l", str(max(4096, free - max(room, 0))), filler)


def image_down(dataset: str) -> None:
    """Unmount the dataset's own image, if any."""
    for path in (files_of(dataset), data_of(dataset) + "/=vol"):
        try:
            if os.path.isdir(path) and mounts.is_mounted(path):
                mounts.umount(path, mounts.MNT_DETACH)
        except OSError:
            pass


# ---------------------------------------------------------------- operations


def parent_of(dataset: str) -> str:
    return dataset.rpartition("/")[0]


def check_name(state: dict, dataset: str, verb: str) -> None:
    """Refuse names zfs refuses, and other pools."""
    pool = dataset.split("/")[0].split("@")[0]
    if dataset.endswith("/"):
        raise ZfsError(f"cannot {verb} '{dataset}': trailing slash in name")
    if dataset.startswith("/"):
        raise ZfsError(f"cannot {verb} '{dataset}': leading slash in name")
    if "//" in dataset:
        raise ZfsError(f"cannot {verb} '{dataset}': empty component in name")
    if len(dataset) > 255:
        raise ZfsError(f"cannot {verb} '{dataset}': name is too long")
    bad = re.search(r"[^A-Za-z0-9_.: /@-]", dataset)
    if bad:
        raise ZfsError(f"cannot {verb} '{dataset}': invalid character '{bad.group()}' in name")
    if pool != state["pool"]["name"]:
        raise ZfsError(f"cannot {verb} '{dataset}': no such pool '{pool}'")


def create(dataset: str, options: dict[str, str], parents: bool = False, mounting: bool = True, origin: str | None = None) -> None:
    """zfs create / zfs clone. options: property: value as given. With parents an existing target is success and options are ignored."""
    verb = f"cannot create '{dataset}'"
    with edit() as state:
        check_name(state, dataset, "create")
        parsed = {}
        for name, value in options.items():
            try:
                key, stored = check(name, value, True)
            except ZfsError as error:
                raise ZfsError(f"{verb}: {error}") from None
            parsed[key] = [stored, "local"]
        if dataset in state["datasets"]:
            if parents:
                return
            raise ZfsError(f"{verb}: dataset already exists")
        if "@" in dataset:
            raise ZfsError(f"{verb}: snapshot delimiter '@' is not expected here")
        missing = []
        name = parent_of(dataset)
        while name and name not in state["datasets"]:
            missing.insert(0, name)
            name = parent_of(name)
        if missing and not parents:
            raise ZfsError(f"{verb}: parent does not exist")
        for limit in ("quota", "refquota"):
            if limit in parsed and parsed[limit][0] < EMPTY:
                raise ZfsError(f"{verb}: size is less than current used or reserved space")
        for name in missing + [dataset]:
            os.makedirs(data_of(name), exist_ok=True)
            last = name == dataset
            if last and origin:
                base, _separator, snapshot = origin.partition("@")
                _copy(snapshot_files(base, snapshot), files_of(name))
            else:
                os.makedirs(files_of(name), exist_ok=True)
            state["datasets"][name] = _entry(*next_ids(state))
            if last:
                state["datasets"][name]["props"] = parsed
                state["datasets"][name]["origin"] = origin
            if limit_of(state, name):
                apply_quotas(state, name)
            if mounting and mountable(state, name):
                try:
                    mount(state, name)
                except OSError as error:
                    print(
                        f"cannot mount '{mountpoint(state, name)}': {error.strerror}\nfilesystem successfully created, but not mounted",
                        file=sys.stderr,
                    )


def _copy(source: str, target: str) -> None:
    _run(TOOLS + "cp", "-a", "--reflink=auto", source, target)


def snapshot(names: list[str], recursive: bool, options: dict[str, str]) -> None:
    """zfs snapshot: all or nothing."""
    with edit() as state:
        todo = []
        for name in names:
            dataset, _separator, tag = name.partition("@")
            if not tag or not SNAPSHOT_NAME.match(tag):
                raise ZfsError(
                    f"cannot create snapshot '{name}': invalid character in name"
                    if tag
                    else f"cannot create snapshot '{name}': missing '@' delimiter in snapshot name"
                )
            if dataset not in state["datasets"]:
                raise ZfsError(
                    f"cannot open '{dataset}': dataset does not exist"
                    if not recursive
                    else f"cannot open '{dataset}': dataset does not exist"
                )
            for each in [dataset] + (children(state, dataset) if recursive else []):
                if tag in state["datasets"][each]["snaps"]:
                    raise ZfsError(
                        f"cannot create snapshot '{each}@{tag}': dataset already exists"
                        + ("\nno snapshots were created" if recursive else "")
                    )
                todo.append((each, tag))
        props = {}
        for key, value in options.items():
            if not is_user(key):
                raise ZfsError(f"cannot create snapshot '{names[0]}': property '{key}' cannot be modified")
            props[key] = [value, "local"]
        for dataset, tag in todo:
            os.makedirs(data_of(dataset) + "/=snap", exist_ok=True)
            _copy(files_of(dataset), snapshot_files(dataset, tag))
            txg, objset = next_ids(state)
            state["datasets"][dataset]["snaps"][tag] = {
                "created": int(time.time()),
                "guid": _guid(),
                "txg": txg,
                "objset": objset,
                "props": dict(props),
            }


def empty(path: str) -> None:
    """Remove what is in a directory, leaving directories in place on which something is mounted."""
    with os.scandir(path) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                try:
                    empty(entry.path)
                    os.rmdir(entry.path)
                except OSError:
                    pass
            else:
                os.unlink(entry.path)


def rollback(name: str, newer: bool, clones: bool, force: bool) -> None:
    """zfs rollback."""
    dataset, _separator, tag = name.partition("@")
    with edit() as state:
        if not tag:
            raise ZfsError(
                f"cannot open '{name}': dataset does not exist"
                if dataset not in state["datasets"]
                else f"cannot open '{name}': operation not applicable to datasets of this type"
            )
        need(state, dataset)
        need(state, name)
        tags = list(state["datasets"][dataset]["snaps"])
        later = tags[tags.index(tag) + 1 :]
        if later and not (newer or clones):
            listing = "".join(f"\n{dataset}@{other}" for other in later)
            raise ZfsError(
                f"cannot rollback to '{name}': more recent snapshots or bookmarks exist\n"
                f"use '-r' to force deletion of the following snapshots and bookmarks:{listing}"
            )
        dependents = [clone for other in later for clone in clones_of(state, f"{dataset}@{other}")]
        if dependents and not clones:
            raise ZfsError(
                f"cannot rollback to '{name}': clones of previous snapshots exist\nuse '-R' to force deletion of the following clones and dependents:\n"
                + "\n".join(dependents)
            )
        for clone in dependents:
            _remove(state, clone, True)
        for other in later:
            shutil.rmtree(snapshot_files(dataset, other), ignore_errors=True)
            del state["datasets"][dataset]["snaps"][other]
        files = files_of(dataset)
        empty(files)
        _run(TOOLS + "cp", "-a", snapshot_files(dataset, tag) + "/.", files)


def _remove(state: dict, dataset: str, force: bool) -> None:
    unmount(dataset, force)
    where = mountpoint(state, dataset)
    image_down(dataset)
    shutil.rmtree(data_of(dataset), ignore_errors=True)
    del state["datasets"][dataset]
    if where.startswith("/") and where != "/":
        try:
            os.rmdir(where)
        except OSError:
            pass


def destroy(name: str, recursive: bool, dependents: bool, force: bool) -> None:
    """zfs destroy of a dataset or of snapshots (tag lists 'a,b' are understood, ranges 'a%b' too)."""
    dataset, _separator, tags = name.partition("@")
    with edit() as state:
        if tags:
            _destroy_snapshots(state, name, dataset, tags, recursive, dependents)
            return
        entry = need(state, dataset)
        if "/" not in dataset and not (recursive or dependents):
            pass
        below = children(state, dataset)
        own = [f"{each}@{tag}" for each in [dataset] + below for tag in state["datasets"][each]["snaps"]]
        group = {dataset, *below}
        clones = [clone for snap in own for clone in clones_of(state, snap) if clone not in group]
        listing = [f"{dataset}@{tag}" for tag in entry["snaps"]]
        for each in below:
            listing += [each] + [f"{each}@{tag}" for tag in state["datasets"][each]["snaps"]]
        if listing and not (recursive or dependents):
            if clones:
                raise ZfsError(
                    f"cannot destroy '{dataset}': filesystem has dependent clones\nuse '-R' to destroy the following datasets:\n"
                    + "\n".join(clones + listing)
                )
            raise ZfsError(
                f"cannot destroy '{dataset}': filesystem has children\nuse '-r' to destroy the following datasets:\n" + "\n".join(listing)
            )
        if clones and not dependents:
            raise ZfsError(
                f"cannot destroy '{dataset}': filesystem has dependent clones\nuse '-R' to destroy the following datasets:\n"
                + "\n".join(clones)
            )
        everything = []
        for clone in clones:
            everything += [clone] + children(state, clone)
        if "/" not in dataset:
            raise ZfsError(
                f"cannot destroy '{dataset}': operation does not apply to pools\n"
                f"use 'zfs destroy -r {dataset}' to destroy all datasets in the pool\n"
                f"use 'zpool destroy {dataset}' to destroy the pool itself"
            )
        ordered = [each for each in everything if each in state["datasets"]] + [dataset] + below
        ordered = list(reversed(list(dict.fromkeys(ordered))))
        for each in ordered:
            unmount(each, force)
        for each in ordered:
            _remove(state, each, force)


def _destroy_snapshots(state: dict, name: str, dataset: str, tags: str, recursive: bool, dependents: bool) -> None:
    need(state, dataset)
    found = []
    for each in [dataset] + (children(state, dataset) if recursive else []):
        known = list(state["datasets"][each]["snaps"])
        for item in tags.split(","):
            first, percent, last = item.partition("%")
            if percent:
                start = known.index(first) if first in known else 0
                end = known.index(last) if last in known else len(known) - 1
                found += [(each, tag) for tag in known[start : end + 1]]
            elif item in known:
                found.append((each, item))
    if not found:
        raise ZfsError("could not find any snapshots to destroy; check snapshot names.")
    for each, tag in found:
        clones = clones_of(state, f"{each}@{tag}")
        if clones and not dependents:
            raise ZfsError(
                f"cannot destroy '{each}@{tag}': snapshot has dependent clones\nuse '-R' to destroy the following datasets:\n"
                + "\n".join(clones)
            )
        for clone in clones:
            for child in reversed([clone] + children(state, clone)):
                _remove(state, child, True)
    for each, tag in found:
        shutil.rmtree(snapshot_files(each, tag), ignore_errors=True)
        del state["datasets"][each]["snaps"][tag]


def set_properties(dataset: str, pairs: dict[str, str], remounting: bool = True) -> None:
    """zfs set."""
    with edit() as state:
        base = dataset.partition("@")[0]
        entry = need(state, dataset)
        parsed = {}
        for name, value in pairs.items():
            try:
                key, stored = check(name, value, False)
            except ZfsError as error:
                raise ZfsError(f"cannot set property for '{dataset}': {error}") from None
            if "@" in dataset and not is_user(key):
                raise ZfsError(f"cannot set property for '{dataset}': this property can not be modified for snapshots")
            parsed[key] = stored
        if base != dataset:
            for key, stored in parsed.items():
                entry["props"][key] = [stored, "local"]
            return
        facts = Facts(state)
        for limit in ("quota", "refquota"):
            if parsed.get(limit):
                used = facts.used(dataset) if limit == "quota" else facts.own(dataset)
                if parsed[limit] < used:
                    raise ZfsError(f"cannot set property for '{dataset}': size is less than current used or reserved space")
        for limit in ("reservation", "refreservation"):
            if parsed.get(limit, 0) > facts.available(dataset):
                raise ZfsError(f"cannot set property for '{dataset}': size is greater than available space")
        _change(
            state,
            dataset,
            remounting,
            lambda: entry["props"].update({key: [stored, "local"] for key, stored in parsed.items()}),
            set(parsed),
        )


def inherit(dataset: str, name: str, recursive: bool) -> None:
    """zfs inherit [-r]."""
    with edit() as state:
        entry = need(state, dataset)
        if not is_user(name):
            name = canonical(name)
            if name not in PROPERTIES:
                raise ZfsError(f"invalid property '{name}'", 2)
            if PROPERTIES[name][1] in ("ro", "fixed"):
                raise ZfsError(f"'{name}' property cannot be inherited", 1)
            if name in NOT_INHERITED and name not in ("canmount", "volmode"):
                raise ZfsError(
                    (
                        f"'{name}' property cannot be inherited\nuse 'zfs set {name}=none' to clear it"
                        if "quota" in name or "reserv" in name
                        else f"'{name}' property cannot be inherited"
                    ),
                    1,
                )

        def change() -> None:
            for each in [dataset] + (children(state, dataset) if recursive else []):
                state["datasets"][each]["props"].pop(name, None)

        if "@" in dataset:
            entry["props"].pop(name, None)
        else:
            _change(state, dataset, True, change, {name})


def _change(state: dict, dataset: str, remounting: bool, change, names: set[str]) -> None:
    """Apply a property change; what depends on it (mounts, quota) follows."""
    affected = [dataset] + children(state, dataset)
    facts = Facts(state)
    moving = names & {"mountpoint", "canmount"} and remounting
    before = [name for name in affected if facts.mounted_at(name)]
    old = {name: mountpoint(state, name) for name in affected}
    could = {name: mountable_now(state, name) for name in affected}
    change()
    if moving:
        moved = [name for name in affected if mountpoint(state, name) != old[name] or not mountable_now(state, name)]
        mounted = [name for name in before if name in moved]
        for name in reversed(mounted):
            unmount(name)
            if old[name].startswith("/"):
                try:
                    os.rmdir(old[name])
                except OSError:
                    pass
        for name in affected:
            # zfs mounts a dataset whose mountpoint has just become a path, and one set to canmount=on
            became = name not in before and mountable(state, name) and (not could[name] or (name == dataset and "mountpoint" in names))
            if (name in mounted and mountable_now(state, name)) or became:
                mount(state, name)
    if names & {"readonly", "atime", "exec", "setuid"}:
        for name in before:
            path = facts.mounted_at(name)
            options, flags = _options(state, name)
            mounts.mount("none", path, None, mounts.MS_BIND | mounts.MS_REMOUNT | flags)
            with shared.editing(mounttable.TABLE, []) as table:
                for entry in table:
                    if entry["device"] == name and entry["fstype"] == "zfs":
                        entry["options"] = options
    if names & {"quota", "refquota"}:
        apply_quotas(state, dataset)


def rename(old: str, new: str, parents: bool, mounting: bool, force: bool, recursive: bool) -> None:
    """zfs rename of a dataset with its children, or of a snapshot."""
    with edit() as state:
        if "@" in old:
            dataset, _separator, tag = old.partition("@")
            need(state, old)
            other, _separator, name = new.rpartition("@")
            if other and other != dataset:
                raise ZfsError(f"cannot rename to '{new}': snapshots must be part of same dataset")
            for each in [dataset] + (children(state, dataset) if recursive else []):
                snaps = state["datasets"][each]["snaps"]
                if tag not in snaps:
                    continue
                if name in snaps:
                    raise ZfsError(f"cannot rename '{old}': dataset already exists")
                os.rename(snapshot_files(each, tag), snapshot_files(each, name))
                state["datasets"][each]["snaps"] = {name if key == tag else key: value for key, value in snaps.items()}
                for entry in state["datasets"].values():
                    if entry["origin"] == f"{each}@{tag}":
                        entry["origin"] = f"{each}@{name}"
            return
        need(state, old)
        check_name(state, new, "create")
        if new in state["datasets"]:
            raise ZfsError(f"cannot rename '{old}': dataset already exists")
        if new.startswith(old + "/"):
            raise ZfsError(f"cannot rename '{old}': New dataset name cannot be a descendant of current dataset name")
        missing = []
        name = parent_of(new)
        while name and name not in state["datasets"]:
            missing.insert(0, name)
            name = parent_of(name)
        if missing and not parents:
            raise ZfsError(f"cannot rename '{old}': parent does not exist")
        for name in missing:
            os.makedirs(files_of(name), exist_ok=True)
            state["datasets"][name] = _entry(*next_ids(state))
            if mountable(state, name):
                mount(state, name)
        affected = [old] + children(state, old)
        facts = Facts(state)
        mounted = [name for name in affected if facts.mounted_at(name)]
        was = {name: mountpoint(state, name) for name in affected}
        names = {name: new + name[len(old) :] for name in affected}
        for name in reversed(mounted):
            unmount(name, force)
            try:
                os.rmdir(was[name])
            except OSError:
                pass
        for name in affected:
            image_down(name)
        os.rename(data_of(old), data_of(new))
        state["datasets"] = {names.get(name, name): entry for name, entry in state["datasets"].items()}
        for entry in state["datasets"].values():
            if entry["origin"]:
                dataset, _separator, tag = entry["origin"].partition("@")
                entry["origin"] = f"{names.get(dataset, dataset)}@{tag}"
        for name in mounted:
            if mounting and mountable_now(state, names[name]):
                mount(state, names[name])


def promote(dataset: str) -> None:
    """zfs promote: the clone takes over the origin's snapshots up to the one it was cloned from."""
    with edit() as state:
        entry = need(state, dataset)
        if not entry["origin"]:
            raise ZfsError(f"cannot promote '{dataset}': not a cloned filesystem")
        source, _separator, tag = entry["origin"].partition("@")
        parent = state["datasets"][source]
        tags = list(parent["snaps"])
        moving = tags[: tags.index(tag) + 1]
        for name in moving:
            if name in entry["snaps"]:
                raise ZfsError(f"cannot promote '{dataset}': snapshot name '{name}' from origin \n conflicts with '{name}' from target")
        os.makedirs(data_of(dataset) + "/=snap", exist_ok=True)
        taken = {}
        for name in moving:
            os.rename(snapshot_files(source, name), snapshot_files(dataset, name))
            taken[name] = parent["snaps"].pop(name)
            for other in state["datasets"].values():
                if other["origin"] == f"{source}@{name}":
                    other["origin"] = f"{dataset}@{name}"
        entry["snaps"] = {**taken, **entry["snaps"]}
        entry["origin"], parent["origin"] = parent["origin"], f"{dataset}@{tag}"


# ---------------------------------------------------------------- streams

MAGIC = b"potluck-zfs-stream\n"


def send(name: str, replicate: bool, properties: bool, since: str | None, out) -> None:
    """Write a snapshot (with replicate: of all descendants too, all their snapshots) as a stream of this double's own form."""
    import json

    state = load()
    dataset, _separator, tag = name.partition("@")
    need(state, name)
    if not tag:
        raise ZfsError("Error: Unsupported flag with filesystem or bookmark.")
    out.write(MAGIC)
    for each in [dataset] + (children(state, dataset) if replicate else []):
        entry = state["datasets"][each]
        tags = list(entry["snaps"])
        if tag not in tags:
            continue
        chosen = tags[: tags.index(tag) + 1] if replicate else [tag]
        if since:
            base = since.rpartition("@")[2]
            if base not in tags:
                raise ZfsError(f"cannot send '{name}': incremental source ({since}) does not exist")
            chosen = [item for item in tags[: tags.index(tag) + 1] if tags.index(item) > tags.index(base)]
            chosen = chosen if replicate else [tag]
        for item in chosen:
            head = {
                "name": each[len(dataset) :], "from": each, "tag": item, "created": entry["snaps"][item]["created"],
                "guid": entry["snaps"][item]["guid"], "incremental": bool(since),
                "props": {key: value[0] for key, value in entry["props"].items()} if replicate or properties else {},
                "snap_props": {key: value[0] for key, value in entry["snaps"][item]["props"].items()},
            }
            line = json.dumps(head).encode() + b"\n"
            out.write(b"H%d\n" % len(line) + line)
            with subprocess.Popen(
                [TOOLS + "tar", "--numeric-owner", "--sparse", "--acls", "--xattrs", "-cf", "-", "-C", snapshot_files(each, item), "."],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            ) as tar:
                while chunk := tar.stdout.read(1 << 20):
                    out.write(b"D%d\n" % len(chunk) + chunk)
            out.write(b"D0\n")
    out.write(b"E0\n")
    out.flush()


def receive(target: str, stream, force: bool, mounting: bool, keep_path: str | None, options: dict[str, str], excluded: list[str]) -> None:
    """Read a stream into a new dataset (or, forced, over an existing one). keep_path: None, 'd' or 'e' as the options -d and -e."""
    import json

    if os.path.exists("/.double/run/faults/zfs-receive"):
        while stream.read(1 << 20):
            pass
        raise ZfsError("cannot receive new filesystem stream: checksum mismatch or incomplete stream")
    if stream.readline(len(MAGIC)) != MAGIC:
        raise ZfsError("cannot receive: invalid stream (bad magic number)")
    wanted, _separator, wanted_tag = target.partition("@")
    received: list[str] = []
    while True:
        mark = stream.readline()
        if not mark or mark[:1] == b"E":
            break
        head = json.loads(stream.read(int(mark[1:])))
        base = wanted
        if keep_path == "d":
            base = wanted + "/" + head["from"].partition("/")[2]
        elif keep_path == "e":
            base = wanted + "/" + (head["from"].rpartition("/")[2] if not head["name"] else "")
        name = base if keep_path == "d" else base.rstrip("/") + head["name"]
        tag = wanted_tag or head["tag"]
        with edit() as state:
            check_name(state, name, "receive")
            entry = state["datasets"].get(name)
            if entry and not head["incremental"] and name not in received:
                if not force:
                    _drain(stream)
                    raise ZfsError(f"cannot receive new filesystem stream: destination '{name}' exists\nmust specify -F to overwrite it")
                if entry["snaps"]:
                    _drain(stream)
                    raise ZfsError(
                        f"cannot receive new filesystem stream: destination has snapshots (eg. {name}@{next(iter(entry['snaps']))})\n"
                        "must destroy them to overwrite it"
                    )
            if not entry:
                if parent_of(name) not in state["datasets"]:
                    if keep_path != "d":
                        _drain(stream)
                        raise ZfsError(
                            f"cannot receive new filesystem stream: destination '{name}' does not exist"
                            if not parent_of(name)
                            else f"cannot open '{parent_of(name)}': dataset does not exist"
                        )
                    missing = []
                    up = parent_of(name)
                    while up not in state["datasets"]:
                        missing.insert(0, up)
                        up = parent_of(up)
                    for up in missing:
                        os.makedirs(files_of(up), exist_ok=True)
                        state["datasets"][up] = _entry(*next_ids(state))
                os.makedirs(files_of(name), exist_ok=True)
                entry = state["datasets"][name] = _entry(*next_ids(state))
                entry["props"] = {
                    key: [value, "received"]
                    for key, value in head["props"].items()
                    if key not in excluded and key not in ("quota", "refquota")
                }
                for key, value in options.items():
                    stored = check(key, value, True)
                    entry["props"][stored[0]] = [stored[1], "local"]
            else:
                empty(files_of(name))
            received.append(name)
            with subprocess.Popen(
                [TOOLS + "tar", "--numeric-owner", "--same-owner", "-p", "--acls", "--xattrs", "-xf", "-", "-C", files_of(name)],
                stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
            ) as tar:
                complete = False
                while mark := stream.readline():
                    size = int(mark[1:])
                    if not size:
                        complete = True
                        break
                    tar.stdin.write(stream.read(size))
            if not complete:
                raise ZfsError("cannot receive new filesystem stream: incomplete stream")
            os.makedirs(data_of(name) + "/=snap", exist_ok=True)
            _copy(files_of(name), snapshot_files(name, tag))
            txg, objset = next_ids(state)
            entry["snaps"][tag] = {
                "created": head["created"],
                "guid": head["guid"],
                "txg": txg,
                "objset": objset,
                "props": {key: [value, "received"] for key, value in head["snap_props"].items()},
            }
            if mounting and mountable(state, name) and not Facts(state).mounted_at(name):
                mount(state, name)


def _drain(stream) -> None:
    while stream.read(1 << 20):
        pass
