# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible finds plugins of a collection only if its importer is in place before anything of ansible_collections is imported."""

from __future__ import annotations

import http.client
import urllib.request

import pytest
from ansible.plugins.loader import init_plugin_loader

init_plugin_loader([])


@pytest.fixture(autouse=True)
def restored_urllib(monkeypatch):
    """Undo what ansible.module_utils.urls leaves behind: its opener is installed for the whole process, and a failed connection through a unix socket
    leaves http.client patched."""
    monkeypatch.setattr(urllib.request, "_opener", None)
    monkeypatch.setattr(http.client.HTTPConnection, "connect", http.client.HTTPConnection.connect)
