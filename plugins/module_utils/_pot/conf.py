# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pot's conf/pot.conf: its lines, its escaping, and what they mean."""

from __future__ import annotations

import re

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence

ENV_NAME_RE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# Option of the module: pot's name, kind, pot's value when the key is missing.
ATTRIBUTES = {
    "start_at_boot": ("start-at-boot", "bool", "NO"),
    "early_start_at_boot": ("early-start-at-boot", "bool", "NO"),
    "persistent": ("persistent", "bool", "YES"),
    "no_rc_script": ("no-rc-script", "bool", "NO"),
    "prunable": ("prunable", "bool", "NO"),
    "localhost_tunnel": ("localhost-tunnel", "bool", "NO"),
    "no_tmpfs": ("no-tmpfs", "bool", "NO"),
    "no_etc_hosts": ("no-etc-hosts", "bool", "NO"),
    "enforce_statfs": ("enforce_statfs", "uint", "2"),
    "mount": ("mount", "bool", "NO"),
    "fdescfs": ("fdescfs", "bool", "NO"),
    "linprocfs": ("linprocfs", "bool", "NO"),
    "nullfs": ("nullfs", "bool", "NO"),
    "procfs": ("procfs", "bool", "NO"),
    "tmpfs": ("tmpfs", "bool", "NO"),
    "zfs": ("zfs", "bool", "NO"),
    "raw_sockets": ("raw_sockets", "bool", "NO"),
    "sysvshm": ("sysvshm", "sysv", "new"),
    "sysvsem": ("sysvsem", "sysv", "new"),
    "sysvmsg": ("sysvmsg", "sysv", "new"),
    "children": ("children", "uint", "0"),
    "mlock": ("mlock", "bool", "NO"),
    "devfs_ruleset": ("devfs_ruleset", "uint", "4"),
    "exec_stop": ("exec_stop", "string", ""),
    "stop_timeout": ("stop_timeout", "uint", "10"),
}
# Read by the boot scripts and by C(pot prune) only, never by a running pot.
NO_RESTART_ATTRIBUTES = ("start_at_boot", "early_start_at_boot", "prunable")
# pot itself accepts more than one line of these; every other key twice makes pot read a value of two lines.
REPEATED_KEYS = ("pot.env", "pot.hosts", "pot.depend")


def encode_attribute(option, value):
    """Text pot.conf holds for a value of an attribute. Raises for values pot would misread."""
    name, kind, _default = ATTRIBUTES[option]
    if kind == "bool":
        return "YES" if value else "NO"
    if kind == "uint":
        if value < 0:
            raise Sentence(f"Attribute {name} must not be negative.")
        return str(value)
    if kind == "string":
        bad = [c for c in ("=", '"', "\n", "\0") if c in value]
        if bad:
            raise Sentence(f"Attribute {name} must not contain {bad[0]!r}: pot would cut or change the value.")
        return value.strip()
    return value


def decode_attribute(option, text):
    """The opposite of C(encode_attribute): bool, int or str. C(None) stands for a missing key."""
    _name, kind, default = ATTRIBUTES[option]
    if text is None:
        text = default
    if kind == "bool":
        return text.strip().upper() == "YES"
    if kind == "uint":
        return int(text) if re.match(r"\s*[0-9]{1,18}\s*\Z", text) else text
    return text


def encode_env(name, value):
    """Text after C(pot.env=) that makes the pot see exactly this value.

    pot turns the line into C(export "NAME=value") read by sh, so that backslash, dollar, backtick and quote need
    a backslash and a line break cannot be represented.
    """
    if not ENV_NAME_RE.match(name):
        raise Sentence(f"'{name}' is not a valid name for an environment variable.")
    if "\n" in value or "\0" in value:
        raise Sentence(
            f"The value of environment variable {name} contains a line break or a NUL, which pot cannot hold."
        )
    return '"{}={}"'.format(name, re.sub(r'([\\$`"])', r"\\\1", value))


def decode_env(raw):
    """(name, value) of the text after C(pot.env=)."""
    text = raw[1:] if raw.startswith('"') else raw
    if text.endswith('"') and raw.startswith('"') and len(raw) > 1:
        text = text[:-1]
    name, _equal, value = text.partition("=")
    return name, re.sub(r'\\([\\$`"])', r"\1", value)


class PotConf:
    """A pot's C(conf/pot.conf): lines C(key=value), the order kept, unknown lines kept."""

    def __init__(self, text=""):
        # Not splitlines(): a value may hold characters that Python, but not grep, takes for line ends.
        self.lines = text.split("\n")
        if self.lines and not self.lines[-1]:
            self.lines.pop()

    def copy(self):
        """A C(PotConf) of its own with the same lines."""
        return PotConf(self.render())

    def render(self):
        """Text of the file; every line, the last one too, ends with a line break."""
        return "".join(line + "\n" for line in self.lines)

    def all(self, key):
        """Every raw value of a key, in the file's order."""
        return [line[len(key) + 1 :] for line in self.lines if line.startswith(key + "=")]

    def get(self, key, default=None):
        """First raw value of a key, all that follows its C(=), quotes included; the default when there is no such
        line.
        """
        values = self.all(key)
        return values[0] if values else default

    def text(self, key, default=""):
        """Value as pot reads most keys: without blanks and double quotes, cut at a second C(=)."""
        value = self.get(key)
        return default if value is None else re.sub(r'[ \t"]', "", value).partition("=")[0]

    def set_all(self, key, values):
        """Replace every line of the key by these values, where the first stood or else at the end."""
        if self.all(key) == list(values):
            return
        lines, at = [], None
        for line in self.lines:
            if not line.startswith(key + "="):
                lines.append(line)
            elif at is None:
                at = len(lines)
        at = len(lines) if at is None else at
        self.lines = lines[:at] + [f"{key}={value}" for value in values] + lines[at:]

    def set(self, key, value):
        """Replace every line of the key by one with this raw value; quoting and escaping is up to the caller."""
        self.set_all(key, [value])

    def unset(self, key):
        """Remove every line of the key."""
        self.set_all(key, [])

    def drop_duplicates(self):
        """Keep the first line of each key: C(pot update-config) appends an empty exec_stop at every run."""
        seen, lines = set(), []
        for line in self.lines:
            key = line.partition("=")[0]
            if "=" in line and key not in REPEATED_KEYS:
                if key in seen:
                    continue
                seen.add(key)
            lines.append(line)
        self.lines = lines


def unquote(text):
    """The text without the double quotes around it; a quote at one end only stays."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def number(text):
    """A whole number of pot.conf as an int; 0 for any other text, the empty one included."""
    return int(text) if re.match(r"[0-9]{1,18}\Z", text) else 0


def view(conf):
    """The options pot.conf expresses, as the module's users write them. Environment values stay encoded."""
    attributes = {
        option: decode_attribute(option, conf.get("pot.attr." + name))
        for option, (name, _kind, _default) in ATTRIBUTES.items()
    }
    kind = conf.text("network_type", "inherit")
    return {
        "type": conf.text("pot.type", "multi"),
        "base": conf.text("pot.base"),
        "level": number(conf.text("pot.level")),
        "pot_base": conf.text("pot.potbase"),
        "network_type": kind,
        "network_stack": conf.text("pot.stack", "ipv4"),
        "ip": [] if kind == "inherit" else (conf.get("ip") or "").split(),
        "bridge": conf.text("bridge") if kind == "private-bridge" else "",
        "hostname": unquote(conf.get("host.hostname") or ""),
        "dns": conf.text("pot.dns", "inherit"),
        "cmd": conf.get("pot.cmd") or "",
        "attributes": attributes,
        "env": {decode_env(raw)[0]: raw for raw in conf.all("pot.env")},
        "hosts": {parts[1]: parts[0] for parts in (h.split() for h in conf.all("pot.hosts")) if len(parts) > 1},
        "ports": (conf.get("pot.export.ports") or "").split(),
        "limits": {"cpus": number(conf.text("pot.rss.cpus")), "memory": conf.text("pot.rss.memory")},
        "depends": conf.all("pot.depend"),
    }


def initial_conf(name, base, machine_hostname, kind="single", level=0, potbase="", stack="ipv4"):
    """What C(pot create) writes, used to tell in advance how a pot that does not exist yet will look."""
    hostname = f"{name}.{machine_hostname}"
    if len(hostname) > 64:
        hostname = name
    lines = [
        "pot.level=%d" % level,
        "pot.type=" + kind,
        "pot.base=" + base,
        "pot.potbase=" + potbase,
        "pot.dns=inherit",
        "pot.cmd=sh /etc/rc",
        f'host.hostname="{hostname}"',
        f'osrelease="{base}-RELEASE"',
    ]
    order = [
        "no_rc_script",
        "persistent",
        "start_at_boot",
        "prunable",
        "no_tmpfs",
        "enforce_statfs",
        "mount",
        "fdescfs",
        "linprocfs",
        "nullfs",
        "procfs",
        "tmpfs",
        "zfs",
        "raw_sockets",
        "sysvshm",
        "sysvsem",
        "sysvmsg",
        "children",
        "mlock",
        "devfs_ruleset",
        "exec_stop",
        "stop_timeout",
    ]
    lines += [f"pot.attr.{ATTRIBUTES[option][0]}={ATTRIBUTES[option][2]}" for option in order]
    lines += ["pot.stack=" + stack, "network_type=inherit", "vnet=false"]
    return PotConf("\n".join(lines) + "\n")


def cloned_conf(source, name, machine_hostname):
    """What C(pot clone) makes of its source's pot.conf: everything is inherited but name and address."""
    conf = source.copy()
    hostname = f"{name}.{machine_hostname}"
    conf.set("host.hostname", '"%s"' % (hostname if len(hostname) <= 64 else name))
    if conf.text("network_type") == "public-bridge":
        conf.set("ip", "auto")
    return conf


def difference(before, after):
    """(before, after, restart) restricted to the options that differ; two results of C(view).

    Environment values never appear: only names with a marker. restart is true when a running pot must be
    restarted before the difference has its effect.
    """
    old, new, restart = {}, {}, False
    for option in after:
        if before.get(option) == after[option]:
            continue
        if option == "attributes":
            changed = [k for k in after[option] if (before.get(option) or {}).get(k) != after[option][k]]
            if option in before:
                old[option] = {k: before[option].get(k) for k in changed}
            new[option] = {k: after[option][k] for k in changed}
            restart = restart or any(k not in NO_RESTART_ATTRIBUTES for k in changed)
            continue
        restart = True
        if option == "env":
            was, now = before.get(option) or {}, after[option]
            old[option] = {k: "(set)" for k in was if now.get(k) != was[k]}
            new[option] = {k: "(changed)" if k in was else "(set)" for k in now if now[k] != was.get(k)}
        else:
            if option in before:
                old[option] = before[option]
            new[option] = after[option]
    return old, new, restart
