# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A homeserver that is removed is gone from its host and from Consul, nothing else is, and it comes back from its
dataset until that is destroyed, too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest
import saved

from .conftest import TOP, wait_for
from .test_consul import servers

DATASET = "zroot/matrixdata"
# Another pot on the host, with data, limits and an address of its own.
OTHER = """
zfs create -o mountpoint=/mnt/other -o potluck.matrix:homeserver=other.test zroot/other
echo kept >/mnt/other/file
pot create -p other -t single -b "$(uname -r | cut -d- -f1)" -N alias -i 'vtnet0|10.199.0.171'
pot mount-in -p other -z zroot/other -m /mnt
pot set-rss -p other -M 512M
pot start other
"""
LOOK = """
jls -j other jid path
ifconfig | grep 10.199.0.171
rctl jail:other
cat /mnt/other/file /opt/pot/jails/other/conf/*.conf /usr/local/etc/pot/pot.conf /etc/rc.conf
zfs list -H -o name,mountpoint,mounted zroot/other zroot/pot/jails/other/m
"""


def remove(site, *arguments, limit=True):
    words = ["--limit", site.machine] if limit else []
    return site.ansible("remove", *words, "-e", f"matrix_remove={site.machine}", *arguments)


def left_on_the_host(site):
    """What is to be found of the homeserver's pot outside of its dataset."""
    name = site.machine
    looks = (
        f"jls name | grep -x {name}",
        f"ls -d /opt/pot/jails/{name}",
        f"ifconfig | grep -w {site.jail}",
        f"rctl jail:{name}",
        f"zfs list -H -o name | grep jails/{name}",
        f"pfctl -s Anchors -v | grep {name}",
        f"ls /tmp /var/tmp /var/db | grep -E '^(pot_.*|potluck-pot-){name}'",
        f"mount | grep jails/{name}",
    )
    return site.machine_run("; ".join(looks), check=False)


@pytest.fixture(scope="module")
def other(site):
    """What the neighbour on the host looks like; afterwards other tests find the deployment that they know."""
    site.machine_run(OTHER)
    # A CA that was started after the deployment was saved has never issued its certificate.
    site.jail_run("find /mnt/acme -name fullchain.cer -delete; /usr/local/libexec/matrix-tls apply")
    site.machine_run(f"rctl -a jail:{site.machine}:memoryuse:deny=8G")
    yield site.machine_run(LOOK)
    site.restore(saved.place("neighbours"), site.introduce)


def test_a_dry_run_says_what_it_would_do(site, other):
    look = f"""
jls name jid
zfs list -H -t all -o name,mounted
rctl jail:{site.machine}
ifconfig
cd /mnt/matrixdata
find /opt/pot/jails/{site.machine}/conf /usr/local/etc /etc matrixdata/tls acme -type f -exec md5 {{}} +
"""
    before = site.machine_run(look)
    done = remove(site, "--check", "-e", "matrix_remove_certificate=revoke", "-e", f"matrix_remove_dataset={DATASET}")
    assert done.code == 0, done.output
    assert "Leave the Consul cluster; Have the CA revoke the certificate" in done.words
    assert f"The pot {site.machine} would be destroyed. The dataset {DATASET} would be destroyed." in done.words
    assert site.machine_run(look) == before
    assert servers(site, "catalog/node/" + site.machine)["Services"]


def test_what_was_killed_is_completed_and_site_brings_the_same_server_back(site, other):
    client = site.client()
    token = client.login("admin", site.remembered("admin"))
    content = os.urandom(50000)
    file, key = client.upload(content), client.federation_key()
    certificate = site.jail_run("cat /mnt/matrixdata/tls/fullchain.pem")
    assert servers(site, "catalog/node/" + site.machine)["Services"]

    revoke = ["--limit", site.machine, "-e", f"matrix_remove={site.machine}", "-e", "matrix_remove_certificate=revoke"]
    log = site.place / "removed.log"
    with open(log, "wb") as stream:
        process = subprocess.Popen(
            site.command("remove", *revoke),
            env=site.environment(ANSIBLE_NOCOLOR="1"),
            cwd=TOP,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # Consul is left, and the pot on its way down, which goes on without Ansible for a while.
    while b"item=Leave the Consul cluster" not in log.read_bytes() and process.poll() is None:
        time.sleep(0.02)
    assert process.poll() is None, log.read_text(encoding="utf-8")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    done = remove(site, "-e", "matrix_remove_certificate=revoke")
    assert done.code == 0 and f"The dataset {DATASET} is kept" in done.words, done.output
    assert left_on_the_host(site) == ""
    wait_for(lambda: servers(site, "catalog/node/" + site.machine) is None, 20, "Consul has forgotten the node")
    assert servers(site, "catalog/service/matrix-synapse") == []
    assert site.machine_run(LOOK) == other
    again = remove(site)
    assert (again.code, again.changed) == (0, 0) and "There is nothing left to remove." in again.words, again.output

    done = site.ansible("site")
    assert done.code == 0, done.output[-4000:]
    client = site.client()
    assert client.federation_key() == key
    assert client.use_token(token) == "@admin:" + site.domain
    assert client.download(file) == content
    assert site.jail_run("cat /mnt/matrixdata/tls/fullchain.pem") != certificate
    wait_for(lambda: servers(site, "health/service/matrix-synapse?passing"), 30, "Consul knows the homeserver again")
    assert site.machine_run(LOOK) == other


@pytest.mark.thorough
def test_only_a_dataset_that_nobody_else_uses_is_destroyed(site, other):
    site.machine_run("pot stop other; pot mount-in -p other -d /mnt/matrixdata -m /media -r")
    named = ["-e", f"matrix_remove_dataset={DATASET}"]
    done = remove(site, *named)
    assert done.code != 0 and done.changed == 0 and "pot other mounts /mnt/matrixdata" in done.words, done.output
    assert site.machine in site.machine_run("jls name").split()
    site.machine_run("sed -i '' /matrixdata/d /opt/pot/jails/other/conf/fscomp.conf; pot start other")
    site.machine_run(f"pot stop {site.machine}")
    done = remove(site, *named)
    assert done.code == 0 and f"The dataset {DATASET} was destroyed." in done.words, done.output
    assert "Warning: it did not run, so that this was not done in it: Leave the Consul cluster." in done.words
    assert left_on_the_host(site) == ""
    assert site.machine_run("zfs list -H -o name | grep matrixdata; ls -d /mnt/matrixdata", check=False) == ""
    assert "kept" in site.machine_run("cat /mnt/other/file")
    again = remove(site, *named)
    assert (again.code, again.changed) == (0, 0) and "There is nothing left to remove." in again.words, again.output
