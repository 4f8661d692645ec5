# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check whether the web site of a domain says where its homeserver is."""

from __future__ import annotations

import http.client
import json
import ssl
import typing as t
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import tls_client
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence

# More than anybody writes into one.
_LARGEST = 64 * 1024
# Where a homeserver is looked for that names no port, and where ours listens for others.
_PORTS = (None, 443, 8448)


def check_delegation(check: dict, timeout: float, _runner: t.Any) -> str:
    """``https://TARGET/.well-known/matrix/server`` and ``…/client`` have to say what C(documents) says under C(server)
    and C(client).

    They are asked for as others do: at the address that the name has, with redirects, and with the system's CAs. Those
    of C(ca_file) are believed as well.
    """
    context = tls_client.context()
    if check.get("ca_file"):
        context.load_verify_locations(cafile=check["ca_file"])
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
    problems = []
    for name, differs in (("server", _server), ("client", _client)):
        url = "https://{}/.well-known/matrix/{}".format(check["target"], name)
        try:
            problem = differs(check["documents"][name], *_asked(opener, url, timeout))
        except urllib.error.HTTPError as error:
            problem = f"answers {error.code}"
            error.close()
        except (OSError, http.client.HTTPException) as error:
            # The other one is at the same place.
            raise Sentence(f"{url} cannot be read: {_reason(error)}") from None
        if problem:
            problems.append(f"{url} {problem}")
    if problems:
        raise Sentence(", and ".join(problems))
    return "the web site of {} points here".format(check["target"])


def _asked(opener: urllib.request.OpenerDirector, url: str, timeout: float) -> tuple[t.Any, t.Any]:
    """(the JSON at a URL, or None when there is something else, the header that lets browsers read it)."""
    with opener.open(url, timeout=timeout) as answer:
        body = answer.read(_LARGEST)
        allowed = answer.headers.get("Access-Control-Allow-Origin")
    try:
        found = json.loads(body)
    except ValueError:
        return None, allowed
    return found if isinstance(found, dict) else None, allowed


def _server(wanted: dict, found: dict | None, _allowed: t.Any) -> str:
    """What is wrong with the document that other homeservers read; empty for nothing."""
    if found is None:
        return "is not JSON"
    said, right = found.get("m.server"), wanted["m.server"]
    if _host_port(said) not in {_host_port(right), *((_host_port(right)[0], port) for port in _PORTS)}:
        return f"says {_quoted(said)}, not {right}"
    return ""


def _client(wanted: dict, found: dict | None, allowed: t.Any) -> str:
    """What is wrong with the document that clients read; empty for nothing."""
    if found is None:
        return "is not JSON"
    part = found.get("m.homeserver")
    said, right = part.get("base_url") if isinstance(part, dict) else None, wanted["m.homeserver"]["base_url"]
    if not isinstance(said, str) or said.rstrip("/") != right.rstrip("/"):
        return f"says {_quoted(said)}, not {right}"
    for key, value in wanted.items():
        if key != "m.homeserver" and found.get(key) != value:
            return f"says {'something else' if key in found else 'nothing'} about {key}"
    if allowed != "*":
        return "lacks the header Access-Control-Allow-Origin: *, without which no browser reads it"
    return ""


def _host_port(said: t.Any) -> tuple[str, int | None]:
    """(host, port) of HOST, HOST:PORT or [ADDRESS]:PORT; of anything else a host that is none."""
    if not isinstance(said, str):
        return "", None
    try:
        parts = urlsplit("//" + said)
        return (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return "", None


def _quoted(said: t.Any) -> str:
    """What somebody else's web site says, short and on one line."""
    if said is None:
        return "nothing of it"
    return ascii(said if isinstance(said, str) else json.dumps(said))[:100]


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {reason.verify_message}"
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
