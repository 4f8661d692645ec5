# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot.default.conf and pot.conf."""

from __future__ import annotations

import re
import subprocess
import sys

from potlib.output import Exit

PREFIX = "/usr/local"

DEFAULTS = {
    "POT_ZFS_ROOT": "zroot/pot",
    "POT_FS_ROOT": "/opt/pot",
    "POT_CACHE": "/var/cache/pot",
    "POT_TMP": "/tmp",
    "POT_GROUP": "pot",
    "POT_MKTEMP_SUFFIX": ".XXXXXXXX",
    "POT_HOSTNAME_MAX_LENGTH": "64",
    "POT_NETWORK": "10.192.0.0/10",
    "POT_NETMASK": "255.192.0.0",
    "POT_GATEWAY": "10.192.0.1",
    "POT_EXTIF": "em0",
    "POT_EXTRA_EXTIF": "",
    "POT_EXTIF_ADDR": "",
    "POT_NETWORK_STACK": "ipv4",
    "POT_DNS_NAME": "dns",
    "POT_DNS_IP": "10.192.0.2",
    "POT_ISOLATE_VNET_POTS": "false",
    "POT_EXPORT_PORTS_PF_RULES_HOOK": "",
    "POT_DEFAULT_SIGNATURE_PUBKEY": "",
    "POT_VPN_EXTIF": "",
    "POT_VPN_NETWORKS": "",
    "POT_LOG_FACILITY": "local2",
}


class Settings(dict):
    """pot.default.conf and pot.conf, sourced by sh as pot does: with the words of the command, and before it looks at
    them.
    """

    def load(self, argv: list[str]) -> None:
        files = [f"{PREFIX}/etc/pot/pot.default.conf", f"{PREFIX}/etc/pot/pot.conf"]
        script = "".join(f"[ ! -r {path} ] || . {path}\n" for path in files) + "echo; echo settings:; set\n"
        done = subprocess.run(
            ["/bin/sh", "-c", script, "pot", *argv],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env={"PATH": "/sbin:/bin:/usr/sbin:/usr/bin"},
            check=False,
        )
        said, ended, values = done.stdout.rpartition("\nsettings:\n")
        sys.stdout.write(said if ended else done.stdout)
        sys.stdout.flush()
        sys.stderr.write(done.stderr)
        sys.stderr.flush()
        if not ended:
            raise Exit(done.returncode)
        for match in re.finditer(r"^(POT_\w+)=('(?:[^']|'\\''|'\"'\"')*'|.*)$", values, re.M):
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


settings = Settings(DEFAULTS)
