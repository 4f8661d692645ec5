# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command lines that enter a pot, and what it means when one does not get in.

Pure text in, text out: nothing here runs a command.
"""

from __future__ import annotations

import re

JEXEC = '/usr/sbin/jexec'
JLS = '/usr/sbin/jls'
POT = '/usr/local/bin/pot'

# Non-interactive on purpose: a question nobody can answer must be an error, not a hang.
PRIVILEGE_COMMANDS = {'none': (), 'doas': ('doas', '-n'), 'sudo': ('sudo', '-n')}

# pot itself only refuses dots; blanks, slashes and all-digit names (jexec takes those for a jid) break it later.
_POT_NAME = re.compile(r'(?![0-9]+\Z)[A-Za-z0-9_][A-Za-z0-9_+-]{0,63}\Z')


def valid_pot_name(name):
    """True when pot, zfs and jexec all understand C(name) as the name of a pot."""
    return isinstance(name, str) and _POT_NAME.match(name) is not None


def quote(word):
    """Quote one word for a login shell that may be sh, csh or tcsh.

    Only for words of printable ASCII without C(!): no quoting of a newline or of C(!) means the same in both families.
    """
    return "'" + word.replace("'", "'\\''") + "'"


def _is_plain(octet):
    return 0x20 <= octet < 0x7f and octet != 0x21  # 0x21 is csh's history character, special even between quotes


def enter_command(pot, command, marker, privilege='none'):
    """The command line for the host's login shell that runs C(command) with /bin/sh inside C(pot).

    C(marker) is printed on standard error from inside the pot before C(command) runs: whoever does not see it knows that
    a failure happened on the way in, whatever the exit code (jexec's own failures are all 1, like many a command's).
    C(command) may hold any character but NUL; what csh and sh do not quote alike crosses the login shell as octal.
    """
    octets = command.encode('utf-8', 'surrogateescape')
    if all(map(_is_plain, octets)):
        run = 'exec /bin/sh -c "$1"'
        word = command
    else:
        # The dot keeps $(…) from eating newlines at the end.
        run = 'c=$(printf %b. "$1"); exec /bin/sh -c "${c%.}"'
        word = ''.join(chr(o) if _is_plain(o) and o != 0x5c else '\\0%03o' % o for o in octets)
    words = list(PRIVILEGE_COMMANDS[privilege]) + [JEXEC, '-l', pot, '/bin/sh', '-c']
    return ' '.join(words + [quote('echo %s >&2; %s' % (marker, run)), 'sh', quote(word)])


def probe_command(pot, privilege='none'):
    """A command line for the host that prints running, stopped, missing or no-pot; prints nothing when it may not look."""
    script = (
        'if {jls} -j {pot} jid >/dev/null 2>&1; then echo running; exit 0; fi; '
        'test -x {cli} || {{ echo no-pot; exit 0; }}; '
        'root=$({cli} config -qg fs_root 2>/dev/null) || exit 1; ls "$root/jails" >/dev/null 2>&1 || exit 1; '
        'if test -d "$root/jails/{pot}"; then echo stopped; else echo missing; fi'
    ).format(jls=JLS, cli=POT, pot=pot)
    return ' '.join(list(PRIVILEGE_COMMANDS[privilege]) + ['/bin/sh', '-c', quote(script)])


def strip_marker(marker, stdout, stderr):
    """Take the line that enter_command() makes the pot print out of the output.

    Returns (entered, stdout, stderr). It is looked for in both streams because a terminal merges them.
    """
    line = re.compile(re.escape(marker.encode()) + rb'\r?\n')
    stderr, on_stderr = line.subn(b'', stderr, count=1)
    on_stdout = 0
    if not on_stderr:
        stdout, on_stdout = line.subn(b'', stdout, count=1)
    return bool(on_stderr or on_stdout), stdout, stderr


def missing_jail(text, pot):
    """True when jexec says that no jail of this name runs."""
    return 'jexec: jail "%s" not found' % pot in text


def explain_failure(text, pot, host, privilege='none'):
    """One sentence for output that came without the marker, i.e. from the host and not from the pot."""
    where = 'pot "%s" on host "%s"' % (pot, host)
    said = '; '.join(line.strip() for line in text.splitlines() if line.strip()) or 'it said nothing'

    def not_found(command):  # as sh, csh and sudo put it
        return re.search(r'(?:^|[\s:/])%s: (?:command )?(?:not found|no such file)' % command, text, re.MULTILINE | re.IGNORECASE)

    if not_found('jexec'):
        return 'host "%s" has no %s: pots only live on FreeBSD' % (host, JEXEC)
    if PRIVILEGE_COMMANDS[privilege]:
        command = PRIVILEGE_COMMANDS[privilege][0]
        if not_found(command):
            return ('host "%s" has no %s, which ansible_pot_privilege_command asks for: install it there or choose another'
                    % (host, command))
        if re.search(r'^%s: |not in the sudoers file|is not allowed to execute' % command, text, re.MULTILINE):
            return ('%s on host "%s" does not let the login user run %s without a password, so %s cannot be entered: %s'
                    % (command, host, JEXEC, where, said))
    if re.search(r'^jexec: .*Operation not permitted', text, re.MULTILINE):
        return ('the login user of host "%s" may not enter pots: log in as root or set ansible_pot_privilege_command to doas or sudo'
                % host)
    if re.search(r'^jexec: execvp: /bin/sh: ', text, re.MULTILINE):
        return '%s has no /bin/sh: its file system is incomplete' % where
    return 'cannot enter %s: %s' % (where, said)


def explain_state(state, pot, host):
    """One sentence for a pot that does not run; C(state) is what probe_command() printed."""
    if state == 'stopped':
        return 'pot "%s" on host "%s" is stopped; start it with: pot start %s' % (pot, host, pot)
    if state == 'missing':
        return 'no pot named "%s" on host "%s"' % (pot, host)
    if state == 'no-pot':
        return 'no pot named "%s" on host "%s": pot itself is not installed there' % (pot, host)
    if state == 'running':
        return 'pot "%s" on host "%s" was not running a moment ago but is now: try again' % (pot, host)
    return 'pot "%s" does not run on host "%s" (stopped or not existing: the login user may not look)' % (pot, host)


def missing_python(text):
    """The interpreter that a shell in the pot did not find, or None."""
    found = re.search(r'(?:^|\s)(\S*python[0-9.]*): (?:[Cc]ommand )?(?:[Nn]ot found|No such file or directory)', text)
    return found.group(1) if found else None
