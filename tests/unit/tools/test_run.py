# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tests/run runs every test of a whole deployment, and each once."""

from __future__ import annotations

import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
TEXT = (TOP / "tests/run").read_text(encoding="utf-8")
SYSTEM = TOP / "tests/system"


def files_of(stage):
    """The test files of a stage that has deployments: a directory of tests/system, or a part of one."""
    if (SYSTEM / stage).is_dir():
        return sorted((SYSTEM / stage).glob("test_*.py"))
    part = re.search(rf'^    \[{stage}\]="(.*)"$', TEXT, re.MULTILINE)
    return [SYSTEM / stage.partition("-")[0] / f"{name}.py" for name in part.group(1).split()] if part else []


def test_every_system_test_is_in_one_stage():
    stages = re.search(r"all_stages=\((.*?)\)", TEXT, re.DOTALL).group(1).split()
    found = [path for stage in stages for path in files_of(stage)]
    assert sorted(found) == sorted(SYSTEM.glob("*/test_*.py"))


def test_every_part_is_run():
    stages = re.search(r"all_stages=\((.*?)\)", TEXT, re.DOTALL).group(1).split()
    parts = re.findall(r"^    \[([\w-]+)\]=", TEXT, re.MULTILINE)
    assert parts and set(parts) <= set(stages)
    functions = re.findall(r"^stage_(\w+)\(\)", TEXT, re.MULTILINE)
    assert [stage for stage in stages if stage not in functions and not files_of(stage)] == []
