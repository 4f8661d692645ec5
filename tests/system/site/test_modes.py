# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A deployed server changes where its certificate comes from, and comes back to the one it had."""

from __future__ import annotations

import socket

import pytest
from deployment import NEIGHBOURS, output

ROLES = ("--tags", "synapse,tls,reverse_proxy,verify")


@pytest.fixture(scope="module")
def provided(site):
    """(CA, certificate, key): files of a CA that nobody else knows."""
    authority = site.place / "own-ca"
    ca = output(NEIGHBOURS / "ca", "make", authority).strip()
    certificate, key = output(NEIGHBOURS / "ca", "issue", authority, site.place, site.domain).split()
    return ca, certificate, key


def works(client, site):
    assert {
        name: problem
        for name, problem in client.check_all("admin", site.remembered("admin"), media_size=100000)
        if problem
    } == {}


def test_provided_selfsigned_none_and_back(site, life, provided):
    ca, certificate, key = provided
    variables = {
        "matrix_tls_mode": "provided",
        "matrix_tls_certificate": certificate,
        "matrix_tls_key": key,
        "matrix_verify_ca_file": ca,
    }
    with site.way_back(*ROLES):
        all_modes(site, ca, key, variables)
    site.succeed(*ROLES)
    life.goes_on()
    site.succeed(changed=0)


def all_modes(site, ca, key, variables):
    outcome = site.succeed("--diff", *ROLES, **variables)
    with open(key, encoding="ascii") as stream:
        assert stream.read().splitlines()[1] not in outcome.output
    works(site.client(ca=ca), site)
    site.succeed(*ROLES, **variables, changed=0)

    site.succeed(*ROLES, matrix_tls_mode="selfsigned", matrix_verify_ca_file="")
    own = site.place / "own.pem"
    own.write_text(site.read("/mnt/matrixdata/tls/fullchain.pem"))
    works(site.client(ca=own), site)

    site.succeed(*ROLES, matrix_nossl=True, matrix_verify_ca_file="")
    works(site.client(scheme="http", federation_port=8447), site)
    for port in (443, 8448):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((site.jail, port), timeout=5)
    site.succeed(*ROLES, matrix_nossl=True, matrix_verify_ca_file="", changed=0)
