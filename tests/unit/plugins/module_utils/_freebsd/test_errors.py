# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module says, in the words of whoever uses it; and roles have such words for whatever their modules name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import in_words_of

TOP = Path(__file__).resolve().parents[5]


@pytest.mark.parametrize(
    ("sentences", "part", "said"),
    [
        ({"name": "matrix_domain: %s."}, "name", "matrix_domain: it is another one."),
        ({"name": "100 %, %s; look there."}, "name", "100 %, it is another one; look there."),
        ({"name": "matrix_domain: %s."}, "identity", "it is another one."),
        ({"name": "matrix_domain: %s."}, "", "it is another one."),
        ({"name": "matrix_domain: %s."}, None, "it is another one."),
        ({}, "name", "it is another one."),
        (None, "name", "it is another one."),
    ],
)
def test_sentences(sentences, part, said):
    assert in_words_of(sentences, part, "it is another one.") == said


def words(role, name):
    return yaml.safe_load((TOP / "roles" / role / "vars/main.yml").read_text(encoding="utf-8"))[name]


@pytest.mark.parametrize(
    ("role", "name", "module"),
    [
        ("synapse", "__synapse_data_sentences", "synapse_data"),
        ("synapse", "__synapse_start_sentences", "synapse_config"),
        ("ldap_auth", "__ldap_auth_sentences", "ldap_bind_info"),
    ],
)
def test_whatever_a_module_names_has_a_sentence(role, name, module):
    text = (TOP / "plugins/modules" / (module + ".py")).read_text(encoding="utf-8")
    told = re.search(r"\npart:\n  description:(.*?)\n  type:", text, re.DOTALL).group(1)
    assert set(re.findall(r"V\((\w+)\)", told)) == set(words(role, name))
    assert all("%s" in sentence for sentence in words(role, name).values())


def test_whatever_option_of_a_dataset_is_wrong_has_a_sentence():
    task = yaml.safe_load((TOP / "roles/zfs_dataset/tasks/main.yml").read_text(encoding="utf-8"))[0]
    options = set(task["potluck.matrix.zfs_dataset"]) - {"sentences"}
    assert set(words("zfs_dataset", "__zfs_dataset_sentences")) == options
