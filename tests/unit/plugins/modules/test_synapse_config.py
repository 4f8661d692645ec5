# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that are tried, put in place and taken back, with a Synapse that is a dictionary."""

from __future__ import annotations

import errno
import grp
import json
import os
import pwd
import stat
import time

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import rc
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._synapse import files as synapse_files
from ansible_collections.potluck.matrix.plugins.module_utils._synapse import start
from ansible_collections.potluck.matrix.plugins.module_utils._synapse.trial_run import Trial
from ansible_collections.potluck.matrix.plugins.modules import synapse_config

OWNER = pwd.getpwuid(os.getuid()).pw_name
GROUP = grp.getgrgid(os.getgid()).gr_name


class Killed(BaseException):
    """The run ends here, without a chance to say or do anything."""


class Synapse:
    """A homeserver that comes up unless a file holds a word: C(unseen) is bad at a start only, C(bad) is seen by a
    trial, C(kill) ends the run."""

    def __init__(self, place, config):
        self.place, self.config = place, config
        self.pid_file = place / "pid"
        self.number, self.running, self.read, self.starts = 1, True, None, 0
        self.start()

    def texts(self):
        return {path.name: path.read_text() for path in sorted(self.config.iterdir())}

    def start(self):
        texts = self.texts()
        if any("kill" in text for text in texts.values()):
            raise Killed
        self.starts += 1
        if any("unseen" in text for text in texts.values()):
            raise Sentence("Synapse ended at its start: RuntimeError: unseen", "start")
        self.number, self.running, self.read = self.number + 1, True, texts
        self.pid_file.write_text(str(self.number))
        # As if it had been started after the files were written, whatever the clock's grain is.
        later = time.time() + 1
        os.utime(self.pid_file, (later, later))

    def stop(self):
        self.running = False

    def status(self):
        return (
            rc.Status(0, "synapse is running as pid %d." % self.number, "")
            if self.running
            else rc.Status(1, "synapse is not running.", "")
        )

    def await_answer(self, dummy):
        if not self.running:
            raise Sentence("Synapse ended at its start", "start")


class Place:
    def __init__(self, top, monkeypatch, capsys):
        self.top, self.capsys = top, capsys
        self.config, self.journal = top / "etc/homeserver.d", top / "etc/.before"
        self.config.mkdir(parents=True)
        (self.config / "homeserver.yaml").write_text("former\n")
        self.synapse = Synapse(top, self.config)
        monkeypatch.setattr(start, "Homeserver", lambda *dummy: self.synapse)
        monkeypatch.setattr(Trial, "run", self.try_it)
        self.trials = []

    def try_it(self, running):
        """What is tried are the wanted files; a trial changes nothing."""
        self.trials.append(running)
        if self.bad:
            raise Sentence("it is bad", "configuration")

    def run(self, *texts, check=False, **more):
        """Run with texts of homeserver.yaml and email.yaml; None for a file that is not wanted."""
        self.bad = any(text and "bad" in text for text in texts)
        files = [
            {
                "path": str(self.config / name),
                "owner": OWNER,
                "group": GROUP,
                **({"state": "absent"} if text is None else {"mode": "0640", kind: text}),
            }
            for name, kind, text in zip(("homeserver.yaml", "email.yaml"), ("content", "secret"), texts)
        ]
        arguments = {
            "files": files,
            "config": str(self.config),
            "journal": str(self.journal),
            "watch": [str(self.top / "etc")],
            "pid_file": str(self.synapse.pid_file),
            "log": str(self.top / "log"),
            **more,
            "_ansible_check_mode": check,
            "_ansible_diff": True,
            "_ansible_remote_tmp": "/tmp",
            "_ansible_keep_remote_files": False,
        }
        basic._ANSIBLE_ARGS = None
        with patch_module_args(arguments), pytest.raises((SystemExit, Killed)) as ended:
            synapse_config.main()
        return None if ended.type is Killed else json.loads(self.capsys.readouterr().out)


@pytest.fixture
def place(tmp_path, monkeypatch, capsys):
    place = Place(tmp_path, monkeypatch, capsys)
    place.run("former\n")
    return place


def test_good_files_are_put_in_place_and_read(place):
    number = place.synapse.number
    predicted = place.run("other\n", "word", check=True)
    assert (
        predicted["changed"]
        and predicted["restarted"]
        and place.synapse.number == number
        and place.synapse.texts() == {"homeserver.yaml": "former\n"}
    )
    result = place.run("other\n", "word")
    assert (
        result["changed_paths"]
        == predicted["changed_paths"]
        == [str(place.config / name) for name in ("homeserver.yaml", "email.yaml")]
    )
    assert result["diff"] == predicted["diff"] and "word" not in json.dumps(result)
    assert place.synapse.read == {"homeserver.yaml": "other\n", "email.yaml": "word"} and not place.journal.exists()
    assert stat.S_IMODE((place.config / "email.yaml").stat().st_mode) == 0o640
    assert not place.run("other\n", "word")["changed"] and not place.run("other\n", "word", check=True)["changed"]
    assert place.run("other\n", None)["changed_paths"] == [str(place.config / "email.yaml")] and place.synapse.read == {
        "homeserver.yaml": "other\n"
    }


def test_a_refused_trial_changes_nothing(place):
    number = place.synapse.number
    result = place.run("bad\n", "bad")
    assert result["failed"] and result["part"] == "configuration" and "it is bad; nothing was changed" in result["msg"]
    assert (
        place.synapse.number == number
        and place.synapse.running
        and place.synapse.texts() == {"homeserver.yaml": "former\n"}
    )
    assert not place.run("former\n")["changed"]


def test_what_does_not_come_up_is_taken_back(place):
    result = place.run("unseen\n", "word")
    assert result["part"] == "start" and result["changed_paths"] == []
    assert "RuntimeError: unseen; the files are as they were, and Synapse runs with the former files" in result["msg"]
    assert (
        place.synapse.read == place.synapse.texts() == {"homeserver.yaml": "former\n"}
        and place.synapse.running
        and not place.journal.exists()
    )
    assert not place.run("former\n")["changed"]


def test_a_first_start_that_fails_leaves_nothing(place):
    place.synapse.stop()
    (place.config / "homeserver.yaml").unlink()
    result = place.run("unseen\n")
    assert (
        "Synapse does not run, as before" in result["msg"]
        and place.synapse.texts() == {}
        and not place.journal.exists()
    )
    assert place.run("good\n")["changed"] and place.synapse.read == {"homeserver.yaml": "good\n"}


def test_the_former_files_may_not_work_either(place):
    (place.config / "custom.yaml").write_text("unseen")
    result = place.run("other\n")
    assert "Synapse does not come up with the former files either" in result["msg"]
    (place.config / "custom.yaml").unlink()
    assert place.run("other\n")["healed"] and place.synapse.read == {"homeserver.yaml": "other\n"}
    assert not place.run("other\n")["changed"]


@pytest.mark.parametrize("after, healed_by", [("other\n", "other\n"), ("former\n", "former\n")])
def test_a_run_that_was_killed_is_healed_by_the_next(place, after, healed_by):
    assert place.run("kill\n", "word") is None
    assert place.journal.exists() and stat.S_IMODE(place.journal.stat().st_mode) == 0o600 and not place.synapse.running
    assert place.run(after, None, check=True)["changed"]
    result = place.run(after, None)
    assert result["healed"] and result["restarted"] and place.synapse.read == {"homeserver.yaml": healed_by}
    assert not place.journal.exists() and not place.run(after, None)["changed"]


def test_a_killed_run_is_healed_even_by_one_that_brings_something_bad(place):
    assert place.run("kill\n") is None
    result = place.run("bad\n")
    assert "it is bad; an earlier run was cut off, Synapse runs with the former files" in result["msg"]
    assert place.synapse.read == {"homeserver.yaml": "former\n"} and not place.journal.exists()
    assert not place.run("former\n")["changed"]


@pytest.mark.parametrize("days", [0, 3])
def test_files_of_somebody_else_that_are_newer_are_read_once(place, days):
    """Also those that a wrong clock has dated."""
    (place.config / "custom.yaml").write_text("mine")
    later = time.time() + 100 + days * 86400
    os.utime(place.config / "custom.yaml", (later, later))
    assert place.run("former\n")["restarted"] and place.synapse.read["custom.yaml"] == "mine"
    assert not place.run("former\n")["changed"]


def test_a_disk_that_is_full_changes_nothing(place, monkeypatch):
    def full(*dummy, **more):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    number = place.synapse.number
    with monkeypatch.context() as filled:
        filled.setattr(synapse_files, "put", full)
        result = place.run("other\n")
    assert result["failed"] and result["part"] == "files" and "No space left on device" in result["msg"]
    assert place.synapse.number == number and place.synapse.texts() == {"homeserver.yaml": "former\n"}
    assert place.run("other\n")["changed"]


def test_files_whose_names_begin_with_a_dot_do_not_count(place):
    path = place.config.parent / ".identity"
    path.write_text("x")
    later = time.time() + 100
    os.utime(path, (later, later))
    assert not place.run("former\n")["changed"]


def test_a_restart_that_is_asked_for_takes_nothing_back(place):
    (place.config / "custom.yaml").write_text("unseen")
    result = place.run("former\n", restart=True)
    assert result["part"] == "start" and "former files" not in result["msg"] and not place.journal.exists()


@pytest.mark.parametrize("name", ["homeserver.yaml", "email.yaml"])
def test_a_link_is_refused(place, name):
    (place.top / "victim").write_text("root")
    (place.config / name).unlink(missing_ok=True)
    (place.config / name).symlink_to(place.top / "victim")
    result = place.run("other\n", "word")
    assert (
        result["part"] == "files"
        and "links are not followed" in result["msg"]
        and (place.top / "victim").read_text() == "root"
    )


def test_a_trial_sees_the_wanted_files_with_their_own_names(tmp_path, monkeypatch):
    config = tmp_path / "etc/homeserver.d"
    config.mkdir(parents=True)
    (config / "custom.yaml").write_text("kept")
    (config / "email.yaml").write_text("to go")
    log = tmp_path / "etc/log.yaml"
    program = tmp_path / "python"
    # Says what it was given, in place of a Synapse.
    program.write_text(
        '#!/bin/sh\nshift 5\ncd "$1" && printf \'{"part": "logging", "reason": "%s"}\' "$(ls | tr "\\n" " ") $(cat '
        'homeserver.yaml) $(cat ../log.yaml)"\n'
    )
    program.chmod(0o755)
    entries = [
        {
            "path": str(config / "homeserver.yaml"),
            # The second path only begins like that of a file of the trial.
            "content": f"log_config: {log} {log}.d",
            "secret": None,
            "state": "present",
        },
        {"path": str(config / "email.yaml"), "content": None, "secret": None, "state": "absent"},
        {"path": str(log), "content": "the new log", "secret": None, "state": "present"},
    ]
    files = [synapse_files.File({"owner": OWNER, "group": GROUP, "mode": "0644", **entry}, False) for entry in entries]
    trial = Trial({"config": str(config), "user": OWNER, "python": str(program), "log": "/var/log/x/y.log"}, files)
    with pytest.raises(Sentence) as refusal:
        trial.run(False)
    assert refusal.value.part == "logging"
    assert str(refusal.value) == f"custom.yaml homeserver.yaml  log_config: {log} {log}.d the new log"
    assert sorted(os.listdir(tmp_path / "etc")) == ["homeserver.d"] and sorted(os.listdir(config)) == [
        "custom.yaml",
        "email.yaml",
    ]


def test_what_the_controller_has_not_read_is_refused(place):
    before = len(place.trials)
    result = place.run(files=[{"path": "/a", "mode": "0640", "secret_source": "key"}])
    assert result["failed"] and result["msg"].startswith("/a: secret_source is read on the controller")
    assert len(place.trials) == before
