# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connect, StartTLS, bind and search as Synapse's LDAP module does at a login, and say which step is wrong."""

from __future__ import annotations

import ssl
import traceback

try:
    import ldap3
    from ldap3.core import exceptions as ldap_errors

    LDAP3_ERROR = None
except ImportError:
    LDAP3_ERROR = traceback.format_exc()

ARGUMENTS = dict(
    uris=dict(type="list", elements="str", required=True),
    start_tls=dict(type="bool", default=False),
    ca_file=dict(type="path"),
    validate_certs=dict(type="bool", default=True),
    bind_dn=dict(type="str", default=""),
    bind_password=dict(type="str", no_log=True),
    base=dict(type="str", required=True),
    filter=dict(type="str", default="(objectClass=*)"),
    timeout=dict(type="int", default=5),
)


class Refusal(Exception):
    """One sentence about the part that is wrong. ``part`` is one of directory, tls, credentials, base, filter."""

    def __init__(self, part, sentence):
        super().__init__(sentence)
        self.part = part


def _about_tls(error):
    text = str(error).lower()
    return "certificate" in text or "ssl" in text or "tls" in text


def _connect(uri, params):
    """Return an unbound ldap3 connection to ``uri``, with TLS on when asked for; raise Refusal."""
    if params["bind_dn"] and not params["bind_password"]:
        raise Refusal("credentials", "the account %s has no password, which directories take for an anonymous bind" % params["bind_dn"])
    try:
        tls = ldap3.Tls(
            validate=ssl.CERT_REQUIRED if params["validate_certs"] else ssl.CERT_NONE,
            ca_certs_file=params["ca_file"],
        )
        connection = ldap3.Connection(
            ldap3.Server(uri, get_info=None, tls=tls, connect_timeout=params["timeout"]),
            user=params["bind_dn"] or None,
            password=params["bind_password"] if params["bind_dn"] else None,
            authentication=ldap3.SIMPLE if params["bind_dn"] else ldap3.ANONYMOUS,
            read_only=True,
            receive_timeout=params["timeout"],
        )
    except ldap_errors.LDAPExceptionError as error:
        raise Refusal("tls" if _about_tls(error) or params["ca_file"] else "directory", "%s cannot be asked: %s" % (uri, error)) from error
    try:
        connection.open()
    except ldap_errors.LDAPExceptionError as error:
        if _about_tls(error):
            raise Refusal("tls", "TLS with %s failed: %s" % (uri, error)) from error
        raise Refusal("directory", "the directory %s cannot be reached: %s" % (uri, error)) from error
    if params["start_tls"]:
        try:
            accepted = connection.start_tls()
        except ldap_errors.LDAPExceptionError as error:
            if _about_tls(error):
                raise Refusal("tls", "StartTLS with %s failed: %s" % (uri, error)) from error
            raise Refusal("directory", "the directory %s does not answer: %s" % (uri, error)) from error
        if not accepted:
            raise Refusal("tls", "%s refuses StartTLS: %s" % (uri, connection.result.get("description")))
    return connection


def _search(connection, uri, params):
    """Bind and search; return whether a user was found; raise Refusal."""
    try:
        bound = connection.bind()
    except ldap_errors.LDAPExceptionError as error:
        raise Refusal("directory", "the directory %s does not answer a bind: %s" % (uri, error)) from error
    if not bound:
        raise Refusal(
            "credentials",
            "%s refuses the bind as %s (%s), the DN or its password is wrong"
            % (uri, params["bind_dn"] or "anonymous", connection.result.get("description")),
        )
    try:
        connection.search(params["base"], params["filter"], search_scope=ldap3.SUBTREE, attributes=["1.1"], size_limit=1)
    except ldap_errors.LDAPInvalidFilterError as error:
        raise Refusal("filter", "the filter %s is malformed, a good one is (objectClass=posixAccount)" % params["filter"]) from error
    except ldap_errors.LDAPExceptionError as error:
        raise Refusal("base", "the search below %s failed: %s" % (params["base"], error)) from error
    code = connection.result.get("result")
    if code == 32:
        raise Refusal("base", "%s has no entry %s, the search base is wrong" % (uri, params["base"]))
    # 4 is sizeLimitExceeded: there is more than the one entry asked for.
    if code not in (0, 4):
        raise Refusal("base", "the search below %s failed: %s" % (params["base"], connection.result.get("description")))
    # Active Directory refers to other servers as well, which is no user.
    return any(entry.get("type") == "searchResEntry" for entry in connection.response or [])


def prove(params):
    """Return ``(uri, users_found)`` of the first server that answers; raise Refusal.

    ``params`` has the keys of ARGUMENTS.
    """
    refusal = Refusal("directory", "no directory server is given")
    for uri in params["uris"]:
        try:
            connection = _connect(uri, params)
            try:
                return uri, _search(connection, uri, params)
            finally:
                connection.unbind()
        except Refusal as error:
            refusal = error
            # The next server would refuse the same account, base or filter too.
            if error.part not in ("directory", "tls"):
                break
    raise refusal
