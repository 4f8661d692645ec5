# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A homeserver on SQLite and one on PostgreSQL, on the same double, asked by the same simulated clients."""

from __future__ import annotations

import collections
import os
from pathlib import Path

from controller import proportional_size
from load import Crowd
from rollouts import Doubles

# A database that has come to its end is not asked by more, so that what is last is hardly reached.
CLIENTS = (10, 40, 80, 120, 160, 240, 320, 480)
# A message that takes longer than this is one that people notice, in milliseconds.
TOO_LONG = 1000
# Which part of the answers may be none.
TOO_MANY = 0.01
# database: sqlite or postgresql; seen: load.Seen; memory: bytes of all processes of the pot afterwards.
Measured = collections.namedtuple("Measured", "database seen memory")
UNLIMITED = {"per_second": 100000, "burst_count": 100000}
VARIABLES = {
    "matrix_registration_enable": True,
    "matrix_registration_verification": "without_verification",
    # Registering is not what is measured.
    "synapse_settings": {"bcrypt_rounds": 4},
    "synapse_rate_limits": {
        "rc_message": UNLIMITED,
        "rc_registration": UNLIMITED,
        "rc_login": {"address": UNLIMITED, "account": UNLIMITED},
        "rc_joins": {"local": UNLIMITED, "remote": UNLIMITED},
        "rc_room_creation": UNLIMITED,
    },
}
SPACE = "import os; print(os.readlink('/proc/self/ns/pid'))"


def end(seen):
    """In words, how a database with these clients has come to its end; empty when it has not."""
    # One that has answered nothing has no such number.
    if not seen.sent_99 <= TOO_LONG:
        return f"one of a hundred messages waits longer than {TOO_LONG} ms"
    return f"{100 * seen.failed:.1f} % of the answers are none" if seen.failed > TOO_MANY else ""


def pot_memory(machine, pot):
    """Bytes of memory of all processes of a pot, pages that they share counted once."""
    space = machine.inside("/usr/local/bin/python3.11", "-c", SPACE, pot=pot).stdout.strip()
    total = 0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(path / "ns/pid") == space:
                total += proportional_size(int(path.name))
        except OSError:
            continue
    return total


def measure(place, say, seconds=20):
    """All Measured, smallest crowd first; say() is told of each."""
    databases = {"s1": "sqlite", "s2": "postgresql"}
    special = {name: {**VARIABLES, "matrix_database": database} for name, database in databases.items()}
    fleet = Doubles(place, 2, hosts=1, special=special)
    fleet.start()
    try:
        fleet.run(2)
        roots = fleet.variables["matrix_verify_ca_file"]
        crowds = {name: Crowd(fleet.domains[name], fleet.jails[name], roots) for name in databases}
        found, ended = [], set()
        for clients in CLIENTS:
            for name, database in databases.items():
                if database not in ended:
                    seen = crowds[name].live(clients, seconds)
                    found.append(Measured(database, seen, pot_memory(fleet.machines[0], name)))
                    say(found[-1])
                    # Nothing is learnt from one that is further behind the more are asking.
                    if end(seen):
                        ended.add(database)
        return found
    finally:
        fleet.stop()
