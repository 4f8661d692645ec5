# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A certificate for all names below the domain, for which the CA asks the DNS."""

from __future__ import annotations

import json
import ssl

import pytest
from acme_dns_server import AcmeDnsServer
from cryptography import x509

from .conftest import wait_for

ANOTHER = "some.neigh.test"


@pytest.fixture(scope="module")
def dns(site):
    """The server that the pot tells its answers, and the variables that say so; in the end the CA asks nginx again."""
    server = AcmeDnsServer(json.loads(site.tell("pebble", "status"))["management"], [site.domain], site.address)
    server.password = site.secret("acme_dns")
    variables = {"matrix_acme_dns": server.settings(), "matrix_extra_domains": [f"*.{site.domain}"]}
    yield server, variables
    site.roles("tls", "reverse_proxy")
    server.shutdown()
    server.server_close()


def shown(site, name):
    """The certificate that a client gets who asks for a name, and verifies it."""
    trusted = ssl.create_default_context(cafile=site.place / "roots.pem")
    with (
        ssl.create_connection((site.jail, 443), timeout=10) as plain,
        trusted.wrap_socket(plain, server_hostname=name) as connection,
    ):
        return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True))


def test_a_plugin_that_acme_sh_lacks_is_told_of_and_the_certificate_stays(site, dns):
    _server, variables = dns
    before = shown(site, site.domain)
    done = site.ansible(
        "site",
        "--tags",
        "tls,reverse_proxy",
        **{**variables, "matrix_acme_dns": {**variables["matrix_acme_dns"], "plugin": "dns_nowhere"}},
    )
    assert done.code != 0 and 'matrix_acme_dns: acme.sh has no plugin "dns_nowhere"' in done.words, done.output[-4000:]
    assert shown(site, site.domain) == before


def test_a_name_below_the_domain_has_a_certificate(site, dns):
    server, variables = dns
    done = site.ansible("site", "--diff", "--tags", "tls,reverse_proxy", **variables)
    assert done.code == 0 and server.password not in done.output, done.output[-4000:]
    assert shown(site, site.domain) == shown(site, ANOTHER)
    assert server.refused == 0
    for arguments in ([], ["--check", "--diff"]):
        again = site.ansible("site", *arguments, "--tags", "tls,reverse_proxy", **variables)
        assert again.code == 0 and again.changes == [], again.output[-4000:]


def test_cron_renews_it_in_the_same_way(site, dns):
    before = shown(site, ANOTHER)
    renew = "/usr/local/sbin/acme.sh --cron --force --home /mnt/acme --log /var/log/acme.sh.log"
    site.jail_run(f"su -m acme -c '{renew}'")
    said = site.jail_run("/usr/local/libexec/matrix-tls apply")
    assert "installed the certificate of the CA" in said, said
    wait_for(lambda: shown(site, ANOTHER) != before, 20, "nginx shows the new one")
    server, _variables = dns
    assert server.refused == 0
    modes = site.jail_run(f"grep -rl {server.password} /mnt/acme /usr/local/etc /var/log | xargs stat -f %Lp")
    assert set(modes.split()) == {"600"}
