# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""postgresql.conf from memory, processors and what an administrator says."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.potluck.matrix.plugins.filter.postgresql_settings import FilterModule
from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration import postgresql

GIB = 1024**3
OPTIONS = {
    "data_directory": "/var/db/postgres/data15",
    "socket_directory": "/var/run/postgresql",
    "log": "/var/log/postgresql/postgresql.log",
    "settings": {},
    "memory": str(16 * GIB),
    "processors": "8",
    "limit_memory": "",
    "limit_processors": 0,
}


def settings(**more):
    return FilterModule().filters()["postgresql_settings"]({**OPTIONS, **more})


@pytest.mark.parametrize(
    "memory, limit, buffers, work",
    [
        (16 * GIB, "", "2048MB", "32MB"),
        (16 * GIB, "4G", "512MB", "16MB"),
        (16 * GIB, "4194304k", "512MB", "16MB"),
        (1 * GIB, "8G", "128MB", "4MB"),
        (GIB // 2, "", "128MB", "4MB"),
        (1024 * GIB, "", "8192MB", "32MB"),
    ],
)
def test_memory_follows_the_smaller_of_host_and_limit(memory, limit, buffers, work):
    found = settings(memory=str(memory), limit_memory=limit)
    assert (found["shared_buffers"], found["work_mem"]) == (buffers, work)


def test_workers_follow_the_smaller_of_host_and_limit():
    assert settings()["max_parallel_workers"] == 8
    assert settings(limit_processors=2)["max_parallel_workers"] == 2
    assert settings(processors="1")["max_parallel_workers_per_gather"] == 0


def test_nobody_is_listened_to_over_the_network_and_nothing_can_be_torn():
    found = settings()
    assert found["listen_addresses"] == "" and found["unix_socket_directories"] == "/var/run/postgresql"
    assert (found["full_page_writes"], found["wal_init_zero"], found["wal_recycle"]) == ("off", "off", "off")
    assert (found["log_directory"], found["log_filename"]) == ("/var/log/postgresql", "postgresql.log")
    # Words of its log are looked for.
    assert found["lc_messages"] == "C"
    assert "fsync" not in found and "synchronous_commit" not in found


def test_an_administrator_has_the_last_word_but_not_on_everything():
    found = settings(settings={"work_mem": "1GB", "track_io_timing": True})
    assert (found["work_mem"], found["track_io_timing"]) == ("1GB", True)
    assert list(found)[-1] == "track_io_timing"
    with pytest.raises(AnsibleFilterError, match="sets port, which cannot be set here"):
        settings(settings={"port": 5433})


@pytest.mark.parametrize(
    "given, words",
    [
        ({"superuser_reserved_connections": 60, "max_connections": 40}, "leaves none of max_connections"),
        ({"reserved_connections": "47"}, "leaves none of max_connections"),
        ({"wal_level": "minimal"}, "which needs max_wal_senders: 0"),
    ],
)
def test_what_only_a_start_would_show_is_refused(given, words):
    with pytest.raises(AnsibleFilterError, match=words):
        settings(settings=given)


def test_what_goes_together_is_not():
    assert settings(settings={"wal_level": "minimal", "max_wal_senders": 0})["wal_level"] == "minimal"
    assert settings(settings={"max_connections": "x"})["max_connections"] == "x"


def test_a_limit_that_is_none_is_refused():
    assert postgresql.limit("") == postgresql.limit("0") == 0
    with pytest.raises(AnsibleFilterError, match="is no amount of memory"):
        settings(limit_memory="much")
