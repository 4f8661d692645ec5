# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What modules say about check mode, differences, repetition and the system they run on. A module adds C(support)."""

from __future__ import annotations


class ModuleDocFragment:
    """C(potluck.matrix.attributes), and with another name after a dot what only some modules need."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and predict what would change without changing anything.
  diff_mode:
    description: Returns what has changed, or in C(check_mode) would change, when in diff mode.
  idempotent:
    description: A second run with the same options, outside of C(check_mode), changes nothing.
  action_group:
    description: Takes defaults from C(group/potluck.matrix.all) in C(module_defaults).
    support: full
    membership: [potluck.matrix.all]
"""

    # Modules that only read, beside the above.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details: It changes nothing in any case.
  diff_mode:
    support: N/A
    details: It changes nothing.
  idempotent:
    support: full
    details: It changes nothing.
"""

    # Modules with an action plugin of the same name.
    ACTION = r"""
options: {}
attributes:
  action:
    description: Has an action plugin, so that some of it is done on the controller.
    support: full
"""

    FREEBSD = r"""
options: {}
attributes:
  platform:
    description: The operating system that it runs on.
    support: full
    platforms: FreeBSD
"""
