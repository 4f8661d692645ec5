# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The archive that is published holds the product and nothing of its workshop."""

from __future__ import annotations

import re
import subprocess
import tarfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PRODUCT = re.compile(
    r"(FILES|MANIFEST)\.json|README\.md|LICENSE|bindep\.txt|CHANGELOG\.rst|changelogs/[\w.]+|meta/(runtime\.yml|[\w.-]+)|docs/([\w-]+/)*[\w-]+\.md"
    r"|playbooks/([\w-]+/)*\w+\.yml|plugins/\w+/(_?\w+/)*\w+\.py|roles/\w+/(README\.md|\w+/[\w.-]+)"
)


def test_the_archive_is_the_product_alone(tmp_path):
    subprocess.run(
        ["ansible-galaxy", "collection", "build", "--output-path", tmp_path, TOP],
        check=True,
        capture_output=True,
        cwd=tmp_path,
    )
    (archive,) = tmp_path.glob("potluck-matrix-*.tar.gz")
    with tarfile.open(archive) as content:
        names = [member.name for member in content if member.isfile()]
    assert [name for name in names if not PRODUCT.fullmatch(name)] == []
    assert (
        "plugins/modules/pot.py" in names and "roles/synapse/tasks/main.yml" in names and "playbooks/site.yml" in names
    )
    assert archive.stat().st_size < 1024 * 1024
