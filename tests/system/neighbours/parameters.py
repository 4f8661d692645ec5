# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each parameter concerns: the files that another value of it changes, and the services that have to notice."""

from __future__ import annotations

import json
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .conftest import SYNAPSE, TOP

HOMESERVER = SYNAPSE + "/homeserver.d/homeserver.yaml"
EMAIL = SYNAPSE + "/homeserver.d/email.yaml"
LDAP = SYNAPSE + "/homeserver.d/ldap.yaml"
BIND = SYNAPSE + "/ldap_bind_password"
LDAP_PROXY = "/usr/local/etc/matrix-ldap-proxy.conf"
AGENT = "/usr/local/etc/consul.d/agent.json"
SYSLOG = "/usr/local/etc/syslog-ng.conf"
EXPORTER = "/usr/local/etc/node_exporter.yml"
NGINX = "/usr/local/etc/nginx/nginx.conf"
SSHD = "/etc/ssh/sshd_config"
KEYS = "/mnt/matrixdata/control/.ssh/authorized_keys"
DOAS = "/usr/local/etc/doas.conf"
WATCH = "/usr/local/etc/matrix-tls.json"
METRIC = "/var/db/node_exporter/matrix_certificate.prom"
CERTIFICATE = "the certificate"
SHARED_SECRET = "/mnt/matrixdata/matrix-synapse/secrets/registration_shared_secret"
DATASET = "the dataset"
POT = "the pot"

# What a task changes whose result names no path, or hides it.
TASKS = {
    (
        "tls",
        "Install the program that looks after the certificate, and ensure a certificate that nginx can start with",
    ): CERTIFICATE,
    ("zfs_dataset", None): DATASET,
    ("pot_jail", None): POT,
}
# Tasks that report a change and write no file of their own.
NO_FILES = {
    # In the password database, of which nobody is told a path.
    ("control_user", "Lock the account"),
}
# Tasks that start, restart or reload a service when something changed for it.
SERVICES = {
    ("remote_log", "syslog-ng"): "syslog-ng",
    ("node_exporter", "node_exporter"): "node_exporter",
    ("consul_agent", "agent"): "consul",
    ("synapse", "restart it"): "synapse",
    ("ldap_auth", "start the proxy"): "matrix_ldap_proxy",
    ("control_user", "sshd"): "sshd",
}
# A file whose change and the reload that makes it known are reported as one.
READ_AT_ONCE = {NGINX: "nginx"}

# parameter: (another value, files, services)
PARAMETERS = {
    "matrix_alert_email": ("other@neigh.test", {HOMESERVER, NGINX}, {"synapse", "nginx"}),
    "matrix_well_known_client": ({"org.example.x": [1]}, {NGINX}, {"nginx"}),
    "matrix_locations": ([{"path": "/x", "text": "x"}], {NGINX}, {"nginx"}),
    "matrix_admin_api_from": (["10.199.0.15"], {NGINX}, {"nginx"}),
    "matrix_support": ({"support_page": "https://neigh.test/help"}, {NGINX}, {"nginx"}),
    "matrix_ip": (
        "10.199.0.171",
        {POT, HOMESERVER, LDAP_PROXY, AGENT, NGINX, WATCH, SSHD},
        {"synapse", "matrix_ldap_proxy", "consul", "nginx", "node_exporter", "sshd"},
    ),
    "matrix_nossl": (True, {AGENT, NGINX, WATCH, "/etc/cron.d/matrix-tls", METRIC}, {"consul", "nginx"}),
    "matrix_control_user": (False, {DOAS}, {"sshd"}),
    "matrix_registration_enable": (True, {HOMESERVER}, {"synapse"}),
    "matrix_shared_secret": ("another-shared-secret", {SHARED_SECRET}, {"synapse"}),
    "matrix_metrics_port": (9110, {HOMESERVER}, {"synapse"}),
    "matrix_max_upload_size": ("60M", {HOMESERVER, NGINX}, {"synapse", "nginx"}),
    "matrix_smtp_host": ("10.199.0.99", {EMAIL}, {"synapse"}),
    "matrix_smtp_port": (465, {EMAIL}, {"synapse"}),
    "matrix_smtp_tls": ("none", {EMAIL}, {"synapse"}),
    "matrix_smtp_tls_name": ("mail.neigh.test", {EMAIL}, {"synapse"}),
    "matrix_mail_app_name": ("Our Matrix", {EMAIL}, {"synapse"}),
    "matrix_mail_client_url": ("https://chat.neigh.test", {EMAIL}, {"synapse"}),
    "matrix_mail_subjects": ({"password_reset": "A new password"}, {EMAIL}, {"synapse"}),
    "matrix_smtp_user": ("other", {EMAIL}, {"synapse"}),
    "matrix_smtp_password": ("another-password", {EMAIL}, {"synapse"}),
    "matrix_smtp_from": ("other@neigh.test", {EMAIL}, {"synapse"}),
    "matrix_ldap_server": ("10.199.0.99", {LDAP, LDAP_PROXY}, {"synapse", "matrix_ldap_proxy"}),
    "matrix_ldap_port": (3389, {LDAP_PROXY}, {"matrix_ldap_proxy"}),
    "matrix_ldap_tls": ("none", {LDAP, SYNAPSE + "/ldap-ca.pem"}, {"synapse"}),
    "matrix_ldap_password": ("another-password", {BIND}, {"synapse"}),
    "matrix_ldap_domain": ("other.example", {LDAP}, {"synapse"}),
    "matrix_ldap_base": ("ou=Other,dc=example", {LDAP}, {"synapse"}),
    "matrix_ldap_bind_dn": ("cn=Other,dc=example", {LDAP}, {"synapse"}),
    "matrix_ldap_filter": ("(uid=*)", {LDAP}, {"synapse"}),
    "matrix_ldap_mode": ("simple", {LDAP, BIND}, {"synapse"}),
    "matrix_ldap_attribute_uid": ("cn", {LDAP}, {"synapse"}),
    "matrix_ldap_attribute_mail": ("email", {LDAP}, {"synapse"}),
    "matrix_ldap_attribute_name": ("cn", {LDAP}, {"synapse"}),
    "matrix_ldap_validate_certs": (False, {LDAP}, {"synapse"}),
    "matrix_ldap_proxy_port": (3891, {LDAP, LDAP_PROXY}, {"synapse", "matrix_ldap_proxy"}),
    "matrix_datacenter": ("dc2", {AGENT}, {"consul"}),
    "matrix_consul_servers": ("10.199.0.17", {AGENT}, {"consul"}),
    "matrix_gossip_key": ("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", {AGENT}, {"consul"}),
    "matrix_node_name": ("other", {AGENT}, {"consul"}),
    "matrix_consul_acl_token": ("e0b5b4b0-0000-0000-0000-000000000000", {AGENT}, {"consul"}),
    "matrix_node_exporter_port": (9101, {AGENT}, {"node_exporter", "consul"}),
    "matrix_node_exporter_disabled_collectors": (["zfs"], set(), {"node_exporter"}),
    "matrix_node_exporter_basic_auth_users": ({"other": "password"}, {EXPORTER}, {"node_exporter"}),
    "matrix_remote_log": ("10.199.0.99", {SYSLOG}, {"syslog-ng"}),
    "matrix_remote_log_port": (6515, {SYSLOG}, {"syslog-ng"}),
    "matrix_remote_log_protocol": ("tcp", {SYSLOG, "/usr/local/etc/syslog-ng-ca.pem"}, {"syslog-ng"}),
    "matrix_alertmanager_url": ("http://10.199.0.99:9093", {WATCH}, set()),
    "matrix_certificate_watch_days": (10, {WATCH}, set()),
    "matrix_ssl_email": ("other@neigh.test", {WATCH, CERTIFICATE}, set()),
    "matrix_control_user_key": (
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGuF0Kl2mEh8Y6VxJ3m1b5pRZ7cN9qWt4Xy2Zs8aBcDe other",
        {KEYS},
        set(),
    ),
    "matrix_control_user_port": (2222, {SSHD}, {"sshd"}),
    "matrix_control_user_privilege": ("none", {DOAS}, set()),
    "matrix_dataset_properties": ({"compression": "lz4"}, {DATASET}, set()),
    "matrix_pot_mounts": ([{"source": "/usr/share", "target": "/media", "read_only": True}], {POT}, set()),
}
# What changes with them is different when others change as well.
APART = {"matrix_ip", "matrix_nossl", "matrix_control_user", "matrix_pot_mounts"}
# Variable: why the walk leaves it out, and where it is tested instead.
EXEMPT = {
    "matrix_turn": "off in this deployment: tests/system/neighbours/test_turn.py",
    "matrix_turn_host": "off in this deployment: tests/system/neighbours/test_turn.py",
    "matrix_turn_port": "off in this deployment: tests/system/neighbours/test_turn.py",
    "matrix_turn_tls_port": "off in this deployment: tests/system/neighbours/test_turn.py",
    "matrix_turn_relay_ports": "off in this deployment: tests/system/neighbours/test_turn.py",
    "matrix_turn_external_ip": "off in this deployment: tests/system/neighbours/test_turn.py",
    "matrix_turn_allowed_peers": "off in this deployment: tests/system/neighbours/test_turn.py",
    "matrix_turn_lifetime": "off in this deployment: tests/system/neighbours/test_turn.py",
    "matrix_host": "needs another certificate and the domain's web site: tests/system/neighbours/test_names.py",
    "matrix_domain": "a homeserver cannot be renamed: tests/system/neighbours/test_changes.py",
    "matrix_pot_name": "another pot: tests/system/rollout/test_rollout.py",
    "matrix_pot_network_type": "needs another network: tests/system/site/test_bridge.py",
    "matrix_pot_interface": "needs another network interface: tests/system/rollout/test_rollout.py",
    "matrix_pot_bridge": "needs another network: tests/system/pot/test_pot_life.py",
    "matrix_pot_release": "for a new pot only: tests/system/rollout/test_rollout.py",
    "matrix_pot_extif": "needs another network interface: tests/system/rollout/test_rollout.py",
    "matrix_pot_exported_ports": "needs another network: tests/system/site/test_bridge.py",
    "matrix_pkg_repository_url": "needs another repository: tests/system/site/test_versions.py",
    "matrix_python_version": "there are packages for one version only; its values: tests/unit/test_preflight_table.py",
    "matrix_dataset": "another server's data: tests/system/site/test_three_servers.py, tests/system/site/test_input.py",
    "matrix_dataset_mountpoint": (
        "moves all data: tests/system/rollout/test_rollout.py, tests/system/site/test_input.py"
    ),
    "matrix_consul_dns": "needs a pot with its own loopback address: tests/system/site/test_bridge.py",
    "matrix_dns_forwarders": (
        "goes with matrix_consul_dns: tests/system/site/test_bridge.py, tests/unit/roles/test_resolver_config.py"
    ),
    "matrix_registration_verification": (
        "walked together with matrix_registration_enable; its values: tests/unit/roles/test_synapse_settings.py"
    ),
    "matrix_files": "needs files of the controller: tests/system/neighbours/test_files.py",
    "matrix_accounts": ("no file has it: tests/system/neighbours/test_accounts_guide.py"),
    "matrix_smtp_ca_file": (
        "needs another authority: tests/system/neighbours/test_verify.py, "
        "tests/unit/plugins/modules/test_trusted_certificate.py"
    ),
    "matrix_tls_mode": "needs another deployment: tests/system/site/test_modes.py",
    "matrix_trusted_proxies": (
        "goes with matrix_nossl: tests/system/neighbours/test_nossl.py, tests/unit/roles/test_nginx_config.py"
    ),
    "matrix_acme_directory": (
        "needs another CA: tests/system/site/test_input.py, tests/unit/roles/test_nginx_certificates.py"
    ),
    "matrix_acme_dns": "needs a server: tests/system/neighbours/test_dns.py",
    "matrix_acme_ca_file": "needs another CA: tests/unit/roles/test_nginx_certificates.py",
    "matrix_acme_eab_kid": "needs another CA: tests/unit/roles/test_nginx_certificates.py",
    "matrix_acme_eab_hmac_key": "needs another CA: tests/unit/roles/test_nginx_certificates.py",
    "matrix_extra_domains": (
        "needs another certificate: tests/unit/roles/test_nginx_config.py, tests/unit/roles/test_nginx_certificates.py"
    ),
    "matrix_tls_certificate": "needs another deployment: tests/system/site/test_modes.py",
    "matrix_tls_key": "needs another deployment: tests/system/site/test_modes.py",
    "matrix_ldap_ca_file": "needs another authority: tests/system/neighbours/test_verify.py",
    "matrix_remote_log_ca_file": "needs another authority: tests/system/neighbours/test_verify.py",
    "matrix_certificate_warning_days": (
        "changes nothing on a server, verify reads it: tests/system/site/test_versions.py"
    ),
    "matrix_consul_ca_file": "needs servers with TLS: tests/system/site/test_bridge.py",
    "matrix_consul_certificate_file": "needs servers with TLS: tests/system/site/test_bridge.py",
    "matrix_consul_key_file": "needs servers with TLS: tests/system/site/test_bridge.py",
    "matrix_ldap_active_directory": "needs another directory: tests/unit/roles/test_ldap_config.py",
    "matrix_ldap_default_domain": "goes with matrix_ldap_active_directory: tests/unit/roles/test_ldap_config.py",
    "matrix_database": (
        "needs other deployments: tests/system/database/test_database.py, test_move.py and test_external.py"
    ),
    "matrix_sqlite_keep": "goes with matrix_database: tests/system/database/test_move.py",
    "matrix_postgresql_keep": "goes with matrix_database: tests/system/database/test_major.py",
    "matrix_postgresql_version": (
        "there are packages for one version only; its values: tests/unit/test_preflight_table.py"
    ),
    "matrix_postgresql_settings": "goes with matrix_database: tests/system/database/test_database.py",
    "matrix_postgresql_socket_directory": "another directory: tests/unit/test_preflight_table.py",
    "matrix_python": "the interpreter of matrix_python_version: tests/unit/test_preflight_table.py",
    "matrix_synapse_data_directory": "another server's data: tests/unit/test_preflight_options.py",
    "matrix_synapse_socket": "another socket: tests/unit/test_preflight_options.py",
    "matrix_tls_directory": "another directory: tests/unit/test_preflight_options.py",
    "matrix_revive_program": "another path: tests/unit/test_preflight_options.py",
    "matrix_tls_program": "another path: tests/unit/test_preflight_options.py",
    "matrix_acme_webroot": "another directory: tests/unit/test_preflight_options.py",
    "matrix_metrics_directory": "another directory: tests/unit/test_preflight_options.py",
    "matrix_hosts": "names the hosts of a run: tests/system/rollout/test_rollout.py",
    "matrix_image": "only the playbook potluck_image reads it: tests/system/image/test_potluck_image.py",
    "matrix_node_exporter_tls_certificate": "needs a certificate in the pot: tests/system/neighbours/test_metrics.py",
    "matrix_node_exporter_tls_key": "needs a certificate in the pot: tests/system/neighbours/test_metrics.py",
    "matrix_control_user_name": "another account: test_control_user.py",
    "matrix_snapshot": "only the playbook rollback reads it: tests/system/site/test_three_servers.py",
    "matrix_upgrade_rollback": "only the playbook upgrade reads it: tests/system/site/test_versions.py",
    "matrix_upgrade_keep": "only the playbook upgrade reads it: tests/system/site/test_versions.py",
    "matrix_remove": "only the playbook remove reads it: tests/system/neighbours/test_remove.py",
    "matrix_remove_dataset": "only the playbook remove reads it: tests/system/neighbours/test_remove.py",
    "matrix_remove_certificate": "only the playbook remove reads it: tests/system/neighbours/test_remove.py",
    "matrix_serial": "the order of several servers: tests/system/rollout/test_batches.py",
    "matrix_max_fail_percentage": "several servers: tests/system/rollout/test_batches.py",
    "matrix_canary": "the order of several servers: tests/system/rollout/test_batches.py",
    "matrix_report_file": "changes nothing on a server: tests/system/rollout/test_batches.py",
    "matrix_verify_address": "changes nothing on a server, verify reads it; no test gives it",
    "matrix_verify_ca_file": "changes nothing on a server, verify reads it: tests/system/neighbours/test_verify.py",
    "matrix_verify_outside": "changes nothing on a server, verify reads it: test_mail.py",
}


def files_of(change):
    """What one line of the list of changes says about files."""
    role, task, paths = change["role"], change["task"], change["paths"]
    if paths or (role, task) in NO_FILES:
        return set(paths)
    # A task that nobody foresaw is to be seen as well, under its own name.
    return {TASKS[key] for key in ((role, task), (role, None)) if key in TASKS} or {f"{role}: {task}"}


def services_of(change):
    told = {service for (role, word), service in SERVICES.items() if role == change["role"] and word in change["task"]}
    return told | {READ_AT_ONCE[path] for path in change["paths"] if path in READ_AT_ONCE}


def expected(names):
    """(files, services) that some parameters concern together."""
    return tuple(set().union(*(PARAMETERS[name][place] for name in names)) for place in (1, 2))


def companies(alone):
    """The parameters, each by itself or with others that concern different files; a run must change exactly what they
    concern together.

    Two that concern the same service share a run only when each of their files was changed before in a run where
    nothing else asked for that service.
    """
    first = {frozenset(files): name for name, (dummy, files, dummy) in reversed(PARAMETERS.items())}
    left = sorted(PARAMETERS, key=lambda name: name not in first.values())
    noticed = set()
    while left:
        group = [left.pop(0)]
        for name in [] if alone or group[0] in APART else list(left):
            files, services = expected(group)
            if name in APART or files & PARAMETERS[name][1]:
                continue
            if not services & PARAMETERS[name][2] or noticed >= files | PARAMETERS[name][1]:
                group.append(name)
                left.remove(name)
        for name in group:
            others = expected([other for other in group if other != name])[1]
            if not PARAMETERS[name][2] & others:
                noticed |= PARAMETERS[name][1]
        yield tuple(group)


def would_change(site, names):
    """(files, services, exit code and output) of a run in check mode with other values of some parameters."""
    with tempfile.TemporaryDirectory() as directory:
        extra, changes = Path(directory, "extra.json"), Path(directory, "changes")
        more = {"matrix_registration_verification": "token"} if "matrix_registration_enable" in names else {}
        extra.write_text(json.dumps({**{name: PARAMETERS[name][0] for name in names}, **more}), encoding="utf-8")
        done = subprocess.run(
            site.command("site", "--check", "--skip-tags", "verify,bootstrap", "-e", f"@{extra}"),
            cwd=TOP,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env=site.environment(
                ANSIBLE_CALLBACKS_ENABLED="keep_archives,list_changes",
                LIST_CHANGES_FILE=str(changes),
                ANSIBLE_NOCOLOR="1",
            ),
        )
        lines = (
            [json.loads(line) for line in changes.read_text(encoding="utf-8").splitlines()] if changes.exists() else []
        )
    services = set().union(*map(services_of, lines))
    files = set().union(*(files_of(line) for line in lines if line["paths"] or not services_of(line)))
    return files, services, (done.returncode, lines, done.stdout[-3000:] + done.stderr[-500:])


def would_change_all(site, groups, workers=2):
    """{parameter: (what was expected, would_change)} of each group, some runs at once: they only look."""
    with ThreadPoolExecutor(workers) as pool:
        done = pool.map(lambda names: would_change(site, names), groups)
        return {name: (expected(names), changes) for names, changes in zip(groups, done) for name in names}
