# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the roles write for names below .consul: a configuration that unbound accepts, and a resolv.conf that leads to
it.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLES = pathlib.Path(__file__).parents[3] / "roles"
CHECK = shutil.which("unbound-checkconf", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))


def rendered(text, **variables):
    return Templar(loader=DataLoader(), variables=variables).template(trust_as_template(text))


@pytest.fixture
def configuration(tmp_path):
    """The settings as unbound itself reads them, by name."""
    if CHECK is None:
        pytest.skip("unbound is not installed; tests/tools/system-packages installs it")
    template = (ROLES / "consul_agent/templates/unbound.conf.j2").read_text(encoding="utf-8")
    text = rendered(
        template,
        ansible_managed="x",
        __consul_agent_dns_port=8600,
        consul_agent_dns_forwarders=["10.0.0.1", "10.0.0.2"],
    )
    path = tmp_path / "matrix.conf"
    # The places and the account of FreeBSD are not here.
    path.write_text(
        text.replace("/var/unbound", str(tmp_path))
        .replace("/var/run", str(tmp_path))
        .replace("username: unbound", 'username: ""')
    )
    subprocess.run([CHECK, path], check=True, capture_output=True)

    def read(name):
        found = subprocess.run([CHECK, "-o", name, path], check=True, capture_output=True, text=True).stdout
        return found.replace(str(tmp_path), "/var/unbound").splitlines()

    return read


def test_unbound_reads_what_is_meant(configuration):
    assert configuration("interface") == ["127.0.0.1"]
    assert configuration("module-config") == ["iterator"]
    assert configuration("chroot") == configuration("directory") == ["/var/unbound"]
    assert configuration("do-not-query-localhost") == configuration("qname-minimisation") == ["no"]


@pytest.mark.parametrize(
    ("forwarders", "servers"),
    [
        (["10.0.0.1"], ["127.0.0.1", "10.0.0.1"]),
        (["10.0.0.1", "10.0.0.2", "10.0.0.3"], ["127.0.0.1", "10.0.0.1", "10.0.0.2"]),
    ],
)
def test_the_pot_asks_its_own_resolver_first(forwarders, servers):
    text = yaml.safe_load((ROLES / "pot_jail/vars/main.yml").read_text(encoding="utf-8"))["__pot_jail_resolv_conf"]
    assert rendered(text, matrix_dns_forwarders=forwarders) == "".join(f"nameserver {server}\n" for server in servers)
