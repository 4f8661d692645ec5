# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot.conf is edited line by line, and read as sh reads it."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._pot import settings
from hypothesis import given
from hypothesis import strategies as st

SAMPLE = """# pot configuration
 # POT_EXTIF=em0
POT_EXTIF=em0
POT_ZFS_ROOT="tank/pot"
POT_EXTRA_EXTIF="em1 em2"
POT_EXTIF=em9
"""


def test_edit_keeps_other_lines_and_leaves_one_of_each():
    assert (
        settings.edit(SAMPLE, {"POT_EXTIF": "vtnet0", "POT_GATEWAY": "10.0.0.1"})
        == """# pot configuration
 # POT_EXTIF=em0
POT_EXTIF=vtnet0
POT_ZFS_ROOT="tank/pot"
POT_EXTRA_EXTIF="em1 em2"
POT_GATEWAY=10.0.0.1
"""
    )


def test_edit_of_nothing():
    assert settings.edit("", {}) == ""
    assert settings.edit("", {"POT_EXTIF": "vtnet0"}) == "POT_EXTIF=vtnet0\n"
    assert settings.edit("A=1", {}) == "A=1\n"


def test_parse_is_what_sh_reads():
    assert settings.parse(SAMPLE) == {"POT_EXTIF": "em9", "POT_ZFS_ROOT": "tank/pot", "POT_EXTRA_EXTIF": "em1 em2"}


def test_values_with_blanks_are_quoted_and_others_not():
    assert settings.assignment("POT_EXTRA_EXTIF", "em1 em2") == 'POT_EXTRA_EXTIF="em1 em2"'
    assert settings.assignment("POT_NETWORK", "10.192.0.0/10") == "POT_NETWORK=10.192.0.0/10"


def test_quotes_that_potnet_stumbles_over():
    assert settings.quoted_for_potnet(SAMPLE) == ["POT_ZFS_ROOT"]


@pytest.mark.parametrize(
    "key, value, complaint",
    [
        ("EXTIF", "em0", "begin with POT_"),
        ("POT_X Y", "em0", "begin with POT_"),
        ("POT_EXTIF", "em0 em1", "potnet cannot read"),
        ("POT_EXTIF", ["em0"], "single value"),
        ("POT_EXTIF", None, "single value"),
        ("POT_EXTRA_EXTIF", "em0\nrm", "line break"),
    ],
)
def test_settings_that_pot_conf_can_not_carry(key, value, complaint):
    with pytest.raises(ValueError, match=complaint):
        settings.text_of(key, value)


def test_booleans_are_written_as_pot_does():
    assert settings.text_of("POT_ISOLATE_VNET_POTS", True) == "true"


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_sh_and_parse_read_back_what_was_written(value):
    text = settings.edit("", {"POT_EXTRA_EXTIF": value})
    assert settings.parse(text)["POT_EXTRA_EXTIF"] == value
    assert settings.edit(text, {"POT_EXTRA_EXTIF": value}) == text
    read = subprocess.run(
        ["sh", "-c", text + 'printf %s "$POT_EXTRA_EXTIF"'], capture_output=True, check=True, text=True
    )
    assert read.stdout == value
