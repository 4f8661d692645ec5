# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A configuration with which a service does not come up is told with its reason, and the service runs on with the
former one.
"""

from __future__ import annotations

import contextlib
import json
import re

import pytest
import requests
from thorough import some

from .conftest import wait_for
from .test_control_user import ssh

KEPT = "/var/db/potluck-kept"
SOCKET = """
import socket, sys, time
taken = socket.socket(); taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
taken.bind((sys.argv[1], int(sys.argv[2]))); taken.listen(); print("taken", flush=True); time.sleep(600)
"""


@contextlib.contextmanager
def taken(site, port):
    """Something of the pot's own listens on a port."""
    daemon = "/usr/sbin/daemon -f -p /var/run/taken.pid /usr/local/bin/python3.11 /root/taken.py %s %d" % (
        site.jail,
        port,
    )
    site.jail_run(f"cat > /root/taken.py <<'END'\n{SOCKET}END\n{daemon}")
    try:
        wait_for(lambda: ":%d " % port in site.jail_run("sockstat -4 -l -P tcp"), 20, "the port is taken")
        yield
    finally:
        site.jail_run("kill $(cat /var/run/taken.pid); rm -f /root/taken.py /var/run/taken.pid", check=False)


@contextlib.contextmanager
def damaged_list(site):
    """A file with a good CA certificate and, behind it, a revocation list that is none: it is read at the start
    only.
    """
    path = site.place / "damaged-list.pem"
    path.write_text(
        site.jail_run("cat /usr/local/etc/syslog-ng-ca.pem")
        + "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"
    )
    yield {"matrix_remote_log_ca_file": str(path)}


def nothing(_site):
    return contextlib.nullcontext()


def scraped(site):
    return (
        "node_exporter_build_info"
        in requests.get(
            f"http://{site.jail}:9100/metrics", auth=("prometheus", site.secrets["prometheus"]), timeout=10
        ).text
    )


def agent_is_member(site):
    return any(member["Name"] == "server1" for member in site.consul_agent("members"))


# roles: (what is in the way, variables, what the message has to hold, files, whether the service works)
CASES = {
    "node_exporter": (
        nothing,
        {"node_exporter_extra_arguments": ["--no-such-flag"]},
        ["no-such-flag", "node_exporter_extra_arguments"],
        ["/usr/local/etc/node_exporter.yml", "/etc/rc.conf"],
        scraped,
    ),
    "consul_agent": (
        lambda site: taken(site, 18301),
        {"consul_agent_settings": {"ports": {"serf_lan": 18301}}},
        ["18301", "address already in use", "consul_agent_settings"],
        ["/usr/local/etc/consul.d/agent.json", "/etc/rc.conf"],
        agent_is_member,
    ),
    "control_user": (
        lambda site: taken(site, 2222),
        {"matrix_control_user_port": 2222},
        ["2222", "ddress already in use", "matrix_control_user_port"],
        ["/etc/ssh/sshd_config", "/etc/rc.conf"],
        lambda site: ssh(site, "id -un").stdout.strip() == "control",
    ),
    "remote_log": (
        damaged_list,
        {},
        ["Error setting up TLS session context", "matrix_remote_log_ca_file"],
        ["/usr/local/etc/syslog-ng-ca.pem", "/usr/local/etc/syslog-ng.conf", "/etc/rc.conf"],
        lambda site: "running" in site.service("syslog-ng", "onestatus"),
    ),
    "tls,reverse_proxy": (
        lambda site: taken(site, 8447),
        {"matrix_nossl": True},
        ["8447", "ddress already in use", "matrix_tls_mode"],
        ["/usr/local/etc/nginx/nginx.conf", "/usr/local/etc/matrix-tls.json", "/etc/cron.d/matrix-tls"],
        lambda site: site.client().raw("/health", 443) == 200,
    ),
}


def contents(site, paths):
    return site.jail_run("; ".join(f"stat -f '%Sp %u %g' {path}; cat {path}" for path in paths))


@pytest.mark.parametrize("roles", some(CASES, "consul_agent", "tls,reverse_proxy"))
def test_what_does_not_come_up_is_undone(site, roles):
    obstacle, variables, words, files, works = CASES[roles]
    before = contents(site, files)
    assert works(site)
    with obstacle(site) as more:
        done = site.ansible("site", "--tags", roles, **variables, **(more or {}))
        assert done.code != 0, done.output[-3000:]
        message = re.sub(r"\s+", " ", done.output)
        assert all(word in message for word in words), done.output[-3000:]
        assert "the former configuration is back, and the service runs with it" in message
        assert contents(site, files) == before
        wait_for(lambda: works(site), 30, "the service works as before")
    assert site.jail_run(f"ls {KEPT}", check=False) == ""
    assert site.roles(roles).changes == []


def test_the_next_run_heals_what_a_killed_one_left(site):
    """Files written, the service not restarted yet: what was kept first is what a service that does not come up gets
    back.
    """
    agent = "/usr/local/etc/consul.d/agent.json"
    good = contents(site, [agent])
    entry = json.loads(
        site.jail_run(
            "/usr/local/bin/python3.11 -c 'import base64, json, os, sys; p = sys.argv[1]; s = os.stat(p); "
            'print(json.dumps({"content": base64.b64encode(open(p, "rb").read()).decode(), "uid": s.st_uid, "gid": '
            "s.st_gid, "
            '"mode": s.st_mode & 0o7777, "time": s.st_mtime_ns}))\' ' + agent
        )
    )
    state = json.dumps({"files": {agent: entry}, "variables": {}, "running": True})
    variables = {"consul_agent_settings": {"ports": {"serf_lan": 18301}}}
    with taken(site, 18301):
        site.inside(
            "/bin/sh",
            "-c",
            f"umask 077; mkdir -p {KEPT}; cat > {KEPT}/consul.json; sed -i '' 's/\"retry_interval\": "
            f'"5s"/"retry_interval": "6s"/\' {agent}',
            pot=site.machine,
            input=state,
        )
        site.service("consul", "onestop")
        assert site.ansible("site", "--tags", "consul_agent", **variables).code != 0
        assert contents(site, [agent]) == good
        wait_for(lambda: agent_is_member(site), 30, "the agent is a member as before")
    assert site.jail_run(f"ls {KEPT}", check=False) == ""
    assert site.roles("consul_agent").changes == []


def test_a_data_directory_that_is_not_mounted_stays_empty(site):
    """Neither a run nor a boot makes the agent another identity in the pot's own root."""
    configuration = f"/opt/pot/jails/{site.machine}/conf/fscomp.conf"
    site.machine_run(f"cp -p {configuration} /root/fscomp.conf")
    try:
        change = "pot stop %s; grep -v ' /mnt$' /root/fscomp.conf > %s; pot start %s >/dev/null 2>&1"
        site.machine_run(change % (site.machine, configuration, site.machine))
        assert site.jail_run("ls /mnt") == ""
        assert "not running" in site.service("consul", "onestatus", check=False)
        for role in ("consul_agent", "remote_log", "control_user", "tls"):
            done = site.ansible("site", "--tags", role)
            assert done.code != 0 and "nothing is mounted at /mnt" in re.sub(r"\s+", " ", done.output), (
                role,
                done.output[-3000:],
            )
        assert site.jail_run("ls /mnt") == ""
    finally:
        site.machine_run(
            f"pot stop {site.machine}; cat /root/fscomp.conf > {configuration}; pot start {site.machine} >/dev/null "
            "2>&1"
        )
    site.settle()
    assert site.roles("consul_agent", "remote_log", "control_user", "tls").changes == []


@pytest.mark.parametrize(
    "made, words",
    [
        ("useradd stranger -c Somebody", "is the account of something else (Somebody)"),
        ("groupadd stranger", "there is a group stranger"),
    ],
)
def test_a_name_that_is_somebodys_is_refused(site, made, words):
    """What the pot has that no list knows of; names that every pot has are refused before it is contacted."""
    files = "/etc/master.passwd /etc/group /usr/local/etc/doas.conf /etc/ssh/sshd_config"
    site.jail_run("pw " + made)
    try:
        before = site.jail_run("cat " + files)
        done = site.ansible("site", "--tags", "control_user", matrix_control_user_name="stranger")
        assert done.code != 0 and words in re.sub(r"\s+", " ", done.output), done.output[-3000:]
        assert site.jail_run("cat " + files) == before
    finally:
        site.jail_run("pw {} stranger".format(made.split()[0].replace("add", "del")))


# Lines that are right at a start and mean no harm: why.
FORESEEN = {
    r"No servers available|No known Consul servers|Check is now critical|Check socket connection failed": (
        "the agent starts before those it asks"
    ),
    r"Refuting a (dead|suspect) message": "the cluster still tells that the agent left when it was stopped",
}


def test_no_service_complains_at_its_start(site):
    """Nothing that the services of today say at a start is a warning; what Consul's checks find while the others start
    is none of its own.
    """
    said = ""
    for service in ("syslog-ng", "nginx", "node_exporter", "consul", "sshd"):
        before = int(site.jail_run("wc -l < /var/log/messages"))
        said += "\n".join(f"{service}: {line}" for line in site.service(service, "onerestart").splitlines()) + "\n"
        site.jail_run("sleep 2")
        said += site.jail_run("tail -n +%d /var/log/messages" % (before + 1))
    said += site.jail_run(
        "syslog-ng -s -f /usr/local/etc/syslog-ng.conf 2>&1; nginx -t 2>&1; sshd -t 2>&1; consul validate "
        "/usr/local/etc/consul.d 2>&1"
    )
    complaints = [
        line for line in said.splitlines() if re.search(r"warn|deprecat|obsolet|too old", line, re.IGNORECASE)
    ]
    assert [line for line in complaints if not any(re.search(known, line) for known in FORESEEN)] == []
    site.settle()
