# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the double's package manager that the captures do not reach."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

DOUBLE = Path(__file__).resolve().parents[2] / "double"
sys.path.insert(0, str(DOUBLE / "lib"))

from pkgng import fetching, jobs, query, repositories, ucl, versions

BUILT_IN = sorted((DOUBLE / "packages").glob("*/package.json"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("FreeBSD: { enabled: no }", {"FreeBSD": {"enabled": False}}),
        ("{ a: 1 }", {"a": "1"}),
        (
            '# comment\na { url = file:///x/y; priority: 10 } // more\nb: [x, "y z"]',
            {"a": {"url": "file:///x/y", "priority": "10"}, "b": ["x", "y z"]},
        ),
        ("a: {url:pkg+https://h/${ABI}/latest}", {"a": {"url": "pkg+https://h/${ABI}/latest"}}),
        ("a: { b: 1 }\na: { c: 2 }", {"a": {"b": "1", "c": "2"}}),
    ],
)
def test_ucl(text, expected):
    assert ucl.parse(text) == expected


@pytest.mark.parametrize("text", ["a: {", 'a: "b', "}", "a:"])
def test_ucl_faults(text):
    with pytest.raises(ucl.SyntaxFault):
        ucl.parse(text)


@pytest.mark.parametrize(
    ("left", "sign", "right"),
    [
        ("1.135.0", "<", "1.163.2"),
        ("1.9", "<", "1.10"),
        ("1.0", "=", "1.0"),
        ("2.1_1,1", ">", "2.1,1"),
        ("9.9", "<", "1.0,1"),
        ("1.0.rc1", "<", "1.0"),
        ("1.0.a1", "<", "1.0.b1"),
        ("1.0", "<", "1.0.1"),
        ("3.0.1_2", ">", "3.0.1_1"),
    ],
)
def test_version_order(left, sign, right):
    assert versions.compare(left, right) == sign
    assert versions.compare(*reversed((left, right))) == {"<": ">", ">": "<", "=": "="}[sign]


PACKAGES = {
    "app": {
        "name": "app",
        "version": "2.0",
        "origin": "www/app",
        "comment": "c",
        "depends": ["lib"],
        "automatic": False,
        "files": {"/usr/local/bin/app": "sum"},
    },
    "lib": {"name": "lib", "version": "1.0", "origin": "devel/lib", "comment": "c", "automatic": True},
}


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("%n-%v %o%%", "app", ["app-2.0 www/app%"]),
        ("%n needs %dn %dv", "app", ["app needs lib 1.0"]),
        ("%n is needed by %rn", "lib", ["lib is needed by app"]),
        ("%#d %?d %#r", "app", ["1 1 0"]),
        ("%Fp", "app", ["/usr/local/bin/app"]),
        ("%dn", "lib", []),
    ],
)
def test_query_formats(text, name, expected):
    assert query.lines(text, PACKAGES[name], PACKAGES) == expected


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("%a = 0", ["app"]),
        ('%n ~ "l*"', ["lib"]),
        ("%v >= 2.0", ["app"]),
        ("%#r = 0 && %a = 0", ["app"]),
        ("%n = app || %n = lib", ["app", "lib"]),
    ],
)
def test_query_expressions(expression, names):
    assert [name for name, record in PACKAGES.items() if query.holds(expression, record, PACKAGES)] == names


def test_unknown_query_key():
    with pytest.raises(ValueError, match="unknown format key"):
        query.lines("%Z", PACKAGES["app"], PACKAGES)


def test_later_repository_files_override_single_keys(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a/FreeBSD.conf").write_text('FreeBSD: { url: "pkg+http://x/${ABI}/quarterly", enabled: yes }')
    (tmp_path / "b/own.conf").write_text('FreeBSD: { enabled: no }\nown: { url: "file:///r", priority: 5 }')
    (tmp_path / "b/ignored.txt").write_text('other: { url: "file:///x" }')
    found = repositories.configured((str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "none")))
    assert found == {
        "FreeBSD": {"url": "pkg+http://x/${ABI}/quarterly", "enabled": False},
        "own": {"url": "file:///r", "priority": "5"},
    }


@pytest.mark.parametrize(
    "url",
    [
        "https://pkg.nowhere.test/FreeBSD:13:amd64/latest",
        "pkg+https://pkg.FreeBSD.org.evil.test/a/latest",
        "pkg+https://pkg.FreeBSD.org/FreeBSD:13:amd64/typo",
        "file:///does/not/exist",
    ],
)
def test_repositories_nobody_runs_are_unreachable(url):
    with pytest.raises(repositories.Unreachable):
        repositories.refresh(repositories.Repository("r", url, 0), force=False)


def test_catalogue_is_complete():
    """Every dependency, account and file that a package names is there."""
    records = {path.parent.name: json.loads(path.read_text()) for path in BUILT_IN}
    accounts = json.loads((DOUBLE / "packages/accounts.json").read_text())
    for folder, record in records.items():
        assert record["name"] == folder
        assert set(record.get("depends", [])) <= set(records)
        assert set(record.get("users", [])) <= set(accounts["users"])
        assert set(record.get("groups", [])) <= set(accounts["groups"])
        for variant in [record, *record.get("branches", {}).values()]:
            for target in variant.get("links", {}).values():
                if target.startswith("/.double/src/"):
                    assert (DOUBLE / target.removeprefix("/.double/src/")).exists(), target


@pytest.mark.parametrize(
    "script", sorted((DOUBLE / "packages").glob("*/root/usr/local/etc/rc.d/*")), ids=lambda path: path.name
)
def test_rc_scripts_are_executable_and_run_by_sh(script):
    assert script.stat().st_mode & 0o111
    assert script.read_text().startswith("#!/bin/sh\n")


REMOTE = {
    "name": "app",
    "version": "2.0",
    "remote": True,
    "url": "pkg+https://pkg.example.test/FreeBSD:15:amd64/latest",
}


@pytest.fixture
def half(tmp_path, monkeypatch):
    """(what says which packages a repository serves badly, what pkg said, the package cache)"""
    faults, cache, said = tmp_path / "faults", tmp_path / "cache", []
    faults.mkdir()
    monkeypatch.setattr(fetching, "CACHE", str(cache))
    monkeypatch.setattr(fetching, "fault_of", lambda name, _fault_of=fetching.fault_of: _fault_of(name, str(faults)))
    return faults, said, cache


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("missing", "https://pkg.example.test/FreeBSD:15:amd64/latest/All/app-2.0.pkg: Not Found"),
        (
            "short",
            "cached package app-2.0: missing or size mismatch, cannot continue\nConsider running 'pkg update -f'",
        ),
        ("damaged", "app-2.0 failed checksum from repository"),
    ],
)
def test_a_package_file_that_cannot_be_had(half, fault, words):
    """What was fetched before it stays for the next time."""
    faults, said, cache = half
    (faults / "app").write_text(fault)
    records = [{**REMOTE, "name": "lib"}, REMOTE]
    with pytest.raises(fetching.NotFetched) as raised:
        fetching.fetch(records, "", said.append)
    assert str(raised.value) == words
    assert [path.name for path in cache.iterdir()] == ["lib-2.0.pkg"]
    (faults / "app").unlink()
    del said[:]
    fetching.fetch(records, "", said.append)
    assert said == ["[1/1] Fetching app-2.0: .......... done"]
    fetching.fetch(records, "", said.append)
    assert len(said) == 1


def test_packages_on_this_machine_are_not_fetched(half):
    faults, said, cache = half
    (faults / "app").write_text("missing")
    fetching.fetch([{**REMOTE, "remote": False}], "", said.append)
    assert said == [] and not cache.exists()


@pytest.mark.parametrize(
    ("available", "installed", "found"),
    [
        (PACKAGES, {}, None),
        ({"app": PACKAGES["app"]}, {}, ("app", "lib")),
        ({"app": PACKAGES["app"]}, {"lib": PACKAGES["lib"]}, None),
        ({"top": {"depends": ["app"]}, "app": PACKAGES["app"]}, {}, ("app", "lib")),
        ({"app": {"depends": ["lib"]}, "lib": {"depends": ["app"]}}, {}, None),
    ],
)
def test_missing_dependencies(available, installed, found):
    name = next(iter(available))
    assert fetching.missing_dependency(name, available, installed) == found


def test_a_catalogue_that_names_what_it_does_not_have(half, tmp_path):
    faults, _said, _cache = half
    folder = tmp_path / "repository/app"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"name": "app", "version": "1", "depends": ["lib"]}))
    repository = repositories.Repository("r", f"file://{folder.parent}", 0)
    before = repositories._state(repository)
    (faults / "app").write_text("needs ghost")
    after = repositories._state(repository)
    assert repositories.read(repository, *after[1:])["app"]["depends"] == ["lib", "ghost"]
    assert before[0] != after[0]


class Installed:
    """A database of packages."""

    def __init__(self, *records):
        self.packages = {record["name"]: record for record in records}

    def required_by(self, name):
        return [other for other, record in self.packages.items() if name in record.get("depends", [])]


def package(name, version="1", depends=(), links=()):
    paths = {f"/usr/local/bin/{one}": "/elsewhere" for one in links}
    return {
        "name": name,
        "version": version,
        "depends": list(depends),
        "links": paths,
        "files": paths,
        "source": "/none",
    }


def test_of_two_packages_with_the_same_file_the_old_one_goes():
    """With what needs it and does not change, as pkg decides it about PostgreSQL's."""
    installed = Installed(
        package("driver", "1", ["client15"]),
        package("client15", links=["psql"]),
        package("server15", depends=["client15"], links=["postgres"]),
        package("other", links=["ls"]),
    )
    available = {
        "driver": package("driver", "2", ["client18"]),
        "client18": package("client18", links=["psql"]),
        "server18": package("server18", depends=["client18"], links=["postgres"]),
    }
    plan = jobs.plan_install(["driver"], available, installed, False)
    assert [record["name"] for record in plan.remove] == ["server15", "client15"]
    assert [record["name"] for record in plan.everything()] == ["client18", "driver"]
    # A driver that stays goes with the client it needs.
    plan = jobs.plan_install(["server18"], available, installed, False)
    assert sorted(record["name"] for record in plan.remove) == ["client15", "driver", "server15"]
    assert jobs.plan_install(["other"], {"other": package("other", links=["ls"])}, installed, False).remove == []
