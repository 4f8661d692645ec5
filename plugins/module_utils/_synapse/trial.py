# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether Synapse could start with a configuration, tried as the user it runs as and without a change to anything.

Synapse's own check (C(python -m synapse.config)) parses the files. A start reads more than that, in
synapse/app/homeserver.py and what it calls (the same in 1.135 and 1.163): registrations of application services, the
logging configuration, the database's version, the listeners' addresses. Run as a program of its own, since it needs
the interpreter and the rights of Synapse:

    python -B -W ignore -c SOURCE DIRECTORY KEYS_DIRECTORY FORMER_DIRECTORY MADE_AT_START

DIRECTORY holds the configuration, KEYS_DIRECTORY is where it will lie, FORMER_DIRECTORY is what a running process was
started with, or empty when none runs: its ports are taken by itself. MADE_AT_START is a directory that the rc script
makes when it is missing. The last line of standard output is one JSON object: C(part), one of PARTS or empty when all
is well, and C(reason).
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import socket
import sys

# What can be wrong: the program itself, the parsed configuration, and what a start reads beside it.
PARTS = ("program", "configuration", "app_service", "logging", "media", "database", "listener")


def check_listeners(listeners, former_ports):
    """OSError for a port that cannot be listened at."""
    for listener in listeners:
        port = getattr(listener, "port", None)
        if not port or port in former_ports:
            continue
        for address in listener.bind_addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                try:
                    probe.bind((address, port))
                    probe.listen(1)
                except OSError as error:
                    raise OSError(
                        error.errno, f"nothing can listen at port {port} of {address}: {error.strerror}"
                    ) from error


def former_ports(directory):
    """Ports of the listeners in a configuration directory, whose last file that names listeners counts."""
    import yaml

    ports = set()
    for name in sorted(os.listdir(directory)) if directory else []:
        if name.endswith(".yaml"):
            with (
                contextlib.suppress(OSError, ValueError, yaml.YAMLError),
                open(os.path.join(directory, name), encoding="utf-8") as stream,
            ):
                settings = yaml.safe_load(stream)
                if isinstance(settings, dict) and isinstance(settings.get("listeners"), list):
                    ports = {entry.get("port") for entry in settings["listeners"] if isinstance(entry, dict)}
    return ports


def check_database(settings):
    """Any exception for a database that cannot be used; one of SQLite that is not there yet is made at the first
    start."""
    from synapse.storage.engines import create_engine
    from synapse.storage.schema import SCHEMA_VERSION

    engine = create_engine(settings)
    arguments = {name: value for name, value in (settings.get("args") or {}).items() if not name.startswith("cp_")}
    if settings.get("name", "sqlite3") == "sqlite3":
        path = str(arguments.get("database", ""))
        if path != ":memory:" and not os.path.exists(path):
            if not os.access(os.path.dirname(path) or ".", os.W_OK):
                raise PermissionError(f"no database can be made in {os.path.dirname(path)}")
            return
        if path != ":memory:" and not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(f"the database {path} cannot be read and written")
    else:
        arguments.setdefault("connect_timeout", 10)
    connection = engine.module.connect(**arguments)
    try:
        engine.check_database(connection, allow_outdated_version=True)
        cursor = connection.cursor()
        try:
            cursor.execute("SELECT compat_version FROM schema_compat_version")
            found = cursor.fetchone()
        except engine.module.Error as error:
            # A database without tables, which Synapse fills, as SQLite and PostgreSQL say it.
            if "no such table" not in str(error) and "does not exist" not in str(error):
                raise
            found = None
        if found and found[0] and found[0] > SCHEMA_VERSION:
            raise ValueError(f"the database is of a newer Synapse (schema {found[0]}, this one knows {SCHEMA_VERSION})")
    finally:
        connection.close()


def check_logging(path, made_at_start):
    """Any exception for a logging configuration that cannot be used."""
    import logging.config

    import yaml

    if not path:
        return
    with open(path, encoding="utf-8") as stream:
        settings = yaml.safe_load(stream)
    if not isinstance(settings, dict):
        raise ValueError(f"{path} is no logging configuration")
    for handler in (settings.get("handlers") or {}).values():
        file = handler.get("filename")
        if file and os.path.dirname(file) == made_at_start and not os.path.isdir(made_at_start):
            handler["filename"] = os.devnull
    logging.config.dictConfig(settings)
    for handler in logging.root.handlers[:]:
        handler.close()
        logging.root.removeHandler(handler)


def _plainly(error):
    return str(error) or type(error).__name__


def main(directory, keys_directory, former_directory, made_at_start):
    """(part, reason), both empty when nothing is wrong."""
    part, describe = "program", _plainly
    try:
        # What a start imports, of which the configuration's reader is only a part.
        importlib.import_module("synapse.app.homeserver")
        from synapse.config._base import format_config_error
        from synapse.config.appservice import load_appservices
        from synapse.config.homeserver import HomeServerConfig

        def of_configuration(error):
            return "".join(format_config_error(error)) if hasattr(error, "path") else _plainly(error)

        part, describe = "configuration", of_configuration
        config = HomeServerConfig.load_config("", ["-c", directory, "--keys-directory", keys_directory])
        part, describe = "app_service", _plainly
        registrations = config.appservice.app_service_config_files or []
        for file in registrations:
            # One at a time, since not every exception of theirs names the file.
            try:
                load_appservices(config.server.server_name, [file])
            except Exception as error:
                raise ValueError(f"{file}: {getattr(error, 'strerror', None) or _plainly(error)}") from error
        load_appservices(config.server.server_name, registrations)
        part = "logging"
        check_logging(config.logging.log_config, made_at_start)
        part = "media"
        media = getattr(config.media, "media_store_path", None)
        if media and not os.access(media, os.W_OK | os.X_OK):
            raise PermissionError(f"nothing can be written into {media}")
        part = "database"
        for database in config.database.databases:
            check_database(database.config)
        part = "listener"
        check_listeners(config.server.listeners, former_ports(former_directory))
    except SystemExit as error:
        return part, f"it ends with {error.code}"
    except Exception as error:
        return part, " ".join(describe(error).split())
    return "", ""


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(dict(zip(("part", "reason"), main(*sys.argv[1:5])))) + "\n")
