# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: pot
author:
  - potluck.matrix contributors (@potluck)
short_description: Run tasks inside a pot on a FreeBSD host
version_added: 0.1.0
description:
  - Enters a pot (a FreeBSD jail made by the C(pot) tool) through whatever connection reaches its host, and runs tasks in it as root.
  - The host is reached by another connection plugin, P(ansible.builtin.ssh#connection) unless told otherwise.
    Everything that plugin understands keeps working unchanged, be it a variable (C(ansible_host), C(ansible_user), C(ansible_port),
    C(ansible_ssh_*), C(ansible_password)), a keyword, a command line option, C(ansible.cfg) or the environment.
  - On the host a command runs as C(jexec -l POT /bin/sh -c ...). The login user's shell there may be C(sh), C(csh) or C(tcsh).
  - Files travel through the standard input and output of a command inside the pot. The host never opens a path below the pot's
    root, so a link that somebody plants in the pot leads nowhere but to the pot's own files.
options:
  pot_name:
    description:
      - Name of the pot.
    type: str
    required: true
    vars:
      - name: ansible_pot_name
  pot_host_connection:
    description:
      - The connection plugin that reaches the host, for example V(ssh), V(local) or V(ansible.builtin.paramiko_ssh).
      - A plugin that cannot feed a command's standard input works too, but more slowly. Files then pass through a
        temporary file on the host that only the login user can read.
    type: str
    default: ssh
    vars:
      - name: ansible_pot_host_connection
  pot_privilege_command:
    description:
      - How the login user on the host gets the right to run C(jexec). V(none) is for root.
      - V(doas) and V(sudo) are run with C(-n), so they must not need a password.
      - This is not C(become). C(become) happens inside the pot.
    type: str
    default: none
    choices: [none, doas, sudo]
    vars:
      - name: ansible_pot_privilege_command
  pipelining:
    description:
      - Send modules through the standard input of Python instead of copying them to a file first, which is several times faster.
    type: boolean
    default: true
    env:
      - name: ANSIBLE_PIPELINING
    ini:
      - section: defaults
        key: pipelining
      - section: connection
        key: pipelining
    vars:
      - name: ansible_pipelining
notes:
  - The pot must be running and needs Python; role P(potluck.matrix.pot_jail#role) sees to both. M(ansible.builtin.raw) works without Python.
  - The user inside the pot is root, whatever C(ansible_user) says. That one is for the host. Use C(become) to run a task as somebody else.
  - C(ansible_shell_type) is not used inside the pot. Its shell is always C(/bin/sh).
  - A pot that is stopped or does not exist makes the inventory host unreachable, as does a host that cannot be reached.
  - Set the connection with the play keyword C(connection) where tasks use C(delegate_to) to the controller. A variable
    C(ansible_connection) set for the whole play applies to the delegated host, too.
seealso:
  - plugin: ansible.builtin.ssh
    plugin_type: connection
  - module: potluck.matrix.pot
"""

EXAMPLES = r"""
# Two pots on one machine are two inventory hosts.
matrix:
  vars:
    ansible_python_interpreter: /usr/local/bin/python3.11
  hosts:
    chat.example.org:
      ansible_connection: potluck.matrix.pot
      ansible_host: machine1.example.net
      ansible_pot_name: chat-example-org
    # The login user is not root: doas lets it run /usr/sbin/jexec.
    talk.example.com:
      ansible_connection: potluck.matrix.pot
      ansible_host: machine1.example.net
      ansible_user: admin
      ansible_pot_name: talk-example-com
      ansible_pot_privilege_command: doas
"""

import os
import posixpath
import re
import secrets
import shlex
import tempfile

from ansible import constants as C
from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible.plugins.connection import ConnectionBase
from ansible.plugins.loader import connection_loader, get_shell_plugin
from ansible.utils.display import Display

from ansible_collections.potluck.matrix.plugins.module_utils import _pot_connection as enter

display = Display()

MIB = 1024 * 1024
# The outer plugin holds one piece in memory, some of them several times over while they collect output.
PUT_PIECE = 32 * MIB
FETCH_PIECE = 8 * MIB


class Connection(ConnectionBase):
    """Runs commands in a pot by handing command lines for the pot's host to another connection plugin."""

    transport = 'potluck.matrix.pot'
    has_pipelining = True
    has_tty = False  # jexec allocates none
    default_user = 'root'

    def __init__(self, play_context, *args, **kwargs):
        # What the host's login shell is (ansible_shell_type) says nothing about the pot, where /bin/sh runs everything.
        kwargs.pop('shell', None)
        super().__init__(play_context, *args, shell=get_shell_plugin(shell_type='sh', executable='/bin/sh'), **kwargs)
        self._outer = None
        self._outer_name = None
        self._outer_arguments = (args, kwargs)

    # The outer plugin and its options

    def _load_outer(self, name):
        """Make the plugin that reaches the host, unless the one in hand already is of that name."""
        if name == self._outer_name:
            return
        if self._outer is not None:
            self._outer.close()
        args, kwargs = self._outer_arguments
        outer = connection_loader.get(name, self._play_context, *args, **kwargs)
        if outer is None:
            raise AnsibleError('there is no connection plugin "%s" (ansible_pot_host_connection)' % name)
        if outer.transport == self.transport:
            raise AnsibleError('ansible_pot_host_connection must name the connection that reaches the host, not %s' % name)
        self._outer, self._outer_name = outer, name
        self.has_pipelining = outer.has_pipelining

    def _resolve_option_variables(self, variables, templar):
        # Ansible asks a plugin only for the variables of its own options, and asks anew for each item of a loop, where the
        # host may be another one: this is the place where the outer plugin gets to name its own.
        own = super()._resolve_option_variables(variables, templar)
        self._load_outer(C.config.get_config_value('pot_host_connection', plugin_type='connection', plugin_name=self._load_name, variables=own))
        return {**own, **self._outer._resolve_option_variables(variables, templar)}

    def set_options(self, task_keys=None, var_options=None, direct=None):
        """Also loads the plugin that reaches the host and hands it the task's and the variables' options; C(direct) is for this plugin alone."""
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        self._load_outer(self.get_option('pot_host_connection'))
        self._outer.set_options(task_keys=task_keys, var_options=var_options)

    def _ready(self):
        """The outer plugin with the present task's context."""
        if self._outer is None:
            self._load_outer(self.get_option('pot_host_connection'))
        self._outer._play_context = self._play_context
        if getattr(self._outer, '_is_tty_requested', bool)():
            raise AnsibleError('ssh is told to allocate a terminal (-t or RequestTTY in its arguments), which would change the data that '
                               'passes in and out of a pot: remove it for this host')
        return self._outer

    @property
    def connected(self):
        return self._outer is not None and self._outer.connected

    def _connect(self):
        # The outer plugin connects by itself when a command is run.
        return self

    # Entering the pot

    @property
    def _pot(self):
        name = self.get_option('pot_name')
        if not enter.valid_pot_name(name):
            raise AnsibleError('%r (ansible_pot_name) cannot be the name of a pot: letters, digits, "_", "+" and "-" only, not digits alone'
                               % (name,))
        return name

    @property
    def _host(self):
        try:
            return self._outer.get_option('host') or self._play_context.remote_addr
        except KeyError:
            return self._play_context.remote_addr

    def _become_asks(self):
        """True when become inside the pot will be given a password, the only case where the outer plugin must watch the output."""
        try:
            return self.become is not None and bool(self.become.get_option('become_pass', playcontext=self._play_context))
        except KeyError:
            return False

    def _run(self, command, in_data=None, sudoable=False, stdin_path=None):
        """Run a command in the pot as root: (exit code, stdout, stderr).

        AnsibleConnectionFailure when the pot was not entered. C(stdin_path) is a file on the host, not in the pot.
        """
        outer = self._ready()
        pot, privilege = self._pot, self.get_option('pot_privilege_command')
        marker = 'entered-pot-' + secrets.token_hex(8)
        line = enter.enter_command(pot, command, marker, privilege)
        if stdin_path:
            line += ' < ' + enter.quote(stdin_path)
        display.vvv('ENTER POT %s THROUGH %s: %s' % (pot, self._outer_name, to_text(command)), host=self._host)
        # The become command is part of the command and runs in the pot. An outer plugin that knows of it waits for a prompt or
        # a message of success before it sends any data, and misses why the pot was not entered.
        watch = sudoable and self._become_asks()
        outer.set_become_plugin(self.become if watch else None)
        try:
            rc, stdout, stderr = outer.exec_command(line, in_data=in_data, sudoable=watch)
        except AnsibleConnectionFailure:
            raise
        except AnsibleError as exc:
            if watch and enter.missing_jail(to_text(exc), pot):
                raise AnsibleConnectionFailure(self._why_not_running(pot, privilege)) from exc
            raise
        finally:
            outer.set_become_plugin(None)
        entered, stdout, stderr = enter.strip_marker(marker, stdout, stderr)
        if rc != 0 and not entered:
            said = to_text(stderr + b'\n' + stdout)
            if enter.missing_jail(said, pot):
                raise AnsibleConnectionFailure(self._why_not_running(pot, privilege))
            raise AnsibleConnectionFailure(enter.explain_failure(said, pot, self._host, privilege))
        return rc, stdout, stderr

    def _why_not_running(self, pot, privilege):
        dummy, stdout, dummy = self._outer.exec_command(enter.probe_command(pot, privilege), sudoable=False)
        return enter.explain_state(to_text(stdout).strip(), pot, self._host)

    def exec_command(self, cmd, in_data=None, sudoable=True):
        """Runs as root with /bin/sh in the pot. AnsibleConnectionFailure when the pot was not entered, AnsibleError when it lacks the Python of a module."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        rc, stdout, stderr = self._run(to_text(cmd, errors='surrogateescape'), in_data, sudoable)
        # Only when a module was to run: a task may well look for a Python with raw.
        if rc != 0 and (in_data or 'AnsiballZ_' in cmd):
            python = enter.missing_python(to_text(stderr + b'\n' + stdout))
            if python and rc in (1, 127):
                raise AnsibleError(
                    'no Python in pot "%s" on host "%s": %s was not found there. Install it with role potluck.matrix.pot_jail (package '
                    'python311) or point ansible_python_interpreter to the one there is' % (self._pot, self._host, python))
        return rc, stdout, stderr

    # Files

    def put_file(self, in_path, out_path):
        """Copy a file of the controller into the pot, mode 0600; the target appears complete or not at all."""
        super().put_file(in_path, out_path)
        b_in_path = to_bytes(in_path, errors='surrogate_or_strict')
        if not os.path.exists(b_in_path):
            raise AnsibleFileNotFound('file or module does not exist: %s' % to_text(in_path))
        display.vvv('PUT %s TO %s IN POT' % (to_text(in_path), to_text(out_path)), host=self._play_context.remote_addr)
        target = self._path(out_path)
        names = 'o=%s; t=%s; ' % (shlex.quote(target), shlex.quote('%s/.ansible-put-%s' % (posixpath.dirname(target), secrets.token_hex(8))))
        with open(b_in_path, 'rb') as source:
            size = os.fstat(source.fileno()).st_size
            offset = 0
            while True:
                piece = source.read(PUT_PIECE)
                # With seek a piece that is sent again after a lost connection lands where it belongs.
                take = 'dd of="$t" obs=%d seek=%d conv=notrunc' % (MIB, offset // MIB) if piece else ': > "$t"'
                end = offset + len(piece)
                last = len(piece) < PUT_PIECE or end >= size
                script = 'umask 077; %stest ! -d "$o" || { echo "$o is a directory" >&2; exit 1; }; ' % names
                script += 'if %s && test $(wc -c < "$t") -eq %d%s; then exit 0; fi; rm -f "$t"; exit 1' % (
                    take, end, ' && mv -f "$t" "$o"' if last else '')
                self._feed(script, piece, target)
                if last:
                    return
                offset = end

    def _feed(self, script, data, path):
        """Run a script in the pot with C(data) as its standard input."""
        outer = self._ready()
        if outer.has_pipelining or not data:
            rc, stdout, stderr = self._run(script, in_data=data or None)
        else:
            rc, stdout, stderr = self._feed_from_host(outer, script, data)
        if rc != 0:
            raise AnsibleError('failed to write %s in pot "%s": %s' % (path, self._pot, self._complaint(stderr) or 'it did not arrive complete'))

    def _feed_from_host(self, outer, script, data):
        # mktemp(1) makes it 0600, so nobody else on the host reads what may be a secret.
        rc, stdout, stderr = outer.exec_command('mktemp /tmp/pot-transfer.XXXXXXXXXX', sudoable=False)
        path = to_text(stdout).strip()
        if rc != 0 or not re.match(r'/tmp/pot-transfer\.\w+\Z', path):
            raise AnsibleError('cannot make a temporary file on host "%s": %s' % (self._host, to_text(stderr).strip()))
        try:
            with tempfile.NamedTemporaryFile(dir=C.DEFAULT_LOCAL_TMP) as local:
                local.write(data)
                local.flush()
                outer.put_file(local.name, path)
            return self._run(script, stdin_path=path)
        finally:
            outer.exec_command('rm -f ' + path, sudoable=False)

    def fetch_file(self, in_path, out_path):
        """Copy a file of the pot to the controller; what arrives is as long as the file was when the copy began."""
        super().fetch_file(in_path, out_path)
        display.vvv('FETCH %s FROM POT TO %s' % (to_text(in_path), to_text(out_path)), host=self._play_context.remote_addr)
        name = self._path(in_path)
        offset = size = 0
        with open(to_bytes(out_path, errors='surrogate_or_strict'), 'wb') as target:
            while offset == 0 or offset < size:
                rc, stdout, stderr = self._run(
                    'f=%s; s=$(wc -c < "$f") && echo $s && dd if="$f" bs=%d skip=%d count=%d' % (
                        shlex.quote(name), MIB, offset // MIB, FETCH_PIECE // MIB))
                if rc != 0:
                    raise AnsibleError('failed to read %s in pot "%s": %s' % (name, self._pot, self._complaint(stderr)))
                length, dummy, piece = stdout.partition(b'\n')
                if offset == 0:
                    size = int(length)
                piece = piece[:size - offset]  # a log may have grown meanwhile
                if len(piece) != min(FETCH_PIECE, size - offset):
                    raise AnsibleError('%s in pot "%s" became shorter while it was read' % (name, self._pot))
                target.write(piece)
                offset += len(piece)
                if size == 0:
                    return

    @staticmethod
    def _path(path):
        """A path in the pot that no command takes for an option."""
        path = to_text(path, errors='surrogateescape')
        return path if path.startswith('/') else './' + path

    @staticmethod
    def _complaint(stderr):
        """What a failed script said, without the statistics that dd prints."""
        lines = [line for line in to_text(stderr).splitlines() if not re.match(r'\d+\+\d+ records|\d+ bytes', line)]
        return '; '.join(lines).strip()

    # Life

    def reset(self):
        self._ready().reset()

    def close(self):
        if self._outer is not None:
            self._outer.close()
