# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot init."""

from __future__ import annotations

import ipaddress
import os
import shutil
import subprocess
import sys
from pathlib import Path

import net
import zfs

from potlib.commandline import has, need_root, options
from potlib.configuration import settings
from potlib.output import error, info
from potlib.steps import datasets, zfs_create


def main(args: list[str]) -> int:
    found, _rest = options("init", args)
    need_root()
    minimal = has(found, "m")
    pf_file = "" if minimal else next((value for letter, value in reversed(found) if letter in "pf"), None)
    group = group_id(settings["POT_GROUP"])
    if group is None:
        error(f"init Group '{settings['POT_GROUP']}' is missing, create it or change POT_GROUP")
        error("init Configuration not valid, please verify it")
        return 1
    if not make_datasets(group):
        return 1
    system = not (minimal or has(found, "s"))
    if system:
        for path in ("/usr/local/etc/syslog.d", "/usr/local/etc/newsyslog.conf.d", "/var/log/pot"):
            os.makedirs(path, exist_ok=True)
    os.makedirs(settings.tmp, exist_ok=True)
    if not network_is_valid():
        return 1
    if system:
        configure_syslogd()
    if pf_file is None:
        done = subprocess.run(["/usr/sbin/sysrc", "-n", "pf_rules"], capture_output=True, text=True, check=False)
        pf_file = done.stdout.strip() or "/etc/pf.conf"
    if pf_file:
        add_anchors(pf_file)
    return 0


def group_id(name: str) -> int | None:
    with open("/etc/group", encoding="utf-8", errors="replace") as stream:
        for line in stream:
            fields = line.split(":")
            if fields[0] == name and len(fields) > 2:
                return int(fields[2])
    return None


def make_datasets(group: int) -> bool:
    root = settings.zfs
    known = datasets()
    if root in known:
        if zfs.mountpoint(zfs.load(), root) != settings.fs:
            error(f"{root} is an invalid POT root")
            return False
        info(f"{root} already present")
    else:
        info(f"creating {root}")
        if not zfs_create(root, mountpoint=settings.fs, canmount="off", compression="lz4", atime="off"):
            return False
    os.makedirs(settings.fs, exist_ok=True)
    os.chmod(settings.fs, 0o750)
    os.chown(settings.fs, 0, group)
    for part in ("bases", "jails", "fscomp"):
        if f"{root}/{part}" not in datasets() and not zfs_create(f"{root}/{part}"):
            return False
        state = zfs.load()
        if not zfs.Facts(state).mounted_at(f"{root}/{part}"):
            zfs.mount(state, f"{root}/{part}")
    if f"{root}/cache" not in datasets() and not zfs_create(
        f"{root}/cache", mountpoint=settings["POT_CACHE"], compression="off"
    ):
        return False
    os.makedirs(settings.fs + "/bridges", exist_ok=True)
    os.chown(settings.fs + "/bridges", 0, group)
    return True


def network_is_valid() -> bool:
    try:
        network = ipaddress.ip_network(settings["POT_NETWORK"])
        good = (
            ipaddress.ip_address(settings["POT_GATEWAY"]) in network and str(network.netmask) == settings["POT_NETMASK"]
        )
    except ValueError:
        good = False
    if not good:
        error("The network configuration in the pot configuration file is not valid")
        return False
    nics = {interface["ifname"] for interface in net.interfaces()}
    if settings["POT_EXTIF"] not in nics:
        error(f"The network interface {settings['POT_EXTIF']} seems not valid [POT_EXTIF]")
        return False
    for nic in settings["POT_EXTRA_EXTIF"].split():
        if nic not in nics:
            error(f"The network interface {nic} seems not valid [POT_EXTRA_EXTIF]")
            return False
    return True


def configure_syslogd() -> None:
    shutil.copyfile("/etc/rc.conf", "/etc/rc.conf.bkp-pot")
    sys.stdout.flush()
    subprocess.run(
        [
            "/usr/sbin/sysrc",
            f"syslogd_flags=-b 127.0.0.1 -b {settings['POT_GATEWAY']} -a {settings['POT_NETWORK']}",
        ],
        check=False,
    )


def add_anchors(pf_file: str) -> None:
    text = Path(pf_file).read_text(encoding="utf-8") if os.path.exists(pf_file) else ""
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
