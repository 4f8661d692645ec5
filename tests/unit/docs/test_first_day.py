# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/first-day.md and docs/packages.md quote is said by the collection, by Ansible, by ssh or by pkg."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import ansible
import pytest
from test_documentation import TOP, blocks

PAGE = TOP / "docs/first-day.md"
# What only a CA says, which is not here: https://letsencrypt.org/docs/rate-limits/ and RFC 8555.
OF_A_CA = {"too many", "rateLimited"}


def symptoms():
    """The quotations in the first columns of the page's tables."""
    rows = re.findall(r"^\| (`.+?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [words for row in rows for words in re.findall("`([^`]+)`", row)]


def joined(text):
    """A source without what breaks its sentences into lines: the quotation marks between two strings, and blanks."""
    return " ".join(re.sub(r'"\s*\n\s*f?"', "", text).replace("\\'", "'").split())


@pytest.fixture(scope="module", name="said")
def fixture_said():
    """All that can be said, as one text."""
    sources = [*TOP.glob("roles/*/*/*.yml"), *TOP.glob("playbooks/**/*.yml"), *TOP.glob("plugins/**/*.py")]
    sources += [Path(ansible.__file__).parent / "plugins/connection/ssh.py"]
    # The base system's pkg, as nobody has recorded it without the real one.
    sources += [TOP / "tests/double/lib/pkgng/bootstrap.py"]
    texts = [joined(path.read_text(encoding="utf-8")) for path in sources]
    for path in TOP.glob("tests/contract/captures/*/pkg.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            recorded = json.loads(line)
            texts.append(recorded["stdout"] + recorded["stderr"])
    texts.append(Path(shutil.which("ssh")).read_bytes().decode("latin-1"))
    return "\n".join(texts)


@pytest.mark.parametrize("words", symptoms())
def test_somebody_says_it(said, words):
    """The dots stand for what differs; Ansible fills in what becomes root."""
    if words in OF_A_CA:
        return
    for way in ("doas", "sudo"):
        words = re.sub(rf"^(Missing|Incorrect) {way} password$", r"\1 %s password", words)
    # A sentence of ssh's client with a list in brackets.
    parts = [part.strip(" '") for part in re.sub(r"\(publickey$", "(", words).split("…")]
    assert parts and all(part in said for part in parts if part), parts


def test_there_is_something_to_look_up():
    assert len(symptoms()) >= 30 and set(symptoms()) >= OF_A_CA


def test_the_transcript_has_tasks_and_plays_that_exist():
    (text,) = [text for name, text in blocks("text") if name.startswith("docs/first-day.md")]
    names = re.findall(r"^(?:TASK|PLAY) \[(?:potluck\.matrix\.(\w+) : )?(.+)\] \**$", text, re.MULTILINE)
    assert len(names) == 9
    for role, name in names:
        places = TOP.glob(f"roles/{role}/tasks/*.yml" if role else "playbooks/**/*.yml")
        assert any(f"- name: {name}\n" in path.read_text(encoding="utf-8") for path in places), name
    header = text.splitlines()[-2].split()
    for word in header:
        assert word in (TOP / "plugins/plugin_utils/_report.py").read_text(encoding="utf-8"), word


def test_the_branches_are_those_of_the_tests():
    package = json.loads((TOP / "tests/double/packages/py311-matrix-synapse/package.json").read_text(encoding="utf-8"))
    text = (TOP / "docs/packages.md").read_text(encoding="utf-8")
    assert f"{package['branches']['quarterly']['version']}\nas `quarterly`" in text
    assert f"{package['version']} as `latest`" in text
    # The same as FreeBSD's own, but for the branch.
    own = (TOP / "tests/double/skeleton/etc/pkg/FreeBSD.conf").read_text(encoding="utf-8")
    for setting, value in re.findall(r"^  (\w+): ([\w/]+)$", text, re.MULTILINE):
        assert f'{setting}: "{value}"' in own
