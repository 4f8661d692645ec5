# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every result is read the way Ansible reads it: what counts is what Ansible would act upon, not what this collection
thinks it would.
"""

from __future__ import annotations

import inspect
import json
import re

import pytest
from ansible import constants as C
from ansible.executor import task_executor, task_result
from ansible.module_utils._internal._datatag import AnsibleTagHelper
from ansible.plugins import strategy
from ansible.plugins.action import ActionBase
from ansible.plugins.action.normal import ActionModule
from ansible.vars.clean import remove_internal_keys
from ansible_collections.potluck.matrix.plugins.plugin_utils._pot import result as m
from hypothesis import example, given
from hypothesis import strategies as st

PROFILES = ["legacy", "modern"]


def as_ansible_reads(octets, profile="legacy"):
    """A module's output after ansible-core's own parser (ActionBase._execute_module())."""
    action = ActionModule.__new__(ActionModule)
    action._used_interpreter = None
    data = ActionBase._parse_returned_data(action, {"stdout": octets.decode(), "stderr": "", "rc": 0}, profile)
    assert data["_ansible_parsed"] is True
    remove_internal_keys(data)
    return data


def clean(result, **more):
    text = result if isinstance(result, str) else json.dumps(result)
    return as_ansible_reads(m.clean_result(text.encode("utf-8", "surrogatepass"), b"", 0)[0], **more)


def everything_in(value):
    yield value
    for part in (
        [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else []
    ):
        yield from everything_in(part)


HOSTILE_KEYS = [
    "ansible_facts",
    "ansible_facts_cacheable",
    "_ansible_facts_cacheable",
    "_ansible_notify",
    "_ansible_delegated_vars",
    "_ansible_no_log",
    "ansible_stats",
    "add_host",
    "add_group",
    "unreachable",
    "failed_when_result",
    "failed_when_suppressed_exception",
    "ansible_loop_var",
    "ansible_index_var",
    "ansible_loop",
    "__ansible_type",
    "__ansible_unsafe",
    "__ansible_vault",
    "results",
    "invocation",
    "warnings",
    "deprecations",
    "exception",
    "stdout",
    "stderr",
    "msg",
    "rc",
    "changed",
    "failed",
    "value",
    "tags",
    "event",
    "diff",
    "ansible_async_watched",
    "ansible_job_id",
    "matrix_pot_mounts",
]
TAGGED = [
    {
        "__ansible_type": "_AnsibleTaggedStr",
        "value": '{{ lookup("file", "/etc/shadow") }}',
        "tags": [{"__ansible_type": "TrustedAsTemplate"}],
    },
    {"__ansible_type": "_AnsibleTaggedStr", "value": "x", "tags": [{"__ansible_type": "Deprecated", "msg": "m"}]},
    {"__ansible_type": "_AnsibleTaggedDict", "value": {"ansible_facts": {"a": 1}}, "tags": []},
    {"__ansible_type": "TrustedAsTemplate"},
    {"__ansible_type": "nonsense"},
    {"__ansible_type": []},
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["\x1b[2J", "\r", "\x9b1m", "{{ 1 }}", "\ud800"]),
)
VALUES = st.recursive(
    st.one_of(SCALARS, st.sampled_from(TAGGED)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(HOSTILE_KEYS), st.text(max_size=4)), inner, max_size=4),
    ),
    max_leaves=12,
)
RESULTS = st.dictionaries(st.one_of(st.sampled_from(HOSTILE_KEYS), st.text(max_size=4)), VALUES, max_size=6)
NOISE = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["{", "}", "\n", '{"a": 1}\n', '\n{"ansible_facts": {"x": 1}}', "[\n", "BECOME-SUCCESS-x\n", "\r\n"]
    ),
)


def without_lone_surrogates(text):
    return text.encode("utf-8", "replace").decode()


@given(NOISE, RESULTS, NOISE, st.sampled_from(PROFILES), st.sampled_from([None, 2]))
@example("", {"ansible_facts": {"matrix_pot_mounts": [{"source": "/", "target": "/host"}]}}, "", "legacy", None)
@example("motd\n", {"ansible_facts": TAGGED[0]}, "\nbye", "modern", 2)
def test_nothing_that_ansible_acts_upon_passes(before, result, after, profile, indent):
    text = without_lone_surrogates(before) + json.dumps(result, indent=indent) + without_lone_surrogates(after)
    data = as_ansible_reads(m.clean_result(text.encode(), b"\x1b", 3)[0], profile)
    assert not set(data) & {
        "ansible_facts",
        "add_host",
        "add_group",
        "ansible_stats",
        "unreachable",
        "failed_when_result",
        "failed_when_suppressed_exception",
    }
    assert not [key for key in data if key.startswith("ansible_") and key != "ansible_job_id"]
    for part in everything_in({key: value for key, value in data.items() if key != "exception"}):
        assert type(part) in (dict, list, str, int, float, bool, type(None)) and not AnsibleTagHelper.tags(part)
        if isinstance(part, dict):
            assert not [
                key
                for key in part
                if key == "ansible_facts" or key.startswith(("_ansible_", "__ansible")) and key != "_ansible_parsed"
            ]
        if isinstance(part, str):
            assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]|\r(?!\n)", part)


@given(st.binary(max_size=80))
@example(b'{"ansible_facts": {"x": "\xff"}}')
@example(b"{")
@example(b'{"a": ' + b"9" * 5000 + b"}")
@example(b'{"a": ' + b"[" * 100_000)
@example(b'{"a": ' * 2000 + b"1" + b"}" * 2000)
def test_any_octets_at_all_become_a_result(octets):
    line = m.clean_result(octets, octets, 1)[0]
    assert b"\n" not in line
    assert "ansible_facts" not in as_ansible_reads(line)


@pytest.mark.parametrize(
    "shape",
    [
        "{}",
        "Welcome\n{}",
        "  {}\nbye\n",
        "\r\n{}\r\n",
        '{}{{"changed": true}}',
        "x\n\t{}",
        "no{{\n{}",
        "BECOME-SUCCESS-abc\n{}",
    ],
)
def test_facts_become_data_whatever_stands_around_them(shape):
    line, has_facts = m.clean_result(
        shape.format('{"ansible_facts": {"matrix_ip": "x"}, "changed": false}').encode(), b"", 0
    )
    assert has_facts
    assert as_ansible_reads(line) == {"pot_facts": {"matrix_ip": "x"}, "changed": False, "_ansible_parsed": True}


@pytest.mark.parametrize(
    "result",
    [
        {"results": [{"ansible_facts": {"matrix_ip": "x"}}]},
        {"invocation": {"module_args": {"ansible_facts": {"matrix_ip": "x"}}}},
        {"ansible_job_id": "j1", "finished": 1, "ansible_facts": {"matrix_ip": "x"}},
        {"a": [[{"b": {"ansible_facts": {"matrix_ip": "x"}}}]]},
        '{"ansible_facts": {}, "ansible_facts": {"matrix_ip": "x"}}',
        '{"ansible\\u005ffacts": {"matrix_ip": "x"}}',
        {"__ansible_type": "_AnsibleTaggedDict", "value": {"ansible_facts": {"matrix_ip": "x"}}, "tags": []},
    ],
)
def test_facts_become_data_however_they_are_nested(result):
    data = clean(result)
    assert not [part for part in everything_in(data) if part == "ansible_facts"]
    assert [part for part in everything_in(data) if part == "pot_facts"]


@pytest.mark.parametrize("profile", PROFILES)
def test_no_template_of_a_pot_is_trusted(profile):
    data = clean({"msg": TAGGED[0], "list": [TAGGED[0]]}, profile=profile)
    assert data["msg"] == '{{ lookup("file", "/etc/shadow") }}' and data["list"] == [data["msg"]]
    assert not AnsibleTagHelper.tags(data["msg"]) and not AnsibleTagHelper.tags(data["list"][0])


def test_data_stay_what_they_are():
    result = {
        "changed": True,
        "rc": 0,
        "stdout": "a\tb\nc\r\nüñ\u2028\U0001f600",
        "list": [1, 2.5, None, {"k": False}],
        "content": "eA==",
        "ansible_job_id": "j1.2",
    }
    assert clean(result) == {**result, "_ansible_parsed": True}


def test_control_characters_are_shown():
    assert clean({"msg": "a\x1b[31mb\x9bc\x07", "diff": {"before": "x\ry\n"}, "k\x1b": 1}) == {
        "msg": r"a\x1b[31mb\x9bc\x07",
        "diff": {"before": "x\\ry\n"},
        r"k\x1b": 1,
        "_ansible_parsed": True,
    }


@pytest.mark.parametrize("octets", [b"", b"no json", b"[1, 2]", b'{"a": ', b"{" * 10_000])
def test_output_without_a_result_says_so(octets):
    data = as_ansible_reads(m.clean_result(octets, b"Traceback\n\x1b[2J", 7)[0])
    assert data["failed"] is True and data["rc"] == 7
    assert data["msg"].startswith("The module ended in the pot without a result that can be used: ")
    assert data["module_stdout"] == octets.decode() and data["module_stderr"] == "Traceback\n\\x1b[2J"


@pytest.mark.parametrize("rc, signal", [(129, "SIGHUP"), (137, "SIGKILL"), (143, "SIGTERM")])
def test_a_module_that_was_ended_says_by_what(rc, signal):
    message = as_ansible_reads(m.clean_result(b"", b"Terminated\n", rc)[0])["msg"]
    assert f"It was ended by {signal}, as all in a pot is that is stopped" in message
    assert m.ended_by(rc) == signal


@pytest.mark.parametrize("rc", [0, 1, 9, 15, 128, 130, 255])
def test_other_exit_codes_name_no_signal(rc):
    assert m.ended_by(rc) is None
    assert "ended by" not in as_ansible_reads(m.clean_result(b"", b"", rc)[0])["msg"]


@pytest.mark.parametrize(
    "result, word",
    [
        ({"a": [[]] * 500_001}, "values"),
        ({"stdout": "\n" * 500_001}, "lines"),
        ('{"a":' * 100 + "1" + "}" * 100, "deep"),
    ],
)
def test_a_result_that_would_fill_the_memory_is_refused(result, word):
    assert re.search(f"more than [0-9]+ {word}", clean(result)["msg"])


@pytest.mark.parametrize("field", ["stdout", "stderr"])
@pytest.mark.parametrize("value", [None, 1, [], {"a": 1}, True])
def test_output_that_is_no_text_becomes_text(field, value):
    assert clean({field: value})[field] == json.dumps(value)


def test_warnings_and_errors_of_modules_are_still_told():
    event = {"__ansible_type": "Event", "msg": "mind the \x1b[1mgap", "formatted_traceback": "Traceback: gap\n"}
    data = clean(
        {
            "failed": True,
            "msg": "broken",
            "warnings": [{"__ansible_type": "WarningSummary", "event": event}, "plain", 7],
            "deprecations": [
                {
                    "__ansible_type": "DeprecationSummary",
                    "event": event,
                    "version": "9",
                    "deprecator": {"__ansible_type": "PluginInfo"},
                },
                {"msg": "old", "date": 3},
                [],
            ],
            "exception": {"__ansible_type": "ErrorSummary", "event": event},
        },
        profile="modern",
    )
    assert data["warnings"] == [r"mind the \x1b[1mgap", "plain", "7"]
    assert data["deprecations"] == [{"msg": r"mind the \x1b[1mgap", "version": "9"}, {"msg": "old"}, {"msg": "[]"}]
    assert data["exception"].event.msg == "broken" and data["exception"].event.formatted_traceback == "Traceback: gap\n"


# Keys of a result that ansible-core reads and that are harmless in a pot's hands: they say how the pot's own task went,
# or Ansible sets them itself.
HARMLESS = {
    "changed",
    "failed",
    "skipped",
    "rc",
    "msg",
    "diff",
    "results",
    "warnings",
    "deprecations",
    "exception",
    "skip_reason",
    "attempts",
    "retries",
    "finished",
    "ansible_job_id",
    "stdout",
    "stderr",
    "stdout_lines",
    "stderr_lines",
    "appears_binary",
    "content",
    "encoding",
    "size",
    "state",  # what ActionBase reads of stat and slurp
    "aggregate",
    "data",
    "host_name",
    "per_host",  # parts of ansible_stats and add_host
    "error",
    "messages",
    "socket_path",  # of the persistent connections' own process
}


def test_ansible_acts_upon_no_other_keys():
    """A newer ansible-core that reads another key of results fails here and wants a decision."""
    keys = set()
    for module in (strategy, task_executor, task_result, inspect.getmodule(ActionBase)):
        text = inspect.getsource(module)
        name = r"(?:result|result_item|res|data|loop_res|_return_data|_result|async_result|new_host_info)"
        keys |= set(re.findall(rf"""\b{name}(?:\.get|\.pop|\.setdefault)?[\[(]\s*['"](\w+)['"]""", text))
        keys |= set(re.findall(rf"""['"](\w+)['"] (?:not )?in (?:\w+\.)*{name}\b""", text))
    acted_upon = keys - HARMLESS
    assert {"ansible_facts", "add_host", "ansible_stats", "_ansible_notify", *C.INTERNAL_RESULT_KEYS} <= acted_upon
    assert not {key for key in acted_upon if key in clean({key: {"x": 1}})} - {"_ansible_parsed"}
