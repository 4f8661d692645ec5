# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of PostgreSQL, from a pkg(8) and a sysctl(8) that say what they are told to."""

from __future__ import annotations

import json
import pwd

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql import major
from ansible_collections.potluck.matrix.plugins.modules import postgresql_info

DRIVER = "py311-psycopg2"
PACKAGES = ["postgresql15-server", "postgresql15-client", DRIVER]


class Runner:
    """depends: what the driver depends on; installed: names of packages; sysctl: what that answers."""

    depends = ["python311", "postgresql15-client"]
    installed: list = []
    sysctl = (0, "17179869184\n4\n", "")

    @staticmethod
    def inherited(**more):
        return more

    def run(self, argv, **_more):
        if argv[0] == "sysctl":
            assert argv[1:] == ["-n", "hw.physmem", "hw.ncpu"]
            return self.sysctl
        query, words = argv[1], argv[2:]
        if query == "update" or (query == "query" and words[-1] not in self.installed):
            return 1, "", "pkg: unknown"
        if words[-2] == "%v":
            return 0, "1.0\n", ""
        assert words[-2:] == ["%n %dn", DRIVER]
        return (0, "".join(f"{DRIVER} {name}\n" for name in self.depends), "") if self.depends else (1, "", "pkg: none")


@pytest.fixture
def ask(tmp_path, monkeypatch, capsys):
    """Runs the module; C(ask.home) is where clusters are."""
    monkeypatch.setattr(major.pwd, "getpwnam", lambda name: pwd.struct_passwd((name, "x", 770, 770, "", "/", "/")))

    def run(version="", **told):
        monkeypatch.setattr(postgresql_info, "Runner", type("Told", (Runner,), told))
        arguments = {"driver": DRIVER, "version": version, "home": str(tmp_path)}
        arguments["sentences"] = {"version": "matrix_postgresql_version: %s; leave it out."}
        internal = {"_ansible_remote_tmp": "/tmp", "_ansible_keep_remote_files": False}
        with patch_module_args({**arguments, **internal}), pytest.raises(SystemExit):
            postgresql_info.main()
        return json.loads(capsys.readouterr().out)

    run.home = tmp_path
    return run


def cluster(home, version, found=None):
    (home / f"data{version}").mkdir()
    (home / f"data{version}/PG_VERSION").write_text(f"{found or version}\n")


def test_where_nothing_is(ask):
    found = ask()
    assert {name: found[name] for name in ("changed", "version", "packages", "installed", "cluster")} == {
        "changed": False,
        "version": "15",
        "packages": PACKAGES,
        "installed": False,
        "cluster": False,
    }
    assert (found["memory"], found["processors"]) == (17179869184, 4)
    assert list(ask.home.iterdir()) == []


@pytest.mark.parametrize("missing", PACKAGES)
def test_what_is_half_there_is_not_installed(ask, missing):
    cluster(ask.home, 15)
    assert not ask(installed=[name for name in PACKAGES if name != missing])["installed"]
    found = ask(installed=PACKAGES, version="15")
    assert found["installed"] and found["cluster"]


def test_a_cluster_that_is_not_the_one_is_none(ask):
    """What is wrong with it is said by the module that would make it."""
    cluster(ask.home, 14)
    assert not ask()["cluster"]
    cluster(ask.home, 15, found=14)
    assert not ask()["cluster"]
    (ask.home / "data15/PG_VERSION").write_text("15\n")
    assert ask()["cluster"]
    cluster(ask.home, 18)
    assert not ask()["cluster"]


def test_another_version_is_refused(ask):
    said = ask("16")
    assert said["failed"] and said["part"] == "version"
    assert said["msg"] == (
        "matrix_postgresql_version: PostgreSQL 16 cannot be installed beside py311-psycopg2, which is linked to 15; "
        "leave it out."
    )


@pytest.mark.parametrize(
    "depends, words",
    [(["python311"], "is linked to no PostgreSQL"), (["postgresql15-client-x"], "is linked to no"), ([], "no package")],
)
def test_a_repository_without_a_driver(ask, depends, words):
    said = ask(depends=depends)
    assert said["failed"] and said["part"] == "repository" and words in said["msg"]


def test_a_machine_that_says_nothing(ask):
    assert "sysctl does not tell" in ask(sysctl=(1, "", "sysctl: unknown oid"))["msg"]
