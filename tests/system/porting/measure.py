# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a homeserver is out while its database moves:

tests/tools/apart /tmp/measure python tests/system/porting/measure.py EVENTS...

For each number of events it prints the seconds between the stop of Synapse on SQLite and the first answer of Synapse on
PostgreSQL, the module's steps in between, and what was done before while Synapse ran. The events are copies of one
message with other names and numbers, since Synapse itself takes an hour for 100,000.
"""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import sqlite3
import sys
import tempfile
import time

from homeserver import Cluster, Homeserver, Module, libraries
from people import People

# Tables with a row for each message, and what makes a row another one's: an expression for each column.
COPIES = {
    "events": {
        "event_id": "event_id || n",
        "stream_ordering": "(SELECT max(stream_ordering) FROM events) + n",
        "topological_ordering": "topological_ordering + n",
        "depth": "depth + n",
    },
    "event_json": {"event_id": "event_id || n"},
    "event_edges": {"event_id": "event_id || n"},
    "event_auth": {"event_id": "event_id || n"},
    "event_to_state_groups": {"event_id": "event_id || n"},
}


def multiply(path, events):
    """Let a database that is not in use have so many events."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        last, count = connection.execute(
            "SELECT event_id, (SELECT count(*) FROM events) FROM events WHERE type = 'm.room.message'"
            " ORDER BY stream_ordering DESC LIMIT 1"
        ).fetchone()
        for table, changes in COPIES.items():
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(changes.get(name, f'"{name}"') for name in columns)
            connection.execute(
                f"WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"
                f" INSERT INTO {table} SELECT {values} FROM {table}, numbers WHERE event_id = ?",
                (max(1, events - count), last),
            )
        connection.commit()


def measure(place, path, cluster, events):
    top = place / str(events)
    top.mkdir()
    top.chmod(0o755)
    homeserver = Homeserver(top, path)
    homeserver.start()
    people = People(homeserver)
    people.live()
    homeserver.await_updates()
    homeserver.stop()
    multiply(homeserver.sqlite, events)
    homeserver.start()
    module = Module(homeserver, cluster.database(f"measured_{events}"), top / "move")
    before = module.fine("precopied")
    people.say(people.bob, "the last one on SQLite")
    begun = time.monotonic()
    homeserver.stop()
    stopped = time.monotonic()
    result = module.fine("ported")
    ported = time.monotonic()
    homeserver.use({"name": "psycopg2", "args": {**module.postgresql, "cp_min": 1, "cp_max": 5}})
    homeserver.start()
    answered = time.monotonic()
    homeserver.stop()
    rows = {entry["table"]: entry["postgresql"] for entry in result["tables"]}
    print(
        f"{rows['events']} events, {sum(rows.values())} rows, {homeserver.sqlite.stat().st_size >> 20} MiB: "
        f"out for {answered - begun:.1f} seconds (stop {stopped - begun:.1f}, move {ported - stopped:.1f}, "
        f"start {answered - ported:.1f})\n  running {before['seconds']}\n  stopped {result['seconds']}"
        f", copied anew {result.get('anew')}",
        flush=True,
    )


def main(numbers):
    place = pathlib.Path(tempfile.mkdtemp(prefix="measure-"))
    place.chmod(0o755)
    try:
        path = libraries(place)
        cluster = Cluster(place)
        try:
            for events in numbers:
                measure(place, path, cluster, events)
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main([int(number) for number in sys.argv[1:]] or [1000])
