# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""node_exporter and Synapse are scraped as Prometheus would."""

from __future__ import annotations

import re
import socket

import pytest
import requests

from .conftest import fetch

CHAIN = "/mnt/matrixdata/tls/fullchain.pem"
PROM = "potluck_certificate_not_after_seconds"


def scrape(site, scheme="http", **more):
    return requests.get(f"{scheme}://{site.jail}:9100/metrics", timeout=10, **more)


def login(site):
    return ("prometheus", site.secrets["prometheus"])


def test_node_exporter_answers_on_the_jails_address_to_those_who_know_the_password(site):
    assert "node_exporter_build_info" in scrape(site, auth=login(site)).text
    assert scrape(site).status_code == 401
    assert scrape(site, auth=("prometheus", "wrong")).status_code == 401
    with pytest.raises(OSError):
        socket.create_connection((site.machine_address, 9100), timeout=2).close()


def test_collectors_that_a_jail_cannot_use_are_off(site):
    collectors = set(
        re.findall(r'node_scrape_collector_success{collector="(\w+)"}', scrape(site, auth=login(site)).text)
    )
    assert collectors and not collectors & {"zfs", "devstat"}
    assert "textfile" in collectors


def test_the_certificate_metric_is_what_openssl_says(site):
    site.jail_run("rm /var/db/node_exporter/matrix_certificate.prom; /usr/local/libexec/matrix-tls watch")
    shown = re.search(rf'{PROM}{{path="{CHAIN}"}} (\S+)', scrape(site, auth=login(site)).text)
    ends = site.jail_run(f"openssl x509 -noout -enddate -in {CHAIN}").strip().removeprefix("notAfter=")
    seconds = site.jail_run(f"date -j -u -f '%b %d %T %Y %Z' '{ends}' +%s")
    assert float(shown.group(1)) == float(seconds)
    assert (
        site.jail_run("stat -f %Sp:%Su:%Sg /var/db/node_exporter/matrix_certificate.prom").strip()
        == "-rw-r--r--:root:wheel"
    )
    line = r"^\d+ 12 \* \* \* root /usr/local/libexec/matrix-tls watch$"
    assert re.search(line, site.jail_run("cat /etc/cron.d/matrix-tls"), re.MULTILINE)


@pytest.mark.thorough
def test_the_metric_comes_back_by_a_run(site):
    site.jail_run("rm /var/db/node_exporter/matrix_certificate.prom")
    assert site.roles("tls").changed == 1
    assert f'{PROM}{{path="{CHAIN}"}}' in scrape(site, auth=login(site)).text
    assert site.roles("tls").changes == []


@pytest.mark.thorough
def test_the_password_is_hashed_the_same_every_time(site):
    before = site.jail_run("cat /usr/local/etc/node_exporter.yml")
    assert re.search(r'"prometheus": "\$2b\$', before) and site.secrets["prometheus"] not in before
    assert site.roles("node_exporter").changes == []
    assert site.jail_run("cat /usr/local/etc/node_exporter.yml") == before
    assert site.jail_run("stat -f %Sp:%Su:%Sg /usr/local/etc/node_exporter.yml").strip() == "-rw-r-----:root:nodeexport"


@pytest.mark.thorough
def test_with_tls_it_shows_the_given_certificate_and_without_login_nothing(site):
    site.jail_run(
        f"mkdir -p /root/exporter && cp {CHAIN} /usr/local/etc/exporter.pem && "
        "cp /mnt/matrixdata/tls/privkey.pem /usr/local/etc/exporter.key && chown nodeexport /usr/local/etc/exporter.key"
    )
    variables = {
        "matrix_node_exporter_tls_certificate": "/usr/local/etc/exporter.pem",
        "matrix_node_exporter_tls_key": "/usr/local/etc/exporter.key",
    }
    try:
        site.roles("node_exporter", **variables)
        assert site.roles("node_exporter", **variables).changes == []
        assert "node_exporter_build_info" in scrape(site, "https", auth=login(site), verify=False).text
        assert scrape(site, "https", verify=False).status_code == 401
        assert site.verify(**variables) == []
    finally:
        site.roles("node_exporter")
        site.jail_run("rm -r /root/exporter /usr/local/etc/exporter.pem /usr/local/etc/exporter.key")


@pytest.mark.thorough
def test_without_login_and_tls_no_web_configuration_is_left(site):
    try:
        site.roles("node_exporter", matrix_node_exporter_basic_auth_users={})
        assert scrape(site).status_code == 200
        assert site.jail_run("ls /usr/local/etc/node_exporter.yml 2>/dev/null", check=False) == ""
    finally:
        site.roles("node_exporter")


def test_synapses_metrics_are_on_their_own_port_only(site):
    assert "synapse_build_info" in fetch(f"http://{site.jail}:9109/_synapse/metrics")
    client = site.client()
    for port in (443, 8448):
        for path in (
            "/_synapse/metrics",
            "/metrics",
            "//_synapse/metrics",
            "/%5Fsynapse/metrics",
            "/_matrix/../_synapse/metrics",
        ):
            assert client.raw(path, port) in (400, 403, 404), (port, path)
