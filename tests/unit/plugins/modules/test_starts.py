# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module imports before its own work is paid in every operation: those that run most often import little."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

COLLECTIONS = pathlib.Path(__file__).resolve().parents[4] / ".ansible/collections"
MODULES = "ansible_collections.potluck.matrix.plugins.modules"
# Each takes milliseconds, or brings much along.
DEAR = {
    "asyncio",
    "concurrent",
    "ctypes",
    "decimal",
    "email",
    "http",
    "inspect",
    "multiprocessing",
    "smtplib",
    "sqlite3",
    "ssl",
    "urllib",
    "uuid",
    "xml",
}
ADDED = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
import ansible.modules.ping
before = set(sys.modules)
for name in sys.argv[2:]:
    importlib.import_module(name)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def added(*names):
    """What importing modules brings along that M(ansible.builtin.ping) has not."""
    done = subprocess.run(
        [sys.executable, "-c", ADDED, COLLECTIONS, *names], check=True, capture_output=True, text=True
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("name", ["pot_info", "rc_service", "file_set", "pkg", "zfs_dataset"])
def test_nothing_dear_is_imported_before_it_is_used(name):
    found = added(f"{MODULES}.{name}")
    assert f"{MODULES}.{name}" in found
    assert {each.partition(".")[0] for each in found} & DEAR == set(), sorted(found)


def test_what_is_dear_is_noticed():
    assert {"ssl", "http"} <= {each.partition(".")[0] for each in added(f"{MODULES}.synapse_user")}
