# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting a package's files, users and samples into this root, and taking them away again."""

from __future__ import annotations

import contextlib
import filecmp
import grp
import hashlib
import io
import json
import os
import pwd
import re
import shutil
import subprocess
import tarfile
import time

from pkgng import repositories

# The local hierarchy itself stays when it becomes empty.
_KEPT = {
    "/usr/local/" + name for name in ("bin", "sbin", "etc", "etc/rc.d", "lib", "libexec", "share", "share/man", "www")
}


class Failed(Exception):
    """An installation step that did not work; the text says which."""


def checksum(path: str) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _clear(path: str) -> None:
    if os.path.islink(path) or os.path.isfile(path):
        os.unlink(path)


def _link(path: str, target: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    _clear(path)
    os.symlink(target, path)


def _copy(source: str, path: str, interpreter: str | None = None) -> None:
    # A running program's file cannot be overwritten; a new one beside it can take its name.
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.pkgnew"
    if interpreter:
        with open(source, "rb") as script, open(temporary, "wb") as stream:
            stream.write(b"#!%s\n" % interpreter.encode() + script.read())
    else:
        shutil.copyfile(source, temporary)
    os.chmod(temporary, 0o555 if interpreter or os.stat(source).st_mode & 0o100 else 0o644)
    os.replace(temporary, path)


def _own(path: str, user: str, group: str, mode: str) -> None:
    os.chown(path, pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid)
    os.chmod(path, int(mode, 8))


def create_accounts(record: dict, say) -> None:
    """Users and groups of a port, with the fixed ids of FreeBSD's UIDs and GIDs files, as its pre-install script
    does.
    """
    if not record.get("users") and not record.get("groups"):
        return
    with open(f"{repositories.BUILT_IN}/accounts.json", encoding="utf-8") as stream:
        known = json.load(stream)
    if record.get("groups"):
        say("===> Creating groups")
    for name in record.get("groups", []):
        try:
            grp.getgrnam(name)
            say(f"Using existing group '{name}'")
        except KeyError:
            gid = str(known["groups"][name])
            say(f"Creating group '{name}' with gid '{gid}'")
            _run(["/usr/sbin/pw", "groupadd", name, "-g", gid])
    if record.get("users"):
        say("===> Creating users")
    for name in record.get("users", []):
        user = known["users"][name]
        try:
            pwd.getpwnam(name)
            say(f"Using existing user '{name}'")
        except KeyError:
            say(f"Creating user '{name}' with uid '{user['uid']}'")
            _run(
                [
                    "/usr/sbin/pw",
                    "useradd",
                    name,
                    "-u",
                    str(user["uid"]),
                    "-g",
                    str(user["group"]),
                    "-c",
                    user["gecos"],
                    "-d",
                    user["home"],
                    "-s",
                    user["shell"],
                ]
            )
        if user["home"] not in ("/nonexistent", "/var/empty") and not os.path.isdir(user["home"]):
            say("===> Creating homedir(s)")
            os.makedirs(user["home"])
            _own(user["home"], name, user["group"], "0755")


def _run(argv: list[str]) -> None:
    result = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise Failed(f"{' '.join(argv)}: {result.stderr.strip() or result.stdout.strip()}")


def run_script(record: dict, name: str) -> None:
    """One of the package's own scripts, if it has it."""
    script = record.get("scripts", {}).get(name)
    if script:
        subprocess.run(["/bin/sh", "-c", script], stdin=subprocess.DEVNULL, check=False)


def _tree(source: str):
    for directory, folders, names in os.walk(source):
        folders.sort()
        for name in sorted(names):
            if not name.endswith(".pyc"):
                path = os.path.join(directory, name)
                yield path, "/" + os.path.relpath(path, source)


def planned(record: dict) -> dict[str, tuple[str, str]]:
    """What the package puts where: {path: (how, from)}, how being copy, link or script (a copy behind the line that
    names its interpreter).
    """
    plan = {}
    trees = [f"{record['source']}/root"] + record.get("copy_trees", [])
    for tree in trees:
        for source, path in _tree(tree):
            script = (
                "interpreter" in record and re.match("/usr/local/s?bin/", path) and not os.stat(source).st_mode & 0o100
            )
            plan[path] = ("script" if script else "copy", source)
    for place, source in record.get("link_trees", {}).items():
        for name in sorted(os.listdir(source)):
            if name not in record.get("link_trees_without", []):
                plan[f"{place}/{name}"] = ("link", f"{source}/{name}")
    for path, source in record.get("copies", {}).items():
        plan[path] = ("copy", source)
    for path, target in record.get("links", {}).items():
        plan[path] = ("link", target)
    return plan


def write_package(record: dict, path: str) -> None:
    """A package as pkg's own: a tar file with absolute names."""
    with tarfile.open(path, "w") as archive:
        for name, (how, source) in planned(record).items():
            member = tarfile.TarInfo(name)
            member.mtime = int(time.time())
            if how == "link":
                member.type, member.linkname, member.mode = tarfile.SYMTYPE, source, 0o755
                archive.addfile(member)
                continue
            with open(source, "rb") as stream:
                content = stream.read()
            if how == "script":
                content = b"#!%s\n" % record["interpreter"].encode() + content
            member.size, member.mode = len(content), 0o555 if os.stat(source).st_mode & 0o100 else 0o644
            archive.addfile(member, io.BytesIO(content))


def install(record: dict, old: dict | None) -> dict:
    """Place the files; the record with what is needed to remove them added. `old` is the version it replaces."""
    plan = planned(record)
    # Paths that only Linux programs look at: FreeBSD's package has no such files, so they are not listed as its own.
    for path, target in record.get("double_links", {}).items():
        _link(path, target)
    for path, user, group, mode in record.get("directories", []):
        os.makedirs(path, exist_ok=True)
        _own(path, user, group, mode)
    for path, (how, source) in plan.items():
        if how == "link":
            _link(path, source)
        else:
            _copy(source, path, record["interpreter"] if how == "script" else None)
    for path, user, group, mode in record.get("owners", []):
        _own(path, user, group, mode)
    if old is not None:
        for path in sorted(set(old["files"]) - set(plan), reverse=True):
            _remove_file(path)
    sizes = 0
    files = {}
    for path, (how, source) in plan.items():
        files[path] = checksum(path) if how != "link" else ""
        sizes += os.path.getsize(source) if how != "link" else 0
    for sample in record.get("samples", []):
        _apply_sample(sample)
    return {**record, "files": files, "flatsize": record.get("flatsize", sizes)}


def _sample_target(sample: dict) -> str:
    return sample.get("target") or sample["path"].removesuffix(".sample")


def _apply_sample(sample: dict) -> None:
    target = _sample_target(sample)
    owner = [sample.get("user", "root"), sample.get("group", "wheel"), sample.get("mode", "0644")]
    _own(sample["path"], *owner)
    if not os.path.lexists(target):
        shutil.copyfile(sample["path"], target)
        _own(target, *owner)


def drop_samples(record: dict, say) -> None:
    """Remove live copies that nobody changed; pkg names the others."""
    for sample in record.get("samples", []):
        target = _sample_target(sample)
        if not os.path.exists(target) or not os.path.exists(sample["path"]):
            continue
        if filecmp.cmp(sample["path"], target, shallow=False):
            os.unlink(target)
        elif say is not None:
            say(f"You may need to manually remove {target} if it is no longer needed.")


def _remove_file(path: str) -> None:
    _clear(path)
    directory = os.path.dirname(path)
    while directory.startswith("/usr/local/") and directory not in _KEPT:
        try:
            os.rmdir(directory)
        except OSError:
            return
        directory = os.path.dirname(directory)


def remove(record: dict) -> None:
    """Take the package's files and empty directories away."""
    for path in sorted(record["files"], reverse=True):
        _remove_file(path)
    for path, *_owner in sorted(record.get("directories", []), reverse=True):
        with contextlib.suppress(OSError):
            os.rmdir(path)
