# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pkg's command line."""

from __future__ import annotations

import fnmatch
import getopt
import os
import re
import subprocess
import sys

from pkgng import files, jobs, query, repositories, ucl, versions
from pkgng.database import Database, Locked, exists

# What a pkg built from its repository says, as the recorded one was; a packaged one says its version.
SOURCE_VERSION = "2.8.99.1-13f9f9867"
REAL = "/usr/local/sbin/pkg"
_USAGE = 64
_NO_PERMISSION = 77


class Stop(Exception):
    """End with this exit code; the text, if any, goes to stderr behind pkg's name."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text)
        self.code = code


class Quiet:
    """Prints unless -q was given."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def __call__(self, text: str, end: str = "\n") -> None:
        if not self.quiet:
            sys.stdout.write(text + end)
            sys.stdout.flush()


def _warn(text: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"pkg: {text}\n")


def _setting(name: str, default: bool) -> bool:
    value = os.environ.get(name)
    if value is None:
        try:
            with open("/usr/local/etc/pkg.conf", encoding="utf-8") as stream:
                value = ucl.parse(stream.read()).get(name, default)
        except OSError:
            return default
    return value if isinstance(value, bool) else value.lower() in ("yes", "true", "on", "1")


def _options(arguments: list[str], letters: str, words: list[str] = ()) -> tuple[dict[str, list[str]], list[str]]:
    """({letter or long word: values}, operands); repeated options keep all their values."""
    try:
        pairs, operands = getopt.getopt(arguments, letters, list(words))
    except getopt.GetoptError as problem:
        raise Stop(_USAGE, f"{problem.msg}\nFor more information see 'pkg help'.") from None
    found: dict[str, list[str]] = {}
    for option, value in pairs:
        found.setdefault(option.lstrip("-"), []).append(value)
    # Long spellings that have a letter are looked up by it.
    for word, letter in _LETTERS.items():
        if word in found:
            found.setdefault(letter, []).extend(found.pop(word))
    return found, operands


_LETTERS = {
    "repository": "r", "yes": "y", "dry-run": "n", "quiet": "q", "force": "f", "glob": "g", "regex": "x", "all": "a",
    "no-repo-update": "U", "exists": "e", "exact": "E", "case-insensitive": "i", "automatic": "A", "recursive": "R",
}
_WORDS = ["repository=", *(word for word in _LETTERS if word != "repository")]


def _match(patterns: list[str], packages: dict[str, dict], options: dict) -> list[tuple[str, list[dict]]]:
    """For each pattern the packages it means: by name, name-version or origin; glob and regex if asked for."""
    result = []
    for pattern in patterns:
        hits = []
        for record in packages.values():
            names = (record["name"], f"{record['name']}-{record['version']}", record["origin"])
            if "x" in options:
                matches = any(re.search(pattern, name) for name in names[:2])
            elif "g" in options:
                matches = any(fnmatch.fnmatchcase(name, pattern) for name in names)
            else:
                matches = pattern in names
            if matches:
                hits.append(record)
        result.append((pattern, hits))
    return result


def _privileged(action: str) -> None:
    if os.geteuid() != 0:
        raise Stop(_NO_PERMISSION, f"Insufficient privileges to {action}")


def _confirmed(options: dict, question: str, default: bool = False) -> bool:
    if "y" in options or _setting("ASSUME_ALWAYS_YES", False):
        return True
    if not sys.stdin.isatty():
        return default
    answer = input(f"\n{question} [{'Y/n' if default else 'y/N'}]: ")
    return answer.strip().lower() in ("y", "yes")


# --- repositories -------------------------------------------------------------------------------------------------


def _update(only: list[str], force: bool, say) -> None:
    """Refresh the catalogues. Raises Stop when one cannot be had."""
    if os.geteuid() != 0:
        return
    chosen = repositories.enabled(only)
    if not chosen:
        raise Stop(1, "No active remote repositories configured.")
    failed = False
    for repository in chosen:
        say(f"Updating {repository.name} repository catalogue...")
        try:
            count = repositories.refresh(repository, force)
        except repositories.Unreachable as problem:
            _warn(str(problem))
            say(f"Unable to update repository {repository.name}")
            failed = True
            continue
        if count is None:
            say(f"{repository.name} repository is up to date.")
        else:
            say("Fetching meta.conf: . done\nFetching data: . done\nProcessing entries: . done")
            say(f"{repository.name} repository update completed. {count} packages processed.")
    if failed:
        say("Error updating repositories!")
        raise Stop(1)
    say(f"{', '.join(only)} is up to date." if only else "All repositories are up to date.")


def _available(only: list[str]) -> dict[str, dict]:
    """Packages of the catalogues fetched, by name; the first repository that has a name wins."""
    found: dict[str, dict] = {}
    for repository in repositories.enabled(only):
        catalogue = repositories.cached(repository.name)
        if catalogue is None:
            _warn(f"Repository {repository.name} cannot be opened. 'pkg update' required")
            continue
        found = {**catalogue["packages"], **found}
    return dict(sorted(found.items()))


def _catalogue(options: dict, quiet: bool) -> dict[str, dict]:
    if "U" not in options and _setting("REPO_AUTOUPDATE", True):
        _update(options.get("r", []), False, Quiet(quiet))
    return _available(options.get("r", []))


def update(arguments: list[str]) -> int:
    """pkg update"""
    options, _rest = _options(arguments, "fqr:", _WORDS)
    _privileged("update the repository catalogue.")
    _update(options.get("r", []), "f" in options, Quiet("q" in options))
    return 0


def repos(arguments: list[str]) -> int:
    """pkg repos: the enabled repositories, as UCL"""
    _options(arguments, "del", [])
    for repository in repositories.enabled():
        print(f"{repository.name}: {{ \n    url             : \"{repository.url}\",\n    enabled         : yes,\n"
              f"    priority        : {repository.priority}\n  }}")
    return 0


def search(arguments: list[str]) -> int:
    """pkg search"""
    options, operands = _options(arguments, "CDefgiL:opq:r:QxUSs:R", _WORDS) if "-q" not in arguments else (
        {"q": [""]}, [argument for argument in arguments if not argument.startswith("-")])
    if not operands:
        raise Stop(_USAGE, "no pattern given")
    pattern = operands[0]
    found = False
    for record in _catalogue(options, True).values():
        label = f"{record['name']}-{record['version']}"
        if "e" in options:
            matches = pattern in (label, record["name"])
        elif "g" in options:
            matches = fnmatch.fnmatchcase(label, pattern)
        else:
            matches = re.search(pattern, label, re.IGNORECASE) is not None
        if matches:
            found = True
            if "o" in options:
                print(record["origin"])
            else:
                print(label if "q" in options else f"{label:<30} {record['comment']}")
    return 0 if found else 1


def rquery(arguments: list[str]) -> int:
    """pkg rquery"""
    options, operands = _options(arguments, "ae:giUxr:", _WORDS)
    return _query(options, operands, _catalogue(options, True))


# --- installing and removing --------------------------------------------------------------------------------------


def install(arguments: list[str], upgrade_only: bool = False) -> int:
    """pkg install; with upgrade_only pkg upgrade of names"""
    options, operands = _options(arguments, "AfFgiIMnqRr:UxyCl:v", _WORDS)
    if not operands:
        raise Stop(_USAGE, "Usage: pkg install [-AfInFMqRUy] [-r reponame] [-Cgix] <pkg-name> ...")
    if "n" not in options:
        _privileged("install packages")
    say = Quiet("q" in options)
    available = _catalogue(options, "q" in options)
    database = Database(write=os.geteuid() == 0 and "n" not in options)
    names: list[str] = []
    for pattern, hits in _match(operands, available, options):
        if not hits:
            _warn(f"No packages available to install matching '{pattern}' have been found in the repositories")
            return 1
        if upgrade_only and not any(record["name"] in database.packages for record in hits):
            _warn(f"{pattern} is not installed, therefore upgrade is impossible")
            return 1
        names += [record["name"] for record in hits]
    plan = jobs.plan_install(names, available, database, "f" in options)
    if upgrade_only:
        say(f"Checking for upgrades ({len(plan.upgrade)} candidates): . done")
        say(f"Processing candidates ({len(plan.upgrade)} candidates): . done")
    say("Checking integrity... done (0 conflicting)")
    if not plan.everything():
        for name in names:
            record = database.packages[name]
            if record["automatic"] and "A" not in options and not upgrade_only and "n" not in options:
                database.put({**record, "automatic": False})
        if upgrade_only:
            say("Your packages are up to date.")
        else:
            say("The most recent versions of packages are already installed")
        return 0
    say(jobs.summary(plan, database), end="")
    if "n" in options:
        # Since pkg 2.4 upgrade -n is always a success; install -n still is not when something would happen.
        return 0 if upgrade_only else 1
    if not _confirmed(options, "Proceed with this action?"):
        return 1
    jobs.carry_out(plan, database, "A" in options, say)
    return 0


def upgrade(arguments: list[str]) -> int:
    """pkg upgrade"""
    options, operands = _options(arguments, "CfFgiInqr:UxyvO:", _WORDS)
    if operands:
        return install(arguments, upgrade_only=True)
    if "n" not in options:
        _privileged("upgrade packages")
    say = Quiet("q" in options)
    available = _catalogue(options, "q" in options)
    database = Database(write=os.geteuid() == 0 and "n" not in options)
    candidates = [
        name for name, record in database.packages.items()
        if name in available and versions.compare(record["version"], available[name]["version"]) == "<"
    ]
    say(f"Checking for upgrades ({len(candidates)} candidates): . done")
    say(f"Processing candidates ({len(candidates)} candidates): . done")
    plan = jobs.plan_install(candidates, available, database, False)
    say("Checking integrity... done (0 conflicting)")
    if not plan.everything():
        say("Your packages are up to date.")
        return 0
    say(jobs.summary(plan, database), end="")
    if "n" in options:
        return 0
    if not _confirmed(options, "Proceed with this action?"):
        return 1
    jobs.carry_out(plan, database, False, say)
    return 0


def delete(arguments: list[str]) -> int:
    """pkg delete"""
    options, operands = _options(arguments, "aDfginqRxyC", _WORDS)
    if not operands and "a" not in options:
        raise Stop(_USAGE, "Usage: pkg delete [-DfginqRxy] <pkg-name> ...")
    if "n" not in options:
        _privileged("delete packages")
    say = Quiet("q" in options)
    database = Database(write="n" not in options and exists())
    names, missing = [], 0
    if "a" in options:
        names = [name for name in database.packages if name != "pkg" or "f" in options]
    for pattern, hits in _match(operands, database.packages, options):
        if not hits:
            say(f"No packages matched for pattern '{pattern}'\n")
            missing += 1
        names += [record["name"] for record in hits]
    records = jobs.plan_removal(names, database)
    locked = [record for record in records if record.get("locked")]
    say("Checking integrity... done (0 conflicting)")
    if locked:
        say("The following package(s) are locked and may not be removed:\n")
        for record in locked:
            say(f"\t{record['name']}")
        say("")
    if locked or (missing and not records):
        say(f"{len(operands)} packages requested for removal: {len(locked)} locked, {missing} missing")
        return 1
    if any(record["name"] == "pkg" for record in records) and "f" not in options:
        _warn("Cannot delete pkg itself without force flag")
        return 1
    say(jobs.removal_summary(records, universe=True), end="")
    if "n" in options or not _confirmed(options, "Proceed with deinstalling packages?"):
        return 1 if "n" not in options else 0
    jobs.carry_out_removal(records, database, say)
    return 0


def autoremove(arguments: list[str]) -> int:
    """pkg autoremove"""
    options, _rest = _options(arguments, "nqy", _WORDS)
    if "n" not in options:
        _privileged("autoremove packages")
    say = Quiet("q" in options)
    database = Database(write="n" not in options and exists())
    records = jobs.removable(database)
    say("Checking integrity... done (0 conflicting)")
    if not records:
        say("Nothing to do.")
        return 0
    say(jobs.removal_summary(records, universe=False), end="")
    if "n" in options:
        return 0
    if not _confirmed(options, "Proceed with deinstalling packages?"):
        return 1
    jobs.carry_out_removal(records, database, say)
    return 0


def lock(arguments: list[str], locking: bool = True) -> int:
    """pkg lock and pkg unlock"""
    options, operands = _options(arguments, "agilqxyC", [*_WORDS, "show-locked"])
    verb, done = ("Locking", "already locked") if locking else ("Unlocking", "already unlocked")
    if "l" in options or "show-locked" in options:
        database = Database(write=False)
        locked = [record for record in database.packages.values() if record.get("locked")]
        if locked:
            print("Currently locked packages:")
        for record in locked:
            print(f"{record['name']}-{record['version']}")
        return 0
    _privileged("lock packages" if locking else "unlock packages")
    database = Database(write=True)
    found = list(database.packages.values()) if "a" in options else [
        record for _rest, hits in _match(operands, database.packages, options) for record in hits
    ]
    if not found:
        _warn("No matching packages found" if not operands else f"No package(s) matching {operands[0]}")
        return 1
    say = Quiet("q" in options)
    for record in found:
        label = f"{record['name']}-{record['version']}"
        if record.get("locked", False) == locking:
            say(f"{label}: {done}")
        elif _confirmed(options, f"{label}: {verb[:-3].lower()} this package?", default=True):
            say(f"{verb} {label}")
            database.put({**record, "locked": locking})
    return 0


def set_(arguments: list[str]) -> int:
    """pkg set -A 0|1"""
    options, operands = _options(arguments, "A:agino:xyv:", [])
    _privileged("modify the package database")
    database = Database(write=True)
    hits = list(database.packages.values()) if "a" in options else [
        record for _rest, records in _match(operands, database.packages, options) for record in records
    ]
    if not hits or options.get("A", [""])[-1] not in ("0", "1"):
        return 1
    for record in hits:
        database.put({**record, "automatic": options["A"][-1] == "1"})
    return 0


def annotate(arguments: list[str]) -> int:
    """pkg annotate"""
    options, operands = _options(arguments, "AMDSVaqyxgi", _WORDS)
    database = Database(write=True)
    patterns, rest = ([], operands) if "a" in options else (operands[:1], operands[1:])
    if not rest:
        raise Stop(_USAGE, "Usage: pkg annotate [-aACDMSV] <pkg-name> <tag> [<value>]")
    tag = rest[0]
    hits = list(database.packages.values()) if "a" in options else [
        record for _rest, records in _match(patterns, database.packages, options) for record in records
    ]
    if not hits:
        return 1
    say = Quiet("q" in options)
    code = 0
    for record in hits:
        label = f"{record['name']}-{record['version']}"
        have = dict(record.get("annotations", {}))
        if "S" in options or "V" in options:
            if tag in have:
                print(have[tag] if "V" in options or "q" in options else f"{label}: Tag: {tag} Value: {have[tag]}")
            else:
                code = 1
            continue
        if "D" in options:
            if have.pop(tag, None) is None:
                _warn(f"{label}: Cannot delete annotation tagged: {tag}")
                code = 1
                continue
            say(f"{label}: Deleted annotation tagged: {tag}")
        else:
            value = rest[1] if len(rest) > 1 else sys.stdin.read()
            if "A" in options and tag in have:
                _warn(f"{label}: Cannot add annotation tagged: {tag}")
                code = 1
                continue
            have[tag] = value
            verb = "Modified" if "M" in options else "Added"
            say(f"{label}: {verb} annotation tagged: {tag} with value: {value}" if verb == "Added"
                else f"{label}: {verb} annotation tagged: {tag} with value: {value}")
        database.put({**record, "annotations": have})
    return code


# --- asking -------------------------------------------------------------------------------------------------------


def _details(record: dict) -> str:
    label = f"{record['name']}-{record['version']}"
    rows = [
        ("Name", record["name"]), ("Version", record["version"]), ("Installed on", query.installed_on(record)),
        ("Origin", record["origin"]), ("Architecture", record.get("arch", repositories.abi())),
        ("Prefix", record.get("prefix", "/usr/local")), ("Categories", " ".join(record.get("categories", []))),
        ("Licenses", ", ".join(record.get("licenses", []))), ("Maintainer", record.get("maintainer", "ports@FreeBSD.org")),
        ("WWW", record.get("www", "")), ("Comment", record["comment"]),
    ]
    text = label + "\n" + "".join(f"{title:<15}: {value}\n" for title, value in rows)
    text += "Annotations    :\n" + _annotations(record)
    text += f"{'Flat size':<15}: {query.human(record.get('flatsize', 0))}\n"
    return text + f"Description    :\n{record.get('description', '')}\n"


def _annotations(record: dict) -> str:
    tags = {"FreeBSD_version": repositories.osversion(), "repo_type": "binary",
            "repository": record.get("repository", "unknown-repository"), **record.get("annotations", {})}
    return "".join(f"\t{tag:<15}: {value}\n" for tag, value in sorted(tags.items()))


def info(arguments: list[str]) -> int:
    """pkg info"""
    options, operands = _options(arguments, "aADdeEfgiIklbBoOpqrRsxF:C", [
        *_WORDS, "annotations", "dependencies", "required-by", "list-files", "full", "origin", "size", "comment"])
    for word, letter in (("annotations", "A"), ("dependencies", "d"), ("required-by", "r"), ("list-files", "l"),
                         ("full", "f"), ("origin", "o"), ("size", "s"), ("comment", "I")):
        if word in options:
            options[letter] = options.pop(word)
    database = Database(write=False)
    packages = database.packages
    if "e" in options:
        if not packages:
            _warn("No packages installed")
            return 1
        return 0 if operands and all(hits for _rest, hits in _match(operands, packages, options)) else 1
    matched = _match(operands, packages, options) if operands else [("", list(packages.values()))]
    extras = set(options) & set("AdfklbBoprsDF")
    code = 0
    for pattern, records in matched:
        if not records and operands:
            if "q" not in options:
                _warn(f"No package(s) matching {pattern}")
            code = 1
        for record in records:
            label = record["name"] if "E" in options and "q" in options else f"{record['name']}-{record['version']}"
            if extras - {"f"} or "f" in options:
                _print_extras(record, packages, options, label)
            elif operands and "I" not in options:
                # Named packages get all of it, unless -q asks for nothing more than whether they are there.
                if "q" not in options:
                    sys.stdout.write(_details(record))
            else:
                print(label if "q" in options else f"{label:<30} {record['comment']}")
    return code


def _print_extras(record: dict, packages: dict, options: dict, label: str) -> None:
    quiet = "q" in options
    if "f" in options:
        sys.stdout.write(_details(record))
    for letter, value in (
        ("o", record["origin"]), ("p", record.get("prefix", "/usr/local")),
        ("s", query.human(record.get("flatsize", 0))), ("k", "yes" if record.get("locked") else "no"),
    ):
        if letter in options:
            print(value if quiet else f"{label:<30} {value}")
    for letter, title, items in (
        ("d", "Depends on", [f"{packages[name]['name']}-{packages[name]['version']}" for name in record.get("depends", []) if name in packages]),
        ("r", "Required by", [f"{other['name']}-{other['version']}" for other in packages.values() if record["name"] in other.get("depends", [])]),
        ("l", "", sorted(record.get("files", {}))),
    ):
        if letter in options and items:
            if not quiet:
                print(f"{label}:")
            for item in items:
                print(item if quiet else f"\t{item}")
    if "A" in options:
        sys.stdout.write(f"{label}:\n" + _annotations(record))
    if "D" in options and record.get("message"):
        print(f"{label}:\nAlways:\n{record['message']}")


def _query(options: dict, operands: list[str], packages: dict[str, dict]) -> int:
    expression = options["e"][-1] if options.get("e") else None
    if not operands:
        raise Stop(_USAGE, "Usage: pkg query <query-format> <pkg-name>")
    text, patterns = operands[0], operands[1:]
    if "a" in options or (expression is not None and not patterns):
        hits = list(packages.values())
    else:
        hits = [record for _rest, records in _match(patterns, packages, options) for record in records]
    try:
        if expression is not None:
            hits = [record for record in hits if query.holds(expression, record, packages)]
        for record in hits:
            for line in query.lines(text, record, packages):
                print(line)
    except ValueError as problem:
        raise Stop(_USAGE, str(problem)) from None
    return 0 if hits or "a" in options else 1


def query_(arguments: list[str]) -> int:
    """pkg query"""
    options, operands = _options(arguments, "ae:giIxF:C", ["all", "glob", "regex", "evaluate="])
    if "evaluate" in options:
        options["e"] = options.pop("evaluate")
    return _query(options, operands, Database(write=False).packages)


def version(arguments: list[str]) -> int:
    """pkg version: installed packages against the repositories"""
    options, operands = _options(arguments, "IPRUqvoOn:x:g:e:Cl:L:r:tTs:", [
        "remote", "verbose", "quiet", "like=", "not-like=", "match-name=", "exact-match", *_WORDS])
    if "t" in options:
        print(versions.compare(*operands[:2]))
        return 0
    if "T" in options:
        return 0 if fnmatch.fnmatchcase(operands[0], operands[1]) else 1
    available = _catalogue(options, "q" in options)
    wanted = options.get("n", []) + options.get("e", [])
    for name, record in Database(write=False).packages.items():
        label = f"{name}-{record['version']}"
        if wanted and name not in wanted and label not in wanted:
            continue
        if "x" in options and not re.search(options["x"][-1], label):
            continue
        if "g" in options and not fnmatch.fnmatchcase(label, options["g"][-1]):
            continue
        other = available.get(name)
        sign = "?" if other is None else versions.compare(record["version"], other["version"])
        if "l" in options and sign not in options["l"][-1] or "L" in options and sign in options["L"][-1]:
            continue
        if "q" in options:
            print(label)
            continue
        line = f"{label:<34} {sign}"
        if "v" in options:
            line += {
                "<": f"   needs updating (remote has {other and other['version']})",
                "=": "   up-to-date with remote",
                ">": f"   succeeds remote (remote has {other and other['version']})",
                "?": "   orphaned: " + record["origin"],
            }[sign]
        print(line)
    return 0


def which(arguments: list[str]) -> int:
    """pkg which"""
    options, operands = _options(arguments, "gmopq", [])
    code = 0
    packages = Database(write=False).packages
    for path in operands:
        resolved = path if path.startswith("/") else os.path.abspath(path)
        owner = next((record for record in packages.values() if resolved in record.get("files", {})), None)
        if owner is None:
            if "q" not in options:
                print(f"{path} was not found in the database")
            code = 1
            continue
        label = owner["origin"] if "o" in options else f"{owner['name']}-{owner['version']}"
        print(label if "q" in options else f"{path} was installed by package {label}")
    return code


def audit(arguments: list[str]) -> int:
    """pkg audit: without a list of vulnerabilities, as this double has none to fetch"""
    options, _rest = _options(arguments, "Fqrf:R", [])
    if "F" in options:
        _warn("Unable to fetch vuln.xml: No address record")
        return 1
    _warn("vulnxml file vuln.xml does not exist. Try running 'pkg audit -F' first")
    return 1


def config(arguments: list[str]) -> int:
    """pkg config NAME"""
    if not arguments:
        raise Stop(_USAGE, "Usage: pkg config <configname>")
    name = arguments[0].upper()
    known = {
        "ABI": [repositories.abi()], "REPOS_DIR": list(repositories.REPOS_DIRS), "PKG_DBDIR": ["/var/db/pkg"],
        "PKG_CACHEDIR": ["/var/cache/pkg"], "OSVERSION": [repositories.osversion()],
        "ALTABI": [repositories.abi().lower().replace("amd64", "x86:64")],
        **{setting: ["yes" if _setting(setting, default) else "no"] for setting, default in (
            ("ASSUME_ALWAYS_YES", False), ("REPO_AUTOUPDATE", True), ("HANDLE_RC_SCRIPTS", False), ("IGNORE_OSVERSION", False))},
    }
    if name not in known:
        _warn(f"No such configuration options: {arguments[0]}")
        return 1
    print("\n".join(known[name]))
    return 0


def clean(arguments: list[str]) -> int:
    """pkg clean: this double keeps no downloaded packages"""
    _options(arguments, "anqy", ["all", "yes", "dry-run"])
    if not os.path.isdir("/var/cache/pkg"):
        _warn("Unable to open /var/cache/pkg: No such file or directory")
        return 0
    print("Nothing to do.")
    return 0


def check(arguments: list[str]) -> int:
    """pkg check -d, -s: missing dependencies, changed or missing files"""
    options, operands = _options(arguments, "adgmnqsvxyBr", [])
    packages = Database(write=False).packages
    chosen = list(packages.values()) if "a" in options or not operands else [
        record for _rest, hits in _match(operands, packages, options) for record in hits]
    say = Quiet("q" in options)
    say(f"Checking {'all packages' if 'a' in options else 'packages'}: . done")
    code = 0
    for record in chosen:
        if "d" in options:
            for name in record.get("depends", []):
                if name not in packages:
                    say(f"{record['name']} has a missing dependency: {name}")
                    code = 1
        if "s" in options:
            for path, checksum in record.get("files", {}).items():
                if not os.path.lexists(path):
                    _warn(f"{record['name']}-{record['version']}: missing file {path}")
                    code = 1
                elif checksum and files.checksum(path) != checksum:
                    _warn(f"{record['name']}-{record['version']}: checksum mismatch for {path}")
                    code = 1
    return code


def stats(_arguments: list[str]) -> int:
    """pkg stats"""
    packages = Database(write=False).packages
    print("Local package database:\n"
          f"\tInstalled packages: {len(packages)}\n"
          f"\tDisk space occupied: {query.human(sum(record.get('flatsize', 0) for record in packages.values()))}")
    return 0


def bootstrap(_arguments: list[str]) -> int:
    """pkg bootstrap, once the real pkg is there"""
    print(f"pkg already bootstrapped at {REAL}")
    return 0


_COMMANDS = {
    "annotate": annotate, "audit": audit, "autoremove": autoremove, "bootstrap": bootstrap, "check": check, "clean": clean,
    "config": config, "delete": delete, "info": info, "install": install, "lock": lock, "query": query_, "remove": delete,
    "repos": repos, "rquery": rquery, "search": search, "set": set_, "stats": stats,
    "unlock": lambda arguments: lock(arguments, locking=False), "update": update, "upgrade": upgrade,
    "version": version, "which": which,
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
        program = "import sys; sys.path.insert(0, '/.double/lib'); from pkgng import cli; sys.exit(cli.main(sys.argv[1:]))"
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
            _warn(str(stop))
        return stop.code
    except (Locked, files.Failed) as problem:
        _warn(str(problem))
        return 1
    except BrokenPipeError:
        return 1
    except OSError as problem:
        _warn(f"{problem.filename}: {problem.strerror}")
        return 1


def _main(arguments: list[str]) -> int:
    try:
        pairs, rest = getopt.getopt(arguments, "dvj:c:r:C:R:4 6No:l", [
            "debug", "version", "jail=", "chroot=", "rootdir=", "config=", "repo-conf-dir=", "option="])
    except getopt.GetoptError as problem:
        raise Stop(_USAGE, problem.msg) from None
    options: dict[str, list[str]] = {}
    for option, value in pairs:
        letter = {"--jail": "j", "--chroot": "c", "--rootdir": "r", "--version": "v", "--option": "o"}.get(option, option.lstrip("-"))
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
            _warn(f"{len(Database(write=False).packages)} packages installed")
            return 0
    if not rest:
        raise Stop(_USAGE, "not enough arguments\nUsage: pkg [-v] [-d] [-l] [-N] [-j <jail name or id>|-c <chroot path>|-r <rootdir>] "
                   "[-C <configuration file>] [-R <repo config dir>] [-o var=value] [-4|-6] <command> [<args>]\n\n"
                   "For more information on available commands and options see 'pkg help'.")
    name = rest[0]
    # Any unambiguous beginning of a command's name is that command.
    candidates = [name] if name in _COMMANDS else [known for known in _COMMANDS if known.startswith(name)]
    if len(candidates) != 1:
        what = "unknown command" if not candidates else "Ambiguous command"
        raise Stop(_USAGE, f"{what}: {name}\n\nFor more information on available commands and options see 'pkg help'.")
    return _COMMANDS[candidates[0]](rest[1:])
