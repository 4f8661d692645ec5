# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module's options: what pot can hold of them, and pot.conf with them."""

from __future__ import annotations

import re

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._pot.conf import (
    ATTRIBUTES,
    decode_attribute,
    decode_env,
    encode_attribute,
    encode_env,
)
from ansible_collections.potluck.matrix.plugins.module_utils._pot.network import (
    check_network,
    lenient,
    merge_network,
    normalise_address,
    normalise_port,
)

HOSTNAME_RE = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\Z")
MEMORY_RE = re.compile(r"[0-9]+[bBkKmMgG]?\Z")


def check_memory(text):
    """Return an amount of memory that C(pot set-rss) takes: digits, with b, k, m or g in either case behind them or
    not. C(Sentence) for others and 0.
    """
    if not MEMORY_RE.match(text) or int(re.sub(r"[^0-9]", "", text)) == 0:
        raise Sentence(f"'{text}' is not a valid amount of memory: use a number with an optional K, M or G.")
    return text


def check_options(options):
    """Raise for values pot cannot hold. Looks at nothing but the options."""
    for option, value in (options.get("attributes") or {}).items():
        if value is not None:
            encode_attribute(option, value)
    for name, value in (options.get("env") or {}).items():
        encode_env(str(name), env_text(name, value))
    for port in options.get("ports") or []:
        normalise_port(port)
    for host, address in (options.get("hosts") or {}).items():
        if not HOSTNAME_RE.match(str(host)):
            raise Sentence(f"'{host}' is not a valid host name for hosts.")
        normalise_address(str(address))
    limits = options.get("limits") or {}
    if limits.get("memory") not in (None, "", "0"):
        check_memory(limits["memory"])
    if (limits.get("cpus") or 0) < 0:
        raise Sentence("limits.cpus must not be negative.")
    hostname = options.get("hostname")
    if hostname is not None and (not HOSTNAME_RE.match(hostname) or len(hostname) > 64):
        raise Sentence(f"'{hostname}' is not a valid host name of at most 64 characters.")
    cmd = options.get("cmd")
    if cmd is not None and (not cmd.strip() or "\n" in cmd or "\0" in cmd):
        raise Sentence("cmd must be one line of text.")
    dns = options.get("dns")
    if dns is not None and dns not in ("inherit", "pot", "off", "custom") and not re.match(r"custom:/\S+\Z", dns):
        raise Sentence(f"'{dns}' is not a valid value for dns: use inherit, pot, off, custom or custom:/absolute/path.")
    if (dns == "custom") != (options.get("resolv_conf") is not None):
        raise Sentence("dns=custom and resolv_conf need each other.")
    check_network(options)


def env_text(name, value):
    """Text of an environment value as users write it in YAML; what is not a scalar is refused."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, str)):
        return str(value)
    raise Sentence(f"The value of environment variable {name} must be text or a number.")


def merge(conf, options, extif="", next_ip=lambda bridge: "auto"):
    """A new C(PotConf) in which every option given (not C(None)) holds; all others stay as they are.

    C(next_ip) is called for a free address when a pot moves to a bridge without a fixed address.
    """
    new = conf.copy()
    for option, value in (options.get("attributes") or {}).items():
        if value is not None:
            key = "pot.attr." + ATTRIBUTES[option][0]
            # A key that is missing already means its default: leave the file alone then.
            if new.all(key) or decode_attribute(option, None) != value:
                new.set(key, encode_attribute(option, value))
    if options.get("env") is not None:
        wanted = {str(k): encode_env(str(k), env_text(k, v)) for k, v in options["env"].items()}
        lines = []
        for raw in conf.all("pot.env"):
            name = decode_env(raw)[0]
            if name in wanted:
                lines.append(wanted.pop(name))
            elif not options.get("env_exact", True) and name not in options["env"]:
                lines.append(raw)
        new.set_all("pot.env", lines + list(wanted.values()))
    if options.get("cmd") is not None:
        new.set("pot.cmd", options["cmd"])
    if options.get("ports") is not None:
        wanted_ports = [normalise_port(p) for p in options["ports"]]
        if sorted(wanted_ports) != sorted(lenient(normalise_port, (conf.get("pot.export.ports") or "").split())):
            if wanted_ports:
                new.set("pot.export.ports", " ".join(wanted_ports))
            else:
                new.unset("pot.export.ports")
        elif len(conf.all("pot.export.ports")) > 1:
            new.set("pot.export.ports", conf.get("pot.export.ports"))
    if options.get("hosts") is not None:
        wanted_hosts = [f"{normalise_address(str(a))} {h}" for h, a in options["hosts"].items()]
        if sorted(wanted_hosts) != sorted(conf.all("pot.hosts")):
            new.set_all("pot.hosts", wanted_hosts)
    for option, value in (options.get("limits") or {}).items():
        if value is not None:
            if value in (0, "", "0"):
                new.unset("pot.rss." + option)
            else:
                new.set("pot.rss." + option, str(value))
    if options.get("dns") is not None:
        new.set("pot.dns", options["dns"].partition(":")[0])
    if options.get("hostname") is not None:
        new.set("host.hostname", '"{}"'.format(options["hostname"]))
    if options.get("network_stack") is not None:
        new.set("pot.stack", options["network_stack"])
    merge_network(conf, new, options, extif, next_ip)
    if new.render() != conf.render():
        new.drop_duplicates()
    return new
