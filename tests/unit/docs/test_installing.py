# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways of docs/installing.md and of README.md lead to a collection that works; its files are what is read there."""

from __future__ import annotations

import os
import re
import subprocess

import pytest
import yaml
from test_documentation import ENVIRONMENT, TOP, blocks

META = yaml.safe_load((TOP / "galaxy.yml").read_text(encoding="utf-8"))
NAME = "{namespace}.{name}".format(**META)
FILES = [yaml.safe_load(text) for name, text in blocks("yaml") if name.startswith("docs/installing.md")]


def run(*argv, **environment):
    done = subprocess.run(
        argv,
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def works(directory):
    """Whether the collection that is installed there has playbooks whose roles and plugins are found."""
    (directory / "inventory.yml").write_text("matrix: {hosts: {matrix1: }}\n", encoding="utf-8")
    installed = {"ANSIBLE_COLLECTIONS_PATH": str(directory), "PYTHONPATH": str(directory)}
    argv = ["ansible-playbook", "-i", str(directory / "inventory.yml"), "--syntax-check", NAME + ".site"]
    run(*argv, **installed)


def test_an_archive_is_built_and_installed_without_the_internet(tmp_path):
    run("ansible-galaxy", "collection", "build", "--output-path", str(tmp_path), str(TOP))
    (archive,) = tmp_path.glob("*.tar.gz")
    # By force, since a checkout may be what Ansible finds under that name already.
    run("ansible-galaxy", "collection", "install", "--offline", "--force", "-p", str(tmp_path), str(archive))
    works(tmp_path)


@pytest.mark.skipif(not (TOP / ".git").exists(), reason="this is no checkout")
def test_the_repository_is_installed_by_requirements(tmp_path):
    """With the address of this checkout in place of the published one, and the commit that is checked out."""
    (required,) = [each for block in FILES for each in block.get("collections", []) if "type" in each]
    assert required == {"name": META["repository"] + ".git", "type": "git", "version": "main"}
    path = tmp_path / "requirements.yml"
    path.write_text(
        yaml.safe_dump({"collections": [{**required, "name": f"file://{TOP}", "version": "HEAD"}]}), encoding="utf-8"
    )
    run("ansible-galaxy", "collection", "install", "-p", str(tmp_path), "-r", str(path), HOME=os.environ["HOME"])
    works(tmp_path)


def test_requirements_name_this_collection_and_its_version():
    (required,) = [each for block in FILES for each in block.get("collections", []) if "type" not in each]
    assert required == {"name": NAME, "version": META["version"]}


def test_the_execution_environment_has_what_the_collection_needs():
    """The keys are those of version 3 of ansible-builder's format."""
    (definition,) = [block for block in FILES if "images" in block]
    assert definition["version"] == 3 and set(definition) == {"version", "images", "dependencies"}
    assert set(definition["images"]) == {"base_image"} and set(definition["images"]["base_image"]) == {"name"}
    dependencies = definition["dependencies"]
    assert set(dependencies) == {"ansible_core", "ansible_runner", "galaxy"}
    requires = yaml.safe_load((TOP / "meta/runtime.yml").read_text(encoding="utf-8"))["requires_ansible"]
    assert dependencies["ansible_core"] == {"package_pip": "ansible-core" + requires}
    assert dependencies["ansible_runner"] == {"package_pip": "ansible-runner"}
    assert dependencies["galaxy"] == {"collections": [NAME]}
    # What the builder asks the collection for.
    own = yaml.safe_load((TOP / "meta/execution-environment.yml").read_text(encoding="utf-8"))
    assert own == {"version": 1, "dependencies": {"python": "meta/ee-requirements.txt", "system": "bindep.txt"}}
    text = (TOP / "docs/installing.md").read_text(encoding="utf-8")
    python = re.findall(r"^[^#\s].*$", (TOP / "meta/ee-requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    (said,) = re.findall("`pip install (.+?)`", text)
    assert said.replace("'", "").split() == python
    assert all(line.startswith("openssh-client") for line in _programs())


def _programs():
    return re.findall(r"^[^#\s].*$", (TOP / "bindep.txt").read_text(encoding="utf-8"), re.MULTILINE)
