# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure what runs cost, and what the databases can do, and write it into docs/performance.md:

tests/tools/apart /tmp/bench python tests/bench/bench.py [--servers 1,4,16] [--only rollouts|databases]

Exits with 1 when a budget is not met. A machine that does other things meanwhile measures these.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import databases
import rollouts
import tables

PAGE = Path(__file__).resolve().parents[2] / "docs/performance.md"


def machine():
    """What was measured on, in a few words."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as stream:
        models = [line.partition(":")[2].strip() for line in stream if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{len(os.sched_getaffinity(0))} cores ({models[0] if models else platform.machine()}), {memory:.0f} GiB"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", default="1,4,16", help="how many at once, smallest first; default 1,4,16")
    parser.add_argument("--only", choices=("rollouts", "databases"))
    parser.add_argument("--seconds", type=int, default=20, help="for each number of clients")
    arguments = parser.parse_args()
    where = f"{machine()}, {datetime.date.today().isoformat()}"
    problems = []

    def say(measured):
        print(time.strftime("%H:%M:%S"), measured, flush=True)

    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        if arguments.only != "databases":
            found = rollouts.measure_everything(place, say)
            found += rollouts.measure(place, [int(size) for size in arguments.servers.split(",")], say)
            problems = rollouts.broken_budgets(found)
            tables.replace(PAGE, "rollouts", tables.of_rollouts(found, where))
            print("\n".join(tables.beside_stock(found)), flush=True)
        if arguments.only != "rollouts":
            tables.replace(
                PAGE, "databases", tables.of_databases(databases.measure(place, say, arguments.seconds), where)
            )
    for problem in problems:
        print(f"over budget: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
