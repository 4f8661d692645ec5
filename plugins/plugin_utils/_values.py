# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One value of an inventory at a time: what it may be, and in which words it is refused.

Every checker takes the value, returns its normal form and raises ValueError with the end of a sentence whose subject is the value.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import posixpath
import re
import struct
import urllib.parse

from ansible_collections.potluck.matrix.plugins.module_utils import _consul, _ldap_domain, _mail, _names
from ansible_collections.potluck.matrix.plugins.module_utils._names import kind, text
from ansible_collections.potluck.matrix.plugins.module_utils._zfs import canonical_properties

# Text forms that both the filter "bool" and the argument specs of roles read the same way.
_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")
_SYSTEM_DIRECTORIES = (
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/libexec", "/proc", "/rescue", "/root", "/sbin", "/tmp", "/usr", "/usr/home", "/usr/local", "/var",
)
_KEY_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)


def boolean(value) -> bool:
    """True or false, also as the texts Potluck has."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, str)):
        word = str(value).lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
        raise ValueError("is neither true nor false")
    raise ValueError("is %s where true or false is expected" % kind(value))


def choice(*allowed):
    """A checker for one of some words."""

    def check(value):
        if text(value) not in allowed:
            raise ValueError("is none of %s" % ", ".join(allowed))
        return str(value)

    return check


def line(value) -> str:
    """A text of one line."""
    found = text(value)
    if "\n" in found or "\r" in found:
        raise ValueError("holds a line break")
    if any(ord(character) < 32 or ord(character) == 127 for character in found):
        raise ValueError("holds a control character")
    return found


def secret(value) -> str:
    """A password: a text of one line. YAML makes a number of unquoted digits, hence the hint."""
    if isinstance(value, (bool, int, float)):
        raise ValueError("is %s; put it in quotes" % kind(value))
    return line(value)


def word(pattern: str, problem: str, longest: int = 255):
    """A checker for a text that matches a pattern as a whole."""

    def check(value):
        if not re.fullmatch(pattern, text(value)):
            raise ValueError(problem)
        if len(value) > longest:
            raise ValueError("is longer than %d characters" % longest)
        return str(value)

    return check


def normal(checker):
    """A checker for values that are used as they are written: the value has to be its own normal form."""

    def check(value):
        found = checker(value)
        if found != value:
            raise ValueError("is not in its normal form \"%s\"" % found)
        return found

    return check


def _ignoring_case(checker):
    def check(value):
        found = checker(value)
        if found.lower() != value.lower():
            raise ValueError("is not in its normal form \"%s\"" % found)
        return found

    return check


def _domain(value) -> str:
    given = text(value)
    if "://" in given or "/" in given:
        raise ValueError("is a URL; give the domain alone")
    if re.search(r":[0-9]*$", given):
        raise ValueError("has a port; give the domain alone")
    if given.startswith("@") or "@" in given:
        raise ValueError("holds an @; give the domain alone")
    return _names.domain_name(given)


domain = normal(_domain)


def domains(value) -> list:
    """More domains for a certificate."""
    found = []
    for number, item in enumerate(_list(value), 1):
        try:
            found.append(domain(item))
        except ValueError as error:
            raise ValueError("has as item %d \"%s\", which %s" % (number, item, error)) from None
        if found.count(found[-1]) > 1:
            raise ValueError("has item %d \"%s\" twice" % (number, item))
    return found


host = _ignoring_case(_names.host)
mail = _ignoring_case(_mail.address)


def pot_address(value) -> str:
    """The address of a pot: one address, without the NIC that pot itself would take in front of it."""
    given = text(value)
    if "|" in given:
        raise ValueError("has an interface in front; the interface has a variable of its own, matrix_pot_interface")
    if re.search(r"[,\s]", given):
        raise ValueError("is more than one address, or holds a blank")
    return normal(_names.address)(given)


def release(value) -> str:
    """A FreeBSD release X.Y; an unquoted 14.2 arrives as a number and means the same."""
    given = str(value) if isinstance(value, float) else text(value)
    if re.fullmatch(r"[0-9]+\.[0-9]+-.*", given):
        raise ValueError("has something after the version")
    if not re.fullmatch(r"1[3-9]\.[0-9]", given):
        raise ValueError("is not a FreeBSD release from 13.0 on")
    return given


def python_version(value) -> str:
    """The Python that FreeBSD's packages are named after."""
    given = str(value) if isinstance(value, float) else text(value)
    if not re.fullmatch(r"3\.(9|1[0-9])", given):
        raise ValueError("is not a Python version from 3.9 on" + ("; put it in quotes" if isinstance(value, float) else ""))
    return given


interface = word(r"[A-Za-z][A-Za-z0-9_.]*", "is not the name of a network interface", 15)
bridge = word(r"[A-Za-z0-9_][A-Za-z0-9_-]*", "is not a bridge's name (letters, digits, hyphens, underscores)", 55)


def pot_name(value) -> str:
    """The name of a pot. pot itself refuses a dot only and breaks on much else; a name of digits would be taken for a jail's number."""
    given = text(value)
    if "." in given:
        raise ValueError("holds a dot, which pot does not allow")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_+-]*", given):
        raise ValueError("is not a pot's name (letters, digits, hyphens, underscores)")
    if given.isdigit():
        raise ValueError("consists of digits, so that it would be taken for the number of a jail")
    if len(given) > 55:
        raise ValueError("is longer than 55 characters")
    return given


def dataset(value) -> str:
    """A file system POOL/NAME."""
    given = text(value)
    if given.startswith("/"):
        raise ValueError("is a path; a dataset begins with the name of its pool")
    if "@" in given or "#" in given:
        raise ValueError("is a snapshot or a bookmark")
    if re.search(r"\s", given):
        raise ValueError("holds a blank")
    if "/" not in given:
        raise ValueError("is a whole pool; give it a name below the pool")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.:-]*(/[A-Za-z0-9_.:-]+)+", given) or {".", ".."} & set(given.split("/")):
        raise ValueError("is not a dataset's name")
    if len(given) > 200:
        raise ValueError("is longer than 200 characters")
    return given


def absolute_path(value) -> str:
    """An absolute path in its normal form, without blanks (pot's fscomp.conf separates by blanks)."""
    given = line(value)
    if not given.startswith("/"):
        raise ValueError("is not an absolute path")
    if re.search(r"\s", given):
        raise ValueError("holds a blank")
    return normal(lambda path: posixpath.normpath(path).replace("//", "/"))(given)


def mountpoint(value) -> str:
    """A directory that a dataset may be mounted on."""
    given = absolute_path(value)
    if given in _SYSTEM_DIRECTORIES:
        raise ValueError("is a directory of the system")
    return given


def properties(value) -> dict:
    """ZFS properties and their values."""
    if not isinstance(value, dict):
        raise ValueError("is %s where a dictionary is expected" % kind(value))
    for name, setting in value.items():
        if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9:_.-]*", name):
            raise ValueError("has the key \"%s\", which is not the name of a property" % name)
        if name in ("mountpoint", "canmount", "jailed", "zoned"):
            raise ValueError("sets \"%s\", which decides whether the data is found; matrix_dataset_mountpoint is for that" % name)
        if isinstance(setting, (dict, list)) or setting is None or setting == "":
            raise ValueError("gives \"%s\" no usable value" % name)
        try:
            canonical_properties({name: setting})
        except ValueError as error:
            raise ValueError("has a setting that cannot be: %s" % error) from None
    return dict(value)


def ports(value) -> list:
    """Ports of the pot to forward to: C([PROTOCOL:]POT_PORT[:HOST_PORT]) as (protocol, port in the pot, port of the host or None)."""
    found = []
    for number, item in enumerate(_list(value), 1):
        shown = "has as item %d \"%s\", which " % (number, item)
        given = str(item) if isinstance(item, int) and not isinstance(item, bool) else item
        match = isinstance(given, str) and re.fullmatch(r"(?:(tcp|udp):)?([0-9]{1,9})(?::([0-9]{1,9}))?", given)
        if not match:
            raise ValueError(shown + "is not of the form PROTOCOL:PORT:HOST_PORT")
        try:
            inside, outside = _names.port(match.group(2)), _names.port(match.group(3)) if match.group(3) else None
        except ValueError as error:
            raise ValueError(shown + "has a port that %s" % error) from None
        found.append((match.group(1) or "tcp", inside, outside))
        if outside and [(part[0], part[2]) for part in found].count((found[-1][0], outside)) > 1:
            raise ValueError(shown + "takes a port of the machine for the second time")
    return found


def _list(value) -> list:
    if isinstance(value, (list, tuple)):
        return list(value)
    raise ValueError("is %s where a list is expected" % kind(value))


def mounts(value) -> list:
    """More mounts of the pot: dictionaries with source and target."""
    found = []
    for number, item in enumerate(_list(value), 1):
        shown = "has as item %d " % number
        if not isinstance(item, dict):
            raise ValueError(shown + "%s where a dictionary with source and target is expected" % kind(item))
        unknown = set(item) - {"source", "target", "kind", "read_only"}
        if unknown:
            raise ValueError(shown + "a mount with the unknown key \"%s\"" % sorted(unknown, key=str)[0])
        for key in ("source", "target"):
            if not item.get(key):
                raise ValueError(shown + "a mount without %s" % key)
        try:
            choice("directory", "dataset", "fscomp")(item.get("kind", "directory"))
            boolean(item.get("read_only", False))
            target = absolute_path(item["target"])
            source = line(item["source"])
            if item.get("kind", "directory") == "directory":
                absolute_path(source)
        except ValueError as error:
            raise ValueError(shown + "a mount with a value that %s" % error) from None
        if target in ("/", "/mnt") or target in [other["target"] for other in found]:
            raise ValueError(shown + "a mount on %s, where something else is mounted already" % target)
        found.append(dict(item))
    return found


def url(*schemes):
    """A checker for URLs of the given schemes."""

    def check(value):
        given = line(value)
        if re.search(r"\s", given):
            raise ValueError("holds a blank")
        try:
            parts = urllib.parse.urlsplit(given)
            port = parts.port
        except ValueError:
            raise ValueError("is not a URL (its host or port is wrong)") from None
        if parts.scheme not in schemes:
            raise ValueError("does not begin with %s" % " or ".join(scheme + "://" for scheme in schemes))
        if port == 0:
            raise ValueError("has the port 0")
        if not parts.scheme.endswith("file"):
            if not parts.hostname:
                raise ValueError("has no host")
            try:
                _names.host(parts.hostname)
            except ValueError as error:
                raise ValueError("has a host that %s" % error) from None
        return given

    return check


def consul_servers(value) -> list:
    """The servers to join; none at all switches Consul off."""
    return _consul.servers(value) if not isinstance(value, (list, tuple)) or value else []


gossip_key = _consul.gossip_key


def datacenter(value) -> str:
    """A Consul datacenter."""
    if not re.fullmatch(r"[a-z0-9_-]+", text(value)):
        raise ValueError("holds something other than lower-case letters, digits, hyphens and underscores")
    return word(r".*", "", 64)(value)


def node_name(value) -> str:
    """The node's name in Consul, which is a label in its DNS."""
    given = text(value)
    if "." in given:
        raise ValueError("holds a dot; it is one label")
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", given):
        raise ValueError("is not a host label (letters, digits, hyphens inside)")
    if len(given) > 63:
        raise ValueError("is longer than 63 characters")
    return given


def mail_port(value) -> int:
    """The port of the mail server."""
    _mail.tls_mode(value)
    return int(value)


def size(value) -> str:
    """A number of bytes, or one with the suffix K or M, which Synapse and nginx both read."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError("is %s where a size is expected" % kind(value))
    if not re.fullmatch(r"[1-9][0-9]{0,14}[KM]?", str(value)):
        raise ValueError("is not a number of bytes, nor one followed by K or M")
    return str(value)


def accounts(value) -> list:
    """Accounts to ensure: dictionaries with a name and, if wanted, password, admin and display_name. Passwords are not shown."""
    names = []
    for number, item in enumerate(_list(value), 1):
        shown = "has an account (item %d) " % number
        if not isinstance(item, dict):
            raise ValueError("has as item %d %s where a dictionary with a name is expected" % (number, kind(item)))
        unknown = set(item) - {"name", "password", "admin", "display_name"}
        if unknown:
            raise ValueError(shown + "with the unknown key \"%s\"" % sorted(unknown, key=str)[0])
        try:
            # The characters of a Matrix user ID's local part.
            names.append(word(r"[a-z0-9._=/+-]+", "is not a Matrix account's name (lower-case letters, digits and ._=/+-)")(item.get("name", "")))
        except ValueError as error:
            raise ValueError(shown + "with a name that %s" % error) from None
        if names.count(names[-1]) > 1:
            raise ValueError(shown + "with the name of another one, \"%s\"" % names[-1])
        try:
            for key, checker in (("password", secret), ("display_name", line), ("admin", boolean)):
                if key in item:
                    checker(item[key])
        except ValueError as error:
            raise ValueError(shown + "with a value for %s that %s" % (key, error)) from None
    return list(value)


def port_or_off(value) -> int:
    """A port, or 0 for none."""
    return 0 if value == "" or value in (0, "0") and not isinstance(value, bool) else _names.port(value)


def days(value) -> int:
    """A number of days, at least one."""
    if isinstance(value, bool) or not re.fullmatch(r"[1-9][0-9]{0,3}", str(value)):
        raise ValueError("is not a number of days from 1 to 9999")
    return int(value)


def networks(value) -> list:
    """Addresses and networks in CIDR form."""
    found = []
    for number, item in enumerate(_list(value), 1):
        shown = "has as item %d \"%s\", which " % (number, item)
        try:
            network = ipaddress.ip_network(text(item))
        except ValueError as error:
            if "host bits set" in str(error):
                raise ValueError(shown + "is not the first address of its network") from None
            raise ValueError(shown + "is not an address or a network") from None
        if network.prefixlen == 0:
            raise ValueError(shown + "would trust everybody")
        if network in found:
            raise ValueError(shown + "is given twice")
        found.append(network)
    return [str(network) for network in found]


def resolvers(value) -> list:
    """Addresses of name servers, none of them the asker's own."""
    found = []
    for number, item in enumerate(_list(value), 1):
        shown = "has as item %d \"%s\", which " % (number, item)
        try:
            address = normal(_names.address)(item)
        except ValueError as error:
            raise ValueError(shown + str(error)) from None
        if ipaddress.ip_address(address).is_loopback:
            raise ValueError(shown + "is the pot itself")
        if address in found:
            raise ValueError(shown + "is given twice")
        found.append(address)
    return found


def ssl_mail(value) -> str:
    """A mail address, or Potluck's C(none)."""
    return "" if value == "none" else mail(value)


def ldap_servers(value) -> list:
    """One directory server or a list of them."""
    if isinstance(value, (list, tuple)):
        found = []
        for number, item in enumerate(value, 1):
            try:
                found.append(host(item))
            except ValueError as error:
                raise ValueError("has as item %d \"%s\", which %s" % (number, item, error)) from None
            if found.count(found[-1]) > 1:
                raise ValueError("has item %d \"%s\" twice" % (number, item))
        return found
    try:
        return [host(value)]
    except ValueError as error:
        if "has a port" in str(error) or "has a scheme" in str(error):
            raise ValueError("%s; matrix_ldap_port and matrix_ldap_tls are for the rest" % error) from None
        raise


def ldap_domain(value) -> str:
    """The directory's domain."""
    return ".".join(_ldap_domain.domain_parts(value))


def ssh_keys(value) -> str:
    """SSH public keys, one a line, as authorized_keys has them but without options."""
    given = text(value).strip()
    if "PRIVATE KEY" in given:
        raise ValueError("is a private key; give the public one")
    if re.match(r"[~/.]", given):
        raise ValueError("is a path; give the content of the file")
    lines = [part for part in given.splitlines() if part.strip() and not part.startswith("#")]
    if not lines:
        raise ValueError("holds no key")
    for part in lines:
        _ssh_key(part)
    return given


def _ssh_key(given: str) -> None:
    fields = given.split()
    if fields[0] == "ssh-dss":
        raise ValueError("is a DSA key, which OpenSSH no longer takes")
    if fields[0] not in _KEY_TYPES:
        raise ValueError("does not begin with the type of a public key")
    try:
        blob = base64.b64decode(fields[1], validate=True)
        (length,) = struct.unpack_from(">I", blob)
        if blob[4:4 + length].decode("ascii") != fields[0] or len(blob) < 4 + length + 32:
            raise ValueError
    except (IndexError, binascii.Error, struct.error, ValueError):
        raise ValueError("is damaged or cut off") from None
    if fields[0] == "ssh-rsa":
        (exponent,) = struct.unpack_from(">I", blob, 11)
        if len(blob) < 15 + exponent + 4 + 256:
            raise ValueError("is an RSA key of less than 2048 bits")
