# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one part takes for a pot's name, a dataset or a size, all others do."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import zfs
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import dataset_rules, pots, storage
from ansible_collections.potluck.matrix.plugins.module_utils._pot import entering, names
from hypothesis import example, given, settings
from hypothesis import strategies as st
from thorough import examples

TOP = Path(__file__).resolve().parents[4]


def accepted(grammar, value) -> bool:
    """Whether a grammar takes the value."""
    try:
        grammar(value)
    except (ValueError, Sentence):
        return False
    return True


@settings(max_examples=examples(300), deadline=None)
@given(st.one_of(st.text("aZ09_+-. /@", max_size=60), st.text(max_size=8)))
@example("a" * 55)
@example("a" * 56)
@example("a" * 60)
@example("12")
def test_pot_names(name):
    wanted = accepted(pots.pot_name, name)
    assert accepted(names.check_name, name) is wanted
    assert entering.valid_pot_name(name) is wanted


@settings(max_examples=examples(300), deadline=None)
@given(st.one_of(st.text("az09_-.:/@ ", max_size=30).map("zroot/{}".format), st.text(max_size=8)))
@example("zroot/..")
@example("zroot/./a")
@example("zroot/pot/jails")
@example("zroot/" + "x" * 250)
def test_datasets(name):
    assert (dataset_rules.check_name(name) is None) is accepted(storage.dataset, name)


@pytest.mark.parametrize(
    "role", ["pot_jail", "reverse_proxy", "tls", "synapse", "consul_agent", "node_exporter", "ldap_auth"]
)
def test_roles_have_no_grammar_of_their_own(role):
    tasks = yaml.safe_load((TOP / "roles" / role / "tasks/preflight.yml").read_text(encoding="utf-8"))
    assert tasks[0]["potluck.matrix.role_preflight"] == {"role": role}
    assert not any(" match(" in str(task) and "synapse_data_mountpoint" not in str(task) for task in tasks)


@pytest.mark.parametrize(
    "size, good",
    [("128K", True), ("17K", False), ("512", True), ("256", False), ("16M", True), ("32M", False), ("1.5K", False)],
)
def test_record_sizes(size, good):
    assert accepted(zfs.record_size, size) is good
    assert accepted(lambda value: dataset_rules.canonical_properties({"recordsize": value}), size) is good


@given(st.integers(0, 2**60), st.sampled_from(["", "K", "M", "G", "KiB", "MB", "b", "k"]))
def test_sizes_of_zfs_are_one_function(number, suffix):
    assert storage.size_in_bytes is zfs.size_in_bytes
    factor = 1024 ** " KMG".index(suffix[:1].upper() if suffix and suffix != "b" else " ")
    assert zfs.size_in_bytes(f"{number}{suffix}") == number * factor
