# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pkg's command line."""

from __future__ import annotations

import getopt
import os
import subprocess

from pkgng import fetching, files, repositories
from pkgng.catalogues import repos, search, update
from pkgng.changing import annotate, autoremove, delete, fetch, install, lock, set_, upgrade
from pkgng.commandline import USAGE_ERROR, Stop, read_options, setting_of, warn
from pkgng.database import Database, Locked, exists
from pkgng.packages import check, info, query_, rquery, stats, version, which

# What a pkg built from its repository says, as the recorded one was; a packaged one says its version.
SOURCE_VERSION = "2.8.99.1-13f9f9867"

REAL = "/usr/local/sbin/pkg"


def audit(arguments: list[str]) -> int:
    """pkg audit: without a list of vulnerabilities, as this double has none to fetch"""
    options, _rest = read_options(arguments, "Fqrf:R", [])
    if "F" in options:
        warn("Unable to fetch vuln.xml: No address record")
        return 1
    warn("vulnxml file vuln.xml does not exist. Try running 'pkg audit -F' first")
    return 1


def config(arguments: list[str]) -> int:
    """pkg config NAME"""
    if not arguments:
        raise Stop(USAGE_ERROR, "Usage: pkg config <configname>")
    name = arguments[0].upper()
    known = {
        "ABI": [repositories.abi()],
        "REPOS_DIR": list(repositories.REPOS_DIRS),
        "PKG_DBDIR": ["/var/db/pkg"],
        "PKG_CACHEDIR": ["/var/cache/pkg"],
        "OSVERSION": [repositories.osversion()],
        "ALTABI": [repositories.abi().lower().replace("amd64", "x86:64")],
        **{
            setting: ["yes" if setting_of(setting, default) else "no"]
            for setting, default in (
                ("ASSUME_ALWAYS_YES", False),
                ("REPO_AUTOUPDATE", True),
                ("HANDLE_RC_SCRIPTS", False),
                ("IGNORE_OSVERSION", False),
            )
        },
    }
    if name not in known:
        warn(f"No such configuration options: {arguments[0]}")
        return 1
    print("\n".join(known[name]))
    return 0


def clean(arguments: list[str]) -> int:
    """pkg clean; of -a only, since nothing here outdates what was downloaded"""
    options, _rest = read_options(arguments, "anqy", ["all", "yes", "dry-run"])
    if not os.path.isdir(fetching.CACHE):
        warn(f"Unable to open {fetching.CACHE}: No such file or directory")
        return 0
    if "a" not in options or not os.listdir(fetching.CACHE):
        print("Nothing to do.")
        return 0
    if "n" not in options:
        for name in os.listdir(fetching.CACHE):
            os.unlink(f"{fetching.CACHE}/{name}")
    return 0


def bootstrap(_arguments: list[str]) -> int:
    """pkg bootstrap, once the real pkg is there"""
    print(f"pkg already bootstrapped at {REAL}")
    return 0


_COMMANDS = {
    "annotate": annotate,
    "audit": audit,
    "autoremove": autoremove,
    "bootstrap": bootstrap,
    "check": check,
    "clean": clean,
    "config": config,
    "delete": delete,
    "fetch": fetch,
    "info": info,
    "install": install,
    "lock": lock,
    "query": query_,
    "remove": delete,
    "repos": repos,
    "rquery": rquery,
    "search": search,
    "set": set_,
    "stats": stats,
    "unlock": lambda arguments: lock(arguments, locking=False),
    "update": update,
    "upgrade": upgrade,
    "version": version,
    "which": which,
    "prime-list": lambda arguments: query_(["-e", "%a = 0", "%n", *arguments]),
    "prime-origins": lambda arguments: query_(["-e", "%a = 0", "%o", *arguments]),
    "leaf": lambda arguments: query_(["-e", "%#r = 0", "%n-%v", *arguments]),
}


def _enter(options: dict, arguments: list[str]) -> None:
    """-j JAIL, -c DIR and -r DIR: work in another root."""
    if "j" in options:
        jail = options["j"][-1]
        if subprocess.run(["/usr/sbin/jls", "-j", jail, "jid"], capture_output=True, check=False).returncode != 0:
            raise Stop(1, f'jail "{jail}" not found')
        program = (
            "import sys; sys.path.insert(0, '/.double/lib'); from pkgng import cli; sys.exit(cli.main(sys.argv[1:]))"
        )
        os.execv("/usr/sbin/jexec", ["jexec", jail, "/.double/usr/bin/python3", "-I", "-c", program, *arguments])
    directory = (options.get("c") or options.get("r"))[-1]
    try:
        os.chroot(directory)
    except OSError as problem:
        raise Stop(1, f"chroot failed: {problem.strerror}") from None
    os.chdir("/")


def main(arguments: list[str]) -> int:
    """Run pkg with these arguments; the exit code."""
    try:
        return _main(arguments)
    except Stop as stop:
        if str(stop):
            warn(str(stop))
        return stop.code
    except fetching.NotFetched as problem:
        warn(str(problem))
        return fetching.FATAL
    except (Locked, files.Failed) as problem:
        warn(str(problem))
        return 1
    except BrokenPipeError:
        return 1
    except OSError as problem:
        warn(f"{problem.filename}: {problem.strerror}")
        return 1


def _main(arguments: list[str]) -> int:
    try:
        pairs, rest = getopt.getopt(
            arguments,
            "dvj:c:r:C:R:4 6No:l",
            ["debug", "version", "jail=", "chroot=", "rootdir=", "config=", "repo-conf-dir=", "option="],
        )
    except getopt.GetoptError as problem:
        raise Stop(USAGE_ERROR, problem.msg) from None
    options: dict[str, list[str]] = {}
    for option, value in pairs:
        letter = {"--jail": "j", "--chroot": "c", "--rootdir": "r", "--version": "v", "--option": "o"}.get(
            option, option.lstrip("-")
        )
        options.setdefault(letter, []).append(value)
    for setting in options.get("o", []):
        name, _separator, value = setting.partition("=")
        os.environ[name] = value
    if {"j", "c", "r"} & set(options):
        _enter(options, rest)
    if "v" in options and not rest:
        itself = Database(write=False).packages.get("pkg")
        print(itself["version"] if itself else SOURCE_VERSION)
        if len(options["v"]) > 1:
            repos([])
        return 0
    if "N" in options:
        if not exists():
            raise Stop(1, "package database non-existent")
        if not rest:
            warn(f"{len(Database(write=False).packages)} packages installed")
            return 0
    if not rest:
        raise Stop(
            USAGE_ERROR,
            "not enough arguments\nUsage: pkg [-v] [-d] [-l] [-N] [-j <jail name or id>|-c <chroot path>|-r <rootdir>] "
            "[-C <configuration file>] [-R <repo config dir>] [-o var=value] [-4|-6] <command> [<args>]\n\n"
            "For more information on available commands and options see 'pkg help'.",
        )
    name = rest[0]
    # Any unambiguous beginning of a command's name is that command.
    candidates = [name] if name in _COMMANDS else [known for known in _COMMANDS if known.startswith(name)]
    if len(candidates) != 1:
        what = "unknown command" if not candidates else "Ambiguous command"
        raise Stop(
            USAGE_ERROR, f"{what}: {name}\n\nFor more information on available commands and options see 'pkg help'."
        )
    return _COMMANDS[candidates[0]](rest[1:])
