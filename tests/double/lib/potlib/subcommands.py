# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot's subcommands, their other names and their options in getopts' notation."""

from __future__ import annotations

ALIASES = {
    "ls": "list",
    "snap": "snapshot",
    "rollback": "revert",
    "set-attr": "set-attribute",
    "get-attr": "get-attribute",
}

GETOPT = {
    "version": "hvq",
    "config": "hvqg:",
    "init": "hmsvf:p:",
    "de-init": "fhmvp:",
    "vnet-start": "hvB:",
    "create-base": "hr:b:v",
    "create": "hvp:t:N:i:l:b:f:P:d:B:S:k",
    "clone": "hvp:i:P:FN:B:S:f:ks:d:",
    "create-fscomp": "hvf:",
    "clone-fscomp": "hvf:F:",
    "create-private-bridge": "hvB:S:",
    "list": "hvbfFapqB",
    "info": "hvqp:rB:Es",
    "show": "hvp:arq",
    "ps": "hvq",
    "top": "hp:",
    "start": "hvsSp:",
    "stop": "hvp:i:s",
    "term": "hvfp:",
    "exec": "hvdtp:e:u:U:",
    "signal": "hvflCs:P:m:p:",
    "last-run-stats": "hvp:",
    "destroy": "hvrf:p:b:FB:q",
    "rename": "hvp:n:",
    "prune": "hvqgn",
    "copy-in": "hvs:d:p:Fc",
    "copy-out": "hvs:d:p:F",
    "mount-in": "hvf:d:z:p:m:wr",
    "mount-out": "hvp:m:",
    "set-env": "hvp:E:",
    "set-cmd": "hvp:c:",
    "set-hosts": "hvp:H:",
    "set-hook": "hvp:s:S:t:T:",
    "set-attribute": "hvp:A:V:",
    "get-attribute": "hvqp:A:V:",
    "set-rss": "hvp:C:M:",
    "get-rss": "hvp:J",
    "export-ports": "hvp:e:",
    "add-dep": "hvp:P:",
    "snapshot": "hvp:f:r",
    "revert": "hvp:f:",
    "purge-snapshots": "hvp:f:a",
    "export": "hvcp:t:D:l:FAS:",
    "import": "hvp:t:U:C:",
    "prepare": "hvp:U:t:c:e:a:n:sN:i:B:S:d:C:",
    "update-config": "hvp:a",
    "set-status": "hvp:i:s:",
}

UNLOGGED = ["list", "info", "ps", "show", "config", "get-rss", "top", "last-run-stats"]

LOCKED = ["create", "import", "clone", "create-private-bridge", "prepare", "copy-in"]
