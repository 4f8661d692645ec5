# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What role pot_jail makes of the addresses of a pot, and the script that waits for them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).resolve().parents[3] / "roles/pot_jail"
V4, V6 = "203.0.113.10", "2001:db8::10"


def carrier(address, interface, reason="whose network it lies in"):
    return {"address": address, "interface": interface, "reason": reason}


def worked_out(name, ip, carriers=(), without_ipv6=(), **more):
    """A variable of the role for a pot with these addresses."""
    files = [
        yaml.safe_load((ROLE / path).read_text(encoding="utf-8")) for path in ("defaults/main.yml", "vars/main.yml")
    ]
    variables = {
        key: trust_as_template(value) if isinstance(value, str) else value
        for each in files
        for key, value in each.items()
    }
    variables.update(
        {
            "pot_jail_name": "matrix1",
            "pot_jail_image": {},
            "pot_jail_release": "",
            "pot_jail_network_type": "alias",
            "pot_jail_ip": ip,
            "pot_jail_interface": "",
            "__pot_jail_host": {
                "release": "15.0",
                "bases": {},
                "carriers": list(carriers),
                "without_ipv6": list(without_ipv6),
            },
            **more,
        }
    )
    return Templar(loader=DataLoader(), variables=variables).template(trust_as_template("{{ %s }}" % name))


@pytest.mark.parametrize(
    "ip, more, stack, aliases",
    [
        (V4, {}, "ipv4", [f"em0|{V4}"]),
        (V6, {}, "ipv6", [f"em1|{V6}"]),
        ([V4, V6], {}, "dual", [f"em0|{V4}", f"em1|{V6}"]),
        ([V6, V4], {}, "dual", [f"em1|{V6}", f"em0|{V4}"]),
        ([V4, V6], {"pot_jail_interface": "em2"}, "dual", [f"em2|{V4}", f"em2|{V6}"]),
        (V6, {"pot_jail_network_type": "inherit"}, "dual", []),
        (V4, {"pot_jail_network_type": "inherit"}, "ipv4", []),
        ("10.192.0.10", {"pot_jail_network_type": "public-bridge"}, "ipv4", ["10.192.0.10"]),
        ("", {"pot_jail_network_type": "public-bridge"}, "ipv4", []),
    ],
)
def test_addresses_as_pot_takes_them(ip, more, stack, aliases):
    found = [carrier(each, "em1" if ":" in each else "em0") for each in ([ip] if isinstance(ip, str) else ip)]
    assert worked_out("pot_jail_network_stack", ip, found, **more) == stack
    assert worked_out("__pot_jail_ip", ip, found, **more) == aliases


def test_what_the_inventory_leaves_open_is_said():
    found = [carrier(V4, "em0"), carrier(V6, "em1", "where the pot has it")]
    assert worked_out("__pot_jail_chosen", [V4, V6], found) == [
        "FreeBSD 15.0, the release of the host (matrix_pot_release is not set)",
        f"{V4} on em0, whose network it lies in (matrix_pot_interface is not set)",
        f"{V6} on em1, where the pot has it (matrix_pot_interface is not set)",
    ]
    assert worked_out("__pot_jail_chosen", V4, found[:1], pot_jail_release="14.3", pot_jail_interface="em0") == []


def test_an_interface_without_ipv6_matters_to_an_ipv6_address_alone():
    found = [carrier(V4, "em0"), carrier(V6, "em1")]
    assert worked_out("__pot_jail_dark", [V4, V6], found, ["em1"]) == ["em1"]
    assert worked_out("__pot_jail_dark", [V4, V6], found, ["em0"]) == []
    assert worked_out("__pot_jail_dark", V4, found[:1], ["em0"]) == []


@pytest.mark.parametrize("rounds", [0, 2, 99])
def test_services_wait_for_an_address_as_long_as_it_may_be_somebody_elses(tmp_path, rounds):
    """For ten seconds at most, in which it looks twenty times."""
    lines = (ROLE / "templates/matrix_addresses.j2").read_text(encoding="utf-8").splitlines()
    own = [line for line in lines if not line.startswith((". /etc/rc.subr", "load_rc_config", "run_rc_command"))]
    assert len(own) == len(lines) - 3
    (tmp_path / "ifconfig").write_text(
        f"#!/bin/sh\necho x >>{tmp_path}/asked\n"
        f'word=; [ "$(wc -l <{tmp_path}/asked)" -gt {rounds} ] || word=" tentative"\n'
        f'printf "\\tinet {V4} netmask 0xffffffff\\n\\tinet6 {V6} prefixlen 128$word\\n"\n'
    )
    (tmp_path / "sleep").write_text("#!/bin/sh\n")
    for name in ("ifconfig", "sleep"):
        (tmp_path / name).chmod(0o755)
    script = "\n".join([*own, "matrix_addresses_start"])
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["/bin/sh", "-c", script], env=environment, check=True)
    asked = (tmp_path / "asked").read_text(encoding="utf-8").count("x")
    assert asked == min(rounds, 20) + 1
