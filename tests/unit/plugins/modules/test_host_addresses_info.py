# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The addresses of a name, and the family in which somebody reaches it."""

from __future__ import annotations

import json
import socket

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.modules import host_addresses_info

NAMES = {
    "both.example": ["2001:db8::9", "192.0.2.9"],
    "four.example": ["192.0.2.9"],
    "six.example": ["2001:db8::9", "fe80::9%vtnet0"],
}


@pytest.fixture
def ask(capsys, monkeypatch):
    def resolve(host, port, type):
        if host not in NAMES:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(0, type, 6, "", (address, port)) for address in NAMES[host] for _protocol in range(2)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    def call(host, *own):
        arguments = {"host": host, "own_addresses": list(own)}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            host_addresses_info.main()
        found = json.loads(capsys.readouterr().out)
        assert found["changed"] is False
        return found["addresses"], found["family"]

    return call


def test_addresses_once_and_without_zones(ask):
    assert ask("six.example")[0] == ["2001:db8::9", "fe80::9"]
    assert ask("both.example")[0] == ["2001:db8::9", "192.0.2.9"]


@pytest.mark.parametrize(
    "host, own, family",
    [
        ("both.example", ["10.0.0.5", "2001:db8::5"], 4),
        ("both.example", ["2001:db8::5"], 6),
        ("both.example", [], 4),
        ("six.example", ["10.0.0.5", "2001:db8::5"], 6),
        ("four.example", ["2001:db8::5", "10.0.0.5"], 4),
        # A pot that inherits the host's addresses may have more of them than one variable says.
        ("six.example", ["10.0.0.5"], 6),
        ("nobody.example", ["10.0.0.5"], 0),
    ],
)
def test_the_family_is_one_that_both_have(ask, host, own, family):
    assert ask(host, *own)[1] == family
