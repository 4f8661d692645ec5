# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounts every FreeBSD root of the double needs: the host's and each pot's.

A root holds, besides FreeBSD's own files, one empty directory ``/.double``. At run time a small tmpfs lies on it with

* ``usr``       the Linux machine's /usr, read-only: where the programs behind FreeBSD's names come from
* ``src``       tests/double, read-only; ``lib``, ``bin``, ``commands`` are links into it
* ``packages``  the package payload cache, read-only
* ``run``       runtime state, one tmpfs shared by a host and all its pots
* ``disk``      the host's disk (host only)
* ``identity.json``  who this root is, see :func:`identity`
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import stat

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18
MNT_DETACH = 2

IDENTITY = "/.double/identity.json"
INSIDE = os.path.isdir("/.double/usr/bin")

# name: (type, major, minor, mode)
DEVICES = {
    "null": (stat.S_IFCHR, 1, 3, 0o666),
    "zero": (stat.S_IFCHR, 1, 5, 0o666),
    "full": (stat.S_IFCHR, 1, 7, 0o666),
    "random": (stat.S_IFCHR, 1, 8, 0o666),
    "urandom": (stat.S_IFCHR, 1, 9, 0o666),
    "tty": (stat.S_IFCHR, 5, 0, 0o666),
}

DISKS = ("cd0", "vtbd0", "vtbd0p1", "vtbd0p2", "vtbd1")

_libc = None


def _call(name: str, *arguments) -> None:
    global _libc
    if _libc is None:
        _libc = ctypes.CDLL(None, use_errno=True)
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(arguments))


def mount(source: str, target: str, fstype: str | None, flags: int = 0, data: str = "") -> None:
    """mount(2). Raises OSError."""
    _call(
        "mount",
        source.encode(),
        target.encode(),
        fstype.encode() if fstype else None,
        ctypes.c_ulong(flags),
        data.encode() or None,
    )


def umount(target: str, flags: int = 0) -> None:
    """umount2(2). Raises OSError."""
    _call("umount2", target.encode(), flags)


def bind(source: str, target: str, read_only: bool = False, recursive: bool = False) -> None:
    """Bind-mount a directory or file; nullfs is made of this too."""
    mount(source, target, None, MS_BIND | (MS_REC if recursive else 0))
    if read_only:
        mount("none", target, None, MS_BIND | MS_REMOUNT | MS_RDONLY)


def cache_packages() -> str:
    """Where the package payloads lie, seen from where this runs."""
    if INSIDE:
        return "/.double/packages"
    cache = os.environ.get("POTLUCK_CACHE") or os.path.join(os.path.expanduser("~"), ".cache", "potluck-matrix")
    return os.path.join(cache, "packages")


def source_tree() -> str:
    """tests/double, seen from where this runs."""
    return "/.double/src" if INSIDE else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def identity() -> dict:
    """Who the calling process' root is.

    Keys: kind ('host' or 'pot'), name (of the host double), hostname, address, release, version (what uname
    -r and -v say); in a pot also jail (its name) and kernel (the host's release).
    """
    try:
        with open(IDENTITY, encoding="utf-8") as stream:
            return json.load(stream)
    except FileNotFoundError:
        return {}


def is_mounted(path: str) -> bool:
    """Whether something is mounted at exactly this path, as the calling process sees it."""
    wanted = os.path.realpath(path)
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as stream:
        return any(line.split(" ")[1].replace("\\040", " ") == wanted for line in stream)


def mount_dev(root: str, disks: bool = False) -> None:
    """A devfs stand-in at root/dev: the harmless devices, ptys of its own, FreeBSD's log socket under Linux' name too.

    disks: with the names (nothing else) of a host's disks.
    """
    dev = os.path.join(root, "dev")
    os.makedirs(dev, exist_ok=True)
    mount("devfs", dev, "tmpfs", MS_NOSUID, "mode=755,size=256k")
    mask = os.umask(0)
    try:
        for name, (kind, major, minor, mode) in DEVICES.items():
            os.mknod(os.path.join(dev, name), kind | mode, os.makedev(major, minor))
        for name in DISKS if disks else ():
            os.mknod(os.path.join(dev, name), stat.S_IFCHR | 0o640, os.makedev(1, 3))
        for directory in ("pts", "shm"):
            os.mkdir(os.path.join(dev, directory))
    finally:
        os.umask(mask)
    mount("devpts", os.path.join(dev, "pts"), "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    mount("shm", os.path.join(dev, "shm"), "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=64m")
    for name, target in {
        "ptmx": "pts/ptmx",
        "fd": "/proc/self/fd",
        "stdin": "/proc/self/fd/0",
        "stdout": "/proc/self/fd/1",
        "stderr": "/proc/self/fd/2",
        # glibc's syslog(3) knows only this name.
        "log": "/var/run/log",
    }.items():
        os.symlink(target, os.path.join(dev, name))


def mount_proc(root: str) -> None:
    """Linux programs need /proc; it shows the caller's pid namespace."""
    proc = os.path.join(root, "proc")
    os.makedirs(proc, exist_ok=True)
    mount("proc", proc, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    # The Linux machine's own boot options are nobody's business in there.
    bind("/dev/null", os.path.join(proc, "cmdline"))


def prepare_root(root: str, who: dict, disk: str | None = None, dev: bool = True, proc: bool = True) -> None:
    """Mount everything a built root needs to run programs, in the calling process' mount namespace.

    root: directory made by skeleton.build(); who: what identity() is to return in it; disk: for a host its disk's
    directory. For a pot call it inside the host double; with its own pid namespace call it with proc=False and
    mount_proc() from in there.
    """
    root = os.path.realpath(root)
    double = os.path.join(root, ".double")
    os.makedirs(double, exist_ok=True)
    mount("double", double, "tmpfs", 0, "mode=755,size=1m")
    for name in ("usr", "src", "packages", "run") + (("disk",) if disk else ()):
        os.mkdir(os.path.join(double, name))
    for name in ("lib", "bin", "commands"):
        os.symlink("src/" + name, os.path.join(double, name))
    bind("/.double/usr" if INSIDE else "/usr", os.path.join(double, "usr"), read_only=True)
    bind(source_tree(), os.path.join(double, "src"), read_only=True)
    packages = cache_packages()
    if os.path.isdir(packages):
        bind(packages, os.path.join(double, "packages"), read_only=True)
    if who.get("kind") == "host":
        mount("run", os.path.join(double, "run"), "tmpfs", 0, "mode=755,size=64m")
    else:
        bind("/.double/run", os.path.join(double, "run"))
    if disk:
        bind(disk, os.path.join(double, "disk"))
    import release

    with open(os.path.join(double, "identity.json"), "w", encoding="utf-8") as stream:
        json.dump({**who, "version": release.named(who["release"]).version}, stream)
    if dev:
        mount_dev(root, disks=who.get("kind") == "host")
    if proc:
        mount_proc(root)


def release_root(root: str) -> None:
    """Undo prepare_root(); what is not mounted (any more) is no error."""
    root = os.path.realpath(root)
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as stream:
        mounted = [line.split(" ")[1].replace("\\040", " ") for line in stream]
    for name in ("proc", "dev", ".double"):
        top = os.path.join(root, name)
        for path in reversed(mounted):
            if path == top or path.startswith(top + "/"):
                with contextlib.suppress(OSError):
                    umount(path, MNT_DETACH)
