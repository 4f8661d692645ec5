# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/usr/sbin/pkg of the base system, pkg(7): fetches the real pkg, or hands over to it."""

from __future__ import annotations

import os
import sys

from pkgng import cli, fetching, jobs, repositories
from pkgng.commandline import Quiet
from pkgng.database import Database

_UNATTENDED = (
    "The package management tool is not yet installed on your system.\n"
    "Please set ASSUME_ALWAYS_YES=yes environment variable to be able to bootstrap in non-interactive "
    "(stdin not being a tty)\n"
)


def _agreed(arguments: list[str]) -> bool:
    if os.environ.get("ASSUME_ALWAYS_YES", "").lower() in ("yes", "true", "on", "1"):
        return True
    if arguments[:1] == ["bootstrap"] and any(argument in ("-y", "-fy", "-yf") for argument in arguments[1:]):
        return True
    if not sys.stdin.isatty():
        sys.stderr.write(_UNATTENDED)
        return False
    sys.stdout.write(
        "The package management tool is not yet installed on your system.\n"
        "Do you want to fetch and install it now? [y/N]: "
    )
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _fetch() -> bool:
    for repository in repositories.enabled():
        print(f"Bootstrapping pkg from {repository.url}, please wait...", flush=True)
        try:
            record = repositories.fetch_one(repository, "pkg")
        except repositories.Unreachable as problem:
            sys.stderr.write(f"pkg: Error fetching {problem}\n")
            continue
        if record is None or fetching.fault_of("pkg") == "missing":
            sys.stderr.write(f"pkg: Error fetching {repository.url}/Latest/pkg.txz: Not Found\n")
            continue
        print("Verifying signature with trusted certificate pkg.freebsd.org.2013102301... done")
        record["remote"] = False
        jobs.carry_out(jobs.Plan(install=[record], requested={"pkg"}), Database(write=True), False, Quiet(False))
        return True
    sys.stderr.write(
        "A pre-built version of pkg could not be found for your system.\n"
        "Consider changing PACKAGESITE or installing it from ports: 'ports-mgmt/pkg'.\n"
    )
    return False


def main(arguments: list[str]) -> int:
    """Run the bootstrapper; the exit code, unless the real pkg takes over."""
    if not os.access(cli.REAL, os.X_OK):
        if arguments[:1] == ["-N"]:
            sys.stderr.write("pkg: pkg is not installed\n")
            return 1
        if not _agreed(arguments) or not _fetch():
            return 1
        if arguments[:1] == ["bootstrap"]:
            return 0
    elif arguments[:1] == ["bootstrap"]:
        return cli.bootstrap([])
    sys.stdout.flush()
    os.execv(cli.REAL, ["pkg", *arguments])
    return None
