# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing is removed unless one server is named twice; that is said before a host is contacted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]
REFUSED = "removal_server (matrix_remove): "


@pytest.fixture(name="remove")
def fixture_remove(tmp_path):
    """Run the playbook for servers whose hosts are dead; (exit code, output as one line)."""

    def runner(*arguments):
        hosts = {
            server: {
                "ansible_host": "127.0.0.1",
                "ansible_port": 1,
                "matrix_domain": server + ".example.com",
                "matrix_ip": f"10.0.0.{number}",
                "matrix_dataset": "zroot/" + server,
                "matrix_alert_email": "admin@example.com",
                "matrix_tls_mode": "selfsigned",
            }
            for number, server in enumerate(("one", "two"), 5)
        }
        groups = {"matrix": {"hosts": hosts}, "both": {"hosts": {"one": {}, "two": {}}}}
        (tmp_path / "inventory.json").write_text(json.dumps(groups))
        done = subprocess.run(
            [
                Path(sys.executable).with_name("ansible-playbook"),
                *("-i", "inventory.json", "potluck.matrix.remove", *arguments),
            ],
            cwd=tmp_path,
            env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(TOP / ".ansible/collections"), "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    return runner


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], REFUSED + "it is not set."),
        (["-l", "one"], REFUSED + "it is not set. Nothing is removed unless --limit and matrix_remove name the same"),
        (["-e", "matrix_remove=one"], REFUSED + "there is no --limit."),
        (["-l", "one", "-e", "matrix_remove=two"], REFUSED + "it names two, and --limit names one."),
        (["-l", "both", "-e", "matrix_remove=both"], REFUSED + "both is no server but 2 of them, one, two."),
        (
            ["-l", "one", "-e", "matrix_remove=one", "-e", "matrix_remove_dataset=zroot/two"],
            'matrix_remove_dataset: "zroot/two" is not the dataset of this server, which is "zroot/one"',
        ),
        (
            ["-l", "one", "-e", "matrix_remove=one", "-e", "matrix_remove_certificate=revoke"],
            "matrix_remove_certificate: only an ACME CA can be asked to revoke a certificate, and matrix_tls_mode is "
            "selfsigned",
        ),
    ],
)
def test_it_is_refused_before_a_host_is_contacted(remove, arguments, words):
    code, output = remove(*arguments)
    assert code != 0 and words in output and "nreachable=1" not in output.replace("unreachable=0", ""), output


def test_a_server_that_is_named_twice_is_gone_to(remove):
    code, output = remove("-l", "one", "-e", "matrix_remove=one")
    assert code != 0 and REFUSED not in output and "unreachable=1" in output
