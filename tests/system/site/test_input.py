# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an inventory can have wrong ends in one sentence that names the variable, and leaves the homeserver as it
was.
"""

from __future__ import annotations

import pytest

# Nobody listens there.
CLOSED = "https://10.199.0.1:9/directory"


def refused(site, *sentences, arguments=(), **variables):
    outcome = site.play(*arguments, **variables)
    assert outcome.code != 0, outcome
    for sentence in sentences:
        assert sentence in outcome.words, outcome
    assert outcome.output.count("fatal:") == 1, outcome
    assert outcome.changed == 0, outcome
    return outcome


@pytest.fixture(scope="module")
def before(site):
    site.succeed()
    return site.look()


@pytest.mark.parametrize(
    "variables, sentence",
    [
        ({"matrix_domain": "exa mple.test"}, 'site1: matrix_domain: "exa mple.test"'),
        ({"matrix_domain": "-example-.test"}, 'site1: matrix_domain: "-example-.test"'),
        ({"matrix_pot_name": "matrix.example"}, 'site1: matrix_pot_name: "matrix.example"'),
        (
            {"matrix_smtp_host": "mail.example.test", "matrix_smtp_from": "m@example.test", "matrix_smtp_port": 70000},
            "site1: matrix_smtp_port: 70000 is not between 1 and 65535",
        ),
        ({"matrix_metrics_port": 443}, "site1: matrix_metrics_port: 443 is the port of the reverse proxy"),
        ({"matrix_pot_release": "99.9"}, 'site1: matrix_pot_release: "99.9"'),
        (
            {
                "matrix_tls_mode": "provided",
                "matrix_tls_certificate": "/nowhere/at/all.pem",
                "matrix_tls_key": "/nowhere/at/all.key",
            },
            "site1: matrix_tls_certificate:",
        ),
        (
            {"matrix_tls_mode": "provided", "matrix_tls_certificate": "/etc/passwd", "matrix_tls_key": "/etc/passwd"},
            "site1: matrix_tls_certificate:",
        ),
        ({"matrix_max_upload_size": "much"}, "site1: matrix_max_upload_size"),
    ],
)
def test_refused_before_a_machine_is_contacted(site, before, variables, sentence):
    # No host has this address.
    outcome = refused(site, sentence, ansible_host="10.199.0.19", **variables)
    assert outcome.recap[site.machine]["unreachable"] == 0


@pytest.mark.parametrize(
    "variables, sentence",
    [
        (
            {"matrix_dataset": "tank/matrix"},
            "zfs_dataset_name (matrix_dataset): there is no pool 'tank' on this host for the dataset tank/matrix; it "
            "has zroot.",
        ),
        (
            {"matrix_dataset": "zroot/other", "matrix_dataset_mountpoint": "/mnt/matrixdata"},
            "zfs_dataset_mountpoint (matrix_dataset_mountpoint): /mnt/matrixdata is already the mountpoint of the "
            "dataset zroot/matrixdata.",
        ),
        # One that pot has never heard of, but could exist.
        (
            {"matrix_pot_release": "19.9"},
            "pot_jail_release (matrix_pot_release): pot knows no FreeBSD release '19.9' for this host; it knows",
        ),
    ],
)
def test_refused_by_the_machine(site, before, variables, sentence):
    refused(site, sentence, **variables)


def test_directory_with_files_of_others(site, before):
    site.inside("/bin/sh", "-c", "mkdir /data && echo precious >/data/file")
    try:
        refused(
            site,
            "zfs_dataset_mountpoint (matrix_dataset_mountpoint): the directory /data is not empty",
            matrix_dataset="zroot/other",
            matrix_dataset_mountpoint="/data",
        )
        assert site.inside("cat", "/data/file").stdout == "precious\n"
    finally:
        site.inside("rm", "-r", "/data")


def test_nothing_was_touched(site, before):
    assert site.differences(before, site.look()) == {}
    site.succeed(changed=0)


def test_full_dataset(site):
    refused(
        site,
        "zfs_dataset_minimum_free: zroot/matrixdata has ",
        "free some space or raise its quota",
        zfs_dataset_minimum_free="100T",
    )
    site.succeed(changed=0)


@pytest.mark.thorough
def test_unreachable_ca(site, life):
    outcome = site.play("--tags", "tls", matrix_acme_directory=CLOSED)
    assert outcome.code != 0 and outcome.output.count("fatal:") == 1, outcome
    assert (
        f"matrix_acme_directory: the ACME CA {CLOSED} gave no certificate for site.test: it cannot be reached: "
        f"Connection refused; " in outcome.words
    )
    # The way on, and all goes on meanwhile.
    assert (
        "nginx goes on with the certificate it has (valid until " in outcome.words
        and "run the playbook again" in outcome.words
    )
    life.goes_on()
    site.succeed("--tags", "tls")
    life.goes_on()
    site.succeed(changed=0)
