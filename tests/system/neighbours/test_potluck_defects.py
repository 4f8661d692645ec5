# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The known defects of Potluck's matrix-synapse jail (2.14.1), by number, each shown absent.

Where another test of this directory shows it already, that test is named, and here only its existence is checked.
"""

from __future__ import annotations

import importlib
import json
import re
import socket

import pytest

from .conftest import SYNAPSE, TOP

ROLES = TOP / "roles"


def settings(site, name="homeserver.yaml"):
    return site.jail_run(f"cat {SYNAPSE}/homeserver.d/{name}")


def nginx(site):
    return site.jail_run("cat /usr/local/etc/nginx/nginx.conf")


# Defect number: tests of this directory that show it absent.
ELSEWHERE = {
    2: ["test_mail.test_a_reset_mail_arrives_with_the_tls_that_is_asked_for_and_a_login"],
    4: ["test_ldap.test_a_user_of_a_four_label_domain_logs_in_over_starttls"],
    6: ["test_changes.test_a_real_run_does_what_check_mode_says"],
    7: ["test_changes.test_a_second_run_changes_nothing_and_takes_few_remote_operations"],
    11: ["test_certificate_watch.test_expiring_expired_resolved"],
    14: ["test_nossl.test_clients_and_servers_are_answered", "test_nossl.test_the_public_address_is_still_https"],
    16: [
        "test_ldap.test_the_mail_address_is_attached",
        "test_metrics.test_synapses_metrics_are_on_their_own_port_only",
    ],
    17: ["test_consul.test_the_checks_of_the_node_pass_and_its_services_have_potlucks_tags"],
    20: [
        "test_consul.test_the_agent_leaves_with_its_pot_and_a_new_pot_is_the_same_node_and_the_same_ssh_host",
        "test_control_user.test_the_host_key_is_the_one_on_the_dataset",
    ],
    23: ["test_ldap.test_a_user_of_a_four_label_domain_logs_in_over_starttls"],
    24: ["test_secrets.test_no_process_had_one_among_its_arguments", "test_secrets.test_pots_own_files_have_none"],
    25: [
        "test_control_user.test_strict_modes_are_on_and_matter",
        "test_control_user.test_it_becomes_root_only_when_asked_for",
    ],
    28: ["test_logs.test_nothing_is_lost_while_the_receiver_is_away", "test_logs.test_the_buffer_is_on_the_dataset"],
}


@pytest.mark.parametrize("number, name", [(number, name) for number, names in ELSEWHERE.items() for name in names])
def test_defect_shown_absent_elsewhere(number, name):
    module, function = name.split(".")
    assert callable(getattr(importlib.import_module("." + module, __package__), function))


def test_every_defect_has_a_test():
    here = {int(number) for name in globals() for number in re.findall(r"^test_defect_(\d+)_", name)}
    assert here | set(ELSEWHERE) == set(range(1, 30))


def test_defect_01_python_of_another_version_than_the_packages(site):
    """configure-matrix.sh calls python3.9 while py311 packages are installed."""
    packages = site.jail_run("pkg info -q").split()
    assert any(name.startswith("py311-matrix-synapse-1") for name in packages)
    assert "python3.11" in site.jail_run("cat /usr/local/etc/rc.d/synapse")
    assert "3.9" not in "".join(path.read_text(encoding="utf-8") for path in ROLES.rglob("*.yml"))


def test_defect_03_placeholder_as_the_acme_accounts_address(site):
    """%%sslemail%% is never substituted: the account is registered with the literal placeholder."""
    account = site.jail_run("cat /mnt/acme/ca/*/*/ca.conf /mnt/acme/ca/*/ca.conf 2>/dev/null", check=False)
    assert "admin@neigh.test" in account and "%%" not in account
    places = "/usr/local/etc/matrix* /usr/local/etc/nginx/nginx.conf /usr/local/etc/consul.d /root"
    assert site.jail_run("grep -rl '%%[a-z]*%%' " + places + " 2>/dev/null", check=False) == ""


@pytest.mark.parametrize("value", [False, "false", "no"])
def test_defect_05_false_that_means_yes(site, value):
    """CONTROLUSER=false still creates the user, NOSSL=false still switches TLS off."""
    done = site.ansible(
        "site",
        "--check",
        "--diff",
        "--tags",
        "control_user,tls,reverse_proxy",
        matrix_control_user=value,
        matrix_nossl=value,
    )
    assert done.code == 0, done.output[-3000:]
    assert "Stop sshd" in done.output
    assert "nginx.conf" not in done.output


def test_defect_08_a_directory_taken_for_a_certificate(site):
    """The directory of a failed first issue is taken for a certificate, and nginx fails on the missing file."""
    site.jail_run("cp -Rp /mnt/acme/neigh.test_ecc /root/whole && rm /mnt/acme/neigh.test_ecc/fullchain.cer")
    try:
        done = site.ansible("site", "--check", "--diff", "--tags", "tls")
        assert "the CA would be asked for a certificate (there is none yet)" in done.words
        assert "running" in site.service("nginx", "onestatus")
    finally:
        site.jail_run("cp -p /root/whole/fullchain.cer /mnt/acme/neigh.test_ecc/ && rm -r /root/whole")


def test_defect_09_forced_renewal_with_nginx_stopped(site):
    """Monthly forced re-issue with nginx stopped; the CA's default kept outside the data."""
    schedule = site.jail_run("cat /etc/cron.d/matrix-tls")
    assert "--cron" in schedule and "--force" not in schedule and "stop" not in schedule
    assert "--home /mnt/acme" in schedule
    hooks = site.jail_run(
        "grep -E '^Le_(Pre|Post|Renew)Hook=.[^'\"'\"']' /mnt/acme/neigh.test_ecc/neigh.test.conf", check=False
    )
    assert hooks == ""
    assert site.jail_run("ls -d /root/.acme.sh 2>/dev/null", check=False) == ""


def test_defect_10_open_registration_that_keeps_synapse_from_starting(site):
    """REGISTRATIONENABLE=true without a verification setting: Synapse refuses to start."""
    done = site.ansible("site", matrix_registration_enable=True)
    assert done.code != 0 and "matrix_registration_verification" in done.words
    assert "PLAY [Set the homeservers up" not in done.output


AWKWARD = "a&b\\c\"d'e#f: {g}%h"


def test_defect_12_values_that_break_the_files_they_land_in(site):
    """& and \\ are mangled by sed, quotes break the YAML."""
    try:
        site.roles("synapse", matrix_smtp_password=AWKWARD, matrix_smtp_user="us&er")
        script = (
            f"import sys, yaml; print(yaml.safe_load(open('{SYNAPSE}/homeserver.d/email.yaml'))['email']['smtp_pass'])"
        )
        shown = site.inside("/usr/local/bin/python3.11", "-c", script, pot=site.machine).stdout.rstrip("\n")
        assert shown == AWKWARD
    finally:
        site.roles("synapse")


def test_defect_13_no_well_known_documents(site):
    """A directory for them is made, with nothing in it and no location in nginx."""
    server, client = site.client().well_known()
    assert server["m.server"] == "neigh.test:443" and client["m.homeserver"]["base_url"] == "https://neigh.test"


def test_defect_15_uploads_cut_off_and_headers_lost(site):
    """client_max_body_size below Synapse's limit, localhost that may be ::1, no Host on 8448."""
    configuration = nginx(site)
    assert re.search(r"client_max_body_size\s+50[mM];", configuration)
    assert "max_upload_size: 50M" in settings(site)
    assert "unix:/var/run/matrix-synapse/synapse.sock" in configuration and "localhost:8008" not in configuration
    assert "proxy_set_header Host $host" in configuration and "proxy_set_header X-Forwarded-Proto" in configuration
    assert "verify_keys" in json.dumps(
        site.client().call("GET", "https://neigh.test:8448/_matrix/key/v2/server").json()
    )


def test_defect_18_a_script_that_nobody_calls(site):
    """configure-local-unbound.sh is installed, never called, and uses a parameter nobody knows."""
    assert site.jail_run("ls /usr/local/share/cook /usr/local/bin/cook 2>/dev/null", check=False) == ""
    for path in ROLES.glob("*/templates/*"):
        tasks = "".join(text.read_text(encoding="utf-8") for text in path.parents[1].rglob("*.yml"))
        assert path.name in tasks, path


def test_defect_19_documentation_that_is_wrong_or_missing():
    """README: CONTROLUSER as true|false, nothing about 8447, exec_stop, restarts, or where the signing key lives."""
    text = " ".join(
        path.read_text(encoding="utf-8")
        for path in [TOP / "README.md", *(TOP / "docs").rglob("*.md"), *ROLES.glob("*/meta/argument_specs.yml")]
    )
    for word in ("8447", "exec_stop", "signing.key", "matrix_control_user", "/mnt/matrixdata"):
        assert word in text, word


def test_defect_21_data_that_lands_in_the_jail_without_a_mount(site):
    """cook makes /mnt/matrixdata without looking whether something is mounted there."""
    from .test_verify import mount_gone

    with mount_gone(site):
        assert any("matrix_dataset" in failure for failure in site.verify())
        done = site.ansible("site", "--tags", "synapse")
        assert done.code != 0 and "nothing is mounted there" in done.words
    site.settle()


def test_defect_22_data_and_secrets_for_everybody(site):
    """chmod -R ugo+rw on database and media, homeserver.yaml 0644 with all secrets."""
    assert (
        site.jail_run("find /mnt/matrixdata /mnt/acme /usr/local/etc/matrix-synapse -perm -0002 ! -type l ! -type s")
        == ""
    )
    assert site.jail_run(f"stat -f %Lp:%Su:%Sg {SYNAPSE}/homeserver.d/homeserver.yaml").strip() == "640:root:synapse"
    for directory in ("matrix-synapse", "media_store"):
        assert int(site.jail_run(f"stat -f %Lp /mnt/matrixdata/{directory}")) % 10 == 0


def test_defect_26_administration_and_internals_open_to_the_world(site):
    """nginx passes / on completely; 8008 and Consul's 8500 are on the pot's address."""
    site.client().nothing_else_is_open()
    listening = site.jail_run("sockstat -4 -6 -l -P tcp")
    assert not re.search(r":(8008|8500)\b", listening)
    for port in (8008, 8500):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((site.jail, port), timeout=5).close()
    assert re.search(r"ssl_protocols\s+TLSv1\.2 TLSv1\.3", nginx(site))


def test_defect_27_mail_without_tls_and_consul_without_checks(site):
    """require_transport_security commented out; Consul's TLS verification off, no ACL."""
    assert "require_transport_security: true" in settings(site, "email.yaml")
    # What it does with servers that have TLS and access control: tests/system/site/test_bridge.py.
    agent = (ROLES.parent / "plugins/plugin_utils/_configuration/consul.py").read_text(encoding="utf-8")
    assert '"verify_outgoing": True' in agent and 'options["acl_token"]' in agent


def test_defect_29_killed_instead_of_stopped(site):
    """No exec_stop and no stop_timeout: Synapse is killed with its database open."""
    configuration = site.machine_run(f"cat /opt/pot/jails/{site.machine}/conf/pot.conf")
    assert "rc.shutdown" in configuration
    path = f"/opt/pot/jails/{site.machine}/m/var/log/matrix-synapse/homeserver.log"
    length = int(site.machine_run(f"wc -c < {path}"))
    data = "ls /mnt/matrixdata/matrixdata/matrix-synapse/"
    # The write-ahead log is there while somebody has the database open, and goes when the last one closes it.
    assert "matrix_homeserver.db-wal" in site.machine_run(data).split()
    try:
        site.machine_run(f"pot stop {site.machine}")
        log = site.machine_run("tail -c +%d %s" % (length + 1, path))
        # Said after everything that Synapse does before it ends.
        assert "Main loop terminated." in log, log[-1500:]
        assert set(site.machine_run(data).split()) & {
            "matrix_homeserver.db",
            "matrix_homeserver.db-wal",
            "matrix_homeserver.db-shm",
        } == {"matrix_homeserver.db"}
    finally:
        site.machine_run(f"pot start {site.machine} >/dev/null 2>&1")
        site.settle()
