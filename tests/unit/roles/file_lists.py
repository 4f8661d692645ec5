# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that a role lists in a task, written somewhere else."""

from __future__ import annotations

import grp
import os
import pathlib
import pwd

import yaml

ROLES = pathlib.Path(__file__).parents[3] / "roles"


def tasks_of(node):
    """All tasks of what a file holds, those in blocks as well."""
    for task in node or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks_of(task.get(part))


def writing(role, path, name, directory):
    """A task that writes what the named task of a role gives to Synapse, each file by its last name into a directory.

    directory: a template. The role has to be there already, with its defaults and variables.
    """
    (task,) = [
        task
        for task in tasks_of(yaml.safe_load((ROLES / role / "tasks" / path).read_text(encoding="utf-8")))
        if task.get("name") == name
    ]
    variables = dict(task["vars"])
    files = [{"path": directory, "state": "directory", "mode": "0700"}]
    for number, entry in enumerate(variables.pop("synapse_restart_files")):
        variables[f"path_{number}"] = entry["path"]
        file = {**entry, "path": "%s/{{ path_%d | basename }}" % (directory, number)}
        if "template" in entry:
            file["template"] = str(ROLES / role / "templates" / entry["template"])
        files.append(file)
    own = {"owner": pwd.getpwuid(os.getuid()).pw_name, "group": grp.getgrgid(os.getgid()).gr_name}
    return {"potluck.matrix.file_set": {"files": [{**file, **own} for file in files]}, "vars": variables}
