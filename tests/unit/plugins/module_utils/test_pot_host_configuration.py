# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.potluck.matrix.plugins.module_utils import _pot_host

SAMPLE = """# pot configuration
 # POT_EXTIF=em0
POT_EXTIF=em0
POT_ZFS_ROOT="tank/pot"
POT_EXTRA_EXTIF="em1 em2"
POT_EXTIF=em9
"""


def test_edit_keeps_other_lines_and_leaves_one_of_each():
    assert _pot_host.edit(SAMPLE, {"POT_EXTIF": "vtnet0", "POT_GATEWAY": "10.0.0.1"}) == """# pot configuration
 # POT_EXTIF=em0
POT_EXTIF=vtnet0
POT_ZFS_ROOT="tank/pot"
POT_EXTRA_EXTIF="em1 em2"
POT_GATEWAY=10.0.0.1
"""


def test_edit_of_nothing():
    assert _pot_host.edit("", {}) == ""
    assert _pot_host.edit("", {"POT_EXTIF": "vtnet0"}) == "POT_EXTIF=vtnet0\n"
    assert _pot_host.edit("A=1", {}) == "A=1\n"


def test_parse_is_what_sh_reads():
    assert _pot_host.parse(SAMPLE) == {"POT_EXTIF": "em9", "POT_ZFS_ROOT": "tank/pot", "POT_EXTRA_EXTIF": "em1 em2"}


def test_values_with_blanks_are_quoted_and_others_not():
    assert _pot_host.assignment("POT_EXTRA_EXTIF", "em1 em2") == 'POT_EXTRA_EXTIF="em1 em2"'
    assert _pot_host.assignment("POT_NETWORK", "10.192.0.0/10") == "POT_NETWORK=10.192.0.0/10"


def test_quotes_that_potnet_stumbles_over():
    assert _pot_host.quoted_for_potnet(SAMPLE) == ["POT_ZFS_ROOT"]


@pytest.mark.parametrize("key, value, complaint", [
    ("EXTIF", "em0", "begin with POT_"),
    ("POT_X Y", "em0", "begin with POT_"),
    ("POT_EXTIF", "em0 em1", "potnet can not read"),
    ("POT_EXTIF", ["em0"], "single value"),
    ("POT_EXTIF", None, "single value"),
    ("POT_EXTRA_EXTIF", "em0\nrm", "line break"),
])
def test_settings_that_pot_conf_can_not_carry(key, value, complaint):
    with pytest.raises(ValueError, match=complaint):
        _pot_host.text_of(key, value)


def test_booleans_are_written_as_pot_does():
    assert _pot_host.text_of("POT_ISOLATE_VNET_POTS", True) == "true"


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_sh_and_parse_read_back_what_was_written(value):
    text = _pot_host.edit("", {"POT_EXTRA_EXTIF": value})
    assert _pot_host.parse(text)["POT_EXTRA_EXTIF"] == value
    assert _pot_host.edit(text, {"POT_EXTRA_EXTIF": value}) == text
    read = subprocess.run(["sh", "-c", text + 'printf %s "$POT_EXTRA_EXTIF"'], capture_output=True, check=True, text=True)
    assert read.stdout == value


def test_releases_of_this_kind_of_machine():
    names = ["amd64-amd64-13.2-RELEASE", "amd64-amd64-9.3-RELEASE", "amd64-amd64-14.0-RC1-RELEASE", "arm64-aarch64-14.1-RELEASE", "README"]
    assert _pot_host.releases(names, "amd64") == ["9.3", "13.2", "14.0-RC1"]


def test_what_commands_print():
    route = "   route to: 0.0.0.0\ndestination: 0.0.0.0\n    gateway: 10.0.2.2\n        fib: 0\n  interface: vtnet0\n      flags: <UP,GATEWAY,DONE,STATIC>\n"
    assert _pot_host.default_interface(route) == "vtnet0"
    assert _pot_host.default_interface("route: route has not been found\n") == ""
    assert _pot_host.short_release("13.2-RELEASE-p3\n") == "13.2"
    assert _pot_host.pot_base("pot.level=0\npot.base=13.2\n") == "13.2"
    assert _pot_host.pot_base("") == ""


def test_pf_anchors():
    assert _pot_host.has_pf_anchors('set skip on lo0\nnat-anchor pot-nat\nrdr-anchor "pot-rdr/*"\npass\n')
    assert not _pot_host.has_pf_anchors('# nat-anchor pot-nat\nrdr-anchor "pot-rdr/*"\n')
    assert not _pot_host.has_pf_anchors('nat-anchor pot-nat\n' * 2 + 'rdr-anchor "pot-rdr/*"\n')


@pytest.mark.parametrize("before, after", [
    ("", "@"),
    ("pass\n", "@pass\n"),
    ('ext = "em0"\nset skip on lo\nscrub in all\n\n# translation\nnat on $ext from 10/8 to any -> ($ext)\npass',
     'ext = "em0"\nset skip on lo\nscrub in all\n\n# translation\n@nat on $ext from 10/8 to any -> ($ext)\npass\n'),
    ('table <bad> persist\nports = "80 \\\npass 443"\nno nat on em0\n', 'table <bad> persist\nports = "80 \\\npass 443"\n@no nat on em0\n'),
    ('block all\nnat-anchor pot-nat\n  nat-anchor pot-nat\n', "@block all\n"),
    ('anchors = "x"\nanchor "ftp"\n', 'anchors = "x"\n@anchor "ftp"\n'),
])
def test_pf_anchors_come_before_the_first_rule(before, after):
    assert _pot_host.with_pf_anchors(before) == after.replace("@", 'nat-anchor pot-nat\nrdr-anchor "pot-rdr/*"\n')
    assert _pot_host.has_pf_anchors(_pot_host.with_pf_anchors(before))
