# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What FreeBSD's documentation says about the base system beyond what was recorded, and the life of a double itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import replay

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("ip"), reason="the double needs root and iproute2"
)

# A service as ports have them: a user, an environment, a required file, a supervisor.
SCRIPT = r"""
cat >/usr/local/etc/rc.d/app <<'END'
#!/bin/sh
# PROVIDE: app
# REQUIRE: LOGIN
# KEYWORD: shutdown
. /etc/rc.subr
name=app
desc="An application"
rcvar=app_enable
load_rc_config $name
: ${app_enable:="NO"}
: ${app_conf:="/usr/local/etc/app.conf"}
: ${app_user:="www"}
app_env="COLOUR=blue"
required_files="$app_conf"
pidfile=/var/run/app/app.pid
command=/usr/sbin/daemon
procname=/bin/sleep
command_args="-f -p $pidfile /bin/sleep 3600"
extra_commands="reload configtest"
configtest_cmd="echo configuration is fine"
start_precmd="install -d -o www -m 755 /var/run/app"
run_rc_command "$1"
END
chmod 755 /usr/local/etc/rc.d/app
"""


@pytest.fixture(scope="module")
def machine() -> Iterator[replay.Machine]:
    """One double for the tests that leave it as it was."""
    with replay.Machine("core") as running:
        running.run(SCRIPT).check_returncode()
        yield running


def output(machine: replay.Machine, command: str, rc: int = 0) -> str:
    """Standard output and standard error together, after checking the exit code."""
    result = machine.run(command)
    assert result.returncode == rc, f"{command}: {result.stdout}{result.stderr}"
    return result.stdout + result.stderr


@pytest.mark.parametrize(
    ("command", "rc", "text"),
    [
        ("sysrc -c sshd_enable", 0, ""),
        ("sysrc -c hostname=fbsd1.example.test", 0, ""),
        ("sysrc -c cron_enable=YES", 0, ""),
        ("sysrc -x cron_enable", 0, ""),
        ("sysrc -F cron_enable", 0, "cron_enable: /etc/defaults/rc.conf\n"),
        ("sysrc --version", 1, "sysrc 7.2 Jan-31,2017\n"),
        ("sysrc bad-name=1", 1, "sysrc: bad-name: invalid variable name\n"),
        ("sysrc broken='a\"b' 2>&1 | grep -c syntax; grep -c broken /etc/rc.conf", 1, "1\n0\n"),
        ("sysrc -s newsvc newsvc_flags=x >/dev/null; sysrc -n newsvc_flags; sysrc -x newsvc_flags", 0, "x\n"),
        ("sysrc list+=a >/dev/null; sysrc -n list+=,b,c; sysrc -x list", 0, "a -> a,b,c\n"),
    ],
)
def test_sysrc(machine: replay.Machine, command: str, rc: int, text: str) -> None:
    """Reading defaults, refusing what sh cannot read, list operations."""
    assert output(machine, command, rc) == text


def test_service_life(machine: replay.Machine) -> None:
    """required_files, user and environment, status, reload, stop of a disabled service that runs."""
    assert "WARNING: /usr/local/etc/app.conf is not readable." in output(machine, "service app onestart", 1)
    machine.run("touch /usr/local/etc/app.conf")
    assert output(machine, "service app onestart") == "Starting app.\n"
    assert output(machine, "ps -o user= -p $(cat /var/run/app/app.pid)").strip() == "www"
    environment = output(machine, "tr '\\0' '\\n' </proc/$(cat /var/run/app/app.pid)/environ").splitlines()
    assert "COLOUR=blue" in environment
    assert "PATH=/sbin:/bin:/usr/sbin:/usr/bin" in environment
    assert not [line for line in environment if line.startswith("LC_")]
    assert output(machine, "service app configtest", 0).startswith("Cannot 'configtest' app.")
    assert output(machine, "service app oneconfigtest") == "configuration is fine\n"
    assert output(machine, "service app stop").startswith("Stopping app.\n")
    assert output(machine, "service app describe") == "An application\n"
    assert output(machine, "service app rcvar") == '# app : An application\n#\napp_enable="NO"\n#   (default: "")\n\n'
    assert output(machine, "ls /var/run/app") == ""


def test_service_configuration_directory(machine: replay.Machine) -> None:
    """A file of its own below rc.conf.d wins, and enabling writes where such a file is."""
    machine.run("mkdir -p /usr/local/etc/rc.conf.d; echo 'app_conf=/etc/hosts' >/usr/local/etc/rc.conf.d/app")
    assert output(machine, "service app enable") == "app enabled in /usr/local/etc/rc.conf.d/app\n"
    assert "/usr/local/etc/rc.d/app" in output(machine, "service -e").splitlines()
    assert output(machine, "service app start") == "Starting app.\n"
    assert output(machine, "service app forcestop").startswith("Stopping app.\n")
    assert "deleted" in output(machine, "service app delete")
    machine.run("rm -r /usr/local/etc/rc.conf.d")


def test_su_has_no_login_without_a_directory(machine: replay.Machine) -> None:
    """As services are run that PostgreSQL's rc script starts: nobody goes on in another directory."""
    machine.run("pw useradd homeless -d /nonexistent -s /bin/sh").check_returncode()
    assert output(machine, "su -l homeless -c 'echo in'", 1) == "su: no directory\n"
    assert output(machine, "su homeless -c 'echo in'") == "in\n"
    machine.run("install -d -o homeless -m 700 /nonexistent && chmod 000 /nonexistent").check_returncode()
    assert output(machine, "su -l homeless -c pwd", 1) == "su: no directory\n"
    machine.run("chmod 700 /nonexistent")
    assert output(machine, "su -l homeless -c pwd") == "/nonexistent\n"
    machine.run("pw userdel homeless -r")


def test_daemon_restarts(machine: replay.Machine) -> None:
    """-r starts a program again that ended; ending the supervisor ends both and removes the pid files."""
    start = "daemon -f -r -R 1 -P /tmp/super.pid -p /tmp/child.pid -t runner /bin/sleep 3600"
    output(machine, start)
    first = output(machine, "cat /tmp/child.pid")
    assert (
        output(machine, start, 3) == f"daemon: process already running, pid: {output(machine, 'cat /tmp/child.pid')}\n"
    )
    machine.run(f"kill {first}")
    wait_until(lambda: machine.run("cat /tmp/child.pid").stdout not in ("", first))
    assert f"daemon: runner[{output(machine, 'cat /tmp/child.pid')}]" in output(machine, "ps -axo command")
    machine.run("kill $(cat /tmp/super.pid)")
    wait_until(lambda: machine.run("ls /tmp/super.pid /tmp/child.pid").returncode != 0)
    assert "sleep 3600" not in output(machine, "ps -axo command | grep -v ps")


def test_local_unbound(machine: replay.Machine) -> None:
    """It runs with a configuration of its own below its chroot, and nothing makes one for it from /etc/resolv.conf."""
    settings = {
        "username": "unbound",
        "directory": "/var/unbound",
        "chroot": "/var/unbound",
        "pidfile": "/var/run/local_unbound.pid",
    }
    lines = [
        "server:",
        *(f"  {name}: {value}" for name, value in settings.items()),
        "  module-config: iterator",
        "  local-data: 'here.test. A 192.0.2.7'",
    ]
    lines += [
        "remote-control:",
        "  control-enable: yes",
        "  control-interface: /var/run/local_unbound.ctl",
        "  control-use-cert: no",
    ]
    text = "\n".join(lines)
    machine.run(f"cat >/var/unbound/own.conf <<'END'\n{text}\nEND").check_returncode()
    machine.run("sysrc local_unbound_config=/var/unbound/own.conf local_unbound_anchor=/etc/rc.conf").check_returncode()
    assert (
        output(machine, "service local_unbound onestart")
        == "Starting local_unbound.\nWaiting for nameserver to start... good\n"
    )
    # Its root is another one, but it is no jail's.
    assert "local_unbound is running as pid" in output(machine, "service local_unbound onestatus")
    assert output(machine, "ls /var/unbound") == "own.conf\n"
    machine.run("cp /etc/resolv.conf /tmp; echo nameserver 127.0.0.1 >/etc/resolv.conf")
    assert output(machine, "getent hosts here.test").split() == ["192.0.2.7", "here.test"]
    assert output(machine, "service local_unbound onestop").startswith("Stopping local_unbound.\n")
    machine.run("cat /tmp/resolv.conf >/etc/resolv.conf; sysrc -x local_unbound_config; rm /var/unbound/own.conf")
    assert "local-unbound-setup: the double does not play this" in output(machine, "service local_unbound onestart", 1)
    machine.run("sysrc -x local_unbound_anchor")


def test_users_agree(machine: replay.Machine) -> None:
    """What pw writes is what Linux' programs see, and locking forbids logins by key."""
    output(
        machine, "pw groupadd crew -g 7777; pw useradd ann -u 7778 -g crew -G operator -m -s /bin/sh -c 'Ann Example'"
    )
    assert output(machine, "id ann") == "uid=7778(ann) gid=7777(crew) groups=7777(crew),5(operator)\n"
    assert output(machine, "stat -f '%Su:%Sg %Lp' /home/ann") == "ann:crew 755\n"
    assert output(machine, "su -m ann -c 'id -un'") == "ann\n"
    assert output(machine, "su - ann -c 'pwd; echo $HOME'") == "/usr/home/ann\n/home/ann\n"
    output(machine, "chpass -p '$6$x$y' ann; pw lock ann")
    assert (
        output(machine, "grep ^ann: /etc/master.passwd")
        == "ann:*LOCKED*$6$x$y:7778:7777::0:0:Ann Example:/home/ann:/bin/sh\n"
    )
    assert output(machine, "grep ^ann: /etc/shadow").startswith("ann:!$6$x$y:")
    output(
        machine,
        "pw unlock ann; pw groupmod crew -m root; pw groupmod crew -d root; pw userdel ann -r; pw groupdel crew",
    )
    assert output(machine, "ls /home") == ""


def test_logging_and_rotation(machine: replay.Machine) -> None:
    """syslog.conf decides where a message goes; newsyslog turns the file over and syslogd follows."""
    machine.run("mkdir -p /usr/local/etc/syslog.d /usr/local/etc/newsyslog.conf.d; touch /var/log/own.log")
    machine.run("printf '!own\\n*.*\\t/var/log/own.log\\n' >/usr/local/etc/syslog.d/own.conf; service syslogd reload")
    machine.run("logger -t own -p local3.info first; logger -t other -p local3.info elsewhere")
    assert "own[" in output(machine, "cat /var/log/own.log")
    assert "elsewhere" not in output(machine, "cat /var/log/own.log")
    machine.run("printf '/var/log/own.log\\troot:wheel\\t640 3 *\\t* J\\n' >/usr/local/etc/newsyslog.conf.d/own.conf")
    output(machine, "newsyslog -F /var/log/own.log")
    machine.run("logger -t own -p local3.info second")
    assert "second" in output(machine, "cat /var/log/own.log")
    assert "first" in output(machine, "bzcat /var/log/own.log.0.bz2")
    assert output(machine, "stat -f '%Lp' /var/log/own.log") == "640\n"


@pytest.mark.parametrize(
    "command",
    [
        "grep -P x /etc/hosts",
        "cp --parents a b",
        "sed -i s/a/b/ /etc/hosts",
        "date -d yesterday",
        "readlink -e /",
        "find / -printf x",
        "echo | xargs -d x",
        "stat -c %U /",
    ],
)
def test_refuses_what_only_linux_knows(machine: replay.Machine, command: str) -> None:
    """A task that would fail on FreeBSD fails in the double."""
    assert machine.run(command).returncode != 0


@pytest.mark.parametrize(
    "command", ["bash", "sudo", "doas", "curl", "python3", "python3.11", "apt", "dpkg", "systemctl", "ip", "useradd"]
)
def test_a_fresh_base_has_no(machine: replay.Machine, command: str) -> None:
    """What must be installed first, or does not exist at all."""
    assert machine.run(f"which {command}").returncode == 1


def test_cron_runs_system_tables() -> None:
    """Tables below /usr/local/etc/cron.d are run as the user they name, with their own PATH; reboot jobs once a
    boot.
    """
    with replay.Machine("cron") as machine:
        machine.run("mkdir -p /usr/local/etc/cron.d")
        table = "SHELL=/bin/sh\\nPATH=/bin:/usr/bin\\n@every_minute nobody id -un >>/tmp/every\\n"
        table += "@2 root echo $PATH >>/tmp/seconds\\n@reboot root echo up >>/root/boots\\n"
        machine.run(f"printf '{table}' >/usr/local/etc/cron.d/own; service cron restart")
        wait_until(lambda: machine.run("cat /tmp/seconds").stdout.startswith("/bin:/usr/bin\n"), 10)
        assert machine.run("cat /root/boots").returncode == 1
        subprocess.run([str(replay.DOUBLE), "crash", machine.name], check=True)
        wait_until(lambda: machine.run("cat /root/boots").stdout == "up\n", 10)
        wait_until(lambda: machine.run("cat /tmp/every").stdout.startswith("nobody\n"), 70)


def test_cron_searches_local_directories() -> None:
    """A table that says nothing about PATH gets the one of cron(8), packages' programs included."""
    with replay.Machine("path") as machine:
        machine.run(
            "mkdir -p /usr/local/etc/cron.d; echo '@1 root echo $PATH >/tmp/path' >/usr/local/etc/cron.d/path; service "
            "cron restart"
        )
        wait_until(lambda: machine.run("cat /tmp/path").stdout == replay.PATH + "\n", 10)


def test_shutdown_does_not_wait_for_ever() -> None:
    """rc.local and rc.shutdown.local are run; the watchdog of rc.shutdown ends it and the host reboots all the same."""
    with replay.Machine("watchdog") as machine:
        machine.run("sysrc rcshutdown_timeout=2; echo 'echo up >>/root/local' >/etc/rc.local")
        machine.run("echo 'echo down >>/root/local; sleep 60' >/etc/rc.shutdown.local")
        began = time.monotonic()
        subprocess.run([str(replay.DOUBLE), "reboot", machine.name], check=True)
        assert time.monotonic() - began < 30
        assert output(machine, "cat /root/local") == "down\nup\n"
        console = output(machine, "cat /var/log/console.log")
        assert "2 second watchdog timeout expired. Shutdown terminated.\n" in console
        assert "Starting local daemons:.\n" in console


def test_reboot_and_crash_keep_the_disk() -> None:
    """An orderly reboot runs rc.shutdown, a power cut does not; both come back with the disk and an empty /var/run."""
    with replay.Machine("boot") as machine:
        machine.run(SCRIPT)
        machine.run(
            "touch /usr/local/etc/app.conf /var/run/old; service app enable; service app start; echo kept >/root/kept"
        )
        machine.run("mkdir /var/run/stays; touch /var/run/stays/gone")
        before = output(machine, "sysctl -n kern.boottime")
        time.sleep(1.1)
        subprocess.run([str(replay.DOUBLE), "reboot", machine.name], check=True)
        assert output(machine, "cat /root/kept") == "kept\n"
        assert output(machine, "sysctl -n kern.boottime") != before
        assert "Stopping app." in output(machine, "cat /var/log/console.log")
        assert output(machine, "service app status").startswith("app is running as pid ")
        assert machine.run("ls /var/run/old /var/run/stays/gone").returncode == 1
        assert output(machine, "ls -d /var/run/stays") == "/var/run/stays\n"
        stops = output(machine, "grep -c 'Stopping app' /var/log/console.log")
        subprocess.run([str(replay.DOUBLE), "crash", machine.name], check=True)
        assert output(machine, "cat /root/kept") == "kept\n"
        assert output(machine, "grep -c 'Stopping app' /var/log/console.log") == stops
        assert output(machine, "service app status").startswith("app is running as pid ")


def test_stop_leaves_nothing() -> None:
    """Not even when the process that keeps the host was killed."""
    with replay.Machine("gone") as machine:
        listed = subprocess.run([str(replay.DOUBLE), "list"], capture_output=True, text=True, check=True).stdout
        assert f"{machine.name}\t{machine.address}\trunning" in listed
        directory = os.path.join(os.environ.get("POTLUCK_DOUBLE_DIR") or "/var/tmp/potluck-double", machine.name)
        with open(f"{directory}/keeper.pid", encoding="utf-8") as stream:
            keeper = int(stream.read().split()[0])
        os.kill(keeper, 9)
        assert machine.run("true").returncode == 0
    assert not os.path.exists(directory)
    assert not os.path.exists(f"/run/netns/potluck-{machine.name}")
    assert machine.name not in subprocess.run(["losetup", "--list"], capture_output=True, text=True, check=True).stdout


def test_second_start_is_refused(machine: replay.Machine) -> None:
    """A running double is not started again, nor is its address given away."""
    result = subprocess.run([str(replay.DOUBLE), "start", machine.name], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "is running already" in result.stderr
    result = subprocess.run(
        [str(replay.DOUBLE), "start", "thief", "--address", machine.address],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "is taken" in result.stderr


def wait_until(condition, seconds: float = 5) -> None:
    """Poll until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.1)


def test_saved_and_cloned(tmp_path: Path) -> None:
    """A clone has what the saved host had, beside it under another address, and in its place under the same."""
    saved = tmp_path / "saved"

    def double(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(replay.DOUBLE), *map(str, arguments)], capture_output=True, text=True, check=False)

    with replay.Machine("origin") as origin:
        name = f"{origin.name}-copy"
        output(origin, "zfs create -o quota=1G zroot/kept && echo data >/zroot/kept/file && echo root >/root/file")
        assert double("save", origin.name, saved).returncode == 0
        assert output(origin, "cat /zroot/kept/file") == "data\n", "it runs again"
        assert "is there already" in double("save", origin.name, saved).stderr
        output(origin, "echo later >/root/file")
        try:
            beside = double("clone", saved, name)
            assert beside.stdout.strip() not in ("", origin.address), beside
            seen = (
                "cat /zroot/kept/file /root/file; zfs get -Hpo value quota zroot/kept; ifconfig vtnet0 inet | grep -c "
                "{0}"
            )
            seen = f"{seen}; grep -c {{0}} /etc/hosts".format(beside.stdout.strip())
            assert double("exec", name, "--", "/bin/sh", "-c", seen).stdout == "data\nroot\n1073741824\n1\n1\n"
            double("stop", origin.name, name)
            assert double("clone", saved, name).stdout.strip() == origin.address
            assert (
                double("clone", tmp_path / "nothing", f"{name}-2").stderr
                == f"double: {tmp_path}/nothing: no double was saved there\n"
            )
        finally:
            double("stop", name)
