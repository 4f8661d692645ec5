# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Readers and writers of a pot's pot.conf, against what pot 0.16 wrote (fixtures) and against random text."""

from __future__ import annotations

import pathlib
import subprocess

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.tables import (
    parse_datasets,
    parse_jls,
    parse_mounts,
)
from ansible_collections.potluck.matrix.plugins.module_utils._pot.conf import (
    ATTRIBUTES,
    PotConf,
    cloned_conf,
    decode_attribute,
    decode_env,
    difference,
    encode_attribute,
    encode_env,
    initial_conf,
    view,
)
from ansible_collections.potluck.matrix.plugins.module_utils._pot.mounts import (
    parse_fscomp,
)
from ansible_collections.potluck.matrix.plugins.module_utils._pot.network import (
    parse_bridge,
)
from ansible_collections.potluck.matrix.plugins.module_utils._pot.options import merge
from ansible_collections.potluck.matrix.plugins.module_utils._pot.output import parse_status, pot_errors
from hypothesis import given, settings
from hypothesis import strategies as st

FIXTURES = pathlib.Path(__file__).parents[3] / "fixtures" / "pot"

ROOT = "/opt/pot/jails/d1/m"

env_names = st.from_regex("[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True)

# Everything a pot can hold: any text without line break, NUL and lone surrogates.
env_values = st.text(st.characters(blacklist_characters="\n\0", blacklist_categories=("Cs",)))

nasty_values = st.text(st.sampled_from(list("\\$`\"' =(){}%&;|#*?!~<>\t")), max_size=20)

words = st.from_regex("[A-Za-z0-9/_.=-]{1,12}", fullmatch=True)


def fixture(name):
    return (FIXTURES / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["single", "clone", "alias", "multi"])
def test_recorded_files_come_back_unchanged(name):
    text = fixture(name + "-pot.conf")
    conf = PotConf(text)
    assert conf.render() == text
    conf.drop_duplicates()
    assert conf.render() == text
    assert merge(conf, {}).render() == text


def test_initial_conf_is_what_pot_writes():
    assert initial_conf("d1", "13.2", "fbsd1.example.test").render() == fixture("single-pot.conf")
    assert initial_conf("e2", "13.2", "fbsd1.example.test", "multi", 1).render() == fixture("multi-pot.conf")
    expected = merge(
        initial_conf("e1", "13.2", "fbsd1.example.test"), {"network_type": "alias", "ip": ["vtnet0|10.0.2.50"]}
    )
    alias = view(PotConf(fixture("alias-pot.conf")))
    assert {k: alias[k] for k in ("network_type", "ip", "hostname")} == {
        k: view(expected)[k] for k in ("network_type", "ip", "hostname")
    }


def test_cloned_conf_is_what_pot_writes():
    source = PotConf(fixture("clone-pot.conf").replace("d3.", "d1."))
    assert view(cloned_conf(source, "d3", "fbsd1.example.test")) == view(PotConf(fixture("clone-pot.conf")))


def test_view_of_recorded_files():
    seen = view(PotConf(fixture("alias-pot.conf")))
    assert (
        seen["ip"] == ["vtnet0|10.0.2.50"] and seen["ports"] == ["80:8080"] and seen["hosts"] == {"consul1": "10.0.0.2"}
    )
    assert seen["limits"] == {"cpus": 1, "memory": "512M"} and seen["hostname"] == "e1.fbsd1.example.test"
    seen = view(PotConf(fixture("clone-pot.conf")))
    assert seen["attributes"]["start_at_boot"] is True and seen["attributes"]["stop_timeout"] == 60
    assert seen["attributes"]["exec_stop"] == "/bin/sh /etc/rc.shutdown jail"
    assert [decode_env(raw) for raw in seen["env"].values()] == [("A", "b c"), ("Q", 'x"y'), ("S", "it's")]


def test_wanting_what_is_there_changes_nothing():
    text = fixture("alias-pot.conf")
    options = {
        "network_type": "alias",
        "ip": ["10.0.2.50"],
        "ports": ["tcp:80:8080"],
        "hosts": {"consul1": "10.0.0.2"},
        "limits": {"cpus": 1, "memory": "512M"},
        "cmd": "sh /etc/rc",
        "dns": "inherit",
        "hostname": "e1.fbsd1.example.test",
        "env": {},
        "network_stack": "ipv4",
        "attributes": {"start_at_boot": False, "early_start_at_boot": False},
    }
    assert merge(PotConf(text), options, "vtnet0").render() == text


def test_duplicates():
    conf = PotConf('a=1\npot.env="A=1"\na=2\npot.env="B=1"\nnothing\nnothing\n')
    conf.drop_duplicates()
    assert conf.render() == 'a=1\npot.env="A=1"\npot.env="B=1"\nnothing\nnothing\n'


def test_text_is_read_as_pot_reads_it():
    conf = PotConf('k= "a b"\tc=d\n')
    assert conf.text("k") == "abc" and conf.text("other", "x") == "x" and conf.get("k") == ' "a b"\tc=d'


@given(
    st.lists(st.tuples(words.filter(lambda w: "=" not in w), env_values), max_size=8),
    words.filter(lambda w: "=" not in w),
    st.lists(env_values, max_size=3),
)
def test_set_all_touches_one_key_only(pairs, key, values):
    text = "".join("{}={}\n".format(*pair) for pair in pairs)
    conf = PotConf(text)
    assert conf.render() == text
    conf.set_all(key, values)
    again = PotConf(conf.render())
    assert again.all(key) == values
    assert [line for line in again.lines if not line.startswith(key + "=")] == [
        line for line in PotConf(text).lines if not line.startswith(key + "=")
    ]
    assert conf.render() == "" or conf.render().endswith("\n")


def effective(lines):
    """What the pot's sh makes of the lines: pot writes each after the word export into a file that is sourced."""
    names = [decode_env(raw)[0] for raw in lines]
    script = "".join(f"export {raw}\n" for raw in lines) + "".join(f'printf "%s\\n" "${n}"\n' for n in names)
    done = subprocess.run(
        ["/bin/sh"], input=script.encode(), capture_output=True, check=True, env={"PATH": "/bin:/usr/bin"}
    )
    assert done.stderr == b""
    return dict(zip(names, done.stdout.decode().split("\n")))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(env_names.map("T_".__add__), env_values | nasty_values, min_size=1, max_size=10))
def test_env_round_trip(env):
    lines = [encode_env(name, value) for name, value in env.items()]
    assert dict(decode_env(raw) for raw in lines) == env
    assert all("\n" not in raw for raw in lines)
    assert effective(lines) == env
    conf = merge(PotConf(fixture("clone-pot.conf")), {"env": env})
    read = PotConf(conf.render())
    assert {decode_env(raw)[0]: decode_env(raw)[1] for raw in read.all("pot.env")} == env
    assert merge(read, {"env": env}).render() == conf.render()


@given(env_values)
def test_what_the_command_line_would_store_is_the_same(value):
    """The safe recipe for C(pot set-env): escape all but the quote, which pot escapes itself."""
    argument = value.replace("\\", "\\\\").replace("$", "\\$").replace("`", "\\`")
    stored = '"V={}"'.format(argument.replace('"', '\\"'))
    assert stored == encode_env("V", value)


def test_recorded_environment():
    lines = fixture("environment").split("\n")
    conf = PotConf(fixture("clone-pot.conf"))
    assert ["export " + raw for raw in conf.all("pot.env")] == lines[:3]


@pytest.mark.parametrize("value", ["a\nb", "a\0b", "\n"])
def test_env_refuses_what_a_line_cannot_hold(value):
    with pytest.raises(Sentence, match="line break") as caught:
        encode_env("SECRET", value)
    assert "a\nb" not in str(caught.value)


@given(st.text())
def test_env_names(name):
    try:
        raw = encode_env(name, "x")
    except Sentence:
        return
    assert raw == f'"{name}=x"' and name.isascii() and name.replace("_", "a").isalnum() and not name[0].isdigit()


@given(st.text(st.characters(blacklist_categories=("Cs",))))
def test_decoding_never_fails(text):
    decode_env(text)
    view(PotConf(text))
    parse_fscomp(text, ROOT)
    parse_mounts(text)
    parse_jls(text)
    parse_datasets(text)
    parse_status(text)
    parse_bridge(text)
    pot_errors(text, text)


@given(st.sampled_from(sorted(ATTRIBUTES)), st.data())
def test_attributes_round_trip(option, data):
    kind = ATTRIBUTES[option][1]
    value = data.draw(
        {
            "bool": st.booleans(),
            "uint": st.integers(0, 2**31),
            "sysv": st.sampled_from(["new", "inherit", "disable"]),
            "string": st.text(st.characters(blacklist_characters='="\n\0', blacklist_categories=("Cs",))).map(
                str.strip
            ),
        }[kind]
    )
    assert decode_attribute(option, encode_attribute(option, value)) == value
    conf = merge(PotConf(fixture("single-pot.conf")), {"attributes": {option: value}})
    assert view(conf)["attributes"][option] == value


def test_difference_shows_no_values():
    before = view(PotConf('pot.env="A=secret1"\npot.env="B=secret2"\n'))
    after = view(PotConf('pot.env="A=secret3"\npot.env="C=secret4"\n'))
    old, new, restart = difference(before, after)
    assert old == {"env": {"A": "(set)", "B": "(set)"}} and new == {"env": {"A": "(changed)", "C": "(set)"}} and restart
    assert "secret" not in str((old, new))
