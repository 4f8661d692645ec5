# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pool with datasets and snapshots behind a zfs(8) that answers as recorded on FreeBSD."""

from __future__ import annotations

import json

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner


class FakeZfs:
    """The pool C(zroot). C(files) is what each dataset holds; C(ignores) are commands that report success in vain."""

    def __init__(self, monkeypatch, capsys):
        self.capsys = capsys
        self.transaction = 1000
        self.files: dict[str, str] = {}
        self.made: dict[str, int] = {}
        # By name, DATASET@TAG or DATASET#TAG: (transaction, what the dataset held).
        self.moments: dict[str, tuple[int, str]] = {}
        self.held: set[str] = set()
        # User properties of datasets and of snapshots, by their names.
        self.properties: dict[str, dict[str, str]] = {}
        self.available = 10**9
        self.clones: dict[str, str] = {}
        self.ignores: set[str] = set()
        self.written: list[str] = []
        self.warnings: list[str] = []
        monkeypatch.setattr(AnsibleModule, "warn", lambda _module, warning: self.warnings.append(warning))
        monkeypatch.setattr(Runner, "run", lambda _runner, argv, **_options: self.run(argv))
        for name in ("zroot/data", "zroot/pot/jails/web", "zroot/pot/jails/web/m"):
            self.create(name)

    def create(self, name):
        self.transaction += 1
        self.files[name], self.made[name] = "first", self.transaction

    def take(self, *names):
        """Snapshots of one moment, of these datasets alone."""
        self.transaction += 1
        for name in names:
            self.moments[name] = (self.transaction, self.files[name.split("@")[0]])

    def below(self, dataset):
        return [name for name in self.files if name == dataset or name.startswith(dataset + "/")]

    def run(self, argv):
        assert argv[0] == "zfs"
        command, arguments = argv[1], argv[2:]
        if command == "list":
            return self.list(arguments)
        self.written.append(" ".join(argv[1:]))
        if command in self.ignores:
            return 0, "", ""
        return getattr(self, "zfs_" + command)(arguments)

    def list(self, arguments):
        columns = arguments[arguments.index("-o") + 1].split(",")
        roots = arguments[arguments.index("-r") + 1 :]
        if columns == ["origin"]:
            assert roots == ["zroot"]
            return 0, "".join(f"{self.clones.get(name, '-')}\n" for name in [*self.files, *self.clones]), ""
        if columns == ["available", "referenced"]:
            return 0, "".join(f"{self.available}\t24576\n" for root in roots for _each in self.below(root)), ""
        assert arguments[: -len(roots)] == [
            *("-H", "-p", "-t", "filesystem,volume,snapshot,bookmark", "-o", ",".join(columns), "-r")
        ]
        assert columns[:6] == ["name", "used", "creation", "createtxg", "userrefs", "potluck.matrix:going-back"]
        missing = [root for root in roots if root not in self.files]
        rows = []

        def row(name, used, made, holds):
            known = self.properties.get(name, {})
            found = [known.get(column, "-") for column in columns[5:]]
            rows.append("\t".join([name, used, str(1795900000 + made), str(made), holds, *found]) + "\n")

        for dataset in [each for root in roots if root not in missing for each in self.below(root)]:
            row(dataset, "24576", self.made[dataset], "-")
            for name, (transaction, _files) in self.moments.items():
                if name.replace("#", "@").split("@")[0] == dataset:
                    row(
                        name,
                        *("-" if "#" in name else "1024", transaction),
                        "-" if "#" in name else str(int(name in self.held)),
                    )
        said = "".join(f"cannot open '{name}': dataset does not exist\n" for name in missing)
        return bool(missing) * 1, "".join(rows), said

    def zfs_set(self, arguments):
        name, value = arguments[0].split("=")
        for each in arguments[1:]:
            assert each in self.files or each in self.moments
            self.properties.setdefault(each, {})[name] = value
        return 0, "", ""

    def zfs_inherit(self, arguments):
        for each in arguments[1:]:
            self.properties[each].pop(arguments[0], None)
        return 0, "", ""

    def zfs_snapshot(self, arguments):
        assert arguments[0] == "-r"
        names, given = [], {}
        rest = arguments[1:]
        while rest[0] == "-o":
            given.update([rest[1].split("=")])
            rest = rest[2:]
        for each in rest:
            dataset, tag = each.split("@")
            names += [f"{each}@{tag}" for each in self.below(dataset)]
        for name in names:
            if name in self.moments:
                said = f"cannot create snapshot '{name}': dataset already exists\nno snapshots were created\n"
                return 1, "", said
        self.take(*names)
        self.properties.update({name: dict(given) for name in names})
        return 0, "", ""

    def zfs_rollback(self, arguments):
        (name,) = arguments
        dataset = name.split("@")[0]
        transaction, files = self.moments[name]
        newer = [
            other
            for other, (number, _files) in self.moments.items()
            if other.replace("#", "@").split("@")[0] == dataset and number > transaction
        ]
        if newer:
            said = (
                f"cannot rollback to '{name}': more recent snapshots or bookmarks exist\n"
                "use '-r' to force deletion of the following snapshots and bookmarks:\n"
            )
            return 1, "", said + "".join(other + "\n" for other in newer)
        self.files[dataset] = files
        return 0, "", ""

    def zfs_destroy(self, arguments):
        name = arguments[-1]
        assert "@" in name or "#" in name, "a dataset would be destroyed"
        found = [name]
        if arguments[0] == "-r":
            dataset, tag = name.split("@")
            found = [f"{each}@{tag}" for each in self.below(dataset) if f"{each}@{tag}" in self.moments]
        if not found:
            return 1, "", "could not find any snapshots to destroy; check snapshot names.\n"
        for each in found:
            if each in self.held:
                said = f"cannot destroy snapshot {each}: it's being held. Run 'zfs holds -r {each}' to see holders.\n"
                return 1, "", said
        for each in found:
            del self.moments[each]
        return 0, "", ""

    def call(self, module, **arguments):
        """What a module returns for these options."""
        internal = {"_ansible_remote_tmp": "/tmp", "_ansible_keep_remote_files": False}
        with patch_module_args({**arguments, **internal}):
            try:
                module.main()
            except SystemExit:
                return json.loads(self.capsys.readouterr().out)
        raise AssertionError("the module did not end")
