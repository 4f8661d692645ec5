# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""People of the directory log in through the Matrix API; whatever happens to the directory, local accounts do too."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from thorough import some

from .conftest import SYNAPSE, wait_for
from .test_changes import state

ANSWER_TIMEOUT = 5


def test_a_user_of_a_four_label_domain_logs_in_over_starttls(site):
    status, answer, _seconds = site.login("alice")
    assert status == 200, answer
    assert answer["user_id"] == "@alice:neigh.test"
    settings = site.jail_run(f"cat {SYNAPSE}/homeserver.d/ldap.yaml")
    assert "start_tls: true" in settings and "dc=corp,dc=example,dc=co,dc=uk" in settings
    assert "password_providers" not in settings and site.secrets["directory"] not in settings


def test_the_mail_address_is_attached(site):
    client = site.client()
    client.login("alice", site.remembered("alice"))
    addresses = client.call("GET", "/_matrix/client/v3/account/3pid").json()["threepids"]
    assert [entry["address"] for entry in addresses] == ["alice@corp.example.co.uk"]


@pytest.mark.parametrize("user", ["alice", "admin", "nobody"])
def test_a_wrong_password_is_refused(site, user):
    status, answer, _seconds = site.login(user, "wrong")
    assert status == 403 and answer["errcode"] == "M_FORBIDDEN"


def test_with_the_directory_down_a_local_account_logs_in_within_three_seconds(site):
    with site.away("slapd"):
        status, answer, seconds = site.login("admin")
        assert status == 200, answer
        assert seconds < 3
        assert site.login("alice")[0] == 403
    assert wait_for(lambda: site.login("alice")[0] == 200, 20, "LDAP users log in again")


@pytest.mark.thorough
def test_with_a_directory_that_hangs_a_local_account_logs_in_within_the_answer_timeout(site):
    with site.frozen("slapd"):
        status, answer, seconds = site.login("admin")
        assert status == 200, answer
        assert seconds < ANSWER_TIMEOUT + 2
    assert wait_for(lambda: site.login("alice")[0] == 200, 20, "LDAP users log in again")


def test_a_silent_directory_does_not_keep_synapse_from_stopping(site):
    try:
        with site.frozen("slapd"), ThreadPoolExecutor(1) as pool:
            login = pool.submit(site.login, "alice")
            # Long enough for the question to be on its way, and shorter than the answer is waited for.
            time.sleep(ANSWER_TIMEOUT / 4)
            assert not login.done(), "nobody asks the directory while Synapse is stopped"
            # What the login comes to is of no interest: nobody is left to answer it.
            site.jail_run("time=$(date +%s); service synapse onestop >/dev/null && [ $(($(date +%s) - time)) -lt 20 ]")
    finally:
        site.service("synapse", "onestart", check=False)
        site.settle()


VARIANTS = {
    "ldaps": {"matrix_ldap_tls": "ldaps"},
    "plain": {"matrix_ldap_tls": "none"},
    "the second of two servers": {"matrix_ldap_server": ["10.199.0.99", "10.199.0.15"]},
    "simple": {"matrix_ldap_mode": "simple", "matrix_ldap_tls": "ldaps"},
}


TRIED = some(VARIANTS, "ldaps")


@pytest.mark.parametrize("name", TRIED)
def test_other_ways_to_the_directory(site, name):
    """Bind and search as the role does, write what Synapse reads, and log in through the module itself."""
    try:
        site.roles("ldap_auth", **VARIANTS[name])
        status, answer, seconds = site.login("bob")
        assert status == 200, answer
        assert seconds < 10
        site.settle()
        assert site.verify(**VARIANTS[name]) == []
    finally:
        if name == TRIED[-1]:
            site.roles("ldap_auth")


@pytest.mark.thorough
def test_a_proxy_that_could_not_start_for_want_of_a_name_is_started_by_cron(site):
    try:
        site.roles("ldap_auth", matrix_ldap_server=["localhost", "10.199.0.15"])
        site.service("matrix_ldap_proxy", "onestop")
        line = site.jail_run("grep '^\\*' /etc/cron.d/matrix-ldap-proxy")
        site.jail_run(line.partition(" -q ")[2])
        assert "running" in site.service("matrix_ldap_proxy", "onestatus")
    finally:
        site.roles("ldap_auth")
    assert site.jail_run("ls /etc/cron.d | grep ldap || true") == ""


QUIET = """class Quiet:
    def __init__(self, config, api):
        pass

    @staticmethod
    def parse_config(config):
        return config
"""


@pytest.mark.thorough
def test_other_modules_of_synapse_stay(site):
    """They are Synapse's beside the one for logins, and what they are told, which nobody knows, is in no diff."""
    path = "/usr/local/lib/python3.11/site-packages/quiet_module.py"
    site.jail_run(f"cat > {path} <<'END'\n{QUIET}END")
    other = [{"module": "quiet_module.Quiet", "config": {"word": "hush-hush"}}]
    try:
        done = site.ansible("site", "--diff", "--tags", "synapse,ldap_auth", synapse_settings={"modules": other})
        assert done.code == 0 and "hush-hush" not in done.output, done.output[-3000:]
        names = re.findall(r"module: (\S+)", site.jail_run(f"cat {SYNAPSE}/homeserver.d/ldap.yaml"))
        assert names == ["quiet_module.Quiet", "ldap_auth_provider.LdapAuthProviderModule"]
        assert site.login("alice")[0] == 200
    finally:
        assert site.ansible("site", "--tags", "synapse,ldap_auth").code == 0
        site.jail_run(f"rm {path}")


WRONG = {
    "password": ({"matrix_ldap_password": "wrong"}, "matrix_ldap_bind_dn and matrix_ldap_password"),
    "account": (
        {"matrix_ldap_bind_dn": "cn=Nobody,dc=corp,dc=example,dc=co,dc=uk"},
        "matrix_ldap_bind_dn and matrix_ldap_password",
    ),
    "base": (
        {"matrix_ldap_base": "ou=Nobody,dc=corp,dc=example,dc=co,dc=uk"},
        "matrix_ldap_domain and matrix_ldap_base",
    ),
    "directory": ({"matrix_ldap_server": "10.199.0.99"}, "matrix_ldap_server and matrix_ldap_port"),
}


@pytest.mark.parametrize("name", some(WRONG, "password"))
def test_the_role_says_what_is_wrong_before_anything_hears_of_it(site, name):
    variables, look_at = WRONG[name]
    before = state(site)
    done = site.ansible("site", "--tags", "ldap_auth", **variables)
    assert done.code != 0
    assert look_at in done.words and "nothing was changed" in done.words, done.output[-3000:]
    # Files, proxy and Synapse are what they were, so that people go on to log in.
    assert state(site) == before
    assert site.login("alice")[0] == 200
    assert site.roles("ldap_auth").changes == []


TAKEN = "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 9556)); s.listen(1); time.sleep(600)"


@pytest.mark.thorough
def test_a_proxy_that_cannot_listen_gets_its_former_configuration_back(site):
    before = state(site)
    site.jail_run(f'/usr/local/bin/python3.11 -c "{TAKEN}" >/dev/null 2>&1 &')
    try:
        done = site.ansible("site", "--tags", "ldap_auth", matrix_ldap_proxy_port=9556)
    finally:
        site.jail_run("pkill -f 9556", check=False)
    assert done.code != 0 and "the LDAP proxy does not run as wanted" in done.words, done.output[-3000:]
    assert "The proxy has its former configuration" in done.words
    after = state(site)
    after.pop("service matrix_ldap_proxy")
    before.pop("service matrix_ldap_proxy")
    assert after == before and site.login("alice")[0] == 200
    assert site.roles("ldap_auth").changes == []


@pytest.mark.thorough
def test_switched_off_it_is_gone_and_local_logins_work(site):
    files = (
        "%s/homeserver.d/ldap.yaml %s/ldap_bind_password %s/ldap-ca.pem /usr/local/etc/matrix-ldap-proxy.conf "
        "/usr/local/etc/rc.d/matrix_ldap_proxy" % ((SYNAPSE,) * 3)
    )
    assert len(site.jail_run(f"ls {files}").split()) == 5
    try:
        site.roles("ldap_auth", matrix_ldap_server="")
        assert site.jail_run(f"ls {files} 2>/dev/null", check=False) == ""
        assert "matrix-ldap-proxy" not in site.jail_run("ps -axww -o command")
        assert site.login("admin")[0] == 200
        assert site.login("alice")[0] == 403
        assert site.roles("ldap_auth", matrix_ldap_server="").changes == []
    finally:
        site.roles("ldap_auth")
    assert site.login("alice")[0] == 200
