# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Synapse cannot start with costs nobody a homeserver: it goes on, or comes back, as it was, and the run says
why.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest
from thorough import some

from .conftest import SYNAPSE, TOP, wait_for
from .test_changes import state

DATA = "/mnt/matrixdata/matrix-synapse"
PACKAGES = "/usr/local/lib/python3.11/site-packages"
JOURNAL = SYNAPSE + "/.before"
TAKEN = "import socket, time; s = socket.socket(); s.bind(('10.199.0.170', 9555)); s.listen(1); time.sleep(600)"

# name: (what is done in the pot before, variables, what the run has to say). The others:
# tests/unit/plugins/module_utils/_synapse/test_trial.py.
CANNOT_START = {
    "a registration that is not there": (
        "true",
        {"synapse_settings": {"app_service_config_files": [DATA + "/missing.yaml"]}},
        ["synapse_settings.app_service_config_files", DATA + "/missing.yaml: No such file or directory"],
    ),
    "a registration that root alone can read": (
        "echo 'id: x' > /usr/local/etc/bridge.yaml; chmod 600 /usr/local/etc/bridge.yaml",
        {"synapse_settings": {"app_service_config_files": ["/usr/local/etc/bridge.yaml"]}},
        ["synapse_settings.app_service_config_files", "/usr/local/etc/bridge.yaml: Permission denied"],
    ),
    "a port that is taken": (
        "true",
        {"matrix_metrics_port": 9555},
        ["matrix_metrics_port", "nothing can listen at port 9555"],
    ),
}


@pytest.fixture
def taken(site):
    """A port of the pot that another process has."""
    site.jail_run(f'/usr/local/bin/python3.11 -c "{TAKEN}" >/dev/null 2>&1 &')
    wait_for(lambda: "9555" in site.jail_run("sockstat -l"), 10, "the port is taken")
    yield
    site.jail_run("pkill -f 9555", check=False)


@pytest.mark.parametrize("name", some(CANNOT_START, "a registration that is not there"))
def test_what_it_cannot_start_with_is_refused_and_the_process_goes_on(site, taken, name):
    prepare, variables, words = CANNOT_START[name]
    site.jail_run(prepare)
    before = state(site)
    try:
        done = site.ansible("site", "--tags", "synapse", **variables)
        assert done.code != 0 and [word for word in words if word not in done.words] == [], done.output[-3000:]
        assert "nothing was changed" in done.words
        assert state(site) == before
        assert site.jail_run(f"ls -A {SYNAPSE} | grep -E 'before|trial'", check=False) == ""
    finally:
        site.jail_run("rm -f /usr/local/etc/bridge.yaml")


MODULE = """
import time
class Broken:
    def __init__(self, config, api):
        time.sleep(config["seconds"])
        raise RuntimeError("this module is broken at its start")
    @staticmethod
    def parse_config(config):
        return config
"""


@pytest.fixture
def broken(site):
    """Gives settings with a module that no trial sees the fault of; it needs so many seconds for it."""
    site.inside("/bin/sh", "-c", f"cat > {PACKAGES}/broken_module.py", pot=site.machine, input=MODULE)
    # The file of the directory's logins would take the place of this list.
    site.jail_run(f"mv {SYNAPSE}/homeserver.d/ldap.yaml /root/ldap.yaml")
    yield lambda seconds: {"modules": [{"module": "broken_module.Broken", "config": {"seconds": seconds}}]}
    site.jail_run(f"mv /root/ldap.yaml {SYNAPSE}/homeserver.d/; rm {PACKAGES}/broken_module.py")
    site.roles("synapse", "ldap_auth")


def homeserver(site):
    return site.jail_run(f"cat {SYNAPSE}/homeserver.d/homeserver*.yaml")


def test_what_does_not_come_up_is_taken_back(site, broken):
    site.roles("synapse")
    before, pid = state(site), site.jail_run("cat /var/run/matrix-synapse/homeserver.pid")
    done = site.ansible("site", "--tags", "synapse", synapse_settings=broken(0))
    assert done.code != 0
    for words in (
        "synapse_settings",
        "RuntimeError: this module is broken at its start",
        "Synapse runs with the former files",
    ):
        assert words in done.words, done.output[-3000:]
    after = state(site)
    assert after.pop("service synapse") != pid.strip() and site.login("admin")[0] == 200
    before.pop("service synapse")
    assert after == before
    assert site.roles("synapse").changes == []


@pytest.mark.thorough
def test_a_run_that_is_killed_while_synapse_starts_leaves_what_the_next_one_heals(site, broken):
    site.roles("synapse")
    before = homeserver(site)
    extra = site.place / "killed.json"
    extra.write_text(json.dumps({"synapse_settings": broken(60)}))
    with subprocess.Popen(
        site.command("site", "--tags", "synapse", "-e", f"@{extra}"),
        env=site.environment(),
        cwd=TOP,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        wait_for(lambda: "broken_module" in homeserver(site), 300, "the new files are in place")
        assert site.jail_run(f"ls -l {JOURNAL}").startswith("-rw-------")
        # A module comes to its interpreter on standard input, so that nothing else is on its command line.
        site.jail_run("pkill -9 -f '^/usr/local/bin/python3.11$'")
        os.killpg(process.pid, signal.SIGKILL)
    assert "broken_module" in homeserver(site)
    # Even a run that brings something else that does not work leaves a homeserver that does.
    done = site.ansible("site", "--tags", "synapse", **CANNOT_START["a registration that is not there"][1])
    assert done.code != 0 and "an earlier run was cut off, Synapse runs with the former files" in done.words, (
        done.output[-3000:]
    )
    assert homeserver(site) == before and site.login("admin")[0] == 200
    assert site.roles("synapse").changes == []
    assert site.jail_run(f"ls -A {SYNAPSE} | grep -E 'before|trial'", check=False) == ""


# name: (what is done to the data, what the run has to say)
LOST = {
    "the key is gone": ("mv %s/signing.key /root/", "has no signing key, but this homeserver has one"),
    "all is gone": ("mkdir /root/data && mv %s/* /root/data/", "has no signing key, but this homeserver has one"),
    "another key": (
        "mv %s/signing.key /root/; echo 'ed25519 a_othr Hg1CxkDXzXTjyHrCWp0Lf7zFGsxcGrLdt2qBmK5hJ3Y' > %s/signing.key; "
        "chown synapse %s/signing.key",
        "another homeserver's dataset is mounted",
    ),
    "the key and the note about it": (
        "mv %s/signing.key /root/; mv " + SYNAPSE + "/.identity /root/",
        "has no signing key, but there is a database",
    ),
}


@pytest.mark.parametrize("name", some(LOST, "all is gone"))
def test_a_homeserver_that_lost_its_data_makes_itself_no_new_identity(site, name):
    command, words = LOST[name]
    look = f"find {DATA} | sort; cat {SYNAPSE}/homeserver.d/* /var/run/matrix-synapse/homeserver.pid"
    site.jail_run(command.replace("%s", DATA))
    before = site.jail_run(look)
    try:
        for more in (["--check"], []):
            done = site.ansible("site", "--tags", "synapse", *more)
            assert done.code != 0 and "matrix_dataset: " in done.words and words in done.words, done.output[-3000:]
        assert site.jail_run(look) == before
    finally:
        site.jail_run(f"if [ -d /root/data ]; then mv /root/data/* {DATA}/ && rmdir /root/data; fi")
        site.jail_run(f"for name in signing.key; do if [ -f /root/$name ]; then mv /root/$name {DATA}/; fi; done")
        site.jail_run(f"if [ -f /root/.identity ]; then mv /root/.identity {SYNAPSE}/; fi")
    assert site.roles("synapse").changes == []


@pytest.mark.thorough
def test_the_mail_servers_authority_moves_from_where_it_was(site):
    former, now = "/usr/local/etc/ssl/certs/matrix-smtp.pem", "/usr/local/share/certs/matrix-smtp.pem"
    site.jail_run(f"mkdir -p /usr/local/etc/ssl/certs && mv {now} {former} && certctl rehash")
    site.roles("synapse")
    assert site.jail_run(f"ls {former} {now}", check=False).split() == [now]
    site.jail_run("openssl verify -partial_chain -CApath /etc/ssl/certs " + now)
    assert site.roles("synapse").changes == []
    trusted = "openssl verify -partial_chain -CApath /etc/ssl/certs /root/mail-ca.pem"
    site.jail_run(f"cp {now} /root/mail-ca.pem && {trusted}")
    try:
        # Trust goes together with the setting, although certctl of 15.0 keeps what it has once copied.
        site.roles("synapse", matrix_smtp_ca_file="")
        assert "OK" not in site.jail_run(trusted, check=False)
        line = "$(sed -n 3p /root/mail-ca.pem)"
        assert (
            site.jail_run(
                f'cat /etc/ssl/certs/* /etc/ssl/cert.pem 2>/dev/null | grep -Fc -- "{line}"', check=False
            ).strip()
            == "0"
        )
        assert site.roles("synapse", matrix_smtp_ca_file="").changes == []
        assert site.jail_run(f"ls {former} {now}", check=False) == ""
    finally:
        site.roles("synapse")
    site.jail_run(trusted + " && rm /root/mail-ca.pem")


def test_one_that_has_lost_the_file_with_its_process_id(site):
    """As when a second one was started beside it, which could not have its port and took the file with it."""
    pid_file = "/var/run/matrix-synapse/homeserver.pid"
    former = site.jail_run(f"cat {pid_file} && rm {pid_file}").strip()
    assert site.roles("synapse").changed == 1
    assert site.jail_run("pgrep -f synapse.app.homeserver").split() == [site.jail_run(f"cat {pid_file}").strip()]
    assert site.jail_run(f"cat {pid_file}").strip() != former
    assert site.roles("synapse").changes == []
