# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files and directories as they should be, in one call, and nothing of a secret in what it tells."""

from __future__ import annotations

import grp
import json
import os
import pwd
import stat

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.modules import file_set

OWNER = pwd.getpwuid(os.getuid()).pw_name
GROUP = grp.getgrgid(os.getgid()).gr_name


@pytest.fixture
def run(capsys):
    def run(*files, check=False, **more):
        entries = [{"owner": OWNER, "group": GROUP, **entry} for entry in files]
        arguments = {
            "files": entries,
            **more,
            "_ansible_check_mode": check,
            "_ansible_diff": True,
            "_ansible_remote_tmp": "/tmp",
            "_ansible_keep_remote_files": False,
        }
        basic._ANSIBLE_ARGS = None
        with patch_module_args(arguments), pytest.raises(SystemExit):
            file_set.main()
        return json.loads(capsys.readouterr().out)

    return run


def test_files_and_directories_are_made_once(run, tmp_path):
    wanted = [
        {"path": str(tmp_path / "a"), "state": "directory", "mode": "0750"},
        {"path": str(tmp_path / "a/b"), "content": "text\n", "mode": "0640"},
    ]
    assert run(*wanted, check=True)["changed"] and not (tmp_path / "a").exists()
    assert run(*wanted)["changed_paths"] == [str(tmp_path / "a"), str(tmp_path / "a/b")]
    assert (tmp_path / "a/b").read_text() == "text\n"
    assert [stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("a", "a/b")] == [0o750, 0o640]
    assert not run(*wanted)["changed"]
    assert os.listdir(tmp_path / "a") == ["b"]


def test_what_is_remembered_is_what_was_there(run, tmp_path):
    path = tmp_path / "file"
    wanted = {"path": str(path), "content": "new\n", "mode": "0644"}
    assert run(wanted, remember=[str(path)])["remembered"] == {}
    path.write_text("old\n")
    assert run(wanted, remember=[str(path)], check=True)["remembered"] == {str(path): "old\n"}
    assert run(wanted, remember=[str(path)])["remembered"] == {str(path): "old\n"}
    assert run(wanted, remember=[str(path)])["remembered"] == {str(path): "new\n"}
    assert "has to be a file" in run(wanted, remember=[str(tmp_path)])["msg"]


def test_a_mode_alone_is_a_change(run, tmp_path):
    path = tmp_path / "file"
    path.write_text("x")
    path.chmod(0o644)
    result = run({"path": str(path), "content": "x", "mode": "0600"})
    assert result["changed_paths"] == [str(path)] and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "0644" in result["diff"][0]["before"] and "0600" in result["diff"][0]["after"]


def test_no_secret_is_told(run, tmp_path):
    path = tmp_path / "secret"
    path.write_text("first-secret-word\n")
    result = run({"path": str(path), "secret": "second-secret-word\n", "mode": "0600"})
    assert result["changed"] and path.read_text() == "second-secret-word\n"
    assert "secret-word" not in json.dumps(result)


def test_a_file_that_is_refused_does_not_replace_the_old_one(run, tmp_path):
    path = tmp_path / "f.json"
    path.write_text("old")
    result = run({"path": str(path), "content": "new", "mode": "0644", "validate": "grep -q other %s"})
    assert result["failed"] and "stays as it was" in result["msg"]
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["f.json"]
    # The name tells the format.
    assert not run(
        {
            "path": str(path),
            "content": "new",
            "mode": "0644",
            "validate": "/bin/sh -c 'case $0 in *.json) ;; *) exit 1 ;; esac' %s",
        }
    ).get("failed")


def test_absent_removes_what_is_there(run, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/f").write_text("x")
    assert run({"path": str(tmp_path / "d"), "state": "absent"})["changed"]
    assert not (tmp_path / "d").exists()
    assert not run({"path": str(tmp_path / "d"), "state": "absent"})["changed"]


@pytest.mark.parametrize("state", ["file", "directory"])
def test_links_are_refused(run, tmp_path, state):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    text = {"content": "x"} if state == "file" else {}
    result = run({"path": str(tmp_path / "link"), "state": state, "mode": "0755", **text})
    assert result["failed"] and "symbolic link" in result["msg"]
    result = run({"path": str(tmp_path / "link/file"), "content": "x", "mode": "0755"})
    assert result["failed"] and not list((tmp_path / "real").iterdir())


def test_a_slash_behind_a_name_changes_nothing(run, tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    result = run({"path": str(tmp_path / "link") + "/", "state": "directory", "mode": "0777"})
    assert result["failed"] and "symbolic link" in result["msg"]
    wanted = {"path": str(tmp_path / "new") + "/", "state": "directory", "mode": "0750"}
    assert run(wanted)["changed"] and not run(wanted)["changed"]


@pytest.mark.parametrize("mode", ["u=rw", "rw-r--r--", "999", "8", ""])
def test_a_mode_that_is_not_octal_is_refused(run, tmp_path, mode):
    result = run({"path": str(tmp_path / "f"), "content": "x", "mode": mode})
    assert result["failed"] and "not octal digits" in result["msg"] and os.listdir(tmp_path) == []


def test_a_mode_without_quotes_is_the_number_that_yaml_made_of_it(run, tmp_path):
    run({"path": str(tmp_path / "f"), "content": "x", "mode": 0o644})
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o644


def test_validation_in_a_directory_with_a_blank(run, tmp_path):
    (tmp_path / "a b").mkdir()
    result = run(
        {"path": str(tmp_path / "a b" / "f"), "content": "right", "mode": "0600", "validate": "grep -q right %s"}
    )
    assert result["changed"], result


def test_an_owner_that_does_not_exist_is_an_error_or_a_change_to_come(run, tmp_path):
    wanted = {"path": str(tmp_path / "f"), "content": "x", "mode": "0600", "owner": "nobody-like-that"}
    assert run(wanted, check=True)["changed"]
    result = run(wanted)
    assert result["failed"] and "nobody-like-that" in result["msg"]


def test_mode_and_text_are_required(run, tmp_path):
    assert "mode is required" in run({"path": str(tmp_path / "f"), "content": "x"})["msg"]
    assert "content or secret is required" in run({"path": str(tmp_path / "f"), "mode": "0600"})["msg"]


def test_what_is_only_looked_for_stays(run, tmp_path):
    there = tmp_path / "there"
    there.write_text("x")
    result = run(
        {"path": str(tmp_path / "made"), "content": "x", "mode": "0600"}, look_for=[str(there), str(tmp_path / "made")]
    )
    assert result["found"] == [str(there)]
    assert there.read_text() == "x" and result["changed_paths"] == [str(tmp_path / "made")]


def test_what_a_killed_run_leaves_is_not_where_services_read_and_is_replaced(run, tmp_path, monkeypatch):
    directory = tmp_path / "conf.d"
    directory.mkdir()
    wanted = {"path": str(directory / "a.json"), "secret": "secret-word", "mode": "0640", "validate": "true %s"}

    def killed(self, *_arguments, **_more):
        os._exit(9)

    with monkeypatch.context() as patch:
        patch.setattr(Runner, "run", killed)
        child = os.fork()
        if not child:
            run(wanted)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert os.listdir(directory) == []
    (left,) = [path for path in tmp_path.iterdir() if path != directory]
    assert left.suffix == ".json" and stat.S_IMODE(left.stat().st_mode) == 0o600
    assert run(wanted)["changed"]
    assert os.listdir(directory) == ["a.json"] and os.listdir(tmp_path) == ["conf.d"]


@pytest.mark.parametrize(
    "key, value", [("template", "a.j2"), ("secret_source", "key"), ("wanted", False), ("only_if", False)]
)
def test_what_the_controller_has_not_read_is_refused(run, tmp_path, key, value):
    result = run({"path": str(tmp_path / "f"), "mode": "0600", key: value})
    assert result["failed"] and result["msg"].startswith(f"{tmp_path}/f: {key} is read on the controller")
    assert os.listdir(tmp_path) == []


def test_a_secret_is_generated_once(run, tmp_path):
    path = tmp_path / "secret"
    wanted = {"path": str(path), "state": "generated", "mode": "0640"}
    assert run(wanted, check=True)["changed"] and not path.exists()
    made = run(wanted)
    secret = path.read_text()
    assert made["changed"] and len(secret.strip()) == 64 and secret.strip() not in json.dumps(made)
    assert not run(wanted)["changed"] and path.read_text() == secret
    assert run({**wanted, "mode": "0600"})["changed"]
    assert path.read_text() == secret and stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("\n")
    assert run(wanted)["changed"] and len(path.read_text().strip()) == 64 and path.read_text() != secret


def test_what_is_no_file_does_not_become_a_secret(run, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "directory").mkdir()
    for name, words in (("link", "is a symbolic link"), ("directory", "has to be a file")):
        done = run({"path": str(tmp_path / name), "state": "generated", "mode": "0640"})
        assert done["failed"] and words in done["msg"]
    assert not (tmp_path / "elsewhere").exists()


def test_a_configuration_is_filled_with_what_a_file_says(run, tmp_path):
    secret, conf = tmp_path / "secret", tmp_path / "conf"
    entries = [
        {"path": str(secret), "state": "generated", "mode": "0640"},
        {"path": str(conf), "secret": "key=@KEY@\n", "fills": {"@KEY@": str(secret)}, "mode": "0640"},
    ]
    assert run(*entries, check=True)["changed_paths"] == [str(secret), str(conf)]
    done = run(*entries)
    word = secret.read_text().strip()
    assert conf.read_text() == f"key={word}\n" and word not in json.dumps(done)
    assert not run(*entries)["changed"] and not run(*entries, check=True)["changed"]
    for text, words in (("", "holds nothing"), ("a\nb\n", "holds more than one line")):
        secret.write_text(text)
        done = run(entries[1])
        assert done["failed"] and words in done["msg"] and conf.read_text() == f"key={word}\n"
