# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pot's conf/fscomp.conf, and paths inside a pot."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence

# (source as in fscomp.conf, target in the pot, option).
Mount = tuple[str, str, str]


class FscompLine:
    """One line of C(conf/fscomp.conf). source is empty on a line pot skips."""

    def __init__(self, raw: str, root: str) -> None:
        self.raw = raw
        fields = raw.split()
        self.source = fields[0] if len(fields) > 1 else ""
        target = fields[1] if len(fields) > 1 else ""
        # mount-in writes paths of the host for datasets; pot makes them relative to the pot's root some time later.
        if target == root:
            target = "/"
        elif target.startswith(root + "/"):
            target = target[len(root) :]
        self.target = target
        self.option = fields[2] if len(fields) > 2 else ""


def parse_fscomp(text: str, root: str) -> list[FscompLine]:
    """Lines of fscomp.conf. root is the path of the pot's root on the host (C(J/m))."""
    return [FscompLine(raw, root) for raw in text.split("\n") if raw.strip()]


def render(lines: t.Iterable[FscompLine]) -> str:
    """Text of fscomp.conf with these lines."""
    return "".join(line.raw + "\n" for line in lines)


def parents_first(
    lines: t.Iterable[FscompLine], resolve: t.Callable[[str], str] = lambda path: path
) -> list[FscompLine]:
    """The same lines, reordered only as far as no mount is hidden by a later one on a directory above it."""
    result: list[FscompLine] = []
    for line in lines:
        target = resolve(line.target).rstrip("/") + "/"
        at = len(result)
        for position, other in enumerate(result):
            if (
                line.source
                and other.source
                and resolve(other.target).startswith(target)
                and resolve(other.target) + "/" != target
            ):
                at = position
                break
        result.insert(at, line)
    return result


def resolve_inside(path: str, roots: t.Collection[tuple[str, str]]) -> str:
    """An absolute path inside a pot with every symbolic link followed inside the pot, never outside.

    roots: [(path inside the pot, directory on the host)]; the longest match holds the file. Nothing is written.
    """
    pending, links = [p for p in path.split("/") if p not in ("", ".")], 0
    done: list[str] = []
    while pending:
        part = pending.pop(0)
        if part == "..":
            done = done[:-1]
            continue
        inside = "/" + "/".join(done + [part])
        try:
            link = os.readlink(host_path(inside, roots))
        except OSError:
            done.append(part)
            continue
        links += 1
        if links > 40:
            raise Sentence(f"'{path}' leads through too many symbolic links inside the pot.")
        if link.startswith("/"):
            done = []
        pending = [p for p in link.split("/") if p not in ("", ".")] + pending
    return "/" + "/".join(done)


def host_path(inside: str, roots: t.Iterable[tuple[str, str]]) -> str:
    """Where the host has a path inside a pot. No symbolic link is followed, that is what C(resolve_inside) is for.

    roots: as for C(resolve_inside), one of them for C(/).
    """
    best = max(
        (r for r in roots if inside == r[0] or inside.startswith(r[0].rstrip("/") + "/")), key=lambda r: len(r[0])
    )
    return best[1] + "/" + inside[len(best[0].rstrip("/")) :].lstrip("/") if inside != best[0] else best[1]


def plan_mounts(
    lines: list[FscompLine],
    wanted: t.Iterable[Mount],
    exact: bool,
    resolve: t.Callable[[str], str],
    effective: t.Callable[[str], str],
    own_prefixes: tuple[str, ...],
) -> tuple[list[FscompLine], list[Mount]]:
    """([lines to remove], [mounts to add]) that make the wanted mounts hold.

    wanted: [(source as in fscomp.conf, target, option)]; resolve follows links inside the pot; effective gives the
    directory of the host behind a source. Lines of pot itself (own_prefixes) are never touched.
    """
    mine = [
        line
        for line in lines
        if line.source and not line.source.startswith(own_prefixes) and line.option != "zfs-remount"
    ]
    taken = {resolve(line.target) for line in lines if line.source and line not in mine}
    remove: list[FscompLine] = []
    add: list[Mount] = []
    targets = set()
    for source, target, option in wanted:
        place = resolve(target)
        if place in targets:
            raise Sentence(f"Two mounts are given for {target}.")
        if place in taken:
            raise Sentence(f"{target} is used by pot itself and cannot be mounted over.")
        targets.add(place)
        kept = False
        for line in mine:
            if resolve(line.target) == place:
                if not kept and line.option == option and effective(line.source) == effective(source):
                    kept = True
                else:
                    remove.append(line)
        if not kept:
            add.append((source, target, option))
    if exact:
        remove += [line for line in mine if resolve(line.target) not in targets]
    add.sort(key=lambda mount: resolve(mount[1]).count("/"))
    return remove, add
