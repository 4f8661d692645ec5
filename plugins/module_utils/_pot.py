# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All knowledge of pot (0.16): its files, its command line, its escaping and its misleading exit codes.

The first half is pure functions on text. The second half, C(Machine), runs commands on the FreeBSD machine and
proves every result by looking at files, C(jls) and C(mount -p), because pot often exits 0 after a failure and 1
although the wanted state holds. Every failure is a C(PotError) whose text is one sentence for the user.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import ipaddress
import json
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import time

LOCK_DIR = "/var/run"
# A creation that was cut off must be recognised after a reboot, which empties /var/run.
MARKER_DIR = "/var/db"
MANIFESTS_DIR = "/usr/local/share/freebsd/MANIFESTS"
PATH = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
# What fetch(1) reads; only commands that download get them.
FETCH_ENVIRONMENT = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "http_proxy_auth", "http_auth",
                     "ssl_ca_cert_file", "ssl_ca_cert_path")

NAME_RE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+-]*\Z")
ENV_NAME_RE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
HOSTNAME_RE = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\Z")
PORT_RE = re.compile(r"(?:(tcp|udp):)?([0-9]{1,5})(?::([0-9]{1,5}))?\Z")
MEMORY_RE = re.compile(r"[0-9]+[bBkKmMgG]?\Z")

NETWORK_TYPES = ("inherit", "alias", "public-bridge", "private-bridge")
BRIDGES = ("public-bridge", "private-bridge")

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
# Read by the boot scripts and by C(pot prune) only, never by a running jail.
NO_RESTART_ATTRIBUTES = ("start_at_boot", "early_start_at_boot", "prunable")

# pot itself accepts more than one line of these; every other key twice makes pot read a value of two lines.
REPEATED_KEYS = ("pot.env", "pot.hosts", "pot.depend")


class PotError(Exception):
    """One sentence for the user."""


class PotTimeout(PotError):
    """A command did not end within the time allowed."""


# --------------------------------------------------------------------------- names and values


def check_name(name):
    """Return the name of a pot, or raise: pot refuses only dots and breaks on much more.

    55 characters keep the pf anchor equal to the name; a name of digits would be taken for a jail id.
    """
    if not NAME_RE.match(name):
        raise PotError("'%s' is not a valid name for a pot: use letters, digits, '_', '+' and '-' only, "
                       "and do not begin with '+' or '-'." % name)
    if name.isdigit():
        raise PotError("'%s' is not a valid name for a pot: a name of digits only is taken for a jail id." % name)
    if len(name) > 55:
        raise PotError("'%s' is not a valid name for a pot: it is longer than 55 characters." % name)
    return name


def template_name(image, tag):
    """Local name C(pot import) gives to an image: C(IMAGE_TAG) with every dot replaced."""
    return ("%s_%s" % (image, tag)).replace(".", "_")


def encode_attribute(option, value):
    """Text pot.conf holds for a value of an attribute. Raises for values pot would misread."""
    name, kind, _default = ATTRIBUTES[option]
    if kind == "bool":
        return "YES" if value else "NO"
    if kind == "uint":
        if value < 0:
            raise PotError("Attribute %s must not be negative." % name)
        return str(value)
    if kind == "string":
        bad = [c for c in ("=", '"', "\n", "\0") if c in value]
        if bad:
            raise PotError("Attribute %s must not contain %r: pot would cut or change the value." % (name, bad[0]))
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
        return int(text) if re.match(r"\s*[0-9]+\s*\Z", text) else text
    return text


def encode_env(name, value):
    """Text after C(pot.env=) that makes the jail see exactly this value.

    pot turns the line into C(export "NAME=value") read by sh, so that backslash, dollar, backtick and quote need
    a backslash and a line break cannot be represented.
    """
    if not ENV_NAME_RE.match(name):
        raise PotError("'%s' is not a valid name for an environment variable." % name)
    if "\n" in value or "\0" in value:
        raise PotError("The value of environment variable %s contains a line break or a NUL, which pot cannot hold." % name)
    return '"%s=%s"' % (name, re.sub(r'([\\$`"])', r"\\\1", value))


def decode_env(raw):
    """(name, value) of the text after C(pot.env=)."""
    text = raw[1:] if raw.startswith('"') else raw
    if text.endswith('"') and raw.startswith('"') and len(raw) > 1:
        text = text[:-1]
    name, _equal, value = text.partition("=")
    return name, re.sub(r'\\([\\$`"])', r"\1", value)


def normalise_port(text):
    """Canonical C([udp:]POT[:HOST]) of an exported port; tcp is pot's default and left out."""
    match = PORT_RE.match(str(text))
    if not match or not all(0 < int(p) < 65536 for p in match.groups()[1:] if p):
        raise PotError("'%s' is not a valid port: use [tcp:|udp:]PORT_IN_POT[:PORT_ON_MACHINE]." % text)
    proto, inner, outer = match.groups()
    return ("udp:" if proto == "udp" else "") + str(int(inner)) + (":%d" % int(outer) if outer else "")


def normalise_address(text):
    """Canonical text of an IPv4 or IPv6 address without prefix length."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        pass
    if "/" in text:
        raise PotError("'%s' is not a valid address: pot takes addresses without a prefix length." % text)
    raise PotError("'%s' is not a valid IP address." % text)


def split_alias(text, default_nic):
    """(nic, address) of an entry C(NIC|ADDRESS) or C(ADDRESS) of an alias pot."""
    nic, separator, address = text.rpartition("|")
    if separator and not re.match(r"[A-Za-z0-9_.:-]+\Z", nic):
        raise PotError("'%s' is not a valid address: use ADDRESS or NIC|ADDRESS." % text)
    return (nic if separator else default_nic), normalise_address(address)


def check_memory(text):
    """Return an amount of memory that C(pot set-rss) takes: digits, with b, k, m or g in either case behind them or not. C(PotError) for others and 0."""
    if not MEMORY_RE.match(text) or int(re.sub(r"[^0-9]", "", text)) == 0:
        raise PotError("'%s' is not a valid amount of memory: use a number with an optional K, M or G." % text)
    return text


# --------------------------------------------------------------------------- files


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
        return [line[len(key) + 1:] for line in self.lines if line.startswith(key + "=")]

    def get(self, key, default=None):
        """First raw value of a key, all that follows its C(=), quotes included; the default when there is no such line."""
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
        self.lines = lines[:at] + ["%s=%s" % (key, value) for value in values] + lines[at:]

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
    return int(text) if re.match(r"[0-9]+\Z", text) else 0


def view(conf):
    """The options pot.conf expresses, as the module's users write them. Environment values stay encoded."""
    attributes = {option: decode_attribute(option, conf.get("pot.attr." + name))
                  for option, (name, _kind, _default) in ATTRIBUTES.items()}
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
    hostname = "%s.%s" % (name, machine_hostname)
    if len(hostname) > 64:
        hostname = name
    lines = ["pot.level=%d" % level, "pot.type=" + kind, "pot.base=" + base, "pot.potbase=" + potbase,
             "pot.dns=inherit", "pot.cmd=sh /etc/rc", 'host.hostname="%s"' % hostname, 'osrelease="%s-RELEASE"' % base]
    order = ["no_rc_script", "persistent", "start_at_boot", "prunable", "no_tmpfs", "enforce_statfs", "mount", "fdescfs",
             "linprocfs", "nullfs", "procfs", "tmpfs", "zfs", "raw_sockets", "sysvshm", "sysvsem", "sysvmsg", "children",
             "mlock", "devfs_ruleset", "exec_stop", "stop_timeout"]
    lines += ["pot.attr.%s=%s" % (ATTRIBUTES[option][0], ATTRIBUTES[option][2]) for option in order]
    lines += ["pot.stack=" + stack, "network_type=inherit", "vnet=false"]
    return PotConf("\n".join(lines) + "\n")


def cloned_conf(source, name, machine_hostname):
    """What C(pot clone) makes of its source's pot.conf: everything is inherited but name and address."""
    conf = source.copy()
    hostname = "%s.%s" % (name, machine_hostname)
    conf.set("host.hostname", '"%s"' % (hostname if len(hostname) <= 64 else name))
    if conf.text("network_type") == "public-bridge":
        conf.set("ip", "auto")
    return conf


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
            raise PotError("'%s' is not a valid host name for hosts." % host)
        normalise_address(str(address))
    limits = options.get("limits") or {}
    if limits.get("memory") not in (None, "", "0"):
        check_memory(limits["memory"])
    if (limits.get("cpus") or 0) < 0:
        raise PotError("limits.cpus must not be negative.")
    hostname = options.get("hostname")
    if hostname is not None and (not HOSTNAME_RE.match(hostname) or len(hostname) > 64):
        raise PotError("'%s' is not a valid host name of at most 64 characters." % hostname)
    cmd = options.get("cmd")
    if cmd is not None and (not cmd.strip() or "\n" in cmd or "\0" in cmd):
        raise PotError("cmd must be one line of text.")
    dns = options.get("dns")
    if dns is not None and dns not in ("inherit", "pot", "off", "custom") and not re.match(r"custom:/\S+\Z", dns):
        raise PotError("'%s' is not a valid value for dns: use inherit, pot, off, custom or custom:/absolute/path." % dns)
    if (dns == "custom") != (options.get("resolv_conf") is not None):
        raise PotError("dns=custom and resolv_conf need each other.")
    check_network(options)


def check_network(options):
    """Raise C(PotError) for network_type, ip, bridge and network_stack that do not go together. Looks at nothing but the options.

    Rules about the type or the stack are left out as long as that option is C(None).
    """
    kind, ips = options.get("network_type"), options.get("ip") or []
    if kind == "inherit" and ips:
        raise PotError("ip has no meaning with network_type inherit.")
    if kind == "alias" and not ips:
        raise PotError("network_type alias needs at least one address in ip.")
    if kind in ("alias", "inherit", "public-bridge") and options.get("bridge"):
        raise PotError("bridge can only be used with network_type private-bridge.")
    if kind in BRIDGES and len(ips) > 1:
        raise PotError("network_type %s takes one address." % kind)
    stack = options.get("network_stack")
    for text in ips:
        if text == "auto":
            if kind == "alias" or len(ips) > 1:
                raise PotError("ip auto can only be used alone and with the bridge network types.")
            continue
        if "|" in text and kind in BRIDGES:
            raise PotError("'%s' is not a valid address: NIC|ADDRESS can only be used with network_type alias." % text)
        version = ipaddress.ip_address(split_alias(text, "")[1]).version
        if (version == 6 and stack == "ipv4") or (version == 4 and stack == "ipv6"):
            raise PotError("Address %s does not fit network_stack %s." % (text, stack))
        if version == 6 and kind in BRIDGES:
            raise PotError("network_type %s takes an IPv4 address; %s is none." % (kind, text))


def env_text(name, value):
    """Text of an environment value as users write it in YAML; what is not a scalar is refused."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, str)):
        return str(value)
    raise PotError("The value of environment variable %s must be text or a number." % name)


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
        if sorted(wanted_ports) != sorted(_lenient(normalise_port, (conf.get("pot.export.ports") or "").split())):
            if wanted_ports:
                new.set("pot.export.ports", " ".join(wanted_ports))
            else:
                new.unset("pot.export.ports")
        elif len(conf.all("pot.export.ports")) > 1:
            new.set("pot.export.ports", conf.get("pot.export.ports"))
    if options.get("hosts") is not None:
        wanted_hosts = ["%s %s" % (normalise_address(str(a)), h) for h, a in options["hosts"].items()]
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
        new.set("host.hostname", '"%s"' % options["hostname"])
    if options.get("network_stack") is not None:
        new.set("pot.stack", options["network_stack"])
    _merge_network(conf, new, options, extif, next_ip)
    if new.render() != conf.render():
        new.drop_duplicates()
    return new


def _lenient(function, texts):
    result = []
    for text in texts:
        try:
            result.append(function(text))
        except PotError:
            result.append(text)
    return result


def _merge_network(conf, new, options, extif, next_ip):
    old_kind = conf.text("network_type", "inherit")
    kind = options.get("network_type") or old_kind
    if kind == old_kind and options.get("ip") is None and options.get("bridge") is None:
        return
    # The pot's own network type was not known when the options alone were looked at.
    given = options.get("ip")
    if kind == "alias" and not given and old_kind == kind:
        given = (conf.get("ip") or "").split()
    check_network(dict(options, network_type=kind, ip=given, network_stack=new.text("pot.stack", "ipv4")))
    old_ips = (conf.get("ip") or "").split() if old_kind == kind else []
    ips = options.get("ip")
    bridge = options.get("bridge") or conf.text("bridge")
    if kind != old_kind:
        new.set("network_type", kind)
        new.set("vnet", "true" if kind in BRIDGES else "false")
    if kind == "private-bridge":
        if not bridge:
            raise PotError("network_type private-bridge needs the name of a bridge.")
        if bridge != conf.text("bridge"):
            old_ips = []
        new.set("bridge", bridge)
    else:
        new.unset("bridge")
    if kind == "inherit":
        new.unset("ip")
    elif kind == "alias":
        if ips and [split_alias(i, extif) for i in ips] != _lenient(lambda t: split_alias(t, extif), old_ips):
            new.set("ip", " ".join(ips))
    elif ips and ips != ["auto"]:
        new.set("ip", normalise_address(ips[0]))
    elif len(old_ips) != 1:
        new.set("ip", next_ip(bridge if kind == "private-bridge" else ""))


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


class FscompLine:
    """One line of C(conf/fscomp.conf). source is C(None) on a line pot skips."""

    def __init__(self, raw, root):
        self.raw = raw
        fields = raw.split()
        self.source = fields[0] if len(fields) > 1 else None
        target = fields[1] if len(fields) > 1 else ""
        # mount-in writes paths of the machine for datasets; pot makes them relative to the jail some time later.
        if target == root:
            target = "/"
        elif target.startswith(root + "/"):
            target = target[len(root):]
        self.target = target
        self.option = fields[2] if len(fields) > 2 else ""


def parse_fscomp(text, root):
    """Lines of fscomp.conf. root is the path of the jail's root on the machine (C(J/m))."""
    return [FscompLine(raw, root) for raw in text.split("\n") if raw.strip()]


def parents_first(lines, resolve=lambda path: path):
    """The same lines, reordered only as far as no mount is hidden by a later one on a directory above it."""
    result = []
    for line in lines:
        target = resolve(line.target).rstrip("/") + "/"
        at = len(result)
        for position, other in enumerate(result):
            if line.source and other.source and resolve(other.target).startswith(target) and resolve(other.target) + "/" != target:
                at = position
                break
        result.insert(at, line)
    return result


def parse_bridge(text):
    """Fields of a file below FS_ROOT/bridges: net, gateway, name."""
    return dict(line.split("=", 1) for line in text.split("\n") if "=" in line)


def parse_status(text):
    """State in a C(pot_status_NAME) file: C(pot.status=STATE,IFACES), the last line counts."""
    states = re.findall(r"^pot\.status=([a-z]*)", text, re.M)
    return states[-1] if states else ""


def parse_jls(text):
    """{name: {jid, hostname, path}} of C(jls -q jid name host.hostname path)."""
    jails = {}
    for line in text.split("\n"):
        fields = line.split(None, 3)
        if len(fields) >= 2 and re.match(r"[0-9]+\Z", fields[0]):
            jails[fields[1]] = {"jid": int(fields[0]), "hostname": fields[2] if len(fields) > 2 else "",
                                "path": fields[3].strip('"') if len(fields) > 3 else ""}
    return jails


def parse_mounts(text):
    """[(source, path, type, [options])] of C(mount -p), in the order they were mounted; it writes a blank as C(\\040)."""
    mounts = []
    for line in text.split("\n"):
        fields = [re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), field) for field in line.split()]
        if len(fields) >= 4:
            mounts.append((fields[0], fields[1], fields[2], fields[3].split(",")))
    return mounts


def parse_datasets(text):
    """{name: {mountpoint, canmount, mounted, origin}} of C(zfs list -H -o name,mountpoint,canmount,mounted,origin)."""
    datasets = {}
    for line in text.split("\n"):
        fields = line.split("\t")
        if len(fields) == 5:
            datasets[fields[0]] = dict(zip(("mountpoint", "canmount", "mounted", "origin"), fields[1:]))
    return datasets


def pot_errors(out, err=""):
    """What went wrong, from a pot command's output: its C(###>) lines and standard error, without usage texts."""
    found = []
    for line in out.split("\n"):
        match = re.match(r"###>\s+(?:(?:NO|no)\s+)?(.*)", line)
        if match:
            found.append(match.group(1).strip())
    for line in err.split("\n"):
        if line.strip() and not re.match(r"\s*use '-", line):
            found.append(line.strip())
    unique = []
    for line in found:
        if line not in unique:
            unique.append(line)
    return "; ".join(unique[-6:])[:800]


def resolve_inside(path, roots):
    """An absolute path inside a jail with every symbolic link followed inside the jail, never outside.

    roots: [(path inside the jail, directory on the machine)]; the longest match holds the file. Nothing is written.
    """
    pending, done, links = [p for p in path.split("/") if p not in ("", ".")], [], 0
    while pending:
        part = pending.pop(0)
        if part == "..":
            done = done[:-1]
            continue
        inside = "/" + "/".join(done + [part])
        try:
            link = os.readlink(host_path(inside, roots))
        except OSError:
            done.append(part)
            continue
        links += 1
        if links > 40:
            raise PotError("'%s' leads through too many symbolic links inside the pot." % path)
        if link.startswith("/"):
            done = []
        pending = [p for p in link.split("/") if p not in ("", ".")] + pending
    return "/" + "/".join(done)


def host_path(inside, roots):
    """Where the machine has a path inside a jail. No symbolic link is followed, that is what C(resolve_inside) is for.

    roots: as for C(resolve_inside), one of them for C(/).
    """
    best = max((r for r in roots if inside == r[0] or inside.startswith(r[0].rstrip("/") + "/")), key=lambda r: len(r[0]))
    return best[1] + "/" + inside[len(best[0].rstrip("/")):].lstrip("/") if inside != best[0] else best[1]


def plan_mounts(lines, wanted, exact, resolve, effective, own_prefixes):
    """([lines to remove], [mounts to add]) that make the wanted mounts hold.

    wanted: [(source as in fscomp.conf, target, option)]; resolve follows links inside the jail; effective gives the
    directory of the machine behind a source. Lines of pot itself (own_prefixes) are never touched.
    """
    mine = [line for line in lines if line.source and not line.source.startswith(own_prefixes) and line.option != "zfs-remount"]
    taken = {resolve(line.target) for line in lines if line.source and line not in mine}
    remove, add, targets = [], [], {}
    for source, target, option in wanted:
        place = resolve(target)
        if place in targets:
            raise PotError("Two mounts are given for %s." % target)
        if place in taken:
            raise PotError("%s is used by pot itself and cannot be mounted over." % target)
        targets[place] = None
        kept = False
        for line in mine:
            if resolve(line.target) == place:
                if not kept and line.option == option and effective(line.source) == effective(source):
                    kept = True
                else:
                    remove.append(line)
        if not kept:
            add.append((source, target, option))
    if exact:
        remove += [line for line in mine if resolve(line.target) not in targets]
    add.sort(key=lambda mount: resolve(mount[1]).count("/"))
    return remove, add


# --------------------------------------------------------------------------- the machine


@contextlib.contextmanager
def lock(name, timeout):
    """Hold C(LOCK_DIR/NAME.lock), an flock(2) lock as lockf(1) takes; several runs may work on one machine at once."""
    path = os.path.join(LOCK_DIR, name + ".lock")
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as exc:
                if exc.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
            if time.monotonic() > deadline:
                raise PotError("Another run has held %s for more than %d seconds." % (path, timeout))
            time.sleep(0.2)
        yield
    finally:
        os.close(fd)


def guard(name, timeout, check):
    """The lock of one pot. A run in check mode writes nothing, not even a lock file."""
    return contextlib.nullcontext() if check else lock("potluck-pot-" + name, timeout)


def write_atomically(path, text, keep_mtime=False, mode=0o644):
    """Replace a file in one step; mode and owner of the old one are kept, pot and other runs never see half a file."""
    try:
        old = os.lstat(path)
    except FileNotFoundError:
        old = None
    directory = os.path.dirname(path)
    try:
        fd, temporary = tempfile.mkstemp(prefix=".potluck-", dir=directory)
        try:
            with os.fdopen(fd, "wb") as handle:
                handle.write(text.encode("utf-8", "surrogateescape"))
                handle.flush()
                os.fsync(handle.fileno())
            os.chmod(temporary, stat.S_IMODE(old.st_mode) if old else mode)
            if old:
                os.chown(temporary, old.st_uid, old.st_gid)
                if keep_mtime:
                    os.utime(temporary, ns=(old.st_atime_ns, old.st_mtime_ns))
            os.rename(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as exc:
        raise PotError("Cannot write %s: %s." % (path, exc.strerror)) from exc


def read_text(path):
    """Text of a file, C(None) when there is none."""
    try:
        with open(path, "rb") as handle:
            return handle.read().decode("utf-8", "surrogateescape")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise PotError("Cannot read %s: %s." % (path, exc.strerror)) from exc


def mtime(path):
    """Time of the last change of a file in nanoseconds since 1970, symbolic links followed; C(None) when it cannot be looked at."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


class Runner:
    """Runs commands with a clean environment and without a pipe that a daemon could keep open."""

    def environment(self, download=False):
        """All that a command finds in its environment: PATH and HOME, for a download also what FETCH_ENVIRONMENT names in either case."""
        environment = {"PATH": PATH, "HOME": "/root"}
        if download:
            environment.update({k: v for k, v in os.environ.items() if k.lower() in FETCH_ENVIRONMENT})
        return environment

    def run(self, argv, timeout=120, download=False, cwd="/", until=None):
        """(rc, stdout, stderr). rc is C(None) when until() became true and the command was left running."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            # What goes on running must not fill a file nobody can see any more.
            streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} if until else {"stdout": out, "stderr": err}
            try:
                process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, cwd=cwd, umask=0o022, **streams,
                                           env=self.environment(download), start_new_session=True)
            except OSError as exc:
                raise PotError("Cannot run %s: %s." % (argv[0], exc.strerror)) from exc
            deadline = time.monotonic() + timeout
            rc = None
            while True:
                try:
                    rc = process.wait(timeout=min(0.5 if until else timeout, max(0.01, deadline - time.monotonic())))
                    break
                except subprocess.TimeoutExpired:
                    pass
                if until and until():
                    break
                if time.monotonic() >= deadline:
                    self._kill(process)
                    raise PotTimeout("'%s' did not end within %d seconds." % (shlex.join(argv), timeout))
            texts = []
            for handle in (out, err):
                handle.seek(0)
                texts.append(handle.read().decode("utf-8", "replace"))
            return rc, texts[0], texts[1]

    @staticmethod
    def _kill(process):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)


class State:
    """Everything known about one pot at one moment. See C(Machine.read)."""

    def __init__(self, name):
        self.name = name
        self.exists = False
        self.broken = ""          # why pot cannot use it, empty if it can
        self.disposable = False   # broken, and provably without anything of value in it
        self.conf = PotConf()
        self.lines = []           # of fscomp.conf
        self.jid = None
        self.status = ""          # '', starting, doa, started, stopping, stopped
        self.outdated = False     # the status file is older than the machine's boot time, so that pot ignores it
        self.restart_required = False
        self.rc_finished = True   # the start command has ended since the last start

    @property
    def running(self):
        """Whether the pot's jail runs, whatever pot's own status file says."""
        return self.jid is not None

    @property
    def state(self):
        """One of absent, broken, stopped and started; a broken pot may run nevertheless."""
        if not self.exists:
            return "absent"
        if self.broken:
            return "broken"
        return "started" if self.running else "stopped"


class Machine:
    """pot on this machine. actions collects what was done; with check nothing is done but collecting."""

    def __init__(self, runner=None, pot=None, check=False, timeout=3600):
        self.runner = runner or Runner()
        self.check = check
        self.timeout = timeout
        self.actions = []
        self.warnings = []
        self.pot = pot or shutil.which("pot", path=PATH)
        if not self.pot:
            raise PotError("pot is not installed on this machine: install the package pot and run 'pot init' first.")
        self.prefix = os.path.dirname(os.path.dirname(os.path.realpath(self.pot)))
        self.config = self._read_config()
        self.zfs_root = self.config["POT_ZFS_ROOT"]
        self.fs_root = self.config["POT_FS_ROOT"]
        self.refresh()
        if self.zfs_root + "/jails" not in self.datasets or not os.path.isdir(self.fs_root + "/jails"):
            raise PotError("pot is not initialised on this machine (no dataset %s/jails at %s/jails): run 'pot init' first."
                           % (self.zfs_root, self.fs_root))

    # -- reading

    def query(self, argv, what):
        """Standard output of a command that only reads, in check mode as well. C(PotError) for an exit code other than 0.

        what: the words after "Cannot read" in that case.
        """
        rc, out, err = self.runner.run(argv)
        if rc != 0:
            raise PotError("Cannot read %s: %s" % (what, (err or out).strip() or "'%s' exited with %s" % (shlex.join(argv), rc)))
        return out

    def _read_config(self):
        keys = {"POT_ZFS_ROOT": "zroot/pot", "POT_FS_ROOT": "/opt/pot", "POT_TMP": "/tmp", "POT_EXTIF": "em0",
                "POT_NETWORK": "10.192.0.0/10", "POT_NETWORK_STACK": "ipv4"}
        # pot sources the two files, so they are sh, and sh alone can read them like pot does.
        script = 'for f do if [ -r "$f" ]; then . "$f" || exit 1; fi; done; printf "%s\\n" ' + " ".join('"$%s"' % k for k in keys)
        directory = self.prefix + "/etc/pot/"
        out = self.query(["/bin/sh", "-c", script, "pot", directory + "pot.default.conf", directory + "pot.conf"],
                         "pot's configuration")
        values = out.split("\n")[-len(keys) - 1:]
        return {key: value or default for (key, default), value in zip(keys.items(), values)}

    def refresh(self):
        """Read what the machine runs and mounts anew."""
        self.datasets = parse_datasets(self.query(
            ["zfs", "list", "-H", "-o", "name,mountpoint,canmount,mounted,origin"], "the ZFS datasets"))
        self.jails = parse_jls(self.query(["jls", "-q", "jid", "name", "host.hostname", "path"], "the running jails"))
        self._mounts = None

    @property
    def mounts(self):
        """C(parse_mounts) of C(mount -p), run when it is first needed after a C(refresh) or a mount or umount of our own."""
        if self._mounts is None:
            self._mounts = parse_mounts(self.query(["mount", "-p"], "the mounted file systems"))
        return self._mounts

    def home(self, name):
        """Directory of a pot, which holds C(conf) and, as the jail's root, C(m); there may be none."""
        return "%s/jails/%s" % (self.fs_root, name)

    def root(self, name):
        """Directory of the machine that is the root of a pot's jail. That of a multi pot is empty while the pot is stopped."""
        return self.home(name) + "/m"

    def dataset(self, name):
        """Name of a pot's dataset; the root of a single pot is a dataset of its own below it, C(m)."""
        return "%s/jails/%s" % (self.zfs_root, name)

    def own_prefixes(self):
        """What the sources of those mounts begin with that pot itself puts into fscomp.conf: a tuple for C(startswith)."""
        return (self.zfs_root + "/bases/", self.zfs_root + "/jails/")

    def names(self):
        """Names of everything that looks like a pot, half-created ones too."""
        found = {n for n in os.listdir(self.fs_root + "/jails") if os.path.isdir(self.home(n))}
        prefix = self.zfs_root + "/jails/"
        found.update(d[len(prefix):] for d in self.datasets if d.startswith(prefix) and "/" not in d[len(prefix):])
        return sorted(found)

    def status_path(self, name):
        """The file in POT_TMP in which pot keeps the state of a pot, see C(parse_status); it need not be there."""
        return "%s/pot_status_%s" % (self.config["POT_TMP"], name)

    def marker_path(self, name):
        """The file that is there from before a pot is created until that has ended, so also after a creation that was cut off.

        It holds the names of the flavours, separated by blanks.
        """
        return "%s/potluck-pot-%s.creating" % (MARKER_DIR, name)

    def boot_time(self):
        """Time of the machine's last boot in nanoseconds since 1970, as C(mtime) has it, from the sysctl kern.boottime; 0 if that is not understood."""
        match = re.search(r"sec = (\d+)", self.query(["sysctl", "-n", "kern.boottime"], "the time of the last boot"))
        return int(match.group(1)) * 10**9 if match else 0

    def read(self, name):
        """State of a pot, from the machine as of the last C(refresh) and pot's files as of now."""
        state = State(name)
        home, root, dataset = self.home(name), self.root(name), self.dataset(name)
        has_dir, has_dataset = os.path.isdir(home), dataset in self.datasets
        state.exists = has_dir or has_dataset
        if name in self.jails and self.jails[name]["path"] in ("", root, os.path.realpath(root)):
            state.jid = self.jails[name]["jid"]
        if not state.exists:
            return state
        text = read_text(home + "/conf/pot.conf")
        state.conf = PotConf(text or "")
        state.lines = parse_fscomp(read_text(home + "/conf/fscomp.conf") or "", root)
        self._judge(state, text is not None, has_dataset)
        self._read_run(state)
        return state

    def _judge(self, state, has_conf, has_dataset):
        home, root, dataset = self.home(state.name), self.root(state.name), self.dataset(state.name)
        single = state.conf.text("pot.type") == "single"
        unmounted = [d for d in self.datasets if (d == dataset or d.startswith(dataset + "/"))
                     and self.datasets[d]["mounted"] == "no" and self.datasets[d]["canmount"] == "on"]
        marker = read_text(self.marker_path(state.name))
        if marker is not None and not state.running and (marker.strip() or not os.path.exists(home + "/conf/.last_run_stats")):
            # Without a flavour nothing but a user starts a new pot: one that ran is in use, whatever the marker says.
            state.broken, state.disposable = "an earlier run was cut off while it created the pot", True
            return
        if not has_dataset:
            state.broken = "directory %s exists without dataset %s" % (home, dataset)
        elif unmounted:
            state.broken = "dataset %s is not mounted" % unmounted[0]
        elif not has_conf:
            state.broken = "conf/pot.conf is missing"
        elif not os.path.isdir(root):
            state.broken = "directory %s is missing" % root
        elif single and dataset + "/m" not in self.datasets:
            state.broken = "dataset %s/m is missing" % dataset
        elif single and not os.listdir(root):
            state.broken = "%s is empty" % root
        elif not single and read_text(home + "/conf/fscomp.conf") is None:
            state.broken = "conf/fscomp.conf is missing"
        if state.broken:
            state.disposable = not state.running and not unmounted and self._holds_nothing(home)

    @staticmethod
    def _holds_nothing(home):
        """No file below a pot's directory except pot's own configuration."""
        for directory, subdirs, files in os.walk(home):
            if directory != home + "/conf" and (files or any(os.path.islink(os.path.join(directory, s)) for s in subdirs)):
                return False
        return True

    def _read_run(self, state):
        path = self.status_path(state.name)
        status_time = mtime(path)
        if status_time is not None:
            state.status = parse_status(read_text(path) or "")
            # Left from before the last boot; or the clock was set after the pot was started, and the boot time moved with it.
            state.outdated = (state.running or state.status != "stopped") and status_time < self.boot_time()
            if state.outdated and not state.running:
                state.status = ""
        if not state.running or state.status != "started":
            return
        conf = self.home(state.name) + "/conf/"
        ended = mtime(conf + ".last_run_stats")
        state.rc_finished = self.foreground(state.conf) or (ended is not None and ended >= status_time)
        state.restart_required = not state.broken and (mtime(conf + "pot.conf") or 0) > status_time

    @staticmethod
    def foreground(conf):
        """Whether the pot's command is not expected to end, so that C(pot start) does not return."""
        return conf.text("pot.attr.persistent", "YES") == "NO" or not re.search(r"/etc/rc\b", conf.get("pot.cmd") or "sh /etc/rc")

    def busy(self, name):
        """Ids of pot commands at work on this pot, begun by anybody (boot scripts, a run that was cut off)."""
        pattern = re.compile(r"^\s*(\d+)\s.*\bpot (start|stop|create|clone|import|destroy)\s(.*\s)?%s(\s|$)" % re.escape(name))
        found = (pattern.match(line) for line in self.query(["ps", "-axww", "-o", "pid,command"], "the processes").split("\n"))
        return [int(match.group(1)) for match in found if match and int(match.group(1)) != os.getpid()]

    def wait_idle(self, name):
        """Wait until no pot command works on this pot."""
        deadline = time.monotonic() + self.timeout
        while self.busy(name):
            if time.monotonic() > deadline:
                raise PotError("A pot command of somebody else has worked on pot %s for more than %d seconds." % (name, self.timeout))
            time.sleep(1)
        self.refresh()

    def facts(self, state, include_env=False):
        """The public description of a pot, as both modules return it."""
        facts = view(state.conf)
        env = facts.pop("env")
        if include_env:
            facts["env"] = dict(decode_env(raw) for raw in env.values())
        limits = facts["limits"]
        facts.update(
            name=state.name, state=state.state, valid=state.exists and not state.broken, broken=state.broken,
            jid=state.jid, path=self.root(state.name), dataset=self.dataset(state.name), env_names=list(env),
            limits={"cpus": limits["cpus"] or None, "memory": limits["memory"] or None},
            mounts=[self.mount_facts(line) for line in state.lines if line.source],
            start_at_boot=facts["attributes"]["start_at_boot"], restart_required=state.restart_required)
        return facts

    def mount_facts(self, line):
        """{source, target, kind, read_only, own} of a C(FscompLine) with a source; own is true for what pot mounts by itself.

        kind is directory, dataset or fscomp; the source of an fscomp is its name without the datasets above it.
        """
        prefix = self.zfs_root + "/fscomp/"
        if line.source.startswith("/"):
            kind, source = "directory", line.source
        elif line.source.startswith(prefix):
            kind, source = "fscomp", line.source[len(prefix):]
        else:
            kind, source = "dataset", line.source
        return {"source": source, "target": line.target, "kind": kind, "read_only": line.option == "ro",
                "own": line.source.startswith(self.own_prefixes())}

    # -- doing

    def act(self, argv, download=False, cwd="/", until=None):
        """Run a command that changes something and note it. In check mode it is only noted, the result is success."""
        self.actions.append(shlex.join(argv))
        if self.check:
            return 0, "", ""
        full = [self.pot] + argv[1:] if argv[0] == "pot" else argv
        return self.runner.run(full, self.timeout, download=download, cwd=cwd, until=until)

    def edit(self, path, text, note, keep_mtime=False):
        """Write a file by C(write_atomically) and note it in actions together with the words of note. In check mode it is only noted."""
        self.actions.append("edit %s (%s)" % (path, note))
        if not self.check:
            write_atomically(path, text, keep_mtime)

    def explain(self, rc, out, err, unsaid=""):
        """Why a command failed: what it said, or at least its exit code. A full disk takes away even the words."""
        found = pot_errors(out, err)
        if found:
            return found
        for path in (tempfile.gettempdir(), self.fs_root + "/jails"):
            free = os.statvfs(path)
            if free.f_bavail * free.f_frsize < 1024 * 1024:
                return "exit code %s, and no space left on device (%s)" % (rc, path)
        return "exit code %s%s" % (rc, unsaid)

    def again(self, name):
        """State of a pot after looking at the machine anew."""
        self.refresh()
        return self.read(name)

    def touch(self, name):
        """Make every later run see that a restart is due: they compare the age of pot.conf with that of the status."""
        if not self.check:
            os.utime(self.home(name) + "/conf/pot.conf")

    # -- life

    def settle(self, state):
        """State of the pot after a creation by somebody else, or by a run that was cut off, has come to its end."""
        marker = self.marker_path(state.name)
        if self.check or not (state.broken or os.path.exists(marker)):
            return state
        if self.busy(state.name):
            self.wait_idle(state.name)
            state = self.read(state.name)
        if state.running:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(marker)
        return state

    def create(self, name, options):
        """Create a pot from a base release, as a clone or from an image; on failure nothing of it is left."""
        with self.host_lock():
            source = options.get("clone_from")
            inherited = self.read(source).conf.text("network_type") if source else None
            if options.get("bridge") and (options.get("network_type") or inherited) == "private-bridge":
                self.ensure_bridge(options["bridge"], options.get("bridge_hosts"))
            if options.get("image"):
                source = self._import(options["image"])
                if not self.check:
                    self.check_source(source)
            network = self._network_arguments(options)
            flavours = [word for flavour in options.get("flavours") or [] for word in ("-f", flavour)]
            if source:
                argv = ["pot", "clone", "-P", source, "-p", name]
                if options.get("clone_snapshot"):
                    argv += ["-s", options["clone_snapshot"]]
            else:
                argv = ["pot", "create", "-p", name, "-t", options.get("type") or "single"]
                if options.get("base"):
                    argv += ["-b", options["base"]]
                if options.get("pot_base"):
                    argv += ["-P", options["pot_base"]]
                if options.get("type") == "multi":
                    argv += ["-l", str(options.get("level") or 1)]
            self._create(name, argv + network + flavours)

    def _create(self, name, argv):
        if self.check:
            self.act(argv)
            return
        marker = self.marker_path(name)
        write_atomically(marker, " ".join(a for a, b in zip(argv[1:], argv) if b == "-f"), mode=0o600)
        directory = self.prefix + "/etc/pot/flavours"
        try:
            # pot looks for flavours in the current directory first.
            rc, out, err = self.act(argv, download=True, cwd=directory if os.path.isdir(directory) else "/")
            problem = "" if rc == 0 else self.explain(rc, out, err)
        except PotError as exc:
            rc, out, err, problem = 1, "", "", str(exc)
        if rc == 0:
            os.unlink(marker)
        state = self.again(name)
        if rc == 0 and state.exists and not state.broken:
            self.warnings += [line for line in re.findall(r"###>\s+(Flavor .* not valid - ignoring.*)", out)
                              if not re.search(r"line\s+(#.*|['\"]?['\"]?)\s*not valid", line)]
            return
        problem = problem or pot_errors(out, err) or state.broken or "pot reported success but made nothing"
        # Somebody else's pot, made meanwhile, is left alone.
        if state.exists and "###>  pot %s already exists" % name not in out:
            with contextlib.suppress(PotError):
                self._destroy(state)
        # Last: until here, a run that is killed leaves a sign that this pot is no good.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(marker)
        raise PotError("Cannot create pot %s: %s" % (name, problem))

    def _network_arguments(self, options):
        argv = []
        for flag, option in (("-N", "network_type"), ("-B", "bridge"), ("-S", "network_stack"), ("-d", "dns")):
            # A text of our own is written after pot is done, and pot knows no such value.
            if options.get(option) and (option, options[option]) != ("dns", "custom"):
                argv += [flag, options[option]]
        for address in options.get("ip") or []:
            argv += ["-i", address]
        return argv

    def _import(self, image):
        """Make sure the template of an image is there; its name."""
        name = template_name(image["name"], image["tag"])
        state = self.read(name)
        if state.exists and state.broken and state.disposable:
            self._destroy(state)
            state = self.again(name)
        if state.exists:
            if state.broken:
                raise PotError("The template %s of image %s is broken (%s): look at it, then remove it with 'pot destroy -F -p %s'."
                               % (name, image["name"], state.broken, name))
            return name
        if image.get("pubkey") and not os.path.isfile(image["pubkey"]):
            raise PotError("The public key %s does not exist on the machine." % image["pubkey"])
        argv = ["pot", "import", "-p", image["name"], "-t", image["tag"]]
        if image.get("url"):
            argv += ["-U", image["url"]]
        if image.get("pubkey"):
            argv += ["-C", image["pubkey"]]
        rc, out, err = self.act(argv, download=True)
        if self.check:
            return name
        state = self.again(name)
        if rc != 0 or not state.exists or state.broken:
            if state.exists and "###>  pot %s is already present" % name not in out:
                with contextlib.suppress(PotError):
                    self._destroy(state)
            raise PotError("Cannot import image %s %s: %s" % (image["name"], image["tag"], pot_errors(out, err) or state.broken
                                                              or "pot reported success but made nothing"))
        return name

    def snapshots(self, name):
        """{dataset: [snapshot tags, oldest first]} of a pot."""
        out = self.query(["zfs", "list", "-H", "-t", "snapshot", "-o", "name", "-r", self.dataset(name)], "the snapshots of pot %s" % name)
        found = {}
        for line in out.split("\n"):
            dataset, at, tag = line.strip().partition("@")
            if at:
                found.setdefault(dataset, []).append(tag)
        return found

    def check_source(self, name, snapshot=None):
        """State of a pot that can be cloned, or a sentence why it cannot."""
        state = self.read(name)
        if not state.exists:
            raise PotError("The pot %s to clone from does not exist." % name)
        if state.broken:
            raise PotError("The pot %s to clone from cannot be used: %s." % (name, state.broken))
        part = "/m" if state.conf.text("pot.type") == "single" else "/custom"
        tags = self.snapshots(name).get(self.dataset(name) + part, [])
        if not tags:
            raise PotError("The pot %s to clone from has no snapshot: stop it and take one with 'pot snapshot -p %s'." % (name, name))
        if snapshot and snapshot not in tags:
            raise PotError("The pot %s has no snapshot %s." % (name, snapshot))
        return state

    def check_new(self, options):
        """Raise one sentence for what can be known to be missing before a pot is created."""
        if options.get("clone_from"):
            source = self.check_source(options["clone_from"], options.get("clone_snapshot"))
            check_network(dict(options, network_type=options.get("network_type") or source.conf.text("network_type", "inherit")))
        elif not options.get("image"):
            self._check_base(options)
            if options.get("pot_base") and not self.read(options["pot_base"]).exists:
                raise PotError("The pot %s to build on does not exist." % options["pot_base"])
        directory = self.prefix + "/etc/pot/flavours/"
        for flavour in options.get("flavours") or []:
            places = [flavour, flavour + ".sh"] if flavour.startswith("/") else [directory + flavour, directory + flavour + ".sh"]
            if re.search(r"\s", flavour) or not any(os.path.isfile(p) for p in places):
                raise PotError("Flavour %s was not found (looked for %s)." % (flavour, " and ".join(places)))

    def _check_base(self, options):
        base = options.get("base")
        if options.get("type") == "multi":
            if options.get("level") == 2 and not options.get("pot_base"):
                raise PotError("A pot of type multi and level 2 needs pot_base.")
            if base and self.zfs_root + "/bases/" + base not in self.datasets:
                raise PotError("%s is not a base of this machine: make it with 'pot create-base -r %s'." % (base, base))
        elif base and os.path.isdir(MANIFESTS_DIR):
            known = sorted({re.sub(r"-RELEASE\Z", "", "-".join(n.split("-")[2:])) for n in os.listdir(MANIFESTS_DIR)})
            if base not in known:
                raise PotError("%s is not a release pot can fetch; this machine knows %s (update the package "
                               "freebsd-release-manifests for newer ones)." % (base, ", ".join(known) or "none"))

    def check_wanted_network(self, options, conf):
        """Raise for a NIC, bridge or address that cannot work on this machine. conf: the pot's own, or empty."""
        kind = options.get("network_type") or conf.text("network_type", "inherit")
        ips = [i for i in options.get("ip") or [] if i != "auto"]
        if kind == "alias" and ips:
            nics = {split_alias(i, self.config["POT_EXTIF"])[0] for i in ips}
            present = self.query(["ifconfig", "-l"], "the network interfaces").split()
            for nic in sorted(nics - set(present)):
                raise PotError("The network interface %s does not exist on this machine." % nic)
            wanted = {split_alias(i, self.config["POT_EXTIF"])[1] for i in ips}
            for nic, _family, address, added in self._interface_addresses():
                if address in wanted and not added:
                    # jail(8) would give it a host mask, and take it away from the machine when the pot stops.
                    raise PotError("Address %s belongs to the machine itself (%s); an alias pot needs one of its own." % (address, nic))
        network = self.config["POT_NETWORK"] if kind == "public-bridge" else ""
        if kind == "private-bridge":
            bridge = options.get("bridge") or conf.text("bridge")
            text = read_text("%s/bridges/%s" % (self.fs_root, bridge)) if bridge else None
            if text is None and not options.get("bridge_hosts"):
                raise PotError("The private bridge %s does not exist: give bridge_hosts to have it made, or run "
                               "'pot create-private-bridge'." % bridge)
            network = parse_bridge(text or "").get("net", "")
        if kind in BRIDGES and ips and network:
            try:
                inside = ipaddress.ip_network(network, strict=False)
            except ValueError:
                raise PotError("pot's network of this machine is malformed: %s." % network) from None
            if ipaddress.ip_address(normalise_address(ips[0])) not in inside:
                raise PotError("Address %s is not inside %s, the network of the bridge." % (ips[0], network))

    def ensure_bridge(self, bridge, hosts):
        """Make a private bridge for that many hosts; one that exists is left as it is, whatever its size.

        What counts as a bridge is pot's file below FS_ROOT/bridges. C(PotError) when it is not there in the end.
        """
        path = "%s/bridges/%s" % (self.fs_root, bridge)
        if os.path.exists(path):
            return
        check_name(bridge)
        rc, out, err = self.act(["pot", "create-private-bridge", "-B", bridge, "-S", str(hosts)])
        if not self.check and not os.path.exists(path):
            raise PotError("Cannot create the private bridge %s: %s" % (bridge, self.explain(rc, out, err)))

    def next_ip(self, bridge):
        """A free address on a bridge, from potnet."""
        argv = ["potnet", "next"] + (["-b", bridge] if bridge else [])
        if self.check:
            return "auto"
        rc, out, err = self.runner.run(argv)
        try:
            return normalise_address(out.strip())
        except PotError as exc:
            raise PotError("Cannot get a free address from potnet: %s" % ((err or out).strip() or "exit code %s" % rc)) from exc

    def repair(self, state):
        """Bring a pot whose status file and jail contradict each other back to a state pot can work with."""
        # "stopped" with a jail: "jail -r" failed after pot had taken the pot's addresses and mounts away.
        stale = state.status in ("starting", "stopping", "stopped") if state.running else state.status not in ("", "stopped")
        if state.broken or not (stale or not state.rc_finished) or not state.exists:
            return state
        if self.busy(state.name):
            if self.check:
                return state
            self.wait_idle(state.name)
            state = self.read(state.name)
            if (state.running and state.status == "started") or (not state.running and state.status in ("", "stopped")):
                return state
            stale = True
        if not stale:
            # The command that started the pot was killed before /etc/rc ended: services may be missing.
            state.restart_required = True
            return state
        self.actions.append("repair: status '%s', jail %s" % (state.status, "running" if state.running else "gone"))
        return self.stop(state)

    def start(self, state):
        """Start a pot that is stopped, with a clean environment, and prove that its jail runs and its rc has ended."""
        name, stats = state.name, self.home(state.name) + "/conf/.last_run_stats"
        before = mtime(stats)
        until = None
        if self.foreground(state.conf):
            def until():
                return parse_status(read_text(self.status_path(name)) or "") == "started" and name in parse_jls(
                    self.runner.run(["jls", "-q", "jid", "name", "host.hostname", "path"])[1])
        try:
            rc, out, err = self.act(["pot", "start", name], until=until)
        except PotTimeout as exc:
            state = self.again(name)
            if state.running or state.status not in ("", "stopped"):
                self.stop(state)
            raise PotError("%s The pot was stopped again." % exc) from exc
        if self.check:
            return state
        state = self.again(name)
        if not state.running:
            raise PotError("Cannot start pot %s: %s" % (name, self.explain(rc, out, err, ", and no jail runs")))
        if rc is not None:
            code = None
            if mtime(stats) != before:
                with contextlib.suppress(ValueError):
                    code = json.loads(read_text(stats) or "{}").get("ExitCode")
            if rc != 0 or code is None:
                raise PotError("Cannot prove that pot %s has started: %s" % (
                    name, self.explain(rc, out, err, ", and the end of its start command is not recorded")))
            if code != 0:
                raise PotError("Pot %s runs, but its start command '%s' ended with exit code %s: %s" % (
                    name, state.conf.get("pot.cmd"), code, (err.strip() or out.strip())[-500:]))
        return state

    def stop(self, state):
        """Stop a pot and prove that its jail and its mounts are gone."""
        name = state.name
        addresses = self._jail_addresses(name) if state.running and not self.check else []
        if state.status in ("starting", "stopping") or (state.running and (state.status == "" or state.outdated)):
            # pot refuses to stop from these; 'started' lets its own clean-up do the work.
            interfaces = re.findall(r"^pot\.status=[a-z]*,(.*)$", read_text(self.status_path(name)) or "", re.M)
            self.edit(self.status_path(name), "pot.status=started,%s\n" % (interfaces[-1] if interfaces else ""), "started, so that pot can stop it")
        rc, out, err = self.act(["pot", "stop", name])
        if self.check:
            state.jid, state.status = None, "stopped"
            return state
        after = self.again(name)
        if after.running:
            # "jail -r" can fail and pot says nothing; a second stop helps.
            rc, out, err = self.act(["pot", "stop", name])
            after = self.again(name)
            if after.running:
                raise PotError("Cannot stop pot %s: its jail still runs after two attempts. %s" % (name, pot_errors(out, err)))
        if after.status not in ("", "stopped"):
            raise PotError("Cannot stop pot %s: %s" % (name, pot_errors(out, err) or "its status is still " + after.status))
        self._unmount_leftovers(after)
        # pot has removed those of its configuration, but not those that it had before its configuration changed.
        kept = {_lenient(lambda t: split_alias(t, "")[1], [i])[0] for i in (after.conf.get("ip") or "").split()}
        self._remove_addresses([a for a in addresses if a not in kept])
        return after

    def _unmount_leftovers(self, state):
        home = os.path.realpath(self.home(state.name)) + "/"
        for source, path, kind, _options in reversed(self.mounts):
            if path.startswith(home) and kind != "zfs":
                rc, out, err = self.act(["umount", path])
                if rc != 0:
                    raise PotError("Cannot unmount %s, left over from pot %s: %s" % (path, state.name, (err or out).strip()))
        self._mounts = None

    def _jail_addresses(self, name):
        found = []
        for parameter in ("ip4.addr", "ip6.addr"):
            rc, out, _err = self.runner.run(["jls", "-j", name, parameter])
            found += re.findall(r"[0-9a-fA-F:.]+", out) if rc == 0 else []
        return [a for a in _lenient(normalise_address, found) if "." in a or ":" in a]

    def _interface_addresses(self):
        """[(NIC, inet or inet6, address, whether it has a host mask)] of the machine."""
        found, nic = [], ""
        for line in self.query(["ifconfig"], "the network interfaces").split("\n"):
            if line[:1].strip():
                nic = line.partition(":")[0]
            fields = line.split()
            if len(fields) > 3 and fields[0] in ("inet", "inet6"):
                found.append((nic, fields[0], fields[1].partition("%")[0], fields[3] in ("0xffffffff", "128")))
        return found

    def _remove_addresses(self, gone):
        """Take addresses of an alias pot away that jail(8) has added: those with a host mask."""
        for nic, family, address, added in self._interface_addresses() if gone else []:
            if added and address in gone:
                self.act(["ifconfig", nic, family, address, "-alias"])

    def check_destroy(self, state):
        """Raise one sentence for everything that makes destroying this pot impossible or dangerous."""
        name, dataset = state.name, self.dataset(state.name)
        clones = sorted(d for d, p in self.datasets.items() if not d.startswith(dataset + "/")
                        and (p["origin"].startswith(dataset + "@") or p["origin"].startswith(dataset + "/")))
        if clones:
            raise PotError("Cannot destroy pot %s: %s depends on its snapshots; destroy that first." % (name, ", ".join(clones)))
        if state.conf.text("pot.type") == "multi" and state.conf.text("pot.level") == "0":
            raise PotError("Cannot destroy pot %s: it belongs to base %s; use 'pot destroy -b %s'."
                           % (name, state.conf.text("pot.base"), state.conf.text("pot.base")))
        users = [other for other in self.names() if other != name
                 and PotConf(read_text(self.home(other) + "/conf/pot.conf") or "").text("pot.potbase") == name]
        if users:
            raise PotError("Cannot destroy pot %s: %s is built on it; destroy that first." % (name, ", ".join(users)))
        foreign = sorted(d for d in self.datasets if d.startswith(dataset + "/") and d[len(dataset) + 1:] not in ("m", "usr.local", "custom"))
        if foreign:
            raise PotError("Cannot destroy pot %s: dataset %s lies below it and was not made by pot; move or destroy it first."
                           % (name, ", ".join(foreign)))

    def destroy(self, state):
        """Destroy a pot that exists. Refuses as long as something of the user's is mounted below it."""
        self.check_destroy(state)
        with self.host_lock():
            if state.running and state.broken:
                # pot stops nothing it does not take for a pot, so that its clean-up is left to do as well.
                addresses = [] if self.check else self._jail_addresses(state.name)
                self.act(["jail", "-r", state.name])
                if not self.check:
                    state = self.again(state.name)
                    self._unmount_leftovers(state)
                    self._remove_addresses(addresses)
            elif state.running or (not state.broken and state.status not in ("", "stopped")):
                state = self.stop(state)
            self._destroy(state)

    def _destroy(self, state):
        name, home, dataset = state.name, self.home(state.name), self.dataset(state.name)
        if not self.check:
            inside = os.path.realpath(home) + "/"
            own = {dataset} | {d for d in self.datasets if d.startswith(dataset + "/")}
            mounted = [path for source, path, kind, _o in self.mounts if path.startswith(inside) and not (kind == "zfs" and source in own)]
            if mounted:
                # pot ends with "rm -rf" of the directory, which would go through the mount into the user's files.
                raise PotError("Cannot destroy pot %s: %s is still mounted below it; unmount it first." % (name, ", ".join(mounted)))
        if dataset in self.datasets:
            rc, out, err = self.act(["pot", "destroy"] + (["-F"] if state.broken else []) + ["-p", name])
        else:
            if not self._holds_nothing(home):
                raise PotError("Cannot destroy pot %s: %s is no dataset of pot and holds files; look at them and remove the directory "
                               "yourself." % (name, home))
            self.actions.append("remove directory %s" % home)
            rc, out, err = 0, "", ""
        if self.check:
            return
        after = self.again(name)
        if after.exists and not after.running and dataset not in self.datasets and self._holds_nothing(home):
            shutil.rmtree(home)
            after = self.again(name)
        if after.exists:
            raise PotError("Cannot destroy pot %s: %s" % (name, self.explain(rc, out, err)))
        for path in (self.marker_path(name), self.status_path(name)):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def host_lock(self):
        """The lock for what only one run on the machine may do at a time, as a context manager; in check mode it locks nothing."""
        return contextlib.nullcontext() if self.check else lock("potluck-pot", self.timeout)

    # -- configuration

    def write_conf(self, state, new, options, keep_mtime):
        """Write pot.conf and read it back; C(PotError) when it holds something else by then.

        options: names of what changes, for actions. keep_mtime: the change needs no restart, and must not look as if it did (see C(touch)).
        """
        self.edit(self.home(state.name) + "/conf/pot.conf", new.render(), ", ".join(options), keep_mtime)
        if self.check:
            return
        if read_text(self.home(state.name) + "/conf/pot.conf") != new.render():
            raise PotError("The configuration of pot %s was changed by somebody else at the same time." % state.name)

    def resolv_conf(self, state, options, created):
        """(path, text there, wanted text) when the pot's own resolv.conf is not up to date, else C(None)."""
        dns, wanted = options["dns"] or "", options["resolv_conf"]
        if dns.startswith("custom:") and not created:
            wanted = read_text(dns.partition(":")[2])
            if wanted is None and not self.check:
                raise PotError("The file %s for dns does not exist on the machine." % dns.partition(":")[2])
        path = self.home(state.name) + "/conf/resolv.conf"
        found = read_text(path)
        return None if wanted in (None, found) else (path, found or "", wanted)

    # -- mounts

    def roots(self, state):
        """Where a jail's files are on the machine; a stopped multi pot is not assembled at its root."""
        root = self.root(state.name)
        if state.conf.text("pot.type") == "single" or state.running:
            return [("/", root)]
        home = self.home(state.name)
        return [("/", "%s/bases/%s" % (self.fs_root, state.conf.text("pot.base"))),
                ("/usr/local", home + "/usr.local"), ("/opt/custom", home + "/custom")]

    def resolver(self, state):
        """A function that follows links inside the jail as C(resolve_inside) does, for the pot as it is now, running or stopped."""
        roots = self.roots(state)
        return lambda path: resolve_inside(path, roots)

    def effective(self, source):
        """The directory of the machine behind a source of fscomp.conf."""
        if source.startswith("/"):
            return os.path.realpath(source)
        return self.datasets.get(source, {}).get("mountpoint", source)

    def wanted_mounts(self, mounts):
        """[(source, target, option)] as fscomp.conf holds them, every source looked at."""
        wanted = []
        for mount in mounts:
            # Two slashes at the beginning have a meaning of their own to normpath.
            source, target = mount["source"], os.path.normpath(mount["target"].replace("//", "/"))
            if mount["kind"] == "fscomp":
                source = "%s/fscomp/%s" % (self.zfs_root, source)
            if not mount["target"].startswith("/") or target == "/" or ".." in mount["target"].split("/"):
                raise PotError("The mount target '%s' must be an absolute path inside the pot other than /." % mount["target"])
            for text in (source, target):
                if re.search(r"\s", text):
                    raise PotError("'%s' contains a blank, which pot cannot hold in a mount." % text)
            problem = self._source_problem(mount["kind"], source)
            if problem and self.check:
                # An earlier task that makes the source has changed nothing either.
                self.warnings.append(problem)
            elif problem:
                raise PotError(problem)
            if mount["kind"] == "directory":
                source = os.path.normpath(source)
            wanted.append((source, target, "ro" if mount["read_only"] else ""))
        return wanted

    def _source_problem(self, kind, source):
        if kind == "directory":
            if not source.startswith("/"):
                return "The directory '%s' to mount must be an absolute path." % source
            if not os.path.isdir(source):
                return "The directory %s to mount does not exist on the machine." % source
            path = os.path.realpath(source)
            behind = [(len(p["mountpoint"]), d) for d, p in self.datasets.items() if p["canmount"] == "on" and p["mounted"] == "no"
                      and p["mountpoint"].startswith("/") and (path + "/").startswith(p["mountpoint"].rstrip("/") + "/")]
            over = [len(p["mountpoint"]) for p in self.datasets.values() if p["mounted"] == "yes"
                    and (path + "/").startswith(p["mountpoint"].rstrip("/") + "/")]
            if behind and max(behind)[0] > max(over or [0]):
                return "The dataset %s of directory %s is not mounted: data would go to another file system." % (max(behind)[1], source)
            return ""
        dataset = self.datasets.get(source)
        if not dataset:
            return "The %s %s to mount does not exist on the machine." % (kind, source.rpartition("/")[2] if kind == "fscomp" else source)
        if not dataset["mountpoint"].startswith("/"):
            return "The dataset %s to mount has mountpoint %s: give it a directory." % (source, dataset["mountpoint"])
        if dataset["mounted"] != "yes":
            return "The dataset %s to mount is not mounted: data would go to another file system." % source
        return ""

    def live_mount(self, name, place):
        """(source, options) of the topmost mount at a resolved path inside a running pot, or C(None)."""
        path = os.path.realpath(self.root(name)) + place
        found = [(source, options) for source, where, kind, options in self.mounts if where == path]
        return found[-1] if found else None

    def outdated_mount(self, name, place):
        """Whether the jail has at that path what was at the source before a file system was mounted there.

        nullfs holds on to the directory that it was given: after a dataset that is mounted late, the machine and the jail see different ones.
        """
        path = os.path.realpath(self.root(name)) + place
        positions = [index for index, mount in enumerate(self.mounts) if mount[1] == path and mount[2] == "nullfs"]
        if not positions:
            return False
        source = os.path.realpath(self.mounts[positions[-1]][0])
        holding = [(len(mount[1]), index) for index, mount in enumerate(self.mounts) if (source + "/").startswith(mount[1].rstrip("/") + "/")]
        return bool(holding) and max(holding)[1] > positions[-1]

    def missing_mounts(self, state):
        """Configured mounts that a running pot lacks, or has of a directory that is hidden by now: [(line, resolved target)]."""
        resolve = self.resolver(state)
        if not state.running:
            return []
        return [(line, resolve(line.target)) for line in state.lines
                if line.source and not line.source.startswith(self.own_prefixes()) and line.option != "zfs-remount"
                and (not self.live_mount(state.name, resolve(line.target)) or self.outdated_mount(state.name, resolve(line.target)))]

    def remount(self, state, line, place):
        """Mount a configured mount that a running pot lacks. False when only a restart can do it."""
        path = os.path.realpath(self.root(state.name)) + place
        source = self.effective(line.source)
        if os.path.realpath(path) != path or not os.path.isdir(path) or not os.path.isdir(source) or self.outdated_mount(state.name, place):
            return False
        self.act(["mount", "-t", "nullfs", "-o", line.option or "rw", source, path])
        self._mounts = None
        return self.check or self.live_mount(state.name, place) is not None

    def unmount(self, state, lines):
        """Take mounts out of a pot: unmounted first, so that a run cut off in between leaves no hidden mount."""
        resolve = self.resolver(state)
        for line in lines:
            place = resolve(line.target)
            live = self.live_mount(state.name, place) if state.running else None
            if live and os.path.realpath(live[0]) == os.path.realpath(self.effective(line.source)):
                path = os.path.realpath(self.root(state.name)) + place
                rc, out, err = self.act(["umount", path])
                self._mounts = None
                if rc != 0:
                    raise PotError("Cannot unmount %s from the running pot %s: %s Stop the pot first." % (place, state.name, (err or out).strip()))
        gone = {id(line) for line in lines}
        state.lines = [line for line in state.lines if id(line) not in gone]
        self._write_fscomp(state, "without " + ", ".join(line.target for line in lines))

    def _write_fscomp(self, state, note):
        self.edit(self.home(state.name) + "/conf/fscomp.conf", "".join(line.raw + "\n" for line in state.lines), note)

    def mount(self, state, source, target, option):
        """Add one mount with C(pot mount-in) and prove that it is configured and, in a running pot, mounted."""
        fscomp = self.zfs_root + "/fscomp/"
        if source.startswith("/"):
            how = ["-d", source]
        elif source.startswith(fscomp):
            how = ["-f", source[len(fscomp):]]
        else:
            how = ["-z", source]
        # pot's own test for duplicates is a search for "DIRECTORY " anywhere in the file.
        # (a basic regular expression, but dots are all that matters of that in the name of a directory)
        duplicate = re.compile(re.escape(source).replace(r"\.", ".") + " ")
        if source.startswith("/") and any(duplicate.search(line.raw) for line in state.lines):
            return self._mount_by_hand(state, source, target, option)
        rc, out, err = self.act(["pot", "mount-in", "-p", state.name, "-m", target] + how + (["-r"] if option == "ro" else []))
        if self.check:
            return state
        state = self.again(state.name)
        resolve = self.resolver(state)
        lines = [line for line in state.lines if line.source == source and resolve(line.target) == resolve(target) and line.option == option]
        problem = self.explain(rc, out, err)
        if not lines:
            if not state.running:
                self._unmount_leftovers(state)
            raise PotError("Cannot mount %s at %s in pot %s: %s" % (source, target, state.name, problem))
        if state.running and not self.live_mount(state.name, resolve(target)):
            self.unmount(state, lines)
            raise PotError("Cannot mount %s at %s in the running pot %s: %s" % (source, target, state.name, problem))
        ordered = parents_first(state.lines, resolve)
        if ordered != state.lines:
            state.lines = ordered
            self._write_fscomp(state, "parents first")
        return state

    def _mount_by_hand(self, state, source, target, option):
        place = self.resolver(state)(target)
        if state.running:
            rc, out, err = self.act(["jexec", "-l", state.name, "/bin/mkdir", "-p", place])
            if rc != 0:
                raise PotError("Cannot make %s in pot %s: %s" % (target, state.name, (err or out).strip()))
        elif not os.path.isdir(host_path(place, self.roots(state))):
            raise PotError("Cannot mount %s at %s in pot %s: pot takes it for a directory that is mounted already; start the pot first, "
                           "or make the target directory in it." % (source, target, state.name))
        line = FscompLine(("%s %s %s" % (source, place, option)).strip(), self.root(state.name))
        state.lines = parents_first(state.lines + [line], self.resolver(state))
        self._write_fscomp(state, "with " + place)
        if state.running and not self.remount(state, line, place):
            raise PotError("Cannot mount %s at %s in the running pot %s." % (source, target, state.name))
        return state
