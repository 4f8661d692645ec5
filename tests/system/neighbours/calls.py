# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client does before a call: it asks Synapse for a TURN server, and talks with that."""

from __future__ import annotations

import contextlib
import ssl

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import turn as uris
from ansible_collections.potluck.matrix.plugins.module_utils._probe.turn import Session, connected


def offered_by(client, password):
    """What Synapse tells somebody who has logged in about the TURN server."""
    client.session.headers["Authorization"] = "Bearer " + client.login("admin", password)
    answer = client.session.get(client.base_url + "/_matrix/client/v3/voip/turnServer", timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()


@contextlib.contextmanager
def session(site, offered, uri):
    """A client's talk with the server at a URI, with the credentials that Synapse gave it."""
    place = uris.place(uri)
    context = ssl.create_default_context(cafile=str(site.place / "roots.pem")) if place.tls else None
    with connected(place, site.jail, 10, context) as connection:
        talk = Session(connection, place.transport == "tcp", 10)
        talk.authenticate(offered["username"], offered["password"])
        yield talk
