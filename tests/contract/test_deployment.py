# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment's host and place come back as they were saved."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import running

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("ip"), reason="the double needs root and iproute2"
)


def test_restored_as_saved(tmp_path: Path) -> None:
    """What a test does to the host and to the place is gone, and the host is reached as before."""
    deployment = running.Deployment(
        tmp_path / "place", "saved.test", ("saved1", "10.199.0.95"), "10.199.0.195", ("saved1", "10.199.0.1"), []
    )
    saved = tmp_path / "saved"
    try:
        deployment.start_machine()
        deployment.inside("zfs", "create", "zroot/kept")
        secret = deployment.remembered("secret")
        deployment.save(saved)
        deployment.inside("zfs", "destroy", "zroot/kept")
        deployment.inside("/bin/sh", "-c", "echo more >/root/more")
        (deployment.place / "secrets/secret").write_text("another")
        deployment.restore(saved)
        assert deployment.inside("zfs", "list", "-H", "-o", "name").stdout.split() == ["zroot", "zroot/kept"]
        assert deployment.inside("ls", "/root/more", check=False).returncode != 0
        assert deployment.remembered("secret") == secret
        known = (deployment.place / "known_hosts").read_text(encoding="utf-8")
        assert running.output("ssh-keyscan", "-t", "ed25519", deployment.machine_address) == known
    finally:
        running.output(running.DOUBLE, "stop", deployment.machine)
