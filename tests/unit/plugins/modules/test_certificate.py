# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module certificate, and the program that it installs for cron. How a CA is asked: tests/unit/roles."""

from __future__ import annotations

import grp
import json
import os
import re
import stat
import subprocess
import sys
import time

import pytest
from ansible.module_utils import basic
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._certificate import certificate as texts
from ansible_collections.potluck.matrix.plugins.module_utils._certificate import program, proof, specification
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import one_file
from ansible_collections.potluck.matrix.plugins.modules import certificate

DOMAIN = "matrix.example.com"
PAIRS = [texts.self_signed([DOMAIN], [], days) for days in (40, 50)]


class Place:
    """The files of a homeserver's certificate below a directory of their own; nobody answers at its port."""

    def __init__(self, top, capsys):
        self.top, self.capsys = top, capsys
        self.directory, self.program = top / "tls", top / "libexec/matrix-tls"
        self.chain, self.key = self.directory / "fullchain.pem", self.directory / "privkey.pem"
        (top / "metrics").mkdir()
        self.metric = top / "metrics/matrix_certificate.prom"
        self.config = top / "config.json"
        self.settings = {
            "mode": "selfsigned",
            "domain": DOMAIN,
            "directory": str(self.directory),
            "nginx_conf": str(top / "nginx.conf"),
            "nginx_pid": str(top / "nginx.pid"),
            "nginx_log": str(top / "error.log"),
            "stamp": str(top / "stamp"),
            "reload": ["true"],
            "acme": {"home": str(top / "acme"), "webroot": str(top / "webroot"), "user": "root"},
            "watch": {"metric": {"file": str(self.metric), "certificates": [str(self.chain), str(top / "none")]}},
        }

    def run(self, state, check=False, pair="", ports=(), **settings):
        """What the module returns. ports: at which nginx is asked."""
        if state == "applied":
            self.write(**settings)
        arguments = {
            "state": state,
            **({"settings": {**self.settings, **settings}} if state != "applied" else {"config": str(self.config)}),
            "pair": pair,
            "proof": {"addresses": ["127.0.0.1"], "ports": list(ports), "timeout": 0},
            "program": str(self.program),
            "_ansible_check_mode": check,
            "_ansible_diff": True,
            "_ansible_remote_tmp": "/tmp",
            "_ansible_keep_remote_files": False,
        }
        basic._ANSIBLE_ARGS = None
        with patch_module_args(arguments), pytest.raises(SystemExit):
            certificate.main()
        return json.loads(self.capsys.readouterr().out)

    def look(self):
        return {
            str(path): (path.lstat().st_mode, path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
            for path in sorted(self.top.rglob("*"))
        }

    def start_nginx(self):
        """As if it had read all that there is; its process id is nobody's parent's."""
        (self.top / "nginx.pid").write_text("99999999")

    def full(self, **settings):
        """The settings with what the module takes for granted."""
        given = {"state": "prepared", "settings": {**self.settings, **settings}}
        return ArgumentSpecValidator(specification.ARGUMENTS).validate(given).validated_parameters["settings"]

    def write(self, **settings):
        """The file that the program goes by, as the role writes it."""
        text = json.dumps(self.full(**settings))
        if not self.config.exists() or self.config.read_text() != text:
            self.config.write_text(text)

    def call(self, *words, **settings):
        """What the installed program says."""
        self.write(**settings)
        argv = [str(self.program), "--config", str(self.config), *words]
        return subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/", env={"PATH": os.defpath})


@pytest.fixture
def place(tmp_path, capsys):
    return Place(tmp_path, capsys)


def test_everything_is_made_once(place):
    before = place.look()
    predicted = place.run("prepared", check=True)
    assert predicted["changed"] and place.look() == before
    made = place.run("prepared")
    assert made["changes"] == [f"installed {place.program}", "installed a new self-signed certificate"]
    assert len(predicted["changes"]) == 2
    for path, mode in ((place.program, 0o755), (place.key, 0o640), (place.chain, 0o644)):
        assert stat.S_IMODE(path.stat().st_mode) == mode
    applied = place.run("applied")
    assert applied["changes"] == ["the metric of the certificate"]
    after = place.look()
    for state in ("prepared", "applied"):
        for check in (False, True):
            again = place.run(state, check=check)
            assert not again["changed"] and again["changes"] == [] and again["diff"] == []
    assert place.look() == after


def test_the_diff_shows_certificates_and_no_key(place):
    place.run("prepared", mode="provided", pair="".join(PAIRS[0]))
    said = place.run("prepared", mode="provided", pair="".join(PAIRS[1]))
    (shown,) = said["diff"]
    assert shown["before_header"] == str(place.chain)
    for name, pair in (("before", PAIRS[0]), ("after", PAIRS[1])):
        assert shown[name] == texts.Certificate(pair[0]).description() + "\n"
    body = PAIRS[1][1].splitlines()[1]
    assert body not in json.dumps(said) and said["invocation"]["module_args"]["pair"].startswith("VALUE_SPECIFIED")


def test_a_short_key_of_an_account_is_hidden_without_blotting_out_the_rest(place):
    acme = {**place.settings["acme"], "eab_kid": "k", "eab_hmac_key": "e"}
    said = place.run("prepared", acme=acme)
    assert said["changes"][0] == f"installed {place.program}"
    assert said["invocation"]["module_args"]["settings"]["acme"]["eab_hmac_key"].startswith("VALUE_SPECIFIED")


@pytest.mark.parametrize(
    "state, more, words",
    [
        (
            "prepared",
            {"mode": "provided", "pair": PAIRS[0][0] + PAIRS[1][1]},
            "matrix_tls_certificate and matrix_tls_key: the private key belongs to another certificate",
        ),
        ("prepared", {"mode": "provided"}, "it is not a certificate in PEM form"),
        ("prepared", {"directory": "/proc/tls"}, "/proc/tls: No such file or directory"),
        ("applied", {"ports": [1]}, "nobody answers on 127.0.0.1 port 1: [Errno 111] Connection refused"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(place, state, more, words):
    place.run("prepared")
    said = place.run(state, **more)
    assert said["failed"] and words in said["msg"] and "\n" not in said["msg"] and "exception" not in said


def test_the_missing_library_is_named(place, monkeypatch):
    monkeypatch.setattr(texts, "CRYPTOGRAPHY_ERROR", "ImportError")
    said = place.run("prepared")
    assert said["failed"] and "cryptography" in said["msg"] and not place.program.exists()


def test_a_link_in_the_programs_place_is_not_followed(place):
    place.program.parent.mkdir()
    victim = place.top / "victim"
    victim.write_text("as it was")
    place.program.symlink_to(victim)
    assert place.run("prepared")["failed"] and victim.read_text() == "as it was"


# --- the former pair ---


def test_a_pair_that_nginx_cannot_read_is_replaced_by_the_former_one(place):
    place.run("prepared", mode="provided", pair="".join(PAIRS[0]))
    former = {path: (path.read_text(), path.stat().st_mtime_ns) for path in (place.chain, place.key)}
    place.start_nginx()
    time.sleep(0.02)
    place.run("prepared", mode="provided", pair="".join(PAIRS[1]))
    assert place.chain.read_text() == PAIRS[1][0]
    said = place.run("applied", mode="provided", reload=["false"])
    assert said["failed"] and "nginx was not reloaded" in said["msg"]
    assert said["msg"].endswith(f"the former certificate is back in {place.directory}")
    assert {path: (path.read_text(), path.stat().st_mtime_ns) for path in former} == former
    assert sorted(os.listdir(place.directory)) == ["fullchain.pem", "privkey.pem"]
    # nginx has read that one long ago.
    assert "reloaded nginx" not in place.run("applied", mode="provided", reload=["false"])["changes"]


def test_the_former_pair_is_kept_until_nginx_has_read_the_new_one(place):
    """Also by a run that comes after one that was cut off, and through several changes."""
    place.run("prepared", mode="provided", pair="".join(PAIRS[0]))
    place.start_nginx()
    time.sleep(0.02)
    third = texts.self_signed([DOMAIN], [], 60)
    for pair in (PAIRS[1], third):
        place.run("prepared", mode="provided", pair="".join(pair))
    assert (place.directory / "privkey.pem.before").read_text() == PAIRS[0][1]
    assert stat.S_IMODE((place.directory / "privkey.pem.before").stat().st_mode) == 0o640
    place.write(mode="provided")
    before = place.look()
    predicted = place.run("prepared", mode="provided", pair="".join(third), check=True)
    assert (
        predicted["changes"] == ["reloaded nginx"]
        and place.run("applied", check=True, mode="provided")["changes"] == []
    )
    assert place.look() == before
    assert "reloaded nginx" in place.run("applied", mode="provided")["changes"]
    assert sorted(os.listdir(place.directory)) == ["fullchain.pem", "privkey.pem"]
    assert place.chain.read_text() == third[0]


def test_what_no_nginx_could_have_read_is_not_kept(place):
    place.directory.mkdir()
    place.chain.write_text("rubbish")
    place.key.write_text("rubbish")
    place.run("prepared", mode="provided", pair="".join(PAIRS[0]))
    assert sorted(os.listdir(place.directory)) == ["fullchain.pem", "privkey.pem"]


# --- the program ---


def test_the_program_runs_by_itself(place):
    place.run("prepared")
    assert place.program.read_bytes().startswith(f"#!{sys.executable} -I\n".encode())
    done = place.call("apply")
    assert (done.returncode, done.stdout, done.stderr) == (0, "changed: the metric of the certificate\n", "")
    assert place.call("apply").stdout == "" and place.call("reload").returncode == 0
    assert place.call("expiry", "--days", "396").returncode == 0
    done = place.call("expiry", "--days", "398")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"the certificate in {place.directory} expires in 397 days\n"
    done = place.call("expiry", directory=str(place.top))
    assert done.returncode == 1 and done.stderr == f"the certificate in {place.top} cannot serve: there is none\n"
    place.metric.unlink()
    assert place.call("watch").returncode == 0
    end = texts.Certificate(place.chain.read_text()).not_after
    assert re.fullmatch(
        r"# HELP potluck_certificate_not_after_seconds End of [^\n]*\n"
        r"# TYPE potluck_certificate_not_after_seconds gauge\n"
        rf'potluck_certificate_not_after_seconds{{path="{place.chain}"}} {int(end.timestamp())}\n',
        place.metric.read_text(),
    )
    assert stat.S_IMODE(place.metric.stat().st_mode) == 0o644


def test_without_node_exporter_there_is_no_metric(place):
    place.run("prepared")
    place.metric.parent.rmdir()
    assert place.run("applied")["changes"] == [] and not place.metric.parent.exists()


def test_another_source_of_the_program_installs_it_anew(place, monkeypatch):
    place.run("prepared")
    real = program.content(sys.executable)
    assert real == program.content(sys.executable) == place.program.read_bytes()

    read = one_file.inspect.getsource
    another = {proof: "# Another release.\n"}
    monkeypatch.setattr(one_file.inspect, "getsource", lambda part: another.get(part) or read(part))
    predicted = place.run("prepared", check=True)
    assert predicted["changes"] == [f"installed {place.program}"] and place.program.read_bytes() == real
    assert place.run("prepared")["changes"] == [f"installed {place.program}"]
    assert place.program.read_bytes() == program.content(sys.executable) != real
    place.program.chmod(0o644)
    assert place.run("prepared")["changes"] and stat.S_IMODE(place.program.stat().st_mode) == 0o755


def test_the_former_program_is_replaced(place):
    """Up to now it was a text."""
    place.program.parent.mkdir()
    place.program.write_text("#!/usr/local/bin/python3.11\n")
    place.program.chmod(0o755)
    assert place.run("prepared")["changes"][0] == f"installed {place.program}"
    assert place.call("reload").returncode == 0


def test_mode_none_has_no_pair(place):
    assert place.run("prepared", mode="none")["changes"] == [f"installed {place.program}"]
    assert not place.directory.exists()
    assert place.run("applied", mode="none")["changes"] == [] and place.call("watch", mode="none").returncode == 0
    assert not place.metric.exists()


@pytest.mark.parametrize("text", [None, "", "rubbish"])
def test_settings_that_are_missing_are_told(place, text):
    place.run("prepared")
    place.write = lambda **_settings: None
    if text is not None:
        place.config.write_text(text)
    words = f"{place.config} does not hold the settings of the certificate, which role tls writes there"
    assert place.run("applied")["msg"] == words
    done = place.call("apply")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", words + "\n")


@pytest.fixture
def copy(place, monkeypatch):
    """A service that wants copies, and commands in the place of those that tell of it and tell it."""
    commands = place.top / "bin"
    commands.mkdir()
    for name in ("service", "tell"):
        (commands / name).write_text(f'#!/bin/sh\necho "$0 $*" >>{place.top}/told\n[ ! -e {place.top}/no-{name} ]\n')
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    (place.top / "copies").mkdir(mode=0o750)
    group = grp.getgrgid(os.getgid()).gr_name
    return {"directory": str(place.top / "copies"), "group": group, "service": "turn", "reload": ["tell", "it"]}


def told(place):
    path = place.top / "told"
    found = [line.split("/")[-1] for line in path.read_text().splitlines()] if path.exists() else []
    path.unlink(missing_ok=True)
    return found


def test_copies_follow_the_pair_and_their_service_is_told(place, copy):
    directory = place.top / "copies"
    place.run("prepared", copies=[copy])
    assert os.listdir(directory) == []
    assert place.run("copied", check=True, copies=[copy])["changed"] and os.listdir(directory) == []
    made = place.run("copied", copies=[copy])
    assert made["changes"] == ["copied the certificate for turn"] and "PRIVATE" not in json.dumps(made)
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == {
        path.name: path.read_bytes() for path in (place.chain, place.key)
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o640}
    assert told(place) == ["service turn onestatus", "tell it"]
    assert place.run("copied", copies=[copy])["changes"] == [] and told(place) == []
    place.chain.unlink()
    place.run("prepared", copies=[copy])
    assert "copied the certificate for turn" in place.run("applied", copies=[copy])["changes"]
    assert (directory / "fullchain.pem").read_text() == place.chain.read_text()
    (directory / "privkey.pem").chmod(0o644)
    assert place.run("applied", copies=[copy])["changes"] == ["copied the certificate for turn"]
    assert stat.S_IMODE((directory / "privkey.pem").stat().st_mode) == 0o640


def test_a_service_that_could_not_be_told_is_told_the_next_time(place, copy):
    place.run("prepared", copies=[copy])
    (place.top / "no-tell").touch()
    failed = place.run("copied", copies=[copy])
    assert failed["failed"] and "turn was not told of its certificate" in failed["msg"]
    (place.top / "no-tell").unlink()
    told(place)
    assert place.run("copied", copies=[copy])["changed"] and told(place)[-1] == "tell it"
    assert not place.run("copied", copies=[copy])["changed"]


def test_a_service_that_does_not_run_is_not_told(place, copy):
    place.run("prepared", copies=[copy])
    (place.top / "no-service").touch()
    assert place.run("copied", copies=[copy])["changed"] and told(place) == ["service turn onestatus"]
    assert not place.run("copied", copies=[copy])["changed"]


def test_a_dry_run_foretells_copies_for_which_only_the_run_makes_directory_and_group(place, copy):
    wanted = {**copy, "directory": str(place.top / "none"), "group": "no-such-group"}
    for _pair in ("missing", "there"):
        foretold = place.run("copied", check=True, copies=[wanted])
        assert foretold["changes"] == ["copied the certificate for turn"]
        place.run("prepared", copies=[wanted])
    assert not (place.top / "none").exists() and told(place) == []
    place.run("copied", copies=[copy])
    assert place.run("copied", check=True, copies=[copy])["changes"] == []


def test_nothing_is_copied_where_nobody_wants_it(place, copy):
    place.run("prepared", copies=[copy])
    assert place.run("copied", copies=[{**copy, "directory": str(place.top / "none")}])["changes"] == []
    assert place.run("copied", mode="none", copies=[copy])["changes"] == [] and os.listdir(place.top / "copies") == []
    failed = place.run("copied", copies=[{**copy, "group": "no-such-group"}])
    assert failed["failed"] and "there is no group no-such-group" in failed["msg"]
