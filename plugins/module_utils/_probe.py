# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of the module probe_info.

Each check function takes the check's options (a dict with every option of the module's documentation), the
timeout in seconds and AnsibleModule.run_command; it returns a sentence about what it found or raises Failure.
"""

from __future__ import annotations

import base64
import http.client
import os
import re
import smtplib
import socket
import ssl
import time
from urllib.parse import urlsplit

from ansible_collections.potluck.matrix.plugins.module_utils import _ldap_bind


class Failure(Exception):
    """A check failed; the text is one sentence without a full stop, ``part`` tells which part of what was checked it is about."""

    def __init__(self, sentence, part=None):
        super().__init__(sentence)
        self.part = part


def _host_port(target):
    """Split ``host:port`` or ``[v6]:port`` into ``(host, port)``."""
    host, dummy, port = target.rpartition(":")
    return host.strip("[]"), int(port)


def _tls_reason(error):
    """What the TLS library says, in its shortest form."""
    return getattr(error, "verify_message", None) or error.reason or str(error)


def _tls_context(check):
    context = ssl.create_default_context(cafile=check.get("ca_file") or None)
    if not check["verify"]:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _Unix(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        """Connect to the socket; the host and port of the URL do not matter."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _At(http.client.HTTPSConnection):
    """HTTPS to an address, with the name of the URL for SNI and verification."""

    def __init__(self, address, name, port, timeout, context):
        super().__init__(name, port, timeout=timeout, context=context)
        self._address = address
        self._tls = context

    def connect(self):
        """Connect to the address without looking up a name, and start TLS for the name of the URL."""
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def check_http(check, timeout, dummy):
    """GET ``target``: its ``status``, and ``body``, a pattern that the first 4 MiB of the answer hold, have to be as given.

    ``socket`` or ``address`` takes the place of the host of the URL, and by a socket HTTP is spoken even to an https URL. A redirect is not
    followed, it is an answer like any other. What the network or TLS refuses is raised as it comes, see run().
    """
    url = urlsplit(check["target"])
    address = check.get("address") or url.hostname
    if check.get("socket"):
        connection = _Unix(check["socket"], timeout)
    elif url.scheme == "https":
        connection = _At(address, url.hostname, url.port or 443, timeout, _tls_context(check))
    else:
        connection = http.client.HTTPConnection(address, url.port or 80, timeout=timeout)
    headers = {"Host": url.netloc.rpartition("@")[2]}
    headers.update(check.get("headers") or {})
    if check.get("user"):
        login = "%s:%s" % (check["user"], check.get("password") or "")
        headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    try:
        connection.request("GET", (url.path or "/") + ("?" + url.query if url.query else ""), headers=headers)
        answer = connection.getresponse()
        # A metrics page may be large, and the interesting line may come late.
        body = answer.read(4 * 1024 * 1024).decode("utf-8", "replace")
    finally:
        connection.close()
    if answer.status not in check["status"]:
        raise Failure("%s answers %d instead of %s" % (check["target"], answer.status, " or ".join(map(str, check["status"]))))
    if check.get("body") and not re.search(check["body"], body):
        raise Failure("the answer of %s does not match %s" % (check["target"], check["body"]))
    return "%s answers %d" % (check["target"], answer.status)


def check_tcp(check, timeout, dummy):
    """One ``host:port`` of those in ``target``, with blanks between them, has to accept a connection; they are tried in order.

    With ``body``, a pattern, its greeting (what arrives at once, 512 bytes at most) has to match as well.
    """
    targets = check["target"].split()
    problems = []
    for target in targets:
        try:
            with socket.create_connection(_host_port(target), timeout) as connection:
                greeting = connection.recv(512).decode("utf-8", "replace") if check.get("body") else ""
            if not check.get("body") or re.search(check["body"], greeting):
                return "%s accepts connections" % target
            problems.append("%s greets with %r" % (target, greeting))
        except OSError as error:
            problems.append("%s: %s" % (target, error))
    raise Failure(", ".join(problems))


def check_closed(check, timeout, dummy):
    """``target`` must not accept a connection. Closed is what refuses one or does not answer in time (3 seconds at most), not an unknown name."""
    try:
        socket.create_connection(_host_port(check["target"]), min(timeout, 3)).close()
    except socket.gaierror:
        raise
    except OSError:
        return "%s is closed" % check["target"]
    raise Failure("%s accepts connections" % check["target"])


def check_certificate(check, timeout, dummy):
    """The certificate of ``target`` has to be trusted, carry ``server_name`` or else the host, and be valid for ``days`` more days.

    Without ``verify`` it is enough that TLS is spoken. What TLS refuses is raised as it comes, see run().
    """
    host, port = _host_port(check["target"])
    name = check.get("server_name") or host
    with socket.create_connection((check.get("address") or host, port), timeout) as plain:
        with _tls_context(check).wrap_socket(plain, server_hostname=name) as connection:
            certificate = connection.getpeercert()
    if not certificate:
        return "%s speaks TLS, its certificate is not verified" % check["target"]
    left = (ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) / 86400
    if left < check["days"]:
        raise Failure("the certificate of %s expires in %d days" % (check["target"], left))
    return "the certificate of %s is valid for %d more days" % (check["target"], left)


def _smtp_session(check, host, port, timeout):
    """Return a greeted session, with TLS on where the mode asks for it; raise Failure."""
    context = _tls_context(check)
    try:
        if check["tls"] == "implicit":
            session = smtplib.SMTP_SSL(host, port, timeout=timeout, context=context)
        else:
            session = smtplib.SMTP(host, port, timeout=timeout)
    except ssl.SSLError as error:
        raise Failure("TLS with %s failed: %s" % (check["target"], _tls_reason(error)), "tls") from error
    except OSError as error:
        raise Failure("%s: %s" % (check["target"], error), "server") from error
    try:
        session.ehlo()
        if check["tls"] != "implicit":
            if session.has_extn("starttls"):
                session.starttls(context=context)
                session.ehlo()
            elif check["tls"] == "starttls":
                raise Failure("%s does not offer STARTTLS" % check["target"], "tls")
    except BaseException as error:
        session.close()
        if isinstance(error, ssl.SSLError):
            raise Failure("TLS with %s failed: %s" % (check["target"], _tls_reason(error)), "tls") from error
        raise
    return session


def check_smtp(check, timeout, dummy):
    """A session with TLS as ``tls`` asks for, and with the login of ``user`` if there is one; nothing is sent.

    The part of a Failure is server, tls or credentials; another answer that smtplib does not like is raised as smtplib's exception, see run().
    """
    host, port = _host_port(check["target"])
    session = _smtp_session(check, host, port, timeout)
    try:
        if check.get("user"):
            session.login(check["user"], check.get("password") or "")
    except smtplib.SMTPAuthenticationError as error:
        raise Failure("%s refuses the login of %s (%d)" % (check["target"], check["user"], error.smtp_code), "credentials") from error
    except smtplib.SMTPNotSupportedError as error:
        raise Failure("%s does not offer a login: %s" % (check["target"], error), "credentials") from error
    finally:
        session.close()
    return "%s accepts mail sessions" % check["target"]


def check_service(check, dummy, run_command):
    """The rc script ``target`` has to say that it runs; its words are the sentence. The timeout does not apply."""
    # "status" of a disabled service ends with 0 on FreeBSD 13; "onestatus" tells the truth everywhere.
    rc, out, err = run_command(["/usr/sbin/service", check["target"], "onestatus"])
    if rc != 0:
        raise Failure((out or err).strip().splitlines()[-1] if (out or err).strip() else "%s is not running" % check["target"])
    return out.strip()


def check_mount(check, timeout, run_command):
    """Something has to be mounted at the directory ``target``."""
    path = check["target"]
    if not os.path.isdir(path):
        raise Failure("%s is not a directory" % path)
    # Devices do not tell: a directory of the same file system can be mounted there. In a jail df hides the names of all mount points
    # but the root's, and every other one counts then.
    rc, out, dummy = run_command(["/bin/df", "-P", path])
    shown = out.split()[-1] if rc == 0 and out.strip() else "/"
    if shown.startswith("/") and shown not in (path, os.path.realpath(path)):
        raise Failure("nothing is mounted at %s, the data would land in %s" % (path, shown))
    return "%s is a file system of its own" % path


def check_file(check, dummy, run_command):
    """``target`` has to be a file, or a link to one, with exactly the permissions ``mode`` (octal digits, as text) if they are given."""
    path = check["target"]
    if not os.path.isfile(path):
        raise Failure("%s is missing" % path)
    if check.get("mode"):
        mode = os.stat(path).st_mode & 0o7777
        if mode != int(check["mode"], 8):
            raise Failure("%s has mode %04o instead of %s" % (path, mode, check["mode"]))
    return "%s is there" % path


def check_ldap(check, timeout, dummy):
    """Bind and search as ldap_bind_info does, with its options in ``ldap``; a user has to be found.

    The part of a Failure is that of the Refusal, filter when nobody is found, and none when ldap3 is missing.
    """
    if _ldap_bind.LDAP3_ERROR:
        raise Failure("the Python library ldap3 is missing here")
    params = {name: spec.get("default") for name, spec in _ldap_bind.ARGUMENTS.items()}
    params.update(check["ldap"], timeout=timeout)
    try:
        uri, found = _ldap_bind.prove(params)
    except _ldap_bind.Refusal as refusal:
        raise Failure(str(refusal), refusal.part) from refusal
    if not found:
        raise Failure("%s has no user below %s that matches %s" % (uri, params["base"], params["filter"]), "filter")
    return "%s answers and has users" % uri


def check_command(check, dummy, run_command):
    """``argv`` has to end with 0, and its standard output to match the pattern ``body`` if there is one. The timeout does not apply.

    ``environment`` is added to that of the module. A Failure holds the last line that the command said, of standard error rather than output.
    """
    rc, out, err = run_command(check["argv"], environ_update=check.get("environment") or {})
    if rc != 0:
        text = (err or out).strip().splitlines()
        raise Failure("%s ended with %d: %s" % (check["argv"][0], rc, text[-1] if text else "no message"))
    if check.get("body") and not re.search(check["body"], out):
        raise Failure("the output of %s does not match %s" % (check["argv"][0], check["body"]))
    return "%s is content" % check["argv"][0]


KINDS = {
    "service": check_service,
    "mount": check_mount,
    "file": check_file,
    "http": check_http,
    "tcp": check_tcp,
    "closed": check_closed,
    "certificate": check_certificate,
    "smtp": check_smtp,
    "ldap": check_ldap,
    "command": check_command,
}


def with_defaults(check, defaults):
    """Return the check with address, ca_file and verify from ``defaults`` where it gives none itself."""
    filled = dict(check)
    for name in ("address", "ca_file", "verify"):
        if filled.get(name) is None:
            filled[name] = defaults[name]
    return filled


def advice(result):
    """Return one sentence for people about a failed result."""
    hint = " (look at %s)" % result["variable"] if result["variable"] else ""
    return "%s: no, %s%s" % (result["name"], result["message"], hint)


def _result(check, ok, message, part=None, skipped=False):
    variable = (check.get("variables") or {}).get(part) or check["variable"]
    return dict(name=check["name"], variable=variable, ok=ok, skipped=skipped, message=message)


def run(check, timeout, run_command):
    """Return ``{name, variable, ok, skipped, message}`` of one check, tried once."""
    try:
        return _result(check, True, KINDS[check["kind"]](check, timeout, run_command))
    except Failure as failure:
        return _result(check, False, str(failure), failure.part)
    except ssl.SSLCertVerificationError as error:
        return _result(check, False, "the certificate of %s is refused: %s" % (check.get("target"), error.verify_message), "tls")
    except smtplib.SMTPException as error:
        return _result(check, False, "%s refuses the mail session: %s" % (check.get("target"), error), "server")
    except (OSError, http.client.HTTPException) as error:
        return _result(check, False, "%s: %s" % (check.get("target"), error or type(error).__name__), "server")
    except (ValueError, re.error) as error:
        # A target without a port, a pattern that is none: the other checks go on.
        return _result(check, False, "%s cannot be checked so: %s" % (check.get("target") or check["kind"], error))


def run_all(checks, timeout, attempts, run_command, broken=()):
    """Return one result for each check, in their order.

    What failed is tried again, all of it together, at most ``attempts`` times and a second apart. A check is skipped when one that
    it requires failed or was skipped before it in this list, or is named in ``broken``: its failure would say nothing new.
    """
    results = {}
    for attempt in range(max(1, attempts)):
        if attempt:
            time.sleep(1)
        bad = set(broken)
        for check in checks:
            name = check["name"]
            cause = next((required for required in check.get("requires") or [] if required in bad), None)
            if cause is not None:
                results[name] = _result(check, False, "not checked because of: %s" % cause, skipped=True)
            elif name not in results or not results[name]["ok"]:
                results[name] = run(check, timeout, run_command)
            if not results[name]["ok"]:
                bad.add(name)
        if all(result["ok"] or result["skipped"] for result in results.values()):
            break
    return [results[check["name"]] for check in checks]
