# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jails: a chroot in namespaces of its own, kept by a process 1 that does nothing but reap.

The jail's mount namespace is a slave of the host double's: what the host mounts below the jail's root appears in the
jail, as FreeBSD's one mount table has it; the double's own mounts (/.double, /proc) exist in the jail's namespace only,
so nothing on the host can run into them. Killing process 1 ends the jail, as on FreeBSD ``jail -R`` would.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time

import jails
import mounts

NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWPID, NEWNET = 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x20000000, 0x40000000
MS_SLAVE = 1 << 19
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_libc = None


def libc():
    global _libc
    if _libc is None:
        _libc = ctypes.CDLL(None, use_errno=True)
    return _libc


def _call(name: str, *arguments) -> None:
    if getattr(libc(), name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


# ---------------------------------------------------------------- the table


def alive(jail: dict) -> bool:
    """Whether the jail's process 1 still runs."""
    try:
        with open(f"/proc/{jail['pid']}/stat", encoding="ascii", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] not in "ZX" and jail["params"].get("starttime") in (None, fields[19])


def running() -> dict[str, dict]:
    """All jails that really run, by name, ordered by jid."""
    table = jails.load()
    return {name: jail for name, jail in sorted(table.items(), key=lambda item: item[1]["jid"]) if alive(jail)}


def find(reference: str) -> tuple[str, dict] | None:
    """A running jail by name or jid."""
    found = jails.find(reference)
    return found if found and alive(found[1]) else None


def namespace_of(pid: int | str) -> str:
    """The pid namespace a process lives in; '' if it is gone."""
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""


def processes(jail: dict) -> list[int]:
    """The jail's processes, its process 1 left out."""
    wanted = namespace_of(jail["pid"])
    if not wanted:
        return []
    return [
        int(name)
        for name in os.listdir("/proc")
        if name.isdigit() and int(name) != jail["pid"] and namespace_of(name) == wanted
    ]


# ---------------------------------------------------------------- creation


def create(
    name: str, path: str, hostname: str, params: dict[str, str], release: str, own_network: bool, setup=None
) -> dict:
    """Make a jail that persists without processes and return its table entry.

    setup(pid): called once the namespaces exist and before the jail is registered, to furnish the network of process
    pid.
    """
    path = os.path.realpath(path)
    receiver, sender = os.pipe()
    ready_receiver, ready_sender = os.pipe()
    middle = os.fork()
    if middle == 0:
        try:
            os.close(receiver)
            os.close(ready_sender)
            os.setsid()
            _call("unshare", NEWNS | NEWUTS | NEWIPC | NEWPID | (NEWNET if own_network else 0))
            child = os.fork()
            if child:
                os.write(sender, b"%d\n" % child)
                os._exit(0)
            _become_init(name, path, hostname, release, sender, ready_receiver)
        except BaseException as problem:
            os.write(sender, f"error {problem}\n".encode())
            os._exit(1)
    os.close(sender)
    os.close(ready_receiver)
    os.waitpid(middle, 0)
    with os.fdopen(receiver, "r", encoding="utf-8", errors="replace") as stream:
        lines = []
        for _turn in range(2):
            line = stream.readline().strip()
            if line:
                lines.append(line)
    pids = [line for line in lines if line.isdigit()]
    if "ready" not in lines or not pids:
        os.close(ready_sender)
        raise OSError("jail: " + "; ".join(line for line in lines if not line.isdigit()))
    pid = int(pids[0])
    try:
        if setup:
            setup(pid)
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stream:
            started = stream.read().rpartition(")")[2].split()[19]
        jail = jails.add(name, pid, path, hostname, {**params, "starttime": started})
        os.write(ready_sender, b"go")
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.close(ready_sender)
    return jail


def _become_init(name: str, path: str, hostname: str, release: str, sender: int, ready: int) -> None:
    """Process 1 of the jail: furnish its root, then reap for ever."""
    mounts.mount("none", "/", None, mounts.MS_REC | MS_SLAVE)
    _call("sethostname", hostname.encode(), len(hostname.encode()))
    host = mounts.identity()
    who = {
        **host,
        "kind": "pot",
        "jail": name,
        "hostname": hostname,
        "release": release,
        "kernel": host.get("kernel") or host["release"],
    }
    mounts.prepare_root(path, who, dev=False, proc=False)
    mounts.mount_proc(path)
    os.chroot(path)
    os.chdir("/")
    os.environ.clear()
    null = os.open("/dev/null" if os.path.exists("/dev/null") else "/", os.O_RDONLY)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.write(sender, b"ready\n")
    os.read(ready, 2)
    os.closerange(3, 1024)
    # A FreeBSD jail has no process 1; who asks Linux' /proc for its name all the same must not learn another one than
    # the host's.
    libc().prctl(PR_SET_NAME, b"init", 0, 0, 0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    blocked = {signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    while True:
        signal.sigwait(blocked)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass


# ---------------------------------------------------------------- entering


def enter(
    jail: dict,
    argv: list[str],
    environment: dict[str, str],
    directory: str = "/",
    uid: int = 0,
    gid: int = 0,
    groups=(0, 5),
    complain=None,
) -> int:
    """Run a command in the jail with the caller's standard streams; returns its exit code (128+N: ended by signal N).

    complain(problem): called in the child when the command cannot be executed; the code is 1 then, as jexec's is.
    """
    child = spawn(jail, argv, environment, directory, uid, gid, groups, complain)

    def forward(number, _frame):
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    for number in FORWARDED:
        signal.signal(number, forward)
    while True:
        try:
            _rest, status = os.waitpid(child, 0)
            break
        except InterruptedError:
            continue
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def spawn(
    jail: dict,
    argv: list[str],
    environment: dict[str, str],
    directory: str = "/",
    uid: int = 0,
    gid: int = 0,
    groups=(0, 5),
    complain=None,
    detached: bool = False,
) -> int:
    """Start a command in the jail and return its pid as the host sees it."""
    pid = jail["pid"]
    handles = [
        (os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY), flag)
        for kind, flag in (("uts", NEWUTS), ("ipc", NEWIPC), ("net", NEWNET), ("mnt", NEWNS))
    ]
    pid_namespace = os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY)
    root = os.open(f"/proc/{pid}/root", os.O_RDONLY | os.O_DIRECTORY)
    own = os.open("/proc/self/ns/pid", os.O_RDONLY)
    group = _cgroup(jail)
    _call("setns", pid_namespace, NEWPID)
    child = os.fork()
    if child == 0:
        try:
            if detached:
                os.setsid()
            if group >= 0:
                os.write(group, b"0")
            for handle, flag in handles:
                _call("setns", handle, flag)
            os.fchdir(root)
            os.chroot(".")
            try:
                os.chdir(directory)
            except OSError:
                os.chdir("/")
            os.setgroups(list(groups))
            os.setgid(gid)
            os.setuid(uid)
            for number in (*FORWARDED, signal.SIGPIPE, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, set())
            if not detached:
                libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            os.execvpe(argv[0], argv, environment)
        except OSError as problem:
            if complain:
                complain(problem)
        except BaseException as problem:
            os.write(2, f"{problem}\n".encode())
        os._exit(1)
    _call("setns", own, NEWPID)
    for handle in [pid_namespace, root, own] + [handle for handle, _rest in handles] + ([group] if group >= 0 else []):
        os.close(handle)
    return child


def _cgroup(jail: dict) -> int:
    """The cgroup.procs file of a jail that has a control group (alias network), else -1."""
    path = jail["params"].get("cgroup")
    if not path:
        return -1
    try:
        return os.open(path + "/cgroup.procs", os.O_WRONLY)
    except OSError:
        return -1


# ---------------------------------------------------------------- removal


def remove(name: str, stop: list[str] | None, timeout: int) -> bool:
    """jail -r: run exec.stop in the jail, SIGTERM to its processes, SIGKILL after timeout seconds, then the jail is
    gone.

    False: no such jail. Mounts and the addresses on the host's NICs stay, they are the caller's.
    """
    found = find(name)
    if not found:
        jails.remove(name)
        return False
    name = found[0]
    jail = found[1]
    if stop:
        clean = {
            "PATH": "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin",
            "HOME": "/root",
            "USER": "root",
            "SHELL": "/bin/csh",
        }
        enter(jail, stop, clean)
    inmates = processes(jail)
    for pid in inmates:
        _kill(pid, signal.SIGTERM)
    end = time.monotonic() + timeout
    while inmates and time.monotonic() < end:
        time.sleep(0.05)
        inmates = processes(jail)
    _kill(jail["pid"], signal.SIGKILL)
    end = time.monotonic() + 10
    while alive(jail) and time.monotonic() < end:
        time.sleep(0.02)
    jails.remove(name)
    if jail["params"].get("interfaces"):
        import net

        net.alias_orphaned(name, [tuple(word.split("|")) for word in jail["params"]["interfaces"].split()])
    group = jail["params"].get("cgroup")
    if group:
        for _turn in range(20):
            try:
                os.rmdir(group)
                break
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(0.05)
    return True


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
