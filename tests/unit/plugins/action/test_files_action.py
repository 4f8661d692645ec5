# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists of files with templates and files of the controller: what the module gets, and what nobody gets to see."""

from __future__ import annotations

import grp
import os
import pathlib
import pwd
import subprocess
import sys
import types

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.plugins import loader as plugin_loaders
from ansible.template import Templar, trust_as_template
from ansible_collections.potluck.matrix.plugins.action import file_set, synapse_config
from ansible_collections.potluck.matrix.plugins.plugin_utils._file_entries import resolved
from hypothesis import given
from hypothesis import strategies as st

ROOT = pathlib.Path(__file__).parents[4]
OWNER = pwd.getpwuid(os.getuid()).pw_name
GROUP = grp.getgrgid(os.getgid()).gr_name
VAULT = VaultSecret(b"vault-password")


def never(key, name):
    raise AssertionError(f"{key} {name} is read")


def upper(key, name):
    return f"{key}:{name}".upper()


@pytest.mark.parametrize(
    "entry, plain",
    [
        ({"path": "/a", "content": "x", "mode": "0644"}, {"path": "/a", "content": "x", "mode": "0644"}),
        ({"path": "/a", "template": "t"}, {"path": "/a", "content": "TEMPLATE:T"}),
        ({"path": "/a", "secret_template": "t"}, {"path": "/a", "secret": "SECRET_TEMPLATE:T"}),
        ({"path": "/a", "source": "f", "owner": "o"}, {"path": "/a", "content": "SOURCE:F", "owner": "o"}),
        ({"path": "/a", "secret_source": "f"}, {"path": "/a", "secret": "SECRET_SOURCE:F"}),
        ({"path": "/a", "source": "f", "template": None}, {"path": "/a", "content": "SOURCE:F"}),
        ({"path": "/a", "source": "f", "wanted": "Yes"}, {"path": "/a", "content": "SOURCE:F"}),
        ({"path": "/a", "state": "directory", "wanted": True}, {"path": "/a", "state": "directory"}),
        ({"path": "/a", "unknown": 1}, {"path": "/a", "unknown": 1}),
        ("a=b", "a=b"),
    ],
)
def test_what_the_module_gets(entry, plain):
    assert resolved([entry], upper) == [plain]


@pytest.mark.parametrize("no", [False, "false", "No", 0])
@pytest.mark.parametrize("text", ["content", "secret", "template", "secret_template", "source", "secret_source"])
def test_what_is_not_wanted_is_absent_and_not_looked_at(no, text):
    entry = {"path": "/a", text: "x", "mode": "0644", "state": "directory", "wanted": no}
    assert resolved([entry], never) == [{"path": "/a", "mode": "0644", "state": "absent"}]


def test_what_does_not_count_is_left_alone():
    entries = [{"path": f"/{number}", "template": "t", "only_if": number % 2} for number in range(2)]
    assert resolved(entries, upper) == [{"path": "/1", "content": "TEMPLATE:T"}]
    assert resolved([{"path": "/a", "source": "f", "only_if": False, "wanted": False}], never) == []


@given(st.lists(st.tuples(st.booleans(), st.booleans())))
def test_the_order_stays(switches):
    entries = [{"path": str(n), "content": "", "wanted": w, "only_if": o} for n, (w, o) in enumerate(switches)]
    assert [(entry["path"], entry.get("state")) for entry in resolved(entries, never)] == [
        (str(n), None if w else "absent") for n, (w, o) in enumerate(switches) if o
    ]


@pytest.mark.parametrize(
    "entry, sentence",
    [
        (
            {"path": "/a", "content": "hidden-word", "template": "t", "only_if": False},
            "/a: content and template exclude each other; give one of content, secret, template, secret_template, "
            "source, secret_source",
        ),
        ({"secret": "", "secret_source": "f", "path": "/a"}, "/a: secret and secret_source exclude each other"),
        ({"path": "/a", "wanted": "hidden-word"}, "/a: wanted is neither true nor false; write true or false"),
        ({"path": "/a", "wanted": None}, "/a: wanted is nothing where true or false is expected; write true or false"),
        ({"only_if": 1.0}, "item 1 of files: only_if is a number where true or false is expected"),
    ],
)
def test_what_is_refused(entry, sentence):
    with pytest.raises(ValueError) as refusal:
        resolved([entry], never)
    assert str(refusal.value).startswith(sentence) and "hidden-word" not in str(refusal.value)


@pytest.fixture
def action(tmp_path):
    """Runs the action with entries and variables; (what the module gets, the sentence of a failure)."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "files").mkdir()

    def run(*entries, plugin=file_set, **variables):
        loader = DataLoader()
        loader.set_basedir(str(tmp_path))
        loader.set_vault_secrets([("default", VAULT)])
        variables["ansible_search_path"] = [str(tmp_path)]
        task = types.SimpleNamespace(
            args={"files": list(entries), "keep": "x"},
            async_val=0,
            check_mode=False,
            get_search_path=lambda: [str(tmp_path)],
        )
        shell = types.SimpleNamespace(tmpdir="/nowhere")
        module = plugin.ActionModule(
            task, types.SimpleNamespace(_shell=shell), None, loader, Templar(loader, variables), plugin_loaders
        )
        module._execute_module = lambda module_args, task_vars: {"given": module_args}
        result = module.run(task_vars=variables)
        assert not result.get("failed") or set(result) == {"failed", "changed", "msg"}
        assert result.get("failed") or result["given"]["keep"] == "x"
        return result.get("given", {}).get("files"), result.get("msg")

    return run


@pytest.mark.parametrize("plugin", [file_set, synapse_config])
def test_templates_are_rendered_as_the_lookup_does(action, tmp_path, plugin):
    (tmp_path / "templates/t.j2").write_text("# {{ ansible_managed }}\n{% if x %}\nx is {{ x }}\n{% endif %}\n")
    (tmp_path / "templates/part.j2").write_text("part\\n\n\n")
    (tmp_path / "templates/whole.j2").write_text("{% include 'part.j2' %}")
    files, problem = action(
        {"path": "/a", "template": "t.j2"}, {"path": "/b", "secret_template": "whole.j2"}, plugin=plugin, x=5
    )
    assert problem is None
    loader = DataLoader()
    variables = {"x": 5, "ansible_search_path": [str(tmp_path)]}
    looked_up = [
        Templar(loader, dict(variables)).template(
            trust_as_template("{{ lookup('ansible.builtin.template', '%s') }}" % name)
        )
        for name in ("t.j2", "whole.j2")
    ]
    assert files == [{"path": "/a", "content": looked_up[0]}, {"path": "/b", "secret": looked_up[1]}]
    assert looked_up == ["# Ansible managed\nx is 5\n", "part\\n\n"]


def test_files_of_the_controller(action, tmp_path):
    (tmp_path / "files/ca.pem").write_text("certificate\n\n \n")
    (tmp_path / "key.pem").write_text("key\n\n")
    (tmp_path / "files/vaulted").write_bytes(VaultLib([("default", VAULT)]).encrypt("word", VAULT))
    files, problem = action(
        {"path": "/a", "source": "ca.pem"},
        {"path": "/b", "source": str(tmp_path / "key.pem")},
        {"path": "/c", "secret_source": str(tmp_path / "key.pem")},
        {"path": "/d", "secret_source": "vaulted"},
        {"path": "/e", "source": "vaulted"},
    )
    assert problem is None
    texts = [entry.get("content", entry.get("secret")) for entry in files]
    assert texts == ["certificate\n", "key\n", "key\n\n", "word", "word\n"]
    assert [("secret" in entry) for entry in files] == [False, False, True, True, False]


@pytest.mark.parametrize(
    "template, sentence",
    [
        ("{{ hidden }}{{ nope }}", '/a: the template t.j2 uses the variable "nope", which is not defined'),
        ("{{ nope }}", '/a: the template t.j2 uses the variable "nope", which is not defined'),
        ("{{ other }}\n", '/a: the template t.j2 uses the variable "nope", which is not defined'),
        ("{{ table.row }}\n", '/a: the template t.j2 uses "row", which is not defined'),
        (
            "{{ hidden | potluck.matrix.mail_address }}",
            "/a: the template t.j2 uses the filter potluck.matrix.mail_address on a value that it refuses",
        ),
        ("{% if %}", "/a: the template t.j2 cannot be read (AnsibleTemplateSyntaxError)"),
        ("{{ 1 / table.zero }}", "/a: the template t.j2 cannot be read ("),
    ],
)
def test_a_template_that_fails_is_named_without_values(action, tmp_path, template, sentence):
    (tmp_path / "templates/t.j2").write_text(template)
    files, problem = action(
        {"path": "/a", "secret_template": "t.j2"},
        hidden="hidden-word",
        other=trust_as_template("{{ nope }}"),
        table={"zero": 0, "hidden-word": "hidden-word"},
    )
    assert files is None and problem.startswith(sentence) and "hidden-word" not in problem


def test_a_file_that_is_not_there_or_cannot_be_decrypted(action, tmp_path):
    assert action({"path": "/a", "template": "t.j2"})[1] == "/a: the template t.j2 is not on the controller"
    assert action({"path": "/a", "source": "c"})[1] == "/a: the file c (source) is not on the controller"
    other = VaultSecret(b"another-password")
    (tmp_path / "files/k").write_bytes(VaultLib([("default", other)]).encrypt("word", other))
    sentence = action({"path": "/a", "secret_source": "k"})[1]
    assert sentence.startswith("/a: the file k (secret_source) cannot be decrypted; give the vault's password")


def test_what_is_no_list_is_left_for_the_module(tmp_path):
    task = types.SimpleNamespace(args={"files": "text"}, async_val=0, check_mode=False)
    connection = types.SimpleNamespace(_shell=types.SimpleNamespace(tmpdir="/nowhere"))
    module = file_set.ActionModule(task, connection, None, None, None, plugin_loaders)
    module._execute_module = lambda module_args, task_vars: module_args
    assert module.run(task_vars={}) == {"files": "text"}


@pytest.fixture
def play(tmp_path):
    """Runs the role "some" below tmp_path on the controller as loudly as possible; the finished process."""
    role = tmp_path / "roles/some"
    for name in ("templates", "files", "tasks"):
        (role / name).mkdir(parents=True)

    def run(*files, arguments=(), **variables):
        task = {"potluck.matrix.file_set": {"files": list(files)}, "register": "written"}
        shown = {"ansible.builtin.debug": {"var": "written"}}
        (role / "tasks/main.yml").write_text(yaml.safe_dump([task, shown]))
        (tmp_path / "vars.yml").write_text(yaml.safe_dump(variables))
        (tmp_path / "play.yml").write_text(
            yaml.safe_dump(
                [{"hosts": "localhost", "gather_facts": False, "vars_files": ["vars.yml"], "roles": ["some"]}]
            )
        )
        return subprocess.run(
            [
                pathlib.Path(sys.executable).with_name("ansible-playbook"),
                "-c",
                "local",
                "-vvvv",
                *arguments,
                "play.yml",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible/collections")},
        )

    return run


def test_a_role_writes_its_files_and_no_secret_is_told(play, tmp_path):
    role = tmp_path / "roles/some"
    (role / "templates/t.j2").write_text("password: {{ password }}\n")
    (role / "files/key").write_text("hidden-key\n")
    (tmp_path / "gone").write_text("x")
    common = {"owner": OWNER, "group": GROUP, "mode": "0600"}
    files = [
        {"path": str(tmp_path / "a"), "secret_template": "t.j2", **common},
        {"path": str(tmp_path / "b"), "secret_source": "key", **common},
        {"path": str(tmp_path / "gone"), "template": "none.j2", "wanted": "{{ no }}", **common},
        {"path": str(tmp_path / "kept"), "template": "none.j2", "only_if": "{{ no }}", **common},
    ]
    loud = ["--diff"]
    first = play(*files, arguments=loud, password="hidden-word", no=False)
    assert first.returncode == 0 and "changed=1" in first.stdout, first.stdout + first.stderr
    assert (tmp_path / "a").read_text() == "password: hidden-word\n"
    assert (tmp_path / "b").read_text() == "hidden-key\n"
    assert not (tmp_path / "gone").exists() and not (tmp_path / "kept").exists()
    second = play(*files, arguments=[*loud, "--check"], password="hidden-word", no=False)
    assert second.returncode == 0 and "changed=0" in second.stdout
    failed = play({**files[0], "validate": "false %s"}, files[1], arguments=loud, password="hidden-words", no=False)
    assert failed.returncode == 2 and f"{tmp_path}/a stays as it was" in failed.stdout
    missing = play(*files, arguments=loud, no=False)
    sentence = f'{tmp_path}/a: the template t.j2 uses the variable \\"password\\", which is not defined'
    assert missing.returncode == 2 and sentence in missing.stdout + missing.stderr
    for run in (first, second, failed, missing):
        assert "hidden" not in run.stdout + run.stderr
