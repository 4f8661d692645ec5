# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files in directories of somebody who plants links."""

from __future__ import annotations

import os
import stat

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import files, no_links

MINE = no_links.Attributes(os.getuid(), os.getgid(), 0o640)


def test_a_file_is_written_whole_and_read_again(tmp_path):
    path = str(tmp_path / "file")
    assert no_links.read(path) is None
    files.put(path, b"one", MINE)
    files.put(path, b"two", MINE)
    assert no_links.read(path) == (b"two", MINE)
    assert os.listdir(tmp_path) == ["file"]
    no_links.remove(path)
    no_links.remove(path)
    assert os.listdir(tmp_path) == []


def test_one_that_is_to_be_kept_is_kept(tmp_path):
    path = str(tmp_path / "key")
    files.put(path, b"first", MINE, keep=True)
    files.put(path, b"second", MINE, keep=True)
    assert no_links.read(path)[0] == b"first" and os.listdir(tmp_path) == ["key"]


@pytest.mark.parametrize(
    "do",
    [
        lambda path: files.put(path, b"bad", MINE),
        lambda path: files.put(path, b"bad", MINE, keep=True),
        no_links.read,
        no_links.remove,
        lambda path: no_links.make_directory(os.path.dirname(path) + "/deep/down", -1, -1, 0o700),
    ],
)
def test_no_link_on_the_way_is_followed(tmp_path, do):
    (tmp_path / "host/etc").mkdir(parents=True)
    (tmp_path / "host/etc/passwd").write_text("root")
    (tmp_path / "link").symlink_to(tmp_path / "host")
    with pytest.raises(OSError):
        do(str(tmp_path / "link/etc/passwd"))
    assert (tmp_path / "host/etc/passwd").read_text() == "root" and os.listdir(tmp_path / "host/etc") == ["passwd"]


def test_a_link_in_the_place_of_a_file_is_replaced_and_never_read(tmp_path):
    (tmp_path / "victim").write_text("root")
    (tmp_path / "file").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError):
        no_links.read(str(tmp_path / "file"))
    files.put(str(tmp_path / "file"), b"new", MINE)
    assert (tmp_path / "victim").read_text() == "root" and not (tmp_path / "file").is_symlink()


def test_a_pipe_keeps_nobody_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError):
        no_links.read(str(tmp_path / "pipe"))


def test_a_draft_that_a_killed_run_left_is_no_obstacle(tmp_path, monkeypatch):
    path = str(tmp_path / "file")

    def die(*dummy, **more):
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(os, "rename", die)
        killed.setattr(os, "unlink", lambda *dummy, **more: None)
        with pytest.raises(KeyboardInterrupt):
            files.put(path, b"half", MINE)
    assert len(os.listdir(tmp_path)) == 1
    files.put(path, b"whole", MINE)
    assert os.listdir(tmp_path) == ["file"]


def test_directories_are_made_and_corrected_once(tmp_path):
    path = str(tmp_path / "a/b")
    assert no_links.make_directory(path, -1, -1, 0o750, check=True) and not (tmp_path / "a").exists()
    assert no_links.make_directory(path, -1, -1, 0o750)
    assert not no_links.make_directory(path, -1, -1, 0o750)
    assert [stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("a", "a/b")] == [0o755, 0o750]
    assert no_links.make_directory(path, os.getuid(), -1, 0o700) and stat.S_IMODE(os.stat(path).st_mode) == 0o700
