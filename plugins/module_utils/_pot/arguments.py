# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the module pot."""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._pot.conf import ATTRIBUTES
from ansible_collections.potluck.matrix.plugins.module_utils._pot.network import NETWORK_TYPES

ATTRIBUTE_TYPES = {"bool": "bool", "uint": "int", "string": "str", "sysv": "str"}


def argument_spec() -> dict[str, dict]:
    """The module's options; those of O(attributes) are made from C(ATTRIBUTES)."""
    attributes: dict[str, dict[str, t.Any]] = {}
    for option, (_name, kind, _default) in ATTRIBUTES.items():
        attributes[option] = {"type": ATTRIBUTE_TYPES[kind]}
        if kind == "sysv":
            attributes[option]["choices"] = ["new", "inherit", "disable"]
    return {
        "name": {"type": "str", "required": True},
        "state": {
            "type": "str",
            "choices": ["absent", "present", "started", "stopped", "restarted"],
            "default": "started",
        },
        "restart_on_change": {"type": "bool", "default": False},
        "sentences": {"type": "dict", "default": {}},
        "type": {"type": "str", "choices": ["single", "multi"]},
        "base": {"type": "str"},
        "level": {"type": "int", "choices": [1, 2]},
        "pot_base": {"type": "str"},
        "clone_from": {"type": "str"},
        "clone_snapshot": {"type": "str"},
        "image": {
            "type": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "tag": {"type": "str", "required": True},
                "url": {"type": "str"},
                "pubkey": {"type": "path", "no_log": False},
            },
        },
        "flavours": {"type": "list", "elements": "str"},
        "network_type": {"type": "str", "choices": list(NETWORK_TYPES)},
        "ip": {"type": "list", "elements": "str"},
        "bridge": {"type": "str"},
        "bridge_hosts": {"type": "int"},
        "network_stack": {"type": "str", "choices": ["ipv4", "ipv6", "dual"]},
        "hostname": {"type": "str"},
        "dns": {"type": "str"},
        "resolv_conf": {"type": "str"},
        "cmd": {"type": "str"},
        "env": {"type": "dict", "no_log": True},
        "env_exact": {"type": "bool", "default": True},
        "attributes": {"type": "dict", "options": attributes},
        "mounts": {
            "type": "list",
            "elements": "dict",
            "options": {
                "source": {"type": "str", "required": True},
                "target": {"type": "str", "required": True},
                "kind": {"type": "str", "choices": ["directory", "dataset", "fscomp"], "default": "directory"},
                "read_only": {"type": "bool", "default": False},
            },
        },
        "mounts_exact": {"type": "bool", "default": False},
        "ports": {"type": "list", "elements": "str"},
        "hosts": {"type": "dict"},
        "limits": {"type": "dict", "options": {"cpus": {"type": "int"}, "memory": {"type": "str"}}},
        "timeout": {"type": "int", "default": 3600},
    }
