# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What role synapse writes, read by Synapse's own reader in each version the collection has to fit.

One run of Ansible renders every case (each is an inventory host); one process per Synapse version reads them all.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
import yaml
from file_lists import writing

ROOT = pathlib.Path(__file__).resolve().parents[3]
CACHE = pathlib.Path(os.environ.get("POTLUCK_CACHE", pathlib.Path.home() / ".cache" / "potluck-matrix")) / "packages"

BASE = {
    "matrix_domain": "example.com",
    "matrix_ip": "192.0.2.10",
    "matrix_alert_email": "admin@example.com",
    "matrix_smtp_host": "",
    "synapse_data_mountpoint": "",
}
MAIL = {"matrix_smtp_host": "mail.example.com", "matrix_smtp_from": "matrix@example.com"}
LOGIN = {"matrix_smtp_user": "matrix", "matrix_smtp_password": "a&b\\c\"d'e: {f} #g %h"}

ACCEPTED = {
    "plain": {},
    "delegated": {"matrix_host": "matrix.example.com"},
    "mail_25": MAIL,
    "mail_465": {**MAIL, **LOGIN, "matrix_smtp_port": 465},
    "mail_587": {
        **MAIL,
        **LOGIN,
        "matrix_smtp_port": 587,
        "matrix_smtp_from": "a%b@example.com",
        "synapse_smtp_notifications": True,
    },
    "mail_2525": {
        **MAIL,
        "matrix_smtp_port": 2525,
        "matrix_smtp_tls": "none",
        "matrix_smtp_tls_name": "mail.example.org",
        "matrix_smtp_from": "O'Neill, Jürgen: 100 % <matrix@example.com>",
        "matrix_mail_app_name": "Our Matrix",
        "matrix_mail_client_url": "https://chat.example.com/",
        "matrix_mail_subjects": {"password_reset": "New word for %(server_name)s"},
        "synapse_smtp_notifications": True,
    },
    "register_email": {**MAIL, "matrix_registration_enable": True, "matrix_registration_verification": "email"},
    "register_token": {"matrix_registration_enable": True, "matrix_registration_verification": "token"},
    "register_captcha": {
        "matrix_registration_enable": True,
        "matrix_registration_verification": "captcha",
        "synapse_recaptcha_public_key": "public",
        "synapse_recaptcha_private_key": "private",
    },
    "register_all": {"matrix_registration_enable": True, "matrix_registration_verification": "without_verification"},
    "metrics_off": {"matrix_metrics_port": 0},
    "metrics_off_empty": {"matrix_metrics_port": ""},
    "metrics_text": {"matrix_metrics_port": "9209"},
    "upload": {"matrix_max_upload_size": "100M"},
    "networks": {
        "synapse_ip_range_blacklist": ["10.0.0.0/8", "::1/128"],
        "synapse_ip_range_whitelist": ["10.199.0.0/24"],
    },
    "no_key_servers": {"synapse_trusted_key_servers": [], "matrix_alert_email": ""},
    "rates": {"synapse_rate_limits": {"rc_login": {"address": {"per_second": 5, "burst_count": 50}}}},
    "postgres": {
        "synapse_database": {
            "name": "psycopg2",
            "args": {"user": "synapse", "database": "synapse", "host": "192.0.2.9"},
        },
        "synapse_database_password": "p:w\\x",
    },
    "elsewhere": {
        "matrix_database": {
            "host": "192.0.2.9",
            "password": "p:w\\x",
            "sslrootcert": "{{ target }}/ca.pem",
        },
    },
    "elsewhere_without_tls": {
        "matrix_database": {"host": "db.example.com", "port": "6432", "password": "5", "sslmode": "disable"},
    },
    "settings": {
        "synapse_settings": {
            "presence": {"enabled": False},
            "database": {"args": {"cp_max": 5}},
            "report_stats": True,
            "trusted_key_servers": [],
            "password_config": {"localdb_enabled": True},
        }
    },
    "secrets": {"synapse_secret_settings": {"turn_uris": ["turn:turn.example.com"], "turn_shared_secret": "marker"}},
    "hidden": {
        "synapse_settings": {
            "turn_shared_secret": "marker",
            "password_config": {"pepper": "marker"},
            "media_storage_providers": [],
            "presence": {"enabled": False},
        },
    },
    "hidden_database": {
        "synapse_database": {"name": "psycopg2", "args": {"user": "synapse", "host": "192.0.2.9", "password": "marker"}}
    },
    "ipv6": {"matrix_ip": "2001:db8::10"},
    "unicode": {"matrix_domain": "xn--bcher-kva.example", "synapse_settings": {"email": None}},
}
del ACCEPTED["unicode"]["synapse_settings"]

NO_FILES_OF_SYNAPSE = ("matrix_synapse_socket", "matrix-revive", "matrix-synapse")
NO_SETTINGS = ("database.pass", "database.service")
REFUSED = {
    "open_registration": (
        {"matrix_registration_enable": True},
        "matrix_registration_enable is true without a verification",
    ),
    "email_without_mail": (
        {"matrix_registration_enable": True, "matrix_registration_verification": "email"},
        "matrix_smtp_host is not set, but matrix_registration_verification is email",
    ),
    "captcha_without_keys": (
        {"matrix_registration_enable": True, "matrix_registration_verification": "captcha"},
        "is not set, but matrix_registration_verification is captcha",
    ),
    "text_for_a_list": (
        {"synapse_trusted_key_servers": "matrix.org"},
        "is not what it should be: a list, each item a text",
    ),
    "mail_without_sender": (
        {"matrix_smtp_host": "mail.example.com"},
        "matrix_smtp_from is not set, but matrix_smtp_host is",
    ),
    "user_without_password": (
        {**MAIL, "matrix_smtp_user": "x"},
        "matrix_smtp_password is not set, but matrix_smtp_user is; give both or neither",
    ),
    "not_a_certificate": (
        {**MAIL, "matrix_smtp_ca_file": "/etc/hostname"},
        "holds no PEM certificate",
    ),
}

PREFLIGHT = {
    "ansible.builtin.include_role": {"name": "potluck.matrix.synapse", "tasks_from": "preflight.yml", "public": True}
}
WRITING = {
    **writing("synapse", "service.yml", "Give Synapse its configuration", "{{ target }}/{{ inventory_hostname }}"),
    "when": "'accepted' in group_names",
}
PLAYBOOK = yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [PREFLIGHT, WRITING]}])

READER = """
import json, logging.config, sys, yaml
from synapse.config._base import ConfigError
from synapse.config.homeserver import HomeServerConfig
out = {}
for case, files in json.load(sys.stdin).items():
    try:
        config = HomeServerConfig.load_config("", sum((["-c", name] for name in files), []))
        out[case] = {"listeners": [str(l) for l in config.server.listeners], "max": config.media.max_upload_size}
    except (Exception, SystemExit) as error:
        out[case] = {"error": repr(error)}
print(json.dumps(out))
"""


def synapses():
    """(version, path to put on PYTHONPATH or interpreter) of every Synapse there is on this machine."""
    found = [
        (path.split("=")[0], path.split("=")[1], "")
        for path in filter(None, os.environ.get("POTLUCK_SYNAPSE_PYTHONS", "").split(","))
    ]
    for package in sorted(CACHE.glob("**/matrix_synapse-*.dist-info")):
        found.append((package.name.split("-")[1].removesuffix(".dist"), sys.executable, str(package.parent)))
    return found


def test_every_version_of_the_packages_is_among_them():
    found = {version for version, _python, _path in synapses()}
    if not found:
        pytest.skip("tests/double/prepare has not run")
    package = json.loads((ROOT / "tests/double/packages/py311-matrix-synapse/package.json").read_text())
    assert {package["version"], *(branch["version"] for branch in package["branches"].values())} <= found


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Every accepted case's files by name, and the output of Ansible for all of them."""
    directory = tmp_path_factory.mktemp("synapse")
    for name in ("macaroon_secret_key", "form_secret", "registration_shared_secret"):
        (directory / "secrets").mkdir(exist_ok=True)
        (directory / "secrets" / name).write_text("x" * 40)
    # A key made by signedjson; its only use is to be read.
    (directory / "signing.key").write_text("ed25519 a_test Hg1CxkDXzXTjyHrCWp0Lf7zFGsxcGrLdt2qBmK5hJ3Y\n")
    authority = ["-nodes", "-keyout", directory / "ca.key", "-out", directory / "ca.pem", "-subj", "/CN=Test"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", *authority], capture_output=True, check=True)
    common = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "target": str(directory),
        "synapse_data_directory": str(directory),
        "synapse_media_directory": str(directory / "media"),
        **BASE,
    }
    groups = {"accepted": ACCEPTED, "refused": {name: values for name, (values, _message) in REFUSED.items()}}
    inventory = {
        group: {"hosts": {name: {**common, **values} for name, values in cases.items()}}
        for group, cases in groups.items()
    }
    (directory / "inventory.yml").write_text(yaml.safe_dump(inventory))
    (directory / "play.yml").write_text(PLAYBOOK)
    run = subprocess.run(
        [
            pathlib.Path(sys.executable).with_name("ansible-playbook"),
            "-i",
            directory / "inventory.yml",
            directory / "play.yml",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible" / "collections"),
            **os.environ,
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_FORKS": "4",
        },
        check=False,
    )
    files = {}
    for name in ACCEPTED:
        assert (directory / name / "homeserver.yaml").exists(), run.stdout[-4000:]
        files[name] = {
            path.name: path.read_text()
            for path in sorted((directory / name).iterdir())
            # No file that Synapse reads.
            if path.name not in NO_FILES_OF_SYNAPSE
        }
    return directory, files, run.stdout


@pytest.mark.parametrize("case", ["hidden", "hidden_database"])
def test_what_may_be_secret_is_in_a_file_that_no_diff_shows(rendered, case):
    files = rendered[1][case]
    assert "marker" not in files["homeserver.yaml"] and "marker" in files["homeserver-hidden.yaml"]
    assert case != "hidden" or yaml.safe_load(files["homeserver.yaml"])["presence"] == {"enabled": False}
    assert "homeserver-hidden.yaml" not in rendered[1]["postgres"]


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_words(rendered, case):
    lines = [
        line for line in rendered[2].splitlines() if (f"[{case}]") in line and ("fatal" in line or "failed" in line)
    ]
    assert lines and any(REFUSED[case][1] in line for line in lines), lines


@pytest.mark.parametrize(
    "version,python,path",
    synapses() or [pytest.param("", "", "", marks=pytest.mark.skip(reason="tests/double/prepare has not run"))],
)
def test_every_case_is_accepted(rendered, version, python, path):
    directory, files, _output = rendered
    arguments = {}
    for case, texts in files.items():
        arguments[case] = []
        for name, text in sorted(texts.items()):
            if name in ("log.yaml", *NO_SETTINGS):
                continue
            written = directory / version / case / name
            written.parent.mkdir(parents=True, exist_ok=True)
            written.write_text(text)
            arguments[case].append(str(written))
    run = subprocess.run(
        [python, "-B", "-c", READER],
        input=json.dumps(arguments),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        cwd=directory,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    results = json.loads(run.stdout.splitlines()[-1])
    assert {case: result["error"] for case, result in results.items() if "error" in result} == {}
    assert results["upload"]["max"] == 100 * 1024 * 1024
    assert all("synapse.sock" in result["listeners"][0] for result in results.values())


def test_what_is_written(rendered):
    _directory, files, _output = rendered
    read = {
        case: {name: yaml.safe_load(text) for name, text in texts.items() if name not in NO_SETTINGS}
        for case, texts in files.items()
    }
    plain = read["plain"]["homeserver.yaml"]
    assert plain["public_baseurl"] == "https://example.com/"
    delegated = read["delegated"]["homeserver.yaml"]
    assert (delegated["server_name"], delegated["public_baseurl"]) == ("example.com", "https://matrix.example.com/")
    assert plain["admin_contact"] == "mailto:admin@example.com"
    assert plain["enable_registration"] is False and plain["report_stats"] is False
    assert plain["listeners"][1] == {"type": "metrics", "port": 9109, "bind_addresses": ["192.0.2.10"]}
    assert "email.yaml" not in files["plain"] and "ip_range_blacklist" not in plain
    assert len(read["metrics_off"]["homeserver.yaml"]["listeners"]) == 1
    assert len(read["metrics_off_empty"]["homeserver.yaml"]["listeners"]) == 1
    assert read["metrics_text"]["homeserver.yaml"]["listeners"][1]["port"] == 9209
    mails = {case: read[case]["email.yaml"]["email"] for case in ("mail_25", "mail_465", "mail_587", "mail_2525")}
    assert [(mail["smtp_port"], mail["force_tls"], mail["require_transport_security"]) for mail in mails.values()] == [
        (25, False, False),
        (465, True, False),
        (587, False, True),
        (2525, False, False),
    ]
    assert mails["mail_2525"]["enable_tls"] is False and "enable_tls" not in mails["mail_25"]
    assert mails["mail_465"]["smtp_pass"] == LOGIN["matrix_smtp_password"]
    assert mails["mail_587"]["notif_from"] == "a%%b@example.com"
    settings = read["settings"]["homeserver.yaml"]
    assert settings["database"] == {
        "name": "sqlite3",
        "args": {"database": plain["database"]["args"]["database"], "cp_max": 5},
    }
    assert settings["report_stats"] is True and settings["trusted_key_servers"] == []
    assert (
        read["secrets"]["secret.yaml"]["turn_shared_secret"] == "marker"
        and "marker" not in files["secrets"]["homeserver.yaml"]
    )
    assert files["postgres"]["database.pass"] == "*:*:*:*:p\\:w\\\\x\n"
    assert read["postgres"]["homeserver.yaml"]["database"]["args"]["passfile"].endswith("/database.pass")
    elsewhere = read["elsewhere"]["homeserver.yaml"]["database"]
    assert elsewhere["name"] == "psycopg2"
    assert elsewhere["args"] == {
        "host": "192.0.2.9",
        "port": 5432,
        "dbname": "synapse",
        "user": "synapse",
        "sslmode": "verify-full",
        "sslrootcert": "/usr/local/etc/matrix-synapse/database-ca.pem",
        "application_name": "matrix-synapse elsewhere",
        "cp_min": 5,
        "cp_max": 10,
        "keepalives_idle": 10,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "passfile": "/usr/local/etc/matrix-synapse/database.pass",
    }
    assert files["elsewhere"]["database.pass"] == "*:*:*:*:p\\:w\\\\x\n"
    assert "homeserver-hidden.yaml" not in files["elsewhere"] and "database.service" not in files["postgres"]
    plain_text = read["elsewhere_without_tls"]["homeserver.yaml"]["database"]["args"]
    assert (plain_text["port"], plain_text["sslmode"]) == (6432, "disable") and "sslrootcert" not in plain_text
    assert files["elsewhere_without_tls"]["database.pass"] == "*:*:*:*:5\n"
    service = files["elsewhere_without_tls"]["database.service"].splitlines()
    assert service[1:] == [
        "[synapse]",
        "host=db.example.com",
        "port=6432",
        "dbname=synapse",
        "user=synapse",
        "sslmode=disable",
        "passfile=/usr/local/etc/matrix-synapse/database.pass",
    ]
