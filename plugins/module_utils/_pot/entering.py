# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command lines that enter a pot, and what it means when one does not get in.

Pure text in, text out: nothing here runs a command.
"""

from __future__ import annotations

import re

from ansible_collections.potluck.matrix.plugins.module_utils._matrix.pots import pot_name

JEXEC = "/usr/sbin/jexec"
JLS = "/usr/sbin/jls"
POT = "/usr/local/bin/pot"

# Non-interactive on purpose: a question nobody can answer must be an error, not a hang.
PRIVILEGE_COMMANDS = {"none": (), "doas": ("doas", "-n"), "sudo": ("sudo", "-n")}


def valid_pot_name(name):
    """True when pot, zfs and jexec all understand C(name) as the name of a pot."""
    try:
        return pot_name(name) == name
    except ValueError:
        return False


def quote(word):
    """Quote one word for a login shell that may be sh, csh or tcsh.

    Only for words of printable ASCII without C(!): no quoting of a newline or of C(!) means the same in both families.
    """
    return "'" + word.replace("'", "'\\''") + "'"


def _is_plain(octet):
    return 0x20 <= octet < 0x7F and octet != 0x21  # 0x21 is csh's history character, special even between quotes


# Runs its other arguments as a command of which no more than $1 bytes of standard output and $2 of standard error pass.
# The exit code is
# the command's. head(1) counts on the host, where the pot cannot stop it.
_LIMITED = (
    "o=$1; e=$2; shift 2; exec 3>&1 4>&2; "
    'r=$({ { { "$@" 3>&- 4>&- 5>&-; echo $? >&5; } | head -c "$o" >&3; } 2>&1 | head -c "$e" >&4; } 5>&1); exit '
    '"${r:-255}"'
)


def enter_command(pot, command, marker, privilege="none", limits=None):
    """The command line for the host's login shell that runs C(command) with /bin/sh inside C(pot).

    C(limits) is how many bytes of standard output and of standard error leave the host, for which it keeps some of them
    back until there are more or the command ends; None lets all pass at once.

    C(marker) is printed on standard error from inside the pot before C(command) runs: whoever does not see it knows
    that a failure happened on the way in, whatever the exit code (jexec's own failures are all 1, like many a
    command's). C(command) may hold any character but NUL; what csh and sh do not quote alike crosses the login shell as
    octal.
    """
    octets = command.encode("utf-8", "surrogateescape")
    if all(map(_is_plain, octets)):
        run = 'exec /bin/sh -c "$1"'
        word = command
    else:
        # The dot keeps $(…) from eating newlines at the end.
        run = 'c=$(printf %b. "$1"); exec /bin/sh -c "${c%.}"'
        word = "".join(chr(o) if _is_plain(o) and o != 0x5C else f"\\0{o:03o}" for o in octets)
    words = ["/bin/sh", "-c", quote(_LIMITED), "sh", *map(str, limits)] if limits else []
    words += [*PRIVILEGE_COMMANDS[privilege], JEXEC, "-l", pot, "/bin/sh", "-c"]
    return " ".join(words + [quote(f"echo {marker} >&2; {run}"), "sh", quote(word)])


def probe_command(pot, privilege="none"):
    """A command line for the host that prints running, stopped, missing or no-pot; prints nothing when it may not
    look.
    """
    script = (
        f"if {JLS} -j {pot} jid >/dev/null 2>&1; then echo running; exit 0; fi; "
        f"test -x {POT} || {{ echo no-pot; exit 0; }}; "
        f'root=$({POT} config -qg fs_root 2>/dev/null) || exit 1; ls "$root/jails" >/dev/null 2>&1 || exit 1; '
        f'if test -d "$root/jails/{pot}"; then echo stopped; else echo missing; fi'
    )
    return " ".join(list(PRIVILEGE_COMMANDS[privilege]) + ["/bin/sh", "-c", quote(script)])


def strip_marker(marker, stdout, stderr):
    """Take the line that enter_command() makes the pot print out of the output.

    Returns (entered, stdout, stderr). It is looked for in both streams because a terminal merges them.
    """
    line = re.compile(re.escape(marker.encode()) + rb"\r?\n")
    stderr, on_stderr = line.subn(b"", stderr, count=1)
    on_stdout = 0
    if not on_stderr:
        stdout, on_stdout = line.subn(b"", stdout, count=1)
    return bool(on_stderr or on_stdout), stdout, stderr


def missing_jail(text, pot):
    """True when jexec says that no jail of this name runs."""
    return f'jexec: jail "{pot}" not found' in text


def explain_failure(text, pot, host, privilege="none", become=""):
    """One sentence for output that came without the marker, i.e. from the host and not from the pot.

    become: the command by which the login user was to become root; C(privilege) is that by which it was to get no more
    than the right to enter.
    """
    where = f'pot "{pot}" on host "{host}"'
    said = "; ".join(line.strip() for line in text.splitlines() if line.strip()) or "it said nothing"

    def not_found(command):  # as sh, csh and sudo put it
        return re.search(
            rf"(?:^|[\s:/]){re.escape(command)}: (?:command )?(?:not found|no such file)",
            text,
            re.MULTILINE | re.IGNORECASE,
        )

    if not_found("jexec"):
        return f'host "{host}" has no {JEXEC}: pots only live on FreeBSD'
    command = become or "".join(PRIVILEGE_COMMANDS[privilege][:1])
    asked_by, right = "ansible_pot_privilege_command", f"run {JEXEC} without a password"
    if become:
        asked_by, right = "ansible_become_method", "become root"
    refusals = (
        rf"^{re.escape(command)}: |not in the sudoers file|is not allowed to execute|Sorry, try again"
        # What Ansible makes of it.
        "|(?:Missing|Incorrect) .*password"
    )
    if command and not_found(command):
        return f'host "{host}" has no {command}, which {asked_by} asks for: install it there or choose another'
    if command and re.search(refusals, text, re.MULTILINE):
        return f'{command} on host "{host}" does not let the login user {right}, so {where} cannot be entered: {said}'
    if re.search(r"^jexec: .*Operation not permitted", text, re.MULTILINE):
        return (
            f'the login user of host "{host}" may not enter pots: log in as root, or set ansible_become: true and '
            "ansible_become_method to potluck.matrix.doas or sudo"
        )
    if re.search(r"^jexec: execvp: /bin/sh: ", text, re.MULTILINE):
        return f"{where} has no /bin/sh: its file system is incomplete"
    return f"cannot enter {where}: {said}"


def explain_state(state, pot, host):
    """One sentence for a pot that does not run; C(state) is what probe_command() printed."""
    if state == "stopped":
        return f'pot "{pot}" on host "{host}" is stopped; start it with: pot start {pot}'
    if state == "missing":
        return f'no pot named "{pot}" on host "{host}"'
    if state == "no-pot":
        return f'no pot named "{pot}" on host "{host}": pot itself is not installed there'
    if state == "running":
        return f'pot "{pot}" on host "{host}" was not running a moment ago but is now: try again'
    return f'pot "{pot}" does not run on host "{host}" (stopped or not existing: the login user may not look)'


def looks_for_python(command):
    """True for the command by which Ansible discovers an interpreter (discover_interpreter() of its
    executor.interpreter_discovery).
    """
    return "echo FOUND; command -v " in command


def missing_python(text):
    """The interpreter that a shell in the pot did not find, or None."""
    found = re.search(r"(?:^|\s)(\S*python[0-9.]*): (?:[Cc]ommand )?(?:[Nn]ot found|No such file or directory)", text)
    return found.group(1) if found else None
