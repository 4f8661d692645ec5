# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A saved deployment is made once, used by all, and never for another state of the checkout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "tests/tools"))

import saved


class Deployment:
    """Notes what is done with it; saving may fail half-way."""

    def __init__(self):
        self.done = []
        self.fails = False

    def deploy(self):
        self.done.append("deployed")

    def save(self, directory):
        directory.mkdir(parents=True)
        (directory / "disk.img").touch()
        assert not self.fails
        self.done.append("saved")

    def restore(self, directory, start_neighbours):
        assert (directory / "disk.img").exists()
        start_neighbours()
        self.done.append("restored")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.setattr(saved, "TOP", tmp_path)
    monkeypatch.setattr(saved, "SAVED", tmp_path / ".cache/saved")
    (tmp_path / ".gitignore").write_text(".cache\n")
    for name in (
        "roles/tls/tasks/main.yml",
        "tests/double/double",
        "tests/unit/test_x.py",
        "tests/system/site/test_y.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("1")
    return tmp_path


def start(one=None):
    one = one or Deployment()
    saved.start("site", one, one.deploy, lambda: one.done.append("neighbours"))
    return one.done


def test_the_first_makes_it_and_the_others_start_from_it(checkout):
    assert start() == ["deployed", "saved"]
    assert start() == ["neighbours", "restored"]


@pytest.mark.parametrize("name", ["roles/tls/tasks/main.yml", "tests/double/double", "roles/tls/new.yml"])
def test_what_it_is_made_of_has_changed(checkout, name):
    start()
    (checkout / name).write_text("2")
    assert start() == ["deployed", "saved"]
    assert len([path for path in saved.SAVED.iterdir() if path.is_dir()]) == 1


def test_a_program_that_is_none_any_more(checkout):
    start()
    (checkout / "tests/double/double").chmod(0o755)
    assert start() == ["deployed", "saved"]


@pytest.mark.parametrize("name", ["tests/unit/test_x.py", "tests/system/site/test_y.py", "docs/page.md"])
def test_what_it_is_not_made_of_has_changed(checkout, name):
    start()
    (checkout / name).parent.mkdir(exist_ok=True)
    (checkout / name).write_text("2")
    assert start() == ["neighbours", "restored"]


def test_one_that_was_not_saved_whole_is_none(checkout):
    one = Deployment()
    one.fails = True
    with pytest.raises(AssertionError):
        start(one)
    assert start() == ["deployed", "saved"]


def test_one_that_was_made_anyway_is_kept_once(checkout):
    for wanted in (["saved"], []):
        one = Deployment()
        saved.keep("site", one)
        assert one.done == wanted
    assert start() == ["neighbours", "restored"]
