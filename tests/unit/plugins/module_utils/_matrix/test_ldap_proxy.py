# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A proxy that runs for as long as it is asked, and what is said about one that does not."""

from __future__ import annotations

import os
import socket
import sys

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import ldap_bind, ldap_proxy

# Reads "port NUMBER" and "directory NAME" in place of nginx's configuration, and closes each connection at once.
NGINX = f"""#!{sys.executable}
import os, socket, sys
words = open(sys.argv[2]).read().split()
if "wrong" in words:
    sys.exit('nginx: [emerg] host not found in upstream "nobody.example" in ' + words[3] + '/nginx.conf:3')
assert os.path.isdir(words[3])
with socket.create_server(("127.0.0.1", int(words[1]))) as server:
    while True:
        server.accept()[0].close()
"""
CONFIGURATION = "port @PORT@ directory @DIRECTORY@"


@pytest.fixture
def nginx(tmp_path, monkeypatch):
    path = tmp_path / "nginx"
    path.write_text(NGINX)
    path.chmod(0o755)
    monkeypatch.setattr(ldap_proxy.tempfile, "tempdir", str(tmp_path))
    yield str(path)
    assert os.listdir(tmp_path) == ["nginx"]


def test_it_runs_on_a_port_of_its_own_and_is_gone_afterwards(nginx):
    with ldap_proxy.running(CONFIGURATION, "127.0.0.1", nginx) as port:
        socket.create_connection(("127.0.0.1", port), 5).close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), 5)


def test_what_nginx_says_is_the_reason(nginx):
    with (
        pytest.raises(Sentence, match='host not found in upstream "nobody.example" in /nginx.conf:3'),
        ldap_proxy.running(CONFIGURATION + " wrong", "127.0.0.1", nginx),
    ):
        pass


def test_an_address_of_somebody_else(nginx):
    with (
        pytest.raises(Sentence, match="nothing can listen at 192.0.2.1"),
        ldap_proxy.running(CONFIGURATION, "192.0.2.1", nginx),
    ):
        pass


def test_a_directory_that_answers_but_not_through_the_proxy(nginx, monkeypatch):
    """The proxy here closes every connection; the directory itself is taken for good."""
    asked = []

    def first_that_answers(uris, dummy):
        asked.append(uris)
        if len(asked) > 1:
            raise Sentence("the connection was closed", "directory")
        return uris[0], True

    monkeypatch.setattr(ldap_bind, "_first_that_answers", first_that_answers)
    # Of the default argument, which was bound when the function was made.
    monkeypatch.setattr(ldap_proxy.running.__wrapped__, "__defaults__", (nginx,))
    with pytest.raises(
        Sentence, match="the directory answers, but not through the proxy: the connection was closed"
    ) as refusal:
        ldap_bind.prove({"uris": ["ldaps://a.example:636"], "proxy": CONFIGURATION, "proxy_address": "127.0.0.1"})
    assert refusal.value.part == "proxy"
    assert asked[0] == ["ldaps://a.example:636"] and asked[1][0].startswith("ldaps://127.0.0.1:")
