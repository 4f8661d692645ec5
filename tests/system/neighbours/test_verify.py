# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each part is broken on purpose, and verify names that part, a variable to look at, and nothing else."""

from __future__ import annotations

import contextlib
import uuid

import pytest
from thorough import THOROUGH

from .conftest import SYNAPSE, fetch, wait_for

NGINX = "/usr/local/etc/nginx/nginx.conf"
OPEN_ADMIN = "s#|/_synapse/client/|#|/_synapse/client/|/_synapse/admin/|#; s#if (.for_synapse = 0)#if ($host = nobody)#"
AGENT = "/usr/local/etc/consul.d/agent.json"


@contextlib.contextmanager
def stopped(site, service):
    try:
        site.service(service, "onestop")
        yield {}
    finally:
        site.service(service, "onestart")


@contextlib.contextmanager
def edited(site, path, script, service, verb):
    """A file of the pot is changed by a sed script and its service told so."""
    site.jail_run(f"cp -p {path} {path}.whole")
    try:
        site.jail_run(f"sed '{script}' {path}.whole > {path}; ! cmp -s {path} {path}.whole")
        site.service(service, verb)
        yield {}
    finally:
        site.jail_run(f"cat {path}.whole > {path} && rm {path}.whole")
        site.service(service, verb)


@contextlib.contextmanager
def moved(site, path):
    site.jail_run(f"mv {path} {path}.away")
    try:
        yield {}
    finally:
        site.jail_run(f"mv {path}.away {path}")


@contextlib.contextmanager
def variables(**wrong):
    """The inventory says something else than what is true."""
    yield wrong


@contextlib.contextmanager
def expired_certificate(site):
    try:
        with site.other_certificate() as put:
            # It vouches for itself, so that only its date is wrong.
            (site.place / "expired.pem").write_text(put(-1))
            site.service("nginx", "reload")
            yield {"matrix_verify_ca_file": str(site.place / "expired.pem")}
    finally:
        site.service("nginx", "reload")


@contextlib.contextmanager
def pot_down(site):
    try:
        site.machine_run(f"pot stop {site.machine}")
        yield {}
    finally:
        site.machine_run(f"pot start {site.machine} >/dev/null 2>&1")


@contextlib.contextmanager
def mount_gone(site):
    """As after a restore of the host that forgot the mount: pot stopped, mount taken out, pot started."""
    pot = site.machine
    configuration = f"/opt/pot/jails/{pot}/conf/fscomp.conf"
    site.machine_run(f"cp -p {configuration} /root/fscomp.conf")
    try:
        site.machine_run(
            f"pot stop {pot}; grep -v ' /mnt$' /root/fscomp.conf > {configuration}; pot start {pot} >/dev/null 2>&1"
        )
        yield {}
    finally:
        site.machine_run(f"pot stop {pot}; cat /root/fscomp.conf > {configuration}; pot start {pot} >/dev/null 2>&1")


@contextlib.contextmanager
def no_boot(site):
    site.machine_run(f"pot set-attribute -p {site.machine} -A start-at-boot -V NO")
    try:
        yield {}
    finally:
        site.machine_run(f"pot set-attribute -p {site.machine} -A start-at-boot -V YES")


@contextlib.contextmanager
def away(site, kind):
    with site.away(kind):
        yield {}


@contextlib.contextmanager
def receiver_paused(site):
    site.tell("syslog-receiver", "pause")
    try:
        yield {}
    finally:
        site.tell("syslog-receiver", "resume")


@contextlib.contextmanager
def untrusted_mail(site):
    """The pot's trust store lost the mail server's authority."""
    certificate = "/usr/local/share/certs/matrix-smtp.pem"
    # certctl of 15.0 would keep its copy.
    site.jail_run(
        f"rm -f /etc/ssl/certs/$(openssl x509 -noout -hash -in {certificate}).* && mv {certificate} /root/ && certctl "
        "rehash"
    )
    try:
        yield {}
    finally:
        site.jail_run(f"mv /root/matrix-smtp.pem {certificate} && certctl rehash")


@contextlib.contextmanager
def other_ca(site, path):
    """A CA file of the pot holds another authority's certificate."""
    site.jail_run(
        f"cp -p {path} /root/ca.whole && openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other -keyout /dev/null "
        f"-out {path} 2>/dev/null"
    )
    try:
        yield {}
    finally:
        site.jail_run(f"cat /root/ca.whole > {path} && rm /root/ca.whole")


@contextlib.contextmanager
def agent_without_key(site):
    """The agent has another gossip key than the servers."""
    with edited(
        site,
        AGENT,
        's|"encrypt": "[^"]*"|"encrypt": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="|',
        "consul",
        "restart",
    ):
        # It forgets the members it knew only when they do not answer.
        alive = "consul members -http-addr=unix:///var/run/consul/http.sock -status=alive"
        wait_for(lambda: "server1" not in site.jail_run(alive, check=False), 30, "no server is seen")
        yield {}


@contextlib.contextmanager
def agent_with_another_token(site):
    """The agent is a member as before, and the servers take no services from it."""
    # Nor do they remember any from before: one that is back at once may find them where it left them.
    site.service("consul", "stop")
    known = f"http://{site.consul[0]}:8500/v1/health/service/matrix-synapse"
    wait_for(lambda: site.machine not in fetch(known), 60, "the servers have forgotten the services")
    with edited(site, AGENT, f's|"default": "[^"]*"|"default": "{uuid.uuid4()}"|', "consul", "restart"):
        site.settle()
        yield {}


# name: (how to break it, what verify must name and nothing else)
BREAKAGES = {
    "gossip key": (agent_without_key, ["The Consul agent sees a server", "matrix_gossip_key"]),
    "ACL token": (agent_with_another_token, ["The Consul servers know the services", "matrix_consul_acl_token"]),
    "Consul agent stopped": (lambda site: stopped(site, "consul"), ["The Consul agent runs", "matrix_consul_servers"]),
    "Consul servers elsewhere": (
        lambda site: variables(matrix_consul_servers="10.199.0.99"),
        ["A Consul server is reachable", "matrix_consul_servers"],
    ),
    "bind password": (
        lambda site: variables(matrix_ldap_password="wrong"),
        ["The directory accepts the bind account", "matrix_ldap_password"],
    ),
    "LDAP base": (
        lambda site: variables(matrix_ldap_base="ou=Nobody,dc=example"),
        ["The directory accepts the bind account", "matrix_ldap_base"],
    ),
    "LDAP filter": (
        lambda site: variables(matrix_ldap_filter="(objectClass=posixAccount)"),
        ["The directory accepts the bind account", "matrix_ldap_filter"],
    ),
    "LDAP authority": (
        lambda site: other_ca(site, SYNAPSE + "/ldap-ca.pem"),
        ["The directory accepts the bind account", "matrix_ldap_ca_file"],
    ),
    "directory down": (
        lambda site: away(site, "slapd"),
        ["The directory accepts the bind account", "matrix_ldap_server"],
    ),
    "LDAP proxy stopped": (
        lambda site: stopped(site, "matrix_ldap_proxy"),
        ["The LDAP proxy runs", "matrix_ldap_server"],
    ),
    "SMTP password": (
        lambda site: variables(matrix_smtp_password="wrong"),
        ["The mail server accepts a session", "matrix_smtp_password"],
    ),
    "SMTP authority": (untrusted_mail, ["The mail server accepts a session", "matrix_smtp_ca_file"]),
    "mail server away": (
        lambda site: away(site, "smtp-sink"),
        ["The mail server accepts a session", "matrix_smtp_host"],
    ),
    "syslog-ng stopped": (lambda site: stopped(site, "syslog-ng"), ["syslog-ng runs", "matrix_remote_log"]),
    "log receiver away": (receiver_paused, ["The log server accepts connections", "matrix_remote_log"]),
    "log receiver's authority": (
        lambda site: other_ca(site, "/usr/local/etc/syslog-ng-ca.pem"),
        ["The log server accepts connections", "matrix_remote_log_ca_file"],
    ),
    "Alertmanager away": (lambda site: away(site, "alertmanager"), ["Alertmanager answers", "matrix_alertmanager_url"]),
    "certificate expired": (expired_certificate, ["The certificate is good", "matrix_tls_mode"]),
    "Synapse stopped": (lambda site: stopped(site, "synapse"), ["Synapse runs", "synapse_settings"]),
    "nginx stopped": (lambda site: stopped(site, "nginx"), ["The reverse proxy runs", "matrix_tls_mode"]),
    "node_exporter stopped": (lambda site: stopped(site, "node_exporter"), ["node_exporter runs", "matrix_ip"]),
    "sshd stopped": (lambda site: stopped(site, "sshd"), ["sshd runs", "matrix_control_user"]),
    "cron stopped": (lambda site: stopped(site, "cron"), ["cron runs", "cron_enable"]),
    "admin interface open": (
        lambda site: edited(site, NGINX, OPEN_ADMIN, "nginx", "reload"),
        ["The admin interface is closed", "matrix_tls_mode"],
    ),
    "8448 closed": (
        lambda site: edited(site, NGINX, "s/^\\( *listen [^ ]*:\\)8448 /\\18449 /", "nginx", "reload"),
        ["Federation shows the signing key", "matrix_ip"],
    ),
    # Nobody has all of it free.
    "dataset full": (lambda site: variables(verify_free_percent=100), ["The dataset has room left", "matrix_dataset"]),
    "signing key missing": (
        lambda site: moved(site, "/mnt/matrixdata/matrix-synapse/signing.key"),
        ["The signing key is on the dataset", "matrix_dataset"],
    ),
    "start at boot": (no_boot, ["The pot starts at boot", "pot_jail_attributes"]),
    "mount missing": (mount_gone, ["The pot has the dataset", "matrix_dataset"]),
    "pot stopped": (pot_down, ["The pot runs", "matrix_pot_name"]),
    "no such pot": (lambda site: variables(matrix_pot_name="nobody"), ["The pot exists", "matrix_pot_name"]),
}


def test_a_whole_server_passes(site):
    site.settle()
    assert site.verify() == []


# What does not hide or cause anything else is broken together; of the others each has a run of its own. The agent whose
# token is wrong is to see all other services well first.
TOGETHER = [
    ["gossip key", "bind password", "SMTP password", "log receiver's authority", "dataset full", "start at boot"],
    ["ACL token", "LDAP base", "SMTP authority", "log receiver away", "Alertmanager away", "signing key missing"],
    ["Consul agent stopped", "LDAP filter", "mail server away", "syslog-ng stopped", "certificate expired"],
    ["Consul servers elsewhere", "LDAP authority", "node_exporter stopped", "sshd stopped", "admin interface open"],
    ["directory down", "cron stopped", "8448 closed"],
]
ALONE = [[name] for name in BREAKAGES if not any(name in names for names in TOGETHER)]


@pytest.mark.parametrize("names", [[name] for name in BREAKAGES] if THOROUGH else [*TOGETHER, *ALONE], ids=", ".join)
def test_verify_names_what_is_broken(site, names):
    site.settle()
    with contextlib.ExitStack() as broken:
        wrong = {}
        for name in names:
            wrong.update(broken.enter_context(BREAKAGES[name][0](site)))
        failures = site.verify(**wrong)
    unexpected = list(failures)
    for part, variable in (BREAKAGES[name][1] for name in names):
        found = [text for text in unexpected if part in text and variable in text.rpartition("(look at ")[2]]
        assert len(found) == 1, (part, variable, failures)
        unexpected.remove(found[0])
    if names == ["mount missing"]:
        # Seen from both sides.
        assert unexpected.pop().startswith("The dataset is mounted in the pot"), failures
    assert unexpected == [], failures


def test_nothing_is_checked_that_is_switched_off(site):
    off = {
        "matrix_ldap_server": "",
        "matrix_consul_servers": "",
        "matrix_smtp_host": "",
        "matrix_remote_log": "",
        "matrix_alertmanager_url": "",
        "matrix_control_user": False,
        "matrix_metrics_port": 0,
    }
    done = site.ansible("verify", "-v", verify_attempts=1, **off)
    assert done.code == 0, done.output[-3000:]
    # Eleven in the pot, eight from outside and none of them about what is off.
    everything = site.ansible("verify", verify_attempts=1)
    count = [int(word.output.partition(" checks passed")[0].rpartition('"')[2]) for word in (done, everything)]
    assert count[0] < count[1] - 10, count
