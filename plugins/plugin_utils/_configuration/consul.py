# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Consul agent's configuration from the options of role consul_agent."""

from __future__ import annotations

import re

from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration.options import Options, merged

# Since it the keys of TLS lie below "tls", and the old place is warned about; older versions refuse the new one.
_TLS_STANZA = (1, 12)


def agent(options: Options, version: str, directory: str, socket: str, dns_port: int) -> dict:
    """What the agent of a version (as pkg prints it) reads.

    directory: where its configuration lies, its certificates in C(tls) below; socket: where it answers in HTTP.
    """
    found = {**_base(options, socket, dns_port), **_access(options), **_tls(options, version, directory)}
    return merged(found, options["settings"])


def _base(options: Options, socket: str, dns_port: int) -> dict:
    return {
        "datacenter": options["datacenter"],
        "node_name": options["node_name"],
        "server": False,
        # The rc script says the same on the command line; "consul validate" wants to read it here.
        "data_dir": options["data_directory"],
        "bind_addr": options["bind_address"],
        "advertise_addr": options["advertise_address"],
        "addresses": {"http": f"unix://{socket}", "dns": "127.0.0.1"},
        # Only where somebody asks there, since 127.0.0.1 is not private to every kind of jail.
        "ports": {"dns": dns_port if options.true("dns") else -1},
        "unix_sockets": {"mode": "0660"},
        "encrypt": options["gossip_key"],
        # A keyring that was written once would win over a changed key.
        "disable_keyring_file": True,
        "retry_join": options["servers"],
        "retry_interval": "5s",
        "leave_on_terminate": True,
        "disable_update_check": True,
        "disable_remote_exec": True,
        "telemetry": {"disable_hostname": True, "prometheus_retention_time": "24h"},
        "services": options["services"],
    }


def _access(options: Options) -> dict:
    if not options["acl_token"]:
        return {}
    return {"acl": {"enabled": True, "tokens": {"default": options["acl_token"]}}}


def _tls(options: Options, version: str, directory: str) -> dict:
    if not options["ca_file"]:
        return {}
    defaults = {"ca_file": f"{directory}/tls/ca.pem", "verify_incoming": False, "verify_outgoing": True}
    if options["certificate_file"]:
        defaults.update(cert_file=f"{directory}/tls/agent.pem", key_file=f"{directory}/tls/agent-key.pem")
    hostname = {"verify_server_hostname": options.true("verify_server_hostname")}
    if _numbers(version) < _TLS_STANZA:
        return {**defaults, **hostname}
    return {"tls": {"defaults": defaults, "internal_rpc": hostname}}


def _numbers(version: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", version)
    if not found:
        raise ValueError(f'"{version}" is no version of Consul; write one like 1.20.2.')
    return int(found.group(1)), int(found.group(2))
