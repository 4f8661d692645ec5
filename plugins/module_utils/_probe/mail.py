# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check of a mail server."""

from __future__ import annotations

import smtplib
import ssl
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._probe.sockets import host_port, tls_context


def _tls_reason(error: ssl.SSLError) -> str:
    """What the TLS library says, in its shortest form."""
    return getattr(error, "verify_message", None) or error.reason or str(error)


def _smtp_session(check: dict, host: str, port: int, timeout: float) -> smtplib.SMTP:
    """Return a greeted session, with TLS on where the mode asks for it; raise Sentence."""
    context = tls_context(check)
    session: smtplib.SMTP
    if check["tls"] == "implicit":
        session = smtplib.SMTP_SSL(timeout=timeout, context=context)
    else:
        session = smtplib.SMTP(timeout=timeout)
    # What smtplib, which knows no other name than the one that it connects to, looks for in the certificate.
    vars(session)["_host"] = check.get("server_name") or host
    try:
        code, answer = session.connect(host, port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, answer)
    except ssl.SSLError as error:
        raise Sentence("TLS with {} failed: {}".format(check["target"], _tls_reason(error)), "tls") from error
    except OSError as error:
        session.close()
        raise Sentence("{}: {}".format(check["target"], error), "server") from error
    try:
        session.ehlo()
        if check["tls"].startswith("starttls"):
            if session.has_extn("starttls"):
                session.starttls(context=context)
                session.ehlo()
            elif check["tls"] == "starttls_required":
                raise Sentence("{} does not offer STARTTLS".format(check["target"]), "tls")
    except BaseException as error:
        session.close()
        if isinstance(error, ssl.SSLError):
            raise Sentence("TLS with {} failed: {}".format(check["target"], _tls_reason(error)), "tls") from error
        raise
    return session


def check_smtp(check: dict, timeout: float, _runner: t.Any) -> str:
    """A session with TLS as ``tls`` asks for, and with the login of ``user`` if there is one; nothing is sent.

    The part of a Sentence is server, tls or credentials; another answer that smtplib does not like is raised as
    smtplib's exception, see run().
    """
    host, port = host_port(check["target"])
    session = _smtp_session(check, host, port, timeout)
    try:
        if check.get("user"):
            session.login(check["user"], check.get("password") or "")
    except smtplib.SMTPAuthenticationError as error:
        raise Sentence(
            "%s refuses the login of %s (%d)" % (check["target"], check["user"], error.smtp_code), "credentials"
        ) from error
    except smtplib.SMTPNotSupportedError as error:
        raise Sentence("{} does not offer a login: {}".format(check["target"], error), "credentials") from error
    finally:
        session.close()
    return "{} accepts mail sessions".format(check["target"])
