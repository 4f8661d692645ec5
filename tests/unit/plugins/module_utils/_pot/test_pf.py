# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot's anchors come where pf.conf(5) wants them, once."""

from __future__ import annotations

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._pot import pf


def test_pf_anchors():
    assert pf.has_pf_anchors('set skip on lo0\nnat-anchor pot-nat\nrdr-anchor "pot-rdr/*"\npass\n')
    assert not pf.has_pf_anchors('# nat-anchor pot-nat\nrdr-anchor "pot-rdr/*"\n')
    assert not pf.has_pf_anchors("nat-anchor pot-nat\n" * 2 + 'rdr-anchor "pot-rdr/*"\n')


@pytest.mark.parametrize(
    "before, after",
    [
        ("", "@"),
        ("pass\n", "@pass\n"),
        (
            'ext = "em0"\nset skip on lo\nscrub in all\n\n# translation\nnat on $ext from 10/8 to any -> ($ext)\npass',
            'ext = "em0"\nset skip on lo\nscrub in all\n\n# translation\n@nat on $ext from 10/8 to any -> ($ext)\n'
            "pass\n",
        ),
        (
            'table <bad> persist\nports = "80 \\\npass 443"\nno nat on em0\n',
            'table <bad> persist\nports = "80 \\\npass 443"\n@no nat on em0\n',
        ),
        ("block all\nnat-anchor pot-nat\n  nat-anchor pot-nat\n", "@block all\n"),
        ('anchors = "x"\nanchor "ftp"\n', 'anchors = "x"\n@anchor "ftp"\n'),
    ],
)
def test_pf_anchors_come_before_the_first_rule(before, after):
    assert pf.with_pf_anchors(before) == after.replace("@", 'nat-anchor pot-nat\nrdr-anchor "pot-rdr/*"\n')
    assert pf.has_pf_anchors(pf.with_pf_anchors(before))
