#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: synapse_database
short_description: Move a homeserver's database from SQLite to PostgreSQL
version_added: 0.1.0
description:
  - Copies with Synapse's own C(synapse_port_db), from copies of SQLite's file, which is never written. Then compares
    both databases table by table, corrects the sequences with which Synapse would not start, and lets Synapse's own
    classes prove that it would.
  - One marker in O(directory) says which database is the homeserver's. Until it says C(ported), that is SQLite's file,
    as it was. A run that was cut off is followed by one that goes on, or begins anew where it cannot go on.
  - What is in PostgreSQL is dropped only where the marker and the database say that an earlier run has put it there. A
    database with anything else in it is refused.
  - The progress, with rows done and left, is written to C(progress.log) in O(directory).
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
attributes:
  check_mode:
    support: full
    details: Both databases are looked at. Whether Synapse is stopped is not asked, since nothing has stopped it.
  diff_mode:
    support: full
    details: Says which database is the homeserver's, and where it is.
  idempotent:
    support: full
requirements:
  - Synapse with psycopg2, and sqlite3, for the Python that runs the module
options:
  state:
    description:
      - V(begun) looks whether the data can be moved, and names the snapshot that is to be taken before that, which is
        the same one when a move that was cut off is gone on with.
      - V(precopied) copies while Synapse runs, so that less is left to do while it is stopped. Rows that only ever are
        added are not copied again by V(ported), unless one of them has changed meanwhile; other tables are.
      - V(ported) has PostgreSQL hold all that SQLite's file holds. Synapse has to be stopped. Without V(precopied) it
        copies everything. When SQLite's file has been written after it was moved, it is moved again.
      - V(switched) is for when Synapse runs on PostgreSQL. SQLite's file is renamed to end in C(.before-postgresql), or
        removed.
      - V(abandoned) is for when Synapse does not come up on PostgreSQL after V(ported); SQLite's file is the
        homeserver's database again. Refused when Synapse has written into PostgreSQL meanwhile.
    type: str
    choices: [begun, precopied, ported, switched, abandoned]
    required: true
  sqlite:
    description: Path of SQLite's file.
    type: path
    required: true
  postgresql:
    description: Where PostgreSQL is, in the words of Synapse's C(database.args). The database has to be there, empty.
    type: dict
    required: true
    suboptions:
      dbname:
        description: Name of the database.
        type: str
        required: true
      host:
        description: Directory of the unix socket, or an address.
        type: str
      port:
        description: Port, which also is part of a unix socket's name.
        type: int
      user:
        description: User of PostgreSQL, who is to own what is in the database.
        type: str
      password:
        description: Password of that user.
        type: str
      sslmode:
        description: How the connection is protected.
        type: str
        choices: [disable, allow, prefer, require, verify-ca, verify-full]
      sslrootcert:
        description: File with the certificates of the authorities that PostgreSQL's certificate may come from.
        type: path
      application_name:
        description: What the connections are called to PostgreSQL.
        type: str
  directory:
    description: Directory on the dataset for the marker, the log, and copies while they are needed. Made if missing.
    type: path
    required: true
  mark:
    description: File that tells others that PostgreSQL is the homeserver's database, by being there. It comes and goes
      with what the marker says.
    type: path
  keep:
    description: Whether V(state=switched) keeps SQLite's file under another name; if not, one kept earlier goes, too.
    type: bool
    default: true
  config:
    description: Synapse's configuration, a file or a directory of them. Its database does not matter.
    type: path
    default: /usr/local/etc/matrix-synapse/homeserver.d
  python:
    description: Interpreter that has Synapse.
    type: path
    default: /usr/local/bin/python3.11
  user:
    description: User that Synapse runs as, who reads and writes both databases.
    type: str
    default: synapse
seealso:
  - module: potluck.matrix.synapse_config
  - module: potluck.matrix.synapse_data
"""

EXAMPLES = r"""
- name: Copy what Synapse has written so far
  potluck.matrix.synapse_database:
    state: precopied
    sqlite: /mnt/matrixdata/matrix-synapse/matrix_homeserver.db
    postgresql: {host: /tmp, dbname: synapse, user: synapse}
    directory: /mnt/matrixdata/matrix-database

- name: Move the database of a Synapse that is stopped
  potluck.matrix.synapse_database:
    state: ported
    sqlite: /mnt/matrixdata/matrix-synapse/matrix_homeserver.db
    postgresql: {host: /tmp, dbname: synapse, user: synapse}
    directory: /mnt/matrixdata/matrix-database
"""

RETURN = r"""
phase:
  description: What the marker says, empty when no move has begun. The homeserver's database is PostgreSQL with
    V(ported) and V(switched), and SQLite with anything else.
  type: str
  returned: always
  sample: ported
snapshot:
  description: Name of the snapshot from before the move; empty when none was named.
  type: str
  returned: always
  sample: move-20260101T000000Z
tables:
  description: Tables as they were compared.
  type: list
  elements: dict
  returned: always
  contains:
    table: {description: Its name., type: str}
    sqlite: {description: Rows in SQLite., type: int}
    postgresql: {description: Rows in PostgreSQL., type: int}
    dropped:
      description: Rows of SQLite that PostgreSQL cannot hold, since there is a NUL in their text.
      type: int
    same: {description: Whether rows and sums are the same but for these., type: bool}
  sample: [{table: events, sqlite: 4711, postgresql: 4711, dropped: 0, same: true}]
sequences:
  description: Sequences that were behind and were corrected.
  type: list
  elements: dict
  returned: always
  sample: [{sequence: device_inbox_sequence, before: 1, after: 12, because: stream_positions of to_device}]
anew:
  description: Tables that V(precopied) had copied, and that were copied again since their rows had changed.
  type: list
  elements: str
  returned: when V(state=ported) went on from V(precopied)
background_updates:
  description: Background updates that Synapse runs, or will run, on PostgreSQL. The directory of users is always made
    anew.
  type: list
  elements: str
  returned: always
rows:
  description: Rows C(done) and C(left) of the last copying in this run.
  type: dict
  returned: always
  sample: {done: 51000, left: 0}
seconds:
  description: How long each step of this run took.
  type: dict
  returned: always
  sample: {lock and copy: 0.4, port: 12.1, compare: 1.3, sequences: 3.2, statistics: 0.5}
log:
  description: File with the progress.
  type: str
  returned: always
part:
  description:
    - What is wrong - V(sqlite) that SQLite's file cannot be moved, V(updates) that Synapse has not ended its background
      updates, V(running) that somebody has the file open or is connected to the target, V(busy) that Synapse writes too
      often to be copied while it runs, V(postgresql) that the database cannot be used, V(foreign) that it holds
      something else, V(space) that the dataset is too full, V(synapse) that Synapse's programs or configuration cannot
      be used, V(port) that the porting script failed, V(comparison) that the databases differ, V(start) that Synapse
      would not start, V(both) that both databases have been written since they were the same, V(marker) that the marker
      says otherwise.
  type: str
  returned: failure
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._database.marker import State
from ansible_collections.potluck.matrix.plugins.module_utils._database.move import Move
from ansible_collections.potluck.matrix.plugins.module_utils._database.progress import NAME as LOG
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.locks import lock
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import short_secrets

LOCK = "potluck-database"
# Seconds that what is left of a run that was cut off may need to end.
PATIENCE = 60
# What the marker says after each state.
AFTER = {
    "begun": "precopying",
    "precopied": "precopied",
    "ported": "ported",
    "switched": "switched",
    "abandoned": "porting",
}


def _shown(params: dict, state: State) -> str:
    """Which database is the homeserver's, as diff mode tells it."""
    if not state.done:
        return f"SQLite: {params['sqlite']}\n"
    kept = "" if state.phase == "ported" else ", SQLite's file put away"
    target = params["postgresql"]
    return f"PostgreSQL: {target['dbname']} at {target['host'] or 'the default socket'}{kept}\n"


def main():
    module = AnsibleModule(
        argument_spec={
            "state": {
                "type": "str",
                "choices": list(AFTER),
                "required": True,
            },
            "sqlite": {"type": "path", "required": True},
            "postgresql": {
                "type": "dict",
                "required": True,
                "options": {
                    "dbname": {"type": "str", "required": True},
                    "host": {"type": "str"},
                    "port": {"type": "int"},
                    "user": {"type": "str"},
                    "password": {"type": "str", "no_log": True},
                    "sslmode": {
                        "type": "str",
                        "choices": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
                    },
                    "sslrootcert": {"type": "path"},
                    "application_name": {"type": "str"},
                },
            },
            "directory": {"type": "path", "required": True},
            "mark": {"type": "path"},
            "keep": {"type": "bool", "default": True},
            "config": {"type": "path", "default": "/usr/local/etc/matrix-synapse/homeserver.d"},
            "python": {"type": "path", "default": "/usr/local/bin/python3.11"},
            "user": {"type": "str", "default": "synapse"},
        },
        supports_check_mode=True,
    )
    short_secrets.spare_short(module)
    params = module.params
    told = {"invocation": short_secrets.shown(module), "log": os.path.join(params["directory"], LOG)}
    move = problem = part = None
    before, changed = State(), False
    try:
        with lock(LOCK, PATIENCE):
            move = Move(params, module.check_mode)
            before = move.state
            changed = getattr(move, params["state"])()
    except Sentence as refusal:
        problem, part = str(refusal).rstrip("."), refusal.part
    except OSError as error:
        problem, part = f"{error.filename or params['directory']}: {error.strerror or error}", "sqlite"
    if move:
        told.update(
            phase=move.state.phase,
            snapshot=move.state.snapshot,
            tables=move.state.tables,
            sequences=move.state.sequences,
            background_updates=move.updates,
            rows=move.progress.rows,
            seconds=move.progress.seconds,
        )
        if move.anew is not None:
            told["anew"] = move.anew
    if problem:
        module.fail_json(msg=problem, part=part, **told)
    if module._diff and move:
        after = move.state if not module.check_mode or not changed else State(phase=AFTER[params["state"]])
        told["diff"] = {"before": _shown(params, before), "after": _shown(params, after)}
    module.exit_json(changed=changed, **told)


if __name__ == "__main__":
    main()
