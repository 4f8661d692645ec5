# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Synapse's own porting script, as Synapse's account: its configuration, what it says, and whether it has done it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import CommandTimeout, Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import PATH, Runner

if t.TYPE_CHECKING:
    import pwd

    from ansible_collections.potluck.matrix.plugins.module_utils._database.account import Tell

ENVIRONMENT = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/nonexistent"}
# Seconds for a program that does little more than import Synapse.
LIMIT = 300
# Rows at a time: as many as the script takes by itself.
BATCH = 1000

# C(events: 40% (400/1000)), and C(Copying to postgres...); TerminalProgress in synapse/_scripts/synapse_port_db.py, the
# same in 1.135 and 1.163.
_ROWS = re.compile(r"(\w+): -?\d+% \((\d+)/(\d+)\)\Z")
_STATE = re.compile(r"(\S.*)\.\.\.\Z")
# How a line of its log begins, before the text.
_RECORD = re.compile(r"\d{4}-\d\d-\d\d [\d:,]+ - \S+ - \d+ - (\w+) - ")

KNOWLEDGE = """
import json
from synapse._scripts import synapse_port_db as script
print("\\n" + json.dumps({
    "kept": sorted(set(script.APPEND_ONLY_TABLES) - {"sent_transactions"}),
    "ignored": sorted(set(script.IGNORED_TABLES) | {"schema_version", "applied_schema_deltas", "sent_transactions"}),
}))
"""


def parse(line: str) -> dict | None:
    """What a line of the script's output tells, as progress.Progress.heard() takes it; None for anything else."""
    line = line.strip()
    found = _ROWS.match(line)
    if found:
        return {"table": found.group(1), "rows": int(found.group(2))}
    found = _STATE.match(line)
    return {"text": f"synapse_port_db: {found.group(1)}"} if found else None


def reason(said: str) -> str:
    """Why the script failed, from all that it wrote to its standard error: its last words, without those of its log."""
    words = [line.strip() for line in said.splitlines() if line.strip() and not _RECORD.match(line)]
    bad = [_RECORD.sub("", line).strip() for line in said.splitlines() if re.match(_RECORD.pattern + r"\S", line)]
    return (words or bad or ["it said nothing"])[-1]


def program(python: str, user: pwd.struct_passwd, source: str, *arguments: str) -> t.Any:
    """What a program prints as JSON on its last line, run by the Python that has Synapse. C(Sentence) when it does
    not.
    """
    try:
        rc, out, said = Runner().run(
            [python, "-B", "-W", "ignore", "-c", source, *arguments],
            LIMIT,
            environment=ENVIRONMENT,
            user=user,
            umask=0o077,
        )
    except CommandTimeout as error:
        # Its own words have the whole program in them.
        raise Sentence(f"Synapse's program did not end within {LIMIT} seconds", "synapse") from error
    try:
        return json.loads(out.strip().splitlines()[-1])
    except (IndexError, ValueError) as error:
        raise Sentence(f"Synapse's program cannot be run: {reason(said) or rc}", "synapse") from error


def knowledge(python: str, user: pwd.struct_passwd) -> dict[str, list[str]]:
    """What this version's script does with tables: C(kept), those with which it goes on after an earlier run; and
    C(ignored), those of which not all rows are copied.
    """
    return program(python, user, KNOWLEDGE)


def configure(_tell: Tell | None, config: str, args: dict, path: str) -> None:
    """Write the one file of configuration that the script takes: Synapse's own, with another database."""
    import yaml

    files = [config]
    if os.path.isdir(config):
        files = [os.path.join(config, name) for name in sorted(os.listdir(config)) if name.endswith(".yaml")]
    settings: dict[str, t.Any] = {}
    for file in files:
        try:
            with open(file, encoding="utf-8") as stream:
                found = yaml.safe_load(stream)
        except (OSError, yaml.YAMLError) as error:
            raise Sentence(f"{file}, of Synapse's configuration, cannot be read: {error}", "synapse") from error
        # As Synapse merges them.
        if isinstance(found, dict):
            settings.update(found)
    if "server_name" not in settings:
        raise Sentence(f"{config} holds no configuration of Synapse", "synapse")
    settings.pop("databases", None)
    # The script runs those of an empty database, and would sleep for a second after each.
    settings["background_updates"] = {"sleep_enabled": False, "sleep_duration_ms": 0}
    settings["database"] = {"name": "psycopg2", "args": {**args, "cp_min": 1, "cp_max": 5}}
    with open(path, "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), 0o600)
        yaml.safe_dump(settings, stream)


def port(tell: Tell, python: str, path: str, config: str, log: str) -> None:
    """Copy all rows that are not in PostgreSQL yet; C(Sentence) when the script says that it could not."""
    with open(log, "w+", encoding="utf-8", errors="replace") as said:
        with subprocess.Popen(
            [
                *(python, "-B", "-u", "-W", "ignore", "-m", "synapse._scripts.synapse_port_db"),
                *("--sqlite-database", path, "--postgres-config", config, "--batch-size", str(BATCH)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            env=ENVIRONMENT,
            encoding="utf-8",
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                told = parse(line)
                if told:
                    tell(told)
        said.seek(0)
        if process.returncode != 0:
            raise Sentence(f"synapse_port_db: {reason(said.read())}", "port")
