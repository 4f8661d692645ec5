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


def network_stack(ip, network_type):
    """What the role says of the network stack of a pot with these addresses."""
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text(encoding="utf-8"))
    variables = {"pot_jail_ip": ip, "pot_jail_network_type": network_type}
    template = trust_as_template(defaults["pot_jail_network_stack"])
    return Templar(loader=DataLoader(), variables=variables).template(template)


@pytest.mark.parametrize(
    "ip, network_type, stack",
    [
        (V4, "alias", "ipv4"),
        (V6, "alias", "ipv6"),
        ([V4, V6], "alias", "dual"),
        ([V6, V4], "alias", "dual"),
        (V6, "inherit", "dual"),
        (V4, "inherit", "ipv4"),
        ("10.192.0.10", "public-bridge", "ipv4"),
        ("", "public-bridge", "ipv4"),
    ],
)
def test_the_network_stack_is_that_of_the_addresses(ip, network_type, stack):
    assert network_stack(ip, network_type) == stack


@pytest.mark.parametrize(
    "leaves, words",
    [
        ({"address": "em0", "route": "em1"}, "on em0, but the default route of the host leaves by em1, and so does"),
        # A pot that has nothing to do with it is told of something else.
        ({}, "matrix_pkg_repository_url: the repository has to run"),
    ],
)
def test_what_may_keep_a_pot_from_its_packages(leaves, words):
    stated = yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))["__pot_jail_way_out_advice"]
    advice = {key: trust_as_template(text) for key, text in stated.items()}
    variables = {"__pot_jail_leaves": leaves, "advice": advice}
    template = trust_as_template("{{ advice['elsewhere' if __pot_jail_leaves else 'port'] }}")
    assert words in " ".join(Templar(loader=DataLoader(), variables=variables).template(template).split())


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
