# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether Synapse may have a PostgreSQL that somebody else looks after, asked before Synapse is told of it.

Every C(Sentence) has as its part the key of C(matrix_database) that is to be looked at, or is empty for none of them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import tempfile
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._database import postgres
from ansible_collections.potluck.matrix.plugins.module_utils._database.sqlite import quoted
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.database import ELSEWHERE, OLDEST

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.module_utils._database.account import Tell

KEYS = ("host", "port", "name", "user", "password", "sslmode", "sslrootcert")
# Clients that say so themselves and are no Synapse, which says nothing unless it is told to.
CLIENTS = ("psql", "pg_dump", "pg_restore")
# Of a name that a client gives itself PostgreSQL keeps so much (NAMEDATALEN - 1).
NAME_LENGTH = 63
# What libpq (fe-connect.c, fe-secure-openssl.c, fe-secure-common.c) and the server (postinit.c, auth.c) say, the key to
# look at, and what it means. In this order, since libpq tells of every address that it tried.
REFUSALS = (
    (r"password authentication failed", "password", "refuses the password of {user}"),
    (r'database ".*" does not exist', "name", "has no database {name}"),
    (r'role ".*" (does not exist|is not permitted to log in)', "user", "has no user {user} who may log in"),
    (r"permission denied for database", "user", "does not let {user} connect to the database {name}"),
    (
        r"no pg_hba.conf entry .*(no encryption|SSL off)",
        "sslmode",
        "lets nobody in without TLS, which sslmode: verify-full would speak",
    ),
    (
        r"no pg_hba.conf entry|pg_hba.conf rejects",
        "user",
        "does not let {user} into the database {name} from the pot's address; say so in its pg_hba.conf",
    ),
    (r"certificate verify failed", "sslrootcert", "has a certificate that comes from none of the CAs in sslrootcert"),
    (r"does not match host name", "host", "has a certificate for another name; write one that is in it as the host"),
    (r"root certificate file|could not read root cert", "sslrootcert", "cannot be verified by what is in sslrootcert"),
    (r"does not support SSL", "sslmode", "does not speak TLS; switch it on there (ssl = on)"),
    (r"could not translate host name", "host", "cannot be found by that name in the pot"),
    (
        r"timeout expired|Connection refused|No route|unreachable|timed out|is down|starting up|shutting down"
        r"|closed the connection",
        "host",
        "does not answer the pot; start it, or correct host and port",
    ),
)
_NOISE = re.compile(
    r'connection to server at "[^"]*"( \([^)]*\))?, port \d+ failed: |(FATAL|ERROR): +'
    r"|\s*Is the server running on that host and accepting TCP/IP connections\?"
)
_FACTS = """
SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',
    pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,
    CASE to_jsonb(d)->>'datlocprovider' WHEN 'i' THEN 'ICU' WHEN 'b' THEN coalesce(to_jsonb(d)->>'datlocale', '') END,
    coalesce(current_schema()::text, ''), coalesce(has_schema_privilege(current_schema()::text, 'CREATE'), false)
FROM pg_database d WHERE d.datname = current_database()
"""
_FOREIGN = """
SELECT c.relname, pg_get_userbyid(c.relowner) FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'S')
    AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY 1 LIMIT 1
"""
# Of other users' connections nothing is told but that they are there; that of a monitoring is one.
_OTHERS = """
SELECT coalesce(host(client_addr), 'a socket'), application_name,
    application_name = %s AND client_addr IS NOT DISTINCT FROM inet_client_addr()
FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
    AND backend_type = 'client backend' ORDER BY 1, 2
"""
_STRANGER = """
SELECT substr(name, strpos(name, ':') + 1) FROM users WHERE substr(name, strpos(name, ':') + 1) <> %s LIMIT 1
"""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """server_name: the homeserver's; application: what its Synapse calls itself to PostgreSQL; mark: which database the
    homeserver's data are in so far, as the file beside the signing key says; move: the id of a move that is under way
    or done, or empty.
    """

    server_name: str
    application: str
    mark: str = ""
    move: str = ""


def refusal(said: str, given: dict) -> Sentence:
    """What is wrong, from what psycopg2 says of a connection that was not made."""
    words = "; ".join(filter(None, (" ".join(_NOISE.sub("", line).split()) for line in said.splitlines())))
    where = f"PostgreSQL at {given['host']}, port {given['port']},"
    for pattern, key, meaning in REFUSALS:
        if re.search(pattern, said):
            return Sentence(f"{where} {meaning.format(**given)} ({words})", key)
    return Sentence(f"{where} cannot be used: {words}")


@contextlib.contextmanager
def connected(given: dict, authorities: str, application: str) -> t.Iterator[t.Any]:
    """A connection as Synapse makes it; C(Sentence) for one that is not made, and for what PostgreSQL says later.

    authorities: PEM text of what sslrootcert names, which is not yet in its place.
    """
    try:
        import psycopg2
    except ImportError as error:
        raise Sentence(
            f"this Python has no psycopg2, Synapse's driver for PostgreSQL ({error}); install its package anew"
        ) from error
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".pem") as stream:
        stream.write(authorities)
        stream.flush()
        args = {name: given[name] for name in ("host", "port", "user", "password", "sslmode")}
        if authorities:
            args["sslrootcert"] = stream.name
        try:
            connection = psycopg2.connect(
                dbname=given["name"], application_name=application, connect_timeout=postgres.CONNECT, **args
            )
        except psycopg2.Error as error:
            raise refusal(str(error), given) from error
        with contextlib.closing(connection):
            try:
                yield connection
            except psycopg2.Error as error:
                raise refusal(str(error), given) from error


def ask(_tell: Tell | None, given: dict, authorities: str, wanted: dict, claim: bool) -> dict:
    """C(Sentence) unless Synapse may have the database. Returns C(version), as 150018, C(claimed), whether the database
    said before whose it is, and C(empty), whether Synapse has no tables in it.

    claim: to write that into it. given: as external_database.settings() has it; wanted: fields of Wanted.
    """
    with connected(given, authorities, wanted["application"]) as connection:
        require_version(connection.server_version)
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 60000")
            found = facts(cursor, wanted["server_name"], wanted["application"])
            judge(found, given, Wanted(**wanted))
            if claim and not found["claim"]:
                cursor.execute(f"CREATE TABLE {postgres.CLAIM} (server_name text NOT NULL)")
                cursor.execute(f"INSERT INTO {postgres.CLAIM} VALUES (%s)", (wanted["server_name"],))
        connection.commit()
    return {"version": connection.server_version, "claimed": bool(found["claim"]), "empty": not found["tables"]}


def require_version(version: int) -> None:
    """C(Sentence) for a server that Synapse does not work with."""
    if version < OLDEST * 10000:
        shown = f"{version // 10000}.{version % 10000}"
        raise Sentence(f"PostgreSQL there is {shown}, and Synapse needs {OLDEST} or newer; update the server", "host")


def facts(cursor: t.Any, server_name: str, application: str) -> dict:
    """What judge() goes by. claim and move: what the database itself says, or empty; stranger: another homeserver with
    users; others: (address, what it calls itself) of other clients than this pot's Synapse, C(alone) without those.
    """
    cursor.execute(_FACTS)
    names = ("read_only", "encoding", "collate", "ctype", "locale", "schema", "create")
    found = dict(zip(names, cursor.fetchone()))
    cursor.execute(_FOREIGN)
    found["foreign"] = cursor.fetchone()
    tables = set(postgres.tables(cursor)) if not found["foreign"] else set()
    found["tables"] = sorted(tables - set(postgres.OURS))
    for name, table, column in (("claim", postgres.CLAIM, "server_name"), ("move", postgres.TAG, "id")):
        found[name] = ""
        if table in tables:
            cursor.execute(f"SELECT {column} FROM {quoted(table)} LIMIT 1")
            found[name] = (cursor.fetchone() or ("",))[0]
    found["users"], found["stranger"] = False, ""
    if "users" in tables:
        cursor.execute("SELECT EXISTS (SELECT FROM users)")
        found["users"] = cursor.fetchone()[0]
        cursor.execute(_STRANGER, (server_name,))
        found["stranger"] = (cursor.fetchone() or ("",))[0]
    cursor.execute(_OTHERS, (application[:NAME_LENGTH],))
    found["others"] = [(address, name) for address, name, ours in cursor.fetchall() if not ours and name not in CLIENTS]
    return found


def judge(found: dict, given: dict, wanted: Wanted) -> None:
    """C(Sentence) for a database that Synapse, or this Synapse, must not have."""
    name = given["name"]
    anew = (
        f"make another one with CREATE DATABASE {name}2 OWNER {given['user']} TEMPLATE template0 ENCODING 'UTF8' "
        "LOCALE 'C'"
    )
    if found["encoding"] != "UTF8":
        raise Sentence(
            f"the database {name} has the encoding {found['encoding']}, and Synapse needs UTF8; {anew}", "name"
        )
    if (found["collate"], found["ctype"]) != ("C", "C") or found["locale"] not in (None, "C"):
        shown = f"{found['collate']} and {found['ctype']}" + (f" by {found['locale']}" if found["locale"] else "")
        raise Sentence(
            f"the database {name} has the collation and the character type {shown}, and Synapse needs C; {anew}", "name"
        )
    if found["read_only"]:
        raise Sentence(f"the database {name} can only be read, as on a standby; name the server that writes", "host")
    owner = f"ALTER DATABASE {name} OWNER TO {given['user']}"
    if not found["create"]:
        raise Sentence(
            f"{given['user']} has no right to make tables in the database {name}; give it to him ({owner})", "user"
        )
    if found["foreign"]:
        table, role = found["foreign"]
        raise Sentence(
            f"the table {table} in the database {name} belongs to {role}, and Synapse changes its tables; give them to "
            f"{given['user']} (REASSIGN OWNED BY {role} TO {given['user']})",
            "user",
        )
    _judge_owner(found, name, wanted)
    if found["others"]:
        address, called = found["others"][0]
        raise Sentence(
            f"another client than this pot's Synapse is connected to the database {name} as {given['user']}, from "
            f"{address}{f' ({called})' if called else ''}; two Synapses destroy it, so stop the other one",
            "name",
        )


def _judge_owner(found: dict, name: str, wanted: Wanted) -> None:
    """C(Sentence) for a database that is not, and must not become, this homeserver's."""
    other = found["stranger"] or (found["claim"] if found["claim"] != wanted.server_name else "")
    if other:
        raise Sentence(
            f"the database {name} is the one of the homeserver {other}; name one of {wanted.server_name}'s own", "name"
        )
    ours = found["claim"] or found["users"] or (found["move"] and found["move"] == wanted.move)
    if found["tables"] and not ours:
        raise Sentence(
            f"the database {name} holds tables, such as {found['tables'][0]}, and nothing tells whose they are; name "
            f"an empty one, or, if they are this homeserver's, run CREATE TABLE {postgres.CLAIM} AS SELECT "
            f"'{wanted.server_name}' AS server_name in it",
            "name",
        )
    if wanted.mark == ELSEWHERE and not found["tables"] and not found["claim"]:
        raise Sentence(
            f"the database {name} is empty, and this homeserver's data are in another one already; name that, or stop "
            "Synapse and bring them here with pg_dump and pg_restore",
            "name",
        )
