# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import rc
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.rc_service import ServiceRun
from ansible_collections.potluck.matrix.plugins.modules import rc_service
from hypothesis import given
from hypothesis import strategies as st

CAPTURES = pathlib.Path(__file__).parents[3] / "contract" / "captures"


class Machine:
    """The stand-in commands of fake_rc.py and their state."""

    def __init__(self, path):
        self.path = path / "state.json"
        self.path.write_text(json.dumps({"conf": {}, "defaults": {}, "services": {}, "calls": []}))
        script = pathlib.Path(__file__).with_name("fake_rc.py").read_text()
        for name in ("sysrc", "service"):
            (path / name).write_text(f"#!{sys.executable} -I\n{script}")
            (path / name).chmod(0o755)

    @property
    def state(self):
        return json.loads(self.path.read_text())

    def set(self, **parts):
        self.path.write_text(json.dumps({**self.state, **parts}))

    @property
    def conf(self):
        return self.state["conf"].get("/etc/rc.conf", {})

    def calls(self):
        calls = [" ".join(call) for call in self.state["calls"]]
        self.set(calls=[])
        return calls


@pytest.fixture
def machine(tmp_path, monkeypatch):
    machine = Machine(tmp_path)
    monkeypatch.setattr(rc, "SYSRC", str(tmp_path / "sysrc"))
    monkeypatch.setattr(rc, "SERVICE", str(tmp_path / "service"))
    monkeypatch.setattr(rc, "RUN", str(tmp_path))
    machine.set(services={"demod": {}})
    return machine


@pytest.fixture
def module(machine, capsys):
    """Run the module and return what it printed; check and diff are the modes of that name."""

    def run(check=False, **arguments):
        arguments.setdefault("name", "demod")
        more = {"_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args({**arguments, **more}), pytest.raises(SystemExit):
            rc_service.main()
        return json.loads(capsys.readouterr().out)

    return run


# The whole, twice

ALL = {
    "enabled": True,
    "state": "started",
    "variables": {"demo_args": "--one two", "demo_number": 7, "demo_bool": True},
}


def test_everything_in_one_call_and_nothing_in_the_next(module, machine):
    result = module(**ALL)
    assert result["changed"] and result["running"] and result["state"] == "started" and result["pid"] == 5007
    assert machine.conf == {"demod_enable": "YES", "demo_args": "--one two", "demo_number": "7", "demo_bool": "YES"}
    assert result["actions"] == ["set demo_args", "set demo_bool", "set demo_number", "set demod_enable", "start demod"]
    assert result["diff"] == {
        "before": {"demo_args": None, "demo_bool": None, "demo_number": None, "demod_enable": None, "state": "stopped"},
        "after": {
            "demo_args": "--one two",
            "demo_bool": "YES",
            "demo_number": "7",
            "demod_enable": "YES",
            "state": "started",
        },
    }
    machine.calls()
    again = module(**ALL)
    assert not again["changed"] and again["actions"] == [] and again["diff"]["before"] == again["diff"]["after"]
    assert machine.calls() == ["service demod onestatus", "sysrc -i demo_args demo_bool demo_number demod_enable"]


def test_check_mode_foretells_what_the_run_does(module, machine):
    foretold = module(check=True, **ALL)
    assert machine.conf == {} and "pid" not in machine.state["services"]["demod"]
    done = module(**ALL)
    for key in ("changed", "actions", "variables", "running", "state", "diff"):
        assert foretold[key] == done[key]
    assert foretold["pid"] is None


def test_in_place_of_another_service(module, machine):
    machine.set(
        services={"demod": {}, "other": {"pid": 77}},
        conf={"/etc/rc.conf": {"other_enable": "YES"}},
    )
    foretold = module(check=True, instead_of="other", **ALL)
    machine.calls()
    done = module(instead_of="other", **ALL)
    assert foretold["actions"] == done["actions"] and foretold["diff"] == done["diff"]
    assert done["actions"][:2] == ["set other_enable", "stop other"] and done["actions"][-1] == "start demod"
    assert done["diff"]["before"]["other"] == {"other_enable": "YES", "state": "started"}
    assert done["diff"]["after"]["other"] == {"other_enable": "NO", "state": "stopped"}
    calls = machine.calls()
    assert calls.index("service other onestop") < calls.index("service demod onestart")
    assert machine.state["services"]["other"]["pid"] is None and machine.conf["other_enable"] == "NO"
    again = module(instead_of="other", **ALL)
    assert not again["changed"] and again["actions"] == []


def test_the_other_service_that_cannot_be_stopped_keeps_this_one_from_running(module, machine):
    assert module(instead_of="nothing", **ALL)["msg"] == "there is no service nothing"
    assert machine.state["services"]["demod"].get("pid") is None


# Variables


def test_only_differing_variables_are_written(module, machine):
    machine.set(conf={"/etc/rc.conf": {"a": "1", "b": "2"}})
    result = module(variables={"a": "1", "b": "x y"})
    assert result["variables"] == {"before": {"a": "1", "b": "2"}, "after": {"a": "1", "b": "x y"}}
    assert "sysrc b=x y" in machine.calls()
    assert "running" not in result


def test_a_default_counts(module, machine):
    machine.set(defaults={"demod_enable": "YES", "syslogd_flags": "-s"})
    assert not module(enabled=True, variables={"syslogd_flags": "-s"})["changed"]


def test_removal(module, machine):
    machine.set(conf={"/etc/rc.conf": {"a": "1", "b": "2"}}, defaults={"b": "0", "c": "3"})
    foretold = module(check=True, variables={"a": None}, variables_absent=["b", "c", "d"])
    result = module(variables={"a": None}, variables_absent=["b", "c", "d"])
    assert foretold["actions"] == result["actions"] == ["remove a", "remove b"]
    assert machine.conf == {}
    assert result["variables"]["after"] == {"a": None, "b": "0", "c": "3", "d": None}
    assert not module(variables={"a": None}, variables_absent=["b", "c", "d"])["changed"]


def test_another_file(module, machine):
    module(file="/etc/periodic.conf", variables={"a": "1"})
    assert machine.state["conf"]["/etc/periodic.conf"] == {"a": "1"} and not machine.conf


@pytest.mark.parametrize("value", ['a "b"', "a $b", "a `b`", "back\\slash", "two\nlines", "nul\0", "bell\a"])
def test_values_that_rc_conf_cannot_carry(module, machine, value):
    result = module(variables={"a": value})
    assert result["failed"] and "the value of a contains" in result["msg"]
    assert machine.state["calls"] == []


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"variables": {"a b": "1"}}, "'a b' cannot be the name of an rc.conf variable"),
        ({"variables": {"a": ["1"]}}, "neither a text nor a number"),
        ({"variables": {"a": "1"}, "variables_absent": ["a"]}, "a cannot be set and absent at once"),
        ({"enabled": True, "variables": {"demod_enable": "YES"}}, "demod_enable is set by the option enabled"),
        ({"name": "../x"}, "cannot be the name of a service"),
    ],
)
def test_arguments_that_make_no_sense(module, machine, arguments, message):
    result = module(**arguments)
    assert result["failed"] and message in result["msg"]


def test_a_write_that_does_not_stick(module, machine):
    machine.set(read_only=True)
    result = module(variables={"a": "1"})
    assert result["failed"] and result["msg"] == "sysrc did not set a: a:  -> 1"


def test_a_broken_rc_conf(module, machine):
    machine.set(syntax_error=True)
    result = module(variables={"a": "1"})
    assert result["failed"] and "Unterminated quoted string" in result["msg"]


# Enabled


def test_enabled_and_disabled(module, machine):
    assert module(enabled=True)["changed"]
    assert not module(enabled=True)["changed"]
    assert machine.conf == {"demod_enable": "YES"}
    assert module(enabled=False)["changed"]
    assert machine.conf == {"demod_enable": "NO"}
    assert not module(enabled=False)["changed"]


def test_not_set_is_disabled_enough(module, machine):
    assert not module(enabled=False)["changed"]


def test_a_default_in_the_script_is_overridden(module, machine):
    machine.set(services={"demod": {"default": "YES"}})
    assert module(enabled=False)["changed"]
    assert machine.conf == {"demod_enable": "NO"}


def test_rc_conf_d_that_wins_is_an_error(module, machine):
    machine.set(services={"demod": {"rc.conf.d": "NO"}})
    result = module(enabled=True)
    assert result["failed"] and "still counts as disabled" in result["msg"] and "rc.conf.d" in result["msg"]


def test_names_with_a_hyphen(module, machine):
    machine.set(services={"syslog-ng": {}})
    assert module(name="syslog-ng", enabled=True)["actions"] == ["set syslog_ng_enable"]
    assert module(name="syslog-ng", enabled=True, rcvar="other_enable", check=True)["actions"] == ["set other_enable"]
    assert machine.conf == {"syslog_ng_enable": "YES"}


# State


def test_start_and_stop_work_on_a_disabled_service(module, machine):
    assert module(state="started")["running"]
    stopped = module(state="stopped")
    assert stopped["changed"] and not stopped["running"] and stopped["state"] == "stopped" and stopped["pid"] is None
    assert not module(state="stopped")["changed"]


def test_restart(module, machine):
    first = module(state="restarted")
    assert first["actions"] == ["start demod"]
    second = module(state="restarted")
    assert second["actions"] == ["restart demod"] and second["pid"] != first["pid"]
    assert second["diff"]["after"]["state"] == "restarted"


def test_restart_only_when_a_variable_changed(module, machine):
    module(**ALL)
    module(state="stopped")
    assert module(variables={"demo_args": "x"}, restart_on_change=True)["actions"] == ["set demo_args"]
    module(state="started")
    assert module(variables={"demo_args": "y"}, restart_on_change=True, state="started")["actions"] == [
        "set demo_args",
        "restart demod",
    ]
    assert not module(variables={"demo_args": "y"}, restart_on_change=True, state="started")["changed"]
    assert module(enabled=False, restart_on_change=True)["actions"] == ["set demod_enable"]
    assert module(variables={"demo_args": "z"}, restart_on_change=True, state="reloaded")["actions"] == [
        "set demo_args",
        "restart demod",
    ]
    assert module(variables={"demo_args": None}, restart_on_change=True)["actions"] == [
        "remove demo_args",
        "restart demod",
    ]


def test_a_restart_that_was_cut_off_is_made_up_for(machine, module, monkeypatch):
    module(state="started")

    def cut_off(*_arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ServiceRun, "_apply_state", cut_off)
        with pytest.raises(KeyboardInterrupt):
            module(variables={"demo_args": "x"}, restart_on_change=True, state="started")
    arguments = {"variables": {"demo_args": "x"}, "state": "started"}
    assert not module(**arguments)["changed"]
    for check in (True, False):
        assert module(check=check, restart_on_change=True, **arguments)["actions"] == ["restart demod"]
    assert not module(restart_on_change=True, **arguments)["changed"]


def test_a_script_that_does_not_end(monkeypatch, tmp_path):
    monkeypatch.setattr(rc, "LIMIT", 0.2)
    with pytest.raises(Sentence, match="did not end within"):
        rc.run(["/bin/sleep", "60"])


def test_reload(module, machine):
    assert module(state="reloaded")["actions"] == ["start demod"]
    result = module(state="reloaded")
    assert (
        result["actions"] == ["reload demod"] and result["running"] and result["diff"]["after"]["state"] == "reloaded"
    )


@pytest.mark.parametrize(
    "quirk, state, message",
    [
        ("no_reload", "reloaded", "service demod has no reload: use restarted instead"),
        ("bad_config", "reloaded", "service demod did not reload: Performing sanity check on demod configuration."),
        ("dies_of_hup", "reloaded", "service demod ended when it was told to reload"),
        (
            "bad_config",
            "restarted",
            "service demod did not restart, the old process still runs: bad config; Performing",
        ),
        ("immortal", "restarted", "service demod did not restart, the old process still runs"),
        ("stillborn", "restarted", "service demod was stopped but did not start again"),
        ("immortal", "stopped", "service demod did not stop"),
    ],
)
def test_failures_of_a_running_service(module, machine, quirk, state, message):
    machine.set(services={"demod": {"pid": 4000, quirk: True}})
    result = module(state=state, timeout=1)
    assert result["failed"] and message in result["msg"]


@pytest.mark.parametrize(
    "quirk, message",
    [
        ("stillborn", "service demod did not start: Starting demod."),
        ("precmd_fails", "service demod did not start: /usr/local/etc/rc.d/demod: WARNING: failed precmd"),
    ],
)
def test_failures_to_start(module, machine, quirk, message):
    machine.set(services={"demod": {quirk: True}})
    result = module(state="started", timeout=1)
    assert result["failed"] and message in result["msg"]


def test_a_failure_tells_what_was_changed_before_it(module, machine):
    machine.set(services={"demod": {"stillborn": True}})
    assert module(state="started", timeout=0)["changed"] is False
    assert module(state="started", timeout=0, variables={"a": "1"})["changed"] is True


def test_a_daemon_that_takes_a_moment(module, machine):
    machine.set(services={"demod": {"slow": True}})
    assert module(state="started")["running"]


def test_a_daemon_that_keeps_its_standard_files_keeps_nobody_waiting(module, machine):
    machine.set(services={"demod": {"daemon": True}})
    begun = time.monotonic()
    module(state="started")
    assert time.monotonic() - begun < 10


def test_a_service_that_names_no_pid(module, machine):
    machine.set(services={"demod": {"pid": 1, "no_pid": True}})
    assert module(state="started")["pid"] is None
    assert module(state="restarted")["running"]


def test_no_such_service(module, machine):
    result = module(name="nosuchsvc", state="started")
    assert result["failed"] and result["msg"] == "there is no service nosuchsvc"
    foretold = module(name="nosuchsvc", enabled=True, state="started", check=True)
    assert foretold["actions"] == ["set nosuchsvc_enable", "start nosuchsvc"]
    assert module(name="nosuchsvc", enabled=True)["failed"]


def test_the_environment_is_services_own(module, machine, monkeypatch):
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("SECRET", "x")
    module(state="started")
    assert {key: value for key, value in machine.state["environment"].items() if key not in ("LC_CTYPE", "PWD")} == {
        "HOME": "/",
        "PATH": "/sbin:/bin:/usr/sbin:/usr/bin",
    }


def test_a_file_of_the_future_is_newer_once(tmp_path):
    """The clock was set back after the file was written."""
    late, early, gone = tmp_path / "late", tmp_path / "early", tmp_path / "gone"
    for path, time_ in ((late, time.time() + 86400), (early, 1000000000)):
        path.write_text("")
        os.utime(path, (time_, time_))
    rc.bring_to_now([str(late), str(early), str(gone)])
    assert abs(late.stat().st_mtime - time.time()) < 60 and early.stat().st_mtime == 1000000000 and not gone.exists()


# What FreeBSD really prints


@pytest.fixture(params=["13.2", "15.0"])
def capture(request):
    """A function that returns a line of a recording, by the name of its file and its number, for each release."""

    def find(name, number):
        for line in (CAPTURES / request.param / (name + ".jsonl")).read_text().splitlines():
            record = json.loads(line)
            if record["seq"] == number:
                return record
        raise AssertionError("no line %d in %s of %s" % (number, name, request.param))

    return find


@pytest.mark.parametrize(
    "name, number, exists, running",
    [
        ("base", 79, True, False),  # demod onestatus, disabled and stopped
        ("base", 90, True, True),  # demod status, enabled
        ("base", 106, False, False),  # nosuchsvc
        ("base", 114, True, True),  # syslogd onestatus
        ("more", 50, True, False),  # demod onestatus after a reload that killed it
    ],
)
def test_recorded_status(capture, name, number, exists, running):
    record = capture(name, number)
    status = rc.Status(record["rc"], record["stdout"], record["stderr"])
    assert (status.exists, status.running, status.pid is not None) == (exists, running, running)


def reading(monkeypatch, capture, *numbers):
    records = [capture("base", number) for number in numbers]
    answer = (
        max(record["rc"] for record in records),
        *("".join(record[key] for record in records) for key in ("stdout", "stderr")),
    )
    monkeypatch.setattr(rc, "run", lambda argv: answer)
    return rc.Variables()


def test_recorded_values(monkeypatch, capture):
    # sysrc hostname, sshd_enable and, with -i, one that is unknown
    variables = reading(monkeypatch, capture, 30, 33, 37)
    hostname = capture("base", 30)["stdout"].partition(": ")[2].strip()
    assert hostname.endswith(".example.test")
    assert variables.read(["hostname", "sshd_enable", "nosuch_var"]) == {
        "hostname": hostname,
        "sshd_enable": "YES",
        "nosuch_var": None,
    }
    # sysrc -F hostname
    assert reading(monkeypatch, capture, 60).present(["hostname", "nosuch_var"]) == ["hostname"]
    with pytest.raises(Sentence, match="unknown variable"):
        reading(monkeypatch, capture, 35).read(["nosuch_var"])


def test_recorded_reload_without_that_verb(monkeypatch, capture):
    record = capture("base", 92)
    monkeypatch.setattr(rc, "run", lambda argv: (record["rc"], record["stdout"], record["stderr"]))
    with pytest.raises(Sentence, match="has no reload"):
        rc.Service("demod").reload()


# Values through a real shell


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_what_is_accepted_survives_the_assignment(tmp_path_factory, value):
    try:
        rc.check_variable("a", value)
    except Sentence:
        return
    conf = tmp_path_factory.getbasetemp() / "rc.conf"
    conf.write_bytes(b'a="%s"\n' % value.encode())
    code, stdout, dummy = rc.run([shutil.which("sh"), "-c", '. "$1"; printf %s "$a"', "sh", str(conf)])
    assert (code, stdout) == (0, value)


def test_values_of_several_lines_that_somebody_else_wrote(monkeypatch):
    monkeypatch.setattr(rc, "run", lambda argv: (0, "a: one\ntwo: three\nb: \nc:\n", ""))
    assert rc.Variables().read(["a", "b", "c"]) == {"a": "one\ntwo: three", "b": "", "c": ""}


# Files that the process has not read yet


def test_a_file_counts_when_it_is_newer_than_the_process(tmp_path):
    older, newer = tmp_path / "older", tmp_path / "newer"
    for path in (older, newer):
        path.touch()
    os.utime(older, (time.time() - 60, time.time() - 60))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        # Linux' ps takes a process that has just started for one from the future, whose age is four thousand million
        # seconds.
        time.sleep(1.1)
        assert not rc.newer([str(older), str(tmp_path / "gone")], process.pid)
        os.utime(newer, (time.time() + 60, time.time() + 60))
        assert rc.newer([str(older), str(newer)], process.pid)
        assert not rc.newer([], process.pid)
    assert not rc.newer([str(newer)], process.pid)


def test_a_service_with_an_unread_file_is_restarted(module, machine, monkeypatch):
    module(enabled=True, state="started")
    asked = []
    monkeypatch.setattr(rc, "newer", lambda paths, pid: asked.append((paths, pid)) or True)
    assert module(check=True, state="started", restart_if_newer=["/etc/x"])["actions"] == ["restart demod"]
    result = module(state="started", restart_if_newer=["/etc/x"])
    assert result["changed"] and result["actions"] == ["restart demod"] and result["pid"] == 5014
    assert asked == [(["/etc/x"], 5007)] * 2
    monkeypatch.setattr(rc, "newer", lambda paths, pid: False)
    assert not module(state="started", restart_if_newer=["/etc/x"])["changed"]


# What the service itself says of its configuration


def said(machine, verb):
    """A check that passes once the service was told that verb."""
    pattern = f'"{verb}"'
    return [{"name": f"it was told {verb}", "kind": "command", "argv": ["grep", "-q", pattern, str(machine.path)]}]


def test_a_service_that_has_not_read_its_configuration_is_reloaded_once(module, machine):
    module(enabled=True, state="started")
    unread = {"state": "started", "reload_unless": said(machine, "onereload")}
    assert module(check=True, **unread)["actions"] == ["reload demod"]
    assert module(**unread)["actions"] == ["reload demod"]
    assert not module(**unread)["changed"]


def test_it_is_restarted_only_where_the_reload_does_not_do(module, machine):
    module(enabled=True, state="started")
    both = {"reload_unless": said(machine, "onereload"), "restart_unless": said(machine, "onerestart")}
    # What a reload would lead to nobody knows before.
    assert module(check=True, state="started", **both)["actions"] == ["reload demod"]
    assert module(state="started", **both)["actions"] == ["reload demod", "restart demod"]
    assert not module(state="started", **both)["changed"]


def test_a_restart_that_an_earlier_run_did_not_come_to(module, machine):
    module(enabled=True, state="started")
    left = {"state": "started", "restart_unless": said(machine, "onerestart")}
    assert module(check=True, **left)["actions"] == module(**left)["actions"] == ["restart demod"]


def test_a_service_that_is_started_has_read_it(module, machine):
    found = module(enabled=True, state="started", reload_unless=said(machine, "onereload"))
    assert found["actions"] == ["set demod_enable", "start demod"]


def test_a_reload_is_not_believed(module, machine):
    module(enabled=True, state="started")
    found = module(state="started", reload_unless=said(machine, "never"), proof_timeout=1)
    assert found["failed"] and "service demod was reloaded, but: it was told never: no" in found["msg"]


def test_the_process_that_pg_ctl_names():
    text = 'pg_ctl: server is running (PID: 4711)\n/usr/local/bin/postgres "-D" "/var/db/postgres/data15"\n'
    assert rc.Status(0, text, "").pid == 4711
    assert rc.Status(1, "pg_ctl: no server running\n", "").pid is None
