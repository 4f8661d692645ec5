# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every statement of docs/security-model.md names a test that exists; the tests of statements about the sources are
here.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml
from ansible.template import Templar, trust_as_template

TOP = Path(__file__).resolve().parents[3]
PAGE = (TOP / "docs/security-model.md").read_text(encoding="utf-8")
REFERENCE = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
# Says what does not hold.
WITHOUT_TESTS = "What is not promised"


def statements():
    """(section, text) of every paragraph, item and table, with the tests that follow it."""
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        name, _end, text = section.partition("\n")
        for block in re.split(r"\n(?=\n|- )", text):
            block = " ".join(block.split())
            if block:
                yield name, block


def test_every_statement_is_followed_by_its_tests():
    blocks = list(statements())
    assert len(blocks) > 20
    previous = ""
    for section, block in reversed(blocks):
        if section != WITHOUT_TESTS and not block.endswith(":"):
            # A table's tests are a paragraph of their own.
            own, _word, references = (block + " " + previous if block.startswith("|") else block).partition("Tests: ")
            assert REFERENCE.findall(references), f"{section}: {block}"
        previous = block


@pytest.mark.parametrize("file, name", sorted(set(REFERENCE.findall(PAGE))))
def test_the_tests_exist(file, name):
    tree = ast.parse((TOP / file).read_text(encoding="utf-8"))
    assert name in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert name.startswith("test_")


def test_nothing_else_is_said_to_be_a_test():
    assert set(re.findall(r"`(tests/[^`]*)`", PAGE)) == {
        "{}::{}".format(*reference) for reference in REFERENCE.findall(PAGE)
    }


def commands(tree):
    """All lists of words in a Python file, those that a function is called with among them, as [word or None]."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.List, ast.Tuple, ast.Call)):
            found = node.args if isinstance(node, ast.Call) else node.elts
            yield [word.value if isinstance(word, ast.Constant) else None for word in found]


def test_nothing_destroys_a_dataset():
    sources = sorted(TOP.glob("plugins/**/*.py"))
    assert len(sources) > 30
    destroying = {
        path.relative_to(TOP).as_posix()
        for path in sources
        for words in commands(ast.parse(path.read_text(encoding="utf-8")))
        if "destroy" in words and words[0] != "pot"
    }
    # Snapshots, by their exact names; and the one dataset that is named.
    assert destroying == {"plugins/module_utils/_freebsd/snapshots.py", "plugins/module_utils/_pot/data_removal.py"}
    for path in [*TOP.glob("roles/**/*"), *TOP.glob("playbooks/*.yml")]:
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"zfs[, ]+destroy", text), path
            if "zfs_dataset_removal" in text:
                assert path.relative_to(TOP).as_posix() == "roles/removal/tasks/main.yml"
            # No pot is removed because an inventory says so: role removal wants a server named twice, and role pot_move
            # removes the one that it has made in the place of another.
            if path.parts[-3:-1] in (("removal", "tasks"), ("pot_move", "tasks")):
                continue
            assert not re.search(r"potluck\.matrix\.(pot|zfs_dataset):\n(?: .*\n)*? +state: absent", text), path


def test_the_ldap_proxy_denies_all_but_the_jail():
    defaults = yaml.safe_load((TOP / "roles/ldap_auth/defaults/main.yml").read_text(encoding="utf-8"))
    variables = {
        "matrix_ip": "192.0.2.20",
        "ldap_auth_proxy_address": "127.0.0.1",
        "__ldap_auth_server_list": ["192.0.2.1"],
        "ldap_auth_proxy_clients": trust_as_template(defaults["ldap_auth_proxy_clients"]),
    }
    variables |= {name: defaults[name] for name in ("ldap_auth_connect_timeout", "ldap_auth_answer_timeout")}
    template = (TOP / "roles/ldap_auth/templates/matrix-ldap-proxy.conf.j2").read_text(encoding="utf-8")
    variables |= {
        "ansible_managed": "",
        "ldap_auth_port": 389,
        "ldap_auth_proxy_port": 3890,
        "__ldap_auth_proxy_listen_port": 3890,
        "__ldap_auth_proxy_pid": "/pid",
        "__ldap_auth_proxy_log": "/log",
    }
    text = Templar(None, variables).template(trust_as_template(template))
    allowed = re.findall(r"^ +(allow|deny) (.*);$", text, re.MULTILINE)
    assert {address for word, address in allowed[:-1] if word == "allow"} == {"127.0.0.1", "192.0.2.20"}
    assert allowed[-1] == ("deny", "all")
