# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether Synapse would start with the sequences of its PostgreSQL, and those corrected with which it would not.

At its start Synapse asks of every sequence that gives out positions of a stream whether it is behind the tables of the
stream, or behind C(stream_positions), and refuses to start after the second. The porting script sets sequences from
tables alone: where the last rows of a stream are gone, as those of C(device_inbox) are once they are delivered, the
sequence stays behind. What is asked of which sequence differs between versions, so nothing of it is listed here: a
homeserver is set up as at a start, without being run, and what it asks is answered before.

Run as a program of its own, with the interpreter and the rights of Synapse: C(python -c SOURCE CONFIGURATION). The last
line of standard output is one JSON object: C(reason), empty when Synapse would start; C(asked), how many sequences were
looked at; and C(corrected), those that were behind (C(sequence), C(before), C(after), C(because)).
"""

from __future__ import annotations

import json
import sys


def behind(last, in_table, in_positions):
    """The position that a sequence is to have had and what says so, "table" or "positions"; None when it is not behind
    either. Both may be None.
    """
    highest = max((value, what) for value, what in ((in_table or 0, "table"), (in_positions or 0, "positions")))
    return highest if highest[0] > last else None


def correct(connection, name, table, column, stream, positive):
    """Let a sequence go on behind whatever Synapse compares it with; what was done, or None."""
    cursor = connection.cursor()
    try:
        cursor.execute(f"SELECT {'max' if positive else '-min'}({column}) FROM {table}")
        in_table = cursor.fetchone()[0]
        in_positions = None
        if stream:
            cursor.execute("SELECT max(stream_id) FROM stream_positions WHERE stream_name = %s", (stream,))
            in_positions = cursor.fetchone()[0]
        cursor.execute(f"SELECT last_value, is_called FROM {name}")
        value, called = cursor.fetchone()
        last = value if called else value - 1
        wanted = behind(last, in_table, in_positions)
        if wanted is None:
            return None
        cursor.execute("SELECT setval(%s::regclass, %s)", (name, wanted[0]))
    finally:
        cursor.close()
    because = f"{table}.{column}" if wanted[1] == "table" else f"stream_positions of {stream}"
    return {"sequence": name, "before": last, "after": wanted[0], "because": because}


def main(path):
    """What is printed."""
    corrected = []
    asked = set()
    try:
        import yaml
        from synapse._scripts.update_synapse_database import MockHomeserver
        from synapse.config.homeserver import HomeServerConfig
        from synapse.storage.util.sequence import PostgresSequenceGenerator

        original = PostgresSequenceGenerator.check_consistency

        def check(self, db_conn, table, id_column, stream_name=None, positive=True):
            name = self._sequence_name
            asked.add(name)
            # The connection that Synapse wraps speaks psycopg2's own dialect.
            done = correct(getattr(db_conn, "conn", db_conn), name, table, id_column, stream_name, positive)
            if done:
                corrected.append(done)
            return original(self, db_conn, table, id_column, stream_name, positive)

        PostgresSequenceGenerator.check_consistency = check
        with open(path, encoding="utf-8") as stream:
            settings = yaml.safe_load(stream)
        # It is set up, not run.
        settings["run_background_tasks_on"] = "some_other_process"
        config = HomeServerConfig()
        config.parse_config_dict(settings, "", "")
        MockHomeserver(config).setup()
    except SystemExit as error:
        return {"reason": f"it ends with {error.code}", "asked": len(asked), "corrected": corrected}
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return {"reason": reason, "asked": len(asked), "corrected": corrected}
    return {"reason": "", "asked": len(asked), "corrected": corrected}


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(main(sys.argv[1])) + "\n")
    sys.stdout.flush()
