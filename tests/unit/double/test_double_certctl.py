# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""certctl as FreeBSD 15 has it: where it looks, what it leaves, and what it keeps."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "double/commands/certctl15"
PLACES = ("usr/share/certs/trusted", "usr/local/share/certs/trusted", "usr/local/share/certs")


@pytest.fixture(name="certctl")
def the_program(monkeypatch: pytest.MonkeyPatch):
    """certctl as a module, with this machine's openssl and nothing in the environment that moves its places."""
    loader = importlib.machinery.SourceFileLoader("certctl15", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("certctl15", loader))
    loader.exec_module(module)
    monkeypatch.setattr(module, "OPENSSL", shutil.which("openssl"))
    for name in (
        "LOCALBASE",
        "DESTDIR",
        "DISTBASE",
        "TRUSTPATH",
        "UNTRUSTPATH",
        "TRUSTDESTDIR",
        "CERTDESTDIR",
        "UNTRUSTDESTDIR",
        "BUNDLE",
    ):
        monkeypatch.delenv(name, raising=False)
    return module


@pytest.fixture(name="certificate", scope="module")
def a_maker(tmp_path_factory: pytest.TempPathFactory):
    """A function that makes a certificate with a common name and returns its text."""
    place = tmp_path_factory.mktemp("certificates")

    def make(name: str) -> str:
        path = place / f"{name}.pem"
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


def names(certctl, root: Path, capsys: pytest.CaptureFixture[str], command: str = "list") -> list[str]:
    """The common names that a list shows."""
    capsys.readouterr()
    assert certctl.main(["-D", str(root), command]) == 0
    return sorted(line.partition("\t")[2] for line in capsys.readouterr().out.splitlines())


def put(root: Path, place: str, text: str) -> Path:
    """A file below the root, with its directories."""
    path = root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_reads_three_places_and_makes_copies(
    certctl, certificate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the files are called; what lies where older releases looked is not trusted."""
    for number, place in enumerate(PLACES):
        put(tmp_path, f"{place}/{number}.anything", certificate(f"ca{number}"))
    put(tmp_path, "usr/local/etc/ssl/certs/old.pem", certificate("old"))
    assert certctl.main(["-D", str(tmp_path), "rehash"]) == 0
    assert names(certctl, tmp_path, capsys) == ["ca0", "ca1", "ca2"]
    copies = list((tmp_path / "etc/ssl/certs").iterdir())
    assert len(copies) == 3
    assert all(
        not path.is_symlink() and path.stat().st_mode & 0o777 == 0o444 and certctl.NAMED_BY_HASH.fullmatch(path.name)
        for path in copies
    )
    bundle = (tmp_path / "etc/ssl/cert.pem").read_text()
    assert bundle.count("BEGIN CERTIFICATE") == 3
    assert all(certificate(f"ca{number}").strip() in bundle for number in range(3))


def test_what_is_trusted_stays_trusted(
    certctl, certificate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Removing the source is not enough: somebody has to say that it is not trusted, or take the copy away."""
    source = put(tmp_path, PLACES[2] + "/own.pem", certificate("own"))
    certctl.main(["-D", str(tmp_path), "rehash"])
    source.unlink()
    certctl.main(["-D", str(tmp_path), "rehash"])
    assert names(certctl, tmp_path, capsys) == ["own"]
    text = put(tmp_path, "root/own.pem", certificate("own"))
    assert certctl.main(["-D", str(tmp_path), "untrust", str(text)]) == 0
    assert (names(certctl, tmp_path, capsys), names(certctl, tmp_path, capsys, "untrusted")) == ([], ["own"])
    assert certctl.main(["-D", str(tmp_path), "trust", str(text)]) == 0
    assert (names(certctl, tmp_path, capsys), names(certctl, tmp_path, capsys, "untrusted")) == (["own"], [])


def test_a_file_without_certificates_is_no_failure(
    certctl, certificate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named, and the others count."""
    put(tmp_path, PLACES[2] + "/README", "nothing\n")
    put(tmp_path, PLACES[2] + "/two.pem", certificate("one") + certificate("two"))
    assert certctl.main(["-D", str(tmp_path), "rehash"]) == 0
    assert capsys.readouterr().err == f"certctl: {tmp_path}/{PLACES[2]}/README: no valid certificates found\n"
    assert names(certctl, tmp_path, capsys) == ["one", "two"]


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["list", "x"], ["trust"], ["-B", "list"], ["-x"]])
def test_usage(certctl, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Anything else is explained on standard error, with 1."""
    assert certctl.main(arguments) == 1
    assert "usage: certctl " in capsys.readouterr().err


def test_the_draft_of_a_run_that_was_cut_off_stops_the_bundle(
    certctl, certificate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The store is new by then, the bundle is as it was."""
    put(tmp_path, PLACES[0] + "/ca.pem", certificate("ca"))
    draft = put(tmp_path, "etc/ssl/.cert.pem", "half")
    assert certctl.main(["-D", str(tmp_path), "rehash"]) == 1
    assert capsys.readouterr().err == f"certctl: {draft}: File exists\n"
    assert names(certctl, tmp_path, capsys) == ["ca"] and not (tmp_path / "etc/ssl/cert.pem").exists()
