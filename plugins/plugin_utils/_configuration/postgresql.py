# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""postgresql.conf from the options of role postgresql and from what the pot has."""

from __future__ import annotations

import re

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import database
from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration.options import Options

_MIB = 1024 * 1024


def limit(text: str) -> int:
    """Bytes of a limit of memory as pot takes it (512M, 2g, 1048576); 0 for none."""
    match = re.fullmatch(r"([0-9]+)([bkmg]?)", str(text or "0").lower())
    if not match:
        raise ValueError("pot_jail_limits.memory is no amount of memory such as 2G; write one.")
    return int(match.group(1)) * 1024 ** "bkmg".index(match.group(2) or "b")


def _share(memory: int, part: int, least: int, most: int) -> str:
    """A part of the memory within bounds, all but the memory in MiB, as PostgreSQL writes it."""
    return f"{min(most, max(least, memory // part // _MIB))}MB"


def settings(options: Options) -> dict:
    """{setting: value} of all that is written, the administrator's last.

    memory and processors are the host's, limit_memory and limit_processors those of the pot, where it has any.
    """
    memory = min(filter(None, (int(options["memory"]), limit(options["limit_memory"]))))
    processors = min(filter(None, (int(options["processors"]), int(options["limit_processors"] or 0))))
    return {
        **_place(options),
        **_memory(memory),
        **_workers(processors),
        **_writing(),
        **_upkeep(memory),
        **_log(options),
        **options.judged("settings", database.settings, "correct matrix_postgresql_settings"),
    }


def _place(options: Options) -> dict:
    return {
        "listen_addresses": "",
        "unix_socket_directories": options["socket_directory"],
        # The directory decides who gets that far; pg_hba.conf decides the rest.
        "unix_socket_permissions": "0777",
        "hba_file": f"{options['data_directory']}/pg_hba.conf",
        "ident_file": f"{options['data_directory']}/pg_ident.conf",
        # Synapse's pool has ten; programs of the administrator, metrics and a second pool during a restart the rest.
        "max_connections": database.CONNECTIONS,
        "timezone": "UTC",
        "log_timezone": "UTC",
        # Without it the server says what it says in the language of the login class that it is started with.
        "lc_messages": "C",
    }


def _memory(memory: int) -> dict:
    """Modest, since Synapse and ZFS want most of the memory: ZFS has a cache of its own, and compresses it."""
    return {
        "shared_buffers": _share(memory, 8, 128, 8192),
        "effective_cache_size": _share(memory, 3, 256, 65536),
        "work_mem": _share(memory, 256, 4, 32),
        "maintenance_work_mem": _share(memory, 32, 64, 1024),
        "huge_pages": "off",
    }


def _workers(processors: int) -> dict:
    return {
        "max_worker_processes": max(4, processors),
        "max_parallel_workers": processors,
        # Synapse's queries are short; two helpers are for those of an administrator and for making indexes.
        "max_parallel_workers_per_gather": min(2, processors // 2),
        "max_parallel_maintenance_workers": min(2, processors // 2),
        "jit": "off",
    }


def _writing() -> dict:
    return {
        # A record of ZFS is written anew and whole, or not at all.
        "full_page_writes": "off",
        # Nothing is overwritten in place, so that a file prepared beforehand is only written twice.
        "wal_init_zero": "off",
        "wal_recycle": "off",
        "wal_buffers": "16MB",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": 0.9,
        "random_page_cost": 1.1,
    }


def _upkeep(memory: int) -> dict:
    """Synapse updates and deletes all the time in tables that grow large: a fifth of one is too much to wait for."""
    return {
        "autovacuum_vacuum_scale_factor": 0.02,
        "autovacuum_vacuum_insert_scale_factor": 0.05,
        "autovacuum_analyze_scale_factor": 0.01,
        "autovacuum_vacuum_cost_limit": 1000,
        "autovacuum_work_mem": _share(memory, 64, 32, 512),
        # Of somebody who has left a transaction open, which keeps all vacuums from their work. Synapse has none.
        "idle_in_transaction_session_timeout": "1h",
    }


def _log(options: Options) -> dict:
    directory, _slash, name = options["log"].rpartition("/")
    return {
        "logging_collector": "on",
        "log_destination": "stderr",
        "log_directory": directory,
        "log_filename": name,
        "log_file_mode": "0640",
        # newsyslog does it.
        "log_rotation_age": 0,
        "log_rotation_size": 0,
        "log_truncate_on_rotation": "off",
        "log_line_prefix": "%m [%p] %u@%d ",
        "log_checkpoints": "on",
        "log_lock_waits": "on",
        "log_min_duration_statement": "10s",
        # Values of a statement that fails or is slow are messages and tokens of users.
        "log_parameter_max_length": 0,
        "log_parameter_max_length_on_error": 0,
    }
