# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where servers are among the steps of a play."""

from __future__ import annotations

import pytest
from ansible_collections.potluck.matrix.plugins.plugin_utils import _progress


@pytest.mark.parametrize("seconds, shown", [(0, "0:00"), (61.9, "1:01"), (3599, "59:59"), (36000, "10:00:00")])
def test_times(seconds, shown):
    assert _progress.clock(seconds) == shown


def test_the_parts_of_a_homeserver_are_steps():
    steps = _progress.with_parts(["pot_jail", "pot_jail", "parts", "verify"])
    assert steps[:2] == ["pot_jail", "parts"] and steps[-1] == "verify" and {"synapse", "tls"} < set(steps)
    assert _progress.with_parts([]) == []


def test_a_server_goes_forward_and_each_step_is_told_once():
    course = _progress.Course(["a", "b", "c"])
    assert course.place("red") == "its beginning (1 of 3)"
    assert [course.enter("red", step) for step in "aab"] == [True, False, True]
    assert (course.place("red"), course.place("blue")) == ("b (2 of 3)", "its beginning (1 of 3)")
    # What comes again, or was not announced, is no way back.
    assert course.enter("red", "a") and course.place("red") == "a (2 of 3)"
    assert course.enter("red", "x") and course.place("red") == "x (2 of 3)"
    assert course.enter("red", "c") and course.place("red") == "c (3 of 3)"


def test_a_play_that_announces_nothing_has_no_numbers():
    course = _progress.Course([])
    assert course.enter("red", "synapse") and course.place("red") == "synapse"


def test_what_a_failure_tells_beside_its_message():
    result = {"msg": "no", "stderr": "a\nb", "stderr_lines": ["a", "b"], "stdout": "", "rc": 3, "delta": "0:01"}
    more = {"_ansible_no_log": False, "changed": True, "cmd": ["a b", "ü"], "stdout": "c"}
    found = _progress.details({**result, **more})
    assert found == ["stderr:", "  a", "  b", "stdout: c", "rc: 3", 'cmd: ["a b", "ü"]']
    assert _progress.lines(["one\ntwo", ["three"], 4]) == ["one", "two", "three", "4"] and _progress.lines("") == []
