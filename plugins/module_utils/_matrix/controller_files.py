# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the controller that a homeserver gets: bridges' registrations, templates of mails, keys.

A checker takes the value, returns its normal form and raises ValueError with the end of a sentence whose subject is the
value.
"""

from __future__ import annotations

import posixpath
import re
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import names, storage, values

EXAMPLE = '[{source: "{{ inventory_dir }}/files/irc.yaml", path: bridges/irc.yaml, registration: true}]'
_NAME = r"[A-Za-z0-9_][A-Za-z0-9._@+=-]{0,99}"


def _path(value) -> str:
    """A path below the directory of these files. Synapse's restart looks at no name that begins with a dot."""
    given = names.text(value)
    if given.startswith("/"):
        raise ValueError("is an absolute path; give the one below the directory of these files")
    if len(given) > 200 or not re.fullmatch(rf"{_NAME}(?:/{_NAME})*", given):
        raise ValueError("is not a path of plain names, each of letters, digits and . _ @ + = - and none hidden")
    return given


def _mode(value) -> str:
    found = storage.mode(value)
    if len(found) == 4 and found[0] != "0":
        raise ValueError("has a digit in front that is for programs")
    return found[-3:]


KEYS: dict[str, t.Callable[[t.Any], t.Any]] = {
    "source": values.line,
    "path": _path,
    "owner": values.choice("root", "synapse"),
    "mode": _mode,
    "registration": values.boolean,
}
DEFAULTS: dict[str, t.Any] = {"owner": "root", "mode": "640", "registration": False}


def shown(entry: dict) -> bool:
    """Whether what is in a file may be shown: others may read it, and no tokens of a bridge are in it."""
    return bool(int(entry["mode"], 8) & 0o004) and not entry["registration"]


def read_by_synapse(entry: dict) -> bool:
    """Whether Synapse, which is in the group that all of these files have, may read one."""
    return bool(int(entry["mode"], 8) & (0o400 if entry["owner"] == "synapse" else 0o040))


def _entry(value) -> dict[str, t.Any]:
    if not isinstance(value, dict):
        raise ValueError(f"is {names.kind(value)} where a dictionary is expected")
    for key in value:
        if key not in KEYS:
            raise ValueError(f'has the unknown key "{key}"; known are {", ".join(KEYS)}')
    found = dict(DEFAULTS)
    for key, check in KEYS.items():
        if value.get(key) in (None, "") and (key in value or key not in DEFAULTS):
            raise ValueError(f"has no {key}")
        if key in value:
            try:
                found[key] = check(value[key])
            except ValueError as error:
                said = f'"{value[key]}", which' if isinstance(value[key], (str, int)) else "something that"
                raise ValueError(f"has as {key} {said} {error}") from None
    if found["registration"] and not read_by_synapse(found):
        raise ValueError(f"has the mode {found['mode']}, with which Synapse is unable to read a registration")
    return found


def files(value) -> list[dict[str, t.Any]]:
    """The files, each with all keys of C(KEYS)."""
    found: list[dict[str, t.Any]] = []
    for number, entry in enumerate(values.items(value), 1):
        try:
            found.append(_entry(entry))
        except ValueError as error:
            raise ValueError(f"has an item {number} that {error}") from None
    paths = [entry["path"] for entry in found]
    for path in paths:
        if paths.count(path) > 1:
            raise ValueError(f'has the path "{path}" twice')
        if set(parents(path)) & set(paths):
            raise ValueError(f'has the path "{path}" below that of another file')
    return found


def parents(path: str) -> list[str]:
    """The directories that a relative path lies in, the outermost first."""
    found: list[str] = []
    while path := posixpath.dirname(path):
        found.insert(0, path)
    return found


def placed(entries: list[dict[str, t.Any]], directory: str, there: t.Iterable[str] = ()) -> dict[str, list]:
    """What has to be done for these files to be below a directory.

    there: paths of the files that were found in it. wanted: directories and files as the module file_set takes them;
    former: those of there that are none of these any longer, as synapse_config takes them; registrations: paths.
    """
    directories = {parent: None for entry in entries for parent in parents(entry["path"])}
    wanted: list[dict[str, t.Any]] = [
        {"path": posixpath.join(directory, path).rstrip("/"), "state": "directory", "mode": "0755"}
        for path in ("", *directories)
    ]
    for entry in entries:
        wanted.append(
            {
                "path": posixpath.join(directory, entry["path"]),
                "source" if shown(entry) else "secret_source": entry["source"],
                "owner": entry["owner"],
                "group": "synapse",
                "mode": f"0{entry['mode']}",
            }
        )
    paths = [posixpath.join(directory, entry["path"]) for entry in entries]
    return {
        "wanted": wanted if entries else [],
        "former": [{"path": path, "state": "absent"} for path in there if path not in paths],
        "registrations": [path for path, entry in zip(paths, entries) if entry["registration"]],
    }
