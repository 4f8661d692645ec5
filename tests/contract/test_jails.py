# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no recording shows: the network rules, limits, streams and accidents that the double's pots must have all the
same.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import replay
from test_facts import VOLATILE

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("ip"), reason="the double needs root and iproute2"
)

PYTHON = "/.double/usr/bin/python3"
SERVER = (
    "import socket, sys; s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET); "
    "s.setsockopt(1, 2, 1); s.bind((sys.argv[1], int(sys.argv[2]))); s.listen(); s.settimeout(10);"
    " c, a = s.accept(); c.sendall(repr((s.getsockname()[0], a[0])).encode())"
)
CLIENT = (
    "import socket, sys; s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5); print(s.recv(99).decode())"
)


# The doubles' own network lies in pot's usual one, which is more than pf would leave of it.
ANOTHER_NETWORK = (
    r"printf 'POT_%s\n' NETWORK=172.20.0.0/16 NETMASK=255.255.0.0 GATEWAY=172.20.0.1 >>/usr/local/etc/pot/pot.conf"
)
ANCHORS = r"""printf 'nat-anchor pot-nat\nrdr-anchor "pot-rdr/*"\n' >/etc/pf.conf"""


class Host(replay.Machine):
    """A double with an alias pot (web) and a bridge pot (inner, port 80 exported as 8080), both running."""

    def __init__(self) -> None:
        super().__init__("pot")

    def __enter__(self) -> Host:
        super().__enter__()
        self.alias = "10.199.0." + str(100 + int(self.address.rpartition(".")[2]))
        script = f"""set -e
            {ANOTHER_NETWORK}
            {ANCHORS}
            pot create -p web -t single -b 13.2 -N alias -i 'vtnet0|{self.alias}'
            pot set-attr -p web -A start-at-boot -V YES
            pot create -p inner -t single -b 13.2 -N public-bridge
            pot export-ports -p inner -e 80:8080
            sysrc pot_enable=YES
            pot start web
            pot start inner"""
        done = self.run(script)
        assert done.returncode == 0, done.stdout + done.stderr
        return self

    def out(self, command: str) -> str:
        """Standard output of a command that must succeed."""
        done = self.run(command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def serve(self, pot: str, address: str, port: int) -> subprocess.Popen:
        """A server in a pot that answers one connection with (its own address, the peer's)."""
        argv = [str(replay.DOUBLE), "exec", self.name, "--", "jexec", pot, PYTHON, "-c", SERVER, address, str(port)]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while f":{port} " not in self.out(f"jexec {pot} sockstat -46l") and time.monotonic() < deadline:
            time.sleep(0.1)
        return process


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """One double for the whole file."""
    with Host() as machine:
        yield machine


def ask(address: str, port: int) -> str:
    """What a server in a pot answers the Linux machine."""
    with socket.create_connection((address, port), 5) as connection:
        return connection.recv(99).decode()


def test_loopback_of_an_alias_pot_is_its_address(host: Host) -> None:
    """A server on 127.0.0.1 is reachable from outside, as in every FreeBSD jail without a stack of its own."""
    server = host.serve("web", "127.0.0.1", 8008)
    assert ask(host.alias, 8008).startswith(f"('{host.alias}', ")
    assert server.wait(10) == 0


def test_inside_an_alias_pot_loopback_still_connects(host: Host) -> None:
    """127.0.0.1 leads to what listens on all addresses, which are one."""
    server = host.serve("web", "0.0.0.0", 8009)
    assert host.out(f"jexec web {PYTHON} -c '{CLIENT}' 127.0.0.1 8009").strip() == f"('{host.alias}', '{host.alias}')"
    assert server.wait(10) == 0


def test_no_ipv6_sockets_without_an_ipv6_address(host: Host) -> None:
    """socket(AF_INET6) fails in an ipv4 pot."""
    done = host.run(f"jexec web {PYTHON} -c 'import socket; socket.socket(socket.AF_INET6)'")
    assert "Address family not supported" in done.stderr


def test_an_alias_pot_with_an_address_of_each_family(host: Host) -> None:
    """It is reached at both from outside, and reaches who is outside by both."""
    addresses = (host.alias.rpartition(".")[0] + ".198", "2001:db8:199::198")
    host.out(
        f"""ifconfig vtnet0 inet6 2001:db8:199::197 prefixlen 64 alias -ifdisabled
        pot create -p both -t single -b 13.2 -N alias -S dual -i 'vtnet0|{addresses[0]}' -i 'vtnet0|{addresses[1]}'
        pot start both"""
    )
    try:
        found = host.out("jls -j both ip4.addr ip6.addr; grep ^ip= /opt/pot/jails/both/conf/pot.conf; ifconfig vtnet0")
        assert found.split()[:2] == list(addresses)
        assert f"ip=vtnet0|{addresses[0]} vtnet0|{addresses[1]}" in found and "IFDISABLED" not in found
        assert f"\tinet6 {addresses[1]} prefixlen 128" in found
        for address, port in zip(addresses, (8010, 8011)):
            server = host.serve("both", address, port)
            assert ask(address, port).startswith(f"('{address}', ")
            assert server.wait(10) == 0
        with socket.create_server(("2001:db8:199::1", 8012), family=socket.AF_INET6) as server:
            command = (
                f"jexec both {PYTHON} -c 'import socket; socket.create_connection((\"2001:db8:199::1\", 8012), 5)'"
            )
            assert host.run(command).returncode == 0
            server.settimeout(5)
            assert server.accept()[1][0] == addresses[1]
    finally:
        host.out("pot stop both; pot destroy -p both")


def test_no_ipv4_sockets_without_an_ipv4_address(host: Host) -> None:
    """socket(AF_INET) fails in an alias pot with an IPv6 address alone."""
    host.out("pot create -p six -t single -b 13.2 -N alias -S ipv6 -i 2001:db8:199::196; pot start six")
    try:
        done = host.run(f"jexec six {PYTHON} -c 'import socket; socket.socket(socket.AF_INET)'")
        assert "Address family not supported" in done.stderr
        assert host.run(f"jexec six {PYTHON} -c 'import socket; socket.socket(socket.AF_INET6)'").returncode == 0
    finally:
        host.out("pot stop six; pot destroy -p six")


def test_exported_port(host: Host) -> None:
    """The host's port leads into the bridge pot, which sees who asks."""
    server = host.serve("inner", "0.0.0.0", 80)
    assert ask(host.address, 8080) == "('0.0.0.0', '10.199.0.1')"
    assert server.wait(10) == 0


def test_binary_streams(host: Host) -> None:
    """jexec passes every byte in both directions."""
    data = os.urandom(16 << 20)
    argv = [
        str(replay.DOUBLE),
        "exec",
        host.name,
        "--",
        "jexec",
        "-l",
        "web",
        "/bin/sh",
        "-c",
        "cat > /root/big; cat /root/big; rm /root/big",
    ]
    done = subprocess.run(argv, input=data, capture_output=True, check=True)
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


def test_a_killed_jexec_takes_its_command_along(host: Host) -> None:
    """As on FreeBSD, where jexec becomes the command."""
    host.out("jexec web sleep 4711 & sleep 1; kill -9 $!; sleep 0.5; ! jexec web pgrep -f 'sleep 4711'")


def test_quota_is_a_limit(host: Host) -> None:
    """Writing beyond it fails, raising it helps at once, and what pots have mounted stays mounted."""
    host.out(
        "zfs create -o mountpoint=/mnt/data zroot/data && echo kept > /mnt/data/f && pot mount-in -p web -m /mnt -d "
        "/mnt/data"
    )
    host.out("zfs set quota=8M zroot/data")
    assert host.out("jexec web cat /mnt/f") == "kept\n"
    done = host.run("jexec web dd if=/dev/zero of=/mnt/big bs=1M count=16")
    assert done.returncode and "No space left" in done.stderr
    host.out("zfs set quota=32M zroot/data && jexec web dd if=/dev/zero of=/mnt/big bs=1M count=16")
    done = host.run("zfs set quota=1M zroot/data")
    assert (done.returncode, done.stderr) == (
        1,
        "cannot set property for 'zroot/data': size is less than current used or reserved space\n",
    )


def test_nullfs_stays_within_its_file_system(host: Host) -> None:
    """A dataset below a mounted directory is not part of it."""
    host.out(
        "zfs create -o mountpoint=/mnt/outer zroot/outer && zfs create zroot/outer/deep && touch /mnt/outer/deep/x"
    )
    host.out("mkdir -p /mnt/view && mount_nullfs /mnt/outer /mnt/view")
    assert host.out("ls /mnt/view/deep; umount /mnt/view") == ""


def test_send_and_receive(host: Host) -> None:
    """A dataset can be moved."""
    host.out(
        "zfs create zroot/src && echo one > /zroot/src/f && zfs snapshot zroot/src@a && zfs send zroot/src@a | zfs "
        "receive zroot/dst"
    )
    assert host.out("cat /zroot/dst/f; zfs list -H -o name -t snapshot -r zroot/dst") == "one\nzroot/dst@a\n"


def test_snapshots_of_one_command_are_of_one_moment(host: Host) -> None:
    """They share a transaction, as on FreeBSD; those of the next command have a later one."""
    host.out("zfs create zroot/one && zfs create zroot/one/below && zfs create zroot/two")
    host.out("zfs snapshot -r zroot/one@a zroot/two@a && zfs snapshot zroot/two@b")
    rows = host.out("zfs list -H -p -t snapshot -o name,createtxg -r zroot/one zroot/two").splitlines()
    found = dict(row.split("\t") for row in rows)
    assert len({found[name] for name in ("zroot/one@a", "zroot/one/below@a", "zroot/two@a")}) == 1
    assert int(found["zroot/two@b"]) > int(found["zroot/two@a"])


def test_image_round_trip(host: Host) -> None:
    """export and import keep the files; the host's name appears twice in the new one."""
    host.out(
        "pot create -p tpl -t single -b 13.2 && echo mark > /opt/pot/jails/tpl/m/root/mark && pot snapshot -p tpl && "
        "mkdir -p /root/images"
    )
    host.out("pot export -p tpl -t 1.0 -D /root/images && pot import -p tpl -t 1.0 -U file:///root/images")
    assert host.out("cat /opt/pot/jails/tpl_1_0/m/root/mark; grep hostname /opt/pot/jails/tpl_1_0/conf/pot.conf") == (
        'mark\nhost.hostname="tpl_1_0.fbsd1.example.test.fbsd1.example.test"\n'
    )


def test_an_import_that_fails_is_reported_as_success(host: Host) -> None:
    """zfs receive fails, pot import returns 0 and there is no pot."""
    host.out("mkdir -p /.double/run/faults && touch /.double/run/faults/zfs-receive")
    try:
        done = host.run("pot destroy -p tpl_1_0; pot import -p tpl -t 1.0 -U file:///root/images")
    finally:
        host.out("rm /.double/run/faults/zfs-receive")
    assert done.returncode == 0 and host.run("pot info -qp tpl_1_0").returncode == 1


def test_a_start_that_is_killed_gets_stuck(host: Host) -> None:
    """Neither start nor stop works then, destroy -F does."""
    host.out(
        "printf '#!/bin/sh\\nsleep 5\\n' > /root/hook && chmod +x /root/hook && pot create -p stuck -t single -b 13.2 "
        "&& pot set-hook -p stuck -s /root/hook"
    )
    host.run("pot start stuck & sleep 1.5; kill -9 $!")
    assert host.out("cat /tmp/pot_status_stuck") == "pot.status=starting,\n"
    assert host.run("pot start stuck").stdout == "###>  pot stuck is already starting\n"
    assert host.run("pot stop stuck").returncode == 1
    host.out("pot destroy -Fp stuck && ! mount -p | grep stuck")


def test_a_clean_environment_is_the_login_class(host: Host) -> None:
    """jexec -l gives what was recorded, and TERM only to whom it had."""
    recorded = json.loads((replay.CAPTURES / "13.2/facts-pot.json").read_text(encoding="utf-8"))["ansible_env"]
    lines = host.out("env GONE=1 TERM=su jexec -l web /usr/bin/env").splitlines()
    assert dict(line.split("=", 1) for line in lines) == recorded
    assert "TERM=" not in host.out("env -u TERM jexec -l web /usr/bin/env")


def test_facts_of_a_pot(host: Host) -> None:
    """Ansible takes a pot for what it took the recorded one for."""
    host.out("pot create -p facts -t single -b 13.2 && pot start facts && jexec -l facts ssh-keygen -A")
    host.out("jexec -l facts env ASSUME_ALWAYS_YES=yes pkg install -y python311")
    argv = ["ansible", "pot", "-i", "pot,", "-c", "potluck.matrix.pot", "-m", "ansible.builtin.setup"]
    with tempfile.TemporaryDirectory() as directory:
        key = f"{directory}/key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        public = Path(key + ".pub").read_text(encoding="utf-8").strip()
        host.out(f"echo '{public}' >> /root/.ssh/authorized_keys")
        variables = {
            "ansible_host": host.address,
            "ansible_user": "root",
            "ansible_pot_name": "facts",
            "ansible_ssh_private_key_file": key,
            "ansible_python_interpreter": "/usr/local/bin/python3.11",
            "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null",
        }
        top = replay.HERE.parents[1]
        done = subprocess.run(
            [*argv, "-e", json.dumps(variables)],
            capture_output=True,
            text=True,
            check=False,
            cwd=top,
            env={
                **os.environ,
                "PATH": f"{top}/.venv/bin:{os.environ['PATH']}",
                "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
                "ANSIBLE_COLLECTIONS_PATH": f"{top}/.ansible/collections",
            },
        )
    host.out("pot destroy -Fp facts")
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads(done.stdout.partition("=>")[2])["pot_facts"]
    recorded = json.loads((replay.CAPTURES / "13.2/facts-pot.json").read_text(encoding="utf-8"))
    # The recorded host had no bridge; is_chroot asks Linux' /proc here.
    facts["ansible_interfaces"] = [name for name in facts["ansible_interfaces"] if name not in ("bridge0", "epair0a")]
    left_out = VOLATILE | {
        "ansible_" + name for name in ("bridge0", "epair0a", "domain", "fqdn", "hostname", "is_chroot", "nodename")
    }
    assert {k: v for k, v in facts.items() if k not in left_out} == {
        k: v for k, v in recorded.items() if k not in left_out
    }


def test_read_only_at_once(host: Host) -> None:
    """A directory mounted read-only into a running pot cannot be written there, the next second already."""
    host.out(
        "mkdir -p /data/ro && echo one > /data/ro/f && jexec web mkdir -p /srv/ro && pot mount-in -p web -m /srv/ro -d "
        "/data/ro -r"
    )
    done = host.run("jexec web touch /srv/ro/g")
    assert done.returncode and "Read-only file system" in done.stderr
    assert host.out("jexec web cat /srv/ro/f; touch /data/ro/h; jexec web ls /srv/ro") == "one\nf\nh\n"
    host.out(
        "umount /opt/pot/jails/web/m/srv/ro && mkdir -p /data/view && mount_nullfs -o ro /data/ro "
        "/opt/pot/jails/web/m/srv/ro"
    )
    assert host.run("jexec web rm /srv/ro/f").returncode
    host.out("umount /opt/pot/jails/web/m/srv/ro && sed -i '' '/^.data.ro /d' /opt/pot/jails/web/conf/fscomp.conf")


def test_a_killed_jail_leaves_its_alias(host: Host) -> None:
    """jail -r removes the jail and not the address: that is pot's part, and until then the host itself answers
    there.
    """
    host.out("jail -r web")
    assert f"inet {host.alias} netmask 0xffffffff" in host.out("ifconfig vtnet0 inet")
    assert ask(host.alias, 22).startswith("SSH-")
    host.out("pot stop web")
    assert host.alias not in host.out("ifconfig vtnet0 inet")
    host.out("pot start web")
    assert host.out("ifconfig vtnet0 inet").count(host.alias + " ") == 1
    with pytest.raises(OSError):
        ask(host.alias, 22)


def test_rc_local_and_the_watchdog_of_a_pot(host: Host) -> None:
    """Both local scripts run; a service that does not stop keeps rc.shutdown no longer than rcshutdown_timeout
    seconds.
    """
    host.out(
        "pot create -p slow -t single -b 13.2 && pot set-attr -p slow -A exec_stop -V '/bin/sh /etc/rc.shutdown jail'"
    )
    root = "/opt/pot/jails/slow/m"
    host.out(
        f"echo 'echo here > /root/up' > {root}/etc/rc.local && echo 'echo here > /root/down' > "
        f"{root}/etc/rc.shutdown.local"
    )
    assert "Starting local daemons:.\n" in host.out("pot start slow")
    assert "Shutting down local daemons:.\n" in host.out("pot stop slow")
    assert host.out(f"cat {root}/root/up {root}/root/down") == "here\nhere\n"
    host.out(
        f"echo 'sleep 60' > {root}/etc/rc.shutdown.local && echo 'rcshutdown_timeout=2' >> {root}/etc/rc.conf && pot "
        "start slow"
    )
    began = time.monotonic()
    assert "\n2 second watchdog timeout expired. Shutdown terminated.\n" in host.out("pot stop slow")
    assert 2 <= time.monotonic() - began < 20
    assert "rc.shutdown" in host.out(f"grep watchdog {root}/var/log/messages")
    host.out("pot destroy -p slow")


def test_destroy_goes_through_what_is_mounted(host: Host) -> None:
    """pot destroy ends with rm -rf, which does not stop at a nullfs nobody has unmounted."""
    host.out(
        "pot create -p victim -t single -b 13.2 && mkdir -p /data/lost/deep && touch /data/lost/f /data/lost/deep/g"
    )
    host.out("mount_nullfs /data/lost /opt/pot/jails/victim/m/mnt && pot destroy -p victim")
    assert host.out("ls -a /data/lost") == ".\n..\n"
    assert "victim" not in host.out("mount -p; pot ls -q; ls /opt/pot/jails")


def test_a_parents_quota_is_its_childrens_too(host: Host) -> None:
    """What is available below a dataset with a quota is what the quota leaves."""
    host.out(
        "zfs create -o quota=64M zroot/limited && zfs create zroot/limited/child && zfs create zroot/limited/child/deep"
    )
    for name in ("limited/child", "limited/child/deep"):
        assert 0 < int(host.out(f"zfs get -Hpo value available zroot/{name}")) < 64 << 20
        assert int(host.out(f"zfs list -Hpo avail zroot/{name}")) < 64 << 20
    done = host.run("dd if=/dev/zero of=/zroot/limited/child/deep/big bs=1M count=80")
    assert done.returncode and "No space left" in done.stderr
    host.out("rm /zroot/limited/child/deep/big && zfs set quota=128M zroot/limited")
    host.out("dd if=/dev/zero of=/zroot/limited/child/deep/big bs=1M count=80 && zfs create zroot/limited/sibling")
    done = host.run("dd if=/dev/zero of=/zroot/limited/sibling/big bs=1M count=80")
    assert done.returncode and "No space left" in done.stderr
    host.out("zfs destroy -r zroot/limited")


def test_reboot_starts_what_starts_at_boot(host: Host) -> None:
    """And leaves the others alone; the alias answers again."""
    subprocess.run([str(replay.DOUBLE), "reboot", host.name], check=True)
    assert host.out("jls -q name") == "web\n"
    assert f"inet {host.alias} netmask 0xffffffff" in host.out("ifconfig vtnet0 inet")
    assert host.out("jexec web cat /mnt/f") == "kept\n"


def test_an_alias_that_is_the_machines_own_address(host: Host) -> None:
    """jail(8) gives it a host mask and takes it away with the jail: the host is cut off, and only a reboot brings it
    back.
    """
    host.out(f"pot create -p greedy -t single -b 13.2 -N alias -i 'vtnet0|{host.address}'")
    assert ask(host.address, 22).startswith("SSH-")
    host.out("pot start greedy")
    lines = [line.split() for line in host.out("ifconfig vtnet0 inet").splitlines() if f"inet {host.address} " in line]
    assert [line[3] for line in lines] == ["0xffffffff"]
    with pytest.raises(OSError):
        ask(host.address, 22)
    host.out("pot stop greedy")
    assert host.address + " " not in host.out("ifconfig vtnet0 inet")
    subprocess.run([str(replay.DOUBLE), "reboot", host.name], check=True)
    assert ask(host.address, 22).startswith("SSH-")


def test_port_redirection_is_what_pf_shows(host: Host) -> None:
    """Rules lie in pot's anchors, and count while pf is on and its own rules name these."""
    host.out("pot start inner")
    assert host.out("pfctl -s nat") == 'nat-anchor "pot-nat" all\nrdr-anchor "pot-rdr/*" all\n'
    assert host.out("pfctl -a pot-nat -s nat") == "nat on vtnet0 inet from 172.20.0.0/16 to any -> (vtnet0:0)\n"
    rule = "rdr pass on vtnet0 inet proto tcp from any to (vtnet0) port = http-alt -> 172.20.0.2 port 80\n"
    assert host.out("pfctl -a pot-rdr/inner -s nat") == rule
    for off, on in (("pfctl -d", "pfctl -e"), ("pfctl -F all", "pfctl -f /etc/pf.conf")):
        server = host.serve("inner", "0.0.0.0", 80)
        host.out(off)
        with pytest.raises(OSError):
            ask(host.address, 8080)
        host.out(on)
        assert ask(host.address, 8080) == "('0.0.0.0', '10.199.0.1')"
        assert server.wait(10) == 0


def test_pot_network_that_contains_the_machine_cuts_it_off() -> None:
    """pf's rule for the network gives the host's own answers another port: a connection that was there dies as well
    as every new one.
    """
    with replay.Machine("pot") as machine:
        machine.run(f"{ANCHORS}; pot create -p inner -t single -b 13.2 -N public-bridge").check_returncode()
        with socket.create_connection((machine.address, 22), 5) as connection:
            assert connection.recv(99).startswith(b"SSH-")
            machine.run("pot start inner").check_returncode()
            with pytest.raises(OSError):
                ask(machine.address, 22)
            # sshd answers the client's version with a list of what it can do.
            connection.sendall(b"SSH-2.0-test\r\n")
            connection.settimeout(3)
            with pytest.raises(TimeoutError):
                connection.recv(99)
        with socket.create_server(("10.199.0.1", 0)) as server:
            assert machine.run(f"nc -z -w 3 10.199.0.1 {server.getsockname()[1]}").returncode == 0, (
                "what the host begins is translated both ways"
            )
        machine.run("pfctl -d").check_returncode()
        assert ask(machine.address, 22).startswith("SSH-")
