# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster is made whole or not at all, and never over anything."""

from __future__ import annotations

import pathlib
import pwd

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql import cluster


class Runner:
    """An initdb that makes a cluster of a version, or ends with a code and words."""

    def __init__(self, version="15", code=0, words="", cut_off=False):
        self.version, self.code, self.words, self.cut_off = version, code, words, cut_off
        self.calls = []

    def run(self, argv, timeout=0, user=None, umask=0o022, **_more):
        self.calls.append((argv, user.pw_name, umask))
        place = pathlib.Path(argv[-1])
        assert not place.exists()
        place.mkdir()
        (place / "PG_VERSION").write_text(self.version + "\n")
        if self.cut_off:
            raise KeyboardInterrupt
        return self.code, "", self.words


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster.pwd, "getpwnam", lambda name: pwd.struct_passwd((name, "x", 770, 770, "", "/", "/")))

    def made(runner=None, version="15"):
        return cluster.Cluster(runner or Runner(), str(tmp_path / "data"), version, "postgres", "/usr/local/bin")

    return made


def test_a_cluster_is_made_once_with_safe_flags(make, tmp_path):
    runner = Runner()
    assert make(runner).missing()
    make(runner).make()
    ((argv, user, umask),) = runner.calls
    assert (argv[0], user, umask) == ("/usr/local/bin/initdb", "postgres", 0o077)
    assert {"--encoding=UTF8", "--locale=C", "--auth-local=peer", "--auth-host=reject", "--data-checksums"} < set(argv)
    assert not make().missing()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_run_that_was_cut_off_leaves_none(make, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        make(Runner(cut_off=True)).make()
    assert make().missing()
    make().make()
    assert not make().missing()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_nothing_is_put_over_what_is_there(make, tmp_path):
    (tmp_path / "data").mkdir()
    assert make().missing()
    (tmp_path / "data/photographs").touch()
    with pytest.raises(Sentence, match="is not empty and no cluster") as refusal:
        make().missing()
    assert refusal.value.part == "path"
    (tmp_path / "data/PG_VERSION").write_text("14\n")
    with pytest.raises(Sentence, match="is a cluster of PostgreSQL 14") as refusal:
        make().missing()
    assert refusal.value.part == "version"


def test_initdb_is_not_believed(make):
    with pytest.raises(Sentence, match="no space left") as refusal:
        make(Runner(code=1, words="initdb: error: no space left\n")).make()
    assert refusal.value.part == "program"
    with pytest.raises(Sentence, match="it makes one of PostgreSQL 18"):
        make(Runner(version="18")).make()
    assert make().missing()
