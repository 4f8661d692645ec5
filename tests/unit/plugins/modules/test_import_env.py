# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook import_env: the files it writes, and those it leaves alone."""

from __future__ import annotations

import json
import os
import pathlib
import stat
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[4]
BINARIES = pathlib.Path(sys.executable).parent
SECRETS = {
    "GOSSIPKEY": "bWFya2VyLW9mLWEtZ29zc2lwLWtleS0wMTIzNDU2Nzg=",
    "MYSHAREDSECRET": "marker {{ shared }} \"x\" 'y'",
    "SMTPPASS": "marker-smtp: #1",
    "LDAPPASSWORD": "marker-ldap\\",
}
PLAIN = {
    "DATACENTER": "dc1",
    "CONSULSERVERS": "10.0.0.2,10.0.0.3",
    "NODENAME": "m1",
    "IP": "10.0.0.5",
    "DOMAIN": "example.com",
    "ALERTEMAIL": "a@example.com",
    "SMTPHOST": "mail.example.com",
    "SMTPPORT": "587",
    "SMTPUSER": "u",
    "SMTPFROM": "m@example.com",
    "SSLEMAIL": "none",
    "LDAPSERVER": "ldap.example.com",
    "LDAPDOMAIN": "example.com",
    "NOSSL": "false",
    "REMOTELOG": "10.0.0.20",
}


def exports(variables):
    """A pot's environment.sh."""
    text = ""
    for name, value in variables.items():
        for character in '\\$`"':
            value = value.replace(character, "\\" + character)
        text += f'export "{name}={value}"\n'
    return text


@pytest.fixture
def run(tmp_path):
    """Run the playbook in a directory with an inventory and environment.sh."""
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/hosts.yml").write_text(yaml.safe_dump({"matrix": {"hosts": {"matrix1": None}}}))
    (tmp_path / "environment.sh").write_text(exports({**PLAIN, **SECRETS}))

    def runner(
        *arguments,
        playbook="potluck.matrix.import_env",
        variables=("import_env_source=environment.sh", "import_env_host=matrix1"),
    ):
        command = [str(BINARIES / "ansible-playbook"), "-i", "inventory/hosts.yml", playbook, *arguments]
        for variable in variables:
            command += ["-e", variable]
        environment = dict(
            os.environ,
            ANSIBLE_COLLECTIONS_PATH=str(ROOT / ".ansible/collections"),
            ANSIBLE_NOCOLOR="1",
            PWD=str(tmp_path),
        )
        result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert (
            "marker" not in result.stdout + result.stderr and SECRETS["GOSSIPKEY"] not in result.stdout + result.stderr
        )
        return result

    return runner


@pytest.fixture
def files(tmp_path):
    """The two files it writes."""
    directory = tmp_path / "inventory/host_vars/matrix1"
    return directory / "matrix.yml", directory / "vault.yml"


def test_all_its_work(run, files, tmp_path):
    matrix, vault = files
    result = run("--check", "--diff", "-vvv")
    assert result.returncode == 0 and "changed=1" in result.stdout and not matrix.parent.exists()
    result = run("--diff", "-vvv")
    assert result.returncode == 0 and "changed=1" in result.stdout, result.stdout
    assert '+matrix_domain: "example.com"' in result.stdout and "+matrix_gossip_key: (secret)" in result.stdout
    assert 'NOSSL is "false", which Potluck\'s jail takes for yes' in " ".join((result.stdout + result.stderr).split())
    assert stat.S_IMODE(vault.stat().st_mode) == 0o600
    assert "ansible-vault encrypt host_vars/matrix1/vault.yml" in vault.read_text()
    assert not any(secret in matrix.read_text() for secret in SECRETS.values())
    result = run("--diff")
    assert result.returncode == 0 and "changed=0" in result.stdout

    # Ansible reads the very values back, and preflight finds the server complete.
    found = subprocess.check_output(
        [str(BINARIES / "ansible-inventory"), "-i", str(tmp_path / "inventory/hosts.yml"), "--host", "matrix1"],
        text=True,
    )
    read = json.loads(found)
    unsafe = read.pop("matrix_shared_secret")
    assert (unsafe["__ansible_unsafe"] if isinstance(unsafe, dict) else unsafe) == SECRETS["MYSHAREDSECRET"]
    assert read == {
        "matrix_datacenter": "dc1",
        "matrix_consul_servers": "10.0.0.2,10.0.0.3",
        "matrix_node_name": "m1",
        "matrix_ip": "10.0.0.5",
        "matrix_domain": "example.com",
        "matrix_alert_email": "a@example.com",
        "matrix_smtp_host": "mail.example.com",
        "matrix_smtp_port": 587,
        "matrix_smtp_user": "u",
        "matrix_smtp_from": "m@example.com",
        "matrix_ldap_server": "ldap.example.com",
        "matrix_ldap_domain": "example.com",
        "matrix_nossl": True,
        "matrix_remote_log": "10.0.0.20",
        "matrix_gossip_key": SECRETS["GOSSIPKEY"],
        "matrix_smtp_password": SECRETS["SMTPPASS"],
        "matrix_ldap_password": SECRETS["LDAPPASSWORD"],
    }
    (tmp_path / "check.yml").write_text(
        yaml.safe_dump([{"hosts": "matrix", "gather_facts": False, "roles": ["potluck.matrix.preflight"]}])
    )
    result = run(playbook="check.yml", variables=())
    assert result.returncode == 0, result.stdout


def test_a_changed_source_changes_what_it_concerns(run, files, tmp_path):
    run()
    (tmp_path / "environment.sh").write_text(
        exports({**PLAIN, **SECRETS, "DOMAIN": "example.org", "SMTPPASS": "marker-two"})
    )
    result = run("--diff")
    assert result.returncode == 0
    changes = [line for line in result.stdout.splitlines() if line.startswith(("+m", "-m"))]
    assert changes == [
        '-matrix_domain: "example.com"',
        '+matrix_domain: "example.org"',
        "-matrix_smtp_password: (secret)",
        "+matrix_smtp_password: (secret, other value)",
    ]
    os.chmod(files[1], 0o644)
    assert "changed=1" in run().stdout
    assert stat.S_IMODE(files[1].stat().st_mode) == 0o600


def test_files_of_somebody_else_are_left_alone(run, files):
    matrix, vault = files
    matrix.parent.mkdir(parents=True)
    matrix.write_text("matrix_domain: mine.example\n")
    result = run()
    assert result.returncode == 2 and "was not written by an import" in " ".join(result.stdout.split())
    assert matrix.read_text() == "matrix_domain: mine.example\n" and not vault.exists()
    result = run("--diff", "-e", "import_env_force=true")
    assert result.returncode == 0 and "mine.example" not in matrix.read_text() and "(another content)" in result.stdout
    with matrix.open("a") as stream:
        stream.write("matrix_metrics_port: 9200\n")
    assert run().returncode == 2 and "9200" in matrix.read_text()


def test_an_encrypted_vault_is_left_alone(run, files, tmp_path):
    run()
    (tmp_path / "password").write_text("open sesame")
    subprocess.run(
        [str(BINARIES / "ansible-vault"), "encrypt", "--vault-password-file", "password", str(files[1])],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    before = files[1].read_text()
    result = run("--vault-password-file", "password")
    assert result.returncode == 0 and "changed=0" in result.stdout and files[1].read_text() == before
    assert "is encrypted and stays as it is" in " ".join((result.stdout + result.stderr).split())


@pytest.mark.parametrize(
    "variables, words",
    [
        (("import_env_host=matrix1",), "import_env_source is not set"),
        (("import_env_source=environment.sh",), "import_env_host is not set"),
        (("import_env_source=environment.sh", "import_env_host=../../etc"), "is not a name of an inventory host"),
        (("import_env_source=absent.sh", "import_env_host=matrix1"), "cannot be read (No such file or directory)"),
        (("import_env_source=inventory/hosts.yml", "import_env_host=matrix1"), "There is no parameter of Potluck"),
        (
            ("import_env_source=environment.sh", "import_env_host=matrix1", "import_env_directory=absent"),
            "is not a directory",
        ),
    ],
)
def test_what_is_refused(run, files, variables, words):
    result = run(variables=variables)
    assert result.returncode == 2 and words in " ".join((result.stdout + result.stderr).split())
    assert not files[0].parent.exists()
