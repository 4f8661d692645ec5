# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts: of the homeserver, and keys of people.

Every checker takes the value, returns its normal form and raises ValueError with the end of a sentence whose subject
is the value.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import names, values

_KEY_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)


# Accounts and groups of FreeBSD's base system (master.passwd, group), and of what runs in a pot of ours.
# What the names of accounts begin with that prove a homeserver and are removed afterwards, wherever they are found.
PROOF_ACCOUNTS = "potluck-proof-"
_TAKEN = frozenset(
    [
        "_dhcp",
        "_pflogd",
        "_ypldap",
        "acme",
        "audit",
        "auditdistd",
        "authpf",
        "bin",
        "bind",
        "consul",
        "consul_template",
        "daemon",
        "dialer",
        "ftp",
        "games",
        "guest",
        "hast",
        "idletime",
        "kmem",
        "kvm",
        "mail",
        "mailnull",
        "man",
        "network",
        "news",
        "nobody",
        "nodeexport",
        "nogroup",
        "nomad",
        "ntpd",
        "operator",
        "pop",
        "postgres",
        "promtail",
        "proxy",
        "realtime",
        "root",
        "smmsp",
        "sshd",
        "staff",
        "synapse",
        "sys",
        "syslogng",
        "tests",
        "toor",
        "tty",
        "u2f",
        "unbound",
        "uucp",
        "vault",
        "video",
        "wheel",
        "www",
    ]
)


def system_account(value) -> str:
    """The name of an account in a FreeBSD system as pw(8) takes it, and as sudo, doas and sshd read nothing else in
    it.
    """
    given = names.text(value)
    if not given:
        raise ValueError("is empty")
    if given.isdigit():
        raise ValueError("consists of digits, so that it would be taken for a number of an account")
    if not re.fullmatch(r"[a-z_][a-z0-9_-]*", given):
        raise ValueError("is not an account's name (lower-case letters, digits, hyphens, underscores)")
    if len(given) > 32:
        raise ValueError("is longer than 32 characters")
    return given


def free_account(value) -> str:
    """The name of an account that the system and the services of a homeserver have no other purpose for."""
    given = system_account(value)
    if given in _TAKEN:
        raise ValueError("is an account or a group that exists for another purpose")
    return given


def local_part(value) -> str:
    """The name of a Matrix account as Synapse registers one (RegistrationHandler.check_username), without @ and
    domain.
    """
    given = names.text(value)
    if not re.fullmatch(r"[a-z0-9._=/+-]+", given):
        raise ValueError("is not a Matrix account's name (lower-case letters, digits and ._=/+-)")
    if given.startswith("_"):
        raise ValueError("begins with an underscore, which Synapse keeps for application services")
    if given.startswith(PROOF_ACCOUNTS):
        raise ValueError(f"begins with {PROOF_ACCOUNTS}, as accounts do that an upgrade makes and removes")
    # Synapse asks Python's int(), which takes a sign and underscores between digits.
    if re.fullmatch(r"[+-]?[0-9]+(_[0-9]+)*", given):
        raise ValueError("is a number, which Synapse keeps for guests")
    if len(given) > 253:
        raise ValueError("is longer than 253 characters")
    return given


def _devices(value) -> list:
    """IDs of devices, or the text C(all)."""
    if isinstance(value, str):
        return [values.choice("all")(value)]
    return values.list_of(values.line)(value)


_ACCOUNT: dict = {
    "password": values.secret,
    "display_name": values.line,
    "admin": values.boolean,
    "state": values.choice("present", "active", "deactivated"),
    "update_password": values.choice("on_create", "always"),
    "sign_out": _devices,
}


def accounts(value) -> list:
    """Accounts to ensure: dictionaries with a name and, if wanted, what module synapse_accounts knows of one.
    Passwords are not shown.
    """
    found = []
    for number, item in enumerate(values.items(value), 1):
        shown = f"has an account (item {number}) "
        if not isinstance(item, dict):
            raise ValueError(f"has as item {number} {names.kind(item)} where a dictionary with a name is expected")
        unknown = set(item) - {"name", *_ACCOUNT}
        if unknown:
            raise ValueError(shown + f'with the unknown key "{sorted(unknown, key=str)[0]}"')
        try:
            found.append(local_part(item.get("name", "")))
        except ValueError as error:
            raise ValueError(shown + f"with a name that {error}") from None
        if found.count(found[-1]) > 1:
            raise ValueError(shown + f'with the name of another one, "{found[-1]}"')
        try:
            for key, checker in _ACCOUNT.items():
                if key in item:
                    checker(item[key])
        except ValueError as error:
            raise ValueError(shown + f"with a value for {key} that {error}") from None
        if item.get("update_password") == "always" and not item.get("password"):
            raise ValueError(shown + "with update_password: always, but without a password")
    return list(value)


# What sshd(8) knows in authorized_keys; it takes no login by a line with anything else.
_FLAG = (
    r"restrict|cert-authority|(?:no-)?(?:agent-forwarding|port-forwarding|pty|touch-required|user-rc|verify-required"
    r"|x11-forwarding)"
)
_NAMED = r"(command|environment|expiry-time|from|permitlisten|permitopen|principals|tunnel)"
_OPTION = re.compile(rf'(?:{_FLAG}|{_NAMED}="((?:[^"\\]|\\"|\\(?!"))*)")(?=[, \t])', re.IGNORECASE)


def ssh_keys(value) -> str:
    """SSH public keys, one a line, as authorized_keys has them, with options in front of them or not."""
    given = names.text(value).strip()
    if "PRIVATE KEY" in given:
        raise ValueError("is a private key; give the public one")
    if re.match(r"[~/.]", given):
        raise ValueError("is a path; give the content of the file")
    if re.search(r"[^\S\n\r\t ]|[\x00-\x08\x0e-\x1f\x7f]", given):
        raise ValueError("holds a control character")
    lines = [part.strip() for part in given.splitlines() if part.strip() and not part.lstrip().startswith("#")]
    if not lines:
        raise ValueError("holds no key")
    for part in lines:
        _ssh_key(_without_options(part))
    return given


def _without_options(given: str) -> str:
    """The key of a line."""
    position: int = 0
    seen: set[str] = set()
    while option := _OPTION.match(given, position):
        name, text = option.group(1), option.group(2)
        # environment, permitlisten and permitopen may be there more than once.
        if name and not name.lower().startswith(("environment", "permit")):
            if name.lower() in seen:
                raise ValueError(f"has the option {name.lower()} twice")
            seen.add(name.lower())
        if name and name.lower() == "expiry-time" and not re.fullmatch(r"[0-9]{8}([0-9]{4}([0-9]{2})?)?Z?", text):
            raise ValueError("has an expiry-time that is not of the form 20270101")
        position = option.end()
        if given[position] != ",":
            return given[position:].strip()
        position += 1
    if position:
        raise ValueError(f"has something other than an option of sshd at character {position + 1}")
    return given


def _ssh_key(given: str) -> None:
    fields = given.split()
    if fields[0] == "ssh-dss":
        raise ValueError("is a DSA key, which OpenSSH no longer takes")
    if fields[0].endswith("-cert-v01@openssh.com"):
        raise ValueError(
            "is a certificate, by which nobody logs in from here; give the key of its authority with cert-authority "
            "in front"
        )
    if fields[0] not in _KEY_TYPES:
        raise ValueError("does not begin with the type of a public key")
    try:
        blob = base64.b64decode(fields[1], validate=True)
        (length,) = struct.unpack_from(">I", blob)
        if blob[4 : 4 + length].decode("ascii") != fields[0] or len(blob) < 4 + length + 32:
            raise ValueError
    except (IndexError, binascii.Error, struct.error, ValueError):
        raise ValueError("is damaged or cut off") from None
    if fields[0] == "ssh-rsa":
        (exponent,) = struct.unpack_from(">I", blob, 11)
        if len(blob) < 15 + exponent + 4 + 256:
            raise ValueError("is an RSA key of less than 2048 bits")


def web_users(value) -> dict:
    """Accounts of HTTP basic authentication: C({name: password}). Passwords are not shown."""
    if not isinstance(value, dict):
        raise ValueError(f"is {names.kind(value)} where a dictionary of names and passwords is expected")
    for name, password in value.items():
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9._@-]+", name):
            raise ValueError("has a name that is not a text of letters, digits and ._@-")
        try:
            # bcrypt looks at 72 bytes and no more, and Go's refuses what is longer.
            if not 0 < len(values.secret(password).encode()) <= 72:
                raise ValueError("is empty or longer than 72 bytes")
        except ValueError as error:
            raise ValueError(f'has for "{name}" a password that {error}') from None
    return dict(value)
