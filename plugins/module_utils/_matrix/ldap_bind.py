# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connect, StartTLS, bind and search as Synapse's LDAP module does at a login, and say which step is wrong.

The part of a C(Sentence) is one of directory, tls, credentials, base, filter, proxy.
"""

from __future__ import annotations

import ssl
import traceback
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import ldap_proxy

try:
    import ldap3
    from ldap3.core import exceptions as ldap_errors

    LDAP3_ERROR = None
except ImportError:
    LDAP3_ERROR = traceback.format_exc()

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "uris": {"type": "list", "elements": "str", "required": True},
    "start_tls": {"type": "bool", "default": False},
    "ca_file": {"type": "path"},
    "ca_certificates": {"type": "str"},
    "validate_certs": {"type": "bool", "default": True},
    "valid_names": {"type": "list", "elements": "str"},
    "login": {"type": "bool", "default": True},
    "bind_dn": {"type": "str", "default": ""},
    "bind_password": {"type": "str", "no_log": True},
    "base": {"type": "str", "required": True},
    "filter": {"type": "str", "default": "(objectClass=*)"},
    "timeout": {"type": "int", "default": 5},
    "proxy": {"type": "str"},
    "proxy_address": {"type": "str", "default": "127.0.0.1"},
}


def _about_tls(error: Exception) -> bool:
    text = str(error).lower()
    return "certificate" in text or "ssl" in text or "tls" in text


def _connect(uri: str, params: dict) -> t.Any:
    """Return an unbound ldap3 connection to ``uri``, with TLS on when asked for; raise Sentence."""
    login = params.get("login", True)
    if login and params["bind_dn"] and not params["bind_password"]:
        raise Sentence(
            "the account {} has no password, which directories take for an anonymous bind".format(params["bind_dn"]),
            "credentials",
        )
    try:
        tls = ldap3.Tls(
            validate=ssl.CERT_REQUIRED if params["validate_certs"] else ssl.CERT_NONE,
            ca_certs_file=params["ca_file"],
            ca_certs_data=params.get("ca_certificates"),
            valid_names=params.get("valid_names"),
        )
        connection = ldap3.Connection(
            ldap3.Server(uri, get_info=None, tls=tls, connect_timeout=params["timeout"]),
            user=params["bind_dn"] or None if login else None,
            password=params["bind_password"] if login and params["bind_dn"] else None,
            authentication=ldap3.SIMPLE if login and params["bind_dn"] else ldap3.ANONYMOUS,
            read_only=True,
            receive_timeout=params["timeout"],
        )
    except ldap_errors.LDAPExceptionError as error:
        raise Sentence(
            f"{uri} cannot be asked: {error}", "tls" if _about_tls(error) or params["ca_file"] else "directory"
        ) from error
    try:
        connection.open()
    except ldap_errors.LDAPExceptionError as error:
        if _about_tls(error):
            raise Sentence(f"TLS with {uri} failed: {error}", "tls") from error
        raise Sentence(f"the directory {uri} cannot be reached: {error}", "directory") from error
    if params["start_tls"]:
        try:
            accepted = connection.start_tls()
        except ldap_errors.LDAPExceptionError as error:
            if _about_tls(error):
                raise Sentence(f"StartTLS with {uri} failed: {error}", "tls") from error
            raise Sentence(f"the directory {uri} does not answer: {error}", "directory") from error
        if not accepted:
            raise Sentence("{} refuses StartTLS: {}".format(uri, connection.result.get("description")), "tls")
    return connection


def _search(connection: t.Any, uri: str, params: dict) -> bool:
    """Bind and search; return whether a user was found; raise Sentence."""
    try:
        bound = connection.bind()
    except ldap_errors.LDAPExceptionError as error:
        raise Sentence(f"the directory {uri} does not answer a bind: {error}", "directory") from error
    if not bound:
        raise Sentence(
            "{} refuses the bind as {} ({}), the DN or its password is wrong".format(
                uri, params["bind_dn"] or "anonymous", connection.result.get("description")
            ),
            "credentials",
        )
    try:
        connection.search(
            params["base"], params["filter"], search_scope=ldap3.SUBTREE, attributes=["1.1"], size_limit=1
        )
    except ldap_errors.LDAPInvalidFilterError as error:
        raise Sentence(
            "the filter {} is malformed, a good one is (objectClass=posixAccount)".format(params["filter"]), "filter"
        ) from error
    except ldap_errors.LDAPExceptionError as error:
        raise Sentence("the search below {} failed: {}".format(params["base"], error), "base") from error
    code = connection.result.get("result")
    if code == 32:
        raise Sentence("{} has no entry {}, the search base is wrong".format(uri, params["base"]), "base")
    # 4 is sizeLimitExceeded: there is more than the one entry asked for.
    if code not in (0, 4):
        raise Sentence(
            "the search below {} failed: {}".format(params["base"], connection.result.get("description")), "base"
        )
    # Active Directory refers to other servers as well, which is no user.
    return any(entry.get("type") == "searchResEntry" for entry in connection.response or [])


def _first_that_answers(uris: list[str], params: dict) -> tuple[str, bool | None]:
    refusal = Sentence("no directory server is given", "directory")
    for uri in uris:
        try:
            connection = _connect(uri, params)
            try:
                return uri, _search(connection, uri, params) if params.get("login", True) else None
            finally:
                connection.unbind()
        except Sentence as error:
            refusal = error
            # The next server would refuse the same account, base or filter too.
            if error.part not in ("directory", "tls"):
                break
    raise refusal


def _through_proxy(params: dict) -> None:
    """Do the same through a trial of the proxy; raise Sentence."""
    address = params["proxy_address"]
    try:
        with ldap_proxy.running(params["proxy"], address) as port:
            scheme = "ldaps" if params["uris"][0].startswith("ldaps:") else "ldap"
            _first_that_answers(["%s://%s:%d" % (scheme, f"[{address}]" if ":" in address else address, port)], params)
    except Sentence as error:
        raise Sentence(f"the directory answers, but not through the proxy: {error}", "proxy") from error


def prove(params: dict) -> tuple[str, bool | None]:
    """Return ``(uri, users_found)`` of the first server that answers; raise Sentence. Without a login nobody knows
    about users: None.

    ``params`` has the keys of ARGUMENTS.
    """
    found = _first_that_answers(params["uris"], params)
    if params.get("proxy"):
        _through_proxy(params)
    return found
