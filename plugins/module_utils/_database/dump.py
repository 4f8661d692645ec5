# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database of PostgreSQL in a file, and back, as Synapse's account. Both functions are work for account.Account.

How the server is reached, and with which password, is in a service file of libpq.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import PATH

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.module_utils._database.account import Tell

# What a dump is while it is written.
DRAFT = ".new"
# Of what a newer Synapse has made meanwhile the dump knows nothing, and what refers to it could not be dropped.
DROP_ALL = """
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace
            AND c.relkind IN ('r', 'p') LOOP
        EXECUTE 'DROP TABLE IF EXISTS ' || name || ' CASCADE';
    END LOOP;
    FOR name IN SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace
            AND c.relkind = 'S' LOOP
        EXECUTE 'DROP SEQUENCE IF EXISTS ' || name || ' CASCADE';
    END LOOP;
    FOR name IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') LOOP
        EXECUTE 'DROP ROUTINE IF EXISTS ' || name || ' CASCADE';
    END LOOP;
END $$;
"""


def _environment(service_file: str) -> dict[str, str]:
    return {
        "PATH": PATH,
        "LC_ALL": "C",
        "HOME": "/nonexistent",
        "PGSERVICEFILE": service_file,
        "PGCONNECT_TIMEOUT": "10",
    }


def _reason(program: str, said: str) -> Sentence:
    words = [line.strip() for line in said.splitlines() if line.strip()] or ["it said nothing"]
    if "server version mismatch" in words[0]:
        versions = words[-1].rpartition("detail: ")[2]
        return Sentence(f"{program}: the server is newer than this program ({versions})", program)
    # The first line says what is wrong, those behind it what was being done.
    return Sentence(f"{program}: {words[0].removeprefix(program + ': ').removeprefix('error: ')}", program)


def _run(argv: list[str], environment: dict[str, str]) -> str:
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise Sentence(f"{argv[0]} cannot be run: {error.strerror}", os.path.basename(argv[0])) from error
    if done.returncode != 0:
        raise _reason(os.path.basename(argv[0]), done.stderr)
    return done.stdout


def tables(listed: str) -> list[str]:
    """The tables whose rows are in a dump, from what C(pg_restore --list) says of it."""
    found = []
    for line in listed.splitlines():
        words = line.split(";", 1)[-1].split()
        if words[2:4] == ["TABLE", "DATA"]:
            found.append(words[5])
    return found


def dump(_tell: Tell | None, programs: str, service_file: str, service: str, path: str) -> int:
    """Write the database into a file that is there as a whole or not at all; returns how many tables are in it."""
    draft = path + DRAFT
    with contextlib.suppress(FileNotFoundError):
        os.unlink(draft)
    environment = _environment(service_file)
    try:
        _run(
            [f"{programs}/pg_dump", "--format=custom", "--no-password", "--lock-wait-timeout=60s", f"--file={draft}"]
            + [f"--dbname=service={service}"],
            environment,
        )
        found = tables(_run([f"{programs}/pg_restore", "--list", draft], environment))
        if not found:
            raise Sentence("pg_dump: no table is in what it has written", "pg_dump")
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
        raise
    # pg_dump has written it to the disk.
    os.rename(draft, path)
    return len(found)


def _feed(psql: t.IO[bytes], source: t.IO[bytes], code: t.Callable[[], int]) -> None:
    """Hand psql the statements of a restoring; without the last one it leaves the database as it was. C(code) waits for
    the end of what writes the source.
    """
    # A pipe that breaks tells that psql has ended, which says why.
    with contextlib.suppress(BrokenPipeError):
        psql.write(f"BEGIN;\nSET LOCAL client_min_messages = error;\n{DROP_ALL}".encode())
        shutil.copyfileobj(source, psql)
        if code() == 0:
            psql.write(b"COMMIT;\n")
        psql.flush()


def restore(_tell: Tell | None, programs: str, service_file: str, service: str, path: str) -> int:
    """Replace all that is in the database by what is in the file, in one transaction; returns how many tables
    that are.
    """
    environment = _environment(service_file)
    found = tables(_run([f"{programs}/pg_restore", "--list", path], environment))
    if not found:
        raise Sentence(f"{path} holds no table", "pg_restore")
    reading = [f"{programs}/pg_restore", "--no-owner", "--no-privileges", "--no-comments", "--file=-", path]
    writing = [
        f"{programs}/psql",
        "--no-psqlrc",
        "--no-password",
        "--quiet",
        "--set=ON_ERROR_STOP=1",
        "--output=/dev/null",
    ]
    with (
        subprocess.Popen(
            [*writing, f"--dbname=service={service}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
        ) as psql,
        subprocess.Popen(
            reading,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        ) as reader,
    ):
        _feed(t.cast("t.IO[bytes]", psql.stdin), t.cast("t.IO[bytes]", reader.stdout), reader.wait)
        reader.kill()
        _out, said = psql.communicate()
    # What was ended by psql's end has a negative one.
    if reader.returncode > 0:
        raise Sentence(f"pg_restore cannot read all of {path}, so the database is as it was", "pg_restore")
    if psql.returncode != 0:
        raise _reason("psql", said.decode("utf-8", "replace"))
    return len(found)
