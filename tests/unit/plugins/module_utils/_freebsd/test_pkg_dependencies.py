# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a package depends on, as installed or in the repository."""

from __future__ import annotations

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.pkg import Failed, Pkg, dependencies

LINES = "py311-psycopg2 python311\npy311-psycopg2 postgresql{}-client\n"


class Runner:
    """pkg(8) with an installed package, a repository and a catalogue that may have to be fetched."""

    def __init__(self, installed="", repository="", catalogue=True):
        self.installed, self.repository, self.catalogue = installed, repository, catalogue
        self.commands = []

    def inherited(self, **more):
        return more

    def run(self, argv, **_more):
        self.commands.append(argv[1])
        if argv[1] == "query":
            return (0, self.installed, "") if self.installed else (1, "", "")
        if argv[1] == "update":
            self.catalogue = True
            return 0, "", ""
        assert argv[1:3] == ["rquery", "-U"]
        return (0, self.repository, "") if self.catalogue and self.repository else (1, "", "")


def asked(runner):
    return dependencies(Pkg(runner, 1), "py311-psycopg2")


def test_what_is_installed_counts():
    assert asked(Runner(LINES.format(15), LINES.format(18))) == (True, ["python311", "postgresql15-client"])


def test_else_the_repository():
    runner = Runner("", LINES.format(18))
    assert asked(runner) == (False, ["python311", "postgresql18-client"])
    assert runner.commands == ["query", "rquery"]


def test_a_catalogue_that_is_not_there_is_fetched():
    runner = Runner("", LINES.format(18), catalogue=False)
    assert asked(runner)[1][1] == "postgresql18-client"
    assert runner.commands == ["query", "rquery", "update", "rquery"]


def test_a_package_that_nobody_has():
    with pytest.raises(Failed, match="has no package py311-psycopg2"):
        asked(Runner())
