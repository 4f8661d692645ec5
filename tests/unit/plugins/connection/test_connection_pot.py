# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import shutil
import subprocess

import pytest
from ansible.errors import AnsibleAuthenticationFailure, AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.executor.interpreter_discovery import discover_interpreter
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import become_loader, connection_loader
from ansible.template import Templar, trust_as_template
from ansible_collections.potluck.matrix.plugins.connection import pot as pot_module
from ansible_collections.potluck.matrix.plugins.plugin_utils._pot import transfer


def connect(**variables):
    """A connection with its options set the way the task executor does it."""
    context = PlayContext()
    context.remote_addr = variables.get("ansible_host", "machine1")
    plugin = connection_loader.get(
        "potluck.matrix.pot", context, new_stdin=None, task_uuid="u-1", ansible_playbook_pid="1"
    )
    set_options(plugin, **variables)
    return plugin


def set_options(plugin, **variables):
    variables = {"ansible_pot_name": "chat", "ansible_pot_host_connection": "local", **variables}
    plugin.set_options(
        task_keys={"timeout": 7, "remote_user": None},
        var_options=plugin._resolve_option_variables(variables, Templar(None, variables)),
    )


# Options of the outer plugin


def test_ssh_gets_all_its_variables_and_declares_none_here():
    plugin = connect(
        ansible_pot_host_connection="ssh",
        ansible_host="10.0.0.9",
        ansible_user="admin",
        ansible_port=2222,
        ansible_ssh_common_args="-J jump",
        ansible_ssh_retries=3,
        ansible_ssh_private_key_file="/k",
    )
    outer = plugin._outer
    assert outer.transport == "ssh"
    assert [
        outer.get_option(name)
        for name in ("host", "remote_user", "port", "ssh_common_args", "reconnection_retries", "private_key_file")
    ] == ["10.0.0.9", "admin", 2222, "-J jump", 3, "/k"]
    assert outer.get_option("timeout") == 7
    assert set(plugin.option_definitions) == {
        "pot_name",
        "pot_host_connection",
        "pot_privilege_command",
        "pot_fetch_limit",
        "pipelining",
    }


def test_options_are_set_anew_for_each_item_of_a_loop():
    plugin = connect(ansible_pot_host_connection="ssh", ansible_host="10.0.0.9", ansible_user="admin")
    set_options(plugin, ansible_pot_host_connection="ssh", ansible_host="10.0.0.10", ansible_pot_name="other")
    assert plugin._outer.get_option("host") == "10.0.0.10"
    assert plugin._outer.get_option("remote_user") is None
    assert plugin.get_option("pot_name") == "other"


def test_the_outer_plugin_changes_with_its_name():
    plugin = connect()
    assert plugin._outer.transport == "local"
    set_options(plugin, ansible_pot_host_connection="ssh")
    assert plugin._outer.transport == "ssh"


def test_values_are_templated():
    plugin = connect(
        ansible_pot_host_connection="ssh",
        ansible_host=trust_as_template("{{ machine }}"),
        machine="10.1.1.1",
        ansible_pot_name=trust_as_template("{{ 'a.b' | replace('.', '-') }}"),
    )
    assert plugin._outer.get_option("host") == "10.1.1.1"
    assert plugin.get_option("pot_name") == "a-b"


def test_user_in_the_pot_is_root():
    plugin = connect(ansible_user="admin")
    assert plugin.default_user == "root"
    with pytest.raises(KeyError):
        plugin.get_option("remote_user")


def test_pipelining_is_on_unless_switched_off():
    assert connect().is_pipelining_enabled() is True
    assert connect(ansible_pipelining=False).is_pipelining_enabled() is False
    assert connect().is_pipelining_enabled(wrap_async=True) is False


def test_the_hosts_shell_type_does_not_matter():
    context = PlayContext()
    context.shell = "powershell"
    plugin = connection_loader.get("potluck.matrix.pot", context, os.devnull)
    assert plugin._shell.SHELL_FAMILY == "sh"


@pytest.mark.parametrize("name", ["potluck.matrix.pot", "no_such_plugin"])
def test_useless_outer_plugins(name):
    with pytest.raises(AnsibleError, match="ansible_pot_host_connection"):
        connect(ansible_pot_host_connection=name)


def test_missing_and_impossible_names():
    with pytest.raises(AnsibleError, match="pot_name"):
        plugin = connection_loader.get("potluck.matrix.pot", PlayContext())
        plugin.set_options(var_options={})
    with pytest.raises(AnsibleError, match="cannot be the name of a pot"):
        connect(ansible_pot_name="a.b").exec_command("id")


def test_a_forced_terminal_is_refused():
    plugin = connect(ansible_pot_host_connection="ssh", ansible_ssh_common_args="-o RequestTTY=force")
    with pytest.raises(AnsibleError, match="terminal"):
        plugin.exec_command("id")


# Commands


def test_a_command_runs_in_the_pot(host):
    inside = host.pot("chat")
    assert connect().run("pwd; cat; echo e >&2; exit 3", in_data=b"\0\xff\n") == (
        3,
        str(inside).encode() + b"\n\0\xff\n",
        b"e\n",
    )
    assert connect().exec_command("pwd; echo e >&2; exit 3") == (3, str(inside).encode() + b"\n", b"e\n")


def test_local_counts_as_connected_after_a_command(host):
    host.pot("chat")
    plugin = connect()
    assert not plugin.connected
    plugin.exec_command("true")
    assert plugin.connected
    plugin.reset()
    plugin.close()
    assert not plugin.connected


def test_stopped_pot(host):
    host.pot("chat", running=False)
    with pytest.raises(
        AnsibleConnectionFailure, match='^pot "chat" on host "machine1" is stopped; start it with: pot start chat$'
    ):
        connect().exec_command("true")


@pytest.mark.parametrize("rc", [137, 143])
def test_a_pot_that_was_stopped_while_a_module_ran_is_named(host, rc):
    host.pot("chat")
    with pytest.raises(AnsibleConnectionFailure, match="is stopped; start it with: pot start chat$"):
        connect().exec_command(f"rm {host.path}/running/chat; exit {rc}", in_data=b"a module")


def test_a_module_that_is_ended_in_a_running_pot_fails_and_says_so(host):
    host.pot("chat")
    code, stdout, dummy = connect().exec_command("exit 137", in_data=b"a module")
    assert code == 137 and "It was ended by SIGKILL" in json.loads(stdout)["msg"]


def test_a_module_with_a_result_is_not_asked_after_the_pot(host):
    host.pot("chat")
    line = f"""rm {host.path}/running/chat; echo '{{"changed": true}}'; exit 143"""
    dummy, stdout, dummy = connect().exec_command(line, in_data=b"a module")
    assert json.loads(stdout)["changed"] is True


def test_missing_pot(host):
    with pytest.raises(AnsibleConnectionFailure, match='^no pot named "chat" on host "machine1"$'):
        connect().exec_command("true")


def test_no_pot_on_the_host(host):
    (host.path / "bin/pot").unlink()
    with pytest.raises(AnsibleConnectionFailure, match="pot itself is not installed"):
        connect().exec_command("true")


def test_the_login_user_may_not_look(host):
    host.command("pot", "#!/bin/sh\nexit 1\n")
    with pytest.raises(AnsibleConnectionFailure, match="does not run on host"):
        connect().exec_command("true")


def test_jexecs_message_from_inside_the_pot_is_output_like_any_other(host):
    host.pot("chat")
    rc, dummy, stderr = connect().exec_command("echo 'jexec: jail \"chat\" not found' >&2; exit 1")
    assert (rc, stderr) == (1, b'jexec: jail "chat" not found\n')


@pytest.mark.parametrize("in_data", [None, b"module"])
def test_missing_privilege_command(host, in_data, monkeypatch):
    host.pot("chat")
    monkeypatch.setitem(pot_module.enter.PRIVILEGE_COMMANDS, "doas", ("doas-that-is-not-here", "-n"))
    with pytest.raises(AnsibleConnectionFailure, match='host "machine1" has no doas-that'):
        connect(ansible_pot_privilege_command="doas").exec_command("mkdir /tmp/x", in_data=in_data)


def test_privilege_command_runs_jexec(host):
    inside = host.pot("chat")
    host.command("doas", '#!/bin/sh\ntest "$1" = -n || exit 9\nshift\nexec "$@"\n')
    assert connect(ansible_pot_privilege_command="doas").exec_command("pwd")[1].decode() == f"{inside}\n"


def test_without_the_right_to_enter(host):
    host.pot("chat")
    (host.path / "denied").touch()
    with pytest.raises(AnsibleConnectionFailure, match="may not enter pots"):
        connect().exec_command("true")


def test_missing_python_is_named_for_modules_only(host):
    host.pot("chat")
    command = "/usr/local/bin/python3.99"
    with pytest.raises(AnsibleError, match='no Python in pot "chat".*python3.99 was not found.*pot_jail.*python311'):
        connect().exec_command(command, in_data=b"#!/usr/bin/python")
    with pytest.raises(AnsibleError, match="no Python in pot"):
        connect().exec_command(command + " /root/AnsiballZ_ping.py")
    assert connect().exec_command(command)[0] == 127


def test_an_unreachable_host_stays_unreachable(monkeypatch):
    plugin = connect()

    def fail(*args, **kwargs):
        raise AnsibleConnectionFailure("Failed to connect to the host via ssh: no route")

    monkeypatch.setattr(plugin._outer, "exec_command", fail)
    with pytest.raises(AnsibleConnectionFailure, match="no route"):
        plugin.exec_command("true")


# Become

SUDO = """#!/bin/sh
# What Ansible's become plugin calls: sudo -H -S [-n | -p PROMPT] -u USER COMMAND...
while :; do
  case $1 in
    -H|-S) shift ;;
    -n) shift ;;
    -p) printf %s "$2" >&2; read -r answer
        test "$answer" = secret || { echo 'Sorry, try again.' >&2; exit 1; }; shift 2 ;;
    -u) shift 2 ;;
    *) break ;;
  esac
done
exec "$@"
"""


def become(plugin, password=None):
    sudo = become_loader.get("sudo")
    options = {"ansible_become_pass": password} if password else {}
    sudo.set_options(
        var_options={"ansible_become_user": "synapse", "ansible_become_exe": options.pop("exe", "sudo"), **options}
    )
    plugin.set_become_plugin(sudo)
    return sudo


def test_the_outer_plugin_does_not_know_of_become(host, monkeypatch):
    host.pot("chat")
    plugin = connect()
    seen = []
    original = plugin._outer.exec_command

    def spy(cmd, in_data=None, sudoable=True):
        seen.append((plugin._outer.become, sudoable))
        return original(cmd, in_data=in_data, sudoable=sudoable)

    monkeypatch.setattr(plugin._outer, "exec_command", spy)
    become(plugin)
    command = plugin.become.build_become_command("cat", plugin._shell).replace(
        "sudo", str(host.command("sudo", SUDO)), 1
    )
    assert plugin.exec_command(command, in_data=b'{"payload": 1}') == (0, b'{"payload": 1}', b"")
    assert seen == [(None, False)]


def test_a_become_password_is_given_inside_the_pot(host):
    host.pot("chat")
    plugin = connect()
    become(plugin, "secret")
    command = plugin.become.build_become_command("cat", plugin._shell).replace(
        "sudo", str(host.command("sudo", SUDO)), 1
    )
    assert plugin.exec_command(command, in_data=b'{"payload": 1}') == (0, b'{"payload": 1}', b"")


def test_a_stopped_pot_is_named_when_a_become_password_is_due(host):
    host.pot("chat", running=False)
    plugin = connect()
    become(plugin, "secret")
    command = plugin.become.build_become_command("true", plugin._shell)
    with pytest.raises(AnsibleConnectionFailure, match="is stopped"):
        plugin.exec_command(command)


DOAS = """#!/bin/sh
test "$1 $2 $3" = "-n -u root" || { echo 'doas: Operation not permitted' >&2; exit 1; }
shift 3
echo became >> HOST/doas.log
exec "$@"
"""


def become_root(plugin, method="sudo", **options):
    """As the task executor does it: the connection has the plugin before the plugin has its options."""
    become = become_loader.get(method)
    plugin.set_become_plugin(become)
    become.set_options(var_options=options)
    # Ansible wraps the command where the user is another one, or is not said.
    return plugin.become.build_become_command("cat; id -u >/dev/null", plugin._shell)


@pytest.mark.parametrize("privilege", ["none", "sudo"])
def test_root_is_who_the_login_user_becomes_on_the_host(host, privilege):
    host.pot("chat")
    host.command("doas", DOAS)
    plugin = connect(ansible_pot_privilege_command=privilege)
    command = become_root(plugin, "potluck.matrix.doas")
    assert command == "cat; id -u >/dev/null"
    assert plugin.exec_command(command, in_data=b'{"payload": 1}') == (0, b'{"payload": 1}', b"")
    assert (host.path / "doas.log").read_text() == "became\n"
    assert plugin._outer.become is None


@pytest.mark.usefixtures("small_pieces")
def test_so_are_files_copied(host, tmp_path):
    inside = host.pot("chat")
    host.command("doas", DOAS)
    plugin = connect()
    become_root(plugin, "potluck.matrix.doas")
    (tmp_path / "local").write_bytes(b"x" * (2**20 + 1))
    plugin.put_file(str(tmp_path / "local"), str(inside / "x"))
    plugin.fetch_file(str(inside / "x"), str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == (inside / "x").read_bytes() == b"x" * (2**20 + 1)
    assert (host.path / "doas.log").exists()


def test_a_password_is_given_on_the_host_and_limits_hold(host, monkeypatch):
    host.pot("chat")
    host.command("sudo", SUDO)
    plugin = connect()
    command = become_root(plugin, ansible_become_password="secret")
    assert plugin.exec_command(command, in_data=b'{"payload": 1}') == (0, b'{"payload": 1}', b"")
    monkeypatch.setattr(pot_module, "OUTPUT_LIMIT", 10)
    with pytest.raises(AnsibleError, match="sent more than the 10 bytes"):
        plugin.run("echo 01234567890123456789", output_limit=10)


@pytest.mark.parametrize(
    "method, program, options, said",
    [
        ("sudo", SUDO, {"ansible_become_password": "wrong"}, 'sudo on host "machine1" does not let.*become root'),
        ("potluck.matrix.doas", DOAS, {"ansible_become_flags": "-C /x"}, "doas on host.*become root.*not permitted"),
        ("potluck.matrix.doas", DOAS, {"ansible_become_exe": "doaz"}, "has no doaz, which ansible_become_method"),
    ],
)
def test_who_does_not_become_root_is_told_why(host, method, program, options, said):
    host.pot("chat")
    host.command(method.rpartition(".")[2], program)
    plugin = connect()
    command = become_root(plugin, method, **options)
    with pytest.raises(AnsibleConnectionFailure, match=said):
        plugin.exec_command(command)


def test_a_stopped_pot_is_named_to_who_becomes_root(host):
    host.pot("chat", running=False)
    host.command("doas", DOAS)
    plugin = connect()
    with pytest.raises(AnsibleConnectionFailure, match="is stopped"):
        plugin.exec_command(become_root(plugin, "potluck.matrix.doas"))
    assert (host.path / "doas.log").read_text() == "became\n" * 2


# Files


@pytest.fixture
def small_pieces(monkeypatch):
    """Pieces of one MiB, so that small files need several."""
    monkeypatch.setattr(transfer, "PUT_PIECE", transfer.MIB)
    monkeypatch.setattr(transfer, "FETCH_PIECE", transfer.MIB)


NAMES = ["plain", "with blank", "quo\"te's", "new\nline", "-dash", "back\\slash", "wow!", "ü$HOME`id`", "*"]


@pytest.mark.parametrize("name", NAMES)
def test_names(host, tmp_path, name):
    inside = host.pot("chat")
    local = tmp_path / "local"
    local.write_bytes(b"content\0\n")
    plugin = connect()
    plugin.put_file(str(local), str(inside / name))
    assert (inside / name).read_bytes() == b"content\0\n"
    assert os.stat(inside / name).st_mode & 0o777 == 0o600
    plugin.fetch_file(str(inside / name), str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == b"content\0\n"
    plugin.put_file(str(local), name + "2")
    plugin.fetch_file(name + "2", str(tmp_path / "back2"))
    assert sorted(os.listdir(inside)) == sorted([name, name + "2"])


@pytest.mark.parametrize("size", [0, 1, 2**20 - 1, 2**20, 2**20 + 1, 3 * 2**20])
@pytest.mark.usefixtures("small_pieces")
def test_sizes(host, tmp_path, size):
    inside = host.pot("chat")
    data = os.urandom(size)
    (tmp_path / "local").write_bytes(data)
    plugin = connect()
    plugin.put_file(str(tmp_path / "local"), str(inside / "x"))
    assert (inside / "x").read_bytes() == data
    plugin.fetch_file(str(inside / "x"), str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == data


def test_64_mib(host, tmp_path):
    inside = host.pot("chat")
    data = os.urandom(2**16) * 1024
    (tmp_path / "local").write_bytes(data)
    plugin = connect()
    plugin.put_file(str(tmp_path / "local"), str(inside / "x"))
    plugin.fetch_file(str(inside / "x"), str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == data


def test_a_planted_link_is_replaced_not_followed(host, tmp_path):
    inside = host.pot("chat")
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (inside / "x").symlink_to(victim)
    (tmp_path / "local").write_text("new")
    connect().put_file(str(tmp_path / "local"), str(inside / "x"))
    assert victim.read_text() == "untouched"
    assert not (inside / "x").is_symlink() and (inside / "x").read_text() == "new"


def test_a_full_disk_leaves_neither_target_nor_remains(host, tmp_path):
    inside = host.pot("chat")
    (inside / "x").write_text("old")
    (tmp_path / "local").write_bytes(b"x" * 100_000)
    plugin = connect()
    run = plugin.run
    # The limit is in blocks of 512 bytes; XFSZ would kill dd without a word.
    plugin.run = lambda command, **more: run("trap '' XFSZ; ulimit -f 10; " + command, **more)
    with pytest.raises(AnsibleError, match='failed to write .*/x in pot "chat": dd: .*File too large'):
        plugin.put_file(str(tmp_path / "local"), str(inside / "x"))
    assert os.listdir(inside) == ["x"] and (inside / "x").read_text() == "old"


def test_errors(host, tmp_path):
    inside = host.pot("chat")
    plugin = connect()
    with pytest.raises(AnsibleFileNotFound):
        plugin.put_file(str(tmp_path / "none"), "/x")
    (tmp_path / "local").write_text("x")
    with pytest.raises(AnsibleError, match='failed to write /nosuchdir/x in pot "chat": .*No such file'):
        plugin.put_file(str(tmp_path / "local"), "/nosuchdir/x")
    with pytest.raises(AnsibleError, match="is a directory"):
        plugin.put_file(str(tmp_path / "local"), str(inside))
    with pytest.raises(AnsibleError, match='failed to read /nosuch in pot "chat": .*No such file'):
        plugin.fetch_file("/nosuch", str(tmp_path / "back"))


# What a hostile pot answers: its shell, wc and dd are its own.


def own_command(host, name, script):
    """Replace a command of the pot by a shell script; returns the pot's directory."""
    inside = host.path / "jails/chat"
    if not inside.exists():
        host.pot("chat")
    (inside / name).write_text("#!/bin/sh\n" + script)
    (inside / name).chmod(0o755)
    jexec = host.path / "bin/jexec"
    jexec.write_text(jexec.read_text().replace("PATH=/sbin", "PATH=.:/sbin"))
    return inside


@pytest.mark.parametrize("size", ["1099511627776", "-1", "garbage", "", "0", "9" * 5000])
def test_no_size_that_a_pot_states_is_believed(host, tmp_path, size):
    inside = own_command(host, "wc", f"echo {size}\n")
    (inside / "file").write_text("content")
    connect().fetch_file(str(inside / "file"), str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == "content"


@pytest.mark.usefixtures("small_pieces")
def test_a_file_without_an_end_is_refused_at_the_limit(host, tmp_path):
    own_command(host, "dd", "exec head -c 1048576 /dev/zero")
    (tmp_path / "back").write_text("what was there before")
    with pytest.raises(AnsibleError, match="more than the 3 MiB .* set ansible_pot_fetch_limit"):
        connect(ansible_pot_fetch_limit=3).fetch_file("/x", str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == "what was there before"
    assert not list(tmp_path.glob("back.part-*"))


def test_a_file_of_just_the_limit_is_fetched(host, tmp_path):
    inside = host.pot("chat")
    (inside / "x").write_bytes(bytes(2**20))
    connect(ansible_pot_fetch_limit=1).fetch_file(str(inside / "x"), str(tmp_path / "back"))
    assert (tmp_path / "back").stat().st_size == 2**20


def peak_growth(call):
    """By how many bytes the memory of a process grows at most while it makes a call; the test's own has a past, so it
    is another one.
    """

    def measure(results):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        call()
        results.put((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)

    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    child = context.Process(target=measure, args=(results,))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    return results.get()


@pytest.mark.parametrize("command", ["exec cat /dev/zero", "(exec cat /dev/zero) & exec cat /dev/zero >&2"])
@pytest.mark.parametrize("in_data", [None, b"module"])
def test_output_without_an_end_is_refused(host, command, in_data):
    host.pot("chat")

    def call():
        with pytest.raises(AnsibleError, match="sent more than the 16777216 bytes"):
            connect().exec_command(command, in_data=in_data)

    assert peak_growth(call) < 200 * pot_module.MIB


def test_errors_without_an_end_are_cut(host):
    host.pot("chat")
    rc, dummy, stderr = connect().exec_command("exec cat /dev/zero >&2")
    assert rc != 0 and stderr.startswith(b"\\x00\\x00") and len(stderr) <= 4 * pot_module.MIB


def test_a_piece_that_is_longer_than_asked_for_is_refused(host, tmp_path):
    own_command(host, "dd", "exec cat /dev/zero")
    with pytest.raises(AnsibleError, match="sent more than"):
        connect().fetch_file("/x", str(tmp_path / "back"))
    assert not list(tmp_path.glob("back*"))


FACTS = '{"ansible_facts": {"matrix_remote_log_ca_file": "/etc/shadow"}, "changed": false}'


@pytest.mark.parametrize(
    "in_data, command",
    [
        (b"module", "cat >/dev/null; "),
        (None, ": /root/.ansible/tmp/AnsiballZ_command.py; "),
        # A module that is a program, or a script of the old kind.
        (None, ": /root/.ansible/tmp/ansible-tmp-1-2-3/site_facts; "),
    ],
)
@pytest.mark.parametrize("around", ["{}", "Welcome!\n  {}", "{}\nbye", '\n\n{}{{"a": 1}}\n'])
def test_facts_of_a_module_arrive_as_data(host, in_data, command, around):
    host.pot("chat")
    script = command + "cat <<EOF\n" + around.format(FACTS) + "\nEOF\n"
    rc, stdout, dummy = connect().exec_command(script, in_data=in_data)
    assert (rc, json.loads(stdout)) == (
        0,
        {"pot_facts": {"matrix_remote_log_ca_file": "/etc/shadow"}, "changed": False},
    )


def test_what_else_is_run_from_ansibles_directory_may_print_anything(host):
    host.pot("chat")
    for words in ("mkdir ok", "{ not JSON", '["a list"]'):
        assert (
            connect().exec_command(f": /root/.ansible/tmp/ansible-tmp-1-2-3/script.sh; echo '{words}'")[1]
            == words.encode() + b"\n"
        )


def test_what_a_command_prints_can_not_steer_a_terminal(host):
    host.pot("chat")
    printed = r"printf 'a\033[2Jb\tc\r\nd\re\302\233f\303\274\n'; printf '\033]0;x\007' >&2"
    assert connect().exec_command(printed) == (0, b"a\\x1b[2Jb\tc\r\nd\\re\\x9bf\xc3\xbc\n", b"\\x1b]0;x\\x07")


@pytest.mark.parametrize(
    "call",
    [
        lambda plugin, path: plugin.exec_command(
            "printf '/\\033[2Jpython3.11: not found\\n' >&2; exit 127", in_data=b"module"
        ),
        lambda plugin, path: plugin.fetch_file("/\x1bnowhere", str(path / "back")),
        lambda plugin, path: plugin.put_file(str(path / "local"), "/nowhere/x"),
    ],
)
def test_no_error_can_steer_one_either(host, tmp_path, call):
    inside = own_command(host, "dd", "printf '\\033[2J' >&2; exit 1")
    own_command(host, "rm", "printf '\\033[2J' >&2; exit 1")
    assert inside.is_dir()
    (tmp_path / "local").write_text("x")
    with pytest.raises(AnsibleError, match=r"\\x1b") as caught:
        call(connect(), tmp_path)
    assert "\x1b" not in str(caught.value).replace("/\x1bnowhere", "")


def test_nor_can_a_pot_that_is_not_entered_or_ends_like_a_lost_connection(host, monkeypatch):
    host.pot("chat")
    host.command("jexec", "#!/bin/sh\nprintf '\\033[2J' >&2; exit 1\n")
    with pytest.raises(AnsibleConnectionFailure, match=r'cannot enter pot "chat" on host "machine1": \\x1b\[2J$'):
        connect().exec_command("true")
    plugin = connect()

    def fail(*args, **kwargs):
        raise AnsibleAuthenticationFailure("Failed to connect to the host via ssh: \x1b[2J")

    monkeypatch.setattr(plugin._outer, "exec_command", fail)
    with pytest.raises(AnsibleAuthenticationFailure, match=r"\\x1b\[2J"):
        plugin.exec_command("true")


def test_a_pot_is_not_asked_for_its_python(host):
    host.pot("chat")
    plugin = connect()
    variables = {"ansible_pot_name": "chat", "inventory_hostname": "chat"}

    class Action:
        def _low_level_execute_command(self, command, sudoable):
            return dict(zip(("rc", "stdout", "stderr"), plugin.exec_command(command, sudoable=sudoable)))

    with pytest.raises(AnsibleError, match='set ansible_python_interpreter for pot "chat"'):
        discover_interpreter(Action(), "python", "auto", variables)


# Signs of life


@pytest.fixture
def ssh_config(tmp_path, monkeypatch):
    """Writes an ssh that knows of no other ssh_config than the given one."""

    def write(text):
        (tmp_path / "config").write_text(text)
        program = tmp_path / "ssh"
        program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {tmp_path}/config "$@"\n')
        program.chmod(0o755)
        return {
            "ansible_pot_host_connection": "ssh",
            "ansible_ssh_executable": str(program),
            "ansible_host": "10.0.0.9",
            "ansible_user": "admin",
            "ansible_ssh_args": "-C -o ControlMaster=auto -o ControlPersist=60s",
        }  # Ansible's own

    return write


def ssh_would_use(plugin):
    """(ServerAliveInterval, ServerAliveCountMax, ControlPath) of the connection to the host."""
    plugin.ready()
    plugin._outer.host = "10.0.0.9"
    command = plugin._outer._build_command(plugin._outer.get_option("ssh_executable"), "ssh", "-G", "10.0.0.9")
    said = dict(
        line.split(" ", 1)
        for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        if " " in line
    )
    return int(said["serveraliveinterval"]), int(said["serveralivecountmax"]), said["controlpath"]


def test_ssh_notices_that_the_host_is_gone(ssh_config):
    variables = ssh_config("")
    interval, count, path = ssh_would_use(connect(**variables))
    assert (interval, count) == (15, 4)
    # The host's own connection may have been opened without.
    assert os.path.basename(path) != os.path.basename(connection_path(variables))
    assert len(path) == len(connection_path(variables))


def connection_path(variables):
    """ControlPath of ansible.builtin.ssh to the same host."""
    outer = connection_loader.get("ssh", PlayContext())
    outer.set_options(var_options=variables)
    outer.host = "10.0.0.9"
    command = outer._build_command("ssh", "ssh", "10.0.0.9")
    return (
        next(word for word in map(os.fsdecode, command) if word.startswith("ControlPath=")).partition("=")[2].strip('"')
    )


@pytest.mark.parametrize("option", ["ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"])
@pytest.mark.parametrize("interval", [0, 40])
def test_ssh_arguments_have_the_last_word(ssh_config, option, interval):
    variables = ssh_config("ServerAliveInterval 7\n")
    words = "-o ControlPersist=60s -o serverAliveInterval=%d" % interval
    found, dummy, path = ssh_would_use(connect(**{**variables, option: words}))
    assert found == interval
    assert path == connection_path({**variables, option: words})


def test_so_has_ssh_config(ssh_config):
    variables = ssh_config(
        "Host 10.0.0.9\n  Port 2222\nMatch originalhost 10.0.0.9 user admin\n  ServerAliveInterval 40\n  "
        "ServerAliveCountMax 2\n"
    )
    assert ssh_would_use(connect(**variables)) == (40, 2, connection_path(variables))
    other = ssh_config("Host elsewhere\n  ServerAliveInterval 40\nHost *\n  ServerAliveCountMax 9\n")
    assert ssh_would_use(connect(**other))[:2] == (15, 4)


def test_more_arguments_of_the_user_stay(ssh_config):
    plugin = connect(**ssh_config(""), ansible_ssh_extra_args="-o ServerAliveCountMax=2 -o LogLevel=ERROR")
    assert ssh_would_use(plugin)[:2] == (15, 2)
    assert plugin._outer.get_option("ssh_extra_args").startswith("-o ServerAliveCountMax=2 -o LogLevel=ERROR ")
    plugin.ready()
    assert plugin._outer.get_option("ssh_extra_args").count("ServerAliveInterval") == 1


@pytest.mark.usefixtures("small_pieces")
def test_an_outer_plugin_without_standard_input(host, tmp_path, monkeypatch):
    inside = host.pot("chat")
    plugin = connect()
    original = plugin._outer.exec_command

    def without_input(cmd, in_data=None, sudoable=True):
        assert not in_data
        return original(cmd, sudoable=sudoable)

    monkeypatch.setattr(plugin._outer, "exec_command", without_input)
    monkeypatch.setattr(plugin._outer, "has_pipelining", False)
    before = set(os.listdir("/tmp"))
    data = os.urandom(2**20 + 5)
    (tmp_path / "local").write_bytes(data)
    plugin.put_file(str(tmp_path / "local"), str(inside / "x"))
    assert (inside / "x").read_bytes() == data
    assert not [name for name in set(os.listdir("/tmp")) - before if name.startswith("pot-transfer")]
