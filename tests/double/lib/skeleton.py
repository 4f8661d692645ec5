# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds a FreeBSD-shaped root: what base.txz would unpack, made of links to Linux programs and the double's own
commands.

``build(root, kind)`` works on the Linux machine (for a host) and inside a host double (for a pot). A root only runs
after mounts.prepare_root(), because every link in it leads below /.double.
"""

from __future__ import annotations

import json
import os
import re

import mounts
from release import Release, render

# Programs that behave alike, or alike enough that no caller can tell: FreeBSD directory -> names of Debian's programs.
SAME = {
    "/bin": "cat chmod cp dd echo expr kill link ln mkdir mv pwd realpath rm rmdir sleep stty sync test unlink",
    "/usr/bin": (
        "basename bzip2 bunzip2 bzcat cmp col column comm cut diff dirname du egrep env expand false fgrep file find "
        "fold grep gunzip gzip head hexdump iconv join killall less look mkfifo more nice nl nohup openssl paste "
        "patch printenv printf readlink renice rev script sdiff seq sort split ssh-add ssh-agent ssh-keygen ssh- "
        "keyscan scp sftp sum tail tar tee time timeout top touch tr true truncate tset tty uniq unexpand uptime "
        "users w wall wc who whoami xargs xz unxz xzcat yes zcat zgrep zstd unzstd last tput clear ftp locale chgrp "
        "groups logname mkfifo tsort unzip vmstat"
    ),
    "/usr/sbin": "chown chroot",
    "/sbin": "",
}
# FreeBSD path -> Debian's file, where the name or the directory differs.
RENAMED = {
    "/bin/[": "/usr/bin/[",
    "/bin/sh": "/usr/bin/dash",
    "/bin/csh": "/usr/bin/tcsh",
    "/bin/tcsh": "/usr/bin/tcsh",
    "/bin/ed": "/usr/bin/ed",
    "/usr/bin/awk": "/usr/bin/mawk",
    "/usr/bin/nawk": "/usr/bin/mawk",
    "/usr/bin/bc": "/usr/bin/bc",
    "/usr/bin/vi": "/usr/bin/vim.tiny",
    "/usr/bin/hd": "/usr/bin/hexdump",
    "/usr/bin/reset": "/usr/bin/tset",
    "/usr/libexec/sftp-server": "/usr/lib/openssh/sftp-server",
}
# Linux' loader and data directories that programs look up by absolute path.
LINUX = {
    "/lib64": ".double/usr/lib64",
    "/lib/x86_64-linux-gnu": "/.double/usr/lib/x86_64-linux-gnu",
    "/lib/terminfo": "/.double/usr/lib/terminfo",
    "/usr/lib/x86_64-linux-gnu": "/.double/usr/lib/x86_64-linux-gnu",
    "/usr/lib/locale": "/.double/usr/lib/locale",
    "/usr/lib/file": "/.double/usr/lib/file",
    "/usr/lib/openssh": "/.double/usr/lib/openssh",
    "/usr/lib/sasl2": "/.double/usr/lib/sasl2",
    "/usr/lib/ssl": "../../etc/ssl",
    "/usr/share/misc/magic.mgc": "/.double/usr/lib/file/magic.mgc",
    "/usr/share/terminfo": "/.double/usr/share/terminfo",
    "/usr/share/zoneinfo": "/.double/usr/share/zoneinfo",
    "/run": "var/run",
}

DIRECTORIES = """
/bin /boot /boot/kernel /boot/modules /dev /etc /lib /libexec /media /mnt /net /proc /rescue /sbin /usr /var
/etc/X11 /etc/authpf /etc/autofs /etc/bluetooth /etc/cron.d /etc/defaults /etc/devd /etc/dma /etc/gss /etc/mail
/etc/mtree
/etc/newsyslog.conf.d /etc/ntp /etc/pam.d /etc/periodic /etc/periodic/daily /etc/periodic/monthly
/etc/periodic/security
/etc/periodic/weekly /etc/pkg /etc/ppp /etc/profile.d /etc/rc.conf.d /etc/rc.d /etc/security /etc/ssh /etc/ssl
/etc/ssl/certs
/etc/ssl/untrusted /etc/sysctl.kld.d /etc/syslog.d /etc/zfs
/usr/bin /usr/include /usr/lib /usr/lib/compat /usr/lib32 /usr/libdata /usr/libexec /usr/local /usr/sbin /usr/share
/usr/src /usr/obj
/usr/share/bsdconfig /usr/share/certs /usr/share/certs/trusted /usr/share/certs/untrusted /usr/share/examples
/usr/share/keys
/usr/share/keys/pkg /usr/share/locale /usr/share/man /usr/share/misc /usr/share/skel /usr/share/syscons
/var/account /var/at /var/at/jobs /var/at/spool /var/audit /var/authpf /var/backups /var/cache /var/crash /var/cron
/var/cron/tabs
/var/db /var/db/entropy /var/db/freebsd-update /var/db/ntp /var/db/pkg /var/empty /var/games /var/heimdal /var/log
/var/mail
/var/msgs /var/preserve /var/run /var/run/sshd /var/rwho /var/spool /var/spool/cron /var/spool/lock /var/spool/mqueue
/var/yp
/var/unbound
"""
# FreeBSD path: (mode, uid, gid), where it is not 0755 root:wheel.
MODES = {
    "/net": (0o755, 0, 0),
    "/proc": (0o555, 0, 0),
    "/root": (0o755, 0, 0),
    "/tmp": (0o1777, 0, 0),
    "/var/tmp": (0o1777, 0, 0),
    "/var/audit": (0o700, 0, 77),
    "/var/backups": (0o750, 0, 0),
    "/var/crash": (0o750, 0, 0),
    "/var/cron": (0o750, 0, 0),
    "/var/cron/tabs": (0o700, 0, 0),
    "/var/db/entropy": (0o700, 2, 5),
    "/var/db/freebsd-update": (0o700, 0, 0),
    "/var/db/ntp": (0o755, 123, 123),
    "/var/empty": (0o555, 0, 0),
    "/var/games": (0o775, 0, 13),
    "/var/mail": (0o775, 0, 6),
    "/var/spool/lock": (0o775, 66, 68),
    "/var/unbound": (0o755, 59, 59),
    "/etc/ssh": (0o755, 0, 0),
    "/etc/security": (0o755, 0, 0),
}
# Rooms others may leave out of a base: what only the host has.
HOST_DIRECTORIES = "/usr/local/bin /usr/local/etc /usr/local/lib /usr/local/libexec /usr/local/sbin /usr/local/share"
# The recorded 13.2 has no such script, its jails have.
NOT_ON_HOST = ("/etc/rc.d/cleartmp",)


def _place(root: str, path: str) -> str:
    return root + path


def command_paths(release: Release) -> dict[str, list[str]]:
    """The double's own commands and where a release has them: commands/PATHS, lines of "NAME PATH…"."""
    found: dict[str, list[str]] = {}
    with open(os.path.join(mounts.source_tree(), "commands", "PATHS"), encoding="utf-8") as stream:
        for line in render(stream.read(), release).splitlines():
            words = line.split("#")[0].split()
            if words:
                found.setdefault(words[0], []).extend(words[1:])
    return found


def _link(target: str, path: str) -> None:
    try:
        os.symlink(target, path)
    except FileExistsError:
        if os.path.islink(path) and os.readlink(path) != target:
            os.unlink(path)
            os.symlink(target, path)


def link_commands(root: str, release: Release) -> None:
    """(Re)make the links to the double's own commands; done at each boot too, so that a new command appears without a
    new disk.
    """
    sources = os.path.join(mounts.source_tree(), "commands")
    for name, paths in command_paths(release).items():
        if not os.path.exists(os.path.join(sources, name)):
            continue
        for path in paths:
            os.makedirs(os.path.dirname(_place(root, path)), exist_ok=True)
            _link("/.double/commands/" + name, _place(root, path))


def _link_programs(root: str, release: Release) -> None:
    own = {path for paths in command_paths(release).values() for path in paths}
    debian = "/.double/usr" if mounts.INSIDE else "/usr"
    wanted = {f"{directory}/{name}": f"/usr/bin/{name}" for directory, names in SAME.items() for name in names.split()}
    wanted["/usr/sbin/chroot"] = "/usr/sbin/chroot"
    wanted.update(RENAMED)
    for path, program in wanted.items():
        if path not in own and os.path.lexists(debian + program[len("/usr") :]):
            _link("/.double" + program, _place(root, path))


def root_shell(release: Release) -> str:
    """The shell of root's account."""
    return "/bin/csh" if release.major < 14 else "/bin/sh"


def _certificates(root: str, release: Release) -> None:
    """The trust store as certctl(8) leaves it.

    Names by hash in /etc/ssl/certs: links to /usr/share/certs/trusted, from 15 on copies, and all of them in
    /etc/ssl/cert.pem.
    """
    debian = "/.double/usr" if mounts.INSIDE else "/usr"
    store = debian + "/share/ca-certificates/mozilla"
    trusted = _place(root, "/usr/share/certs/trusted")
    if not os.path.isdir(store):
        return
    for name in os.listdir(store):
        _link("/.double/usr/share/ca-certificates/mozilla/" + name, f"{trusted}/{name.removesuffix('.crt')}.pem")
    bundle = []
    for number, name in certificate_hashes().items():
        path = _place(root, "/etc/ssl/certs/" + number)
        if release.major < 15:
            _link(f"../../../usr/share/certs/trusted/{name}.pem", path)
            continue
        with open(f"{store}/{name}.crt", encoding="ascii") as stream:
            bundle.append(stream.read())
        with open(path, "w", encoding="ascii") as stream:
            stream.write(bundle[-1])
        os.chmod(path, 0o444)
    if bundle:
        with open(_place(root, "/etc/ssl/cert.pem"), "w", encoding="ascii") as stream:
            stream.write("".join(bundle))
        os.chmod(_place(root, "/etc/ssl/cert.pem"), 0o444)


def certificate_hashes() -> dict[str, str]:
    """Hash link -> certificate, taken from the Linux machine's own store; a host keeps the list for its pots."""
    if mounts.INSIDE:
        with open("/.double/disk/meta/certificates.json", encoding="utf-8") as stream:
            return json.load(stream)
    found = {}
    for entry in os.scandir("/etc/ssl/certs"):
        if re.fullmatch(r"[0-9a-f]{8}\.\d", entry.name) and entry.is_symlink():
            name = os.path.basename(os.readlink(entry.path)).removesuffix(".pem")
            if os.path.exists(f"/usr/share/ca-certificates/mozilla/{name}.crt"):
                found[entry.name] = name
    return found


def _stub_services(root: str, release: Release) -> None:
    """rc.d scripts that only have to exist: etc/rc.d.stubs, lines of name|rcvar|provide|require|before|keyword."""
    with open(os.path.join(mounts.source_tree(), "etc", "rc.d.stubs"), encoding="utf-8") as stream:
        for line in render(stream.read(), release).splitlines():
            if not line or line.startswith("#"):
                continue
            name, rcvar, provide, require, before, keyword = line.split("|")
            path = _place(root, "/etc/rc.d/" + name)
            if os.path.exists(path):
                continue
            text = ["#!/bin/sh", "#", "#", "", f"# PROVIDE: {provide or name}"]
            text += [
                f"# {word}: {value}"
                for word, value in (("REQUIRE", require), ("BEFORE", before), ("KEYWORD", keyword))
                if value
            ]
            if name.isupper():
                text += ["", "#\tThis is a dummy dependency."]
            else:
                text += ["", ". /etc/rc.subr", "", f'name="{name.replace("-", "_")}"']
                text += [f'rcvar="{rcvar}"'] if rcvar else []
                text += ['start_cmd=":"', 'stop_cmd=":"', "", "load_rc_config $name"]
                text += [f': ${{{rcvar}:="NO"}}'] if rcvar else []
                text += ['run_rc_command "$1"']
            with open(path, "w", encoding="utf-8") as script:
                script.write("\n".join(text) + "\n")
            os.chmod(path, 0o755)


def _copy_file(source: str, path: str, release: Release) -> None:
    with open(source, encoding="utf-8") as stream:
        text = render(stream.read(), release)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.chmod(path, 0o755 if os.stat(source).st_mode & 0o100 else 0o644)


def _copy_tree(source: str, target: str, release: Release) -> None:
    """The skeleton, each file with the lines that this release has."""
    for entry in os.scandir(source):
        path = os.path.join(target, entry.name)
        if entry.is_dir():
            os.makedirs(path, exist_ok=True)
            _copy_tree(entry.path, path, release)
        else:
            _copy_file(entry.path, path, release)


# What an upgrade replaces; everything else in /etc is merged by hand, which changes nothing that the double plays.
UPGRADED = ("bin", "etc/defaults", "etc/pkg", "etc/rc", "etc/rc.d", "etc/rc.shutdown", "etc/rc.subr", "var/run")


def upgrade(root: str, release: Release) -> None:
    """Make the root of a host, which must not be running, one of a newer release; accounts, configuration and packages
    stay.
    """
    root = os.path.realpath(root)
    source = os.path.join(mounts.source_tree(), "skeleton")
    mask = os.umask(0o022)
    try:
        for directory in ("/etc/rc.d", "/etc/ssl/certs"):
            for entry in list(os.scandir(_place(root, directory))):
                os.unlink(entry.path)
        for name in UPGRADED:
            if os.path.isdir(f"{source}/{name}"):
                _copy_tree(f"{source}/{name}", f"{root}/{name}", release)
            else:
                _copy_file(f"{source}/{name}", f"{root}/{name}", release)
        _stub_services(root, release)
        _link_programs(root, release)
        link_commands(root, release)
        _certificates(root, release)
        if release.major >= 15 and os.path.isdir(_place(root, "/etc/ssl/blacklisted")):
            os.rmdir(_place(root, "/etc/ssl/blacklisted"))
    finally:
        os.umask(mask)


def build(root: str, kind: str, release: Release) -> None:
    """Build a root in an existing or new directory.

    kind: 'host' (with what an installation adds: /usr/local/etc, /home) or 'base' (what a fresh base.txz holds: no
    rc.conf, an empty /usr/local, no /home). Identity-bound files (rc.conf, hosts, fstab of a host) are the caller's.
    """
    root = os.path.realpath(root)
    mask = os.umask(0o022)
    try:
        listed = DIRECTORIES.split() + (["/etc/ssl/blacklisted"] if release.major < 15 else [])
        if kind == "host":
            listed += [*HOST_DIRECTORIES.split(), "/usr/home" if release.major < 14 else "/home"]
            # No host has it before a package or somebody makes it; the recorded 13.2 had been through that.
            listed += ["/usr/local/etc/rc.d"] if release.major < 15 else []
        for path in ["/.double", *listed]:
            os.makedirs(_place(root, path), exist_ok=True)
        for path, (mode, uid, gid) in MODES.items():
            place = _place(root, path)
            os.makedirs(place, exist_ok=True)
            os.chown(place, uid, gid)
            os.chmod(place, mode)
        _copy_tree(os.path.join(mounts.source_tree(), "skeleton"), root, release)
        _stub_services(root, release)
        for path, target in LINUX.items():
            _link(target, _place(root, path))
        _link_programs(root, release)
        link_commands(root, release)
        _certificates(root, release)
        if kind == "host" and release.major < 14:
            _link("usr/home", _place(root, "/home"))
        _link("usr/src/sys", _place(root, "/sys"))
        _link("../var/run/os-release", _place(root, "/etc/os-release"))
        os.chmod(_place(root, "/etc/master.passwd"), 0o600)
        if release.major >= 15:
            os.chmod(_place(root, "/root"), 0o750)
        else:
            for name in (".cshrc", ".profile"):
                os.link(_place(root, f"/root/{name}"), _place(root, f"/{name}"))
                os.chmod(_place(root, f"/root/{name}"), 0o555)
        open(_place(root, "/var/log/utx.log"), "a", encoding="utf-8").close()
        import accounts

        accounts.Accounts(_place(root, "/etc")).write()
        if kind == "host":
            for path in NOT_ON_HOST if release.major < 14 else ():
                os.unlink(_place(root, path))
    finally:
        os.umask(mask)
