# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bench makes of what it measured."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))

import controller
import databases
import load
import rollouts
import stock
import tables


def cost(operations=20, tasks=50, changed=0, wall=10.0, cpu=5.0):
    return controller.Cost({"s1": operations}, {"s1": tasks}, changed, wall, cpu, 2**20, "")


def run(what, servers=1, delay=0.0, **more):
    return rollouts.Measured(what, servers, delay, cost(**more))


GOOD = [
    run("first", cpu=10.0),
    run("first", servers=16, cpu=160.0),
    run("second"),
    run("second", servers=16, cpu=80.0),
    run("second", delay=rollouts.FAR),
    run("stock modules", delay=rollouts.FAR, wall=29.0, tasks=500),
    run("second, everything on", operations=36, tasks=80),
    run("second, everything on", delay=rollouts.FAR, operations=36, tasks=80),
    run("stock modules, everything on", delay=rollouts.FAR, wall=30.0, tasks=500),
    run("first, everything on", operations=100, tasks=500, changed=50),
]


def test_what_meets_all_budgets():
    assert rollouts.broken_budgets(GOOD) == []


@pytest.mark.parametrize(
    ("one_more", "words"),
    [
        (run("second", operations=25), "25 remote operations on one server, more than 24"),
        (run("second", tasks=61), "61 tasks on one server, more than 60"),
        (run("second", changed=1), "second: 1 changes"),
        (run("second, everything on", operations=37), "37 remote operations on one server, more than 36"),
        (run("second, everything on", tasks=81), "81 tasks on one server, more than 80"),
        (run("first, everything on", operations=101), "101 remote operations on one server, more than 100"),
        (run("second", servers=16, cpu=93.0), "each of 16 servers takes the controller 5.8 s, one 5.0 s"),
        (
            run("stock modules, everything on", delay=rollouts.FAR, wall=29.9),
            "second, everything on, at 50 ms: 10.0 s, stock modules 29.9 s, less than 3 times",
        ),
        (run("stock modules", changed=1), "stock modules: 1 changes"),
    ],
)
def test_a_budget_that_is_not_met(one_more, words):
    """The last of what was measured alike counts."""
    (problem,) = rollouts.broken_budgets([*GOOD, one_more])
    assert words in problem


def test_what_stock_modules_take_is_told_of_both_kinds_of_homeservers():
    assert tables.beside_stock(GOOD)[2:] == [
        "| the smallest | 50 ms | 10.0 s | 29.0 s | 2.9 times |",
        "| everything on | 50 ms | 10.0 s | 30.0 s | 3.0 times |",
    ]


def seen(clients, sent_99, **more):
    return load.Seen(clients, 2.0, 20.0, 30.0, sent_99, 40.0, 60.0, 0, 0.0)._replace(**more)


def test_ratios_and_the_end_of_a_database():
    found = [
        databases.Measured("sqlite", seen(10, 50.0), 100 * 2**20),
        databases.Measured("postgresql", seen(10, 75.0), 250 * 2**20),
        databases.Measured("sqlite", seen(20, 1001.0), 100 * 2**20),
        databases.Measured("postgresql", seen(20, 1000.0), 100 * 2**20),
    ]
    lines = tables.ratios(found)
    assert "| 10 | 1.00 | 1.00 | 1.00 | 1.50 | 1.00 | 1.00 | 2.50 |" in lines
    assert "SQLite ends at 20 clients: one of a hundred messages waits longer than 1000 ms." in lines
    assert lines[-1] == "PostgreSQL did not come to its end with 20 clients."


def test_a_database_that_answers_nothing_is_at_its_end():
    found = [databases.Measured("sqlite", seen(10, load.percentile([], 99)), 1)]
    assert any(
        line.startswith("SQLite ends at 10 clients")
        for line in tables.ratios(found + [databases.Measured("postgresql", seen(10, 1.0), 1)])
    )


def test_a_database_that_answers_too_seldom_is_at_its_end():
    assert databases.end(seen(10, 50.0, failed=0.01)) == ""
    assert databases.end(seen(10, 50.0, failed=0.012)) == "1.2 % of the answers are none"


def test_a_table_replaces_the_one_before(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- runs: written by make bench -->\nold\n<!-- runs: end -->\nafter\n")
    for text in ("first", "second"):
        tables.replace(page, "runs", [text])
    assert page.read_text() == ("before\n<!-- runs: written by make bench -->\n\nsecond\n\n<!-- runs: end -->\nafter\n")
    with pytest.raises(ValueError, match="0 places for others"):
        tables.replace(page, "others", [])


def test_percentiles():
    assert load.percentile(list(range(101)), 50) == 50
    assert load.percentile(list(range(101)), 99) == 99
    assert load.percentile([7.0], 99) == 7.0


def test_the_relay_takes_its_time_in_both_directions_and_loses_nothing():
    content = bytes(range(256)) * 2000
    with socket.create_server(("127.0.0.1", 0)) as server:

        def echo():
            connection, _address = server.accept()
            with connection:
                while part := connection.recv(65536):
                    connection.sendall(part)

        thread = threading.Thread(target=echo)
        thread.start()
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, BENCH / "relay.py", "127.0.0.1", str(server.getsockname()[1]), "0.3"],
            input=content,
            capture_output=True,
            check=False,
            timeout=30,
        )
        thread.join()
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == content
    assert time.monotonic() - begun >= 0.6


def test_a_client_is_late_when_the_homeserver_is():
    """Messages are due at their time, however long the one before took."""
    crowd = load.Crowd.__new__(load.Crowd)
    crowd.tokens, crowd.rooms = ["token"], ["!room:a.test"]
    results = {"sent": [], "errors": []}

    async def slow(*_arguments, **_more):
        await asyncio.sleep(0.2)

    crowd.call = slow
    asyncio.run(crowd.send(0, 0.5, 0.1, results))
    assert len(results["sent"]) in (5, 6) and results["sent"][-1] > 0.5


def operation(module, connection=stock.IN_THE_POT, **arguments):
    return {"server": "s1", "connection": connection, "module": f"potluck.matrix.{module}", "arguments": arguments}


def test_what_stock_modules_say_is_what_the_roles_look_after_and_each_thing_once(tmp_path):
    """A file that is there already when its content is given is one file, and what is not there takes no task."""
    homeserver = stock.Homeserver(
        "a.test",
        "192.0.2.1",
        [
            operation("pkg", parts={"reverse_proxy": ["nginx"], "ldap_auth": ["nginx"]}),
            operation(
                "file_set", files=[{"path": "/etc/a", "state": "directory"}], look_for=["/etc/a/key", "/etc/gone"]
            ),
            operation(
                "synapse_config", files=[{"path": "/etc/a/key", "secret": "x"}, {"path": "/b", "state": "absent"}]
            ),
            operation("rc_service", name="nginx", variables={"nginx_flags": "-q"}),
            operation(
                "probe_info",
                checks=[
                    {"name": "left", "kind": "file", "target": "/usr/local/etc/off"},
                    {"name": "runs", "kind": "service", "target": "nginx", "variable": "matrix_domain"},
                ],
            ),
            operation(
                "probe_info",
                connection=stock.FROM_OUTSIDE,
                checks=[{"name": "page", "kind": "http", "target": "https://a.test/x", "variable": "matrix_domain"}],
            ),
        ],
    )
    there = {
        "/etc/resolv.conf": ["0644", "root", "wheel", ""],
        "/etc/rc.conf": ["0644", "root", "wheel", base64.b64encode(b'nginx_enable="YES"\nnginx_flags="-q"\n').decode()],
        "/etc/a": ["0755", "root", "wheel", None],
        "/etc/a/key": ["0640", "root", "synapse", base64.b64encode(b"x").decode()],
    }

    def inside(*_argv, **options):
        found = {path: there[path] for path in json.loads(options["input"]) if path in there}
        return types.SimpleNamespace(stdout=json.dumps(found))

    playbook = stock.write(tmp_path, types.SimpleNamespace(inside=inside), "s1", homeserver)
    _host, pot, outside = (play["tasks"] for play in json.loads(playbook.read_text()))
    assert [task["name"] for task in pot] == [
        "/usr/sbin/pkg info -e python311",
        "/usr/sbin/pkg info -e nginx",
        "service nginx",
        "/etc/resolv.conf",
        "/etc/a",
        "/etc/a/key",
        "/etc/rc.conf nginx_flags",
    ]
    assert pot[4]["ansible.builtin.file"]["state"] == "directory"
    copied = pot[5]["ansible.builtin.copy"]
    assert (Path(copied["src"]).read_text(), copied["mode"], copied["group"]) == ("x", "0640", "synapse")
    assert pot[6]["ansible.builtin.lineinfile"]["line"] == 'nginx_flags="-q"'
    (page,) = (task["ansible.builtin.uri"] for task in outside)
    assert (page["url"], page["headers"]) == ("https://192.0.2.1/x", {"Host": "a.test"})
