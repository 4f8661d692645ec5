# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A homeserver gets its key and its secrets once, and never a second identity."""

from __future__ import annotations

import json
import os
import pwd
import sqlite3
import stat

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.modules import synapse_data

KEY = "ed25519 a_%s Hg1CxkDXzXTjyHrCWp0Lf7zFGsxcGrLdt2qBmK5hJ3Y\n"
SECRETS = {"macaroon_secret_key": "", "form_secret": "", "registration_shared_secret": "given-by-somebody"}


class Place:
    """Data, media and configuration of a homeserver, and an interpreter whose Synapse makes another key each time."""

    def __init__(self, top, capsys):
        self.top, self.capsys = top, capsys
        self.data = top / "data/matrix-synapse"
        self.key, self.identity = self.data / "signing.key", top / "etc/.identity"
        (top / "etc/homeserver.d").mkdir(parents=True)
        self.python = top / "python"
        self.python.write_text('#!/bin/sh\necho "{}"\n'.format((KEY % "$$").strip()))
        self.python.chmod(0o755)
        # A directory of root's alone would keep the user away from the interpreter.
        for parent in (top, *top.parents[:3]):
            if parent.owner() == pwd.getpwuid(os.getuid()).pw_name and str(parent).startswith("/tmp/"):
                parent.chmod(0o755)

    def run(self, check=False, **more):
        user = pwd.getpwuid(os.getuid()).pw_name
        arguments = {
            "path": str(self.data),
            "server_name": "example.org",
            "owner": user,
            "media": str(self.top / "data/media"),
            "secrets": SECRETS,
            "database": str(self.data / "homeserver.db"),
            "config": str(self.top / "etc/homeserver.d"),
            "identity": str(self.identity),
            "python": str(self.python),
            "directories": [
                {"path": str(self.data), "owner": user, "mode": "0750"},
                {"path": str(self.top / "data/media"), "owner": user, "mode": "0750"},
            ],
            "_ansible_check_mode": check,
            "_ansible_diff": True,
            "_ansible_remote_tmp": "/tmp",
            "_ansible_keep_remote_files": False,
            **more,
        }
        basic._ANSIBLE_ARGS = None
        with patch_module_args(arguments), pytest.raises(SystemExit):
            synapse_data.main()
        return json.loads(self.capsys.readouterr().out)

    def look(self):
        return {
            str(path): (path.lstat().st_mode, path.read_bytes() if path.is_file() else None)
            for path in sorted(self.top.rglob("*"))
        }


@pytest.fixture
def place(tmp_path, capsys):
    return Place(tmp_path, capsys)


def test_everything_is_made_once(place):
    before = place.look()
    predicted = place.run(check=True)
    assert predicted["changed"] and place.look() == before
    made = place.run()
    assert made["made"] == predicted["made"] and made["diff"] == predicted["diff"]
    assert place.key.read_text().startswith("ed25519 a_") and stat.S_IMODE(place.key.stat().st_mode) == 0o640
    secrets = {name: (place.data / "secrets" / name).read_text() for name in SECRETS}
    assert secrets["registration_shared_secret"] == "given-by-somebody\n" and len(set(secrets.values())) == 3
    after = place.look()
    again = place.run()
    assert not again["changed"] and again["made"] == [] and place.look() == after
    assert not place.run(check=True)["changed"]
    shown = json.dumps([made, predicted, again])
    assert not [text for text in (*secrets.values(), place.key.read_text()) if text.strip() in shown]
    assert place.key.read_text().split()[2] not in place.identity.read_text()


def test_the_files_of_a_directory_are_named(place):
    directory = place.top / "files"
    assert place.run(files=str(directory))["files"] == []
    (directory / "a/b").mkdir(parents=True)
    for name in ("one", "a/b/two"):
        (directory / name).write_text("x")
    (directory / "a/link").symlink_to(place.identity)
    (directory / "above").symlink_to(place.data)
    assert place.run(files=str(directory))["files"] == [str(directory / name) for name in ("a/b/two", "one")]
    assert place.run()["files"] == []


def test_what_is_there_is_never_replaced(place):
    place.run()
    key = place.key.read_text()
    assert not place.run(secrets={**SECRETS, "registration_shared_secret": "another"})["changed"]
    assert place.key.read_text() == key


def test_an_empty_secret_is_none(place):
    place.run()
    (place.data / "secrets/form_secret").write_text("")
    assert (
        place.run()["made"] == [str(place.data / "secrets/form_secret")]
        and (place.data / "secrets/form_secret").read_text().strip()
    )


def emptied(place):
    for path in sorted(place.data.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def not_there(place):
    emptied(place)
    place.data.rmdir()


def without_key(place):
    place.key.unlink()


def without_key_and_note(place):
    place.key.unlink()
    place.identity.unlink()


def with_database(place):
    without_key_and_note(place)
    sqlite3.connect(place.data / "homeserver.db").executescript("CREATE TABLE users (name TEXT)")


def with_media(place):
    without_key_and_note(place)
    (place.top / "data/media/local_content").mkdir()


def with_configuration(place):
    without_key_and_note(place)
    (place.top / "etc/homeserver.d/homeserver.yaml").write_text("server_name: example.org")


def other_key(place):
    place.key.write_text(KEY % "other")


def no_key(place):
    place.key.write_text("nothing of the kind\n")


def torn_note(place):
    place.identity.write_text("{")


@pytest.mark.parametrize(
    "lose, words",
    [
        (emptied, "has no signing key, but this homeserver has one (ed25519:a_"),
        (not_there, "has no signing key, but this homeserver has one (ed25519:a_"),
        (without_key, "has no signing key, but this homeserver has one (ed25519:a_"),
        (with_database, "there is a database of an earlier homeserver"),
        (with_media, "there is media of an earlier homeserver"),
        (with_configuration, "there is a configuration of an earlier homeserver"),
        (other_key, "holds the signing key ed25519:a_other, but this pot's homeserver has another one (ed25519:a_"),
        (no_key, "is no signing key"),
        (torn_note, "is not what was written into it"),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_a_homeserver_that_lost_its_key_gets_no_other(place, lose, words, check):
    place.run()
    lose(place)
    before = place.look()
    result = place.run(check=check)
    assert result["failed"] and result["part"] == "identity" and words in result["msg"] and not result["made"], result[
        "msg"
    ]
    assert place.look() == before


def test_a_run_that_was_cut_off_before_the_key_is_no_earlier_homeserver(place):
    place.run()
    without_key_and_note(place)
    assert place.run()["made"] == [str(place.key), str(place.identity)]


def test_a_key_beside_the_former_one_is_noted(place):
    place.run()
    place.key.write_text(place.key.read_text() + KEY % "new")
    assert place.run()["made"] == [str(place.identity)] and "a_new" in place.identity.read_text()


def test_a_deployment_that_has_no_note_yet_gets_one(place):
    place.run()
    place.identity.unlink()
    (place.top / "etc/homeserver.d/homeserver.yaml").write_text("server_name: example.org")
    assert place.run()["made"] == [str(place.identity)]


@pytest.mark.parametrize("forget", [lambda place: None, lambda place: (place.data / "server_name").unlink()])
def test_data_of_another_name_are_refused(place, forget):
    place.run()
    forget(place)
    before = place.look()
    result = place.run(server_name="other.example")
    assert (
        result["part"] == "name"
        and "holds the homeserver example.org, which cannot be renamed to other.example" in result["msg"]
    )
    assert place.look() == before


def test_the_name_is_asked_of_the_database_too(place):
    place.run()
    for path in (place.data / "server_name", place.identity):
        path.unlink()
    database = sqlite3.connect(place.data / "homeserver.db")
    database.executescript("CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('@alice:former.example')")
    assert "holds the homeserver former.example" in place.run()["msg"]


def test_a_database_that_cannot_be_read_is_no_empty_one(place):
    place.run()
    (place.data / "server_name").unlink()
    (place.data / "homeserver.db").write_text("not a database at all" * 100)
    result = place.run()
    assert result["part"] == "identity" and "cannot be read" in result["msg"]


def test_a_link_planted_in_the_data_is_not_followed(place):
    place.run()
    (place.top / "victim").mkdir()
    secrets = place.data / "secrets"
    for path in secrets.iterdir():
        path.unlink()
    secrets.rmdir()
    secrets.symlink_to(place.top / "victim")
    result = place.run()
    assert result["failed"] and os.listdir(place.top / "victim") == [], result


@pytest.mark.parametrize(
    "program, words",
    [("#!/bin/sh\necho no module >&2; exit 1\n", "no module"), ("#!/bin/sh\necho nonsense\n", "it said nothing")],
)
def test_a_key_that_is_none_is_not_kept(place, program, words):
    place.python.write_text(program)
    result = place.run()
    assert result["part"] == "program" and words in result["msg"] and not place.key.exists()


def test_which_database_has_the_data_is_remembered(place):
    place.run(engine="sqlite")
    mark = place.data / "database"
    assert not mark.exists()
    predicted = place.run(check=True, engine="postgresql", database="")
    assert predicted["made"] == [str(mark)] and not mark.exists()
    assert place.run(engine="postgresql", database="")["made"] == [str(mark)]
    assert mark.read_text() == "postgresql\n"
    assert not place.run(engine="postgresql", database="")["changed"]
    before = place.look()
    refused = place.run(engine="sqlite")
    assert refused["failed"] and refused["part"] == "database" and "no way back to sqlite" in refused["msg"]
    # Somebody else looks after it.
    assert not place.run(engine="", database="").get("failed")
    refused = place.run(engine="elsewhere")
    assert refused["part"] == "database" and "pg_dump and pg_restore" in refused["msg"]
    assert place.look() == before
    mark.unlink()
    assert place.run(engine="elsewhere", database="")["made"] == [str(mark)]
    assert mark.read_text() == "elsewhere\n"
    assert place.run(engine="postgresql", database="")["part"] == "database"


@pytest.mark.parametrize(
    "mounted, mountpoint, reason",
    [
        ("/", "data", "nothing is mounted there"),
        ("data", "nowhere", "nothing is mounted there"),
        ("etc", "etc", "they lie elsewhere"),
    ],
)
def test_nothing_is_made_where_nothing_is_mounted(place, monkeypatch, mounted, mountpoint, reason):
    (place.top / "data").mkdir()
    shown = f"Filesystem\nzroot/data 1 1 1 1% {place.top / mounted}\n"
    monkeypatch.setattr(Runner, "run", lambda self, argv, *more, **others: (0, shown, ""))
    before = place.look()
    result = place.run(mountpoint=str(place.top / mountpoint))
    assert (result["failed"], result["part"]) == (True, "mountpoint") and result["msg"].endswith(
        "to keep the data here"
    )
    assert f"{place.data} and {place.top}/data/media must lie on a file system mounted at " in result["msg"]
    assert reason in result["msg"] and place.look() == before
