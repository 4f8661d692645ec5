# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose home a dataset is: what its user property, its files and its signing key tell.

The pot can write the files and is not trusted: a pipe or link in the place of one is neither waited for nor followed.
"""

from __future__ import annotations

import contextlib
import os
import stat

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import database as database_rules
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import dataset_rules as rules
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.dataset import Dataset

# No name of a homeserver is longer.
NAME_LENGTH = 255


def open_below(top: str, path: str) -> int | None:
    """A descriptor of a regular file by its path from a directory, or None when there is none; no link on the way is
    followed.
    """
    *directories, name = path.split("/")
    with contextlib.ExitStack() as opened:
        place = None
        try:
            for part in [top, *directories]:
                flags = os.O_RDONLY | os.O_DIRECTORY | (os.O_NOFOLLOW if place is not None else 0)
                place = os.open(part, flags, dir_fd=place)
                opened.callback(os.close, place)
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
        except OSError:
            return None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return None
    return handle


class Home:
    """A dataset as the home of a homeserver, whose data lie in a directory given from the top of the dataset."""

    def __init__(self, dataset: Dataset, homeserver: str, directory: str, database: str = "") -> None:
        """database: the kind of database that the homeserver is to have; empty for any."""
        self.dataset, self.homeserver, self.directory = dataset, homeserver, directory
        self.database = database

    def check(self, properties: dict[str, str] | None) -> bool:
        """Whether the dataset has the homeserver's signing key; C(Sentence) for one that is not, or must not become,
        its home.

        properties: those of now, None for a dataset that does not exist yet. What is not mounted is mounted for the
        look, but not in check mode.
        """
        dataset = self.dataset
        marks = self._marks()
        self._check_strangers(marks, [], "")
        if properties is None:
            return False
        mounted = properties["mounted"] == "yes"
        if not mounted:
            if dataset.check:
                return False
            if dataset.name not in marks and properties["mountpoint"] != dataset.mountpoint:
                raise Sentence(
                    f"{dataset.name} is not mounted, so that nobody can see what it holds; if it is meant to be used "
                    f"here, run 'zfs mount {dataset.name}' on the host, then run again",
                    "name",
                )
            dataset.mount(properties)
            properties.update(dataset.current() or {})
            if properties["mounted"] != "yes":
                raise Sentence(f"{dataset.name} cannot be mounted, although zfs reported that it was", "name")
        try:
            return self._has_key(marks, properties["mountpoint"])
        except Sentence:
            # What is refused is left as it was found.
            if not mounted:
                dataset.runner.run(["zfs", "unmount", dataset.name])
            raise

    def check_owner(self, properties: dict[str, str]) -> None:
        """C(Sentence) for a dataset that is somebody else's, or of which nobody can say whose it is.

        properties: those of now. The mark on the host is believed; the files, which a pot can write, only without one.
        """
        marks, name = self._marks(), self.dataset.name
        if name in marks:
            self._check_strangers(marks, [], "")
        elif properties["mounted"] != "yes":
            raise Sentence(
                f"{name} is not mounted and does not say whose data it holds; run 'zfs mount {name}' on the host, then "
                "run again",
                "name",
            )
        else:
            top = properties["mountpoint"]
            self._check_strangers(marks, os.listdir(top), self._line(top, "server_name"))

    def _marks(self) -> dict[str, tuple[str, str]]:
        """Which datasets of the host say whose data they hold, as of C(rules.parse_marks)."""
        columns = ("-o", "name,value,source", "-s", "local,received", "-t", "filesystem")
        return rules.parse_marks(self.dataset.read("zfs", "get", "-H", *columns, rules.HOMESERVER))

    def _check_strangers(self, marks: dict[str, tuple[str, str]], entries: list[str], server_name: str) -> None:
        conflict = rules.somebody_elses(self.dataset.name, self.homeserver, marks, entries, self.directory, server_name)
        if conflict:
            option, sentence = conflict
            raise Sentence(sentence, option)

    def _line(self, top: str, name: str) -> str:
        """What a file of one short line in the homeserver's directory says; empty when there is none."""
        handle = open_below(top, f"{self.directory}/{name}")
        if handle is None:
            return ""
        with os.fdopen(handle, "rb") as stream:
            return stream.read(NAME_LENGTH + 1).decode("utf-8", "replace").strip()

    def _has_key(self, marks: dict[str, tuple[str, str]], top: str) -> bool:
        """Whether the signing key is on the dataset, which is mounted at top; C(Sentence) for what is somebody else's,
        and for a key that was lost.
        """
        name, server_name = self.dataset.name, self._line(top, "server_name")
        self._check_strangers(marks, os.listdir(top), server_name)
        problem = database_rules.no_way_back(self._line(top, database_rules.MARK), self.database)
        if problem:
            raise Sentence(problem, "database")
        key = open_below(top, self.directory + "/signing.key")
        if key is not None:
            os.close(key)
        elif name in marks:
            raise Sentence(
                f"{name} was the home of the homeserver {self.homeserver} and has lost its signing key "
                f"({self.directory}/signing.key), so that it would get a new identity; bring the data back from a "
                f"snapshot or a backup, or, to start anew, run 'zfs inherit {rules.HOMESERVER} {name}' on the "
                "host",
                "name",
            )
        return key is not None


def parent_to_close(dataset: Dataset) -> str:
    """The directory of the mountpoint if other users of the host can reach what is in it and nobody would miss that;
    empty otherwise, with a warning where they go on reaching it.
    """
    place = os.path.realpath(dataset.mountpoint)
    parent = above = os.path.dirname(place)
    if not os.path.isdir(parent):
        return ""
    while above != "/":
        if not os.stat(above).st_mode & stat.S_IXOTH:
            return ""
        above = os.path.dirname(above)
    neighbours = [
        name
        for name in os.listdir(parent)
        if name != os.path.basename(place) and not _is_home(os.path.join(parent, name))
    ]
    why = rules.why_open(parent, os.stat(parent).st_uid, neighbours)
    if why:
        dataset.warnings.append(
            f"every user of the host can reach what is on {dataset.name}, because it lies in {parent}, which {why}; "
            "stop the pot and give the dataset a directory of its own "
            f"(matrix_dataset_mountpoint: /mnt/matrix/{os.path.basename(place)})"
        )
        return ""
    return parent


def _is_home(path: str) -> bool:
    """Whether a directory holds what a homeserver's dataset may hold at its top, or nothing."""
    try:
        return not rules.strangers(os.listdir(path))
    except OSError:
        return False


def ensure(
    dataset: Dataset, home: Home | None, given: dict[str, object], minimum: int
) -> tuple[bool, dict[str, str] | None]:
    """Do everything: (changed, the properties in the end). In check mode they are those of before, None without a
    dataset.

    given: the properties as they were asked for; minimum: bytes that have to be available.
    """
    try:
        wanted = rules.canonical_properties(given)
    except ValueError as error:
        raise Sentence(str(error), "properties") from error
    dataset.check_pool()
    properties = dataset.current()
    if properties is not None:
        dataset.check_kind(properties)
    dataset.check_mountpoint(properties)
    if home and home.check(properties):
        wanted[rules.HOMESERVER] = home.homeserver
    if properties is None:
        dataset.check_space(dataset.parent_space(wanted), minimum)
        dataset.create(wanted)
        if not dataset.check:
            properties = dataset.current()
    if properties is not None:
        # Also after a create: "create -p" of a dataset that another run made meanwhile succeeds without applying
        # the properties.
        dataset.update(wanted, properties)
        if dataset.actions and not dataset.check:
            # ZFS mounts some datasets when their mountpoint is set, and mounting twice is an error.
            properties = dataset.current()
        dataset.mount(properties)
    if not dataset.check:
        if dataset.actions:
            properties = dataset.current()
        dataset.check_space(int(dataset.verify(wanted, properties)["available"]), minimum)
    elif properties is not None and not dataset.actions:
        dataset.check_space(int(properties["available"]), minimum)
    return bool(dataset.actions), properties
