# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of a pot's addresses the Consul agent has: it gossips from one, in whose family it has to find a server."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).resolve().parents[3] / "roles/consul_agent"
V4, V6 = "203.0.113.10", "2001:db8::10"
SERVER4, SERVER6 = "198.51.100.2", "2001:db8::2"


@pytest.mark.parametrize(
    "ip, found, was, address",
    [
        # Nobody looks where there is nothing to choose.
        ("", None, None, ""),
        (V4, None, None, V4),
        (V6, None, None, V6),
        ([V6], None, None, V6),
        ([V4, V6], [[SERVER4]], None, V4),
        ([V4, V6], [[SERVER6]], None, V6),
        ([V6, V4], [[SERVER4], [SERVER4]], None, V4),
        # The first is good as long as one server has an address of its family.
        ([V4, V6], [[SERVER6], [SERVER6, SERVER4]], None, V4),
        ([V6, V4], [[SERVER4], [SERVER6]], None, V6),
        ([V4, V6], [[], [SERVER6]], None, V6),
        # No name has an address: what the configuration has of the two, if there is one.
        ([V4, V6], [[], []], {"rc": 1}, V4),
        ([V4, V6], [[], []], {"rc": 2}, V4),
        ([V4, V6], [[], []], {"rc": 0}, V6),
        # What was read when there was no address does not matter when there is one.
        ([V4, V6], [[SERVER4]], {"rc": 0}, V4),
        ([V4, V6], [[SERVER4]], {"skipped": True}, V4),
    ],
)
def test_the_agent_has_the_address_that_its_servers_are_reached_by(ip, found, was, address):
    variables = {"matrix_ip": ip}
    for path in ("defaults/main.yml", "vars/main.yml"):
        for key, value in yaml.safe_load((ROLE / path).read_text(encoding="utf-8")).items():
            variables[key] = trust_as_template(value) if isinstance(value, str) else value
    if found is not None:
        variables["__consul_agent_asked"] = {"results": [{"addresses": each} for each in found]}
    if was is not None:
        variables["__consul_agent_was"] = was
    templar = Templar(loader=DataLoader(), variables=variables)
    for name in ("consul_agent_bind_address", "consul_agent_advertise_address"):
        assert templar.template(trust_as_template("{{ %s }}" % name)) == address
