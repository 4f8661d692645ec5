# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""file_set and rc_service together: what a service worked with comes back when it does not come up with something
else.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import stat

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import kept as kept_module
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import rc
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import rc_service as work
from ansible_collections.potluck.matrix.plugins.modules import file_set, rc_service
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_rc_service import Machine

OWNER, GROUP = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_module, "DIRECTORY", str(tmp_path / "kept"))
    return lambda name="demod": kept_module.Kept(name)


@pytest.fixture
def machine(tmp_path, monkeypatch, kept):
    machine = Machine(tmp_path)
    for name, value in (("SYSRC", "sysrc"), ("SERVICE", "service"), ("RUN", "")):
        monkeypatch.setattr(rc, name, str(tmp_path / value))
    monkeypatch.setattr(work, "SETTLE", 0)
    monkeypatch.setattr(work, "LOG_DELAY", 0)
    machine.set(services={"demod": {"pid": 77}}, conf={"/etc/rc.conf": {"demod_enable": "YES", "demod_args": "good"}})
    return machine


@pytest.fixture
def run(capsys):
    def run(module, check=False, **arguments):
        basic._ANSIBLE_ARGS = None
        more = {
            "_ansible_check_mode": check,
            "_ansible_diff": True,
            "_ansible_remote_tmp": "/tmp",
            "_ansible_keep_remote_files": False,
        }
        with patch_module_args({**arguments, **more}), pytest.raises(SystemExit):
            module.main()
        return json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def write(run, kept, tmp_path):
    """Write the service's file, keeping what it was."""

    def write(text, path=None, **more):
        entry = {
            "path": str(path or tmp_path / "demod.conf"),
            "content": text,
            "mode": "0640",
            "owner": OWNER,
            "group": GROUP,
            **more,
        }
        return run(file_set, files=[entry], keep="demod")

    return write


@pytest.fixture
def serve(run, kept):
    def serve(**arguments):
        return run(
            rc_service,
            **{
                "name": "demod",
                "state": "restarted",
                "enabled": True,
                "kept": "demod",
                "look_at": "demo_variable",
                **arguments,
            },
        )

    return serve


def broken(machine, **quirk):
    machine.set(services={"demod": {**machine.state["services"]["demod"], **quirk}})


def test_a_service_that_does_not_start_gets_file_variables_and_process_back(machine, write, serve, kept, tmp_path):
    conf = tmp_path / "demod.conf"
    conf.write_text("good")
    conf.chmod(0o600)
    os.utime(conf, ns=(10**18, 10**18))
    before = conf.stat()
    assert write("bad")["changed"] and kept().there
    broken(machine, bad_config=True, no_reload=True)
    result = serve(variables={"demod_args": "bad", "demod_new": "x"})
    assert result["failed"] and result["running"]
    assert "bad config" in result["msg"] and "(look at demo_variable)" in result["msg"]
    assert result["msg"].endswith("the former configuration is back, and the service runs with it")
    after = conf.stat()
    assert conf.read_text() == "good" and (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert machine.conf == {"demod_enable": "YES", "demod_args": "good"}
    assert machine.state["services"]["demod"]["pid"] == 77 and not kept().there


def test_one_that_ends_soon_after_its_start_is_started_with_the_former(machine, write, serve, tmp_path):
    (tmp_path / "demod.conf").write_text("good")
    write("bad")
    log = tmp_path / "log"
    log.write_text("Nov 28 23:18:55 host demod[4]: error of yesterday\n")
    service = tmp_path / "service"
    # It dies of what its file says, after having started, and tells the log.
    service.write_text(
        service.read_text().replace("def main():", "def unused():")
        + """
    pass

import subprocess
text = open({conf!r}).read()
state = json.loads(STATE.read_text())
if 'start' in sys.argv[2] and text == 'bad':
    with open({log!r}, 'a') as log:
        log.write('Nov 28 23:19:01 host demod[5]: error: no such thing as bad\\n')
        log.write('Nov 28 23:19:01 host other: noise\\n')
    state['services']['demod'].update(pid=None, dying=True)
    state['calls'].append(['started'])
    finish(state, 0, 'Starting demod.\\n')
if state['services']['demod'].pop('dying', None):
    finish(state, 0, 'demod is running as pid 88.\\n')
state['calls'].append(['service'] + sys.argv[1:])
state['environment'] = {{}}
service(state, sys.argv[1:])
""".format(conf=str(tmp_path / "demod.conf"), log=str(log))
    )
    service.write_text(service.read_text().replace('if __name__ == "__main__":\n    main()\n', ""))
    result = serve(log=str(log), log_pattern="demod.*error")
    assert "ended soon after its start, it says: demod[5]: error: no such thing as bad" in result["msg"], result
    assert "yesterday" not in result["msg"] and "noise" not in result["msg"]
    assert (tmp_path / "demod.conf").read_text() == "good" and machine.state["services"]["demod"]["pid"]


def test_a_failed_proof_is_a_failure(machine, write, serve, tmp_path):
    (tmp_path / "demod.conf").write_text("good")
    write("bad")
    proof = [{"name": "It answers", "variable": "demo_port", "kind": "file", "target": str(tmp_path / "answer")}]
    result = serve(proof=proof, proof_timeout=0)
    assert "runs, but: It answers: no, %s is missing (look at demo_port)" % (tmp_path / "answer") in result["msg"]
    assert (tmp_path / "demod.conf").read_text() == "good"
    (tmp_path / "answer").touch()
    write("better")
    assert serve(proof=proof)["changed"] and (tmp_path / "demod.conf").read_text() == "better"


def test_what_proved_itself_is_kept_no_longer(machine, write, serve, kept, tmp_path):
    (tmp_path / "demod.conf").write_text("good")
    write("better")
    assert not serve().get("failed") and not kept().there
    broken(machine, bad_config=True)
    result = serve()
    assert result["failed"] and "former" not in result["msg"] and (tmp_path / "demod.conf").read_text() == "better"


def test_what_worked_is_what_was_kept_first(machine, write, serve, tmp_path):
    """A run that was cut off wrote its file; the next one wants another that is no better."""
    (tmp_path / "demod.conf").write_text("good")
    write("bad")
    write("worse")
    broken(machine, bad_config=True, no_reload=True)
    assert serve()["failed"] and (tmp_path / "demod.conf").read_text() == "good"


def test_a_service_that_did_not_run_is_left_stopped_and_its_new_file_removed(machine, write, serve, tmp_path):
    machine.set(services={"demod": {"precmd_fails": True}}, conf={"/etc/rc.conf": {}})
    write("bad")
    result = serve(state="started")
    assert "is stopped, as it was before" in result["msg"] and not result["running"]
    assert not (tmp_path / "demod.conf").exists() and machine.conf == {}


def test_check_mode_keeps_and_proves_nothing(machine, run, kept, tmp_path):
    (tmp_path / "demod.conf").write_text("good")
    entry = {"path": str(tmp_path / "demod.conf"), "content": "bad", "mode": "0640", "owner": OWNER, "group": GROUP}
    assert run(file_set, check=True, files=[entry], keep="demod")["changed"] and not kept().there
    result = run(
        rc_service,
        check=True,
        name="demod",
        state="restarted",
        kept="demod",
        proof=[{"name": "x", "kind": "file", "target": "/no/such"}],
    )
    assert result["changed"] and not kept().there


def test_a_set_is_had_whole_or_not_at_all(run, kept, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("old")
    entries = [
        {"path": str(first), "content": "new", "mode": "0644", "owner": OWNER, "group": GROUP},
        {"path": str(second), "content": "new", "mode": "0644", "owner": OWNER, "group": GROUP, "validate": "false %s"},
    ]
    result = run(file_set, files=entries, keep="demod")
    assert (
        result["failed"]
        and result["changed_paths"] == []
        and first.read_text() == "old"
        and not second.exists()
        and not kept().there
    )


def test_what_is_kept_is_roots_alone(write, tmp_path):
    (tmp_path / "demod.conf").write_text("secret")
    write("other")
    assert [stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("kept", "kept/demod.json")] == [0o700, 0o600]


def test_a_name_that_leads_elsewhere_is_refused(run):
    assert "cannot be the name" in run(file_set, files=[], keep="../etc")["msg"]
    assert "cannot be the name" in run(rc_service, name="demod", kept="../etc")["msg"]


def test_passwords_of_a_proof_are_told_nowhere_and_blot_nothing_out(machine, serve):
    proof = [
        {"name": "One", "kind": "http", "target": "http://127.0.0.1:1/", "user": "x", "password": "e"},
        {"name": "Two", "kind": "http", "target": "http://127.0.0.1:1/", "user": "x", "password": "long-password"},
    ]
    result = serve(proof=proof, proof_timeout=0)
    assert "service demod runs, but: One: no" in result["msg"]
    assert "long-password" not in json.dumps(result) and {
        check["password"] for check in result["invocation"]["module_args"]["proof"]
    } == {"(hidden)"}


TREES = st.dictionaries(
    st.sampled_from(["a", "b", "d/c", "d/e/f"]),
    st.tuples(st.binary(max_size=30), st.sampled_from([0o600, 0o644])),
    max_size=4,
)


def look(place):
    return {
        str(path.relative_to(place)): (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        for path in place.rglob("*")
        if path.is_file()
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=TREES, after=TREES)
def test_any_tree_comes_back(kept, tmp_path_factory, before, after):
    place = tmp_path_factory.mktemp("tree")

    def make(tree):
        for name, (content, mode) in tree.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
            (place / name).chmod(mode)

    make(before)
    mine = kept()
    mine.forget()
    for name in ("a", "b", "d"):
        mine.keep(str(place / name))
    for name in set(before) - set(after):
        (place / name).unlink()
    make(after)
    # What somebody else has put into a directory is not known, and stays.
    new = {name for name in after if name not in before and name.startswith("d/")}
    kept().put_back()
    assert {name: found for name, found in look(place).items() if name not in new} == before
