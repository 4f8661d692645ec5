# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of the module probe_info, by their kinds: what each takes, and how a list of them is run.

Each check function takes the check's options (a dict with every option of the module's documentation), the timeout in
seconds and a C(Runner); it returns a sentence about what it found or raises C(Sentence), whose part tells which part of
what was checked it is about.
"""

from __future__ import annotations

import re
import time
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._probe import host

Check = t.Callable[[dict, float, Runner], str]
# Those of the host itself.
LOCAL: dict[str, Check] = {
    "service": host.check_service,
    "mount": host.check_mount,
    "space": host.check_space,
    "file": host.check_file,
    "command": host.check_command,
}
# Those that ask over a network, for which remote() imports what they need.
REMOTE = ("http", "tcp", "closed", "certificate", "smtp", "ldap", "delegation", "turn", "database")


def remote(kind: str) -> Check:
    """The check of a kind of REMOTE. TLS, HTTP and mail take longer to import than most modules work."""
    if kind == "http":
        from ansible_collections.potluck.matrix.plugins.module_utils._probe import web

        return web.check_http
    if kind == "smtp":
        from ansible_collections.potluck.matrix.plugins.module_utils._probe import mail

        return mail.check_smtp
    if kind == "ldap":
        from ansible_collections.potluck.matrix.plugins.module_utils._probe import directory

        return directory.check_ldap
    if kind == "delegation":
        from ansible_collections.potluck.matrix.plugins.module_utils._probe import delegation

        return delegation.check_delegation
    if kind == "database":
        from ansible_collections.potluck.matrix.plugins.module_utils._probe import database

        return database.check_database
    if kind == "turn":
        from ansible_collections.potluck.matrix.plugins.module_utils._probe import turn

        return turn.check_turn
    from ansible_collections.potluck.matrix.plugins.module_utils._probe import sockets

    found: Check = getattr(sockets, f"check_{kind}")
    return found


# Kinds that go to the addresses they are given, and those that do so where their target is a port alone.
AT_ADDRESSES = ("http", "certificate", "turn")
AT_A_PORT = ("tcp", "closed")

# The options of one check; see the documentation of probe_info.
CHECK = {
    "name": {"type": "str", "required": True},
    "variable": {"type": "str", "default": ""},
    "variables": {"type": "dict"},
    "tag": {"type": "str", "default": ""},
    "requires": {"type": "list", "elements": "str"},
    "kind": {"type": "str", "required": True, "choices": [*LOCAL, *REMOTE]},
    "target": {"type": "str"},
    "argv": {"type": "list", "elements": "str"},
    "environment": {"type": "dict"},
    "run_as": {"type": "str"},
    "address": {"type": "list", "elements": "str"},
    "socket": {"type": "path"},
    "headers": {"type": "dict"},
    "status": {"type": "list", "elements": "int", "default": [200]},
    "body": {"type": "str"},
    "mode": {"type": "str"},
    "server_name": {"type": "str"},
    "ca_file": {"type": "path"},
    "verify": {"type": "bool"},
    "days": {"type": "int", "default": 0},
    "free": {"type": "int", "default": 0},
    "warn": {"type": "int", "default": 0},
    "tls": {"type": "str", "choices": ["none", "starttls", "starttls_required", "implicit"], "default": "starttls"},
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "ldap": {"type": "dict"},
    "every": {"type": "bool", "default": False},
    "documents": {"type": "dict"},
    # Names of files, which are not secret.
    "secret_file": {"type": "path", "no_log": False},
    "shown": {"type": "path"},
    "advisory": {"type": "bool", "default": False},
    "remedy": {"type": "dict"},
}

# What a password is in all that a module tells of its arguments. Ansible's own way is to blot its text out wherever it
# appears, which of a
# short one makes every message unreadable.
HIDDEN = "(hidden)"
BLOTTED_FROM = 6


def taken(module: t.Any, option: str) -> list[dict]:
    """The checks in an option of a module, with all options of CHECK; from then on the module tells none of their
    passwords.

    ValueError for one that is no check.
    """
    checks = []
    for check in module.params[option]:
        validated = ArgumentSpecValidator(CHECK).validate(check)
        if validated.error_messages:
            raise ValueError("{}: {}".format(option, ", ".join(validated.error_messages)))
        checks.append(validated.validated_parameters)
    module.params[option] = [
        dict(check, password=HIDDEN) if check.get("password") else check for check in module.params[option]
    ]
    module.no_log_values = {value for value in module.no_log_values if len(value) >= BLOTTED_FROM}
    return checks


def with_defaults(check: dict, defaults: t.Mapping[str, t.Any]) -> dict:
    """Return the check with address, ca_file and verify from ``defaults`` where it gives none itself."""
    filled = dict(check)
    for name in ("address", "ca_file", "verify"):
        if filled.get(name) is None:
            filled[name] = defaults[name]
    return filled


def advice(result: dict) -> str:
    """Return one sentence for people about a failed result: what to look at, and what mends it."""
    steps = ["look at {}".format(result["variable"])] if result["variable"] else []
    steps += ["run site with --tags {}".format(result["tag"])] if result["tag"] else []
    hint = " ({})".format(", then ".join(steps)) if steps else ""
    return "{}: no, {}{}".format(result["name"], result["message"], hint)


def failures(results: list[dict]) -> list[str]:
    """One sentence for people about each result that failed, none for what was skipped."""
    return [advice(result) for result in results if not result["ok"] and not result["skipped"]]


def _result(check: dict, ok: bool, message: str, part: str = "", skipped: bool = False) -> dict:
    variable = (check.get("variables") or {}).get(part) or check["variable"]
    return {
        "name": check["name"],
        "variable": variable,
        "tag": check.get("tag") or "",
        "ok": ok,
        "skipped": skipped,
        "message": message,
    }


def run(check: dict, timeout: float, runner: Runner) -> dict:
    """Return ``{name, variable, tag, ok, skipped, message}`` of one check, tried once; with ``remedy`` where the check
    has one and something is wrong.
    """
    result = _tried(check, timeout, runner)
    if result["ok"]:
        return result
    if check.get("remedy"):
        result["remedy"] = check["remedy"]
    if check.get("advisory"):
        result.update(ok=True, message=f"{host.WARNING}{result['message']} (look at {result['variable']})")
    return result


def _tried(check: dict, timeout: float, runner: Runner) -> dict:
    """The result at every address; of several each failure says where it was."""
    asked = _at_each_address(check)
    results = [_tried_once(each, timeout, runner) for each in asked]
    bad = [(each, result) for each, result in zip(asked, results) if not result["ok"]]
    if not bad:
        return {**results[0], "message": "; ".join(dict.fromkeys(result["message"] for result in results))}
    if len(asked) == 1:
        return results[0]
    words = [f"at {each['address']}, {result['message']}" for each, result in bad]
    return {**bad[0][1], "message": "; ".join(words)}


def _at_each_address(check: dict) -> list[dict]:
    """The check with one address, or none, in place of a list; a port alone becomes one of that address."""
    alone = check["kind"] in AT_A_PORT and (check["target"] or "").startswith(":")
    if not alone and check["kind"] not in AT_ADDRESSES:
        return [check]
    found = [{**check, "address": address} for address in check["address"] or [None]]
    for each in found if alone else ():
        address = each["address"] or "localhost"
        each["target"] = (f"[{address}]" if ":" in address else address) + each["target"]
    return found


def _tried_once(check: dict, timeout: float, runner: Runner) -> dict:
    try:
        function = LOCAL.get(check["kind"]) or remote(check["kind"])
        return _result(check, True, function(check, timeout, runner))
    except Sentence as failure:
        return _result(check, False, str(failure), failure.part)
    except Exception as error:  # whatever is not known to mean something is raised again
        message, part = _words(error, check)
        if not message:
            raise
        return _result(check, False, message, part)


def _words(error: Exception, check: dict) -> tuple[str, str]:
    """(sentence, part) about what a check has raised; an empty sentence for what none of them raises on purpose."""
    import http.client
    import smtplib
    import ssl

    target = check.get("target")
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of {target} is refused: {error.verify_message}", "tls"
    if isinstance(error, smtplib.SMTPException):
        return f"{target} refuses the mail session: {error}", "server"
    if isinstance(error, (OSError, http.client.HTTPException)):
        return f"{target}: {str(error) or type(error).__name__}", "server"
    if isinstance(error, (ValueError, re.error)):
        # A target without a port, a pattern that is none: the other checks go on.
        return f"{target or check['kind']} cannot be checked so: {error}", ""
    return "", ""


def run_all(
    checks: list[dict], timeout: float, attempts: int, runner: Runner, broken: t.Iterable[str] = ()
) -> list[dict]:
    """Return one result for each check, in their order.

    What failed is tried again, all of it together, at most ``attempts`` times and a second apart. A check is skipped
    when one that it requires failed or was skipped before it in this list, or is named in ``broken``: its failure would
    say nothing new.
    """
    results: dict[str, dict] = {}
    for attempt in range(max(1, attempts)):
        if attempt:
            time.sleep(1)
        bad = set(broken)
        for check in checks:
            name = check["name"]
            cause = next((required for required in check.get("requires") or [] if required in bad), None)
            if cause is not None:
                results[name] = _result(check, False, f"not checked because of: {cause}", skipped=True)
            elif name not in results or not results[name]["ok"]:
                results[name] = run(check, timeout, runner)
            if not results[name]["ok"]:
                bad.add(name)
        if all(result["ok"] or result["skipped"] for result in results.values()):
            break
    return [results[check["name"]] for check in checks]
