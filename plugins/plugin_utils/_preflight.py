# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can be known to be wrong before a machine is contacted.

Pure functions over the variables of all servers; files are read through the path they name, nothing else is touched.
"""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import os
import re
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.potluck.matrix.plugins.module_utils import _names
from ansible_collections.potluck.matrix.plugins.plugin_utils import _certificate, _values

# Ports that a pot has taken already, whatever else is set.
_WEB_PORTS = (80, 443, 8447, 8448)


@dataclasses.dataclass(frozen=True)
class Problem:
    """One thing that is wrong: on which server, with which variable, what, and what would be right."""

    host: str
    variable: str
    problem: str
    example: str

    def __str__(self) -> str:
        text = "%s: %s%s %s" % (self.host, self.variable, "" if self.problem.startswith("is ") else ":", self.problem)
        return "%s; for example %s" % (text, self.example) if self.example else text + "."


@dataclasses.dataclass(frozen=True)
class Unusable:
    """Stands for a value that could not be worked out; reason continues "the value …"."""

    reason: str


@dataclasses.dataclass(frozen=True)
class Variable:
    """What is known of one inventory variable.

    check: turns the value into its normal form or raises ValueError; example: a good value, as YAML.
    secret: never show the value; empty: the empty text is a value too ("switched off" or "take the default").
    """

    check: t.Callable
    example: str
    secret: bool = False
    empty: bool = True


def _text(example: str) -> Variable:
    return Variable(_values.line, example)


def _file(name: str) -> Variable:
    # The playbooks are the collection's, so that a path relative to them is of no use.
    return Variable(_values.line, '"{{ inventory_dir }}/files/%s"' % name)


def _boolean(example: str = "true") -> Variable:
    return Variable(_values.boolean, example, empty=False)


def _port(example: str) -> Variable:
    return Variable(_names.port, example, empty=False)


_KEY_EXAMPLE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI… you@example.com"

VARIABLES: dict[str, Variable] = {
    "matrix_domain": Variable(_values.domain, "example.com", empty=False),
    "matrix_ip": Variable(_values.pot_address, "10.0.0.5", empty=False),
    "matrix_alert_email": Variable(_values.mail, "admin@example.com", empty=False),
    "matrix_pot_name": Variable(_values.pot_name, "matrix-example", empty=False),
    "matrix_pot_network_type": Variable(_values.choice("inherit", "alias", "public-bridge", "private-bridge"), "alias", empty=False),
    "matrix_pot_interface": Variable(_values.interface, "em0"),
    "matrix_pot_bridge": Variable(_values.bridge, "matrix-bridge"),
    "matrix_pot_release": Variable(_values.release, '"14.3"'),
    "matrix_pot_extif": Variable(_values.interface, "em0"),
    "matrix_pot_exported_ports": Variable(_values.ports, '["tcp:443:443", "tcp:8448:8448"]', empty=False),
    "matrix_pot_mounts": Variable(_values.mounts, "[{source: /srv/web, target: /srv/web, read_only: true}]", empty=False),
    "matrix_pkg_repository_url": Variable(
        _values.url("http", "https", "file", "pkg+http", "pkg+https", "pkg+file", "ssh"), '"https://pkg.example.com/${ABI}/latest"'
    ),
    "matrix_python_version": Variable(_values.python_version, '"3.11"', empty=False),
    "matrix_dataset": Variable(_values.dataset, "zroot/matrixdata", empty=False),
    "matrix_dataset_mountpoint": Variable(_values.mountpoint, "/mnt/matrixdata", empty=False),
    "matrix_dataset_properties": Variable(_values.properties, "{compression: lz4, quota: 50G}", empty=False),
    "matrix_datacenter": Variable(_values.datacenter, "dc1"),
    "matrix_consul_servers": Variable(_values.consul_servers, '"10.0.0.2,10.0.0.3"'),
    "matrix_gossip_key": Variable(_values.gossip_key, "what \"consul keygen\" prints", secret=True),
    "matrix_consul_dns": _boolean("true"),
    "matrix_dns_forwarders": Variable(_values.resolvers, '["10.0.0.1"]', empty=False),
    "matrix_node_name": Variable(_values.node_name, "matrix1", empty=False),
    "matrix_registration_enable": _boolean("false"),
    "matrix_registration_verification": Variable(_values.choice("email", "token", "captcha", "without_verification"), "token"),
    "matrix_shared_secret": Variable(_values.secret, 'a long random text in quotes, or leave it out', secret=True),
    "matrix_smtp_host": Variable(_values.host, "smtp.example.com"),
    "matrix_smtp_port": Variable(_values.mail_port, "587", empty=False),
    "matrix_smtp_user": Variable(_values.secret, "matrix@example.com"),
    "matrix_smtp_password": Variable(_values.secret, "a text in quotes", secret=True),
    "matrix_smtp_from": Variable(_values.mail, "matrix@example.com"),
    "matrix_max_upload_size": Variable(_values.size, "50M", empty=False),
    "matrix_accounts": Variable(_values.accounts, "[{name: admin, admin: true}]", secret=True, empty=False),
    "matrix_smtp_ca_file": _file("mail-ca.pem"),
    "matrix_tls_mode": Variable(_values.choice("acme", "provided", "selfsigned", "none"), "acme", empty=False),
    "matrix_nossl": _boolean("false"),
    "matrix_trusted_proxies": Variable(_values.networks, '["10.0.0.10", "10.1.0.0/24"]', empty=False),
    "matrix_ssl_email": Variable(_values.ssl_mail, "admin@example.com"),
    "matrix_acme_directory": Variable(_values.url("https"), "https://acme.example.com/directory"),
    "matrix_acme_ca_file": _file("acme-ca.pem"),
    "matrix_acme_eab_kid": _text("the key identifier that the CA gave you"),
    "matrix_acme_eab_hmac_key": Variable(_values.secret, "the key that the CA gave you", secret=True),
    "matrix_extra_domains": Variable(_values.domains, "[matrix.example.com]", empty=False),
    "matrix_tls_certificate": _file("example.com.pem"),
    "matrix_tls_key": _file("example.com.key"),
    "matrix_ldap_server": Variable(_values.ldap_servers, "ldap.example.com"),
    "matrix_ldap_port": _port("389"),
    "matrix_ldap_tls": Variable(_values.choice("starttls", "ldaps", "none"), "starttls", empty=False),
    "matrix_ldap_password": Variable(_values.secret, "a text in quotes", secret=True),
    "matrix_ldap_domain": Variable(_values.ldap_domain, "corp.example.com"),
    "matrix_ldap_ca_file": _file("ldap-ca.pem"),
    "matrix_control_user": _boolean("false"),
    "matrix_control_user_key": Variable(_values.ssh_keys, _KEY_EXAMPLE),
    "matrix_remote_log": Variable(_values.host, "10.0.0.20"),
    "matrix_remote_log_port": _port("514"),
    "matrix_remote_log_protocol": Variable(_values.choice("tcp", "tls"), "tls", empty=False),
    "matrix_remote_log_ca_file": _file("log-ca.pem"),
    "matrix_alertmanager_url": Variable(_values.url("http", "https"), "http://10.0.0.20:9093"),
    "matrix_metrics_port": Variable(_values.port_or_off, "9109"),
    # Options of single parts; their roles say more about them, what stands here is what can be said better than by a type.
    "matrix_control_user_port": _port("22"),
    "matrix_node_exporter_port": _port("9100"),
    "matrix_certificate_watch_days": Variable(_values.days, "14", empty=False),
    "matrix_certificate_warning_days": Variable(_values.days, "7", empty=False),
    "matrix_ldap_proxy_port": _port("3890"),
    "matrix_ldap_filter": Variable(_values.word(r"\(.*\)", "is not in parentheses"), '"(objectClass=posixAccount)"', empty=False),
    "matrix_consul_acl_token": Variable(_values.secret, "a text in quotes", secret=True),
    "matrix_consul_ca_file": _file("consul-ca.pem"),
    "matrix_consul_certificate_file": _file("consul-agent.pem"),
    "matrix_consul_key_file": _file("consul-agent.key"),
    "matrix_ldap_active_directory": _boolean("false"),
    "matrix_ldap_default_domain": Variable(_values.ldap_domain, "corp.example.com"),
    "matrix_node_exporter_tls_certificate": _text("/mnt/matrixdata/node_exporter/cert.pem"),
    "matrix_node_exporter_tls_key": _text("/mnt/matrixdata/node_exporter/key.pem"),
}
_CA_FILES = tuple(name for name in VARIABLES if name.endswith("_ca_file"))
_REQUIRED = ("matrix_domain", "matrix_ip", "matrix_alert_email")
_SECRET = re.compile(r"password|passwd|secret|token|gossip_key|basic_auth|credential|passphrase")


def is_secret(name: str) -> bool:
    """Whether a variable of this name is to be kept out of messages."""
    known = VARIABLES.get(name)
    return known.secret if known else bool(_SECRET.search(name))


def shown(name: str, value) -> str:
    """The subject of a sentence about a value: the value itself if it is short, simple and no secret."""
    if is_secret(name) or isinstance(value, (list, tuple, dict)) or value is None:
        return "the value"
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return str(value)
    if not value:
        return "the empty text"
    if "@" in value and "://" in value:
        value = re.sub(r"//[^/]*@", "//…@", value)
    if "PRIVATE KEY" in value:
        return "the value"
    value = value.encode("unicode_escape").decode("ascii") if re.search(r"[\x00-\x1f\x7f]", value) else value
    return '"%s"' % (value if len(value) <= 70 else value[:67] + "…")


class _Server:
    """The variables of one server, checked one by one as far as that goes; what is wrong is collected in problems."""

    def __init__(self, host: str, variables: dict, stand_ins: dict[str, str] | None = None):
        """stand_ins: for a variable that is not given, the role's option that is given in its place."""
        self.host = host
        self.stand_ins = stand_ins or {}
        self.given = {**variables, **{name: variables[option] for name, option in self.stand_ins.items()}}
        self.values: dict[str, t.Any] = {}
        self.problems: list[Problem] = []
        self.bad: set[str] = set()
        for name, variable in VARIABLES.items():
            if name in self.given:
                self._check(name, variable, self.given[name])

    def _check(self, name: str, variable: Variable, value) -> None:
        if isinstance(value, Unusable):
            self.report(name, "the value %s" % value.reason)
        elif value is None:
            self.report(name, "the value is missing after the colon")
        elif isinstance(value, str) and not value and variable.empty:
            self.values[name] = ""
        elif isinstance(value, str) and not value:
            self.report(name, "the value is empty")
        else:
            try:
                self.values[name] = variable.check(value)
            except _names.BadValue as error:
                self.report(name, error.problem[:1].lower() + error.problem[1:])
            except ValueError as error:
                self.report(name, "%s %s" % (shown(name, value), error))

    def report(self, name: str, problem: str, example: str | None = None) -> None:
        """Note a problem; one with the variable itself makes the rest ignore the variable."""
        if example is None:
            known = VARIABLES.get(name)
            example = "%s: %s" % (name, known.example) if known else ""
        self.bad.add(name)
        option = self.stand_ins.get(name, name)
        self.problems.append(Problem(self.host, option, problem, example.replace(name + ":", option + ":")))

    def __getitem__(self, name: str):
        """The checked value; None when it is not given, the empty text included, or is bad."""
        found = self.values.get(name)
        return None if found == "" else found

    def known(self, *names: str) -> bool:
        """Whether nothing is wrong with these variables, so that what depends on them can be judged."""
        return not self.bad & set(names)

    def missing(self, name: str) -> bool:
        """Whether a variable has no value at all (a bad one has been reported already)."""
        return name not in self.bad and self[name] in (None, [], "")

    def wanted(self, name: str) -> bool:
        """Whether a value is given at all, be it good or bad."""
        return self.given.get(name) not in (None, "", [])

    # What the roles use when a variable is not given.

    @property
    def tls_mode(self) -> str | None:
        """acme, provided, selfsigned or none; None when a bad value leaves it open."""
        if not self.known("matrix_tls_mode", "matrix_nossl"):
            return None
        return self["matrix_tls_mode"] or ("none" if self["matrix_nossl"] else "acme")

    @property
    def network_type(self) -> str | None:
        """inherit, alias, public-bridge or private-bridge; None when the value is bad."""
        return None if "matrix_pot_network_type" in self.bad else self["matrix_pot_network_type"] or "alias"

    @property
    def pot_name(self) -> str | None:
        """The pot's name, one made of the inventory's name being unchecked; None when the value is bad."""
        return None if "matrix_pot_name" in self.bad else self["matrix_pot_name"] or self.host.replace(".", "-")

    @property
    def node_name(self) -> str | None:
        """The node's name in Consul, one made of the inventory's name being unchecked; None when the value is bad."""
        return None if "matrix_node_name" in self.bad else self["matrix_node_name"] or self.host.split(".")[0]

    @property
    def dataset(self) -> str | None:
        """POOL/NAME; None when the value is bad."""
        return None if "matrix_dataset" in self.bad else self["matrix_dataset"] or "zroot/matrixdata"

    @property
    def mountpoint(self) -> str | None:
        """The dataset's directory on the machine, one made of the dataset's name being unchecked; None when a bad value leaves it open."""
        if "matrix_dataset_mountpoint" in self.bad:
            return None
        return self["matrix_dataset_mountpoint"] or (self.dataset and "/mnt/" + self.dataset.rpartition("/")[2])

    @property
    def machine(self) -> tuple:
        """What tells one machine from another: the address and port that Ansible connects to."""
        if self.given.get("ansible_connection") == "local":
            return ("the controller",)
        address, port = self.given.get("ansible_host", self.host), self.given.get("ansible_port", 22)
        return (str(address).lower(), str(port)) if not isinstance(address, Unusable) else (self.host,)


def problems(
    server_vars: dict[str, dict],
    neighbours: dict[str, dict] | None = None,
    roles: t.Iterable["Role"] = (),
    own: t.Iterable[str] = (),
    known: t.Iterable[str] = (),
    resolve: t.Callable[[str], str] = os.path.abspath,
    now: datetime.datetime | None = None,
) -> list[Problem]:
    """All problems of all servers, server by server in the given order.

    server_vars: for each server its variables, templated; a value that could not be worked out is an Unusable.
    neighbours: servers that are not part of this run, looked at for clashes only.
    roles: whose options are checked too; own: names of variables that are the user's own though they look like ours;
    known: more names of variables that exist; resolve: makes the path of a file on the controller absolute.
    """
    now = now or datetime.datetime.now(datetime.timezone.utc)
    roles = list(roles)
    names = set(VARIABLES) | set(known)
    servers = [_Server(host, variables, _stand_ins(variables, roles)) for host, variables in server_vars.items()]
    for server in servers:
        _required(server)
        _pot(server)
        _consul(server, resolve, now)
        _consul_dns(server)
        _registration(server)
        _mail(server)
        _tls(server, resolve, now)
        _ldap(server)
        _control_user(server)
        _logs_and_metrics(server)
        _ca_files(server, resolve, now)
        _unusable(server, names, roles)
        _roles(server, roles)
        _misspelt(server, names, roles, set(own))
    _clashes(servers, [_Server(host, variables) for host, variables in (neighbours or {}).items() if host not in server_vars])
    return [problem for server in servers for problem in server.problems]


def _stand_ins(variables: dict, roles: list["Role"]) -> dict[str, str]:
    """{variable: option} of the options that are given directly and are all that their variable, which is not given, is for."""
    users: dict[str, list[str]] = {}
    for role in roles:
        for option, sources in role.sources.items():
            for name in sources:
                users.setdefault(name, []).append(option if len(sources) == 1 else "")
    return {
        name: options[0]
        for name, options in users.items()
        if name in VARIABLES and name not in variables and len(options) == 1 and options[0] in variables and variables[options[0]] is not None
    }


def report(found: list[Problem]) -> str:
    """All problems as one message, a line each."""
    count = "1 problem" if len(found) == 1 else "%d problems" % len(found)
    return "\n".join(["%s in the inventory; no machine has been contacted:" % count] + ["- %s" % problem for problem in found])


def _unusable(server: _Server, names: set[str], roles: list[Role]) -> None:
    """Variables that only a role knows: what they hold is the role's business, that they hold something is not."""
    for name in ("ansible_host", "ansible_port"):
        value = server.given.get(name)
        if isinstance(value, Unusable):
            server.report(name, "the value %s" % value.reason, "%s: %s" % (name, "192.0.2.1" if name == "ansible_host" else 22))
    for name in sorted(names - set(VARIABLES)):
        value = server.given.get(name)
        if isinstance(value, Unusable):
            specs = [role.options[option] for role in roles for option, sources in role.sources.items() if name in sources]
            server.report(name, "the value %s" % value.reason, _spec_example(name, specs[0] if specs else {}))


def _required(server: _Server) -> None:
    for name in _REQUIRED:
        if server.missing(name):
            server.report(name, "is not set, and every server needs it")


def _pot(server: _Server) -> None:
    if server["matrix_pot_name"] is None and "matrix_pot_name" not in server.bad:
        try:
            _values.pot_name(server.pot_name)
        except ValueError as error:
            server.report("matrix_pot_name", 'is not set, and the name made from the inventory\'s, "%s", %s' % (server.pot_name, error))
    kind = server.network_type
    if kind == "private-bridge" and server.missing("matrix_pot_bridge"):
        server.report("matrix_pot_bridge", "is not set, but matrix_pot_network_type is private-bridge")
    if kind in ("private-bridge", "public-bridge") and ":" in (server["matrix_ip"] or ""):
        server.report("matrix_ip", '"%s" is an IPv6 address, but a pot behind a bridge needs an IPv4 address' % server["matrix_ip"])
    if kind not in (None, "inherit") and server["matrix_ip"] and server["matrix_ip"] == server.machine[0]:
        # pot gives the address to the jail, and takes it off the interface when the jail stops.
        problem = '"%s" is the machine\'s own address (ansible_host), which the machine would lose when the pot stops'
        server.report("matrix_ip", problem % server["matrix_ip"], "matrix_ip: 10.0.0.5, or matrix_pot_network_type: inherit")
    if kind in ("alias", "inherit") and server["matrix_pot_exported_ports"]:
        problem = "ports are only forwarded to a pot behind a bridge, but matrix_pot_network_type is %s" % kind
        server.report("matrix_pot_exported_ports", problem, "matrix_pot_exported_ports: []")
    if server["matrix_dataset"] and not server["matrix_dataset_mountpoint"] and server.known("matrix_dataset_mountpoint"):
        try:
            _values.mountpoint(server.mountpoint)
        except ValueError as error:
            server.report("matrix_dataset_mountpoint", 'is not set, and the one made from matrix_dataset, "%s", %s' % (server.mountpoint, error))


def _consul(server: _Server, resolve, now) -> None:
    if not server.wanted("matrix_consul_servers"):
        return
    _both_or_neither(server, "matrix_consul_certificate_file", "matrix_consul_key_file")
    _pair(server, "matrix_consul_certificate_file", "matrix_consul_key_file", [], resolve, now)
    pair = ("matrix_consul_certificate_file", "matrix_consul_key_file")
    if server[pair[0]] and server.known(*pair) and server.missing("matrix_consul_ca_file"):
        server.report("matrix_consul_ca_file", "is not set, but matrix_consul_certificate_file is; without it nothing would be encrypted")
    for name in ("matrix_datacenter", "matrix_gossip_key"):
        if server.missing(name):
            server.report(name, "is not set, but matrix_consul_servers is")
    if server["matrix_node_name"] is None and server.known("matrix_node_name"):
        try:
            _values.node_name(server.node_name)
        except ValueError as error:
            server.report("matrix_node_name", 'is not set, and the one made from the inventory\'s name, "%s", %s' % (server.node_name, error))


def _consul_dns(server: _Server) -> None:
    if not server["matrix_consul_dns"]:
        return
    for name in ("matrix_consul_servers", "matrix_dns_forwarders"):
        if server.missing(name):
            server.report(name, "is not set, but matrix_consul_dns is true")
    for address in server["matrix_dns_forwarders"] or []:
        if ":" in address:
            problem = 'has "%s", an IPv6 address, but a pot behind a bridge needs an IPv4 address' % address
            server.report("matrix_dns_forwarders", "the value %s" % problem)
    if server.network_type in ("alias", "inherit"):
        problem = "true needs a pot with a 127.0.0.1 of its own, which it has behind a bridge, but matrix_pot_network_type is %s" % server.network_type
        server.report("matrix_consul_dns", problem, "matrix_consul_dns: false, or matrix_pot_network_type: public-bridge")


def _registration(server: _Server) -> None:
    if not server["matrix_registration_enable"] or not server.known("matrix_registration_verification"):
        return
    way = server["matrix_registration_verification"] or server.given.get("synapse_registration_verification") or ""
    if not way:
        server.report(
            "matrix_registration_enable",
            "is true without a verification, so that everybody could register, which Synapse refuses",
            "matrix_registration_verification: token (or email, captcha; or without_verification if it is really meant)",
        )
    if way == "email" and not server.wanted("matrix_smtp_host"):
        server.report("matrix_smtp_host", "is not set, but matrix_registration_verification is email")
    if way == "captcha":
        for name in ("synapse_recaptcha_public_key", "synapse_recaptcha_private_key"):
            if not server.wanted(name):
                server.report(name, "is not set, but matrix_registration_verification is captcha", "%s: the key that reCAPTCHA gave you" % name)


def _both_or_neither(server: _Server, one: str, other: str) -> None:
    for first, second in ((one, other), (other, one)):
        if server.wanted(first) and server.missing(second):
            server.report(second, "is not set, but %s is; give both or neither" % first)


def _mail(server: _Server) -> None:
    _both_or_neither(server, "matrix_smtp_user", "matrix_smtp_password")
    if server.wanted("matrix_smtp_host") and server.missing("matrix_smtp_from"):
        server.report("matrix_smtp_from", "is not set, but matrix_smtp_host is")


def _tls(server: _Server, resolve, now) -> None:
    mode = server.tls_mode
    if server["matrix_nossl"] and server["matrix_tls_mode"] not in (None, "none"):
        problem = '"%s" asks for a certificate, but matrix_nossl is true' % server["matrix_tls_mode"]
        server.report("matrix_tls_mode", problem, "matrix_tls_mode: none, or matrix_nossl: false")
    if server["matrix_nossl"] is False and mode == "none":
        server.report("matrix_tls_mode", '"none" serves without TLS, but matrix_nossl is false', "matrix_tls_mode: acme, or matrix_nossl: true")
    if mode == "acme" and not server["matrix_nossl"]:
        if server.given.get("matrix_ssl_email") == "none":
            server.report("matrix_ssl_email", '"none" is for a server without TLS, but this one asks an ACME CA for a certificate')
        # Other CAs than ZeroSSL give certificates to accounts without a mail address, and so does ZeroSSL to accounts bound by a key.
        elif server.missing("matrix_ssl_email") and _zerossl(server) and not server.wanted("matrix_acme_eab_kid"):
            server.report("matrix_ssl_email", "is not set, but the certificate is asked of ZeroSSL (matrix_tls_mode is acme, no matrix_acme_directory)")
        _both_or_neither(server, "matrix_acme_eab_kid", "matrix_acme_eab_hmac_key")
    if mode == "provided":
        _provided(server, resolve, now)
    if server["matrix_trusted_proxies"] and mode not in (None, "none"):
        problem = "headers of a proxy are only trusted without TLS of our own, but matrix_tls_mode is %s" % mode
        server.report("matrix_trusted_proxies", problem, "matrix_trusted_proxies: [], or matrix_nossl: true")


def _zerossl(server: _Server) -> bool:
    return server.known("matrix_acme_directory") and "zerossl.com" in (server["matrix_acme_directory"] or "zerossl.com")


def _provided(server: _Server, resolve, now) -> None:
    for name in ("matrix_tls_certificate", "matrix_tls_key"):
        if server.missing(name):
            server.report(name, "is not set, but matrix_tls_mode is provided")
    domains = [server["matrix_domain"]] if server["matrix_domain"] else []
    _pair(server, "matrix_tls_certificate", "matrix_tls_key", domains + (server["matrix_extra_domains"] or []), resolve, now)


def _pair(server: _Server, certificate: str, key: str, domains: list[str], resolve, now) -> None:
    """A certificate and its key, both files on the controller; resolve may refuse a path by ValueError too."""
    found, path = [], ""
    if server[certificate]:
        try:
            path = resolve(server[certificate])
            found = _certificate.check_certificates(path, now)
            for domain in domains if found else []:
                _certificate.check_names(found[0], domain)
        except ValueError as error:
            server.report(certificate, '"%s" %s' % (server[certificate], error))
    if server[key]:
        try:
            _certificate.check_key(resolve(server[key]), found, path)
        except ValueError as error:
            server.report(key, '"%s" %s' % (server[key], error))


def _ldap(server: _Server) -> None:
    if not server.wanted("matrix_ldap_server"):
        return
    search = server.given.get("matrix_ldap_mode", "search") != "simple"
    anonymous = server.given.get("matrix_ldap_bind_dn") == ""
    derived = ["matrix_ldap_base"] + (["matrix_ldap_bind_dn"] if search else [])
    if server.missing("matrix_ldap_domain") and any(name not in server.given for name in derived):
        server.report("matrix_ldap_domain", "is not set, but matrix_ldap_server is")
    if server.missing("matrix_ldap_password") and search and not anonymous:
        server.report("matrix_ldap_password", "is not set, but matrix_ldap_server is, and the search is not anonymous (matrix_ldap_bind_dn: '')")
    if server["matrix_ldap_active_directory"] and server.missing("matrix_ldap_default_domain"):
        server.report("matrix_ldap_default_domain", "is not set, but matrix_ldap_active_directory is true")
    if server["matrix_ldap_tls"] == "ldaps" and server["matrix_ldap_port"] == 389:
        server.report("matrix_ldap_port", "389 is the port without TLS, but matrix_ldap_tls is ldaps", "matrix_ldap_port: 636")
    if server["matrix_ldap_tls"] != "ldaps" and server["matrix_ldap_port"] == 636 and server.known("matrix_ldap_tls"):
        problem = "636 is the port of ldaps, but matrix_ldap_tls is %s" % (server["matrix_ldap_tls"] or "starttls")
        server.report("matrix_ldap_port", problem, "matrix_ldap_tls: ldaps")


def _control_user(server: _Server) -> None:
    if server["matrix_control_user"] and server.missing("matrix_control_user_key"):
        server.report("matrix_control_user_key", "is not set, but matrix_control_user is true; the account is entered with a key only")
    port = server["matrix_control_user_port"] or 22
    if server["matrix_control_user"] and server.network_type == "inherit" and str(port) == str(server.given.get("ansible_port", 22)):
        # The more exact of two addresses gets the connections: the jail's sshd would shut everybody out of the machine.
        problem = "%s is the port of the machine's own sshd, whose address the pot uses as well (matrix_pot_network_type: inherit)" % port
        server.report("matrix_control_user_port", problem, "matrix_control_user_port: 2222")


def _logs_and_metrics(server: _Server) -> None:
    if server.wanted("matrix_remote_log") and server["matrix_remote_log_protocol"] == "tls" and server.missing("matrix_remote_log_ca_file"):
        server.report("matrix_remote_log_ca_file", "is not set, but matrix_remote_log_protocol is tls")
    _both_or_neither(server, "matrix_node_exporter_tls_certificate", "matrix_node_exporter_tls_key")
    _listeners(server)


def _listeners(server: _Server) -> None:
    """No two services of one pot on one port."""
    taken = dict.fromkeys(_WEB_PORTS, "the web server")
    if server["matrix_consul_servers"]:
        taken[8301] = "the Consul agent"
    wanted = [("matrix_node_exporter_port", "node_exporter", 9100), ("matrix_metrics_port", "Synapse's metrics", 9109)]
    if server["matrix_control_user"]:
        wanted.append(("matrix_control_user_port", "sshd", 22))
    # Those that are set come after those that are not: what is to be changed is what somebody has set.
    for name, owner, default in sorted(wanted, key=lambda each: each[0] in server.given):
        port = server[name] if name in server.given else default
        if not port or not server.known(name):
            continue
        if port in taken:
            server.report(name, "%d is the port of %s" % (port, taken[port]), "%s: %d" % (name, default if default not in taken else default + 1))
        taken.setdefault(port, owner)


def _ca_files(server: _Server, resolve, now) -> None:
    for name in _CA_FILES:
        if server[name]:
            try:
                # Synapse's TLS library takes one certificate from the file for mail.
                _certificate.check_certificates(resolve(server[name]), now, only_one=name == "matrix_smtp_ca_file")
            except ValueError as error:
                server.report(name, '"%s" %s' % (server[name], error))


# Roles: every option that the inventory sets, directly or through a variable of ours, against the role's own documentation.


@dataclasses.dataclass(frozen=True)
class Role:
    """One role of the collection.

    options: its argument spec; sources: for an option the variables its default is made of;
    values: for each server the options that the inventory decides, templated or Unusable.
    """

    name: str
    options: dict[str, dict]
    sources: dict[str, tuple[str, ...]]
    values: dict[str, dict[str, t.Any]] = dataclasses.field(default_factory=dict)


def _roles(server: _Server, roles: list[Role]) -> None:
    for role in roles:
        for option, value in role.values.get(server.host, {}).items():
            if any(stand_in == option and name in server.bad for name, stand_in in server.stand_ins.items()):
                continue
            direct = option in server.given
            sources = [name for name in role.sources.get(option, ()) if name in server.given]
            if not direct and (not sources or server.bad & set(sources)):
                continue
            name = option if direct else sources[0]
            spec = role.options[option]
            if isinstance(value, Unusable):
                server.report(name, "the value %s" % value.reason, _spec_example(name, spec))
                continue
            problem = _against_spec(option, spec, value, is_secret(name) or is_secret(option))
            if problem:
                server.report(name, "%s %s" % (shown(option if direct else name, value), problem), _spec_example(name, spec))


def _against_spec(option: str, spec: dict, value, hidden: bool) -> str | None:
    """What is wrong with a value by the argument spec, as the end of a sentence; in general words where it may hold a secret."""
    if value is None:
        return None if not spec.get("required") else "is missing after the colon"
    hidden = hidden or "no_log" in str(spec)
    # Ansible would make a text of it.
    if spec.get("type", "str") in ("str", "path") and isinstance(value, (list, dict)):
        return "is not what it should be: %s" % _type_words(spec)
    spec = {key: part for key, part in spec.items() if key not in ("default", "required")}
    # An empty text where a number or a list belongs is refused here too: no role can do anything with it.
    errors = ArgumentSpecValidator({option: spec}).validate({option: value}).error_messages
    if not errors:
        return None
    if spec.get("choices") and not isinstance(value, (list, dict)) and not hidden:
        return "is none of %s" % ", ".join(str(choice) for choice in spec["choices"])
    if hidden or not spec.get("options"):
        return "is not what it should be: %s" % _type_words(spec)
    return "is not right: %s" % "; ".join(error.replace("\n", " ") for error in errors)


def _type_words(spec: dict) -> str:
    words = {"str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false", "list": "a list", "dict": "a dictionary", "path": "a path"}
    found = words.get(spec.get("type", "str"), "a value of type %s" % spec.get("type"))
    if spec.get("elements"):
        found += ", each item %s" % words.get(spec["elements"], spec["elements"])
    return found


def _spec_example(name: str, spec: dict) -> str:
    """A good value for an option: one of its choices, its default, or any of its type."""
    if name in VARIABLES:
        return "%s: %s" % (name, VARIABLES[name].example)
    default = spec.get("default")
    if isinstance(default, str) and "{{" in default:
        # The default of an option is often written in its template: matrix_x | default('that').
        literal = re.search(r"default\('([^']+)'\)|default\((\d+|true|false)\)", default)
        default = (literal.group(1) or literal.group(2)) if literal else None
    if spec.get("choices"):
        default = spec["choices"][0]
    if default in (None, "", [], {}):
        default = {"int": 1, "float": 1.5, "bool": True, "list": "[]", "dict": "{}", "path": "/some/path"}.get(spec.get("type"), "some text")
    return "%s: %s" % (name, str(default).lower() if isinstance(default, bool) else default)


def _misspelt(server: _Server, names: set[str], roles: list[Role], own: set[str]) -> None:
    # A role's prefix can be a common word (tls_, synapse_), so its options have to be nearer to count as meant.
    families = [("mat", sorted(names), 0.85)] + [(role.name + "_", sorted(role.options), 0.92) for role in roles]
    options = {option for role in roles for option in role.options}
    for name in server.given:
        if name in own or name in names or name in options:
            continue
        for prefix, candidates, closeness in families:
            near = difflib.get_close_matches(name, candidates, 1, closeness) if name.startswith(prefix) else []
            if near:
                problem = "is not known (did you mean %s? names of your own go into preflight_own_variables)" % near[0]
                known = VARIABLES.get(near[0])
                server.report(name, problem, "%s: %s" % (near[0], known.example) if known else near[0])
                break


# Clashes: what only the look at all servers together shows.


def _clashes(servers: list[_Server], neighbours: list[_Server]) -> None:
    seen: dict[tuple, _Server] = {}
    extif: dict[tuple, _Server] = {}
    shared: dict[tuple, tuple[_Server, t.Any]] = {}
    for server in neighbours + servers:
        told = set()
        for variable, key, before, after, example in _unique(server):
            other = seen.setdefault(key, server)
            # One dataset for two servers is one mountpoint as well; the first problem is enough.
            if other is server or server in neighbours or variable == "matrix_dataset_mountpoint" and ("matrix_dataset", other.host) in told:
                continue
            told.add((variable, other.host))
            server.report(variable, before + other.host + after, "%s: %s" % (variable, example))
        settings = server.given.get("pot_jail_settings")
        for key, value in settings.items() if isinstance(settings, dict) else ():
            other, theirs = shared.setdefault((server.machine, key), (server, value))
            if theirs != value and server not in neighbours:
                problem = "the value for %s differs from the one of %s on the same machine, where pot has one configuration"
                server.report("pot_jail_settings", problem % (key, other.host), "pot_jail_settings: the same for both servers")
        nic = server["matrix_pot_extif"]
        if nic:
            other = extif.setdefault(server.machine, server)
            if other["matrix_pot_extif"] != nic and server not in neighbours:
                problem = '"%s" differs from "%s", which %s has on the same machine; pot knows one external interface per machine'
                server.report("matrix_pot_extif", problem % (nic, other["matrix_pot_extif"], other.host))


def _unique(server: _Server) -> t.Iterator[tuple[str, tuple, str, str, str]]:
    """What no two servers may share: (variable, key, words before and after the other server's name, example value)."""
    here, there = server.machine, " on the same machine already"
    if server["matrix_domain"]:
        yield "matrix_domain", ("domain", server["matrix_domain"]), '"%s" is the domain of ' % server["matrix_domain"], " already", "example.org"
    for name in server["matrix_extra_domains"] or []:
        yield "matrix_extra_domains", ("domain", name), '"%s" is a name of ' % name, " already", "[matrix.example.org]"
    if server.network_type == "inherit" and server["matrix_ldap_server"] and server.known("matrix_ldap_proxy_port"):
        # Pots that inherit the machine's addresses share 127.0.0.1 too, where the proxy before the directory listens.
        port = server["matrix_ldap_proxy_port"] or 3890
        yield "matrix_ldap_proxy_port", (here, "proxy", port), "port %d of 127.0.0.1 is what " % port, " uses on the same machine already", "3891"
    if server["matrix_ip"]:
        yield "matrix_ip", (here, "ip", server["matrix_ip"]), '"%s" is the address of ' % server["matrix_ip"], there, "10.0.0.6"
    if server.pot_name:
        yield "matrix_pot_name", (here, "pot", server.pot_name), '"%s" is the pot of ' % server.pot_name, there, "matrix2"
    if server.dataset:
        yield "matrix_dataset", (here, "dataset", server.dataset), '"%s" is the dataset of ' % server.dataset, there, "zroot/matrixdata2"
    if server.mountpoint:
        yield "matrix_dataset_mountpoint", (here, "mountpoint", server.mountpoint), '"%s" is the mountpoint of ' % server.mountpoint, there, "/mnt/matrixdata2"
    for protocol, _inside, outside in server["matrix_pot_exported_ports"] or []:
        if outside:
            before = "port %d/%s of the machine goes to " % (outside, protocol)
            yield "matrix_pot_exported_ports", (here, "port", protocol, outside), before, " already", '["tcp:443:8443"]'
    if server["matrix_consul_servers"] and server.node_name and server["matrix_datacenter"]:
        key = ("node", server["matrix_datacenter"], server.node_name.lower())
        yield "matrix_node_name", key, '"%s" is the name of ' % server.node_name, " in the same Consul datacenter already", "matrix2"
