# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A certificate is trusted as long as it is wanted, with the certctl of either release, the double's, in a directory of
its own.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import certificates, files, no_links, trust
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.modules import trusted_certificate

COMMANDS = Path(__file__).resolve().parents[3] / "double/commands"
TRUST_PATHS = ("usr/share/certs/trusted", "usr/local/share/certs", "usr/local/etc/ssl/certs")
# The double's program of 15, with this machine's openssl.
CERTCTL_15 = """#!%(python)s
import importlib.machinery, importlib.util, sys
loader = importlib.machinery.SourceFileLoader("certctl15", "%(program)s")
module = importlib.util.module_from_spec(importlib.util.spec_from_loader("certctl15", loader))
loader.exec_module(module)
module.OPENSSL = "%(openssl)s"
sys.exit(module.main(sys.argv[1:]))
"""


@pytest.fixture(name="certificate", scope="module")
def a_maker(tmp_path_factory: pytest.TempPathFactory):
    """A function that makes a certificate and returns its text; same: which of several with the same subject."""
    place = tmp_path_factory.mktemp("certificates")

    def make(name: str, same: int = 0) -> str:
        path = place / f"{name}.{same}.pem"
        if not path.exists():
            command = [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-keyout",
                "/dev/null",
            ]
            subprocess.run(
                [*command, "-subj", f"/O=Example/CN={name}", "-out", str(path)], check=True, capture_output=True
            )
        return path.read_text()

    return make


def fingerprint(text: str) -> str:
    (found,) = certificates.fingerprints(text.encode())
    return found


class System:
    """The directories that certctl of a release knows, below a directory of their own."""

    def __init__(self, top: Path, release: int, capsys: pytest.CaptureFixture[str]) -> None:
        self.top, self.release, self.capsys = top, release, capsys
        self.store, self.bundle = top / "etc/ssl/certs", top / "etc/ssl/cert.pem"
        self.path, self.former_path = top / "usr/local/share/certs/mail.pem", top / "usr/local/etc/ssl/certs/mail.pem"
        self.other = self.path.with_name("other.crt")
        for directory in (*TRUST_PATHS, "etc/ssl/certs", "etc/ssl/untrusted", "bin"):
            (top / directory).mkdir(parents=True)
        self.certctl = top / "bin/certctl"
        if release == 13:
            text = (COMMANDS / "certctl").read_text()
            for directory in (
                *TRUST_PATHS,
                "usr/share/certs/untrusted",
                "usr/local/etc/ssl/untrusted",
                "etc/ssl/certs",
                "etc/ssl/untrusted",
            ):
                for before in (" ", "'", "="):
                    text = text.replace(f"{before}/{directory}", f"{before}{top}/{directory}")
            self.certctl.write_text(text)
        else:
            words = {"python": sys.executable, "program": COMMANDS / "certctl15", "openssl": shutil.which("openssl")}
            self.certctl.write_text(CERTCTL_15 % words)
        self.certctl.chmod(0o755)

    def run(self, check: bool = False, **more) -> dict:
        """What the module returns. content, or state, as given."""
        arguments = {
            "path": str(self.path),
            "former_paths": [str(self.former_path)],
            "store": str(self.store),
            "bundle": str(self.bundle),
            "trust_paths": [str(self.top / directory) for directory in TRUST_PATHS],
            **more,
            "_ansible_check_mode": check,
            "_ansible_diff": True,
            "_ansible_remote_tmp": "/tmp",
            "_ansible_keep_remote_files": False,
        }
        basic._ANSIBLE_ARGS = None
        with patch_module_args(arguments), pytest.raises(SystemExit):
            trusted_certificate.main()
        return json.loads(self.capsys.readouterr().out)

    def rehash(self) -> None:
        subprocess.run([self.certctl, "rehash"], check=False, capture_output=True)

    def trusts(self, text: str) -> bool:
        """Whether anything that looks into the store or the bundle finds a certificate."""
        wanted = fingerprint(text)
        return any(wanted in certificates.in_file(str(path)) for path in [*self.store.iterdir(), self.bundle])

    def notes(self) -> list[str]:
        return [name for name in os.listdir(self.path.parent.parent) if name.startswith(".potluck")]

    def picture(self) -> dict[str, bytes | str]:
        """All files and links, and what is in them."""
        return {
            str(path): os.readlink(path) if path.is_symlink() else path.read_bytes()
            for path in self.top.rglob("*")
            if path.is_symlink() or path.is_file()
        }


@pytest.fixture(name="system", params=[13, 15])
def a_system(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    certificate,
):
    """A system with one certificate of base, and links or copies of it in the store."""
    top = tmp_path.resolve()
    monkeypatch.setenv("PATH", f"{top}/bin:{os.environ['PATH']}")
    for name in ("LOCALBASE", "DESTDIR", "DISTBASE", "CERTDESTDIR", "UNTRUSTPATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(
        "TRUSTPATH", f"{top}/usr/share/certs/trusted:{top}/usr/local/share/certs/trusted:{top}/usr/local/share/certs"
    )
    monkeypatch.setenv("UNTRUSTPATH", f"{top}/usr/share/certs/untrusted")
    monkeypatch.setenv("TRUSTDESTDIR", f"{top}/etc/ssl/certs")
    monkeypatch.setenv("UNTRUSTDESTDIR", f"{top}/etc/ssl/untrusted")
    monkeypatch.setenv("BUNDLE", f"{top}/etc/ssl/cert.pem")
    system = System(top, request.param, capsys)
    (top / "usr/share/certs/trusted/Base.pem").write_text(certificate("Base"))
    system.rehash()
    assert system.trusts(certificate("Base")) and system.bundle.exists() == (request.param == 15)
    return system


def test_it_is_trusted_once(system, certificate):
    text = certificate("Mail")
    before = system.picture()
    assert system.run(content=text, check=True)["changed_paths"] == [str(system.path)] and system.picture() == before
    done = system.run(content=text)
    assert (
        done["changed"]
        and done["changed_paths"] == [str(system.path)]
        and done["fingerprint"] == fingerprint(text)
        and done["untrusted"] == []
    )
    assert system.trusts(text) and system.path.read_text() == text and stat.S_IMODE(system.path.stat().st_mode) == 0o644
    assert system.notes() == [] and system.trusts(certificate("Base"))
    for check in (True, False):
        again = system.run(content=text, check=check)
        assert not again["changed"] and again["diff"] == []


def test_the_store_that_lost_it_is_filled_again(system, certificate):
    text = certificate("Mail")
    system.run(content=text)
    for path in system.store.iterdir():
        path.unlink()
    system.bundle.unlink(missing_ok=True)
    assert system.run(content=text, check=True)["changed"] and not system.trusts(text)
    done = system.run(content=text)
    assert done["changed"] and done["changed_paths"] == [] and system.trusts(text)


def test_it_is_trusted_no_longer_when_it_is_not_wanted(system, certificate):
    text = certificate("Mail")
    system.run(content=text)
    before = system.picture()
    foreseen = system.run(state="absent", check=True)
    assert foreseen["untrusted"] == [fingerprint(text)] and system.picture() == before
    done = system.run(state="absent")
    assert {name: done[name] for name in ("changed", "changed_paths", "untrusted", "diff")} == {
        name: foreseen[name] for name in ("changed", "changed_paths", "untrusted", "diff")
    }
    assert done["changed_paths"] == [str(system.path)] and "BEGIN" not in json.dumps(done)
    assert (
        not system.path.exists()
        and not system.trusts(text)
        and system.trusts(certificate("Base"))
        and system.notes() == []
    )
    assert not system.run(state="absent")["changed"]
    # The same one can come back.
    assert system.run(content=text)["changed"] and system.trusts(text)


@pytest.mark.parametrize("subject", ["Mail", "Other"])
def test_the_former_one_goes_when_another_takes_its_place(system, certificate, subject):
    """Two of the same subject have the same hash, so that the store tells them apart by a number."""
    first, second = certificate("Mail"), certificate(subject, 1)
    system.run(content=first)
    done = system.run(content=second)
    assert done["untrusted"] == [fingerprint(first)] and done["fingerprint"] == fingerprint(second)
    assert system.trusts(second) and not system.trusts(first) and system.notes() == []
    shown = json.dumps(done["diff"])
    assert fingerprint(first) in shown and fingerprint(second) in shown and "BEGIN" not in shown
    assert not system.run(content=second)["changed"]


@pytest.mark.parametrize("same", [True, False])
def test_it_moves_from_a_former_path(system, certificate, same):
    former, text = certificate("Mail" if same else "Former"), certificate("Mail")
    system.former_path.write_text(former)
    system.rehash()
    if system.release == 15:
        # What an earlier release has trusted there is in the store.
        (system.store / "copy.pem").write_text(former)
    done = system.run(content=text)
    assert done["changed_paths"] == [str(system.former_path), str(system.path)] and not system.former_path.exists()
    assert (
        system.trusts(text)
        and system.trusts(former) == same
        and done["untrusted"] == ([] if same else [fingerprint(former)])
    )
    assert not system.run(content=text)["changed"]


def test_what_another_file_brings_stays_trusted(system, certificate):
    text = certificate("Mail")
    system.other.write_text(text + certificate("Second"))
    system.run(content=text)
    done = system.run(state="absent")
    assert (
        done["changed"]
        and done["untrusted"] == []
        and system.trusts(text)
        and not system.run(state="absent")["changed"]
    )
    assert system.other.read_text() == text + certificate("Second")


def test_files_of_several_certificates_in_the_store_keep_the_others(system, certificate):
    text, second = certificate("Mail"), certificate("Second")
    system.run(content=text)
    several = system.store / "several.pem"
    several.write_text(f"# Two\n{second}{text}")
    system.run(state="absent")
    assert not system.trusts(text) and system.trusts(second)


def test_a_copy_is_known_however_it_is_written(system, certificate):
    text = certificate("Mail")
    system.run(content=text)
    body = "".join(text.split("-----")[2].split())
    (system.store / "copy.pem").write_text(
        f"Certificate:\r\n-----BEGIN X509 CERTIFICATE-----\r\n{body}\r\n-----END X509 CERTIFICATE-----\r\n"
    )
    system.run(state="absent")
    assert not system.trusts(text)


class Killed(BaseException):
    """The end of a process."""


def step_before(do, left):
    """A function that does the same as long as there is anything left, and ends the process then."""

    def step(*given, **more):
        if next(left, None) is None:
            raise Killed
        return do(*given, **more)

    return step


@pytest.mark.parametrize("wanted", ["absent", "another"])
@pytest.mark.parametrize("meanwhile", ["nothing", "a rehash"])
def test_what_a_run_that_was_cut_off_left_the_next_one_ends(system, certificate, monkeypatch, wanted, meanwhile):
    text, second = certificate("Mail"), certificate("Mail", 1)
    arguments = {"state": "absent"} if wanted == "absent" else {"content": second}
    steps = 0
    while True:
        system.run(content=text)
        assert system.trusts(text) and not system.trusts(second)
        left = iter(range(steps))

        with monkeypatch.context() as patched:
            for place, name in ((trust, "put"), (no_links, "remove"), (Runner, "run")):
                # A plain function, which is a method where it is put into a class.
                patched.setattr(place, name, step_before(getattr(place, name), left))
            try:
                done = system.run(**arguments)
            except Killed:
                done = None
        if meanwhile == "a rehash":
            system.rehash()
        if done is not None:
            break
        system.run(**arguments)
        assert not system.trusts(text) and system.trusts(second) == (wanted == "another") and system.notes() == [], (
            steps
        )
        assert not system.run(**arguments)["changed"]
        steps += 1
    # The note, the file, the store, certctl, the note again: all of them were interrupted.
    assert steps >= 5


def test_a_draft_that_was_never_put_in_place_is_not_trusted(system, certificate):
    text = certificate("Mail")
    draft = Path(files.draft_of(str(system.path)))
    draft.write_text(text)
    (system.store / "copy.pem").write_text(text)
    done = system.run(state="absent")
    assert done["untrusted"] == [fingerprint(text)] and not draft.exists() and not system.trusts(text)


def test_a_certctl_that_was_cut_off_does_not_stop_the_next(system, certificate):
    text = certificate("Mail")
    system.run(content=text)
    system.bundle.with_name(".cert.pem").write_text("half a bun")
    assert not system.run(state="absent").get("failed") and not system.trusts(text)


def test_certctls_exit_code_is_not_believed(system, certificate):
    text = certificate("Mail")
    works = system.certctl.read_text()
    system.certctl.write_text(f'#!/bin/sh\n{system.top}/bin/works "$@"; exit 1\n')
    (system.top / "bin/works").write_text(works)
    (system.top / "bin/works").chmod(0o755)
    assert not system.run(content=text).get("failed") and system.trusts(text)
    system.certctl.write_text("#!/bin/sh\necho 'nothing done' >&2\n")
    done = system.run(content=certificate("Other"))
    assert (
        done["failed"]
        and done["part"] == "certificate"
        and "does not trust" in done["msg"]
        and "nothing done" in done["msg"]
    )
    system.certctl.write_text(works)
    assert (
        not system.run(content=certificate("Other")).get("failed")
        and system.trusts(certificate("Other"))
        and not system.trusts(text)
    )


def test_what_still_holds_it_is_named_until_it_is_out(system, certificate):
    text = certificate("Mail")
    system.run(content=text)
    (system.top / "elsewhere").mkdir()
    (system.top / "elsewhere/ca.pem").write_text(text)
    # What lies behind a link of the administrator's is not this module's to change.
    (system.store / "more").symlink_to(system.top / "elsewhere")
    system.certctl.write_text("#!/bin/sh\n")
    for _run in range(2):
        done = system.run(state="absent")
        assert (
            done["failed"]
            and f"the former certificate {fingerprint(text)} from {system.store}/more/ca.pem" in done["msg"]
        )
    assert (system.top / "elsewhere/ca.pem").read_text() == text
    (system.store / "more").unlink()
    system.bundle.unlink(missing_ok=True)
    assert not system.run(state="absent").get("failed") and system.notes() == []
    assert not system.run(state="absent")["changed"]


def test_a_bundle_that_certctl_does_not_write_is_looked_at(system, certificate):
    text = certificate("Mail")
    system.run(content=text)
    system.certctl.write_text("#!/bin/sh\n")
    system.bundle.write_text(text)
    done = system.run(state="absent")
    assert done["failed"] and f"from {system.bundle}, which still holds it" in done["msg"]


@pytest.mark.parametrize("state", ["present", "absent"])
def test_links_are_not_followed(system, certificate, state):
    arguments = {"content": certificate("Mail")} if state == "present" else {"state": "absent"}
    target = system.top / "target"
    target.write_text("target")
    system.path.symlink_to(target)
    done = system.run(**arguments)
    assert target.read_text() == "target"
    if state == "absent":
        assert done["changed_paths"] == [str(system.path)] and not os.path.lexists(system.path)
        return
    assert done["failed"] and f"{system.path} has to be a file" in done["msg"] and system.path.is_symlink()
    system.path.unlink()
    system.path.parent.rename(system.top / "away")
    system.path.parent.symlink_to(system.top / "away")
    done = system.run(**arguments)
    assert (
        done["failed"]
        and f"{system.path} has to be a file" in done["msg"]
        and list((system.top / "away").iterdir()) == []
    )


def test_a_former_path_behind_a_link_is_anothers(system, certificate):
    system.former_path.parent.rename(system.top / "away")
    system.former_path.parent.symlink_to(system.top / "away")
    (system.top / "away/mail.pem").write_text(certificate("Other"))
    assert not system.run(content=certificate("Mail")).get("failed")
    assert (system.top / "away/mail.pem").read_text() == certificate("Other")


@pytest.mark.parametrize("number", [0, 2])
def test_a_text_that_holds_not_one_certificate_is_refused(system, certificate, number):
    before = system.picture()
    done = system.run(content="".join(certificate("Mail", which) for which in range(number)) + "words")
    assert (
        done["failed"]
        and done["msg"] == f"content has to hold one certificate in PEM form, but holds {number}"
        and system.picture() == before
    )


def test_a_wrong_mode_alone_is_set_right(system, certificate):
    text = certificate("Mail")
    system.run(content=text)
    system.path.chmod(0o600)
    done = system.run(content=text)
    assert (
        done["changed_paths"] == [str(system.path)]
        and stat.S_IMODE(system.path.stat().st_mode) == 0o644
        and system.trusts(text)
    )


def test_the_directory_is_made(system, certificate):
    system.path.parent.rmdir()
    done = system.run(content=certificate("Mail"))
    assert (
        done["changed_paths"] == [str(system.path.parent), str(system.path)]
        and stat.S_IMODE(system.path.parent.stat().st_mode) == 0o755
    )
