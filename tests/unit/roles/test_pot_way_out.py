# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The script that asks a pot for its way to the package repository, with stand-ins for the three tools that ask."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import jinja2
import pytest

TEMPLATE = Path(__file__).resolve().parents[3] / "roles/pot_jail/templates/way-out.sh.j2"
# As on FreeBSD 13.2 and 15.0.
SHIPPED = """# $FreeBSD$
FreeBSD: {
  url: "pkg+https://pkg.example.test/${ABI}/quarterly",
  mirror_type: "srv",
  enabled: yes
}
FreeBSD-kmods: {
  url: "pkg+https://elsewhere.example.test/${ABI}/kmods_quarterly_1",
}
"""
REFUSED = "nc: connect to %s port %s (tcp) failed: Connection refused"
TIMED_OUT = "nc: connect to %s port %s (tcp) failed: Operation timed out"


class Pot:
    """What the tools find: addresses by name, services by name, and what nc says, by host and port, of those that do
    not answer.
    """

    def __init__(self, place):
        self.place = place
        self.names, self.services, self.dead = set(), {}, {}
        self.asked = place / "asked"
        self.tools = ["getent", "host", "nc"]

    def ask(self, url="", **environment):
        shipped = self.place / "FreeBSD.conf"
        shipped.write_text(SHIPPED)
        bin_directory = self.place / "bin"
        bin_directory.mkdir(exist_ok=True)
        answers = {
            "getent": 'case $2 in %s) echo "192.0.2.1 $2" ;; *) exit 2 ;; esac'
            % ("|".join(sorted(self.names)) or "''"),
            "host": 'case $3 in {} *) echo "Host $3 not found: 3(NXDOMAIN)"; exit 1 ;; esac'.format(
                " ".join(f'{name}) echo "{name} has SRV record {record}." ;;' for name, record in self.services.items())
            ),
            "nc": 'case "$4 $5" in {} *) echo "Connection to $4 $5 port [tcp/*] succeeded!" >&2 ;; esac'.format(
                " ".join(f'"{where}") echo {shlex.quote(said)} >&2; exit 1 ;;' for where, said in self.dead.items())
            ),
        }
        for tool in self.tools:
            (bin_directory / tool).write_text(f'#!/bin/sh\necho {tool} "$@" >>{self.asked}\n{answers[tool]}\n')
            (bin_directory / tool).chmod(0o755)
        for tool in ("sed", "head", "timeout"):
            (bin_directory / tool).unlink(missing_ok=True)
            (bin_directory / tool).symlink_to(f"/usr/bin/{tool}")
        environment_of_jinja = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
        environment_of_jinja.filters["quote"] = shlex.quote
        script = environment_of_jinja.from_string(TEMPLATE.read_text()).render(pot_jail_pkg_repository_url=url)
        done = subprocess.run(
            ["/bin/sh", "-s"],
            input=script.replace("/etc/pkg/FreeBSD.conf", str(shipped)),
            text=True,
            capture_output=True,
            check=True,
            env={"PATH": str(bin_directory), **environment},
        )
        assert done.stderr == ""
        return done.stdout.strip()


@pytest.fixture
def pot(tmp_path):
    return Pot(tmp_path)


def test_what_freebsd_ships(pot):
    assert pot.ask() == "way-out: name pkg.example.test 443"
    pot.names = {"pkg.example.test"}
    assert pot.ask() == ""
    pot.dead["pkg.example.test 443"] = TIMED_OUT % ("pkg.example.test", 443)
    assert pot.ask() == "way-out: route pkg.example.test 443"


def test_services_come_first(pot):
    pot.services["_https._tcp.pkg.example.test"] = "10 10 8443 pkg0.example.test"
    assert pot.ask() == "way-out: name pkg0.example.test 8443"
    pot.names = {"pkg0.example.test"}
    pot.dead["pkg0.example.test 8443"] = REFUSED % ("pkg0.example.test", 8443)
    assert pot.ask() == "way-out: port pkg0.example.test 8443"


def test_a_name_that_may_be_a_service_only_is_left_to_pkg(pot):
    pot.tools.remove("host")
    assert pot.ask() == ""


@pytest.mark.parametrize(
    "url, host, port",
    [
        ("http://pkg.test/${ABI}/latest", "pkg.test", 80),
        ("https://pkg.test", "pkg.test", 443),
        ("https://user:pass@word@pkg.test:8443/x", "pkg.test", 8443),
        ("ssh://root@pkg.test/x", "pkg.test", 22),
        ("http://192.0.2.7:8080/x", "192.0.2.7", 8080),
        ("http://[2001:db8::7]/x", "2001:db8::7", 80),
        ("http://[2001:db8::7]:8080/x", "2001:db8::7", 8080),
    ],
)
def test_addresses_of_a_repository(pot, url, host, port):
    pot.dead[f"{host} {port}"] = REFUSED % (host, port)
    literal = host[0].isdigit()
    assert pot.ask(url) == f"way-out: {'port' if literal else 'name'} {host} {port}"
    pot.names = {host}
    assert pot.ask(url) == f"way-out: port {host} {port}"
    pot.dead.clear()
    assert pot.ask(url) == ""


@pytest.mark.parametrize("url", ["file:///repo", "pkg+file:///repo", "nonsense"])
def test_files_need_no_way(pot, url):
    assert pot.ask(url) == "" and not pot.asked.exists()


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"])
def test_behind_a_proxy_that_is_what_has_to_answer(pot, variable):
    assert pot.ask("https://pkg.test/x", **{variable: "http://proxy.test:3128"}) == "way-out: name proxy.test 3128"


def test_what_nc_means_is_not_guessed(pot):
    pot.names = {"pkg.test"}
    pot.dead["pkg.test 80"] = "usage: nc [-46DdEFhklNnrStUuvz]"
    assert pot.ask("http://pkg.test/") == ""
    pot.dead["pkg.test 80"] = "nc: connect to pkg.test port 80 (tcp) failed: No route to host"
    assert pot.ask("http://pkg.test/") == "way-out: route pkg.test 80"
