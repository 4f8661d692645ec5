# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible finds plugins of a collection only if its importer is in place before anything of ansible_collections is
imported.
"""

from __future__ import annotations

import functools
import http.client
import pathlib
import sys
import urllib.request

import jinja2
import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar

init_plugin_loader([])
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))


def compile_once(compile_template):
    """Compile a text once for all environments of a kind: tests template the same defaults ten thousand times."""
    done = {}

    @functools.wraps(compile_template)
    def compiled(self, source, *arguments, **options):
        if not isinstance(source, str) or arguments or options:
            return compile_template(self, source, *arguments, **options)
        key = (type(self), self.variable_start_string, self.block_start_string, str(source))
        if key not in done:
            done[key] = compile_template(self, source)
        return done[key]

    return compiled


jinja2.Environment.compile = compile_once(jinja2.Environment.compile)


@pytest.fixture(autouse=True)
def restored_urllib(monkeypatch):
    """Undo what ansible.module_utils.urls leaves behind: its opener is installed for the whole process, and a failed
    connection through a unix socket leaves http.client patched.
    """
    monkeypatch.setattr(urllib.request, "_opener", None)
    monkeypatch.setattr(http.client.HTTPConnection, "connect", http.client.HTTPConnection.connect)


@pytest.fixture(scope="session")
def defaults_of():
    """{server: the vocabulary's defaults, worked out as for a run} of servers and neighbours."""
    from ansible_collections.potluck.matrix.plugins.action import site_preflight

    action = object.__new__(site_preflight.ActionModule)
    action._loader = DataLoader()
    action._templar = Templar(loader=action._loader)

    def defaults(*groups):
        return {
            host: action._default_values({"inventory_hostname": host, **given})
            for group in groups
            for host, given in (group or {}).items()
        }

    return defaults


@pytest.fixture(scope="session")
def ports_of():
    """{server: the ports that the plates of its parts state}."""
    from ansible_collections.potluck.matrix.plugins.action import site_preflight

    action = object.__new__(site_preflight.ActionModule)
    action._loader = DataLoader()
    action._templar = Templar(loader=action._loader)
    return lambda servers: {
        host: action._ports({"inventory_hostname": host, **given}) for host, given in servers.items()
    }


@pytest.fixture(scope="session")
def check_all(defaults_of, ports_of):
    """All problems of servers whose inventories may set options of the collection's own roles too."""
    # Not above, where the importer of collections is not in place yet.
    from ansible_collections.potluck.matrix.plugins.action import site_preflight
    from ansible_collections.potluck.matrix.plugins.plugin_utils import _preflight

    action = object.__new__(site_preflight.ActionModule)
    action._loader = DataLoader()
    action._templar = Templar(loader=action._loader)
    documents = action._roles()

    def problems(servers, **more):
        roles = [
            _preflight.Role(
                name,
                document["options"],
                document["sources"],
                {
                    host: {key: value for key, value in given.items() if key in document["options"]}
                    for host, given in servers.items()
                },
                document["follows"],
            )
            for name, document in documents.items()
        ]
        return _preflight.problems(
            servers, roles=roles, defaults=defaults_of(servers, more.get("neighbours")), ports=ports_of(servers), **more
        )

    return problems
