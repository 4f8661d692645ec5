# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether Synapse gets at its PostgreSQL, asked as Synapse does: by its configuration and with its driver.

Run as a program of its own, since it needs the interpreter and the account of Synapse:

    python -B -c SOURCE DIRECTORY

DIRECTORY holds the configuration. It ends with 1 and the database's words where that does not answer.
"""

from __future__ import annotations

import pathlib
import sys


def main(directory: str) -> str:
    """What the database says against it; empty where it answers."""
    import psycopg2
    import yaml

    settings: dict = {}
    for path in sorted(pathlib.Path(directory).glob("*.yaml")):
        settings.update(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    # Those of the pool are Synapse's own.
    given = {name: value for name, value in settings["database"]["args"].items() if not name.startswith("cp_")}
    try:
        with psycopg2.connect(**{"connect_timeout": 10, **given}) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM users")
    except psycopg2.Error as error:
        return " ".join(str(error).split())
    return ""


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]) or 0)
