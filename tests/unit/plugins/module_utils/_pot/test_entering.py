# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import shutil
import subprocess

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._pot import entering as m
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

MARKER = "entered-pot-0123456789abcdef"

# tcsh is what /bin/csh is on FreeBSD; tests/tools/system-packages installs it.
LOGIN_SHELLS = ["sh", "tcsh"]

# Ordinary text, and text made of little but what some shell finds special.
TEXT = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60),
    st.text(st.sampled_from("!\n\\'\"`$;&|<>(){}[]*?~#^%=: \tab"), max_size=40),
)


@pytest.fixture
def jexec(tmp_path, monkeypatch):
    """A jexec that runs the command it is given, as the real one does in a running jail."""
    path = tmp_path / "jexec"
    path.write_text('#!/bin/sh\ntest "$1 $2" = "-l chat" || exit 99\nshift 2\nexec "$@"\n')
    path.chmod(0o755)
    monkeypatch.setattr(m, "JEXEC", str(path))


def through(login_shell, command, data=b"", limits=(2**20, 2**16)):
    """Run a command as sshd would: the login user's shell gets it as one argument of -c."""
    line = m.enter_command("chat", command, MARKER, limits=limits)
    done = subprocess.run(
        [shutil.which(login_shell), "-c", line],
        input=data,
        capture_output=True,
        timeout=20,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C"},
    )
    return done.returncode, *m.strip_marker(MARKER, done.stdout, done.stderr)


def single_quoted(text):
    return "'" + text.replace("'", "'\"'\"'") + "'"


@pytest.mark.parametrize("login_shell", LOGIN_SHELLS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXT)
@example(text="wow!")
@example(text="!!")
@example(text="a\\!b")
@example(text="back\\slash \\\\ \\n \\0101 \\")
@example(text="line one\nline two\n\n")
@example(text="ends with backslash newline \\\n")
@example(text="%s %b %%")
@example(text="Ü中\U0001f600")
@example(text="\x7f\x80\x01")
@example(text="'" * 40)
def test_any_text_reaches_the_pot_unchanged(jexec, login_shell, text):
    assert through(login_shell, "printf %s " + single_quoted(text)) == (0, True, text.encode(), b"")


@pytest.mark.parametrize("login_shell", LOGIN_SHELLS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXT)
def test_so_does_a_command_that_ansible_has_wrapped_twice(jexec, login_shell, text):
    inner = "/bin/sh -c " + single_quoted("printf %s " + single_quoted(text))
    assert through(login_shell, "/bin/sh -c " + single_quoted(inner)) == (0, True, text.encode(), b"")


@pytest.mark.parametrize("login_shell", LOGIN_SHELLS)
@pytest.mark.parametrize("text", ["x" * 100_000, "ab !" * 10_000, "zeile\n" * 5_000])
def test_long_commands(jexec, login_shell, text):
    assert through(login_shell, "printf %s " + single_quoted(text)) == (0, True, text.encode(), b"")


@pytest.mark.parametrize("login_shell", LOGIN_SHELLS)
def test_bytes_that_are_not_utf8(jexec, login_shell):
    text = b"\xff\xfe caf\xe9".decode("utf-8", "surrogateescape")
    assert through(login_shell, "printf %s " + single_quoted(text)) == (0, True, b"\xff\xfe caf\xe9", b"")


@pytest.mark.parametrize("login_shell", LOGIN_SHELLS)
@pytest.mark.parametrize("limits", [None, (2**20, 2**16)])
@pytest.mark.parametrize("rc", [0, 1, 2, 127, 254])
def test_exit_code_streams_and_input_pass_through(jexec, login_shell, rc, limits):
    data = bytes(range(256)) * 100
    assert through(login_shell, "cat; echo err >&2; exit %d" % rc, data, limits) == (rc, True, data, b"err\n")


@pytest.mark.parametrize("login_shell", LOGIN_SHELLS)
def test_no_more_than_the_limits_passes(jexec, login_shell):
    long = "yes | head -c 100000; exit 3"
    assert through(login_shell, long, limits=(100000, 1000)) == (3, True, b"y\n" * 50000, b"")
    assert through(login_shell, long, limits=(7, 1000)) == (3, True, b"y\ny\ny\ny", b"")
    rc, entered, stdout, stderr = through(login_shell, "yes >&2", limits=(7, 1000))
    assert (entered, stdout, len(stderr)) == (True, b"", 1000 - len(MARKER) - 1) and rc != 0


@pytest.mark.parametrize("login_shell", LOGIN_SHELLS)
def test_input_that_nobody_reads_hinders_nothing(jexec, login_shell):
    assert through(login_shell, "echo done", b"x" * 1_000_000) == (0, True, b"done\n", b"")


@pytest.mark.parametrize("login_shell", LOGIN_SHELLS)
def test_a_syntax_error_is_the_commands_own_fault(jexec, login_shell):
    rc, entered, stdout, stderr = through(login_shell, "echo (")
    assert rc == 2 and entered and b"yntax" in stderr


def test_command_line_of_each_privilege_command():
    assert m.enter_command("chat", "id", "M") == (
        "/usr/sbin/jexec -l chat /bin/sh -c 'echo M >&2; exec /bin/sh -c \"$1\"' sh 'id'"
    )
    assert m.enter_command("chat", "id", "M", "doas").startswith("doas -n /usr/sbin/jexec -l chat ")
    assert m.enter_command("chat", "id", "M", "sudo").startswith("sudo -n /usr/sbin/jexec -l chat ")
    limited = m.enter_command("chat", "id", "M", "sudo", (10, 20))
    assert limited.startswith("/bin/sh -c ") and limited.endswith(
        " sh 10 20 " + m.enter_command("chat", "id", "M", "sudo")
    )


@pytest.mark.parametrize("name", ["chat", "chat-example-org", "a", "_x", "1a", "a+b", "x" * 55])
def test_valid_names(name):
    assert m.valid_pot_name(name)


@pytest.mark.parametrize("name", ["", "12", "a.b", "-x", "a b", "a/b", "a;b", "a\n", "ä", "x" * 56, None, 7])
def test_invalid_names(name):
    assert not m.valid_pot_name(name)


@pytest.mark.parametrize(
    "stdout, stderr, result",
    [
        (b"out", b"M\nerr", (True, b"out", b"err")),
        (b"M\r\nout", b"", (True, b"out", b"")),
        (b"out", b"before\nM\nafter", (True, b"out", b"before\nafter")),
        (b"M\n", b"M\nM\n", (True, b"M\n", b"M\n")),
        (b"out", b"err", (False, b"out", b"err")),
    ],
)
def test_strip_marker(stdout, stderr, result):
    assert m.strip_marker("M", stdout, stderr) == result


@pytest.mark.parametrize(
    "privilege, text, words",
    [
        ("doas", "sh: doas: not found", ["no doas", "ansible_pot_privilege_command"]),
        ("doas", "sh: 1: doas: not found", ["no doas"]),
        ("doas", "doas: Command not found.", ["no doas"]),
        ("sudo", "bash: line 1: sudo: command not found", ["no sudo"]),
        ("doas", "doas: Operation not permitted", ['doas on host "h" does not let', "without a password"]),
        ("doas", "doas: Authorization required", ["without a password"]),
        ("sudo", "sudo: a password is required", ['sudo on host "h" does not let', "without a password"]),
        ("sudo", "joe is not in the sudoers file.", ["without a password"]),
        (
            "none",
            "jexec: jail_attach(5): Operation not permitted",
            ["may not enter pots", "ansible_become_method", "doas or sudo"],
        ),
        ("none", "jexec: execvp: /bin/sh: No such file or directory", ["no /bin/sh"]),
        ("none", "/usr/sbin/jexec: Command not found.", ["no /usr/sbin/jexec", "FreeBSD"]),
        ("none", "sh: /usr/sbin/jexec: not found", ["no /usr/sbin/jexec"]),
        ("sudo", "sudo: /usr/sbin/jexec: command not found", ["no /usr/sbin/jexec"]),
        (
            "none",
            "\nThis account is currently not available.\n",
            ["cannot enter", "This account is currently not available."],
        ),
        ("none", "", ["cannot enter", "said nothing"]),
    ],
)
def test_explain_failure(privilege, text, words):
    sentence = m.explain_failure(text, "chat", "h", privilege)
    assert all(word in sentence for word in words), sentence


@pytest.mark.parametrize(
    "become, text, words",
    [
        ("doas", "sh: doas: not found", ["no doas", "ansible_become_method"]),
        ("doas", "doas: Authorization required", ['doas on host "h" does not let', "become root"]),
        ("sudo", "Missing sudo password", ['sudo on host "h" does not let', "become root", "Missing sudo password"]),
        ("sudo", "joe is not in the sudoers file.", ["become root"]),
        ("c++", "c++: not found", ["no c++"]),
        ("sudo", "jexec: execvp: /bin/sh: No such file or directory", ["no /bin/sh"]),
    ],
)
def test_failure_to_become_root(become, text, words):
    sentence = m.explain_failure(text, "chat", "h", become=become)
    assert all(word in sentence for word in words), sentence


@pytest.mark.parametrize(
    "text, python",
    [
        ("/bin/sh: 1: /usr/local/bin/python3.11: not found", "/usr/local/bin/python3.11"),
        ("/usr/local/bin/python3.11: not found", "/usr/local/bin/python3.11"),
        ("/usr/bin/python3: No such file or directory", "/usr/bin/python3"),
        ("python3: Command not found.", "python3"),
        ("sh: foo: not found", None),
        ("python3: can't open file", None),
    ],
)
def test_missing_python(text, python):
    assert m.missing_python(text) == python
