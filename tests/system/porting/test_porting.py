# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A homeserver goes from SQLite to PostgreSQL, and nobody misses anything."""

from __future__ import annotations

import time


def on_postgresql(homeserver, module):
    homeserver.use({"name": "psycopg2", "args": {**module.postgresql, "cp_min": 1, "cp_max": 5}})


def test_a_client_goes_on_with_its_token(moving, cluster):
    homeserver, people, module = moving
    homeserver.start()
    predicted = module.fine("precopied", _ansible_check_mode=True)
    assert predicted["changed"] and module.marker() == {"phase": ""} and not module.directory.exists()
    first = module.fine("precopied")
    assert first["changed"] and first["phase"] == "precopied" and first["rows"]["left"] == 0 < first["rows"]["done"]
    assert not module.fine("precopied")["changed"]
    people.go_on()
    homeserver.stop()

    before = homeserver.sqlite.read_bytes()
    predicted = module.fine("ported", _ansible_check_mode=True)
    assert (
        predicted["changed"]
        and predicted["diff"]["after"].startswith("PostgreSQL")
        and predicted["phase"] == "precopied"
    )
    result = module.fine("ported")
    print(result["seconds"], result["anew"], result["sequences"], result["background_updates"])
    assert result["changed"] and result["phase"] == "ported" and "users" in result["anew"]
    assert homeserver.sqlite.read_bytes() == before
    rows = {entry["table"]: entry for entry in result["tables"]}
    assert len(rows) > 100 and all(entry["same"] and not entry["dropped"] for entry in rows.values())
    assert rows["events"]["postgresql"] == rows["events"]["sqlite"] > 40
    assert "device_inbox_sequence" in [entry["sequence"] for entry in result["sequences"]]
    again = module.fine("ported")
    assert not again["changed"] and again["tables"] == result["tables"]
    assert not module.fine("ported", _ansible_check_mode=True)["changed"]

    on_postgresql(homeserver, module)
    homeserver.start()
    people.miss_nothing(password="another secret")
    deadline = time.monotonic() + 60
    while cluster.ask("SELECT count(*) FROM background_updates", module.postgresql["dbname"]) != "0":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    found = people.call("POST", "/user_directory/search", people.alice, json={"search_term": "bobby"})
    assert [entry["user_id"] for entry in found["results"]] == [people.bob["user_id"]]

    assert module.fine("switched", _ansible_check_mode=True)["changed"] and homeserver.sqlite.exists()
    assert module.fine("switched")["changed"]
    kept = homeserver.sqlite.with_name(homeserver.sqlite.name + ".before-postgresql")
    assert not homeserver.sqlite.exists() and kept.read_bytes() == before
    for state in ("precopied", "ported", "switched"):
        assert not module.fine(state)["changed"], state
    assert module.fine("switched", keep=False)["changed"] and not kept.exists()
    assert not module.fine("switched", keep=False)["changed"]
