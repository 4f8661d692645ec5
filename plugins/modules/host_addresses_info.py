#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: host_addresses_info
short_description: Find the addresses that a name has, and of which family they are
version_added: 0.1.0
description:
  - Looks a name up where the task runs, with the resolver that the programs there use, for those that have to be told
    beforehand whether a host is reached by IPv4 or IPv6.
  - Changes nothing. A name that has no address at the moment is no error.
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
  - potluck.matrix.attributes.info_module
options:
  host:
    description: Name of the host; an address is its own.
    type: str
    required: true
  own_addresses:
    description: The addresses of who is going to connect, for RV(family).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Find how the log server is reached
  potluck.matrix.host_addresses_info:
    host: log.example.com
    own_addresses: [192.0.2.20, "2001:db8::20"]
"""

RETURN = r"""
addresses:
  description: The addresses, each once, in the order of the resolver.
  type: list
  elements: str
  returned: always
  sample: ["2001:db8::9"]
family:
  description:
    - V(4) or V(6), by which the host is reached - one that O(own_addresses) have as well, IPv4 before IPv6; another one
      where they have none of the host's, since there may be more addresses than were said. V(0) for a host without
      addresses.
  type: int
  returned: always
  sample: 6
"""

import socket

from ansible.module_utils.basic import AnsibleModule


def addresses_of(host):
    """The addresses of a host as texts, without zones."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(address[0]).partition("%")[0] for *_rest, address in found))


def family_of(addresses, own):
    """The family in which somebody with addresses of their own reaches one of the others; 0 if there are none."""
    theirs, mine = ({6 if ":" in address else 4 for address in listed} for listed in (addresses, own))
    return min(theirs & mine or theirs, default=0)


def main():
    module = AnsibleModule(
        argument_spec={
            "host": {"type": "str", "required": True},
            "own_addresses": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    addresses = addresses_of(module.params["host"])
    module.exit_json(changed=False, addresses=addresses, family=family_of(addresses, module.params["own_addresses"]))


if __name__ == "__main__":
    main()
