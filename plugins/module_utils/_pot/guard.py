# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must hold in a stopped pot before pot touches it, because pot follows every link that a jail has planted.

pot writes C(etc/resolv.conf), C(etc/hosts), C(etc/rc.conf) and C(tmp/environment.sh) below the jail's root, mounts
there and unmounts there, as root of the host and by path; of C(etc/rc.conf) it even has sh read what the jail wrote
(sysrc -f), and the words of C(bin/freebsd-version) become parameters of jail(8). So while no process of the jail runs,
each of these places is made what it should be, or the pot is not started.
"""

from __future__ import annotations

import json
import os
import re
from typing import Callable

from ansible_collections.potluck.matrix.plugins.module_utils._pot.conf import PotConf
from ansible_collections.potluck.matrix.plugins.module_utils._pot.guard_tree import Refused, Tree
from ansible_collections.potluck.matrix.plugins.module_utils._pot.mounts import parse_fscomp

# Beside pot.conf, where the jail cannot reach: whoever has it is guarded.
RECORD = "potluck.json"

_RELEASE = re.compile(r'USERLAND_VERSION="[0-9A-Za-z.+-]{1,60}"\Z')
# Of rc.conf sh may read only what sets a variable to a fixed text: none of its own (PATH, IFS), and not the one that
# /etc/defaults/rc.conf takes for the names of more files to read.
_RC_NAME = r"(?!rc_conf_files=)[a-z][A-Za-z0-9_]*"
_RC_VALUE = r"(\"[^\"$`\\\n]*\"|'[^'\n]*'|[A-Za-z0-9_./:,@%+-]*)"
_RC_LINE = re.compile(rf"[ \t]*(#.*|{_RC_NAME}={_RC_VALUE}[ \t]*(;[ \t]*)?([ \t]#.*)?)?\Z")


def record(text: str) -> dict[str, list[str]] | None:
    """{source of a mount: [dataset, directory on which it must be mounted]} of a file RECORD; C(None) for one that is
    damaged.
    """
    try:
        found = json.loads(text).get("sources", {})
        return {source: [str(dataset), str(directory)] for source, (dataset, directory) in found.items()}
    except (ValueError, AttributeError, TypeError):
        return None


class Pot:
    """One stopped pot. home is its directory on the host; mounts are [(source, path, type, …)] of C(mount -p)."""

    def __init__(self, fs_root: str, name: str, mounts: list[tuple], mountpoint: Callable[[str], str]) -> None:
        self.name = name
        self.home = f"{fs_root}/jails/{name}"
        self.mounts = mounts
        self.mountpoint = mountpoint
        self.conf = PotConf(self._read("pot.conf"))
        single = self.conf.text("pot.type") == "single"
        base = "{}/bases/{}".format(fs_root, self.conf.text("pot.base"))
        self.tree = Tree(
            name,
            (
                [("/", self.home + "/m", False)]
                if single
                else [
                    ("/", base, True),
                    ("/usr/local", self.home + "/usr.local", False),
                    ("/opt/custom", self.home + "/custom", False),
                ]
            ),
        )

    def _read(self, name: str) -> str:
        try:
            with open(f"{self.home}/conf/{name}", encoding="utf-8", errors="surrogateescape") as handle:
                return handle.read()
        except FileNotFoundError:
            return ""

    def lines(self) -> list[tuple[str, str]]:
        """[(source, path in the jail)] of fscomp.conf, in pot's order."""
        lines = parse_fscomp(self._read("fscomp.conf"), self.home + "/m")
        return [(line.source, "/" + line.target.strip("/")) for line in lines if line.source]

    def _needed(self) -> dict[str, list[str]]:
        needed = record(self._read(RECORD) or "{}")
        if needed is None:
            raise Refused(f"{self.home}/conf/{RECORD} is damaged: run the playbook site again")
        return needed

    def whole(self, going_back: Callable[[list[str]], list[str]]) -> None:
        """C(Refused) while some of the pot's datasets have gone back to a snapshot and others have not, as a host
        leaves them that lost its power just then: whoever writes there loses it when the way back is gone on with.

        going_back: the snapshots to which any of the datasets are on their way.
        """
        datasets = sorted({dataset for dataset, _directory in self._needed().values()})
        tags = going_back(datasets) if datasets else []
        if tags:
            raise Refused(
                f"the data of pot {self.name} is on its way back to the snapshot {tags[0]}, and only some of it is "
                "there: run the playbook upgrade, rollback or site, which goes on with it"
            )

    def sources(self) -> None:
        """C(Refused) unless the datasets that the pot's data lie on are mounted where they were when the module last
        configured it.
        """
        for source, (dataset, directory) in self._needed().items():
            at = [mount[0] for mount in self.mounts if mount[1] in (directory, os.path.realpath(directory))]
            if at[-1:] != [dataset]:
                raise Refused(
                    f"dataset {dataset} is not mounted on {directory}, so pot {self.name} would find an empty "
                    "directory in place of its data: "
                    f"mount it ('zfs mount {dataset}') and start the pot again"
                )
            inside = os.path.realpath(directory).rstrip("/") + "/"
            if source.startswith("/") and not (os.path.realpath(source) + "/").startswith(inside):
                # What lies in a dataset that a jail has mounted may be links by now.
                raise Refused(
                    f"{source} leads out of {directory}, the data of pot {self.name}: look at the links in it"
                )

    def places(self) -> None:
        """Make every place that pot writes to or mounts on in a start what it should be, or raise C(Refused)."""
        tree = self.tree
        etc = tree.directory("/etc", repair=False)
        if etc is None:
            raise Refused(f"pot {self.name} has no /etc, which pot writes to: restore it before the pot is started")
        os.close(etc)
        for path, mode in (("/tmp", 0o1777), ("/dev", 0o555), ("/proc", 0o555)):
            self._directory(path, mode)
        for path in ("/etc/resolv.conf", "/etc/hosts", "/tmp/environment.sh", "/tmp/tinirc"):
            tree.file(path)
        self._release()
        if self.conf.text("vnet") == "true" and self.conf.text("pot.attr.no-rc-script") != "YES":
            self._rc_conf()
        for source, target in self.lines():
            if target != "/" and target not in tree.places:
                self._close(tree.directory(target, 0o755))
                tree.cover(target, self.mountpoint(source))

    @staticmethod
    def _close(fd: int | None) -> None:
        if fd is not None:
            os.close(fd)

    def _directory(self, path: str, mode: int) -> None:
        """One that pot needs but that may be missing; made anew only where something else was in its place."""
        before = len(self.tree.repaired)
        fd = self.tree.directory(path)
        if fd is None and len(self.tree.repaired) > before:
            fd = self.tree.directory(path, mode)
        self._close(fd)

    def _release(self) -> None:
        text = self.tree.text("/bin/freebsd-version")
        bad = [line for line in (text or "").split("\n") if line.startswith("USERLAND")]
        if bad and (len(bad) > 1 or not _RELEASE.match(bad[0])):
            raise Refused(
                f"/bin/freebsd-version in pot {self.name} says more than its release, which pot would hand to jail(8): "
                "repair that file"
            )

    def _rc_conf(self) -> None:
        self._close(self.tree.directory("/etc/rc.d", repair=False))
        for number, line in enumerate((self.tree.text("/etc/rc.conf") or "").split("\n"), 1):
            if not _RC_LINE.match(line):
                raise Refused(
                    "line %d of /etc/rc.conf in pot %s does more than set a variable to a fixed text, and pot would "
                    "have the host's "
                    'sh run it: write it as name="value"' % (number, self.name)
                )

    def after(self) -> None:
        """What pot does when a jail has ended (removes resolv.conf, unmounts) must not lead out either."""
        tree = self.tree
        self._close(tree.directory("/etc"))
        self._directory("/tmp", 0o1777)
        self._directory("/dev", 0o555)
        for source, target in self.lines():
            if target != "/" and target not in tree.places:
                self._close(tree.directory(target))
                tree.cover(target, self.mountpoint(source))

    def left(self) -> list[str]:
        """What is still mounted below the jail's root, last first; C(Refused) for a mount that its path does not lead
        to any more.
        """
        root = os.path.realpath(self.home + "/m") + "/"
        found = [mount[1] for mount in reversed(self.mounts) if mount[1].startswith(root) and mount[2] != "zfs"]
        for path in found:
            if os.path.realpath(path) != path:
                raise Refused(
                    f"something is mounted on {path}, which leads elsewhere by now: look at 'mount' and unmount it"
                )
        return found
