# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module in a pot may tell Ansible.

The Python that runs the module is the pot's, so any text may come back. Ansible takes more than data from a module's
result: facts become variables that stand above the inventory's, and other keys add hosts, statistics or tagged values.
Here the result is read once, what Ansible would act upon is taken out, and the rest is written anew on one line:
Ansible never reads what the pot has written.
"""

from __future__ import annotations

import json
import math
import re
import signal
import typing as t

from ansible.module_utils.common.text.converters import to_text

FACTS = "pot_facts"
"""Where the facts of a pot are found in a result: data under a name of which Ansible knows nothing."""

DEPTH_LIMIT = 64
VALUES_LIMIT = 500_000
# Bytes of unreadable output that are shown.
SHOWN_LIMIT = 65536

# Tab, newline and a carriage return that belongs to a newline stay. Halves of a surrogate pair are no text, and Ansible
# fails for them.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]|\r(?!\n)")
_CONTROL_BYTES = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|\r(?!\n)")

# Where Ansible looks for the result: at the first line that begins with a brace (_filter_non_json_lines() of its
# module_utils.json_utils).
_START = re.compile(r"^[^\S\n]*(?=\{)", re.MULTILINE)

# What ansible-core acts upon at the top of a result, apart from all that begins with "ansible_" (its
# plugins/strategy/__init__.py
# and executor/).
_ACTED_UPON = frozenset(
    {"add_host", "add_group", "unreachable", "failed_when_result", "failed_when_suppressed_exception"}
)
# The number of an asynchronous job, which Ansible needs and uses in the pot alone.
_KEPT = frozenset({"ansible_job_id"})
_INTERNAL = ("_ansible", "__ansible")


def visible(text: str) -> str:
    r"""The text with every control character that a terminal would obey written as C(\x1b)."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def visible_bytes(octets: bytes) -> bytes:
    """visible() for output that may be no text at all."""
    return _CONTROL_BYTES.sub(lambda found: found[0].decode().encode("unicode_escape"), octets)


class _Refused(ValueError):
    """The result is not one that can be handed to Ansible; says why."""


class _Copy:
    """Copies plain JSON without what is Ansible's own, and counts."""

    def __init__(self) -> None:
        self.values = 0

    def count(self, more: int = 1) -> None:
        self.values += more
        if self.values > VALUES_LIMIT:
            raise _Refused(f"it holds more than {VALUES_LIMIT} values")

    def of(self, value: t.Any, depth: int = 0) -> t.Any:
        self.count()
        if depth > DEPTH_LIMIT:
            raise _Refused(f"it is nested more than {DEPTH_LIMIT} deep")
        if isinstance(value, str):
            return visible(value)
        if isinstance(value, list):
            return [self.of(item, depth + 1) for item in value]
        if isinstance(value, dict):
            if "__ansible_type" in value and "value" in value:  # a value with tags: the value
                return self.of(value["value"], depth + 1)
            return {
                FACTS if key == "ansible_facts" else visible(key): self.of(item, depth + 1)
                for key, item in value.items()
                if not key.startswith(_INTERNAL)
            }
        if isinstance(value, float) and not math.isfinite(value):
            return str(value)
        return value


def _warning(value: t.Any) -> str:
    """The text of a warning, which is one or what ansible-core 2.19 makes of it: C({event: {msg}})."""
    for key in ("event", "msg"):
        if isinstance(value, dict) and key in value:
            value = value[key]
    return value if isinstance(value, str) else json.dumps(value)


def _deprecation(value: t.Any) -> dict[str, str]:
    """A deprecation with the keys that Ansible knows, whatever else it held."""
    known = value if isinstance(value, dict) else {}
    return {"msg": _warning(value)} | {
        key: known[key] for key in ("version", "date", "collection_name") if isinstance(known.get(key), str)
    }


def _traceback(value: t.Any) -> str:
    """The text of a traceback, which is one or C({event: {formatted_traceback}})."""
    if isinstance(value, dict) and isinstance(value.get("event"), dict):
        value = value["event"].get("formatted_traceback")
    return value if isinstance(value, str) else ""


def _list(value: t.Any) -> list[t.Any]:
    return value if isinstance(value, list) else [value]


def _data(text: str) -> dict[str, t.Any]:
    """The result in a module's output, of data only."""
    start = _START.search(text)
    if start is None:
        raise _Refused("there is no JSON in it")
    try:
        result = json.JSONDecoder(parse_constant=str).raw_decode(text, start.end())[0]
    except RecursionError:
        raise _Refused(f"it is nested more than {DEPTH_LIMIT} deep") from None
    except ValueError as exc:
        raise _Refused(f"it is no valid JSON: {visible(str(exc))}") from None
    for stream in ("stdout", "stderr"):
        if (
            isinstance(result.get(stream), str) and len(result[stream].splitlines()) > VALUES_LIMIT
        ):  # Ansible makes a list of them
            raise _Refused(f"its {stream} has more than {VALUES_LIMIT} lines")
    result = _Copy().of(result)
    if not isinstance(result, dict):
        raise _Refused("it is no dictionary")
    return {
        key: value
        for key, value in result.items()
        if key in _KEPT or not (key.startswith("ansible_") or key in _ACTED_UPON)
    }


def holds_result(stdout: bytes) -> bool:
    """Whether Ansible would find the result of a module in some output."""
    text = to_text(stdout, errors="surrogate_then_replace")
    start = _START.search(text)
    try:
        return start is not None and isinstance(json.JSONDecoder().raw_decode(text, start.end())[0], dict)
    except (ValueError, RecursionError):
        return False


def ended_by(rc: int) -> str | None:
    """The signal that a shell's exit code stands for, of those that a pot or a machine that goes down sends its
    processes (jail(8), rc.shutdown(8)); or None.
    """
    return {128 + number: number.name for number in (signal.SIGHUP, signal.SIGKILL, signal.SIGTERM)}.get(rc)


def clean_result(stdout: bytes, stderr: bytes, rc: int) -> tuple[bytes, bool]:
    """What a module in a pot has printed, as one line of JSON that holds data only; and whether there were facts among
    it.

    Output without a result that can be used becomes the result of a module that failed, with the output in
    C(module_stdout) and C(module_stderr).
    """
    try:
        result = _data(to_text(stdout, errors="surrogate_then_replace"))
    except _Refused as exc:
        return json.dumps(
            {
                "failed": True,
                "rc": rc,
                "msg": f"The module ended in the pot without a result that can be used: {exc}."
                + (
                    f" It was ended by {ended_by(rc)}, as all in a pot is that is stopped: see that the pot runs, "
                    "and run again."
                    if ended_by(rc)
                    else ""
                ),
                **{
                    f"module_{name}": visible(to_text(octets[:SHOWN_LIMIT], errors="surrogate_then_replace"))
                    for name, octets in (("stdout", stdout), ("stderr", stderr))
                },
            }
        ).encode(), False
    for stream in ("stdout", "stderr"):
        if not isinstance(result.get(stream, ""), str):
            result[stream] = json.dumps(result[stream])
    if "warnings" in result:
        result["warnings"] = list(map(_warning, _list(result["warnings"])))
    if "deprecations" in result:
        result["deprecations"] = list(map(_deprecation, _list(result["deprecations"])))
    if "exception" in result:
        result["exception"] = _traceback(result["exception"])
    return json.dumps(result).encode(), bool(result.get(FACTS))
