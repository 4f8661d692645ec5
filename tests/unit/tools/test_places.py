# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A variable is read in the vocabulary, its role, its rule and one place more; what all parts share is listed here."""

from __future__ import annotations

import pytest
from places import in_document, in_template, names_read, places

# What a homeserver is, where it is, and how it is entered: parts cannot do their work without knowing it.
SHARED = {
    "matrix_domain",
    "matrix_host",
    "matrix_ip",
    "matrix_pot_name",
    "matrix_pot_network_type",
    "matrix_dataset",
    "matrix_dataset_mountpoint",
    "matrix_database",
    "matrix_tls_mode",
    "matrix_python",
    "matrix_python_version",
    # Where one part leaves what another one reads.
    "matrix_synapse_data_directory",
    "matrix_synapse_socket",
    "matrix_metrics_directory",
    # Said of mail and of what nginx tells, and also read out of Potluck's parameters.
    "matrix_alert_email",
}


@pytest.fixture(scope="module")
def read_in():
    return places()


def test_no_variable_but_those_that_all_parts_share_is_read_in_more_than_four_places(read_in):
    assert {name for name, each in read_in.items() if len(each) > 4} == SHARED


def test_every_variable_is_read_outside_the_vocabulary(read_in):
    assert [name for name, each in read_in.items() if not set(each) - {"roles/homeserver"}] == []


def test_a_sentence_that_names_a_variable_does_not_read_it(tmp_path):
    assert in_template("look at matrix_ip") == set()
    assert in_document({"msg": "matrix_ip: {{ 'matrix_host' }}"}) == {"msg"}
    program = tmp_path / "program.py"
    program.write_text('raise ValueError("look at matrix_ip")\n', encoding="utf-8")
    assert "matrix_ip" not in names_read(program)


def test_an_expression_reads_a_variable(tmp_path):
    assert in_template("{% if matrix_ip %}{% endif %}") == {"matrix_ip"}
    assert in_document([{"when": "matrix_ip | length > 0"}]) == {"when", "matrix_ip"}
    program = tmp_path / "program.py"
    program.write_text('server["matrix_ip"]\n', encoding="utf-8")
    assert "matrix_ip" in names_read(program)
