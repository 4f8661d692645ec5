# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No task reports a change, and none decides, by the exit code of a command that did not run.

ansible.builtin.command ends with rc 0 when it skips itself: for "creates", for "removes", and in check mode.
"""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml

TOP = pathlib.Path(__file__).resolve().parents[3]
FILES = sorted(
    path
    for pattern in ("roles/*/tasks/*.yml", "roles/*/handlers/*.yml", "playbooks/*.yml", "molecule/*/*.yml")
    for path in TOP.glob(pattern)
)
COMMANDS = ("ansible.builtin.command", "ansible.builtin.shell", "ansible.builtin.raw", "ansible.builtin.script")
RC = re.compile(r"(\w+)\.rc\b")


class Loader(yaml.SafeLoader):
    """Reads Ansible's own tags as plain text."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: loader.construct_scalar(node))


def tasks_of(node, inherited=()):
    """(task, conditions of its blocks) for every task in what a file holds."""
    for entry in node if isinstance(node, list) else []:
        if not isinstance(entry, dict):
            continue
        own = entry.get("when", [])
        conditions = [*inherited, *(own if isinstance(own, list) else [own])]
        for key in ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always"):
            yield from tasks_of(entry.get(key), conditions)
        yield entry, conditions


def text(value):
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def faults(node, checks=True):
    """Sentences about tasks whose changed_when reads an exit code that may not be one.

    checks: whether the file is ever run in check mode.
    """
    tasks = list(tasks_of(node))
    registered = {task["register"]: (task, conditions) for task, conditions in tasks if "register" in task}
    for task, _conditions in tasks:
        name = task.get("name", "a task without a name")
        for variable in RC.findall(text(task.get("changed_when", ""))):
            if variable not in registered:
                yield f"{name}: nobody registers {variable} here"
                continue
            source, when = registered[variable]
            arguments = next((source[command] for command in COMMANDS if command in source), None)
            if arguments is None:
                continue
            skips = [
                key
                for key in ("creates", "removes")
                if key in {**(arguments if isinstance(arguments, dict) else {}), **source.get("args", {})}
            ]
            if skips:
                yield f'{name}: "{skips[0]}" skips the command with rc 0'
            if checks and source.get("check_mode") is not False and "not ansible_check_mode" not in text(when):
                yield f"{name}: check mode skips the command with rc 0"
            if source is not task and when:
                yield f"{name}: {variable} may have been skipped"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TOP)))
def test_no_change_is_taken_from_a_command_that_may_not_have_run(path):
    node = yaml.load(path.read_text(encoding="utf-8"), Loader)
    assert list(faults(node, checks="molecule" not in path.parts)) == []


GOOD = "- {name: n, register: r, check_mode: false, changed_when: r.rc == 0, ansible.builtin.command: {argv: [x]}}"


@pytest.mark.parametrize(
    "tasks, words",
    [
        (GOOD, None),
        (GOOD.replace("check_mode: false", "when: not ansible_check_mode"), None),
        (GOOD.replace("[x]", "[x], removes: y"), '"removes" skips'),
        (GOOD.replace("check_mode: false", "args: {creates: y}, check_mode: false"), '"creates" skips'),
        (GOOD.replace("check_mode: false, ", ""), "check mode skips"),
        ("- block:\n  {}\n  when: [a, not ansible_check_mode]".format(GOOD.replace("check_mode: false, ", "")), None),
        (
            GOOD.replace("check_mode: false", "when: a, check_mode: false").replace(", changed_when: r.rc == 0", "")
            + "\n- {name: m, changed_when: r.rc == 0, ansible.builtin.debug: {}}",
            "m: r may have been skipped",
        ),
        ("- {name: m, changed_when: other.rc == 0, ansible.builtin.debug: {}}", "nobody registers other"),
    ],
)
def test_the_check_itself(tasks, words):
    found = list(faults(yaml.safe_load(tasks)))
    assert not found if words is None else len(found) == 1 and words in found[0], found


# Not these roles' own: they belong to other parts, which have tests of their own for what is meant.
@pytest.mark.parametrize("role", ["synapse", "ldap_auth"])
def test_no_default_is_taken_for_an_exit_code(role):
    for path in sorted((TOP / "roles" / role).rglob("*.yml")):
        assert not re.search(r"\.(rc|stdout)\s*\|\s*default", path.read_text(encoding="utf-8")), path
