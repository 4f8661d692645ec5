# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Package repositories: their configuration, and the catalogues behind their URLs.

A catalogue is a directory with one folder per package: package.json says what the package is and does, root/ holds
files for their FreeBSD paths. `branches` in package.json gives other values (a newer version, say) in the branch that
the end of a repository's URL names: quarterly, latest.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass

from release import userland

from pkgng import fetching, ucl

REPOS_DIRS = ("/etc/pkg/", "/usr/local/etc/pkg/repos/")
CATALOGUES = "/var/db/pkg/repos"
# The double's own catalogue stands for FreeBSD's mirrors and for the mirror of a site's own under a reserved name.
BUILT_IN = "/.double/src/packages"
KERNEL_MODULES = BUILT_IN + "/kmods"
MIRRORS = re.compile(
    r"(?:pkg\+)?https?://(?:(?:[\w.]+\.)?pkg\.freebsd\.org|pkg\.example\.test)(?=[/:]|$)", re.IGNORECASE
)


class Unreachable(Exception):
    """A repository that cannot be fetched; the text is pkg's."""


@dataclass(frozen=True)
class Repository:
    """One enabled repository; url with its variables filled in."""

    name: str
    url: str
    priority: int

    @property
    def remote(self) -> bool:
        """Whether its packages are downloaded, which shows in pkg's messages."""
        return not self.url.startswith("file:")


def release() -> tuple[str, str]:
    """Major and minor version of this root's userland."""
    major, _dot, minor = userland().name.partition(".")
    return major, minor


def abi() -> str:
    """pkg's name for what this userland can run."""
    return f"FreeBSD:{release()[0]}:amd64"


def osversion() -> str:
    """__FreeBSD_version of this userland."""
    return userland().osreldate


def _expand(text: str) -> str:
    major, minor = release()
    variables = {
        "ABI": abi(),
        "OSVERSION": osversion(),
        "VERSION_MAJOR": major,
        "VERSION_MINOR": minor,
        "OSNAME": "FreeBSD",
        "ARCH": "amd64",
        "RELEASE": f"{major}.{minor}",
    }
    return re.sub(r"\$\{(\w+)\}", lambda match: variables.get(match.group(1), match.group()), text)


def configured(directories=REPOS_DIRS) -> dict[str, dict]:
    """All repositories by name, later files overriding single keys of earlier ones."""
    found: dict[str, dict] = {}
    for directory in directories:
        try:
            names = sorted(os.listdir(directory))
        except OSError:
            continue
        for name in names:
            if name.endswith(".conf"):
                with open(os.path.join(directory, name), encoding="utf-8") as stream:
                    for repository, keys in ucl.parse(stream.read()).items():
                        if isinstance(keys, dict):
                            found.setdefault(repository, {}).update(keys)
    return found


def enabled(only: list[str] | None = None) -> list[Repository]:
    """The repositories in use (those named, if any are), highest priority first."""
    chosen = []
    for name, keys in configured().items():
        if keys.get("enabled", True) is False or not keys.get("url"):
            continue
        if not only or name in only:
            chosen.append(Repository(name, _expand(keys["url"]), int(keys.get("priority", 0))))
    return sorted(chosen, key=lambda repository: -repository.priority)


def _source(repository: Repository) -> tuple[str, str]:
    """(catalogue directory, branch) behind a repository's URL."""
    url = repository.url
    if url.startswith("file:"):
        directory = re.sub(r"^file:(?://)?", "", url)
        if not os.path.isdir(directory):
            raise Unreachable(f"{url}/meta.txz: No such file or directory")
        return directory, ""
    if not MIRRORS.match(url):
        raise Unreachable(f"{re.sub('^pkg.', '', url)}/meta.txz: No address record")
    branch = url.rstrip("/").rsplit("/", 1)[-1]
    if re.fullmatch(r"kmods_(quarterly|latest)_\d+", branch):
        return KERNEL_MODULES, branch
    if branch not in ("quarterly", "latest"):
        raise Unreachable(f"{re.sub('^pkg.', '', url)}/meta.txz: Not Found")
    return BUILT_IN, branch


def _listing(directory: str) -> list[str]:
    return sorted(
        path
        for path in (os.path.join(directory, name, "package.json") for name in os.listdir(directory))
        if os.path.isfile(path)
    )


def _state(repository: Repository) -> tuple[str, list[str], str]:
    directory, branch = _source(repository)
    paths = _listing(directory)
    digest = hashlib.sha256(repository.url.encode())
    for path in paths:
        status = os.stat(path)
        fault = fetching.fault_of(os.path.basename(os.path.dirname(path)))
        what_it_needs = fault if fault.startswith("needs ") else ""
        digest.update(f"{path} {status.st_mtime_ns} {status.st_size} {what_it_needs}\n".encode())
    return digest.hexdigest(), paths, branch


def cached(name: str) -> dict | None:
    """The catalogue fetched last for a repository, {"state", "packages"}, or None."""
    try:
        with open(f"{CATALOGUES}/{name}/db", encoding="utf-8") as stream:
            return json.load(stream)
    except (OSError, ValueError):
        return None


def read(repository: Repository, paths: list[str], branch: str) -> dict[str, dict]:
    """The packages a catalogue offers in a branch, by name."""
    packages = {}
    for path in paths:
        with open(path, encoding="utf-8") as stream:
            record = json.load(stream)
        record.update(record.pop("branches", {}).get(branch, {}))
        record.update(
            source=os.path.dirname(path), repository=repository.name, remote=repository.remote, url=repository.url
        )
        how, _blank, other = fetching.fault_of(record["name"]).partition(" ")
        if how == "needs":
            record["depends"] = [*record.get("depends", []), other]
        packages[record["name"]] = record
    return packages


def fetch_one(repository: Repository, name: str) -> dict | None:
    """One package straight from a repository, as the bootstrapper does it. Raises Unreachable."""
    _rest, paths, branch = _state(repository)
    return read(repository, paths, branch).get(name)


def refresh(repository: Repository, force: bool) -> int | None:
    """Fetch a catalogue; the number of its packages, or None when the one here was current. Raises Unreachable."""
    state, paths, branch = _state(repository)
    have = cached(repository.name)
    if have is not None and have["state"] == state and not force:
        return None
    packages = read(repository, paths, branch)
    os.makedirs(f"{CATALOGUES}/{repository.name}", exist_ok=True)
    for name, content in (
        ("meta", {"version": 2, "url": repository.url}),
        ("db", {"state": state, "packages": packages}),
    ):
        path = f"{CATALOGUES}/{repository.name}/{name}"
        with open(path + ".new", "w", encoding="utf-8") as stream:
            json.dump(content, stream)
        os.replace(path + ".new", path)
    return len(packages)
