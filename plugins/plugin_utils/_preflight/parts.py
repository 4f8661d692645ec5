# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a homeserver that preflight knows, each with its variables and rules."""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.claim import Alike, Claim
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.rules import (
    consul_agent,
    control_user,
    coturn,
    homeserver,
    ldap_auth,
    node_exporter,
    postgresql,
    pot_jail,
    remote_log,
    removal,
    reverse_proxy,
    synapse,
    tls,
    upgrade,
    verify,
    zfs_dataset,
)
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import Variable

# In the order in which problems are told.
PARTS: tuple[t.Any, ...] = (
    homeserver,
    zfs_dataset,
    pot_jail,
    consul_agent,
    postgresql,
    synapse,
    tls,
    reverse_proxy,
    coturn,
    ldap_auth,
    control_user,
    remote_log,
    node_exporter,
    verify,
    upgrade,
    removal,
)
VARIABLES: dict[str, Variable] = {name: variable for part in PARTS for name, variable in part.VARIABLES.items()}
# For options of roles that no variable decides alone: what is known of them beyond their type.
OPTIONS: dict[str, Variable] = {name: variable for part in PARTS for name, variable in part.OPTIONS.items()}
# What two servers must not share, and what they must say alike, of the parts that know of such things.
CLAIMS: list[t.Callable[..., t.Iterator[Claim]]] = [part.claims for part in PARTS if hasattr(part, "claims")]
ALIKE: list[t.Callable[..., t.Iterator[Alike]]] = [part.alike for part in PARTS if hasattr(part, "alike")]
