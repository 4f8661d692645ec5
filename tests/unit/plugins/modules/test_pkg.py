# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module against a stand-in for pkg(8) that answers as recorded on FreeBSD."""

from __future__ import annotations

import json
import time

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.modules import pkg


class Machine:
    def __init__(self):
        self.installed = {}
        self.repository = {"nginx": "1.26.3,3", "demo-app": "2.1_1,1"}
        self.locked = 0
        self.lies = set()
        self.calls = []
        self.dry_code = 0
        self.full = False

    def run(self, argv, **kwargs):
        command, arguments = argv[1], argv[2:]
        self.calls.append(command)
        if self.locked:
            self.locked -= 1
            return 1, "", "pkg: Cannot get an advisory lock on a database, it is locked by another process\n"
        if command in ("query", "rquery") and arguments[0] != "-a":
            known = self.installed if command == "query" else self.repository
            name = arguments[-1]
            return (0, known[name] + "\n", "") if name in known else (1, "", "")
        if command == "query" and arguments[0] == "-a":
            return 0, "".join("{} {}\n".format(*each) for each in self.installed.items()), ""
        if command == "upgrade":
            return self.upgrade(arguments)
        if command == "install":
            for name in sorted(arguments[1:], key=lambda name: name in self.repository):
                # One unknown name, and nothing is installed.
                if name not in self.repository:
                    return (
                        1,
                        "",
                        f"pkg: No packages available to install matching '{name}' have been found in the "
                        f"repositories\n",
                    )
                if name not in self.lies:
                    self.installed[name] = self.repository[name]
        return 0, "", ""

    def upgrade(self, arguments):
        old = [name for name, version in self.installed.items() if self.repository.get(name, version) != version]
        # When there is a new pkg, it comes first and alone.
        old = ["pkg"] if "pkg" in old else old
        if not old:
            return 0, "Checking for upgrades (0 candidates): . done\nYour packages are up to date.\n", ""
        lines = "".join(f"\t{name}: {self.installed[name]} -> {self.repository[name]} [FreeBSD]\n" for name in old)
        if arguments == ["-n"]:
            return (
                self.dry_code,
                "Installed packages to be UPGRADED:\n%s\nNumber of packages to be upgraded: %d\n" % (lines, len(old)),
                "",
            )
        if self.full:
            return 1, lines, "pkg: Not enough space in /var/cache/pkg\n"
        self.installed.update({name: self.repository[name] for name in old})
        return 0, lines, ""


@pytest.fixture
def machine(monkeypatch):
    stand_in = Machine()
    monkeypatch.setattr(Runner, "run", stand_in.run)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    return stand_in


def run(capsys, check=False, **arguments):
    arguments["_ansible_check_mode"] = check
    with patch_module_args(arguments), pytest.raises(SystemExit):
        pkg.main()
    return json.loads(capsys.readouterr().out)


def test_installs_what_is_missing_and_nothing_twice(machine, capsys):
    first = run(capsys, name=["nginx", "demo-app"])
    assert first["changed"] and first["packages"] == {"nginx": "1.26.3,3", "demo-app": "2.1_1,1"}
    assert first["diff"]["after"] == "demo-app-2.1_1,1\nnginx-1.26.3,3\n"
    machine.calls.clear()
    assert not run(capsys, name=["nginx", "demo-app"])["changed"]
    assert set(machine.calls) == {"query"}


def test_parts_are_installed_in_one_go_and_told_apart(machine, capsys):
    machine.installed["demo-app"] = "2.0"
    parts = {"proxy": ["nginx"], "login": ["nginx", "demo-app"], "demo": ["demo-app"]}
    for check in (True, False):
        machine.calls.clear()
        told = run(capsys, check=check, parts=parts, _ansible_diff=True)
        assert told["changed"] and machine.calls.count("install") == (not check)
        assert {name: part["changed"] for name, part in told["parts"].items()} == {
            "proxy": True,
            "login": True,
            "demo": False,
        }
        # Both that got something, each for itself.
        assert [each["before_header"] for each in told["diff"]] == ["packages of proxy", "packages of login"]
    assert told["parts"]["proxy"]["packages"] == {"nginx": "1.26.3,3"}
    assert told["parts"]["login"]["diff"] == {
        "before": "demo-app-2.0\n",
        "after": "demo-app-2.0\nnginx-1.26.3,3\n",
    }
    again = run(capsys, parts=parts, _ansible_diff=True)
    assert not again["changed"] and again["diff"] == []
    assert again["parts"]["demo"]["diff"]["before"] == "demo-app-2.0\n"


def test_what_is_missing_for_a_part_is_told(machine, capsys):
    result = run(capsys, parts={"proxy": ["nginx"], "other": ["nosuchpkg"]})
    assert result["failed"] and set(result["missing"]) == {"nginx", "nosuchpkg"}


def test_a_part_is_a_list(machine, capsys):
    assert "parts: each part needs a list of packages" in run(capsys, parts={"proxy": "nginx"})["msg"]


def test_check_mode_installs_nothing(machine, capsys):
    assert run(capsys, check=True, name=["nginx"])["changed"]
    assert machine.installed == {}


def test_present_keeps_an_old_version_and_latest_upgrades_it(machine, capsys):
    machine.installed["nginx"] = "1.24.0,3"
    assert not run(capsys, name=["nginx"])["changed"]
    assert run(capsys, check=True, name=["nginx"], state="latest")["changed"]
    assert machine.installed["nginx"] == "1.24.0,3"
    upgraded = run(capsys, name=["nginx"], state="latest")
    assert upgraded["changed"] and upgraded["packages"]["nginx"] == "1.26.3,3"
    assert not run(capsys, name=["nginx"], state="latest")["changed"]


def test_an_unknown_package_is_named(machine, capsys):
    result = run(capsys, name=["nginx", "nosuchpkg"])
    assert result["failed"] and result["msg"].startswith(
        "nginx, nosuchpkg cannot be installed: pkg: No packages available"
    )


def test_exit_code_0_is_not_believed(machine, capsys):
    machine.lies.add("nginx")
    result = run(capsys, name=["nginx"])
    assert result["failed"] and "nginx cannot be installed" in result["msg"]


def test_waits_for_the_lock(machine, capsys):
    machine.locked = 3
    assert run(capsys, name=["nginx"])["changed"]


def test_gives_up_on_the_lock_in_the_end(machine, capsys):
    machine.locked = 10**6
    result = run(capsys, name=["nginx"], lock_timeout=0)
    assert result["failed"] and "locked by another process" in result["msg"]


@pytest.mark.parametrize("name", ["ngi nx", "-y", "nginx;reboot", "*"])
def test_refuses_what_is_no_name(machine, capsys, name):
    assert run(capsys, name=[name])["failed"]
    assert machine.calls == []


def test_creates(machine, capsys, tmp_path):
    (tmp_path / "pot").touch()
    assert not run(capsys, name=["pot"], creates=str(tmp_path / "pot"))["changed"]
    assert run(capsys, name=["nginx"], creates=str(tmp_path / "gone"))["changed"]


@pytest.mark.parametrize("dry_code", [0, 1])
def test_upgrades_everything_and_pkg_first(machine, capsys, dry_code):
    machine.dry_code = dry_code
    machine.installed = {"nginx": "1.24.0,3", "demo-app": "2.1_1,1", "pkg": "1.20"}
    machine.repository["pkg"] = "2.4"
    foretold = run(capsys, check=True, upgrade_all=True)
    assert (
        foretold["changed"] and "pkg: 1.20 -> 2.4" in foretold["diff"]["after"] and machine.installed["pkg"] == "1.20"
    )
    done = run(capsys, upgrade_all=True)
    assert done["changed"] and done["packages"] == {"nginx": "1.26.3,3", "pkg": "2.4"}
    assert done["diff"]["before"] == "nginx-1.24.0,3\npkg-1.20\n"
    for check in (True, False):
        assert not run(capsys, check=check, upgrade_all=True)["changed"]


def test_an_upgrade_that_fails(machine, capsys):
    machine.installed = {"nginx": "1.24.0,3"}
    machine.full = True
    answer = run(capsys, upgrade_all=True)
    assert answer["failed"] and "Not enough space" in answer["msg"]


def test_an_upgrade_that_changes_nothing_is_told(machine, capsys, monkeypatch):
    """pkg ends with 0, and the same packages are still to be upgraded."""
    machine.installed = {"nginx": "1.24.0,3"}
    right = machine.upgrade
    monkeypatch.setattr(machine, "upgrade", lambda arguments: right(arguments) if arguments == ["-n"] else (0, "", ""))
    answer = run(capsys, upgrade_all=True)
    assert answer["failed"] and "nginx: 1.24.0,3 -> 1.26.3,3" in answer["msg"]


def test_a_catalogue_that_cannot_be_fetched(machine, capsys, monkeypatch):
    monkeypatch.setattr(machine, "upgrade", lambda arguments: (1, "", "pkg: Unable to update repository FreeBSD\n"))
    for check in (True, False):
        answer = run(capsys, check=check, upgrade_all=True)
        assert answer["failed"] and "Unable to update repository" in answer["msg"]


def test_names_or_everything(machine, capsys):
    assert "failed" in run(capsys, name=["nginx"], upgrade_all=True)


SUMMARY = "The following 1 package(s) will be affected (of 1 checked):\n\n\tnginx: 1.24.0,3 -> 1.26.3,3 [r]\n\n"


def answers(monkeypatch, machine, **given):
    """Let pkg upgrade -n, -F and the rest answer as given: dry, fetch, real."""
    kinds = {"-n": "dry", "-F": "fetch"}
    monkeypatch.setattr(machine, "upgrade", lambda arguments: given[kinds.get(arguments[0], "real")])


def test_fetching_what_an_upgrade_would_install(machine, capsys, monkeypatch):
    machine.installed = {"nginx": "1.24.0,3"}
    todo, done = (0, SUMMARY + "5.2MiB to be downloaded.\n", ""), (0, SUMMARY, "")
    answers(monkeypatch, machine, dry=todo, fetch=todo)
    for check, calls in ((True, 1), (False, 2)):
        machine.calls.clear()
        fetched = run(capsys, check=check, upgrade_all=True, fetch_only=True)
        assert fetched["changed"] and fetched["packages"] == {} and machine.calls.count("upgrade") == calls
    answers(monkeypatch, machine, dry=done, fetch=done)
    assert not run(capsys, upgrade_all=True, fetch_only=True)["changed"]
    assert machine.installed == {"nginx": "1.24.0,3"}


def test_nothing_to_fetch(machine, capsys):
    machine.installed = {"nginx": "1.26.3,3"}
    assert not run(capsys, upgrade_all=True, fetch_only=True)["changed"]
    assert machine.calls.count("upgrade") == 1


@pytest.mark.parametrize(
    "said, reason",
    [
        (
            "pkg: http://r/All/nginx-1.26.3,3.pkg: Not Found\n",
            "pkg: http://r/All/nginx-1.26.3,3.pkg: Not Found",
        ),
        (
            "pkg: cached package nginx-1.26.3,3: missing or size mismatch, fetching from remote\n"
            "pkg: cached package nginx-1.26.3,3: missing or size mismatch, cannot continue\nConsider running 'pkg "
            "update -f'\n",
            "pkg: cached package nginx-1.26.3,3: missing or size mismatch, cannot continue",
        ),
        (
            "pkg: nginx-1.26.3,3 failed checksum from repository\n",
            "pkg: nginx-1.26.3,3 failed checksum from repository",
        ),
    ],
)
def test_a_repository_that_serves_half(machine, capsys, monkeypatch, said, reason):
    machine.installed = {"nginx": "1.24.0,3"}
    bad = (3, SUMMARY + "5.2MiB to be downloaded.\n", said)
    answers(monkeypatch, machine, dry=(0, SUMMARY, ""), fetch=bad, real=bad)
    for what, verb in (({"fetch_only": True}, "fetched"), ({}, "upgraded")):
        answer = run(capsys, upgrade_all=True, **what)
        assert answer["failed"] and answer["rc"] == 3
        assert (
            answer["msg"]
            == f"The packages cannot be {verb}: {reason} (run again when the repository is whole, or use another one)"
        )


def test_a_dependency_that_the_repository_lacks(machine, capsys, monkeypatch):
    """Of an upgrade pkg leaves out the package, and ends well; of an installation its last line is another one."""
    machine.installed = {"nginx": "1.24.0,3"}
    words = "pkg: nginx has a missing dependency: ghost\n"
    answers(monkeypatch, machine, dry=(0, "Your packages are up to date.\n", words))
    for arguments in ({}, {"fetch_only": True}):
        for check in (True, False):
            answer = run(capsys, check=check, upgrade_all=True, **arguments)
            assert answer["failed"] and "nginx has a missing dependency: ghost (run again" in answer["msg"]
    no_package = "pkg: No packages available to install matching 'demo-app' have been found in the repositories\n"
    right = machine.run
    monkeypatch.setattr(
        machine,
        "run",
        lambda argv, **more: (1, "", words + no_package) if argv[1] == "install" else right(argv, **more),
    )
    monkeypatch.setattr(Runner, "run", lambda self, argv, **more: machine.run(argv, **more))
    answer = run(capsys, name=["demo-app"])
    assert "demo-app cannot be installed: pkg: nginx has a missing dependency: ghost (run again" in answer["msg"]


def test_only_everything_can_be_only_fetched(machine, capsys):
    assert "fetch_only" in run(capsys, name=["nginx"], fetch_only=True)["msg"]
