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
  - Enters a pot (a FreeBSD jail made by the C(pot) tool) through whatever connection reaches its host, and runs tasks
    in it as root.
  - The host is reached by another connection plugin, P(ansible.builtin.ssh#connection) unless told otherwise.
    Everything that plugin understands keeps working unchanged, be it a variable (C(ansible_host), C(ansible_user),
    C(ansible_port), C(ansible_ssh_*), C(ansible_password)), a keyword, a command line option, C(ansible.cfg) or the
    environment.
  - On the host a command runs as C(jexec -l POT /bin/sh -c ...). The login user's shell there may be C(sh), C(csh) or
    C(tcsh).
  - C(become) with root as C(become_user) makes the login user root on the host, where that right is needed to enter
    the pot. Nobody needs to become root in the pot, so the pot needs neither C(doas) nor C(sudo).
  - Files travel through the standard input and output of a command inside the pot. The host never opens a path below
    the pot's root, so a link that somebody plants in the pot leads nowhere but to the pot's own files.
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
      - How the login user on the host gets the right to run C(jexec) in a task without C(become), or with a
        C(become_user) other than root. V(none) is for root.
      - V(doas) and V(sudo) are run with C(-n), so they must not need a password.
    type: str
    default: none
    choices: [none, doas, sudo]
    vars:
      - name: ansible_pot_privilege_command
  pot_fetch_limit:
    description:
      - How many MiB a file may have that is fetched from the pot. A pot can make a file without an end.
    type: int
    default: 1024
    vars:
      - name: ansible_pot_fetch_limit
  pipelining:
    description:
      - Send modules through the standard input of Python instead of copying them to a file first, which is several
        times faster.
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
  - A pot is not trusted. No variable comes from it. What a module returns as C(ansible_facts) is found in its
    registered result as C(pot_facts), and C(gather_facts) gathers nothing. Where a module wants to be told what it
    would else look up in facts, tell it, for example C(use) of M(ansible.builtin.package). What else Ansible would act
    upon is taken out of a result, and control characters in it are shown as C(\x1b).
  - A pot is not asked which Python it has, since Ansible would take its answer for the host's as well. Set
    C(ansible_python_interpreter).
  - Where the host is reached by P(ansible.builtin.ssh#connection), ssh is told to give up after a minute of silence,
    over a connection of its own, unless C(ServerAliveInterval) is set in its arguments or is more than 0 in
    C(ssh_config).
  - A command or module may print 16 MiB, more is an error; standard error is cut after 1 MiB. Only a C(become) with a
    password to somebody other than root has no limits.
  - The pot must be running and needs Python; role P(potluck.matrix.pot_jail#role) provides both. M(ansible.builtin.raw)
    works without Python.
  - The user inside the pot is root, whatever C(ansible_user) says. That one is for the host. Use C(become) with a
    C(become_user) to run a task as somebody else; that happens inside the pot, by a program of the pot's.
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
# Two pots on one host are two hosts in the inventory.
matrix:
  vars:
    ansible_python_interpreter: /usr/local/bin/python3.11
  hosts:
    chat.example.org:
      ansible_connection: potluck.matrix.pot
      ansible_host: machine1.example.net
      ansible_pot_name: chat-example-org
    # The login user becomes root on the host by doas.
    talk.example.com:
      ansible_connection: potluck.matrix.pot
      ansible_host: machine1.example.net
      ansible_user: admin
      ansible_become: true
      ansible_become_method: potluck.matrix.doas
      ansible_pot_name: talk-example-com
    # The login user may run nothing as root but /usr/sbin/jexec.
    test.example.net:
      ansible_connection: potluck.matrix.pot
      ansible_host: machine1.example.net
      ansible_user: guest
      ansible_pot_name: test-example-net
      ansible_pot_privilege_command: doas
"""

import secrets
import typing as t

from ansible import constants as C
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.common.text.converters import to_text
from ansible.plugins.connection import ConnectionBase
from ansible.plugins.loader import connection_loader, get_shell_plugin
from ansible.utils.display import Display
from ansible_collections.potluck.matrix.plugins.module_utils._pot import entering as enter
from ansible_collections.potluck.matrix.plugins.plugin_utils._pot import transfer
from ansible_collections.potluck.matrix.plugins.plugin_utils._pot.become import Become
from ansible_collections.potluck.matrix.plugins.plugin_utils._pot.result import (
    FACTS,
    clean_result,
    ended_by,
    holds_result,
    visible,
    visible_bytes,
)
from ansible_collections.potluck.matrix.plugins.plugin_utils._pot.silence import notice_silence

display = Display()

MIB = 1024 * 1024
# What a command in a pot may say, in bytes. Ansible holds several copies of it, and of a module's result as many more
# of what it is made of.
OUTPUT_LIMIT = 16 * MIB
ERROR_LIMIT = MIB
# Part of the path of all that Ansible copies to a host in order to run it.
ANSIBLE_DIRECTORY = "/ansible-tmp-"


class Connection(ConnectionBase):
    """Runs commands in a pot by handing command lines for the pot's host to another connection plugin."""

    transport = "potluck.matrix.pot"
    has_pipelining = True
    has_tty = False  # jexec allocates none
    default_user = "root"

    def __init__(self, play_context, *args, **kwargs):
        # What the host's login shell is (ansible_shell_type) says nothing about the pot, where /bin/sh runs everything.
        kwargs.pop("shell", None)
        super().__init__(play_context, *args, shell=get_shell_plugin(shell_type="sh", executable="/bin/sh"), **kwargs)
        # Of any class of ConnectionBase; there is one as soon as options are set.
        self._outer: t.Any = None
        self._outer_name: str | None = None
        self._notices_silence = False
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
            raise AnsibleError(f'there is no connection plugin "{name}" (ansible_pot_host_connection)')
        if outer.transport == self.transport:
            raise AnsibleError(
                f"ansible_pot_host_connection must name the connection that reaches the host, not {name}"
            )
        self._outer, self._outer_name = outer, name
        self.has_pipelining = outer.has_pipelining

    def _resolve_option_variables(self, variables, templar):
        # Ansible asks a plugin only for the variables of its own options, and asks anew for each item of a loop, where
        # the host may be another one: this is the place where the outer plugin gets to name its own.
        own = super()._resolve_option_variables(variables, templar)
        self._load_outer(
            C.config.get_config_value(
                "pot_host_connection", plugin_type="connection", plugin_name=self._load_name, variables=own
            )
        )
        return {**own, **self._outer._resolve_option_variables(variables, templar)}

    def set_options(self, task_keys=None, var_options=None, direct=None):
        """Also loads the plugin that reaches the host and hands it the task's and the variables' options; C(direct) is
        for this plugin alone.
        """
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        self._load_outer(self.get_option("pot_host_connection"))
        self._outer.set_options(task_keys=task_keys, var_options=var_options)
        self._notices_silence = False

    def ready(self):
        """The outer plugin with the present task's context."""
        if self._outer is None:
            self._load_outer(self.get_option("pot_host_connection"))
        self._outer._play_context = self._play_context
        if not self._notices_silence and self._outer.transport == "ssh":
            self._notices_silence = True
            notice_silence(self._outer, self.host, self.transport)
        if getattr(self._outer, "_is_tty_requested", bool)():
            raise AnsibleError(
                "ssh is told to allocate a terminal (-t or RequestTTY in its arguments), which would change the data "
                "that passes in and out of a pot: remove it for this host"
            )
        return self._outer

    @property
    def connected(self):
        return self._outer is not None and self._outer.connected

    def _connect(self):
        # The outer plugin connects by itself when a command is run.
        return self

    # Entering the pot

    @property
    def pot(self):
        """Name of the pot; AnsibleError for one that cannot be."""
        name = self.get_option("pot_name")
        if not enter.valid_pot_name(name):
            raise AnsibleError(
                f'{name!r} (ansible_pot_name) cannot be the name of a pot: letters, digits, "_", "+" and "-" only, not '
                "digits alone"
            )
        return name

    @property
    def host(self):
        """Name or address of the host, as the plugin that reaches it has it."""
        try:
            return self._outer.get_option("host") or self._play_context.remote_addr
        except KeyError:
            return self._play_context.remote_addr

    def set_become_plugin(self, plugin):
        """Ansible asks for root or for another user before it sets the options that tell which."""
        super().set_become_plugin(None if plugin is None else Become(plugin))

    @property
    def _becomes_root(self):
        """Whether the task becomes root, on the host."""
        return self.become is not None and self.become.on_host

    def _on_host(self, line, in_data=None, watch=False):
        """Run a command line on the host, as root if the task becomes root: what the outer plugin returns.

        watch: whether a become inside the pot is going to ask for a password.
        """
        outer = self.ready()
        become: t.Any = self.become.plugin if self._becomes_root or watch else None
        if self._becomes_root:
            line = become.build_become_command(line, self._shell)
        outer.set_become_plugin(become)
        try:
            return outer.exec_command(line, in_data=in_data, sudoable=become is not None)
        finally:
            outer.set_become_plugin(None)

    def run(self, command, in_data=None, sudoable=False, stdin_path=None, output_limit=OUTPUT_LIMIT):
        """Run a command in the pot as root: (exit code, stdout as it is, stderr without control characters).

        AnsibleConnectionFailure when the pot was not entered, AnsibleError when it says more than C(output_limit)
        bytes. C(stdin_path) is a file on the host, not in the pot.
        """
        pot, privilege = self.pot, self._privilege
        marker = "entered-pot-" + secrets.token_hex(8)
        # The become command is part of the command and runs in the pot. An outer plugin that knows of it waits for a
        # prompt or a message of success before it sends any data, and misses why the pot was not entered: it knows only
        # of one that asks, and of one that happens before the pot is entered.
        watch = sudoable and not self._becomes_root and self.become is not None and self.become.asks
        # A prompt must pass at once, which a limit would not let it.
        line = enter.enter_command(pot, command, marker, privilege, None if watch else (output_limit + 1, ERROR_LIMIT))
        if stdin_path:
            line += " < " + enter.quote(stdin_path)
        display.vvv(f"ENTER POT {pot} THROUGH {self._outer_name}: {to_text(command)}", host=self.host)
        try:
            rc, stdout, stderr = self._on_host(line, in_data, watch)
        except AnsibleConnectionFailure as exc:
            # ssh takes the exit code 255 for its own, and a command in the pot may end with it: then these are the
            # pot's words.
            if visible(to_text(exc)) != to_text(exc):
                raise type(exc)(visible(to_text(exc))) from None
            raise
        except AnsibleError as exc:
            if watch and enter.missing_jail(to_text(exc), pot):
                raise AnsibleConnectionFailure(self._why_not_running(pot, privilege)) from exc
            if self._becomes_root:
                raise AnsibleConnectionFailure(self._why_not_entered(to_text(exc))) from None
            raise
        entered, stdout, stderr = enter.strip_marker(marker, stdout, stderr)
        stderr = visible_bytes(stderr)
        if rc != 0 and not entered:
            said = to_text(stderr + b"\n" + visible_bytes(stdout))
            if enter.missing_jail(said, pot):
                raise AnsibleConnectionFailure(self._why_not_running(pot, privilege))
            raise AnsibleConnectionFailure(self._why_not_entered(said))
        if len(stdout) > output_limit:
            raise AnsibleError(
                'pot "%s" on host "%s" sent more than the %d bytes that are taken at a time'
                % (pot, self.host, output_limit)
            )
        return rc, stdout, stderr

    @property
    def _privilege(self):
        """The command that gives the right to enter the pot, if become does not."""
        return "none" if self._becomes_root else self.get_option("pot_privilege_command")

    def _why_not_entered(self, said):
        command = self.become.command if self._becomes_root else ""
        return enter.explain_failure(visible(said), self.pot, self.host, self._privilege, command)

    def _why_not_running(self, pot, privilege):
        return enter.explain_state(self._state(pot, privilege), pot, self.host)

    def _state(self, pot, privilege):
        dummy, stdout, dummy = self._on_host(enter.probe_command(pot, privilege))
        return to_text(stdout).strip()

    def exec_command(self, cmd, in_data=None, sudoable=True):
        """Runs as root with /bin/sh in the pot; what it prints comes back without what a terminal or Ansible would act
        upon.

        AnsibleConnectionFailure when the pot was not entered, AnsibleError when it lacks the Python of a module or is
        to be asked for one.
        """
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        # Ansible would remember the answer as a fact of the homeserver and use it on the FreeBSD host as well.
        if enter.looks_for_python(cmd):
            raise AnsibleError(
                f'a pot is not asked which Python it has: set ansible_python_interpreter for pot "{self.pot}" on host '
                f'"{self.host}", for example to /usr/local/bin/python3.11'
            )
        rc, stdout, stderr = self.run(to_text(cmd, errors="surrogateescape"), in_data, sudoable)
        # A task may well look for a Python with raw.
        is_module = bool(in_data) or "AnsiballZ_" in cmd
        if rc != 0 and is_module:
            python = enter.missing_python(to_text(stderr + b"\n" + visible_bytes(stdout)))
            if python and rc in (1, 127):
                raise AnsibleError(
                    f'no Python in pot "{self.pot}" on host "{self.host}": {python} was not found there. Install it '
                    "with role potluck.matrix.pot_jail (package python311) or point ansible_python_interpreter to the "
                    "one there is"
                )
        # A module of another kind (a program, an old script) has a name of its own; it is told from other files that
        # are run by what it prints.
        if not is_module and not (ANSIBLE_DIRECTORY in cmd and holds_result(stdout)):
            return rc, visible_bytes(stdout), stderr
        if ended_by(rc) and not holds_result(stdout):
            # Stopped while the module ran in it, perhaps.
            state = self._state(self.pot, self._privilege)
            if state != "running":
                raise AnsibleConnectionFailure(enter.explain_state(state, self.pot, self.host))
        stdout, has_facts = clean_result(stdout, stderr, rc)
        if has_facts:
            display.warning(
                f'Facts of pot "{self.pot}" are in the result as {FACTS} and not among ansible_facts: no variable '
                "comes from a pot."
            )
        return rc, stdout, stderr

    def put_file(self, in_path, out_path):
        """Copy a file of the controller into the pot, mode 0600; the target appears complete or not at all."""
        super().put_file(in_path, out_path)
        display.vvv(f"PUT {to_text(in_path)} TO {to_text(out_path)} IN POT", host=self._play_context.remote_addr)
        transfer.put(self, in_path, out_path)

    def fetch_file(self, in_path, out_path):
        """Copy a file of the pot to the controller, up to its end; the target appears complete or not at all.

        AnsibleError when it has more than C(pot_fetch_limit) MiB. Whatever size the pot states is not asked for.
        """
        super().fetch_file(in_path, out_path)
        display.vvv(f"FETCH {to_text(in_path)} FROM POT TO {to_text(out_path)}", host=self._play_context.remote_addr)
        transfer.fetch(self, in_path, out_path, self.get_option("pot_fetch_limit"))

    def reset(self):
        self.ready().reset()

    def close(self):
        if self._outer is not None:
            self._outer.close()
