# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an option is judged as is what its role makes of it: booleans are converted in one way, and numbers and lists
are what they are.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible.plugins.filter.core import to_bool
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import values
from ansible_collections.potluck.matrix.plugins.plugin_utils import _preflight
from hypothesis import given
from hypothesis import strategies as st

TOP = Path(__file__).resolve().parents[3]


def boolean_options():
    """Names of the options of roles that are true or false, and of the variables they follow."""
    found = set()
    for path in TOP.glob("roles/*/meta/argument_specs.yml"):
        for spec in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            found |= {name for name, option in (spec.get("options") or {}).items() if option["type"] == "bool"}
    return found | {name for name, variable in _preflight.VARIABLES.items() if variable.check is values.boolean}


def expressions(text):
    """Jinja2 expressions of a file of a role, their literals emptied: in braces, and bare in the conditions of a
    task.
    """
    braces = re.findall(r"\{[{%](.*?)[%}]\}", text, re.DOTALL)
    bare = re.findall(
        r"^\s*(?:- )?(?:when|that|failed_when|changed_when|until):[ \n](.*?)(?=^\s*(?:- )?[a-z_.]+:(?: |$)|\Z)",
        text,
        re.MULTILINE | re.DOTALL,
    )
    return [re.sub(r"'[^']*'", "''", each) for each in braces + [each for each in bare if "{{" not in each]]


FILES = [path for kind in ("defaults", "tasks", "vars", "templates") for path in TOP.glob(f"roles/*/{kind}/*")] + list(
    TOP.glob("playbooks/*.yml")
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TOP)))
def test_booleans_are_used_through_one_conversion(path):
    names = "|".join(sorted(boolean_options()))
    for expression in expressions(path.read_text(encoding="utf-8")):
        # An option takes its variable's value as it is, and is converted where it is used.
        if path.parent.name == "defaults" and re.fullmatch(
            rf"\s*({names})( \| default\((true|false)\))?\s*", expression
        ):
            continue
        for use in re.finditer(rf"(?<![\w.'])(?:{names})(?![\w'])([^,)}}]{{0,60}}\)?[^,)}}]{{0,20}})", expression):
            converted = re.match(
                r"(\s*\|\s*default\((true|false)\))?\s*\|\s*bool\b|\s+is (not "
                r")?(defined|undefined)|\s*\|\s*string\s*\|\s*lower in ",
                use.group(1),
            )
            assert converted, f"{path.name}: {use.group()}"


def test_the_search_sees_a_boolean_without_conversion():
    assert len(boolean_options()) >= 20
    assert expressions("a: \"{{ b if c else 'd' }}\"\n  when: e | bool\n  vars: x") == [
        " b if c else '' ",
        "e | bool\n",
    ]
    assert any(
        "ldap_auth_validate_certs | bool" in each
        for each in expressions((TOP / "roles/ldap_auth/vars/main.yml").read_text(encoding="utf-8"))
    )


@given(
    st.one_of(
        st.text(max_size=6),
        st.integers(),
        st.floats(),
        st.booleans(),
        st.sampled_from(
            [
                "y",
                "Y",
                "t",
                "T",
                "n",
                "f",
                "true ",
                "yes",
                "YES",
                "on",
                "1",
                "0",
                "off",
                "No",
                "TRUE",
                1.0,
                0.0,
                1,
                0,
                "1.0",
                "\ntrue",
            ]
        ),
    )
)
def test_what_is_judged_true_is_used_as_true(value):
    try:
        judged = values.boolean(value)
    except ValueError:
        return
    assert judged is bool(to_bool(value))


@pytest.mark.parametrize("value", ["y", "t", "Y", "T", "n", "f", "true ", 1.0, 0.0, "enabled", "", None, [True]])
def test_what_a_filter_and_an_argument_spec_read_otherwise_is_refused(value):
    with pytest.raises(ValueError):
        values.boolean(value)


SPEC_OF = {
    "bool": ["y", "t", 1.0, "true ", ["x"]],
    "int": ["", "x", "010", 1.5, True, [5], {}],
    "list": ["", "a", "a,b", 5, {"a": 1}, True],
}
SPEC_OF.update(
    {"dict": ["a=b", "{}", [], 5, True], "str": [[], {}, True], "path": [["/a"], {}, False], "float": ["x", True, []]}
)


@pytest.mark.parametrize(
    "kind, bad", [(kind, bad) for kind, values_ in SPEC_OF.items() for bad in [*values_, None]], ids=repr
)
def test_options_are_what_they_say(defaults_of, kind, bad):
    role = _preflight.Role("web", {"web_option": {"type": kind}}, {}, {"a": {"web_option": bad}})
    given_ = {
        "matrix_domain": "example.com",
        "matrix_ip": "10.0.0.5",
        "matrix_alert_email": "a@example.com",
        "matrix_ssl_email": "a@example.com",
    }
    servers = {"a": {**given_, "web_option": bad}}
    found = _preflight.problems(servers, roles=[role], defaults=defaults_of(servers))
    assert [problem.variable for problem in found] == ["web_option"], found
