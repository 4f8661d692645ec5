# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a module reaches Synapse, and what that lets it make accounts with. C(REGISTRATION) in C(_synapse.user) has the
same options.
"""

from __future__ import annotations


class ModuleDocFragment:
    """C(potluck.matrix.synapse)."""

    DOCUMENTATION = r"""
options:
  server_name:
    description:
      - Name of the homeserver, the part of a Matrix ID after the colon. If the server at hand calls itself otherwise,
        that is an error.
      - Only needed when no account is named with it and the address in use does not serve the server's keys.
    type: str
  shared_secret:
    description:
      - The server's C(registration_shared_secret).
    type: str
  shared_secret_path:
    description:
      - File on the target that contains it. Read only when it is needed.
    type: path
  socket:
    description:
      - Unix socket of Synapse's client listener.
    type: path
    default: /var/run/matrix-synapse/synapse.sock
  base_url:
    description:
      - URL of Synapse, for example V(http://127.0.0.1:8008), instead of O(socket).
    type: str
"""
