# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is mounted in a pot: configured, mounted, proven."""

from __future__ import annotations

import os
import re

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import read_text
from ansible_collections.potluck.matrix.plugins.module_utils._pot.mounts import (
    FscompLine,
    parents_first,
    render,
    resolve_inside,
)


def roots(machine, state):
    """Where a pot's files are on the host; a stopped multi pot is not assembled at its root."""
    root = machine.root(state.name)
    if state.conf.text("pot.type") == "single" or state.running:
        return [("/", root)]
    home = machine.home(state.name)
    return [
        ("/", "{}/bases/{}".format(machine.fs_root, state.conf.text("pot.base"))),
        ("/usr/local", home + "/usr.local"),
        ("/opt/custom", home + "/custom"),
    ]


def resolver(machine, state):
    """A function that follows links inside the pot as C(resolve_inside) does, for the pot as it is now, running or
    stopped.
    """
    places = roots(machine, state)
    return lambda path: resolve_inside(path, places)


def effective(machine, source):
    """The directory of the host behind a source of fscomp.conf."""
    if source.startswith("/"):
        return os.path.realpath(source)
    return machine.datasets.get(source, {}).get("mountpoint", source)


def wanted_mounts(machine, mounts):
    """[(source, target, option)] as fscomp.conf holds them, every source looked at."""
    wanted = []
    for mount in mounts:
        # Two slashes at the beginning have a meaning of their own to normpath.
        source, target = mount["source"], os.path.normpath(mount["target"].replace("//", "/"))
        if mount["kind"] == "fscomp":
            source = f"{machine.zfs_root}/fscomp/{source}"
        if not mount["target"].startswith("/") or target == "/" or ".." in mount["target"].split("/"):
            raise Sentence(
                "The mount target '{}' must be an absolute path inside the pot other than /.".format(mount["target"])
            )
        for text in (source, target):
            if re.search(r"\s", text):
                raise Sentence(f"'{text}' contains a blank, which pot cannot hold in a mount.")
        problem = _source_problem(machine, mount["kind"], source)
        if problem and machine.check:
            # An earlier task that makes the source has changed nothing either.
            machine.warnings.append(problem)
        elif problem:
            raise Sentence(problem)
        if mount["kind"] == "directory":
            source = os.path.normpath(source)
        wanted.append((source, target, "ro" if mount["read_only"] else ""))
    return wanted


def _source_problem(machine, kind, source):
    if kind == "directory":
        if not source.startswith("/"):
            return f"The directory '{source}' to mount must be an absolute path."
        if not os.path.isdir(source):
            return f"The directory {source} to mount does not exist on the host."
        path = os.path.realpath(source)
        behind = [
            (len(p["mountpoint"]), d)
            for d, p in machine.datasets.items()
            if p["canmount"] == "on"
            and p["mounted"] == "no"
            and p["mountpoint"].startswith("/")
            and (path + "/").startswith(p["mountpoint"].rstrip("/") + "/")
        ]
        over = [
            len(p["mountpoint"])
            for p in machine.datasets.values()
            if p["mounted"] == "yes" and (path + "/").startswith(p["mountpoint"].rstrip("/") + "/")
        ]
        if behind and max(behind)[0] > max(over or [0]):
            return (
                f"The dataset {max(behind)[1]} of directory {source} is not mounted: data would go to another file "
                "system."
            )
        return ""
    dataset = machine.datasets.get(source)
    if not dataset:
        return "The {} {} to mount does not exist on the host.".format(
            kind, source.rpartition("/")[2] if kind == "fscomp" else source
        )
    if not dataset["mountpoint"].startswith("/"):
        return "The dataset {} to mount has mountpoint {}: give it a directory.".format(source, dataset["mountpoint"])
    if dataset["mounted"] != "yes":
        return f"The dataset {source} to mount is not mounted: data would go to another file system."
    return ""


def live_mount(machine, name, place):
    """(source, options) of the topmost mount at a resolved path inside a running pot, or C(None)."""
    path = os.path.realpath(machine.root(name)) + place
    found = [(source, options) for source, where, kind, options in machine.mounts if where == path]
    return found[-1] if found else None


def outdated_mount(machine, name, place):
    """Whether the pot has at that path what was at the source before a file system was mounted there.

    nullfs holds on to the directory that it was given: after a dataset that is mounted late, the host and the pot
    see different ones.
    """
    path = os.path.realpath(machine.root(name)) + place
    positions = [index for index, mount in enumerate(machine.mounts) if mount[1] == path and mount[2] == "nullfs"]
    if not positions:
        return False
    source = os.path.realpath(machine.mounts[positions[-1]][0])
    holding = [
        (len(mount[1]), index)
        for index, mount in enumerate(machine.mounts)
        if (source + "/").startswith(mount[1].rstrip("/") + "/")
    ]
    return bool(holding) and max(holding)[1] > positions[-1]


def own(machine, line):
    """Whether pot itself has put a line into fscomp.conf."""
    return line.source.startswith(machine.own_prefixes()) or line.option == "zfs-remount"


def missing_mounts(machine, state):
    """Configured mounts that a running pot lacks, or has of another directory or of one that is hidden by now: [(line,
    resolved target)].

    They are mounted by the next start and not before: mount(8) follows every link that a running pot puts into the
    target's path, however well that was looked at a moment before.
    """
    found = []
    if state.running:
        resolve = resolver(machine, state)
        for line in state.lines:
            if line.source and not own(machine, line):
                place = resolve(line.target)
                live = live_mount(machine, state.name, place)
                if (
                    not live
                    or os.path.realpath(live[0]) != os.path.realpath(effective(machine, line.source))
                    or ("ro" in live[1]) != (line.option == "ro")
                    or outdated_mount(machine, state.name, place)
                ):
                    found.append((line, place))
    return found


def surplus_mounts(machine, state):
    """Paths in a running pot on which a directory of the host is mounted that fscomp.conf does not say, or more than
    one.
    """
    root, resolve = os.path.realpath(machine.root(state.name)), resolver(machine, state)
    mounted = [
        path[len(root) :]
        for _source, path, kind, _options in machine.mounts
        if kind == "nullfs" and path.startswith(root + "/")
    ]
    configured = {resolve(line.target) for line in state.lines if line.source}
    return sorted({path for path in mounted if path not in configured or mounted.count(path) > 1})


def rewrite(machine, state, remove, add):
    """Bring the mounts into fscomp.conf, parents first, and prove that they stand there. A running pot gets them when
    it is started again.

    C(pot mount-in) would mount at once, and refuses or doubles what it takes for a duplicate.
    """
    if not remove and not add:
        return
    gone, resolve = {id(line) for line in remove}, (lambda path: path) if machine.check else resolver(machine, state)
    lines = [line for line in state.lines if id(line) not in gone]
    root = machine.root(state.name)
    lines += [FscompLine((f"{source} {resolve(target)} {option}").strip(), root) for source, target, option in add]
    state.lines = parents_first(lines, resolve)
    path, text = machine.home(state.name) + "/conf/fscomp.conf", render(state.lines)
    note = ["without " + line.target for line in remove] + ["with " + target for _source, target, _option in add]
    machine.edit(path, text, ", ".join(note))
    if not machine.check and read_text(path) != text:
        raise Sentence(f"The mounts of pot {state.name} were changed by somebody else at the same time.")


def unmount_leftovers(machine, state):
    """Take away what is still mounted below a pot that does not run any more."""
    home = os.path.realpath(machine.home(state.name)) + "/"
    for _source, path, kind, _options in reversed(machine.mounts):
        if path.startswith(home) and kind != "zfs":
            if os.path.realpath(path) != path:
                raise Sentence(
                    f"Something is still mounted on {path} in pot {state.name}, which leads elsewhere by now: look at "
                    "'mount' and unmount it."
                )
            rc, out, err = machine.act(["umount", path])
            if rc != 0:
                raise Sentence(f"Cannot unmount {path}, left over from pot {state.name}: {(err or out).strip()}")
    machine._mounts = None
