# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: pots
short_description: The pots of FreeBSD hosts as inventory hosts
version_added: 0.1.0
author:
  - potluck.matrix contributors (@potluck)
description:
  - Looks at one or more FreeBSD hosts over the connection that reaches them, and makes each of their pots an
    inventory host that is entered with P(potluck.matrix.pot#connection).
  - Nothing but C(/bin/sh), C(jls) and pot's configuration is needed on a host, no Python.
  - The file's name must end in C(pots.yml) or C(pots.yaml).
  - Values of a pot's environment never leave the host.
  - Each pot has the variables C(ansible_connection), C(ansible_pot_name), those of its FreeBSD host, and C(pot), a
    dictionary with the keys C(name), C(machine) (the FreeBSD host), C(state), C(jid), C(type), C(base), C(hostname),
    C(network_type), C(ip), C(bridge), C(ports), C(attributes) and C(start_at_boot).
  - Each pot is in the group C(pots).
extends_documentation_fragment:
  - ansible.builtin.constructed
options:
  plugin:
    description: Must be V(potluck.matrix.pots).
    type: str
    required: true
    choices: [potluck.matrix.pots]
  machines:
    description:
      - The FreeBSD hosts to look at. The key is the address (C(ansible_host) unless given), the value a dictionary of
        variables for the connection, for example C(ansible_user). Every pot of the host gets them as well.
    type: dict
    required: true
  connection:
    description: Connection plugin that reaches the hosts.
    type: str
    default: ssh
  privilege_command:
    description: How the login user gets the right to read pot's files. V(none) is for root or members of pot's group.
    type: str
    choices: [none, doas, sudo]
    default: none
  states:
    description:
      - Only pots in these states. A pot that is V(stopped) cannot be entered.
    type: list
    elements: str
    choices: [started, stopped]
    default: [started]
  bases:
    description: Also list the pots that belong to a base, which nobody starts.
    type: bool
    default: false
  qualified:
    description: Name the pots C(POT.HOST) instead of C(POT), for hosts that have pots of the same name.
    type: bool
    default: false
seealso:
  - plugin: potluck.matrix.pot
    plugin_type: connection
  - module: potluck.matrix.pot_info
"""

EXAMPLES = r"""
# All running pots of two hosts, those started at boot in a group of their own
plugin: potluck.matrix.pots
machines:
  machine1.example.net:
    ansible_user: root
  machine2.example.net:
    ansible_user: root
groups:
  permanent: pot.start_at_boot
keyed_groups:
  - key: pot.network_type
    prefix: network
compose:
  ansible_python_interpreter: "'/usr/local/bin/python3.11'"
"""

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible.playbook.play_context import PlayContext
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable
from ansible.plugins.loader import connection_loader
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.tables import parse_jls
from ansible_collections.potluck.matrix.plugins.module_utils._pot.conf import PotConf, view
from ansible_collections.potluck.matrix.plugins.module_utils._pot.settings import SOURCING

# Each line of a file is prefixed, so that nothing in a file can pass for the frame around it.
SCRIPT = (
    r"""
PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin:/usr/local/bin
pot=`command -v pot` || { echo "pot is not installed" >&2; exit 3; }
prefix=`dirname "$pot"`/..
"""
    + SOURCING
    + r"""
jails=$POT_FS_ROOT/jails
ls "$jails" > /dev/null || exit 3
# jls shows a jail's path without symbolic links.
echo "root $jails"
echo "root `cd "$jails" && pwd -P`"
for d in "$jails"/*/; do
    f=${d}conf/pot.conf
    if [ -r "$f" ]; then
        echo "pot ${d}"
        grep -v '^pot\.env=' "$f" | sed 's/^/ /'
    fi
done
echo jls
jls -q jid name host.hostname path | sed 's/^/ /'
"""
)


def parse(text: str) -> list[dict]:
    """[facts] of the output of C(SCRIPT), in its order."""
    pots: list[tuple[str, list[str]]] = []
    jls: list[str] = []
    roots: list[str] = []
    current: list[str] | None = None
    for line in text.split("\n"):
        if line.startswith("root "):
            roots.append(line[5:])
        elif line.startswith("pot "):
            current = []
            pots.append((line[4:].rstrip("/").rpartition("/")[2], current))
        elif line == "jls":
            current = jls
        elif line.startswith(" ") and current is not None:
            current.append(line[1:])
    running = parse_jls("\n".join(jls))
    result = []
    for name, lines in pots:
        facts = view(PotConf("\n".join(lines)))
        jail = running.get(name)
        if jail and jail["path"] not in ("", *(f"{directory}/{name}/m" for directory in roots)):
            jail = None
        keys = ("type", "base", "level", "hostname", "network_type", "ip", "bridge", "ports", "attributes")
        result.append(
            dict(
                {key: facts[key] for key in keys},
                name=name,
                state="started" if jail else "stopped",
                jid=jail["jid"] if jail else None,
                start_at_boot=facts["attributes"]["start_at_boot"],
            )
        )
    return result


class InventoryModule(BaseInventoryPlugin, Constructable):
    """Looks at each host while the inventory is read and adds the pots found there as inventory hosts;
    AnsibleParserError when it cannot look.
    """

    NAME = "potluck.matrix.pots"

    def verify_file(self, path):
        return super().verify_file(path) and path.endswith(("pots.yml", "pots.yaml"))

    def parse(self, inventory, loader, path, cache=True):
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        inventory.add_group("pots")
        for machine, variables in self.get_option("machines").items():
            variables = dict(variables or {})
            variables.setdefault("ansible_host", machine)
            for facts in parse(self._look(machine, variables)):
                if facts["state"] in self.get_option("states") and (
                    self.get_option("bases") or facts["type"] == "single" or facts["level"] > 0
                ):
                    self._add(machine, variables, facts)

    def _look(self, machine, variables):
        """Output of the script on a host."""
        name = self.get_option("connection")
        connection = connection_loader.get(name, PlayContext(), "/dev/null")
        if connection is None:
            raise AnsibleParserError(f"there is no connection plugin '{name}'")
        connection._play_context.remote_addr = variables["ansible_host"]
        connection._play_context.remote_user = variables.get("ansible_user")
        connection.set_options(var_options=dict(variables, inventory_hostname=machine))
        privilege = self.get_option("privilege_command")
        command = (f"{privilege} -n " if privilege != "none" else "") + "/bin/sh -s"
        try:
            rc, stdout, stderr = connection.exec_command(command, in_data=to_bytes(SCRIPT), sudoable=False)
        except AnsibleError as exc:
            raise AnsibleParserError(f"cannot look at the pots of {machine}: {to_text(exc)}") from exc
        finally:
            connection.close()
        if rc != 0:
            raise AnsibleParserError(
                "cannot look at the pots of {}: {}".format(machine, to_text(stderr).strip() or f"exit code {rc}")
            )
        return to_text(stdout, errors="surrogate_or_replace")

    def _add(self, machine, variables, facts):
        host = "{}.{}".format(facts["name"], machine) if self.get_option("qualified") else facts["name"]
        if host in self.inventory.hosts and "pot" in self.inventory.get_host(host).get_vars():
            raise AnsibleParserError("two hosts have a pot named {}: set 'qualified: true'".format(facts["name"]))
        values = dict(
            variables,
            ansible_connection="potluck.matrix.pot",
            ansible_pot_name=facts["name"],
            ansible_pot_host_connection=self.get_option("connection"),
            ansible_pot_privilege_command=self.get_option("privilege_command"),
            pot=dict(facts, machine=machine),
        )
        self.inventory.add_host(host, group="pots")
        for key, value in values.items():
            self.inventory.set_variable(host, key, value)
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), values, host, strict)
        self._add_host_to_composed_groups(self.get_option("groups"), values, host, strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), values, host, strict)
