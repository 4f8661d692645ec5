# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print how far the double agrees with the captures: python tests/contract/report.py [FILE…] [-v]."""

from __future__ import annotations

import sys

import replay


def show(label: str, expected: object, actual: object) -> None:
    """Both sides of a difference, one under the other."""
    if expected != actual:
        print(f"      {label}\n        recorded {expected!r}\n        double   {actual!r}")


def report(replays: dict[str, dict[int, replay.Result]], verbose: bool = False) -> int:
    """Print counts, differences and gaps of replayed files; returns the number of differing covered lines."""
    differing = 0
    for name, results in replays.items():
        declared = replay.declarations(name)
        covered = [result for seq, result in results.items() if seq in declared[seq].covered]
        different = [result for result in covered if not result.same()]
        missing = {seq: reason for seq, declaration in declared.items() for number, reason in declaration.missing.items() if number == seq}
        differing += len(different)
        print(f"{name}: {len(results)} lines, {len(covered) - len(different)} as recorded, {len(different)} different, {len(missing)} missing")
        for result in different:
            print(f"  {result.line.seq} [{result.line.group}] {result.line.cmd}")
            for label, expected, actual in zip(("rc", "stdout", "stderr"), result.expected(), result.actual(), strict=True):
                show(label, expected, actual)
        for seq, reason in sorted(missing.items()):
            same = results[seq].same()
            print(f"  {seq} [{results[seq].line.group}] missing{' (though it agrees)' if same else ''}: {reason}")
            if verbose and not same:
                print(f"    {results[seq].line.cmd}")
                for label, expected, actual in zip(("rc", "stdout", "stderr"), results[seq].expected(), results[seq].actual(), strict=True):
                    show(label, expected, actual)
    return differing


def main(arguments: list[str]) -> int:
    """Replay and report; returns the exit code."""
    names = [argument for argument in arguments if not argument.startswith("-")] or replay.files()
    return min(report({name: replay.replay(name) for name in names}, "-v" in arguments), 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
