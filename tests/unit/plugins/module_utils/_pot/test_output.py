# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pot says is boiled down to what went wrong."""

from __future__ import annotations

import json
import pathlib

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._pot.output import parse_status, pot_errors

FIXTURES = pathlib.Path(__file__).parents[3] / "fixtures" / "pot"


def fixture(name):
    return (FIXTURES / name).read_text(encoding="utf-8")


def test_status():
    assert parse_status(fixture("status-started")) == "started"
    assert parse_status(fixture("status-stopped")) == "stopped"
    assert parse_status("pot.status=starting,\npot.status=started,p4e1:p6e1\n") == "started"
    assert parse_status("") == ""


RECORDED_ERRORS = [json.loads(line) for line in fixture("errors.jsonl").splitlines()]


@pytest.mark.parametrize("record", RECORDED_ERRORS, ids=[r["cmd"] for r in RECORDED_ERRORS])
def test_recorded_errors_become_short_sentences(record):
    text = pot_errors(record["stdout"], record["stderr"])
    assert (
        text
        and "\n" not in text
        and "-h print this help" not in text
        and "###>" not in text
        and not text.startswith((" ", "NO "))
    )


def test_error_texts():
    assert (
        pot_errors("###>   Pot nosuch not found\n###>  NO nosuch is not a pot\n")
        == "Pot nosuch not found; nosuch is not a pot"
    )
    assert pot_errors("", "cannot create 'x': out of space\n") == "cannot create 'x': out of space"
