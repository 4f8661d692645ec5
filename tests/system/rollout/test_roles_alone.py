# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roles in a playbook of somebody's own, which says nothing in the variables that the playbooks here go by."""

from __future__ import annotations

import json

import pytest
import requests
from deployment import output

from .conftest import HERE


@pytest.mark.thorough
def test_each_role_goes_by_its_own_options(lab):
    lab.start("s")
    lab.serve("alone", "s")
    address = lab.servers["alone"]["matrix_ip"]
    told = ("-e", f"address={address}", "-e", {"key": (lab.directory / "key.pub").read_text(encoding="utf-8").strip()})
    done = lab.play(*map(str, told), playbook=HERE / "alone.yml")
    assert done.code == 0, done.output[-5000:]
    again = lab.play(*map(str, told), playbook=HERE / "alone.yml")
    assert (again.code, again.changed) == (0, 0), again.output[-5000:]
    authority = lab.directory / "authority.pem"
    authority.write_text(lab.run("s", "cat /mnt/alone/matrixdata/tls/fullchain.pem"), encoding="utf-8")
    url = "https://alone.test/_matrix/client/versions"
    versions = output("curl", "-sf", "--cacert", authority, "--resolve", f"alone.test:443:{address}", url)
    assert json.loads(versions)["versions"]
    assert "node_exporter_build_info" in requests.get(f"http://{address}:9100/metrics", timeout=10).text
    ssh = ("ssh", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR")
    assert output(*ssh, "-i", lab.directory / "key", f"control@{address}", "id", "-un") == "control\n"
