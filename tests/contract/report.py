# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print how far a double, or a FreeBSD host reached by ssh, agrees with the captures; or record new ones on such a
host.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import captures
import replay
from remote import Refusal, Remote


@dataclass
class Count:
    """Lines of a file or of a release; different are compared lines, missing those that are not, skipped those that
    were not run.
    """

    recorded: int = 0
    equal: int = 0
    different: int = 0
    missing: int = 0
    skipped: int = 0

    def __iadd__(self, other: Count) -> Count:
        self.recorded += other.recorded
        self.equal += other.equal
        self.different += other.different
        self.missing += other.missing
        self.skipped += other.skipped
        return self

    @property
    def share(self) -> float:
        """The percentage of the recorded lines that are compared and equal."""
        return 100 * self.equal / self.recorded if self.recorded else 0.0

    def __str__(self) -> str:
        not_run = f", {self.skipped} skipped" if self.skipped else ""
        return (
            f"{self.recorded} lines: {self.equal + self.different} covered, {self.equal} equal ({self.share:.1f} %), "
            f"{self.different} different, {self.missing} missing{not_run}"
        )


def status(declaration: captures.Declaration, result: replay.Result, machine: bool) -> str:
    """'equal', 'different', 'missing', 'skipped' or, without a recorded answer, 'unrecorded'.

    What the double cannot do is no reason not to compare a real host.
    """
    if result.line.rc is None:
        return "unrecorded"
    if result.skipped:
        return "skipped"
    if result.line.seq not in declaration.covered and not machine:
        return "missing"
    return "equal" if result.same() else "different"


def count(release: str, name: str, results: replay.Results, machine: bool = False) -> Count:
    """What became of the lines of a file."""
    declared = captures.declarations(release, name)
    total = Count()
    for seq, result in results.items():
        what = status(declared[seq], result, machine)
        if what != "unrecorded":
            total.recorded += 1
            setattr(total, what, getattr(total, what) + 1)
    return total


def show(result: replay.Result) -> None:
    """A line's command and both sides of each difference, one under the other."""
    print(f"    $ {result.line.cmd}")
    for label, expected, actual in zip(("rc", "stdout", "stderr"), result.expected(), result.actual(), strict=True):
        if expected != actual:
            print(f"      {label}\n        recorded {expected!r}\n        here     {actual!r}")


def report(
    replays: dict[tuple[str, str], replay.Results], verbose: bool = False, machine: bool = False
) -> dict[str, Count]:
    """Print counts, differences and gaps of replayed files; returns the sums by release."""
    totals: dict[str, Count] = {}
    for (release, name), results in sorted(replays.items()):
        declared = captures.declarations(release, name)
        counted = count(release, name, results, machine)
        totals.setdefault(release, Count()).__iadd__(counted)
        print(f"{release} {name}: {counted}")
        for seq, result in sorted(results.items()):
            what = status(declared[seq], result, machine)
            head = f"  {seq} [{result.line.group}] {what}"
            if what == "different":
                print(head)
                show(result)
            elif what == "skipped":
                print(f"{head}: {result.skipped}")
            elif what in ("missing", "unrecorded"):
                equal = " (though it agrees)" if result.same() else ""
                print(f"{head}{equal}: {declared[seq].missing.get(seq, captures.NOT_RECORDED)}")
                if verbose and not equal:
                    show(result)
    for release, total in sorted(totals.items()):
        print(f"{release} together: {total}")
    return totals


def remote_report(options: argparse.Namespace) -> int:
    """Compare with a host, or record on it."""
    machine = Remote(options.machine, options.ssh_option, options.disposable)
    try:
        if options.record:
            for text in options.files:
                source = (
                    Path(text) if text.endswith(".jsonl") else captures.CAPTURES / machine.release / f"{text}.jsonl"
                )
                target = options.record / source.name
                if target.exists():
                    raise Refusal(f"{target} is there already.")
                options.record.mkdir(parents=True, exist_ok=True)
                results = replay.record(machine, source, target)
                print(
                    f"{target}: {sum(not each.skipped for each in results.values())} of {len(results)} lines recorded"
                )
            return 0
        machine.require_recorded()
        names = options.files or captures.files(machine.release)
        if unknown := [name for name in names if not (captures.CAPTURES / machine.release / f"{name}.jsonl").exists()]:
            raise Refusal(f"Nothing of that name was recorded on FreeBSD {machine.release}: {', '.join(unknown)}.")
        replays = {(machine.release, name): replay.replay_remotely(machine, name) for name in names}
    finally:
        machine.close()
    return int(any(total.different for total in report(replays, options.verbose, machine=True).values()))


def main() -> int:
    """Replay and report; 1 where a compared line differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", metavar="FILE", help="capture files by name, such as pot; default: all")
    parser.add_argument("--release", action="append", choices=captures.releases(), help="of the double, default: all")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show the differences of lines that are declared as missing, too"
    )
    parser.add_argument("--machine", metavar="root@HOST", help="a FreeBSD host in place of the double")
    parser.add_argument(
        "--ssh-option",
        action="append",
        metavar="WORD",
        help="another argument of ssh, such as --ssh-option=-i --ssh-option=KEY",
    )
    parser.add_argument("--disposable", action="store_true", help="run also the lines that change what the host had")
    parser.add_argument(
        "--record", type=Path, metavar="DIRECTORY", help="write what the host answers as FILE.jsonl there"
    )
    options = parser.parse_args()
    if (options.record or options.disposable) and not options.machine:
        parser.error("--record and --disposable go with --machine")
    if options.record and not options.files:
        parser.error("record what? Name capture files, or a path ending in .jsonl of lines with seq, group and cmd")
    if options.machine:
        return remote_report(options)
    replays = {
        (release, name): replay.replay(release, name)
        for release in options.release or captures.releases()
        for name in captures.files(release)
        if name in (options.files or [name])
    }
    return int(any(total.different for total in report(replays, options.verbose).values()))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Refusal as refusal:
        sys.exit(f"report: {refusal}")
