# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible finds plugins of a collection only if its importer is in place before anything of ansible_collections is imported."""

from __future__ import annotations

import http.client

import pytest
from ansible.plugins.loader import init_plugin_loader

init_plugin_loader([])


@pytest.fixture(autouse=True)
def restored_connect():
    """Undo what ansible.module_utils.urls leaves in http.client when a request through a unix socket fails."""
    connect = http.client.HTTPConnection.connect
    yield
    http.client.HTTPConnection.connect = connect
