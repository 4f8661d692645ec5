# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file is replaced as a whole or not at all."""

from __future__ import annotations

import os

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import write_atomically


def test_atomic_write_leaves_the_old_file_when_it_fails(tmp_path, monkeypatch):
    path = tmp_path / "pot.conf"
    path.write_text("old\n")

    def full(_fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Sentence, match=r"Cannot write .*pot.conf: No space left on device"):
        write_atomically(str(path), "new\n")
    assert path.read_text() == "old\n" and [p.name for p in tmp_path.iterdir()] == ["pot.conf"]
