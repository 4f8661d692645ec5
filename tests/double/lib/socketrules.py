# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FreeBSD's socket rules for a jail that shares the host's network stack.

FreeBSD maps 127.0.0.1 (and a wildcard bind) in such a jail to the jail's own address, and refuses sockets of a family
of which it has no address. Control-group BPF programs do the same here, for every program whatever it is linked with.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import socket
import struct
import tempfile

import mounts
import shared

CGROUP = shared.RUN + "/cgroup"

SYS_BPF = 321

# attach types of linux/bpf.h
SOCK_CREATE, INET4_BIND, INET4_CONNECT, UDP4_SENDMSG = 2, 8, 10, 14

PROG_CGROUP_SOCK, PROG_CGROUP_SOCK_ADDR = 9, 18

EAFNOSUPPORT = errno.EAFNOSUPPORT


def _insn(code: int, registers: int = 0, offset: int = 0, immediate: int = 0) -> bytes:
    return struct.pack("<BBhi", code, registers, offset, immediate)


def _address_program(address: str) -> bytes:
    """user_ip4 of 127.0.0.1 or 0.0.0.0 becomes the jail's address."""
    own = struct.unpack("<i", socket.inet_aton(address))[0]
    loopback = struct.unpack("<i", socket.inet_aton("127.0.0.1"))[0]
    return b"".join(
        [
            _insn(0x61, 0x12, 4),  # r2 = *(u32 *)(r1 + user_ip4)
            _insn(0x15, 0x02, 3, loopback),  # if r2 == 127.0.0.1 goto rewrite
            _insn(0x15, 0x02, 2, 0),  # if r2 == 0.0.0.0 goto rewrite
            _insn(0xB7, 0x00, 0, 1),  # r0 = 1
            _insn(0x95),  # exit
            _insn(0xB4, 0x02, 0, own),  # rewrite: w2 = own address
            _insn(0x63, 0x21, 4),  # *(u32 *)(r1 + user_ip4) = r2
            _insn(0xB7, 0x00, 0, 1),
            _insn(0x95),
        ]
    )


def _without_program(family: int) -> bytes:
    """socket() of this family fails with EAFNOSUPPORT."""
    return b"".join(
        [
            _insn(0x61, 0x12, 4),  # r2 = *(u32 *)(r1 + family)
            _insn(0x15, 0x02, 2, family),
            _insn(0xB7, 0x00, 0, 1),
            _insn(0x95),
            _insn(0xB7, 0x01, 0, -EAFNOSUPPORT),  # r1 = -EAFNOSUPPORT
            _insn(0x85, 0x00, 0, 187),  # bpf_set_retval()
            _insn(0xB7, 0x00, 0, 0),
            _insn(0x95),
        ]
    )


def _bpf(command: int, attributes: bytes) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(attributes, 144)
    result = libc.syscall(SYS_BPF, command, ctypes.byref(buffer), len(attributes))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"bpf: {os.strerror(number)}")
    return result


def _load_and_attach(code: bytes, kind: int, attach: int, group: int) -> None:
    program = ctypes.create_string_buffer(code, len(code))
    licence = ctypes.create_string_buffer(b"GPL")
    attributes = struct.pack(
        "<IIQQIIQII16sII",
        kind,
        len(code) // 8,
        ctypes.addressof(program),
        ctypes.addressof(licence),
        0,
        0,
        0,
        0,
        0,
        b"",
        0,
        attach,
    )
    handle = _bpf(5, attributes)
    try:
        _bpf(8, struct.pack("<IIII", group, handle, attach, 2))  # BPF_PROG_ATTACH, BPF_F_ALLOW_MULTI
    finally:
        os.close(handle)


def group_of(jail: str) -> str:
    """The control group of a jail, seen from the host double."""
    return f"{CGROUP}/{mounts.identity().get('group', 'potluck')}/{jail}"


def forget_groups(group: str) -> None:
    """Remove the control group of a double that is gone, with all below it. Runs on the Linux machine."""
    top = tempfile.mkdtemp()
    try:
        mounts.mount("none", top, "cgroup2")
    except OSError:
        os.rmdir(top)
        return
    try:
        for directory, _rest, _rest in os.walk(f"{top}/{group}", topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(directory)
    finally:
        mounts.umount(top)
        os.rmdir(top)


def socket_rules(jail: str, pid: int, address: str | None, ipv6: bool, ipv4: bool = True) -> str | None:
    """Put process pid of a jail into a control group with FreeBSD's rules.

    address: what 127.0.0.1 means (None: as on the host); ipv6, ipv4: whether there are sockets of that family.
    Returns the group's directory, or None where the machine has no cgroup2 with BPF (127.0.0.1 is Linux' then).
    """
    if address is None and ipv6 and ipv4:
        return None
    try:
        if not mounts.is_mounted(CGROUP):
            os.makedirs(CGROUP, exist_ok=True)
            mounts.mount("none", CGROUP, "cgroup2")
        path = group_of(jail)
        os.makedirs(path, exist_ok=True)
        group = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if address:
                for attach in (INET4_BIND, INET4_CONNECT, UDP4_SENDMSG):
                    _load_and_attach(_address_program(address), PROG_CGROUP_SOCK_ADDR, attach, group)
            for there, family in ((ipv6, socket.AF_INET6), (ipv4, socket.AF_INET)):
                if not there:
                    _load_and_attach(_without_program(family), PROG_CGROUP_SOCK, SOCK_CREATE, group)
        finally:
            os.close(group)
        with open(path + "/cgroup.procs", "w", encoding="ascii") as stream:
            stream.write(str(pid))
        return path
    except OSError:
        return None
