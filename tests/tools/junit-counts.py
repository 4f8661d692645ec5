# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints how many tests of a JUnit report passed, failed and were skipped: ``PASSED FAILED SKIPPED``."""

from __future__ import annotations

import sys
from xml.etree import ElementTree

suites = list(ElementTree.parse(sys.argv[1]).getroot().iter("testsuite"))
total, bad, skipped = (
    sum(int(suite.get(key, 0)) for suite in suites for key in keys)
    for keys in (("tests",), ("failures", "errors"), ("skipped",))
)
print(total - bad - skipped, bad, skipped)
