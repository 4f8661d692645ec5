# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot 0.16.0's command line, files, state machine, messages and exit codes, misleading ones included.

Exit codes and wording follow recordings on FreeBSD; where pot reports success for a failure, so does this.
Tests can make a step fail by a file in /.double/run/faults: fetch-base, create-zfs, zfs-receive, nullfs, jail-remove,
zfs-snapshot, export-hash, start-rc.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import re
import shutil
import socket
import subprocess
import sys
import time

import jail as jaillib
import mounttable
import potusage
import shared
import zfs

PREFIX = "/usr/local"
VERSION = "0.16.0"
ALIASES = {"ls": "list", "snap": "snapshot", "rollback": "revert", "set-attr": "set-attribute", "get-attr": "get-attribute"}
GETOPT = {
    "version": "hvq", "config": "hvqg:", "init": "hmsvf:p:", "de-init": "fhmvp:", "vnet-start": "hvB:", "create-base": "hr:b:v",
    "create": "hvp:t:N:i:l:b:f:P:d:B:S:k", "clone": "hvp:i:P:FN:B:S:f:ks:d:", "create-fscomp": "hvf:", "clone-fscomp": "hvf:F:",
    "create-private-bridge": "hvB:S:", "list": "hvbfFapqB", "info": "hvqp:rB:Es", "show": "hvp:arq", "ps": "hvq", "top": "hp:",
    "start": "hvsSp:", "stop": "hvp:i:s", "term": "hvfp:", "exec": "hvdtp:e:u:U:", "signal": "hvflCs:P:m:p:", "last-run-stats": "hvp:",
    "destroy": "hvrf:p:b:FB:q", "rename": "hvp:n:", "prune": "hvqgn", "copy-in": "hvs:d:p:Fc", "copy-out": "hvs:d:p:F",
    "mount-in": "hvf:d:z:p:m:wr", "mount-out": "hvp:m:", "set-env": "hvp:E:", "set-cmd": "hvp:c:", "set-hosts": "hvp:H:",
    "set-hook": "hvp:s:S:t:T:", "set-attribute": "hvp:A:V:", "get-attribute": "hvqp:A:V:", "set-rss": "hvp:C:M:", "get-rss": "hvp:J",
    "export-ports": "hvp:e:", "add-dep": "hvp:P:", "snapshot": "hvp:f:r", "revert": "hvp:f:", "purge-snapshots": "hvp:f:a",
    "export": "hvcp:t:D:l:FAS:", "import": "hvp:t:U:C:", "prepare": "hvp:U:t:c:e:a:n:sN:i:B:S:d:C:", "update-config": "hvp:a",
    "set-status": "hvp:i:s:",
}
ATTRIBUTES = {
    "start-at-boot": ("bool", "NO"), "early-start-at-boot": ("bool", "NO"), "persistent": ("bool", "YES"), "no-rc-script": ("bool", "NO"),
    "prunable": ("bool", "NO"), "localhost-tunnel": ("bool", "NO"), "no-tmpfs": ("bool", "NO"), "no-etc-hosts": ("bool", "NO"),
}
JAIL_ATTRIBUTES = {
    "enforce_statfs": ("uint", "2"), "mount": ("bool", "NO"), "fdescfs": ("bool", "NO"), "linprocfs": ("bool", "NO"), "nullfs": ("bool", "NO"),
    "procfs": ("bool", "NO"), "tmpfs": ("bool", "NO"), "zfs": ("bool", "NO"), "raw_sockets": ("bool", "NO"), "sysvshm": ("sysv", "new"),
    "sysvsem": ("sysv", "new"), "sysvmsg": ("sysv", "new"), "children": ("uint", "0"), "mlock": ("bool", "NO"),
    "devfs_ruleset": ("uint", "4"), "exec_stop": ("string", ""), "stop_timeout": ("uint", "10"),
}
# Written into a fresh pot.conf, in this order.
FRESH = ("no-rc-script", "persistent", "start-at-boot", "prunable", "no-tmpfs", *JAIL_ATTRIBUTES)
NETWORKS = ("inherit", "alias", "public-bridge", "private-bridge")
FLAVOUR_COMMANDS = "add-dep set-attribute copy-in copy-in-flv mount-in set-rss export-ports set-cmd set-env".split()
UNLOGGED = "list info ps show config get-rss top last-run-stats".split()
LOCKED = "create import clone create-private-bridge prepare copy-in".split()
DEFAULTS = {
    "POT_ZFS_ROOT": "zroot/pot", "POT_FS_ROOT": "/opt/pot", "POT_CACHE": "/var/cache/pot", "POT_TMP": "/tmp", "POT_GROUP": "pot",
    "POT_MKTEMP_SUFFIX": ".XXXXXXXX", "POT_HOSTNAME_MAX_LENGTH": "64", "POT_NETWORK": "10.192.0.0/10", "POT_NETMASK": "255.192.0.0",
    "POT_GATEWAY": "10.192.0.1", "POT_EXTIF": "em0", "POT_EXTRA_EXTIF": "", "POT_EXTIF_ADDR": "", "POT_NETWORK_STACK": "ipv4",
    "POT_DNS_NAME": "dns", "POT_DNS_IP": "10.192.0.2", "POT_ISOLATE_VNET_POTS": "false", "POT_EXPORT_PORTS_PF_RULES_HOOK": "",
    "POT_DEFAULT_SIGNATURE_PUBKEY": "", "POT_VPN_EXTIF": "", "POT_VPN_NETWORKS": "", "POT_LOG_FACILITY": "local2",
}
FACILITIES = {"user": 1, "daemon": 3, **{f"local{number}": 16 + number for number in range(8)}}


class Exit(Exception):
    """End the command with this code."""

    def __init__(self, code: int):
        super().__init__(code)
        self.code = code


verbosity = 1


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def info(text: str) -> None:
    say("===>  " + text)


def error(text: str, quiet: str | None = None) -> None:
    """pot echoes its quiet flag into the text: pass '' for the calls that do so with an empty one."""
    say("###>  " + (f"{quiet} " if quiet is not None else "") + text)


def debug(text: str) -> None:
    if verbosity > 1:
        say("=====>  " + text)


def usage(command: str, code: int = 1) -> Exit:
    sys.stdout.write(potusage.of(command))
    sys.stdout.flush()
    return Exit(code)


def fault(name: str) -> bool:
    """Whether a test wants this step to fail."""
    return os.path.exists(f"{shared.RUN}/faults/{name}")


def complain(problem: BaseException) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"{problem}\n")
    sys.stderr.flush()


# ---------------------------------------------------------------- configuration


class Settings(dict):
    """pot.default.conf and pot.conf, sourced by sh as pot does."""

    def __init__(self):
        super().__init__(DEFAULTS)
        files = [f"{PREFIX}/etc/pot/pot.default.conf", f"{PREFIX}/etc/pot/pot.conf"]
        script = "".join(f"[ ! -r {path} ] || . {path}\n" for path in files) + "set\n"
        done = subprocess.run(
            ["/bin/sh", "-c", script],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env={"PATH": "/sbin:/bin:/usr/sbin:/usr/bin"},
            check=False,
        )
        for match in re.finditer(r"^(POT_\w+)=('(?:[^']|'\\''|'\"'\"')*'|.*)$", done.stdout, re.M):
            value = match.group(2)
            if value.startswith("'") and value.endswith("'") and len(value) > 1:
                value = value[1:-1].replace("'\"'\"'", "'").replace("'\\''", "'")
            self[match.group(1)] = value

    @property
    def fs(self) -> str:
        return self["POT_FS_ROOT"]

    @property
    def zfs(self) -> str:
        return self["POT_ZFS_ROOT"]

    @property
    def tmp(self) -> str:
        return self["POT_TMP"]


settings: Settings


def directory(pot: str) -> str:
    return f"{settings.fs}/jails/{pot}"


def root_of(pot: str) -> str:
    return directory(pot) + "/m"


def conf_of(pot: str) -> str:
    return directory(pot) + "/conf/pot.conf"


def dataset(pot: str) -> str:
    return f"{settings.zfs}/jails/{pot}"


def lines_of(pot: str) -> list[str]:
    try:
        with open(conf_of(pot), encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read().splitlines()
    except OSError:
        return []


def var(pot: str, key: str) -> str:
    """A key as pot reads it: blanks, tabs and double quotes deleted, cut at the second '='."""
    values = [line for line in lines_of(pot) if line.startswith(key + "=")]
    return "\n".join(re.sub(r'[ \t"]', "", line).split("=")[1] for line in values)


def raw(pot: str, key: str) -> list[str]:
    """Everything after the first '=' of each line with this key."""
    return [line[len(key) + 1 :] for line in lines_of(pot) if line.startswith(key + "=")]


def write_lines(pot: str, lines: list[str]) -> None:
    path = conf_of(pot)
    mode = os.stat(path).st_mode & 0o7777 if os.path.exists(path) else 0o644
    with open(path + ".new", "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write("".join(line + "\n" for line in lines))
    os.chmod(path + ".new", mode)
    os.replace(path + ".new", path)


def replace(pot: str, key: str, values: list[str]) -> None:
    """Drop all lines of a key and append new ones at the end of the file."""
    write_lines(pot, [line for line in lines_of(pot) if not line.startswith(key + "=")] + [f"{key}={value}" for value in values])


def datasets() -> dict:
    return zfs.load()["datasets"]


def is_pot(pot: str, quiet: str | None = "") -> bool:
    """_is_pot; quiet None: no message at all."""
    if not pot or not os.path.isdir(directory(pot)) or dataset(pot) not in datasets():
        if quiet is not None:
            error(f"Pot {pot} not found", quiet)
        return False
    level_multi = var(pot, "pot.type") != "single"
    if (
        not os.path.isdir(root_of(pot))
        or not os.access(conf_of(pot), os.R_OK)
        or (level_multi and not os.access(directory(pot) + "/conf/fscomp.conf", os.R_OK))
    ):
        if quiet is not None:
            error(f"Some component of the pot {pot} is missing", quiet)
        return False
    return True


def is_running(pot: str) -> bool:
    found = jaillib.find(pot)
    return found is not None and found[0] == pot


def all_pots() -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(settings.fs + "/jails") if entry.is_dir())
    except OSError:
        return []


def all_bases() -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(settings.fs + "/bases") if entry.is_dir())
    except OSError:
        return []


def kind_of(pot: str) -> str:
    return var(pot, "pot.type") or "multi"


def attribute(pot: str, name: str) -> str:
    return var(pot, "pot.attr." + name)


def need_root() -> None:
    if os.geteuid() != 0:
        error("This operation needs 'root' privilegies", "")
        raise Exit(1)


def options(command: str, args: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """getopts: (letter, argument) in order, then the operands; usage on anything unknown."""
    global verbosity
    letters, found, rest = GETOPT[command], [], list(args)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        position = 1
        while position < len(word):
            letter = word[position]
            position += 1
            at = letters.find(letter)
            if at < 0 or letter == ":":
                if command in ("term", "vnet-start"):
                    return found, rest
                sys.stderr.write(f"Illegal option -{letter}\n")
                sys.stderr.flush()
                raise usage(command)
            if letters[at + 1 : at + 2] == ":":
                value = word[position:]
                if not value:
                    if not rest:
                        sys.stderr.write(f"No arg for -{letter} option\n")
                        sys.stderr.flush()
                        raise usage(command)
                    value = rest.pop(0)
                found.append((letter, value))
                break
            if letter == "h":
                raise usage(command, 0)
            if letter == "v":
                verbosity += 1
            found.append((letter, ""))
    return found, rest


def last(found: list[tuple[str, str]], letter: str, default: str = "") -> str:
    return next((value for key, value in reversed(found) if key == letter), default)


def has(found: list[tuple[str, str]], letter: str) -> bool:
    return any(key == letter for key, _rest in found)


def log(text: str) -> None:
    """logger -p FACILITY.info -t pot: command lines with everything in them, secrets too."""
    facility = FACILITIES.get(settings["POT_LOG_FACILITY"], 18)
    stamp = time.strftime("%b %e %H:%M:%S")
    message = f"<{facility * 8 + 6}>{stamp} pot: {text}".encode("utf-8", "surrogateescape")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stream:
            stream.connect("/var/run/log")
            stream.send(message[:8000])
    except OSError:
        pass


class Lock:
    """lockf -k FILE: waits for ever."""

    def __init__(self, path: str):
        self.path = path

    def __enter__(self):
        self.handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        fcntl.flock(self.handle, fcntl.LOCK_EX)

    def __exit__(self, *_):
        os.close(self.handle)


# ---------------------------------------------------------------- zfs steps, with pot's habit of carrying on


def try_zfs(operation, *arguments, **keywords) -> bool:
    """Run a zfs operation; its complaint goes to stderr as zfs' own."""
    try:
        operation(*arguments, **keywords)
        return True
    except (zfs.ZfsError, OSError, subprocess.CalledProcessError) as problem:
        complain(problem)
        return False


def zfs_create(name: str, **props: str) -> bool:
    if fault("create-zfs"):
        complain(zfs.ZfsError(f"cannot create '{name}': out of space"))
        return False
    return try_zfs(zfs.create, name, props)


def last_snapshot(name: str) -> str:
    snaps = list(datasets().get(name, {"snaps": {}})["snaps"])
    return sorted(snaps)[-1] if snaps else ""


# ---------------------------------------------------------------- state machine


def boot_time() -> float:
    """When the host (its process 1) started."""
    with open("/proc/1/stat", encoding="ascii", errors="replace") as stream:
        ticks = int(stream.read().rpartition(")")[2].split()[19])
    with open("/proc/stat", encoding="ascii") as stream:
        booted = next(int(line.split()[1]) for line in stream if line.startswith("btime"))
    return booted + ticks / os.sysconf("SC_CLK_TCK")


def status_file(pot: str) -> str:
    return f"{settings.tmp}/pot_status_{pot}"


def status(pot: str) -> tuple[str, str]:
    """(state, interfaces); ('', '') for none or one from before the host's boot."""
    try:
        if os.stat(status_file(pot)).st_mtime < boot_time() - 1:
            return "", ""
        with open(status_file(pot), encoding="utf-8") as stream:
            lines = [line for line in stream.read().splitlines() if line.startswith("pot.status=")]
    except OSError:
        return "", ""
    state, _rest, interfaces = lines[-1][len("pot.status=") :].partition(",") if lines else ("", "", "")
    return state, interfaces


def set_status(pot: str, wanted: str, interfaces: str | None = None) -> int:
    """0 done, 1 refused, 2 it is that state already."""
    allowed = {
        "starting": ("", "stopped"),
        "started": ("starting",),
        "doa": ("starting",),
        "stopping": ("started", "doa", "stopped"),
        "stopped": ("stopping",),
    }
    with Lock(f"{settings.tmp}/pot-lock-{pot}"):
        state, known = status(pot)
        if state == wanted and wanted != "stopped":
            return 2
        if state not in allowed[wanted]:
            return 1
        with open(status_file(pot), "w", encoding="utf-8") as stream:
            stream.write(f"pot.status={wanted},{known if interfaces is None else interfaces}\n")
    return 0


# ---------------------------------------------------------------- mounts of a pot


def fscomp_path(pot: str) -> str:
    return directory(pot) + "/conf/fscomp.conf"


def normalise_mounts(pot: str) -> None:
    """Rewrite old absolute mountpoints: the whole file is rewritten, option-less lines get a trailing blank, the mode becomes 0600."""
    path, prefix = fscomp_path(pot), root_of(pot)
    try:
        with open(path, encoding="utf-8") as stream:
            lines = stream.read().splitlines()
    except OSError:
        return
    if not any(len(line.split()) > 1 and (line.split()[1] == prefix or line.split()[1].startswith(prefix + "/")) for line in lines):
        return
    written = []
    for line in lines:
        words = line.split()
        if not words:
            written.append(line)
            continue
        where = words[1] if len(words) > 1 else ""
        if where == prefix or where.startswith(prefix + "/"):
            where = where[len(prefix) :] or "/"
        written.append(f"{words[0]} {where} {words[2] if len(words) > 2 else ''}")
    with open(path + ".new", "w", encoding="utf-8") as stream:
        stream.write("".join(line + "\n" for line in written))
    os.chmod(path + ".new", 0o600)
    os.replace(path + ".new", path)


def mount_lines(pot: str) -> list[tuple[str, str, str]]:
    """(source, mountpoint in the jail, option) of every line."""
    try:
        with open(fscomp_path(pot), encoding="utf-8") as stream:
            rows = [line.split() for line in stream if line.strip()]
    except OSError:
        return []
    prefix = root_of(pot)
    found = []
    for row in rows:
        where = row[1] if len(row) > 1 else ""
        if where == prefix or where.startswith(prefix + "/"):
            where = where[len(prefix) :] or "/"
        found.append((row[0], where, row[2] if len(row) > 2 else ""))
    return found


def resolve(root: str, path: str) -> str | None:
    """realpath inside a jail's root; None when a component is missing."""
    parts, result, hops = [part for part in path.split("/") if part], "", 0
    while parts:
        part = parts.pop(0)
        if part == ".":
            continue
        if part == "..":
            result = result.rpartition("/")[0]
            continue
        candidate = f"{root}{result}/{part}"
        if os.path.islink(candidate):
            hops += 1
            if hops > 40:
                return None
            target = os.readlink(candidate)
            if target.startswith("/"):
                result = ""
            parts = [word for word in target.split("/") if word] + parts
            continue
        if not os.path.lexists(candidate):
            return None
        result = f"{result}/{part}"
    return result or "/"


def make_inside(root: str, path: str) -> str | None:
    """mkdir -p inside a jail's root, following its links; returns the resolved path."""
    done = ""
    for part in [word for word in path.split("/") if word]:
        here = resolve(root, f"{done}/{part}")
        if here is None:
            os.mkdir(f"{root}{done}/{part}")
            here = f"{done}/{part}"
        done = "" if here == "/" else here
    return done or "/"


def mount_one(pot: str, source: str, where: str, option: str) -> bool:
    """One fscomp.conf line; False with pot's message when it fails."""
    target = root_of(pot) + ("" if where == "/" else where)
    try:
        if source.startswith("/"):
            if not os.path.isdir(source) or not os.path.isdir(target):
                raise OSError(2, "No such file or directory")
            jaillib.nullfs(source, target, option == "ro")
        elif option == "zfs-remount":
            if not try_zfs(zfs.set_properties, source, {"mountpoint": target}):
                raise OSError(5, "zfs set failed")
        else:
            state = zfs.load()
            if source not in state["datasets"]:
                raise OSError(2, "No such file or directory")
            lower = zfs.mountpoint(state, source)
            if not os.path.isdir(target):
                os.mkdir(target)
            jaillib.nullfs(lower, target, option == "ro")
        return True
    except OSError as problem:
        complain(OSError(f"mount_nullfs: {target}: {problem.strerror or problem}"))
        error(f"Error mounting {source} on {pot}")
        return False


def mount_pot(pot: str) -> bool:
    normalise_mounts(pot)
    for source, where, option in mount_lines(pot):
        if not mount_one(pot, source, where, option):
            error("Mount failed ")
            return False
    if attribute(pot, "no-tmpfs") != "YES" and os.path.isdir(root_of(pot) + "/tmp"):
        jaillib.tmpfs(root_of(pot) + "/tmp")
    return True


def unmount_pot(pot: str) -> None:
    """Everything below the jail's root, last first; remounted datasets go back beside it."""
    normalise_mounts(pot)
    root = root_of(pot)
    while jaillib.detach(root + "/tmp"):
        pass
    for extra in ("/dev/fd", "/proc", "/dev"):
        while jaillib.detach(root + extra):
            pass
    for source, where, option in reversed(mount_lines(pot)):
        target = root + ("" if where == "/" else where)
        if option == "zfs-remount" and not source.startswith("/"):
            try_zfs(zfs.set_properties, source, {"mountpoint": f"{directory(pot)}/{source.rpartition('/')[2]}"})
            continue
        entry = mounttable.at(target)
        if entry and entry["fstype"] == "nullfs":
            jaillib.detach(target)


# ---------------------------------------------------------------- network facts


def aliases(pot: str) -> list[tuple[str, str]]:
    import net

    text = " ".join(raw(pot, "ip"))
    return net.split_alias(text, settings["POT_EXTIF"])


def taken_addresses() -> dict[str, str]:
    """Addresses of bridge pots, the gateway and the DNS pot: address -> who."""
    found = {settings["POT_GATEWAY"]: "default gateway"}
    found[settings["POT_DNS_IP"]] = settings["POT_DNS_NAME"]
    for pot in all_pots():
        if var(pot, "network_type") in ("public-bridge", "private-bridge") and var(pot, "ip"):
            found[var(pot, "ip")] = pot
    for bridge in bridges():
        found[bridge_var(bridge, "gateway")] = bridge + " bridge - gateway"
    return found


def bridges() -> list[str]:
    try:
        return sorted(os.listdir(settings.fs + "/bridges"))
    except OSError:
        return []


def bridge_var(bridge: str, key: str) -> str:
    try:
        with open(f"{settings.fs}/bridges/{bridge}", encoding="utf-8") as stream:
            return next((line.strip()[len(key) + 1 :] for line in stream if line.startswith(key + "=")), "")
    except OSError:
        return ""


def next_address(bridge: str = "") -> str:
    """potnet next."""
    network = ipaddress.ip_network(bridge_var(bridge, "net") if bridge else settings["POT_NETWORK"])
    taken = taken_addresses()
    reserved = [ipaddress.ip_network(bridge_var(name, "net")) for name in bridges()] if not bridge else []
    for address in network.hosts():
        if str(address) in taken or any(address in other for other in reserved):
            continue
        return str(address)
    return ""


def valid_address(text: str, version: int = 0) -> bool:
    try:
        return ipaddress.ip_address(text).version == version if version else bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def bridge_is_up(bridge: str = "") -> bool:
    import net

    return net.bridge_with(bridge_var(bridge, "gateway") if bridge else settings["POT_GATEWAY"]) is not None


# ---------------------------------------------------------------- queries


def cmd_version(args: list[str]) -> int:
    found, _rest = options("version", args)
    say(VERSION if has(found, "q") else f"pot version: {VERSION}")
    return 0


def cmd_config(args: list[str]) -> int:
    found, _rest = options("config", args)
    name = last(found, "g")
    values = {
        "fs_root": ("fs_root", settings.fs),
        "zfs_root": ("zfs_root", settings.zfs),
        "gateway": ("gateway", settings["POT_GATEWAY"]),
        "syslogd": ("syslogd flags", f"-b 127.0.0.1 -b {settings['POT_GATEWAY']} -a {settings['POT_NETWORK']}"),
        "pot_prefix": ("pot prefix", PREFIX),
        "fscomp_prefix": ("fscomp prefix", f"{settings.zfs}/fscomp"),
        "network_stack": ("network stack", settings["POT_NETWORK_STACK"]),
    }
    if name not in values:
        error(f"NO {name} is not a valid name" if name else "option -g is mandatory")
        raise usage("config")
    label, value = values[name]
    say(value if has(found, "q") else f"{label} = {value}")
    return 0


def active(pot: str) -> str:
    return "true" if is_running(pot) else "false"


def show_ports(pot: str) -> None:
    ports = " ".join(raw(pot, "pot.export.ports"))
    say(f"\t\texported ports: {ports}" if ports else "\t\tno ports exported")


def show_datasets(pot: str) -> None:
    say("\tdatasets:")
    if kind_of(pot) == "single":
        say(f"\t\t{pot}/m")
    prefix = f"{settings.zfs}/fscomp/"
    for source, where, _rest in mount_lines(pot):
        name = source
        if source.startswith(prefix):
            name = "fscomp/" + source[len(prefix) :]
        elif source.startswith(settings.zfs + "/"):
            name = source[len(settings.zfs) + 1 :]
        say(f"\t\t{where} => {name}")


def show_snapshots(pot: str) -> None:
    say("\tsnapshots:")
    known = datasets()
    names = [
        f"{name}@{tag}"
        for name in [dataset(pot)] + [key for key in sorted(known) if key.startswith(dataset(pot) + "/")]
        if name in known
        for tag in known[name]["snaps"]
    ]
    for name in names or ["no snapshots"]:
        say(f"\t\t{name}")


def environment_lines(pot: str) -> list[str]:
    """pot info -E."""
    kind = var(pot, "network_type")
    address = var(pot, "ip")
    lines = [f"export _POT_NAME={pot}"]
    if kind == "alias":
        nic, separator, _rest = address.partition("|")
        plain = address.rpartition("|")[2]
        lines.append(f"export _POT_IP={plain}")
    else:
        lines.append(f"export _POT_IP={'' if kind == 'inherit' else address}")
    if kind == "private-bridge":
        lines.append(f"export _POT_BRIDGE={var(pot, 'bridge')}")
    if kind == "alias":
        nic = nic if separator else settings["POT_EXTIF"]
        lines += [
            f"export _POT_IP_0={plain}",
            f"export _POT_NIC_0={nic}",
            "export _POT_IP_LIST=_POT_IP_0",
            "export _POT_NIC_LIST=_POT_NIC_0",
        ]
    found = jaillib.find(pot)
    if found and found[0] == pot:
        lines.append(f"export _POT_JID={found[1]['jid']}")
    return lines


def cmd_info(args: list[str]) -> int:
    found, _rest = options("info", args)
    pot, bridge, quiet, verbose = last(found, "p"), last(found, "B"), has(found, "q"), has(found, "v")
    if quiet and verbose:
        error("Options -q and -v are mutually exclusive")
        raise usage("info")
    if not pot and not bridge:
        error("Option -p or -B are mandatory" if not quiet else "Option -p or -B are mandatory")
        raise usage("info")
    if bridge:
        if bridge not in bridges():
            if not quiet:
                error(f"NO {bridge} is not a bridge")
            raise usage("info")
        if not quiet:
            for line in (
                f"bridge name : {bridge}",
                f"\tgateway: {bridge_var(bridge, 'gateway')}",
                f"\tnetwork: {bridge_var(bridge, 'net')}",
                "\tpots:",
            ):
                say(line)
            for name in all_pots():
                if var(name, "bridge") == bridge:
                    say(f"\t\t{name}")
        return 0
    if not is_pot(pot, None):
        if not quiet:
            error(f"NO {pot} is not a pot")
        raise usage("info")
    if has(found, "r"):
        return 0 if is_running(pot) else 1
    if has(found, "E"):
        for line in environment_lines(pot):
            say(line)
        return 0
    if has(found, "s"):
        name = dataset(pot) + ("/m" if kind_of(pot) == "single" else "")
        for tag, entry in datasets().get(name, {"snaps": {}})["snaps"].items():
            say(tag + (time.strftime("  %a %b %e %H:%M:%S %Z %Y", time.localtime(entry["created"])) if verbose else ""))
        return 0
    if quiet:
        return 0
    kind = var(pot, "network_type")
    say(f"pot name : {pot}")
    say(f"\ttype : {kind_of(pot)}")
    say(f"\tbase : {var(pot, 'pot.base')}")
    say(f"\tlevel : {var(pot, 'pot.level')}")
    if var(pot, "pot.level") == "2":
        say(f"\tbase pot : {var(pot, 'pot.potbase')}")
    say(f"\tnetwork_type : {kind}")
    if kind != "inherit":
        say(f"\tip : {' '.join(raw(pot, 'ip'))}")
        if kind == "private-bridge":
            say(f"\tbridge : {var(pot, 'bridge')}")
        if verbose:
            show_ports(pot)
    say(f"\tactive : {active(pot)}")
    if verbose:
        show_datasets(pot)
        show_snapshots(pot)
    say("\tattributes:")
    for name, (_rest, default) in ATTRIBUTES.items():
        say(f"\t\t{name}: {attribute(pot, name) or default}")
    say(f"\t\tto-be-pruned: {attribute(pot, 'to-be-pruned') or 'NO'}")
    say("\tjail attributes:")
    for name, (_rest, default) in JAIL_ATTRIBUTES.items():
        say(f"\t\t{name}: {attribute(pot, name) or default or 'NO'}")
    if verbose:
        cpus, memory = var(pot, "pot.rss.cpus"), var(pot, "pot.rss.memory")
        if cpus or memory:
            say("\tresource limits:")
            if cpus:
                say(f"\t\tmax amount cpus: {cpus}")
            if memory:
                say(f"\t\tmax amount memory: {memory}")
    say("")
    return 0


def cmd_list(args: list[str]) -> int:
    found, _rest = options("list", args)
    quiet, verbose = has(found, "q"), has(found, "v")
    selected = [letter for letter, _rest in found if letter in "bpfFBa"]
    if len(set(selected)) > 1:
        error("Options -b -p -f -F -B -a are mutually exclusive")
        raise usage("list")
    what = selected[0] if selected else "p"
    if what == "a" and quiet:
        error("Options -a and -q are mutually exclusive")
        raise usage("list")

    def simple(label: str, names: list[str]) -> None:
        for name in names:
            say(name if quiet else f"{label}: {name}")

    def pots() -> None:
        names = all_pots()
        if not names and not quiet:
            say("No pot created yet...")
        for pot in names:
            if quiet:
                say(pot)
                continue
            kind = var(pot, "network_type")
            say(f"pot name : {pot}")
            if verbose:
                say(f"\tbase : {var(pot, 'pot.base')}")
                say(f"\tlevel : {var(pot, 'pot.level')}")
                if var(pot, "pot.potbase"):
                    say(f"\tbase pot : {var(pot, 'pot.potbase')}")
            say(f"\tnetwork : {kind}")
            if kind not in ("inherit", ""):
                say(f"\tip : {' '.join(raw(pot, 'ip'))}")
            say(f"\tactive : {active(pot)}")
            if verbose:
                show_datasets(pot)
                show_snapshots(pot)
            say("")

    def fscomps() -> list[str]:
        try:
            return sorted(os.listdir(settings.fs + "/fscomp"))
        except OSError:
            return []

    def flavours() -> list[str]:
        try:
            return sorted({name.removesuffix(".sh") for name in os.listdir(PREFIX + "/etc/pot/flavours")})
        except OSError:
            return []

    if what in "ba":
        simple("bases", all_bases())
    if what in "pa":
        pots()
    if what in "fa":
        simple("fscomp", fscomps())
    if what in "Fa":
        simple("flavour", flavours())
    if what in "Ba":
        simple("bridge", bridges())
    return 0


def cmd_ps(args: list[str]) -> int:
    found, _rest = options("ps", args)
    if not has(found, "q"):
        if os.geteuid() != 0:
            info("Need privileges to read internal network status")
        else:
            info("Internal network up" if bridge_is_up() else "Internal network down")
    known = all_pots()
    for name in jaillib.running():
        if name in known:
            say(name)
    return 0


def memory_of(pot: str) -> tuple[int, int, int]:
    """(virtual bytes, resident bytes, CPU ticks) of a running pot's processes."""
    found = jaillib.find(pot)
    virtual = resident = ticks = 0
    for pid in jaillib.processes(found[1]) if found else []:
        try:
            with open(f"/proc/{pid}/statm", encoding="ascii") as stream:
                pages = stream.read().split()
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stream:
                fields = stream.read().rpartition(")")[2].split()
        except OSError:
            continue
        virtual += int(pages[0]) * 4096
        resident += int(pages[1]) * 4096
        ticks += int(fields[11]) + int(fields[12])
    return virtual, resident, ticks


def short(number: int) -> str:
    """rctl -h: a whole number with a unit."""
    for unit in ("", "K", "M", "G"):
        if number < 10240 or unit == "G":
            return f"{number}{unit}"
        number //= 1024
    return str(number)


def cmd_show(args: list[str]) -> int:
    found, _rest = options("show", args)
    pot = last(found, "p")
    if pot:
        if not is_pot(pot):
            return 1
        names = [pot]
    elif has(found, "a"):
        names = all_pots()
    else:
        names = [name for name in jaillib.running() if name in all_pots()]
    facts = zfs.Facts(zfs.load())
    for name in names:
        say(f"pot {name}")
        say(f"\tdisk usage      : {zfs.human(facts.used(dataset(name)))}")
        if not is_running(name):
            continue
        virtual, resident, _rest = memory_of(name)
        say(f"\tvirtual memory  : {short(virtual)}")
        say(f"\tphysical memory : {short(resident)}")
        cpus = os.cpu_count() or 1
        say(f"\tmax amount of CPUs: {var(name, 'pot.rss.cpus') or cpus}")
        say(f"\tallocated CPUs    : {','.join(str(number) for number in range(cpus))}")
        if var(name, "network_type") == "public-bridge":
            import net

            rules = net.redirects().get(name, [])
            if rules:
                say("\n\tNetwork port redirection")
                host = next(
                    (
                        entry["local"]
                        for each in net.interfaces()
                        if each["ifname"] == settings["POT_EXTIF"]
                        for entry in each["addr_info"]
                        if entry["family"] == "inet"
                    ),
                    "",
                )
                for _rest, host_port, address, port in rules:
                    say(f"\t\t{host} port {host_port} -> {address} port {port}")
    return 0


def cmd_get_rss(args: list[str]) -> int:
    found, _rest = options("get-rss", args)
    pot = last(found, "p")
    if not pot:
        error("A pot name is mandatory")
        raise usage("get-rss")
    if not is_pot(pot):
        raise usage("get-rss")
    if not is_running(pot):
        error(f"The pot {pot} is not running")
        return 1
    virtual, resident, ticks = memory_of(pot)
    if has(found, "J"):
        say(
            '{ "ResourceUsage": { "MemoryStats": { "RSS" : %d, "Swap" : 0 }, "CpuStats": { "TotalTicks": %.3f, "Percent": %d } } } '
            % (resident, ticks * 20.0, 0)
        )
        return 0
    say(f"Resource usage by the pot {pot}")
    say(f"\tcpu time (ticks spent) : {ticks}")
    say(f"\tcpu time (MHz)         : {ticks * 20.0:.3f}")
    say("\tpcpu (%)               : 0")
    say(f"\tvirtual memory         : {virtual}")
    say(f"\tphysical memory        : {resident}")
    say("\tswap memory            : 0")
    return 0


def cmd_get_attribute(args: list[str]) -> int:
    found, _rest = options("get-attribute", args)
    pot, name, quiet = last(found, "p"), last(found, "A"), has(found, "q")
    if not pot:
        error("A pot name is mandatory")
        raise usage("get-attribute")
    if not name:
        error("Option -A is mandatory")
        raise usage("get-attribute")
    if not is_pot(pot, None if quiet else "no"):
        return 1
    if name not in ATTRIBUTES and name not in JAIL_ATTRIBUTES and name != "to-be-pruned":
        error(f"{name} is not a valid attribute")
        raise usage("get-attribute")
    value = attribute(pot, name)
    if quiet:
        say(value)
    elif value:
        info(f"{name}: {value}")
    else:
        info(f"The attribute {name} is not set for the pot {pot}")
    return 0


def cmd_last_run_stats(args: list[str]) -> int:
    found, _rest = options("last-run-stats", args)
    pot = last(found, "p")
    if not pot or not is_pot(pot):
        raise usage("last-run-stats")
    try:
        with open(directory(pot) + "/conf/.last_run_stats", encoding="utf-8") as stream:
            sys.stdout.write(stream.read())
    except OSError:
        say("{}")
    return 0


# ---------------------------------------------------------------- init


def cmd_init(args: list[str]) -> int:
    found, _rest = options("init", args)
    need_root()
    minimal = has(found, "m")
    pf_file = "" if minimal else next((value for letter, value in reversed(found) if letter in "pf"), None)
    group = group_id(settings["POT_GROUP"])
    if group is None:
        error(f"init Group '{settings['POT_GROUP']}' is missing, create it or change POT_GROUP")
        error("init Configuration not valid, please verify it")
        return 1
    root = settings.zfs
    known = datasets()
    if root in known:
        if zfs.mountpoint(zfs.load(), root) != settings.fs:
            error(f"{root} is an invalid POT root")
            return 1
        info(f"{root} already present")
    else:
        info(f"creating {root}")
        if not zfs_create(root, mountpoint=settings.fs, canmount="off", compression="lz4", atime="off"):
            return 1
    os.makedirs(settings.fs, exist_ok=True)
    os.chmod(settings.fs, 0o750)
    os.chown(settings.fs, 0, group)
    for part in ("bases", "jails", "fscomp"):
        if f"{root}/{part}" not in datasets() and not zfs_create(f"{root}/{part}"):
            return 1
        state = zfs.load()
        if not zfs.Facts(state).mounted_at(f"{root}/{part}"):
            zfs.mount(state, f"{root}/{part}")
    if f"{root}/cache" not in datasets() and not zfs_create(f"{root}/cache", mountpoint=settings["POT_CACHE"], compression="off"):
        return 1
    os.makedirs(settings.fs + "/bridges", exist_ok=True)
    os.chown(settings.fs + "/bridges", 0, group)
    system = not (minimal or has(found, "s"))
    if system:
        for path in ("/usr/local/etc/syslog.d", "/usr/local/etc/newsyslog.conf.d", "/var/log/pot"):
            os.makedirs(path, exist_ok=True)
    os.makedirs(settings.tmp, exist_ok=True)
    import net

    try:
        network = ipaddress.ip_network(settings["POT_NETWORK"])
        good = ipaddress.ip_address(settings["POT_GATEWAY"]) in network and str(network.netmask) == settings["POT_NETMASK"]
    except ValueError:
        good = False
    if not good:
        error("The network configuration in the pot configuration file is not valid")
        return 1
    nics = {interface["ifname"] for interface in net.interfaces()}
    if settings["POT_EXTIF"] not in nics:
        error(f"The network interface {settings['POT_EXTIF']} seems not valid [POT_EXTIF]")
        return 1
    for nic in settings["POT_EXTRA_EXTIF"].split():
        if nic not in nics:
            error(f"The network interface {nic} seems not valid [POT_EXTRA_EXTIF]")
            return 1
    if system:
        shutil.copyfile("/etc/rc.conf", "/etc/rc.conf.bkp-pot")
        sys.stdout.flush()
        subprocess.run(
            ["/usr/sbin/sysrc", f"syslogd_flags=-b 127.0.0.1 -b {settings['POT_GATEWAY']} -a {settings['POT_NETWORK']}"], check=False
        )
    if pf_file is None:
        done = subprocess.run(["/usr/sbin/sysrc", "-n", "pf_rules"], capture_output=True, text=True, check=False)
        pf_file = done.stdout.strip() or "/etc/pf.conf"
    if pf_file:
        text = open(pf_file, encoding="utf-8").read() if os.path.exists(pf_file) else ""
        lines = text.splitlines()
        if lines.count("nat-anchor pot-nat") != 1 or lines.count('rdr-anchor "pot-rdr/*"') != 1:
            if os.path.exists(pf_file):
                shutil.copyfile(pf_file, pf_file + ".bkp-pot")
            else:
                open(pf_file, "w", encoding="utf-8").close()
            info(f"{pf_file} updated, please check it")
            lines = [line for line in lines if line not in ("nat-anchor pot-nat", 'rdr-anchor "pot-rdr/*"')]
            with open(pf_file, "w", encoding="utf-8") as stream:
                stream.write("".join(line + "\n" for line in ["nat-anchor pot-nat", 'rdr-anchor "pot-rdr/*"', *lines]))
    return 0


def group_id(name: str) -> int | None:
    with open("/etc/group", encoding="utf-8", errors="replace") as stream:
        for line in stream:
            fields = line.split(":")
            if fields[0] == name and len(fields) > 2:
                return int(fields[2])
    return None


def cmd_de_init(args: list[str]) -> int:
    options("de-init", args)
    need_root()
    if settings.zfs not in datasets():
        error(f"{settings.zfs} not found")
        return 1
    if not try_zfs(zfs.destroy, settings.zfs, True, False, True):
        return 1
    shutil.rmtree(settings.fs, ignore_errors=True)
    return 0


# ---------------------------------------------------------------- bases and creation


def machine() -> str:
    return "amd64-amd64"


def is_release(text: str) -> bool:
    return bool(text) and os.path.exists(f"/usr/local/share/freebsd/MANIFESTS/{machine()}-{text}-RELEASE")


def fetch_base(release: str) -> bool:
    """base.txz into the cache. The double has no use for its content: it builds the same tree itself."""
    path = f"{settings['POT_CACHE']}/{release}-RELEASE_base.txz"
    if fault("fetch-base"):
        url = f"https://ftp.freebsd.org/pub/FreeBSD/releases/amd64/amd64/{release}-RELEASE/base.txz"
        complain(OSError(f"fetch: {url}: Connection timed out"))
        error(f"Fetching FreeBSD {release} failed")
        return False
    if not os.path.exists(path):
        with open(path, "w", encoding="ascii") as stream:
            stream.write(f"FreeBSD {release}-RELEASE base.txz\n")
    return True


def build_tree(path: str, release: str) -> None:
    import skeleton

    skeleton.build(path, "base")
    os.chmod(path + "/COPYRIGHT", 0o444)


def cmd_create_base(args: list[str]) -> int:
    found, _rest = options("create-base", args)
    release, name = last(found, "r"), last(found, "b")
    if not release:
        error("option -r is mandatory")
        raise usage("create-base")
    if not is_release(release):
        error(f"{release} is not a supported release")
        raise usage("create-base")
    if not name:
        info(f"Automatically use {release} as base name")
        name = release
    if name in all_bases():
        error(f"{name} already exist")
        raise usage("create-base")
    need_root()
    info(f"Create a base with release {release}")
    if not fetch_base(release):
        return 1
    base = f"{settings.zfs}/bases/{name}"
    info(f"Create the zfs datasets for base release {base}")
    for part in ("", "/usr.local", "/custom"):
        if not zfs_create(
            base + part,
            **({"mountpoint": f"{settings.fs}/bases/{name}{'/usr/local' if part == '/usr.local' else '/opt/custom'}"} if part else {}),
        ):
            return 1
    tree = f"{settings.fs}/bases/{name}"
    build_tree(tree, release)
    with open(tree + "/.osrelease", "w", encoding="ascii") as stream:
        stream.write(f"{release}-RELEASE\n")
    custom = tree + "/opt/custom"
    for part in ("etc", "root", "var"):
        shutil.move(f"{tree}/{part}", f"{custom}/{part}")
        os.symlink(f"opt/custom/{part}", f"{tree}/{part}")
    for path in (f"{tree}/home", f"{tree}/usr/home"):
        if os.path.islink(path):
            os.unlink(path)
        elif os.path.isdir(path):
            shutil.rmtree(path)
    os.makedirs(custom + "/usr.home")
    os.makedirs(custom + "/usr.local.etc")
    os.symlink("opt/custom/usr.home", f"{tree}/home")
    os.symlink("../opt/custom/usr.home", f"{tree}/usr/home")
    if not os.path.lexists(f"{tree}/usr/local/etc"):
        os.symlink("/opt/custom/usr.local.etc", f"{tree}/usr/local/etc")
    os.makedirs(f"{tree}/usr/local/var.db.pkg", exist_ok=True)
    pot = "base-" + name.replace(".", "_", 1)
    info(f"Create the related pot [{pot}]")
    os.environ["_POT_RECURSIVE"] = "1"
    nested(["create", "-l", "0", "-b", name, "-p", pot, "-t", "multi", "-f", "fbsd-update"])
    tag = str(int(time.time()))
    for part in ("", "/usr.local", "/custom"):
        try_zfs(zfs.snapshot, [f"{base}{part}@{tag}"], False, {})
    return 0


def nested(argv: list[str]) -> int:
    """pot calling itself."""
    try:
        return dispatch(argv[0], argv[1:])
    except Exit as ending:
        return ending.code


def hostname_for(pot: str) -> str:
    limit = int(settings["POT_HOSTNAME_MAX_LENGTH"])
    full = f"{pot}.{socket.gethostname()}"
    return full if len(full) <= limit else pot[:limit]


def cmd_create(args: list[str]) -> int:
    found, _rest = options("create", args)
    pot, kind, base, source = last(found, "p"), last(found, "t", "multi"), last(found, "b"), last(found, "P")
    network, bridge, stack, dns = (
        last(found, "N", "inherit"),
        last(found, "B"),
        last(found, "S") or settings["POT_NETWORK_STACK"],
        last(found, "d", "inherit"),
    )
    level = last(found, "l")
    addresses = [value for letter, value in found if letter == "i"]
    flavours = [value for letter, value in found if letter == "f"]
    if not pot:
        error("pot name is missing")
        raise usage("create")
    if "." in pot:
        error(f"{pot} is not a valid name for a pot ('.' is the only character not allowed)")
        return 1
    if is_pot(pot, None):
        error(f"pot {pot} already exists")
        return 1
    if kind not in ("single", "multi"):
        error(f"Type {kind} not supported")
        raise usage("create")
    if network not in NETWORKS:
        error(f"Network type {network} not recognized")
        raise usage("create")
    if stack not in ("ipv4", "ipv6", "dual"):
        error(f"Network stack {stack} not valid")
        raise usage("create")
    if kind == "single":
        if level not in ("", "0"):
            error("single pot level can only be zero (omit -l option)")
            raise usage("create")
        level = "0"
        if not base and not source:
            error("at least one of -b and -P has to be used")
            raise usage("create")
        if base and not is_release(base):
            error(f"{base} is not a valid release")
            raise usage("create")
    else:
        level = level or "1"
        if not base and not source:
            error("at least one of -b and -P has to be used")
            raise usage("create")
        if level not in ("0", "1", "2"):
            error("The level has to be 0,1 or 2")
            raise usage("create")
        if level == "2" and not source:
            error("level 2 pots need another pot as reference")
            raise usage("create")
        if base and base not in all_bases():
            error(f"{base} is not a valid base")
            raise usage("create")
    if source:
        if not is_pot(source, None):
            error(f"{source} is not a valid pot")
            raise usage("create")
        if kind == "single" and kind_of(source) != "single":
            error(f"{source} has type multi, not single")
            raise usage("create")
        base = base or var(source, "pot.base")
    if dns not in ("inherit", "pot", "off"):
        if not dns.startswith("custom:"):
            error(f"'{dns}' is not a valid dns option")
            raise usage("create")
        if not os.access(dns[7:], os.R_OK):
            error(f"The file {dns[7:]} is not valid or readable")
            raise usage("create")
    for flavour in flavours:
        if not flavour_files(flavour):
            error(f"Flavour {flavour} not found")
            raise usage("create")
    need_root()
    address = network_address(network, addresses, bridge, stack)
    info("Creating a new pot")
    for label, value in (
        ("pot name     ", pot), ("type         ", kind), ("base         ", base), ("pot_base     ", source), ("level        ", level),
        ("network-type ", network), ("network-stack", stack), ("ip           ", address), ("bridge       ", bridge),
        ("dns          ", dns), ("flavours     ", " ".join(flavours)),
    ):
        info(f"{label}: {value}")
    if not create_filesystem(pot, kind, level, base, source):
        # pot's undo works on a structurally complete pot only and reports success otherwise
        return 0 if not is_pot(pot, None) else 1
    write_conf(pot, kind, level, base, source, network, address, bridge, stack, dns)
    if kind == "single":
        if not source:
            info(f"Fetching FreeBSD {base}")
            if not fetch_base(base):
                return 1
            info("Extract the tarball")
            build_tree(root_of(pot), base)
        quiet_crontab(root_of(pot))
    code = apply_flavours(pot, flavours, "create")
    if code and not has(found, "k"):
        if status(pot)[0]:
            os.environ["_POT_RECURSIVE"] = "1"
            if var(pot, "pot.level") == "0" and kind == "multi":
                error(f"The pot {pot} has level 0. Please destroy the related base insted")
            else:
                nested(["destroy", "-Fp", pot])
    return code


def quiet_crontab(root: str) -> None:
    """What a jail must not run: the entropy file and the clock are the host's."""
    path = root + "/etc/crontab"
    if os.path.exists(path):
        with open(path, encoding="utf-8") as stream:
            lines = stream.readlines()
        with open(path, "w", encoding="utf-8") as stream:
            stream.writelines(
                "#" + line if re.search(r"save-entropy|adjkerntz", line) and not line.startswith("#") else line for line in lines
            )


def network_address(network: str, addresses: list[str], bridge: str, stack: str) -> str:
    """The ip= value for a new pot; ends the command with pot's message when the options do not fit."""
    if network == "inherit":
        return ""
    if network == "alias":
        if not addresses:
            error("option -i is mandatory with network type is alias")
            raise Exit(1)
        for text in addresses:
            if text == "auto":
                error("-i auto not usable with network type alias - a real IP address has to be provided")
                raise Exit(1)
            plain = text.rpartition("|")[2]
            if (
                not valid_address(plain)
                or (stack == "ipv4" and not valid_address(plain, 4))
                or (stack == "ipv6" and not valid_address(plain, 6))
            ):
                error(f"The {text} IP is not valid - run potnet validate -H {plain} for more information")
                raise Exit(1)
        return " ".join(addresses)
    if network == "private-bridge":
        if not bridge:
            error("private-bridge network type requires -B option, to specify which private bridge to use")
            raise Exit(1)
        if bridge not in bridges():
            error(f"bridge {bridge} is not valid. Have you already created it?")
            raise Exit(1)
        if stack == "ipv6":
            error("private-bridge network type is not supported on ipv6 only network stack")
            raise Exit(1)
    else:
        bridge = ""
    wanted = addresses[-1] if addresses else "auto"
    if stack == "ipv6":
        return ""
    if wanted == "auto":
        return next_address(bridge)
    network_range = ipaddress.ip_network(bridge_var(bridge, "net") if bridge else settings["POT_NETWORK"])
    if not valid_address(wanted, 4) or ipaddress.ip_address(wanted) not in network_range or wanted in taken_addresses():
        error(f"The {wanted} IP is not valid - run potnet validate -H {wanted} for more information")
        raise Exit(1)
    return wanted


def create_filesystem(pot: str, kind: str, level: str, base: str, source: str) -> bool:
    own = dataset(pot)
    if own not in datasets() and not zfs_create(own):
        return False
    if kind == "single":
        if source:
            snap = last_snapshot(dataset(source) + "/m")
            if not snap:
                error(f"Pot {source} has no snapshots")
                return False
            if not copy_dataset(f"{dataset(source)}/m@{snap}", own + "/m"):
                return False
        elif not zfs_create(own + "/m"):
            return False
    else:
        os.makedirs(root_of(pot), exist_ok=True)
        parts = {"0": (), "1": ("usr.local", "custom"), "2": ("custom",)}[level]
        for part in parts:
            origin = f"{dataset(source)}/{part}" if source else f"{settings.zfs}/bases/{base}/{part}"
            snap = last_snapshot(origin)
            if not snap:
                error(f"{origin} has no snap - please take a snapshot")
                return False
            if not try_zfs(zfs.create, f"{own}/{part}", {"mountpoint": f"{directory(pot)}/{part}"}, origin=f"{origin}@{snap}"):
                return False
    os.makedirs(directory(pot) + "/conf", exist_ok=True)
    return True


def copy_dataset(snapshot: str, target: str) -> bool:
    """zfs send | zfs receive."""
    import tempfile

    with tempfile.TemporaryFile() as stream:
        if not try_zfs(zfs.send, snapshot, False, False, None, stream):
            return False
        stream.seek(0)
        return try_zfs(zfs.receive, target, stream, False, True, None, {}, [])


def network_lines(network: str, address: str, bridge: str) -> list[str]:
    lines = [f"network_type={network}", f"vnet={'true' if network.endswith('bridge') else 'false'}"]
    if network != "inherit":
        lines.append(f"ip={address}")
    if network == "private-bridge":
        lines.append(f"bridge={bridge}")
    return lines


def write_conf(
    pot: str, kind: str, level: str, base: str, source: str, network: str, address: str, bridge: str, stack: str, dns: str
) -> None:
    release = base
    if kind == "multi":
        try:
            with open(f"{settings.fs}/bases/{base}/.osrelease", encoding="ascii") as stream:
                release = stream.read().strip().removesuffix("-RELEASE")
        except OSError:
            pass
    lines = [
        f"pot.level={level}", f"pot.type={kind}", f"pot.base={base}", f"pot.potbase={source}", f"pot.dns={dns.partition(':')[0]}",
        "pot.cmd=sh /etc/rc", f'host.hostname="{hostname_for(pot)}"', f'osrelease="{release}-RELEASE"',
    ]
    lines += [f"pot.attr.{name}={(ATTRIBUTES.get(name) or JAIL_ATTRIBUTES[name])[1]}" for name in FRESH]
    lines.append(f"pot.stack={stack}")
    lines += network_lines(network, address, bridge)
    write_lines(pot, lines)
    fscomp = []
    if kind == "multi":
        store = f"{settings.zfs}/bases/{base}"
        own = dataset(pot)
        fscomp = {
            "0": [f"{store} /", f"{store}/usr.local /usr/local", f"{store}/custom /opt/custom"],
            "1": [f"{store} / ro", f"{own}/usr.local /usr/local zfs-remount", f"{own}/custom /opt/custom zfs-remount"],
            "2": [f"{store} / ro", f"{dataset(source)}/usr.local /usr/local ro", f"{own}/custom /opt/custom zfs-remount"],
        }[level]
    with open(fscomp_path(pot), "w", encoding="utf-8") as stream:
        stream.write("".join(line + "\n" for line in fscomp))
    if dns.startswith("custom:"):
        shutil.copyfile(dns[7:], directory(pot) + "/conf/resolv.conf")


# ---------------------------------------------------------------- flavours


def flavour_files(flavour: str) -> list[str]:
    """The command file and/or the script of a flavour: the literal path, ./X, then the flavour directory."""
    home = PREFIX + "/etc/pot/flavours"
    found = []
    if not flavour.endswith(".sh"):
        for path in (flavour, "./" + flavour, f"{home}/{flavour}"):
            if os.path.isfile(path):
                found.append(path)
                break
    script = flavour if flavour.endswith(".sh") else flavour + ".sh"
    for path in (script, "./" + script, f"{home}/{script}"):
        if os.path.isfile(path):
            found.append(path)
            break
    return found


def apply_flavours(pot: str, flavours: list[str], command: str) -> int:
    os.environ["_POT_RECURSIVE"] = "1"
    for flavour in flavours:
        for path in flavour_files(flavour):
            if path.endswith(".sh"):
                if not flavour_script(pot, path):
                    error(f"{command}: flavour {flavour} failed (script)")
                    return 1
            elif not flavour_commands(pot, path, flavour):
                error(f"{command}: flavour {flavour} failed (pot commands)")
                return 1
    return 0


def flavour_commands(pot: str, path: str, flavour: str) -> bool:
    with open(path, encoding="utf-8", errors="surrogateescape") as stream:
        text = stream.read()
    lines = text.split("\n")[:-1]  # read(1) drops a last line without its newline
    for line in lines:
        words = line.split()
        if not words or words[0] not in FLAVOUR_COMMANDS:
            error(f"Flavor {flavour}: line {line} not valid - ignoring")
            continue
        if words[0] == "set-cmd":
            rest = line.strip()[len("set-cmd") :].strip()
            argv = ["set-cmd", "-p", pot, "-c", rest[2:].strip() if rest.startswith("-c") else rest]
        elif words[0] == "copy-in-flv":
            argv = ["copy-in", "-p", pot] + words[1:]
            for index, word in enumerate(argv):
                if word == "-s" and index + 1 < len(argv):
                    argv[index + 1] = os.path.join(os.path.dirname(os.path.abspath(path)), argv[index + 1])
        else:
            argv = [words[0], "-p", pot] + words[1:]
        if nested(argv):
            return False
    return True


def flavour_script(pot: str, path: str) -> bool:
    persistent = attribute(pot, "persistent")
    if persistent == "NO":
        replace(pot, "pot.attr.persistent", ["YES"])
    nested(["start", pot])
    target = f"{root_of(pot)}/tmp/{os.path.basename(path)}"
    say(f"{path} -> {target}")
    code = 1
    try:
        shutil.copyfile(path, target)
        os.chmod(target, 0o755)
        found = jaillib.find(pot)
        if found:
            code = run_inside(found[1], ["/tmp/" + os.path.basename(path), pot])
    except OSError as problem:
        complain(problem)
    nested(["stop", pot])
    if persistent == "NO":
        replace(pot, "pot.attr.persistent", ["NO"])
    return code == 0


def run_inside(jail: dict, argv: list[str], environment: dict[str, str] | None = None) -> int:
    def problem(failure: OSError) -> None:
        os.write(2, f"jexec: execvp: {argv[0]}: {failure.strerror}\n".encode())

    sys.stdout.flush()
    return jaillib.enter(jail, argv, dict(os.environ) if environment is None else environment, complain=problem)


# ---------------------------------------------------------------- clone


def cmd_clone(args: list[str]) -> int:
    found, _rest = options("clone", args)
    pot, source, snap, force = last(found, "p"), last(found, "P"), last(found, "s"), has(found, "F")
    network, bridge, stack, dns = last(found, "N"), last(found, "B"), last(found, "S"), last(found, "d")
    addresses = [value for letter, value in found if letter == "i"]
    flavours = [value for letter, value in found if letter == "f"]
    if not pot:
        error("A pot name is mandatory")
        raise usage("clone")
    if "." in pot:
        error(f"{pot} is not a valid name for a pot ('.' is the only character not allowed)")
        return 1
    if is_pot(pot, None):
        error(f"pot {pot} already exists")
        raise usage("clone")
    if not source:
        error("reference pot name is missing")
        raise usage("clone")
    if not is_pot(source, None):
        error(f"reference pot {source} not found")
        raise usage("clone")
    if snap and force:
        error("Options -s and -F are mutually exclusive")
        raise usage("clone")
    if var(source, "pot.level") == "0" and kind_of(source) == "multi":
        error("Level 0 pots cannot be cloned")
        raise usage("clone")
    kind = kind_of(source)
    own = dataset(source)
    main = own + ("/m" if kind == "single" else "/custom")
    if snap and snap not in datasets()[main]["snaps"]:
        error(f"snapshot {snap} not found")
        raise usage("clone")
    network = network or var(source, "network_type")
    if network not in NETWORKS:
        error(f"Network type {network} not recognized")
        raise usage("clone")
    stack = stack or var(source, "pot.stack") or settings["POT_NETWORK_STACK"]
    dns = dns or var(source, "pot.dns") or "inherit"
    if dns.startswith("custom:") and not os.access(dns[7:], os.R_OK):
        error(f"The file {dns[7:]} is not valid or readable")
        raise usage("clone")
    if network == "private-bridge" and not bridge:
        bridge = var(source, "bridge")
    for flavour in flavours:
        if not flavour_files(flavour):
            error(f"Flavour {flavour} not found")
            raise usage("clone")
    need_root()
    address = network_address(network, addresses, bridge, stack)
    parts = ["m"] if kind == "single" else [part for part in ("usr.local", "custom") if f"{own}/{part}" in datasets()]
    for part in parts:
        if not (snap or last_snapshot(f"{own}/{part}")):
            if not force:
                # nothing is created, and pot says it went well
                error(f"{own}/{part} has no snap - please take a snapshot of {source}")
                return 0
    tag = str(int(time.time()))
    if not zfs_create(dataset(pot)):
        return 0
    for part in parts:
        origin = f"{own}/{part}"
        chosen = snap or last_snapshot(origin)
        if not chosen:
            try_zfs(zfs.snapshot, [f"{origin}@{tag}"], False, {})
            chosen = tag
        props = {} if kind == "single" else {"mountpoint": f"{directory(pot)}/{part}"}
        if not try_zfs(zfs.create, f"{dataset(pot)}/{part}", props, origin=f"{origin}@{chosen}"):
            return 0
    os.makedirs(root_of(pot), exist_ok=True)
    os.makedirs(directory(pot) + "/conf", exist_ok=True)
    dropped = ("host.hostname=", "bridge=", "ip=", "vnet=", "network_type=", "pot.stack=", "pot.dns=")
    lines = [line for line in lines_of(source) if not line.startswith(dropped)]
    lines += [
        f'host.hostname="{hostname_for(pot)}"',
        f"pot.stack={stack}",
        *network_lines(network, address, bridge),
        f"pot.dns={dns.partition(':')[0]}",
    ]
    write_lines(pot, lines)
    normalise_mounts(source)
    with open(fscomp_path(source), encoding="utf-8") as stream:
        mounts_text = stream.read()
    if kind == "multi":
        kept = []
        for line in mounts_text.splitlines():
            words = line.split()
            if not words:
                continue
            if words[0].startswith(own + "/"):
                kept.append(line.replace(own + "/", dataset(pot) + "/", 1))
            elif words[0].startswith(settings.zfs + "/") or words[2:] == ["ro"] and not words[0].startswith("/"):
                kept.append(line)
            else:
                error(f"not able to manage {words[0]}")
        mounts_text = "".join(line + "\n" for line in kept)
    with open(fscomp_path(pot), "w", encoding="utf-8") as stream:
        stream.write(mounts_text)
    for name in ("prestart.sh", "poststart.sh", "prestop.sh", "poststop.sh", "resolv.conf"):
        if os.path.exists(f"{directory(source)}/conf/{name}"):
            shutil.copy2(f"{directory(source)}/conf/{name}", f"{directory(pot)}/conf/{name}")
    if dns.startswith("custom:"):
        shutil.copyfile(dns[7:], directory(pot) + "/conf/resolv.conf")
    code = apply_flavours(pot, flavours, "clone")
    if code and not has(found, "k"):
        nested(["destroy", "-Fp", pot])
    return code


# ---------------------------------------------------------------- destroy, rename


def cmd_destroy(args: list[str]) -> int:
    found, _rest = options("destroy", args)
    pot, base, fscomp, bridge = last(found, "p"), last(found, "b"), last(found, "f"), last(found, "B")
    force, recursive, quiet = has(found, "F"), has(found, "r"), has(found, "q")
    if not (pot or base or fscomp or bridge):
        error("at least one of -p, -b, -f or -B has to be used")
        raise usage("destroy")
    if len([each for each in (pot, base, fscomp, bridge) if each]) > 1:
        error("options -p, -b, -f and -B are mutually exclusive")
        raise usage("destroy")
    need_root()
    if fscomp:
        name = f"{settings.zfs}/fscomp/{fscomp}"
        if name not in datasets():
            error(f"{fscomp} is not a fscomp")
            return 1
        return 0 if try_zfs(zfs.destroy, name, True, False, force) else 1
    if bridge:
        if bridge not in bridges():
            error(f"{bridge} is not a valid bridge name")
            return 1
        if any(var(name, "bridge") == bridge for name in all_pots()):
            error(f"bridge {bridge} is used at least by one pot")
            return 1
        os.unlink(f"{settings.fs}/bridges/{bridge}")
        return 0
    if base:
        return destroy_base(base, recursive, force)
    return destroy_pot(pot, recursive, force, quiet)


def destroy_base(base: str, recursive: bool, force: bool) -> int:
    if base not in all_bases():
        error(f"{base} is not a valid base")
        return 1
    own = "base-" + base.replace(".", "_", 1)
    users = [name for name in all_pots() if name != own and var(name, "pot.base") == base]
    if users and not recursive:
        error(f"base {base} is used at least by one pot - use option -r to destroy it recursively")
        return 1
    for level in ("2", "1", "0"):
        for name in users:
            if var(name, "pot.level") == level and name in all_pots():
                destroy_pot(name, True, force, False)
    if is_pot(own, None):
        if is_running(own):
            nested(["stop", own])
        remove_pot(own, force)
    return 0 if try_zfs(zfs.destroy, f"{settings.zfs}/bases/{base}", True, False, force) else 1


def destroy_pot(pot: str, recursive: bool, force: bool, quiet: bool) -> int:
    if not is_pot(pot):
        if force and dataset(pot) in datasets():
            remove_pot(pot, True)
            info(f"Forcibly destroyed pot {pot}")
            return 0
        error(f"pot {pot} not found or corrupted. Try to use the -F flag")
        return 1
    if var(pot, "pot.level") == "0" and kind_of(pot) == "multi":
        error(f"The pot {pot} has level 0. Please destroy the related base insted")
        return 1
    users = [name for name in all_pots() if name != pot and var(name, "pot.potbase") == pot]
    if users:
        if not recursive:
            error(f"{pot} is used at least by one level 2 pot - use option -r to destroy it recursively")
            return 1
        for name in users:
            destroy_pot(name, True, force, quiet)
    if not quiet:
        info(f"Destroying pot {pot}")
    if is_running(pot):
        if not force:
            error(f"pot {pot} is running")
            return 1
        nested(["stop", pot])
        if is_running(pot):
            jaillib.remove(pot, None, 0)
    if not remove_pot(pot, force):
        error(f"zfs failed to destroy the dataset {dataset(pot)}")
        error(f"{pot} destruction failed")
        return 1
    return 0


def remove_pot(pot: str, force: bool) -> bool:
    state = zfs.load()
    below = zfs.children(state, dataset(pot)) if dataset(pot) in state["datasets"] else []
    clones = any(
        zfs.clones_of(state, f"{name}@{tag}")
        for name in [dataset(pot), *below]
        if name in state["datasets"]
        for tag in state["datasets"][name]["snaps"]
    )
    if not clones:
        for entry in reversed(mounttable.below(root_of(pot))):
            if entry["fstype"] == "nullfs":
                # What a start or mount-in that was cut off, or somebody's own mount, has left there: pot looks for none of it and
                # ends with rm -rf of the pot's directory, which does not stop at mount points.
                shutil.rmtree(entry["path"], ignore_errors=True)
            if entry["fstype"] != "zfs":
                jaillib.detach(entry["path"])
    if dataset(pot) in state["datasets"] and not try_zfs(zfs.destroy, dataset(pot), True, False, True):
        return False
    if os.path.exists(status_file(pot)):
        os.unlink(status_file(pot))
    shutil.rmtree(directory(pot), ignore_errors=True)
    return True


def cmd_rename(args: list[str]) -> int:
    found, _rest = options("rename", args)
    old, new = last(found, "p"), last(found, "n")
    if not old or not new:
        error("A pot name is mandatory" if not old else "A new pot name is mandatory")
        raise usage("rename")
    if not is_pot(old):
        return 1
    if is_pot(new, None):
        error(f"pot {new} exists already")
        return 1
    if is_running(old):
        error(f"pot {old} is still running")
        return 1
    need_root()
    before, after = directory(old), directory(new)
    text = ""
    if os.path.exists(fscomp_path(old)):
        with open(fscomp_path(old), encoding="utf-8") as stream:
            text = stream.read()
        text = re.sub(rf"{re.escape(before)}(?=/|\s|$)", after, text)
        text = re.sub(rf"{re.escape(dataset(old))}(?=/|\s|$)", dataset(new), text)
        with open(fscomp_path(old), "w", encoding="utf-8") as stream:
            stream.write(text)
    replace(old, "host.hostname", [f'"{new}.{socket.gethostname()}"'])
    moved = {
        part: zfs.mountpoint(zfs.load(), f"{dataset(old)}/{part}")
        for part in ("usr.local", "custom")
        if f"{dataset(old)}/{part}" in datasets()
    }
    try_zfs(zfs.rename, dataset(old), dataset(new), False, True, True, False)
    for part, where in moved.items():
        if where.startswith(before):
            try_zfs(zfs.set_properties, f"{dataset(new)}/{part}", {"mountpoint": after + where[len(before) :]})
    if os.path.isdir(before):
        try:
            os.rmdir(before)
        except OSError:
            pass
    for name in all_pots():
        lines = lines_of(name)
        changed = [re.sub(rf"^(pot\.potbase|pot\.depend)={re.escape(old)}$", rf"\g<1>={new}", line) for line in lines]
        if changed != lines:
            write_lines(name, changed)
    return 0


# ---------------------------------------------------------------- start


def resolv_conf(pot: str) -> bool:
    dns = var(pot, "pot.dns") or "inherit"
    etc = root_of(pot) + "/etc"
    if dns == "off":
        return True
    if dns == "inherit":
        if not os.access("/etc/resolv.conf", os.R_OK):
            error("No resolv.conf found in /etc")
            return False
        source = "/etc/resolv.conf"
    elif dns == "custom":
        source = directory(pot) + "/conf/resolv.conf"
    else:
        with open(etc + "/resolv.conf", "w", encoding="utf-8") as stream:
            stream.write(f"# Generated by pot\nsearch {socket.gethostname().partition('.')[2]}\nnameserver {settings['POT_DNS_IP']}\n")
        return True
    if os.path.isdir(etc):
        shutil.copyfile(source, etc + "/resolv.conf")
    else:
        info("No custom etc directory found, resolv.conf not loaded")
    return True


def etc_hosts(pot: str) -> None:
    name = var(pot, "host.hostname")
    kind = var(pot, "network_type")
    lines = [f"::1 localhost {name}", f"127.0.0.1 localhost {name}"]
    if kind.endswith("bridge") and attribute(pot, "no-etc-hosts") != "YES":
        lines += hosts_of(var(pot, "bridge") if kind == "private-bridge" else "")
    lines += raw(pot, "pot.hosts")
    with open(root_of(pot) + "/etc/hosts", "w", encoding="utf-8") as stream:
        stream.write("".join(line + "\n" for line in lines))


def hosts_of(bridge: str) -> list[str]:
    """potnet etc-hosts."""
    wanted = "private-bridge" if bridge else "public-bridge"
    lines = [] if bridge else [f"{settings['POT_DNS_IP']} {settings['POT_DNS_NAME']}"]
    for name in all_pots():
        if var(name, "network_type") == wanted and (not bridge or var(name, "bridge") == bridge) and var(name, "ip"):
            lines.append(f"{var(name, 'ip')} {name}")
    return lines


def environment_text(pot: str) -> str:
    lines = [f"export {value}" for value in raw(pot, "pot.env")] + [line for line in environment_lines(pot) if "_POT_JID=" not in line]
    return "".join(line + "\n" for line in lines)


def run_hook(pot: str, name: str) -> None:
    """A hook runs on the host, with the info -E variables in its environment."""
    path = f"{directory(pot)}/conf/{name}.sh"
    if not os.access(path, os.X_OK):
        return
    words = {"prestart": "pre-start", "poststart": "post-start", "prestop": "pre-stop", "poststop": "post-stop"}
    info(f"Executing the {words[name]} script for the pot {pot}")
    environment = dict(os.environ)
    for line in environment_lines(pot):
        key, _separator, value = line[len("export ") :].partition("=")
        environment[key] = value
    subprocess.run([path], env=environment, check=False)


def release_of(pot: str) -> str:
    """The pot's own freebsd-version, as uname in it will say."""
    return var(pot, "osrelease") or "13.2-RELEASE"


def append_rc_conf(pot: str, pattern: str, lines: list[str]) -> None:
    path = root_of(pot) + "/etc/rc.conf"
    kept = []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as stream:
            kept = [line for line in stream.read().splitlines() if not re.search(pattern, line)]
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("".join(line + "\n" for line in kept + lines))


def exported_ports(pot: str) -> list[tuple[str, int, int]]:
    """(protocol, port in the pot, port of the host); a missing host port is chosen now."""
    rules: list[tuple[str, int, int]] = []
    import net

    used = {entry["local"][1] for entry in net.sockets()} | {rule[1] for others in net.redirects().values() for rule in others}
    for word in " ".join(raw(pot, "pot.export.ports")).split():
        parts = word.split(":")
        protocol = parts.pop(0) if parts[0] in ("tcp", "udp") else "tcp"
        inside = int(parts[0])
        if len(parts) > 1:
            outside = int(parts[1])
        else:
            outside = next(number for number in range(1024, 10000) if number not in used)
        used.add(outside)
        rules.append((protocol, inside, outside))
    return rules


def jail_parameters(pot: str) -> dict[str, str]:
    """What jls -n is to show, in jail(8)'s names."""
    params = {"persist": "true", "osrelease": release_of(pot), "devfs_ruleset": attribute(pot, "devfs_ruleset") or "4"}
    for key in ("enforce_statfs", "sysvmsg", "sysvsem", "sysvshm"):
        params[key] = attribute(pot, key) or JAIL_ATTRIBUTES[key][1]
    params["children.max"] = attribute(pot, "children") or "0"
    for name in ("mount", "mlock"):
        if attribute(pot, name) == "YES":
            params["allow." + name] = "true"
    for name in ("linprocfs", "nullfs", "tmpfs", "zfs"):
        if attribute(pot, name) == "YES":
            params["allow.mount." + name] = "true"
    for name in ("allow.raw_sockets", "allow.socket_af", "allow.chflags"):
        params[name] = "true"
    return params


def start_failed(pot: str) -> int:
    """start-cleanup: what stop does, starting from 'doa'."""
    set_status(pot, "doa")
    stop_pot(pot)
    return 1


def cmd_start(args: list[str]) -> int:
    found, rest = options("start", args)
    pot = last(found, "p") or (rest[0] if rest else "")
    if not pot:
        error("A pot name is mandatory")
        raise usage("start")
    if not is_pot(pot):
        return 1
    if is_running(pot):
        debug(f"pot {pot} is already running")
        return 0
    if var(pot, "ip4") or var(pot, "pot.export.static.ports"):
        error(f"Configuration file for {pot} contains obsolete elements")
        error(f"Please run pot update-config -p {pot} to fix")
        return 1
    need_root()
    kind = var(pot, "network_type")
    if kind == "private-bridge" and var(pot, "pot.stack") == "ipv6":
        error("The framework is configured to run ipv6 only and private-bridge are supported only on ipv4 - abort")
        return 1
    code = set_status(pot, "starting")
    if code:
        error(f"pot {pot} is already starting" if code == 2 else f"pot {pot} is not in a state where it can start")
        return 1
    for other in raw(pot, "pot.depend"):
        nested(["start", other])
    if has(found, "s") or has(found, "S"):
        try_zfs(zfs.snapshot, [f"{dataset(pot)}@{int(time.time())}"], True, {})
    if not mount_pot(pot):
        return start_failed(pot)
    if not resolv_conf(pot):
        return start_failed(pot)
    etc_hosts(pot)
    return run_jail(pot, kind)


def run_jail(pot: str, kind: str) -> int:
    import net

    root = root_of(pot)
    params = jail_parameters(pot)
    stack = var(pot, "pot.stack") or settings["POT_NETWORK_STACK"]
    norc = attribute(pot, "no-rc-script") == "YES"
    tinirc: list[str] = ["#!/bin/sh", "echo $$ > /tmp/tinirc.pid"]
    own_network = kind != "inherit"
    interface = ""
    setup = None
    try:
        if kind == "inherit":
            if stack in ("ipv4", "dual"):
                params["ip4"] = "inherit"
            if stack in ("ipv6", "dual"):
                params["ip6"] = "inherit"
            if "ip6" not in params:

                def setup(pid: int) -> None:
                    group = net.socket_rules(pot, pid, None, False)
                    if group:
                        params["cgroup"] = group

        elif kind == "alias":
            addresses = aliases(pot)
            first = next((address for _rest, address in addresses if ":" not in address), None)
            params["ip4.addr"] = ",".join(address for _rest, address in addresses if ":" not in address)
            params["ip6.addr"] = ",".join(address for _rest, address in addresses if ":" in address)
            params["interfaces"] = " ".join(f"{nic}|{address}" for nic, address in addresses)

            def setup(pid: int) -> None:
                net.alias_up(pot, pid, addresses, settings["POT_EXTIF"])
                group = net.socket_rules(pot, pid, first, bool(params["ip6.addr"]))
                if group:
                    params["cgroup"] = group

        else:
            bridge = var(pot, "bridge") if kind == "private-bridge" else ""
            if not bridge_is_up(bridge):
                if not bridge:
                    info("Internal network not found! Calling vnet-start to fix the issue")
                vnet_start(bridge)
            device = net.bridge_with(bridge_var(bridge, "gateway") if bridge else settings["POT_GATEWAY"])
            network = ipaddress.ip_network(bridge_var(bridge, "net") if bridge else settings["POT_NETWORK"])
            gateway = bridge_var(bridge, "gateway") if bridge else settings["POT_GATEWAY"]
            taken = {int(jail["params"]["epair"]) for jail in jaillib.running().values() if "epair" in jail["params"]}
            number = net.epair(taken)
            interface = f"epair{number}"
            params.update({"vnet": "new", "epair": str(number)})
            address = var(pot, "ip")
            if norc:
                tinirc += [f"ifconfig {interface}b inet {address} netmask {network.netmask}", f"route add default {gateway}"]
            else:
                value = f"inet {address} netmask {network.netmask}" if not bridge else f"inet {address}/{network.prefixlen}"
                append_rc_conf(
                    pot, r"^ifconfig_epair[0-9]+[ab]=|^defaultrouter=", [f'ifconfig_{interface}b="{value}"', f'defaultrouter="{gateway}"']
                )
            rules = exported_ports(pot)

            def setup(pid: int) -> None:
                net.epair_up(number, pid, device, address, network.prefixlen, gateway, settings["POT_EXTIF"])

            if rules:
                try:
                    net.redirect(pot, settings["POT_EXTIF"], [(protocol, outside, address, inside) for protocol, inside, outside in rules])
                except OSError:
                    error("pfctl failed to apply redirection rules - ignoring but no redirection is performed")
                if attribute(pot, "localhost-tunnel") == "YES" and not os.access("/usr/local/bin/ncat", os.X_OK):
                    error("nmap package is missing, localhost-tunnel attribute ignored")
        text = environment_text(pot)
        if norc:
            tinirc += text.splitlines()
            if kind.endswith("bridge"):
                tinirc.append("ifconfig lo0 inet 127.0.0.1 alias")
            tinirc.append("exec " + (raw(pot, "pot.cmd") or ["sh /etc/rc"])[-1])
            write_private(root + "/tmp/tinirc", "".join(line + "\n" for line in tinirc), 0o755)
            command = ["/tmp/tinirc"]
        else:
            write_private(root + "/tmp/environment.sh", text, 0o600)
            command = ((raw(pot, "pot.cmd") or [""])[-1] or "sh /etc/rc").split()
        run_hook(pot, "prestart")
        info(f"Starting the pot {pot}")
        jaillib.mount_devfs(root)
        jail = jaillib.create(pot, root, var(pot, "host.hostname"), params, release_of(pot), own_network, setup)
    except OSError as problem:
        complain(problem)
        error(f"{pot} failed to start")
        return start_failed(pot)
    return supervise(pot, jail, command, interface)


def write_private(path: str, text: str, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(text)
    os.chmod(path, mode)


def supervise(pot: str, jail: dict, command: list[str], interface: str) -> int:
    """Run pot.cmd in the jail, note that the pot has started, wait for the command."""
    persistent = attribute(pot, "persistent") != "NO"
    if attribute(pot, "prunable") == "YES":
        replace(pot, "pot.attr.to-be-pruned", ["YES"])
    sys.stdout.flush()
    if var(pot, "pot.rss.cpus"):
        # the double has no CPU sets; this is how the recorded machine said that its had failed
        complain(OSError("cpuset: setaffinity: Resource deadlock avoided"))

    def problem(failure: OSError) -> None:
        os.write(2, f"jexec: execvp: {command[0]}: {failure.strerror}\n".encode())

    child = jaillib.spawn(jail, command, dict(os.environ), groups=(0, 5), complain=problem)
    if not persistent:
        with open(f"{settings.tmp}/pot_main_pid_{pot}", "w", encoding="ascii") as stream:
            stream.write(f"{child}\n")
    run_hook(pot, "poststart")
    code: int | None = None
    end = time.monotonic() + 0.5
    while code is None and time.monotonic() < end:
        pid, result = os.waitpid(child, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(result)
        else:
            time.sleep(0.01)
    set_status(pot, "started", f"{interface}:" if interface else "")
    if code is None:
        _rest, result = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(result)
    code = code if code >= 0 else 128 - code
    if os.path.isdir(directory(pot) + "/conf"):
        with open(directory(pot) + "/conf/.last_run_stats", "w", encoding="ascii") as stream:
            stream.write('{ "ExitCode": %d }\n' % code)
    if persistent:
        if is_running(pot):
            return 0
        if status(pot)[0] == "started":
            stop_pot(pot)
        error(f"{pot} failed to start")
        return 1
    try:
        os.unlink(f"{settings.tmp}/pot_main_pid_{pot}")
    except OSError:
        pass
    if status(pot)[0] == "started":
        stop_pot(pot)
    if code:
        error(f"{pot} reported application error")
        return 125
    return 0


# ---------------------------------------------------------------- stop


def stop_pot(pot: str) -> int:
    """The whole of stop once the pot is known to exist; 0, or 1 when the state machine refuses."""
    code = set_status(pot, "stopping")
    if code:
        error(f"pot {pot} is already stopping!" if code == 2 else f"pot {pot} is not in a state where it can be stopped")
        return 1
    import net

    interfaces = status(pot)[1]
    found = jaillib.find(pot)
    if found and found[0] == pot:
        run_hook(pot, "prestop")
        stop = attribute_raw(pot, "exec_stop")
        timeout = int(attribute(pot, "stop_timeout") or "10")
        if fault("jail-remove"):
            complain(OSError(f"jail: {pot}: jail_remove: Operation timed out"))
        else:
            sys.stdout.flush()
            jaillib.remove(pot, ["/bin/sh", "-c", stop] if stop else None, timeout)
    kind = var(pot, "network_type")
    if kind == "alias":
        net.alias_down(pot, aliases(pot))
    for name in interfaces.split(":"):
        if name.startswith("epair"):
            net.epair_down(int(name[5:]))
    net.unredirect(pot)
    group = net.group_of(pot)
    if os.path.isdir(group) and not is_running(pot):
        try:
            os.rmdir(group)
        except OSError:
            pass
    run_hook(pot, "poststop")
    if var(pot, "pot.dns") != "off":
        try:
            os.unlink(root_of(pot) + "/etc/resolv.conf")
        except OSError:
            pass
    unmount_pot(pot)
    set_status(pot, "stopped", "")
    return 0


def attribute_raw(pot: str, name: str) -> str:
    """exec_stop with its blanks, but cut at the first '=' it contains, as pot hands it to jail(8)."""
    values = raw(pot, "pot.attr." + name)
    return values[-1].partition("=")[0] if values else ""


def cmd_stop(args: list[str]) -> int:
    found, rest = options("stop", args)
    pot = last(found, "p") or (rest[0] if rest else "")
    if not pot:
        error("A pot name is mandatory")
        raise usage("stop")
    if not is_pot(pot, None):
        error(f"The pot {pot} is not a valid pot")
        return 0
    need_root()
    return stop_pot(pot)


def cmd_set_status(args: list[str]) -> int:
    found, _rest = options("set-status", args)
    pot, wanted = last(found, "p"), last(found, "s")
    if not pot or wanted not in ("starting", "started", "doa", "stopping", "stopped"):
        raise usage("set-status")
    return set_status(pot, wanted, last(found, "i") or None)


# ---------------------------------------------------------------- entering


def cmd_exec(args: list[str]) -> int:
    found, rest = options("exec", args)
    pot = last(found, "p")
    if not pot:
        error("A pot name is mandatory")
        raise usage("exec")
    if not rest:
        error("A command is mandatory")
        raise usage("exec")
    if has(found, "u") and has(found, "U"):
        error("Options -u and -U are mutually exclusive")
        raise usage("exec")
    if not is_pot(pot, None) or not is_running(pot):
        error("The pot is not running")
        return 1
    need_root()
    argv = ["/usr/sbin/jexec", "-l"]
    for letter in "uU":
        if has(found, letter):
            argv += ["-" + letter, last(found, letter)]
    extra = [value for letter, value in found if letter == "e"]
    argv += [pot, *(["env", *extra] if extra else []), *rest]
    sys.stdout.flush()
    if has(found, "d"):
        with open(os.devnull, "r+b") as null:
            subprocess.Popen(argv, stdin=null, stdout=null, stderr=null, start_new_session=True)
        return 0
    os.execv(argv[0], argv)


def cmd_term(args: list[str]) -> int:
    found, rest = options("term", args)
    pot = last(found, "p") or (rest[0] if rest else "")
    if not pot:
        error("A pot name is mandatory")
        raise usage("term")
    if has(found, "f") and not is_running(pot):
        if nested(["start", pot]):
            return 1
    if not is_running(pot):
        error(f"The pot {pot} is not running")
        return 1
    sys.stdout.flush()
    os.execv("/usr/sbin/jexec", ["/usr/sbin/jexec", "-l", "-U", "root", pot])


def cmd_run(args: list[str]) -> int:
    return cmd_term(["-f", *args])


def cmd_top(args: list[str]) -> int:
    found, _rest = options("top", args)
    pot = last(found, "p")
    if not pot or not is_running(pot):
        error(f"The pot {pot} is not running")
        return 1
    os.execv("/usr/bin/top", ["top", "-b", "-n", "1"])


def cmd_signal(args: list[str]) -> int:
    import signal as signals

    found, _rest = options("signal", args)
    pot, name, pid, pattern = last(found, "p"), last(found, "s", "INFO"), last(found, "P"), last(found, "m")
    if not pot or not is_pot(pot):
        if not pot:
            error("A pot name is mandatory")
        raise usage("signal")
    forced = 0 if has(found, "f") else 1
    if not is_running(pot):
        error(f"The pot {pot} is not running")
        return forced
    if attribute(pot, "persistent") != "NO" and not pid and not pattern:
        error("Persistent pots need either -P or -m")
        return forced
    jail = jaillib.find(pot)[1]
    number = int(name) if name.isdigit() else getattr(signals, "SIG" + name.upper().removeprefix("SIG"), signals.SIGUSR1)
    targets = []
    for each in jaillib.processes(jail):
        with open(f"/proc/{each}/status", encoding="utf-8", errors="replace") as stream:
            inner = next((line.split()[-1] for line in stream if line.startswith("NSpid:")), "")
        with open(f"/proc/{each}/cmdline", "rb") as stream:
            words = stream.read().replace(b"\0", b" ").decode(errors="replace")
        if (pid and pid in (inner, str(each))) or (pattern and re.search(pattern, words)) or (not pid and not pattern):
            targets.append(each)
    if has(found, "C") or has(found, "l"):
        for each in targets:
            say(str(each))
        return 0
    for each in targets:
        os.kill(each, number)
    return 0 if targets else forced


# ---------------------------------------------------------------- settings of a pot


def pot_option(command: str, found: list[tuple[str, str]]) -> str:
    pot = last(found, "p")
    if not pot:
        error("A pot name is mandatory")
        raise usage(command)
    if not is_pot(pot):
        raise usage(command)
    need_root()
    return pot


def cmd_set_env(args: list[str]) -> int:
    found, _rest = options("set-env", args)
    values = [value for letter, value in found if letter == "E"]
    for value in values:
        if "=" not in value or value.startswith("="):
            error(f"{value} not in a valid form")
            error("VARIABLE=value is accetped")
            raise usage("set-env")
    if not last(found, "p"):
        error("A pot name is mandatory")
        raise usage("set-env")
    if not values:
        error("A command is mandatory")
        raise usage("set-env")
    pot = pot_option("set-env", found)
    replace(pot, "pot.env", ['"' + value.replace('"', '\\"') + '"' for value in values])
    return 0


def cmd_set_cmd(args: list[str]) -> int:
    found, _rest = options("set-cmd", args)
    command = last(found, "c")
    if not command and last(found, "p"):
        error("A command is mandatory")
        raise usage("set-cmd")
    pot = pot_option("set-cmd", found)
    if command.startswith('"'):
        command = command[1:].removesuffix('"')
    replace(pot, "pot.cmd", [command])
    return 0


def cmd_set_hosts(args: list[str]) -> int:
    found, _rest = options("set-hosts", args)
    values = []
    for letter, value in found:
        if letter == "H":
            name, colon, address = value.partition(":")
            if not colon or not valid_address(address):
                error(f"Submitted ip {address} is not a valid one")
                raise usage("set-hosts")
            values.append(f"{address} {name}")
    pot = pot_option("set-hosts", found)
    path = settings.tmp + "/pot-set-hosts"
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        error("not able to create temporary file - set-hosts failed")
        return 1
    try:
        replace(pot, "pot.hosts", values)
    finally:
        os.unlink(path)
    return 0


def cmd_set_hook(args: list[str]) -> int:
    found, _rest = options("set-hook", args)
    names = {"s": "prestart", "S": "poststart", "t": "prestop", "T": "poststop"}
    hooks = []
    for letter, value in found:
        if letter in names:
            if os.path.isfile(value) and os.access(value, os.X_OK):
                hooks.append((names[letter], value))
            else:
                error(f"{value} not a valid hook")
    if not hooks:
        error("No hooks provided")
        raise usage("set-hook")
    pot = pot_option("set-hook", found)
    for name, path in hooks:
        shutil.copyfile(path, f"{directory(pot)}/conf/{name}.sh")
        os.chmod(f"{directory(pot)}/conf/{name}.sh", 0o755)
    return 0


def cmd_set_attribute(args: list[str]) -> int:
    found, _rest = options("set-attribute", args)
    name, value = last(found, "A"), last(found, "V")
    if not last(found, "p"):
        error("A pot name is mandatory")
        raise usage("set-attribute")
    if not name:
        error("Option -A is mandatory")
        raise usage("set-attribute")
    kinds = {**ATTRIBUTES, **JAIL_ATTRIBUTES}
    if name not in kinds:
        error(f"{name} is not a valid attribute")
        raise usage("set-attribute")
    if not value:
        error("Option -V is mandatory")
        raise usage("set-attribute")
    pot = pot_option("set-attribute", found)
    kind = kinds[name][0]
    if name == "no-tmpfs":
        if kind_of(pot) != "single":
            error("no-tmpfs is supported on single type pots only")
            return 1
        if is_running(pot):
            error(f"pot {pot} is still running")
            complain(OSError(f"{PREFIX}/bin/pot: set-attribute: not found"))
            return 1
    if kind == "bool":
        lowered = value.lower()
        if lowered in ("yes", "true", "on"):
            value = "YES"
        elif lowered in ("no", "false", "off"):
            value = "NO"
        else:
            error("value  is not a valid boolean value")
            raise usage("set-attribute")
    elif kind == "uint" and not value.isdigit():
        error(f"value {value} is not a valid uint value")
        raise usage("set-attribute")
    elif kind == "sysv" and value not in ("new", "inherit", "disable"):
        error("value must be one of 'new', 'inherit', 'disable'")
        raise usage("set-attribute")
    replace(pot, "pot.attr." + name, [value])
    return 0


def cmd_set_rss(args: list[str]) -> int:
    found, _rest = options("set-rss", args)
    cpus, memory = last(found, "C"), last(found, "M")
    if cpus and (not cpus.isdigit() or int(cpus) == 0):
        error(f"{cpus} is not a valid cpu constraint")
        raise usage("set-rss")
    if memory and (not re.fullmatch(r"[0-9]+[bBkKmMgG]?", memory) or int(re.match(r"\d+", memory).group()) == 0):
        error(f"{memory} is not a valid memory constraint")
        raise usage("set-rss")
    pot = pot_option("set-rss", found)
    if not cpus and not memory:
        error("At least one of -C and -M has to be used")
        raise usage("set-rss")
    if cpus:
        replace(pot, "pot.rss.cpus", [cpus])
    if memory:
        replace(pot, "pot.rss.memory", [memory])
    return 0


def cmd_export_ports(args: list[str]) -> int:
    found, _rest = options("export-ports", args)
    ports = [value for letter, value in found if letter == "e"]
    for port in ports:
        words = port.split(":")
        if words[0] in ("tcp", "udp"):
            words.pop(0)
        for word in words or [""]:
            if not word.isdigit() or not 0 < int(word) < 65536:
                error(f"{word} is not a valid port number")
                raise usage("export-ports")
    if not ports and last(found, "p"):
        error("One port has to be exported at least")
        raise usage("export-ports")
    pot = pot_option("export-ports", found)
    if not var(pot, "network_type").endswith("bridge"):
        info("Only public-bridge and private-bridge network type can export ports - this setting will be ignored during start")
    replace(pot, "pot.export.ports", [" ".join(ports)])
    return 0


def cmd_add_dep(args: list[str]) -> int:
    found, _rest = options("add-dep", args)
    other = last(found, "P")
    pot = pot_option("add-dep", found)
    if not other or not is_pot(other):
        if not other:
            error("A pot dependency is mandatory")
        raise usage("add-dep")
    write_lines(pot, lines_of(pot) + [f"pot.depend={other}"])
    return 0


def cmd_update_config(args: list[str]) -> int:
    found, _rest = options("update-config", args)
    names = all_pots() if has(found, "a") else [pot_option("update-config", found)]
    for pot in names:
        lines = lines_of(pot)
        known = {line.partition("=")[0] for line in lines}
        for key, value in (
            ("pot.type", "multi"),
            ("pot.attr.early.start-at-boot", "NO"),
            ("pot.attr.no-tmpfs", "NO"),
            ("pot.stack", settings["POT_NETWORK_STACK"]),
        ):
            if key not in known:
                lines.append(f"{key}={value}")
        for name, (_rest, default) in JAIL_ATTRIBUTES.items():
            if f"pot.attr.{name}" not in known and name != "exec_stop":
                lines.append(f"pot.attr.{name}={default}")
        lines.append("pot.attr.exec_stop=")
        write_lines(pot, [line for line in lines if not line.startswith("pot.rss.cpuset=")])
        normalise_mounts(pot)
    return 0


# ---------------------------------------------------------------- mounts


def cmd_mount_in(args: list[str]) -> int:
    found, _rest = options("mount-in", args)
    pot, where = last(found, "p"), last(found, "m")
    fscomp, source, name = last(found, "f"), last(found, "d"), last(found, "z")
    read_only, remount = has(found, "r"), has(found, "w")
    if not pot:
        error("A pot name is mandatory")
        raise usage("mount-in")
    for first, second, one, two in (("f", "d", fscomp, source), ("f", "z", fscomp, name), ("d", "z", source, name)):
        if one and two:
            error(f"-{first} and -{second} options are mutually exclusive")
            raise usage("mount-in")
    if not (fscomp or source or name):
        error("One of -f|-d|-z option has to be used")
        raise usage("mount-in")
    if not where:
        error("A mount point is mandatory")
        raise usage("mount-in")
    if re.search(r"\s", where):
        error("The mountpoint cannot contain spaces")
        raise usage("mount-in")
    if not is_pot(pot, None):
        error(f"pot {pot} is not valid")
        raise usage("mount-in")
    if source and remount:
        error("Remount cannot be used with directories, but with fscomp only")
        raise usage("mount-in")
    if source:
        plain = source.rstrip("/") or "/"
        if not os.path.isdir(plain):
            error(f"{source} is not a directory")
            raise usage("mount-in")
        source = plain if plain.startswith("/") else os.path.realpath(plain)
    if fscomp:
        name = f"{settings.zfs}/fscomp/{fscomp}"
        if name not in datasets():
            error(f"fscomp {fscomp} is not valid")
            raise usage("mount-in")
    elif name and name not in datasets():
        error(f"dataset {name} is not valid")
        raise usage("mount-in")
    if not where.startswith("/"):
        error("The mount point has to be an absolute pathname")
        return 1
    if where == "/":
        error("/ is not a valid mount point")
        return 1
    need_root()
    with open(fscomp_path(pot), encoding="utf-8") as stream:
        text = stream.read()
    if source and re.search(re.escape(source) + " ", text):
        error(f"Directory {source} not valid, already used or already part of the pot")
        return 1
    running = is_running(pot)
    if not running and not mount_pot(pot):
        error(f"Pot {pot} failed to mount")
        return 1
    try:
        resolved = make_inside(root_of(pot), where)
    except OSError as problem:
        complain(OSError(f"mkdir: {where}: {problem.strerror}"))
        resolved = None
    finally:
        if not running:
            unmount_pot(pot)
    if resolved is None:
        error("The mountpoint is not valid!")
        return 1
    absolute = root_of(pot) + resolved
    with open(fscomp_path(pot), encoding="utf-8") as stream:
        text = stream.read()
    if not source and any(line.split()[:2] == [name, absolute] for line in text.splitlines()):
        error(f"The mount point {where} is already in use")
        error("The mountpoint is not valid!")
        return 1
    option = "ro" if read_only else "zfs-remount" if remount else ""
    line = f"{source} {resolved}" if source else f"{name} {absolute}"
    with open(fscomp_path(pot), "a", encoding="utf-8") as stream:
        stream.write(line + (f" {option}" if option else "") + "\n")
    if running:
        # its failure is reported, but not in the exit code, and the line stays
        mount_one(pot, source or name, resolved, option)
    return 0


def cmd_mount_out(args: list[str]) -> int:
    found, _rest = options("mount-out", args)
    pot, where = last(found, "p"), last(found, "m")
    if not pot:
        error("A pot name is mandatory")
        raise usage("mount-out")
    if not where:
        error("A mount point is mandatory")
        raise usage("mount-out")
    if not is_pot(pot, None):
        error(f"pot {pot} is not valid")
        raise usage("mount-out")
    need_root()
    running = is_running(pot)
    if not running and not mount_pot(pot):
        error(f"Pot {pot} failed to mount")
        return 1
    resolved = resolve(root_of(pot), where)
    if not running:
        unmount_pot(pot)
    if resolved is None:
        complain(OSError(f"realpath: {where}: No such file or directory"))
        return 0
    with open(fscomp_path(pot), encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    relative = any(line.split()[1:2] == [resolved] for line in lines)
    absolute = root_of(pot) + resolved
    if not relative and (running or not any(line.split()[1:2] == [absolute] for line in lines)):
        error(f"The mount point {where} is not in use")
        return 1
    if running:
        jaillib.detach(absolute)
    # only entries in the old absolute form are ever deleted
    kept = [line for line in lines if line.split()[1:2] != [absolute]]
    if kept != lines:
        with open(fscomp_path(pot), "w", encoding="utf-8") as stream:
            stream.write("".join(line + "\n" for line in kept))
    return 0


def copy_options(command: str, args: list[str]) -> tuple[str, str, str, list[tuple[str, str]]]:
    found, _rest = options(command, args)
    pot, source, target = last(found, "p"), last(found, "s"), last(found, "d")
    if not pot:
        error("A pot name is mandatory")
        raise usage(command)
    if not source:
        error("A source is mandatory")
        raise usage(command)
    if not target:
        error("A destination is mandatory")
        raise usage(command)
    if not is_pot(pot):
        raise usage(command)
    need_root()
    if is_running(pot) and not has(found, "F"):
        error("Copying files on a running pot is discouraged, it can partially expose the host file system to the jail")
        info("Using the -F flag, the operation can be executed anyway, but we disagree")
        raise Exit(1)
    return pot, source, target, found


def copy(source: str, target: str) -> bool:
    sys.stdout.flush()
    return subprocess.run(["/bin/cp", "-a", source, target], check=False).returncode == 0


def cmd_copy_in(args: list[str]) -> int:
    pot, source, target, found = copy_options("copy-in", args)
    if not os.access(source, os.R_OK):
        error(f"{source} is not valid")
        raise usage("copy-in")
    if not target.startswith("/"):
        error("The destination has to be an absolute pathname")
        raise usage("copy-in")
    running = is_running(pot)
    if not running and not mount_pot(pot):
        return 1
    try:
        root = root_of(pot)
        parent = target.rstrip("/").rpartition("/")[0] or "/"
        if has(found, "c"):
            make_inside(root, parent)
        inside = resolve(root, parent)
        good = inside is not None
        if good:
            place = f"{root}{'' if inside == '/' else inside}/{target.rstrip('/').rpartition('/')[2]}"
            here = resolve(root, target)
            if here is not None and os.path.isdir(root + here):
                place = root + here
                if os.path.isdir(source):
                    # the source is mounted under a random name in /tmp, and cp keeps that name
                    place += "/" + "copy-in." + os.urandom(4).hex()
            good = copy(source.rstrip("/") if os.path.isdir(source) else source, place)
        else:
            complain(OSError(f"cp: {target}: No such file or directory"))
    finally:
        if not running:
            unmount_pot(pot)
    if not good:
        error(f"Source {source} NOT copied because of an error")
        return 1
    return 0


def cmd_copy_out(args: list[str]) -> int:
    pot, source, target, _rest = copy_options("copy-out", args)
    if not os.path.isdir(target):
        error(f"{target} is not a valid directory")
        raise usage("copy-out")
    running = is_running(pot)
    if not running and not mount_pot(pot):
        return 1
    try:
        inside = resolve(root_of(pot), source)
        good = inside is not None and copy(root_of(pot) + inside, target)
        if inside is None:
            complain(OSError(f"cp: {source}: No such file or directory"))
    finally:
        if not running:
            unmount_pot(pot)
    if not good:
        error(f"Source {source} NOT copied because of an error")
        return 1
    return 0


# ---------------------------------------------------------------- snapshots


def snapshot_target(command: str, found: list[tuple[str, str]]) -> tuple[str, str]:
    """(pot or '', dataset)."""
    pot, fscomp = last(found, "p"), last(found, "f")
    if bool(pot) == bool(fscomp):
        error("Options -p and -f are mutually exclusive" if pot else "One of -p and -f has to be used")
        raise usage(command)
    if pot:
        if not is_pot(pot):
            raise usage(command)
        return pot, dataset(pot)
    name = f"{settings.zfs}/fscomp/{fscomp}"
    if name not in datasets():
        error(f"fscomp {fscomp} is not valid")
        raise usage(command)
    return "", name


def cmd_snapshot(args: list[str]) -> int:
    found, _rest = options("snapshot", args)
    pot, name = snapshot_target("snapshot", found)
    need_root()
    if pot and is_running(pot):
        error(f"The pot {pot} is still running. Snapshot is possible only for stopped pots")
        return 1
    if has(found, "r"):
        state = zfs.load()
        for each in [name, *zfs.children(state, name)]:
            snaps = sorted(state["datasets"][each]["snaps"])
            if snaps:
                try_zfs(zfs.destroy, f"{each}@{snaps[0]}", False, False, False)
    if fault("zfs-snapshot"):
        complain(zfs.ZfsError(f"cannot create snapshot '{name}@{int(time.time())}': out of space"))
        return 0
    try_zfs(zfs.snapshot, [f"{name}@{int(time.time())}"], bool(pot), {})
    return 0


def cmd_revert(args: list[str]) -> int:
    found, _rest = options("revert", args)
    pot, name = snapshot_target("revert", found)
    need_root()
    if pot and is_running(pot):
        error(f"The pot {pot} is still running. Revert is possible only for stopped pots")
        return 1
    state = zfs.load()
    for each in [name, *zfs.children(state, name)]:
        snaps = sorted(state["datasets"][each]["snaps"])
        if snaps:
            try_zfs(zfs.rollback, f"{each}@{snaps[-1]}", False, False, False)
    return 0


def cmd_purge_snapshots(args: list[str]) -> int:
    found, _rest = options("purge-snapshots", args)
    _rest, name = snapshot_target("purge-snapshots", found)
    need_root()
    state = zfs.load()
    for each in [name, *zfs.children(state, name)]:
        snaps = sorted(state["datasets"][each]["snaps"])
        for tag in snaps if has(found, "a") else snaps[:-1]:
            try_zfs(zfs.destroy, f"{each}@{tag}", False, False, False)
    return 0


# ---------------------------------------------------------------- images


def image_hash(*paths: str) -> str:
    """Stands in for skein1024: 128 bytes over the image and its meta file."""
    import hashlib

    first, second = hashlib.sha512(b"a"), hashlib.sha512(b"b")
    for path in paths:
        if os.path.exists(path):
            with open(path, "rb") as stream:
                while block := stream.read(1 << 20):
                    first.update(block)
                    second.update(block)
    return first.hexdigest() + second.hexdigest()


def cmd_export(args: list[str]) -> int:
    found, _rest = options("export", args)
    pot, tag, place, level = last(found, "p"), last(found, "t"), last(found, "D", "."), last(found, "l", "6")
    if not pot:
        error("A pot name is mandatory")
        raise usage("export")
    if not is_pot(pot, None):
        error(f"{pot} is not a valid pot")
        raise usage("export")
    if kind_of(pot) != "single":
        error(f"pot {pot} has type multi - only single pots can be exported")
        return 1
    if not re.fullmatch("[0-9]", level):
        error(f"{level} is not a valid compression level")
        raise usage("export")
    if not os.path.isdir(place):
        error(f"{place} is not a directory")
        raise usage("export")
    need_root()
    name = dataset(pot)
    snaps = sorted(datasets()[name]["snaps"])
    if has(found, "A"):
        if not snaps:
            if nested(["snapshot", "-p", pot]):
                return 1
        elif len(snaps) > 1:
            nested(["purge-snapshots", "-p", pot])
        snaps = sorted(datasets()[name]["snaps"])
    if not snaps:
        error(f"The pot {pot} has no snapshots - please use the snapshot command")
        return 1
    if len(snaps) > 1 and not has(found, "F"):
        error(f"The pot {pot} has more than one snapshot - please use the purge-snapshots command, or -F")
        return 1
    snap = snaps[-1]
    tag = tag or snap
    known = datasets()[name]["props"].get(":pot.tag", [""])[0]
    if has(found, "c") and known and version_key(tag) <= version_key(known):
        error(f"version {tag} is not newer than {known}")
        return 1
    info(f"exporting {pot} @ {snap} to {place}/{pot}_{tag}.xz")
    target = f"{place}/{pot}_{tag}.xz"
    sys.stdout.flush()
    with open(target, "wb") as stream, subprocess.Popen(
        ["/usr/bin/xz", f"-{level}", "-T", "0"], stdin=subprocess.PIPE, stdout=stream
    ) as packer:
        sent = try_zfs(zfs.send, f"{name}@{snap}", True, True, None, packer.stdin)
        packer.stdin.close()
    origin = datasets()[name + "/m"]["origin"]
    meta = "-"
    if origin:
        source = origin.rpartition("/m@")[0].rpartition("/")[2]
        source_tag = datasets()[dataset(source)]["props"].get(":pot.tag", [""])[0] if dataset(source) in datasets() else ""
        meta = f"{source}:{source_tag}@{origin.rpartition('@')[2]}"
    with open(target + ".meta", "w", encoding="utf-8") as stream:
        stream.write(meta + "\n")
    if not sent or fault("export-hash"):
        error("Export failed")
        for suffix in ("", ".meta", ".skein"):
            if os.path.exists(target + suffix):
                os.unlink(target + suffix)
        return 0
    with open(target + ".skein", "w", encoding="ascii") as stream:
        stream.write(image_hash(target, target + ".meta"))
    try_zfs(zfs.set_properties, name, {":pot.tag": tag, ":pot.snap": snap})
    return 0


def version_key(text: str) -> list:
    return [int(part) if part.isdigit() else 0 for part in text.split(".")]


def fetch(url: str, target: str) -> bool:
    sys.stdout.flush()
    return subprocess.run(["/usr/bin/fetch", "-o", target, url], stdin=subprocess.DEVNULL, check=False).returncode == 0


def cmd_import(args: list[str]) -> int:
    found, _rest = options("import", args)
    image, tag, url, key = (
        last(found, "p"),
        last(found, "t"),
        last(found, "U"),
        last(found, "C") or settings["POT_DEFAULT_SIGNATURE_PUBKEY"],
    )
    if not image:
        error("The pot name is mandatory")
        raise usage("import")
    if not tag:
        error("The tag is mandatory")
        raise usage("import")
    if has(found, "U") and not url:
        error("The URL is empty")
        raise usage("import")
    pot = f"{image}_{tag}".replace(".", "_")
    if is_pot(pot, None):
        error(f"pot {pot} is already present")
        raise usage("import")
    if key and not os.access(key, os.R_OK):
        error(f"Public key {key} not found")
        raise usage("import")
    if key and not os.access("/usr/local/bin/signify", os.X_OK):
        error("signify is required to verify signatures")
        return 1
    need_root()
    url = url or "file://"
    info(f"importing {image} @ {tag} as {pot}")
    cached = f"{settings['POT_CACHE']}/{image}_{tag}.xz"
    verified = False
    for _turn in range(2):
        if get_image(url, f"{image}_{tag}.xz", cached):
            verified = True
            break
        for suffix in (".skein", "", ".meta"):
            if os.path.exists(cached + suffix):
                os.unlink(cached + suffix)
    if not verified:
        return 1
    meta = "-"
    if os.path.exists(cached + ".meta"):
        with open(cached + ".meta", encoding="utf-8") as stream:
            meta = stream.read().strip()
    if meta == "-" or not meta:
        info(f"Pot {pot} has no dependencies")
    else:
        source, _separator, rest = meta.partition(":")
        source_tag, _separator, snap = rest.partition("@")
        local = f"{source}_{source_tag}".replace(".", "_")
        info(f"Pot {pot} depends on {local} (@{snap})")
        if is_pot(local, None):
            info(f"{local} already installed")
        else:
            info(f"Installing dependency {local}")
            if nested(["import", "-p", source, "-t", source_tag, "-U", url]):
                return 1
    sys.stdout.flush()
    with subprocess.Popen(["/usr/bin/xz", "-dc", cached], stdout=subprocess.PIPE) as unpacker:
        good = try_zfs(zfs.receive, dataset(pot), unpacker.stdout, False, True, None, {}, ["mountpoint"])
        unpacker.stdout.close()
    if not good:
        return 0
    host = socket.gethostname()
    replace(pot, "host.hostname", [f'"{pot}.{host}.{host}"'])
    kind = var(pot, "network_type")
    if kind in ("public-bridge", "alias"):
        if kind == "alias":
            error("Static IP not supported by import. Moving the pot to the internal network")
            replace(pot, "vnet", ["true"])
        address = next_address()
        info(f"Assigning new IP: {address}")
        replace(pot, "ip", [address])
    return 0


def get_image(url: str, name: str, cached: str) -> bool:
    for suffix in (".skein", "", ".meta"):
        if os.path.exists(cached + suffix):
            continue
        if not fetch(f"{url}/{name}{suffix}", cached + suffix):
            if os.path.exists(cached + suffix):
                os.unlink(cached + suffix)
            if suffix != ".meta":
                error(f"Fetching {name}{suffix} failed")
                return False
    with open(cached + ".skein", encoding="ascii", errors="replace") as stream:
        if stream.read().strip() != image_hash(cached, cached + ".meta"):
            error("The image and its hash do not overlap")
            return False
    return True


def cmd_prepare(args: list[str]) -> int:
    found, _rest = options("prepare", args)
    image, tag, allocation, url = last(found, "p"), last(found, "t"), last(found, "a"), last(found, "U")
    if not (image and tag and allocation):
        error("Options -p, -t and -a are mandatory")
        raise usage("prepare")
    need_root()
    template = f"{image}_{tag}".replace(".", "_")
    pot = f"{last(found, 'n') or template}_{allocation}".replace(".", "_")
    if is_pot(pot, None):
        error(f"A pot with name {pot} already exists")
        return 1
    if not is_pot(template, None):
        argv = ["import", "-p", image, "-t", tag] + (["-U", url] if url else [])
        if nested(argv):
            return 1
    network = last(found, "N")
    argv = ["clone", "-P", template, "-p", pot]
    for letter in "NiBSd":
        for key, value in found:
            if key == letter:
                argv += ["-" + letter, "inherit" if letter == "N" and network == "host" else value]
    if nested(argv) or not is_pot(pot, None):
        return 0 if not is_pot(pot, None) else 1
    for name, value in (
        ("persistent", "NO"),
        ("no-rc-script", "YES"),
        ("prunable", "YES"),
        ("localhost-tunnel", "YES"),
        ("no-etc-hosts", "YES"),
        ("no-tmpfs", "YES"),
    ):
        nested(["set-attribute", "-p", pot, "-A", name, "-V", value])
    if last(found, "c"):
        nested(["set-cmd", "-p", pot, "-c", last(found, "c")])
    ports = [value for letter, value in found if letter == "e"]
    if ports:
        nested(["export-ports", "-p", pot, *(word for port in ports for word in ("-e", port))])
    return nested(["start", pot]) if has(found, "s") else 0


# ---------------------------------------------------------------- the rest


def cmd_create_fscomp(args: list[str]) -> int:
    found, _rest = options("create-fscomp", args)
    name = last(found, "f")
    if not name:
        error("fscomp name is missing")
        raise usage("create-fscomp")
    need_root()
    full = f"{settings.zfs}/fscomp/{name}"
    if full in datasets():
        info(f"fs component {full} already exists")
        return 0
    return 0 if zfs_create(full) else 1


def cmd_clone_fscomp(args: list[str]) -> int:
    found, _rest = options("clone-fscomp", args)
    source, name = last(found, "F"), last(found, "f")
    if not source or not name:
        error("fscomp name is missing")
        raise usage("clone-fscomp")
    need_root()
    full = f"{settings.zfs}/fscomp/{source}"
    if full not in datasets():
        error(f"fscomp {source} is not valid")
        return 1
    snap = last_snapshot(full)
    if not snap:
        error(f"{full} has no snapshot - please use snapshot -f {source}")
        return 1
    return 0 if try_zfs(zfs.create, f"{settings.zfs}/fscomp/{name}", {}, origin=f"{full}@{snap}") else 1


def cmd_create_private_bridge(args: list[str]) -> int:
    found, _rest = options("create-private-bridge", args)
    name, size = last(found, "B"), last(found, "S")
    if not name:
        error("-B is missing")
        raise usage("create-private-bridge")
    if not size.isdigit():
        error("-S is missing" if not size else f"{size} is not a valid size")
        raise usage("create-private-bridge")
    if name in bridges():
        error(f"A bridge with name {name} already exists")
        return 1
    need_root()
    network = new_network(int(size))
    if network is None:
        error("Not able to find a network for the bridge")
        return 1
    gateway = next(network.hosts())
    with open(f"{settings.fs}/bridges/{name}", "w", encoding="ascii") as stream:
        stream.write(f"net={network}\ngateway={gateway}\nname={name}\n")
    return 0


def new_network(hosts: int):
    """potnet new-net: the first free subnet with room for gateway, network and broadcast addresses too."""
    prefix = 32
    while (1 << (32 - prefix)) < hosts + 3:
        prefix -= 1
    taken = [ipaddress.ip_address(address) for address in taken_addresses()]
    others = [ipaddress.ip_network(bridge_var(name, "net")) for name in bridges()]
    for network in ipaddress.ip_network(settings["POT_NETWORK"]).subnets(new_prefix=prefix):
        if not any(address in network for address in taken) and not any(network.overlaps(other) for other in others):
            return network
    return None


def vnet_start(bridge: str = "") -> int:
    import net

    gateway = bridge_var(bridge, "gateway") if bridge else settings["POT_GATEWAY"]
    if net.bridge_with(gateway):
        return 0
    net.bridge_up(gateway, bridge_var(bridge, "net") if bridge else settings["POT_NETWORK"], settings["POT_EXTIF"])
    return 0


def cmd_vnet_start(args: list[str]) -> int:
    found, _rest = options("vnet-start", args)
    bridge = last(found, "B")
    need_root()
    if bridge and bridge not in bridges():
        error(f"bridge {bridge} does not exist. Have you already created it?")
        return 1
    return vnet_start(bridge)


def cmd_prune(args: list[str]) -> int:
    found, _rest = options("prune", args)
    need_root()
    for pot in all_pots():
        if attribute(pot, "prunable") == "YES" and attribute(pot, "to-be-pruned") == "YES" and not is_running(pot):
            if not has(found, "q"):
                info(f"Pruning {pot}")
            if not has(found, "n"):
                nested(["destroy", "-q", "-p", pot])
            if not has(found, "q"):
                info(f"Pruned {pot}")
    return 0


def cmd_help(args: list[str]) -> int:
    if not args:
        sys.stdout.write(potusage.of(""))
        return 0
    name = ALIASES.get(args[0], args[0])
    if name not in GETOPT:
        error(f"Command {args[0]} unkown")
        return 1
    sys.stdout.write(potusage.of(name))
    return 0


def dispatch(command: str, args: list[str]) -> int:
    command = ALIASES.get(command, command)
    if command == "help":
        return cmd_help(args)
    if command == "run":
        return cmd_run(args)
    if command not in GETOPT:
        raise usage("", 1)
    return globals()["cmd_" + command.replace("-", "_")](args)


def main(argv: list[str]) -> int:
    global settings
    if not argv:
        sys.stdout.write(potusage.of(""))
        return 1
    command = ALIASES.get(argv[0], argv[0])
    known = command in GETOPT or command in ("help", "run")
    if not known:
        sys.stdout.write(potusage.of(""))
        return 1
    settings = Settings()
    if command not in UNLOGGED or any(word.startswith("-") and "v" in word for word in argv[1:2]):
        log(f"pot-{command} {' '.join(argv[1:])}".rstrip())
    try:
        if command not in ("init", "de-init", "version", "help"):
            if not os.path.isdir(settings.fs):
                sys.stderr.write(f"###>  {settings.fs} does not exist, please run 'pot init'\n")
                return 1
            if not os.access(settings.fs, os.R_OK):
                sys.stderr.write(f"###>  Current user has no read access to {settings.fs}\n")
                return 1
        if command in LOCKED and not os.environ.get("_POT_RECURSIVE") and not any(word == "-h" for word in argv[1:]) and os.geteuid() == 0:
            with Lock("/tmp/pot-lock-file"):
                os.environ["_POT_RECURSIVE"] = "1"
                return dispatch(command, argv[1:])
        return dispatch(command, argv[1:])
    except Exit as ending:
        return ending.code
