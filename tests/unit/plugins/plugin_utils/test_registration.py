# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Registrations of application services: what Synapse would refuse is refused before, and no token is quoted."""

from __future__ import annotations

import os
import re

import pytest
import yaml
from ansible_collections.potluck.matrix.plugins.plugin_utils import _registration
from hypothesis import given
from hypothesis import strategies as st

GOOD = {
    "id": "irc",
    "url": "http://127.0.0.1:9999",
    "as_token": "marker-one",
    "hs_token": "marker-two",
    "sender_localpart": "ircbot",
    "namespaces": {
        "users": [{"regex": "@irc_.*:example\\.com", "exclusive": True}],
        "aliases": [],
        "rooms": [{"regex": "!x:.*", "exclusive": False}],
    },
    "rate_limited": False,
    "protocols": ["irc"],
}


def test_a_good_one_is_known_by_what_has_to_be_unique():
    assert _registration.registration(yaml.safe_dump(GOOD)) == {
        key: GOOD[key] for key in ("id", "as_token", "hs_token")
    }
    assert _registration.registration(yaml.safe_dump({**GOOD, "url": None, "namespaces": {}}))["id"] == "irc"


@pytest.mark.parametrize(
    "change, words",
    [
        ({"id": 5}, "has no id, a text"),
        ({"as_token": ""}, "has no as_token, a text"),
        ({"hs_token": None}, "has no hs_token, a text"),
        ({"sender_localpart": "irc bot"}, "characters that no user's name has"),
        ({"url": ""}, "has a url that does not begin with http:// or https://"),
        ({"url": 5}, "has a url that is a number"),
        ({"url": "irc.example.com:80"}, "has a url that does not begin with http:// or https://"),
        ({"namespaces": []}, "has no namespaces"),
        ({"namespaces": {"users": {}}}, "has as users of its namespaces a dictionary where a list"),
        ({"namespaces": {"rooms": None}}, "has as rooms of its namespaces nothing where a list"),
        ({"namespaces": {"users": ["@a:.*"]}}, "has an item 1 of users in its namespaces without a regex"),
        ({"namespaces": {"users": [{"regex": "a"}]}}, "without exclusive: true or false"),
        (
            {"namespaces": {"aliases": [{"regex": "(", "exclusive": True}]}},
            "in item 1 of aliases in its namespaces a regex",
        ),
    ],
)
def test_what_synapse_would_refuse(change, words):
    with pytest.raises(ValueError, match=re.escape(words)) as refused:
        _registration.registration(yaml.safe_dump({**GOOD, **change}))
    assert "marker" not in str(refused.value)


def test_a_url_has_to_be_said():
    with pytest.raises(ValueError, match="has url: null"):
        _registration.registration(yaml.safe_dump({key: value for key, value in GOOD.items() if key != "url"}))


@pytest.mark.parametrize(
    "text, words",
    [
        ("id: irc\nas_token: [marker\n", r"is not YAML \(line 3\)"),
        ("as_token: marker\n\tx: y\n", r"is not YAML \(line 2\)"),
        ("2020-13-45", "is not YAML"),
        ("!!python/object:os.system marker", "is not YAML"),
        ("- marker", "which is a dictionary"),
        ("", "which is a dictionary"),
    ],
)
def test_what_is_no_dictionary(text, words):
    with pytest.raises(ValueError, match=words) as refused:
        _registration.registration(text)
    assert "marker" not in str(refused.value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["(", "a", "http://a"]),
    lambda part: (
        st.lists(part, max_size=3)
        | st.dictionaries(st.sampled_from(["users", "rooms", "regex", "exclusive", "x"]), part, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.text(max_size=200)
    | st.dictionaries(st.sampled_from(sorted(GOOD)), VALUES).map(lambda some: yaml.safe_dump({**GOOD, **some}))
)
def test_whatever_is_in_it_is_read_or_refused_in_words(text):
    try:
        found = _registration.registration(text)
    except ValueError as refused:
        assert len(str(refused).splitlines()) == 1 and "marker" not in str(refused)
    else:
        assert set(found) == set(_registration.UNIQUE)


def test_only_texts_of_reasonable_size_are_taken(tmp_path):
    (tmp_path / "text").write_text("für\n", encoding="utf-8")
    assert _registration.text_of(str(tmp_path / "text")) == "für\n"
    (tmp_path / "large").write_bytes(b"x" * (_registration.LARGEST + 1))
    (tmp_path / "latin").write_bytes(b"f\xfcr")
    (tmp_path / "zero").write_bytes(b"a\0b")
    os.mkfifo(tmp_path / "pipe")
    for name, words in [
        ("large", "is larger than 1 MiB"),
        ("latin", "is not a text in UTF-8"),
        ("zero", "holds a zero byte"),
        ("pipe", "is not a regular file"),
        ("", "is a directory"),
        ("none", "does not exist on the controller"),
        ("text/below", "cannot be read on the controller"),
    ]:
        with pytest.raises(ValueError, match=words):
            _registration.text_of(str(tmp_path / name))
