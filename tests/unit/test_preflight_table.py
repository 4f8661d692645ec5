# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For every variable of a server at least five bad values, each with the words it is refused with."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import re
import struct

import pytest
import yaml
from ansible_collections.potluck.matrix.plugins.plugin_utils import _certificate, _preflight
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight import Unusable, vocabulary
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.timezone.utc)
KEY = base64.b64encode(bytes(range(32))).decode()
SECRET = "marker-of-a-secret"


def ssh_key(kind="ssh-ed25519", length=32):
    """A well-formed public key of zeros."""
    body = struct.pack(">I", 3) + b"\1\0\1" if kind == "ssh-rsa" else b""
    blob = struct.pack(">I", len(kind)) + kind.encode() + body + struct.pack(">I", length) + bytes(length)
    return f"{kind} {base64.b64encode(blob).decode()} somebody"


GOOD = {
    "matrix_domain": "example.com",
    "matrix_ip": "10.0.0.5",
    "matrix_alert_email": "admin@example.com",
    "matrix_ssl_email": "admin@example.com",
}
CONSUL = {"matrix_consul_servers": "10.0.0.2", "matrix_gossip_key": KEY, "matrix_datacenter": "dc1"}
MAIL = {"matrix_smtp_host": "smtp.example.com", "matrix_smtp_from": "matrix@example.com"}
LOGIN = {**MAIL, "matrix_smtp_user": "u", "matrix_smtp_password": SECRET}
TURN = {"uris": ["turn:turn.example.com?transport=udp"], "secret": SECRET}
LDAP = {"matrix_ldap_server": "ldap.example.com", "matrix_ldap_domain": "example.com", "matrix_ldap_password": SECRET}
BRIDGE = {"matrix_pot_network_type": "public-bridge"}
BOTH = ["10.0.0.5", "2001:db8::5"]
DNS = {**CONSUL, **BRIDGE, "matrix_consul_dns": True, "matrix_dns_forwarders": ["10.0.0.1"]}
PROVIDED = {
    "matrix_tls_mode": "provided",
    "matrix_tls_certificate": "good.pem",
    "matrix_tls_key": "good.key",
    "matrix_verify_ca_file": "good.pem",
}
NOSSL = {"matrix_nossl": True}
IRC = {"source": "irc.yaml", "path": "bridges/irc.yaml", "registration": True}
REGISTRATION = {
    "id": "irc",
    "url": "http://127.0.0.1:9999",
    "as_token": SECRET,
    "hs_token": f"{SECRET}-2",
    "sender_localpart": "ircbot",
    "namespaces": {"users": [{"regex": "@irc_.*:example\\.com", "exclusive": True}]},
}

NOT_TEXT = [(5, "is a number"), (["x"], "is a list"), ({"x": 1}, "is a dictionary"), (None, "missing after the colon")]
BAD_BOOLEANS = ["maybe", "", 2, "ja", None, ["true"], "true ", 1.5]
BAD_PORTS = [0, 65536, -1, "", "http", "80 ", True, None, [80], 80.5]
BAD_CA_FILES = [
    ("absent.pem", "does not exist on the controller"),
    ("empty.pem", "holds no PEM certificate"),
    ("damaged.pem", "holds a damaged certificate"),
    ("expired.pem", "expired on 2026-01-01"),
    ("future.pem", "is not valid before"),
    (".", "is a directory"),
    ("a\nb", "line break"),
    (5, "is a number"),
]
BAD_HOSTS = [
    ("example.com:25", "has a port"),
    ("http://example.com", "has a scheme"),
    ("10.0.0.256", "is not an IP address"),
    ("ex ample.com", "holds a blank"),
    ("[2001:db8::1]", "has brackets"),
    ("example.com/x", "has a path"),
    ("exa+mple.com", "something other than letters"),
    ("user@example.com", "has a user name"),
    ("bücher.example", 'not in its normal form "xn--bcher-kva.example"'),
    ("-a.example.com", "hyphen"),
]
ELSEWHERE = {"host": "db.example.com", "password": SECRET, "sslrootcert": "good.pem"}
BAD_DATABASES = [
    ({}, "has no host"),
    ({"host": "db.example.com", "sslrootcert": "good.pem"}, "has no password"),
    ({**ELSEWHERE, "password": ""}, "has no password"),
    ({**ELSEWHERE, "password": 12345}, "has as password something, which is a number; put it in quotes"),
    ({**ELSEWHERE, "password": SECRET + "\n"}, "has as password something, which holds a line break"),
    ({**ELSEWHERE, "database": "synapse"}, 'has the key "database", which is none of host, port, name'),
    ({**ELSEWHERE, 5: "synapse"}, 'has the key "5", which is none of'),
    ({**ELSEWHERE, "host": None}, "has no host"),
    ({**ELSEWHERE, "host": "/var/run/postgresql"}, "is a directory; a PostgreSQL in the pot is matrix_database"),
    ({**ELSEWHERE, "host": "db1.example.com,db2.example.com"}, "is more than one host"),
    ({**ELSEWHERE, "host": "127.0.0.1"}, "is the pot itself"),
    ({**ELSEWHERE, "host": "::1"}, "is the pot itself"),
    ({**ELSEWHERE, "host": "localhost"}, "is the pot itself"),
    ({**ELSEWHERE, "host": ["db.example.com"]}, "has as host something, which is a list"),
    *(({**ELSEWHERE, "host": host}, words) for host, words in BAD_HOSTS),
    *(({**ELSEWHERE, "port": port}, "port") for port in BAD_PORTS),
    ({**ELSEWHERE, "port": 65536}, 'has as port "65536", which is not between 1 and 65535'),
    ({**ELSEWHERE, "name": "postgresql://db"}, "is not of letters, digits and _ . @ -"),
    ({**ELSEWHERE, "name": "a b"}, "is not of letters"),
    ({**ELSEWHERE, "name": ""}, "has no name"),
    ({**ELSEWHERE, "name": "x" * 64}, "is longer than 63 characters"),
    ({**ELSEWHERE, "user": "dbname=x"}, "is not of letters"),
    ({**ELSEWHERE, "sslmode": "prefer"}, "goes on without TLS when somebody on the way suppresses it"),
    ({**ELSEWHERE, "sslmode": "on"}, "is none of verify-full, verify-ca, require, disable"),
    ({**ELSEWHERE, "sslmode": True}, 'has as sslmode "True", which is a boolean'),
    ({**ELSEWHERE, "sslmode": "require"}, "has an sslrootcert, at which sslmode require does not look"),
    ({**ELSEWHERE, "sslrootcert": ""}, "has no sslrootcert, the file with the CA"),
    ({**ELSEWHERE, "dump": "never"}, 'has as dump "never", which is neither true nor false'),
    *(({**ELSEWHERE, "sslrootcert": path}, words) for path, words in BAD_CA_FILES),
]
BAD_MAILS = [
    ("admin", "exactly one @"),
    ("admin@localhost", "one label only"),
    ("<admin@example.com>", "angle brackets"),
    ("a@example.com,b@example.com", "more than one address"),
    ("admin@exa mple.com", "holds a blank"),
    ("admin@example.com:25", "has a domain that"),
    ("@example.com", "before the @"),
]
BAD_SHELL_MAILS = [
    (f"o{character}neill@example.com", "has a meaning in the files of acme.sh") for character in "'`$|&!*?#{}"
]
BAD_SHELL_MAILS += [
    ('a"b@example.com', "not allowed there"),
    ("a\nb@example.com", "holds a blank"),
    ("a;b@example.com", "more than one address"),
]
BAD_INTERFACES = ["em 0", "0em", "em0;reboot", "averyverylonginterface", "em0\n", "em0|10.0.0.5"]
BAD_PATHS = [
    ("a\nb", "line break"),
    ("a", "not an absolute path"),
    ("/a/../b", "normal form"),
    ("/a b", "holds a blank"),
]
BAD_PATHS += [(f"/a{character}b", "does not belong in a path") for character in "'\"$`;\\#{}*?"]
BAD_SECRETS = [
    (12345, "is a number; put it in quotes"),
    (True, "is a boolean; put it in quotes"),
    ("a\nb", "line break"),
    ("a\x00b", "control character"),
]
BAD_SECRETS += [
    (["x"], "is a list"),
    ({"x": "y"}, "is a dictionary"),
    (None, "missing after the colon"),
    (1.5, "is a number; put it in quotes"),
]

# variable → (what else is set, [(bad value, words of the problem), …])
BAD_DOMAINS = [
    ("", "is empty"),
    ("exa mple.com", "holds a blank"),
    ("https://example.com", "is a URL"),
    ("example.com:8448", "has a port"),
    ("example.com.", 'not in its normal form "example.com"'),
    ("Example.com", 'not in its normal form "example.com"'),
    (" example.com", 'not in its normal form "example.com"'),
    ("bücher.example", 'not in its normal form "xn--bcher-kva.example"'),
    ("example", "one label only"),
    ("exa_mple.com", "something other than letters"),
    ("example..com", "empty label"),
    ("-example.com", "hyphen"),
    ("10.0.0.1", "is an address"),
    ("@user:example.com", "holds an @"),
    ("a" * 64 + ".com", "longer than 63"),
    (".".join(["a" * 60] * 5), "longer than 253"),
    ("example.com\n", "not in its normal form"),
    (Unusable('uses the variable "nope", which is not defined'), '"nope", which is not defined'),
    *NOT_TEXT,
]
TABLE = {
    "matrix_domain": ({}, BAD_DOMAINS),
    "matrix_host": ({}, BAD_DOMAINS),
    "matrix_ip": (
        {},
        [
            ("", "is empty"),
            ("10.0.0.256", "is not an IP address"),
            ("10.0.0.5/24", "prefix length"),
            ("em0|10.0.0.5", "has an interface in front"),
            ("10.0.0.5 10.0.0.6", "more than one address"),
            (["10.0.0.5", "10.0.0.6"], "the value has 2 IPv4 addresses, and a pot has one of each family"),
            (["2001:db8::5", "2001:db8::5"], 'has item 2 "2001:db8::5" twice'),
            (["10.0.0.5", "2001:db8::5", "2001:db8::6"], "the value has 2 IPv6 addresses"),
            (["10.0.0.5", "em0|2001:db8::5"], 'has as item 2 "em0|2001:db8::5", which has an interface in front'),
            (["10.0.0.5", "2001:db8::5/64"], "prefix length"),
            (["10.0.0.5", ""], "has as item 2"),
            ([], "has no item"),
            ("10.0.0.5,10.0.0.6", "more than one address"),
            ("0.0.0.0", "unspecified"),
            ("224.0.0.5", "multicast"),
            ("2001:DB8::5", 'not in its normal form "2001:db8::5"'),
            ("010.0.0.5", "is not an IP address"),
            ("auto", "is not an IP address"),
            ("::1", "is a loopback address"),
            ("127.0.0.2", "is a loopback address"),
            ("fe80::1", "is a link-local address"),
            ("169.254.1.1", "no host can have"),
            ("240.0.0.1", "no host can have"),
            ("0.1.2.3", "no host can have"),
            ("::", "unspecified"),
            ("ff02::1", "multicast"),
            ("::ffff:10.0.0.5", ""),
            (["x"], 'has as item 1 "x", which is not an IP address'),
            *(row for row in NOT_TEXT if row[0] != ["x"]),
        ],
    ),
    "matrix_alert_email": (
        {},
        [
            ("", "is empty"),
            *BAD_MAILS,
            *NOT_TEXT,
            ("ü" * 33 + "@example.com", "before the @"),
            ("a\u200b@example.com", "before the @"),
            ("a\u2028b@example.com", "holds a blank"),
        ],
    ),
    "matrix_pot_name": (
        {},
        [
            ("matrix.example", "holds a dot"),
            ("my matrix", "is not a pot's name"),
            ("42", "consists of digits"),
            ("a/b", "is not a pot's name"),
            ("-matrix", "is not a pot's name"),
            ("m@x", "is not a pot's name"),
            ("x" * 56, "longer than 55"),
            ("", "is empty"),
            *NOT_TEXT,
        ],
    ),
    "matrix_pot_network_type": (
        {},
        [(bad, "is none of inherit, alias") for bad in ("vnet", "Alias", "bridge", "host", "public_bridge")]
        + [("", "is empty"), *NOT_TEXT],
    ),
    "matrix_pot_interface": ({}, [(bad, "") for bad in BAD_INTERFACES] + NOT_TEXT),
    "matrix_pot_bridge": (
        {},
        [
            ("a b", "bridge's name"),
            ("a/b", "bridge's name"),
            ("a.b", "bridge's name"),
            ("-a", "bridge's name"),
            ("x" * 56, "longer than 55"),
            *NOT_TEXT,
        ],
    ),
    "matrix_pot_release": (
        {},
        [
            ("14", "is not a FreeBSD release"),
            ("14.2-RELEASE", "something after the version"),
            ("12.4", "from 13.0 on"),
            ("current", "is not a FreeBSD release"),
            ("14.2.1", "is not a FreeBSD release"),
            (12.4, "from 13.0 on"),
            *NOT_TEXT,
        ],
    ),
    "matrix_pot_extif": ({}, [(bad, "") for bad in BAD_INTERFACES] + NOT_TEXT),
    "matrix_pot_exported_ports": (
        BRIDGE,
        [
            ("443", "is a text where a list"),
            ([0], "not between 1 and 65535"),
            (["tcp:443:70000"], "not between 1 and 65535"),
            (["sctp:443"], "not of the form"),
            (["443:443:443"], "not of the form"),
            (["443", "x"], "as item 2"),
            ([True], "not of the form"),
            (["443:443", "8448:443"], "for the second time"),
            ({"443": 443}, "is a dictionary"),
            ("", "is empty"),
        ],
    ),
    "matrix_pot_mounts": (
        {},
        [
            ("/srv", "is a text where a list"),
            (["/srv"], "a text where a dictionary"),
            ([{"source": "/srv"}], "without target"),
            ([{"target": "/srv"}], "without source"),
            ([{"source": "/srv", "target": "srv"}], "not an absolute path"),
            ([{"source": "/srv", "target": "/mnt"}], "something else is mounted"),
            ([{"source": "/srv", "target": "/a b"}], "holds a blank"),
            ([{"source": "/s", "target": "/s", "mode": "ro"}], 'unknown key "mode"'),
            ([{"source": "/s", "target": "/s", "kind": "nfs"}], "is none of directory"),
            ([{"source": "/s", "target": "/s", "read_only": "maybe"}], "neither true nor false"),
            ([{"source": "/s", "target": "/t"}, {"source": "/u", "target": "/t"}], "something else is mounted"),
        ],
    ),
    "matrix_pkg_repository_url": (
        {},
        [
            ("pkg.example.com", "does not begin with"),
            ("ftp://pkg.example.com", "does not begin with"),
            ("https://", "has no host"),
            ("https://pkg.example.com:99999/", "host or port is wrong"),
            ("https://pkg .example.com", "holds a blank"),
            ("https://exa+mple.com/", "something other than letters"),
            *NOT_TEXT,
        ],
    ),
    "matrix_python_version": (
        {},
        [
            ("3", "Python version"),
            ("2.7", "Python version"),
            ("311", "Python version"),
            ("3.8", "Python version"),
            (3.1, "put it in quotes"),
            ("", "is empty"),
            ("python3.11", "Python version"),
        ],
    ),
    "matrix_dataset": (
        {},
        [
            ("", "is empty"),
            ("zroot", "is a whole pool"),
            ("/zroot/data", "is a path"),
            ("zroot/data@now", "is a snapshot"),
            ("zroot/my data", "holds a blank"),
            ("zroot//data", "is not a dataset's name"),
            ("zroot/data/", "is not a dataset's name"),
            ("zroot/../data", "is not a dataset's name"),
            ("1pool/data", "is not a dataset's name"),
            ("zroot/" + "x" * 250, "longer than 200"),
            ("zroot/ROOT/default", "is a dataset of the system"),
            ("zroot/pot/jails", "is a dataset of pot"),
            ("zroot/usr/home", "is a dataset of the system"),
            ("zroot/var/log", "is a dataset of the system"),
            *NOT_TEXT,
        ],
    ),
    "matrix_dataset_mountpoint": (
        {},
        [
            ("", "is empty"),
            ("mnt/data", "not an absolute path"),
            ("/mnt/my data", "holds a blank"),
            ("/mnt/data/", 'normal form "/mnt/data"'),
            ("/mnt/../usr", 'normal form "/usr"'),
            ("//mnt", "normal form"),
            ("/", "directory of the system"),
            ("/usr/local", "directory of the system"),
            *((path, "of the system") for path in ("/opt", "/usr/home", "/home", "/var/db", "/compat", "/media")),
            *(
                (path, "belongs to the system")
                for path in (
                    "/var/log",
                    "/var/log/matrix",
                    "/usr/lib",
                    "/root/.ssh",
                    "/opt/pot",
                    "/opt/pot/jails/x",
                    "/dev/x",
                )
            ),
            *(
                (path, "belongs to the system")
                for path in (
                    "/etc/ssl",
                    "/usr/local/etc",
                    "/usr/local/share/x",
                    "/var/db/pkg",
                    "/boot/kernel",
                    "/tmp/x",
                )
            ),
            ("none", "not an absolute path"),
            *NOT_TEXT,
        ],
    ),
    "matrix_dataset_properties": (
        {},
        [
            ("compression=lz4", "is a text where a dictionary"),
            (["lz4"], "is a list where a dictionary"),
            ({"mountpoint": "/x"}, "matrix_dataset_mountpoint is for that"),
            ({"canmount": "off"}, "matrix_dataset_mountpoint is for that"),
            ({"Quota": "1G"}, "not the name of a property"),
            ({"quota": None}, "no usable value"),
            ({"quota": ["1G"]}, "no usable value"),
            ({5: "1G"}, "not the name of a property"),
            ({"volsize": "1G"}, "it makes a volume"),
            ({"org.example": "x"}, "not the name of a ZFS property"),
            ({"quota": "much"}, "quota"),
            ({"recordsize": "17K"}, "not a power of two"),
            ({"recordsize": "32M"}, "not a power of two from 512 to 16M"),
            ({"recordsize": 100}, "not a power of two"),
        ],
    ),
    "matrix_datacenter": (
        CONSUL,
        [
            ("DC1", "lower-case"),
            ("dc 1", "lower-case"),
            ("dc.1", "lower-case"),
            ("dc/1", "lower-case"),
            ("x" * 65, "longer than 64"),
            ("", "is not set, but matrix_consul_servers is"),
            *NOT_TEXT,
        ],
    ),
    "matrix_consul_servers": (
        CONSUL,
        [
            ("10.0.0.2, 10.0.0.3", 'item 2 " 10.0.0.3"'),
            ("10.0.0.2,", "item 2 of the Consul servers is empty"),
            ("10.0.0.2:8301", "has a port"),
            ("10.0.0.2,10.0.0.2", "is the same as item 1"),
            ("10.0.0.300", "is not an IP address"),
            (["10.0.0.2", 5], "item 2 of the Consul servers is a number"),
            ({"a": "b"}, "are a dictionary"),
            (5, "are a number"),
            (None, "missing after the colon"),
        ],
    ),
    "matrix_gossip_key": (
        CONSUL,
        [
            (SECRET, "URL alphabet"),
            ("bWFya2Vy", "decodes to 6 bytes"),
            (KEY + "\n", "a blank or a line break"),
            (KEY[:-1], "is not Base64"),
            ("", "is not set, but matrix_consul_servers is"),
            (12345678901234567890, "is a number"),
            ([KEY], "is a list"),
        ],
    ),
    "matrix_consul_dns": (DNS, [(bad, "") for bad in BAD_BOOLEANS]),
    "matrix_dns_forwarders": (
        DNS,
        [
            ([], "is not set, but matrix_consul_dns is true"),
            ("10.0.0.1", "is a text where a list"),
            (["10.0.0.1", "127.0.0.1"], 'item 2 "127.0.0.1", which is the pot itself'),
            (["::1"], "is the pot itself"),
            (["10.0.0.1", "10.0.0.1"], "is given twice"),
            (["2001:db8::1"], "an IPv6 address, but a pot behind a bridge"),
            (["2001:DB8::1"], "not in its normal form"),
            (["dns.example.com"], "is not an IP address"),
            (["10.0.0.1:53"], "is not an IP address"),
            ([5], "is a number"),
            ("", "is empty"),
        ],
    ),
    "matrix_node_name": (
        CONSUL,
        [
            ("matrix.example", "holds a dot"),
            ("ma trix", "not a host label"),
            ("-matrix", "not a host label"),
            ("ma_trix", "not a host label"),
            ("x" * 64, "longer than 63"),
            ("", "is empty"),
            *NOT_TEXT,
        ],
    ),
    "matrix_registration_enable": (
        {},
        [(bad, "") for bad in BAD_BOOLEANS]
        + [
            (True, "everybody could register"),
            ("true", "everybody could register"),
            ("yes", "everybody could register"),
        ],
    ),
    "matrix_registration_verification": (
        {},
        [(bad, "is none of email, token") for bad in ("mail", "Email", "none", "yes", "recaptcha")] + NOT_TEXT,
    ),
    "matrix_certificate_watch_days": (
        {},
        [(bad, "is not a number of days from 1 to 9999") for bad in (0, -5, "soon", 1.5, True, 10000)],
    ),
    "matrix_certificate_warning_days": (
        {},
        [(bad, "is not a number of days from 1 to 9999") for bad in (0, -5, "soon", 1.5, True, 10000)],
    ),
    "matrix_shared_secret": ({}, BAD_SECRETS),
    "matrix_smtp_host": (MAIL, [*BAD_HOSTS, *NOT_TEXT, ("smtp_1.example.com", "holds an underscore, which Synapse")]),
    "matrix_smtp_port": (MAIL, [("smtp", "is not a number"), *((bad, "") for bad in BAD_PORTS)]),
    "matrix_smtp_tls": (
        {**MAIL, "matrix_smtp_port": 2525},
        [
            (bad, "is none of none, starttls, starttls_required, implicit")
            for bad in ("tls", "ssl", "opportunistic", "STARTTLS", "yes")
        ]
        + [("", "is not set, and matrix_smtp_port 2525 is none of the usual"), (True, "is a boolean"), *NOT_TEXT],
    ),
    "matrix_smtp_tls_name": (MAIL, BAD_HOSTS + NOT_TEXT),
    "matrix_mail_app_name": (MAIL, [("a\nb", "line break"), ("a\tb", "control character"), *NOT_TEXT]),
    "matrix_mail_client_url": (
        MAIL,
        [
            ("chat.example.com", "does not begin with http:// or https://"),
            ("ftp://chat.example.com", "does not begin with"),
            ("https://", "has no host"),
            ("https://a b", "holds a blank"),
            ("https://a:99999", "its host or port is wrong"),
            (5, "is a number"),
        ],
    ),
    "matrix_mail_subjects": (
        MAIL,
        [
            ("Reset", "is a text where a dictionary"),
            (["password_reset"], "is a list where a dictionary"),
            ({"reset": "x"}, 'has the unknown key "reset"; known are message_from_person_in_room'),
            ({5: "x"}, 'has the unknown key "5"'),
            ({"password_reset": ""}, "has for password_reset a subject that is empty"),
            ({"password_reset": 5}, "a subject that is a number"),
            ({"password_reset": "a\nb"}, "a subject that holds a line break"),
            ({"password_reset": "for %(person)s"}, "a % other than in %(app)s, %(server_name)s, and in %% for itself"),
            ({"password_reset": "100 %"}, "a % other than in"),
            ({"message_from_person": "%s"}, "a % other than in %(app)s, %(person)s"),
            ({"message_from_person": "%(app)d"}, "a % other than in"),
        ],
    ),
    "matrix_smtp_user": (LOGIN, [("", "is not set, but matrix_smtp_password is"), *BAD_SECRETS]),
    "matrix_smtp_password": (LOGIN, [("", "is not set, but matrix_smtp_user is"), *BAD_SECRETS]),
    "matrix_smtp_from": (
        MAIL,
        [
            ("", "is not set, but matrix_smtp_host is"),
            ("Matrix <matrix>", "exactly one @"),
            ("Matrix <a@example.com", "angle brackets"),
            ("Matrix <a@example.com> x", "angle brackets"),
            ('"" <a@example.com>', "no name in front of them"),
            ('a"b <a@example.com>', "quotation mark"),
            ("x" * 101 + " <a@example.com>", "has a name of more than 100 characters"),
            ("a\nb <a@example.com>", "line break"),
            *((bad, words) for bad, words in BAD_MAILS if "\n" not in bad),
            *NOT_TEXT,
            ("mätrix@example.com", "outside ASCII before the @, which are not sent"),
        ],
    ),
    "matrix_files": (
        {},
        [
            ("irc.yaml", "is a text where a list"),
            (["irc.yaml"], "has an item 1 that is a text where a dictionary"),
            ([{"path": "a"}], "has no source"),
            ([{"source": "irc.yaml"}], "has no path"),
            ([{**IRC, "dest": "a"}], 'has the unknown key "dest"; known are source, path'),
            ([{**IRC, "path": "/mnt/a"}], "is an absolute path"),
            *(([{**IRC, "path": path}], "not a path of plain names") for path in ("../a", "a/../b", ".a", "a b", "a/")),
            ([{**IRC, "path": ["a"]}], "has as path something that is a list"),
            ([{**IRC, "owner": "www"}], "is none of root, synapse"),
            ([{**IRC, "mode": 640}], "is a number; put the mode in quotes"),
            ([{**IRC, "mode": "4755"}], "a digit in front"),
            ([{**IRC, "mode": "0600"}], "has the mode 600, with which Synapse is unable to read a registration"),
            ([{**IRC, "registration": "maybe"}], "is neither true nor false"),
            ([IRC, {**IRC, "source": "other.yaml"}], 'has the path "bridges/irc.yaml" twice'),
            ([IRC, {**IRC, "path": "bridges", "registration": False}], "below that of another file"),
            ([{**IRC, "source": "absent.yaml"}], '"absent.yaml", which does not exist on the controller'),
            ([{**IRC, "source": "."}], "is a directory"),
            ([{**IRC, "source": "good.key"}], "is not the registration of an application service"),
            ([{**IRC, "source": "tokenless.yaml"}], "has no as_token, a text"),
            ([IRC, {**IRC, "path": "b"}], "two registrations, bridges/irc.yaml and b, with one id"),
            ([IRC, {"source": "other.yaml", "path": "b", "registration": True}], "with one hs_token"),
        ],
    ),
    "matrix_max_upload_size": (
        {},
        [
            ("50MB", "followed by K, M or G"),
            ("50 M", "followed"),
            ("0", "followed"),
            ("1T", "followed"),
            ("1g", "followed"),
            (-5, "followed"),
            ("", "is empty"),
            (1.5, "is a number where a size"),
            (True, "is a boolean"),
        ],
    ),
    "matrix_accounts": (
        {},
        [
            ("admin", "is a text where a list"),
            (["admin"], "a text where a dictionary"),
            ([{"password": SECRET}], "is not a Matrix account's name"),
            ([{"name": "Admin"}], "is not a Matrix account's name"),
            ([{"name": "@admin:example.com"}], "is not a Matrix account's name"),
            ([{"name": "a"}, {"name": "a"}], "with the name of another one"),
            ([{"name": "a", "password": 5}], "password that is a number; put it in quotes"),
            ([{"name": "a", "admin": "maybe"}], "admin that is neither true nor false"),
            ([{"name": "a", "pass": SECRET}], 'unknown key "pass"'),
            ([{"name": "a", "state": "absent"}], "state that is none of present, active, deactivated"),
            ([{"name": "a", "update_password": "always"}], "without a password"),
            ([{"name": "a", "update_password": True}], "update_password that is a boolean"),
            ([{"name": "a", "sign_out": "D1"}], "sign_out that is none of all"),
            ([{"name": "a", "sign_out": True}], "sign_out that is a boolean"),
            ([{"name": "a", "sign_out": ["D1", "D1"]}], "sign_out that has item 2"),
            ([{"name": "0123"}], "is a number, which Synapse keeps for guests"),
            ([{"name": "-5"}], "is a number"),
            ([{"name": "_admin"}], "begins with an underscore"),
            ([{"name": "a" * 254}], "longer than 253"),
            ([{"name": "a" * 250}], "longer than 255 characters"),
        ],
    ),
    "matrix_smtp_ca_file": (MAIL, [*BAD_CA_FILES, ("chain.pem", "holds more than one certificate")]),
    "matrix_tls_mode": (
        {},
        [
            ("letsencrypt", "is none of acme"),
            ("ACME", "is none of acme"),
            ("off", "is none of acme"),
            ("", "is empty"),
            (False, "is a boolean where a text"),
            *NOT_TEXT,
        ],
    ),
    "matrix_nossl": ({}, [(bad, "") for bad in BAD_BOOLEANS]),
    "matrix_trusted_proxies": (
        NOSSL,
        [
            ("10.0.0.1", "is a text where a list"),
            (["10.0.0.300"], "not an address or a network"),
            (["10.0.0.1/8"], "not the first address"),
            (["0.0.0.0/0"], "trust everybody"),
            (["::/0"], "trust everybody"),
            (["0.0.0.0/1"], "a whole part of the Internet"),
            (["2000::/3"], "a whole part of the Internet"),
            (["8.0.0.0/8", "9.0.0.0/8"], "add up to 8.0.0.0/7"),
            (["%d.0.0.0/8" % number for number in range(256)], "add up to 0.0.0.0/0"),
            (["10.0.0.1", "10.0.0.1/32"], "is given twice"),
            (["proxy.example.com"], "not an address or a network"),
            ([5], "not an address or a network"),
            ("", "is empty"),
        ],
    ),
    "matrix_well_known_client": (
        {},
        [
            ("m.homeserver", "is a text where a dictionary"),
            ([], "is a list"),
            ({"m.homeserver": {"base_url": "https://x.example"}}, 'sets "m.homeserver", which is made of matrix_host'),
            ({5: 1}, 'the key "5", which is not a text'),
            ({"a": {"": 1}}, 'the key "", which is not a text'),
            ({"a": float("nan")}, "holds nan, which JSON has not"),
            ({"a": [float("inf")]}, "holds inf, which JSON has not"),
            ({"a": datetime.date(2026, 1, 1)}, "which JSON has not; put it in quotes"),
            ({"a": "x" * 4000}, "longer than 4000 characters of JSON"),
            ({"a": "$" * 600}, "longer than 4000 characters of JSON"),
            ({"m.identity_server": "https://x.example"}, 'has a "m.identity_server" that is a text'),
            ({"m.identity_server": {"base_url": "x"}}, "does not begin with http://"),
            ({"org.matrix.msc2965.authentication": {"account": "https://x.example"}}, "has no issuer"),
            ({"org.matrix.msc4143.rtc_foci": {"type": "livekit"}}, "is a dictionary where a list"),
            ({"org.matrix.msc4143.rtc_foci": [{"livekit_service_url": "https://x"}]}, "a focus without a type"),
            ({"org.matrix.msc4143.rtc_foci": [{"type": "livekit"}]}, "has no livekit_service_url"),
            ("", "is empty"),
            (None, "missing after the colon"),
        ],
    ),
    "matrix_admin_api_from": (
        {},
        [
            ("10.0.0.1", "is a text where a list"),
            (["10.0.0.300"], "not an address or a network"),
            (["10.0.0.1/8"], "not the first address"),
            (["0.0.0.0/0"], "trust everybody"),
            (["10.0.0.0/255.0.0.0"], "not an address or a network"),
            (["fe80::1%em0"], "not an address or a network"),
            (["fe80::1%0; }"], "not an address or a network"),
            (["10.0.0.1", "10.0.0.1"], "is given twice"),
            (["admin.example.com"], "not an address or a network"),
            ("", "is empty"),
        ],
    ),
    "matrix_locations": (
        {},
        [
            ("/admin/", "is a text where a list"),
            (["/admin/"], "has as location 1 something that is a text where a dictionary"),
            ([{"to": "http://10.0.0.9:80"}], "has no path"),
            ([{"path": "/x"}], "has nothing where one of to, text, redirect"),
            ([{"path": "/x", "text": "a", "to": "http://10.0.0.9:80"}], "has to and text where one of"),
            ([{"path": "/x", "text": "a", "root": "/usr"}], 'has the key "root", which is none of path, to'),
            ([{"path": "/x", "text": "a"}, {"path": "/x", "text": "b"}], 'has the path "/x" twice'),
            *(
                ([{"path": path, "text": "a"}], words)
                for path, words in (
                    ("x", "does not begin with a slash"),
                    ("", "does not begin with a slash"),
                    (5, "is a number"),
                    ("/a b", "something other than letters"),
                    ("/a;", "something other than letters"),
                    ("/a{}", "something other than letters"),
                    ("/$host", "something other than letters"),
                    ("/%61", "something other than letters"),
                    ("/a//b", "something other than letters"),
                    ("/a/../b", "something other than letters"),
                    ("/./b", "something other than letters"),
                    ("/a/..", "something other than letters"),
                    ("/a\n", "something other than letters"),
                    ("/" + "x" * 200, "longer than 200"),
                    ("/_matrix/", "is the homeserver's own (/_matrix/)"),
                    ("/_matrix", "is the homeserver's own (/_matrix/)"),
                    ("/_matrix/client/v3/sync", "is the homeserver's own (/_matrix/)"),
                    ("/_matrix/client/v3/login/", "is the homeserver's own (/_matrix/)"),
                    ("/_synapse/admin/", "is the homeserver's own (/_synapse/)"),
                    ("/.well-known/matrix/client", "is the homeserver's own (/.well-known/matrix/)"),
                    ("/.well-known/acme-challenge/", "is the homeserver's own (/.well-known/acme-challenge/)"),
                    ("/health", "is the homeserver's own (/health)"),
                )
            ),
            *(
                ([{"path": "/x/", "to": target}], words)
                for target, words in (
                    ("https://10.0.0.9:80", "does not begin with http://"),
                    ("10.0.0.9:80", "does not begin with http://"),
                    ("http://10.0.0.9", "has no port"),
                    ("http://admin.example.com:80", "would not start while nobody knows a name"),
                    ("http://10.0.0.9:080", 'not in its normal form "http://10.0.0.9:80"'),
                    ("http://10.0.0.9:80/?x", "not in its normal form"),
                    ("http://a@10.0.0.9:80", "not in its normal form"),
                    ("http://10.0.0.9:80/a;b/", "something other than letters"),
                    ("http://10.0.0.9:80/a", "has to end in a slash like the location's"),
                    ("unix:x.sock", "not of the form unix:"),
                    ("unix:/a b", "not of the form unix:"),
                    ("unix:/a/../b", "not of the form unix:"),
                    ("unix:/a:/x", "not of the form unix:"),
                    ("unix:/var/run/matrix-synapse/synapse.sock", "matrix_admin_api_from is for that"),
                    ("http://10.0.0.5:8447", "would ask itself for ever"),
                    ("http://127.0.0.1:80/x/", "would ask itself for ever"),
                    (5, "is a number"),
                )
            ),
            ([{"path": "/x", "text": " \n"}], "is empty"),
            ([{"path": "/x", "text": "a\x00"}], "control character"),
            ([{"path": "/x", "text": "x" * 4001}], "is longer than 4000 bytes"),
            ([{"path": "/x", "text": "$" * 300}], "is longer than 4000 bytes"),
            ([{"path": "/x", "text": 5}], "is a number"),
            ([{"path": "/x", "text": "a", "type": "text/xml"}], "is none of text/plain"),
            ([{"path": "/x", "redirect": "/y", "type": "text/plain"}], "has a type, which is for a text"),
            ([{"path": "/x", "redirect": "/x"}], "leads back to itself"),
            ([{"path": "/x", "redirect": "y"}], "does not begin with http://"),
            ([{"path": "/x", "redirect": "https://x.example/$y"}], "holds the character $"),
            ([{"path": "/x", "text": "a", "allow": []}], "nobody would get there"),
            ([{"path": "/x", "text": "a", "allow": "10.0.0.1"}], "is a text where a list"),
            ([{"path": "/x", "text": "a", "allow": ["0.0.0.0/0"]}], "trust everybody"),
            ("", "is empty"),
            (None, "missing after the colon"),
        ],
    ),
    "matrix_support": (
        {},
        [
            ("admin@example.com", "is a text where a dictionary"),
            ({"contact": []}, 'the key "contact", which is none of contacts, support_page'),
            ({"contacts": {"role": "m.role.admin"}}, "is a dictionary where a list"),
            ({"contacts": ["admin@example.com"]}, "has as contact 1 something that is a text where a dictionary"),
            ({"contacts": [{"email_address": "a@example.com"}]}, "has no role (m.role.admin or m.role.security)"),
            ({"contacts": [{"role": "m.role.admin"}]}, "has neither matrix_id nor email_address"),
            ({"contacts": [{"role": "admin", "matrix_id": "@a:example.com"}]}, "is none of m.role.admin"),
            ({"contacts": [{"role": "m.role.boss", "matrix_id": "@a:example.com"}]}, "is none of m.role.admin"),
            (
                {"contacts": [{"role": "m.role.admin", "matrix_id": "a:example.com"}]},
                "not of the form @name:example.com",
            ),
            ({"contacts": [{"role": "m.role.admin", "matrix_id": "@a"}]}, "has a server that"),
            ({"contacts": [{"role": "m.role.admin", "matrix_id": "@a:exa mple"}]}, "has a server that"),
            ({"contacts": [{"role": "m.role.admin", "email_address": "a"}]}, "does not hold exactly one @"),
            ({"contacts": [{"role": "m.role.admin", "email_address": None}]}, "email_address something"),
            ({"contacts": [{"role": "m.role.admin", "email": "a@example.com"}]}, 'has the key "email"'),
            ({"support_page": "example.com/help"}, "does not begin with http"),
            ({"support_page": "https://example.com/" + "x" * 2000}, "longer than anybody reads"),
            ("", "is empty"),
            (None, "missing after the colon"),
        ],
    ),
    "matrix_ssl_email": (
        {},
        [
            ("", "is not set, but the certificate"),
            ("none", "is for a server without TLS"),
            *BAD_SHELL_MAILS,
            *BAD_MAILS,
            *NOT_TEXT,
        ],
    ),
    "matrix_acme_dns": (
        {},
        [
            ("dns_cf", "is a text where a dictionary"),
            ([], "is a list where a dictionary"),
            ("", "is empty"),
            ({"settings": {"CF_Token": SECRET}}, "has no plugin"),
            ({"plugin": ""}, "has no plugin"),
            ({"plugin": "cf"}, "whose names begin with dns_"),
            ({"plugin": "dns_cf; reboot"}, "whose names begin with dns_"),
            ({"plugin": "../dns_cf"}, "whose names begin with dns_"),
            ({"plugin": 5}, "has as plugin"),
            ({"plugin": "dns_cf", "waits": 5}, 'has the key "waits"'),
            ({"plugin": "dns_cf", "wait": "soon"}, "is not a whole number"),
            ({"plugin": "dns_cf", "wait": 7200}, "is not between 0 and 3600"),
            ({"plugin": "dns_cf", "settings": SECRET}, "is a text where a dictionary"),
            ({"plugin": "dns_cf", "settings": {"CF Token": SECRET}}, 'has "CF Token", which is no name'),
            ({"plugin": "dns_cf", "settings": {"PATH": "/tmp"}}, 'has "PATH", which is not a setting of a plugin'),
            ({"plugin": "dns_cf", "settings": {"LD_PRELOAD": "/tmp"}}, 'has "LD_PRELOAD"'),
            ({"plugin": "dns_cf", "settings": {"CF_Token": 12345}}, "put it in quotes"),
            ({"plugin": "dns_cf", "settings": {"CF_Token": "a'b"}}, "holds an apostrophe"),
            ({"plugin": "dns_cf", "settings": {"CF_Token": "a\nb"}}, "line break"),
        ],
    ),
    "matrix_acme_directory": (
        {},
        [
            ("letsencript", "is none of zerossl, letsencrypt"),
            ("acme.example.com", "does not begin with https"),
            ("http://acme.example.com", "does not begin with https"),
            ("https://", "has no host"),
            ("https://acme.example.com:0/", "has the port 0"),
            ("https://a b/", "holds a blank"),
            ("https://acme.example.com:x/", "host or port is wrong"),
            ("https://acme.example.com/'", "holds the character apostrophe"),
            ("https://acme.example.com/$(reboot)", "holds the character $"),
            ("https://acme.example.com/`reboot`", "holds the character `"),
            ("https://acme.example.com/\u00e9", "holds the character"),
            *NOT_TEXT,
        ],
    ),
    "matrix_acme_ca_file": ({}, BAD_CA_FILES),
    "matrix_acme_eab_kid": (
        {"matrix_acme_eab_hmac_key": SECRET},
        [
            ("", "is not set, but matrix_acme_eab_hmac_key is"),
            ("a\nb", "line break"),
            ("a\tb", "control character"),
            ("a'b", "the character '"),
            ("a$b", "the character $"),
            *NOT_TEXT,
        ],
    ),
    "matrix_acme_eab_hmac_key": (
        {"matrix_acme_eab_kid": "k"},
        [
            ("", "is not set, but matrix_acme_eab_kid is"),
            ("a'b", "other than the characters of Base64"),
            ("a b", "of Base64"),
            *BAD_SECRETS,
        ],
    ),
    "matrix_extra_domains": (
        {},
        [
            ("a.example.com", "is a text where a list"),
            (["example"], "one label only"),
            (["*.example.com"], "a CA certifies by the DNS alone"),
            (["*.*.example.com"], "something other"),
            (["*.com"], "one label only"),
            (["x*.example.com"], "something other"),
            (["a.example.com", "a.example.com"], "twice"),
            ([5], "is a number"),
            (["a.example.com", "https://b.example.com"], "as item 2"),
            ("", "is empty"),
        ],
    ),
    "matrix_tls_certificate": (
        PROVIDED,
        [
            ("", "is not set, but matrix_tls_mode is provided"),
            ("absent.pem", "does not exist on the controller"),
            ("empty.pem", "holds no PEM certificate"),
            ("damaged.pem", "holds a damaged certificate"),
            ("expired.pem", "expired on 2026-01-01"),
            ("future.pem", "is not valid before"),
            ("foreign.pem", "does not name example.com but example.org"),
            ("nameless.pem", "no domain at all"),
            (".", "is a directory"),
            (5, "is a number"),
        ],
    ),
    "matrix_tls_key": (
        PROVIDED,
        [
            ("", "is not set, but matrix_tls_mode is provided"),
            ("absent.key", "does not exist on the controller"),
            ("good.pem", "holds no PEM private key"),
            ("locked.key", "protected by a passphrase"),
            ("other.key", "does not belong to the certificate"),
            ("damaged.key", "holds a damaged private key"),
            (".", "is a directory"),
            (5, "is a number"),
        ],
    ),
    "matrix_ldap_server": (
        LDAP,
        [
            ("ldap.example.com:389", "matrix_ldap_port and matrix_ldap_tls are for the rest"),
            ("ldaps://ldap.example.com", "matrix_ldap_port and matrix_ldap_tls are for the rest"),
            ("10.0.0.300", "is not an IP address"),
            ("ldap example", "holds a blank"),
            (["ldap.example.com", "x:1"], "has as item 2"),
            (["a.example.com", "a.example.com"], "twice"),
            (5, "is a number"),
            (None, "missing after the colon"),
        ],
    ),
    "matrix_ldap_port": (LDAP, [(bad, "") for bad in BAD_PORTS]),
    "matrix_ldap_tls": (
        LDAP,
        [
            ("tls", "is none of starttls"),
            ("yes", "is none of"),
            (True, "is a boolean"),
            ("STARTTLS", "is none of"),
            ("", "is empty"),
            *NOT_TEXT,
        ],
    ),
    "matrix_ldap_password": (LDAP, [("", "is not set, but matrix_ldap_server is"), *BAD_SECRETS]),
    "matrix_ldap_domain": (
        LDAP,
        [
            ("", "is not set, but matrix_ldap_server is"),
            ("example..com", "empty label"),
            ("exa mple.com", "holds a blank"),
            ("dc=example,dc=com", "something other than letters"),
            ("10.0.0.1", "is an address"),
            ("straße.de", "xn-- form"),
            *NOT_TEXT,
        ],
    ),
    "matrix_ldap_ca_file": (LDAP, BAD_CA_FILES),
    "matrix_control_user": ({"matrix_control_user_key": ssh_key()}, [(bad, "") for bad in BAD_BOOLEANS]),
    "matrix_control_user_key": (
        {"matrix_control_user": "true"},
        [
            ("", "is not set, but matrix_control_user is true"),
            (f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n", "is a private key"),
            ("~/.ssh/id_ed25519.pub", "is a path"),
            ("ssh-ed25519", "damaged or cut off"),
            (ssh_key()[:60], "damaged or cut off"),
            (ssh_key().replace("ssh-ed25519", "ssh-rsa"), "damaged or cut off"),
            ("ssh-dss AAAA", "is a DSA key"),
            (ssh_key("ssh-rsa", 128), "less than 2048 bits"),
            ("AAAAC3NzaC1lZDI1NTE5", "does not begin with the type"),
            ('from="10.0.0.1 ' + ssh_key(), "does not begin with the type"),
            ("from=10.0.0.1 " + ssh_key(), "does not begin with the type"),
            ('no-pty,form="10.0.0.1" ' + ssh_key(), "other than an option of sshd at character 8"),
            ('from="10.0.0.1",FROM="10.0.0.2" ' + ssh_key(), "has the option from twice"),
            ('expiry-time="tomorrow" ' + ssh_key(), "expiry-time that is not of the form"),
            (r'command="a\" ' + ssh_key(), "does not begin with the type"),
            ("restrict", "does not begin with the type"),
            ("restrict rubbish", "does not begin with the type"),
            ("ssh-ed25519-cert-v01@openssh.com AAAA", "is a certificate"),
            ("cert-authority ssh-rsa-cert-v01@openssh.com AAAA", "is a certificate"),
            (ssh_key() + "\nrubbish", "does not begin with the type"),
            ("  ", "holds no key"),
            *NOT_TEXT,
        ],
    ),
    "matrix_remote_log": ({}, [*BAD_HOSTS, *NOT_TEXT]),
    "matrix_remote_log_port": ({}, [(bad, "") for bad in BAD_PORTS]),
    "matrix_remote_log_protocol": (
        {},
        [
            ("udp", "is none of tcp, tls"),
            ("TLS", "is none of"),
            ("", "is empty"),
            ("tcp4", "is none of"),
            (True, "is a boolean"),
            *NOT_TEXT,
        ],
    ),
    "matrix_remote_log_ca_file": (
        {"matrix_remote_log": "10.0.0.20", "matrix_remote_log_protocol": "tls"},
        [("", "is not set, but matrix_remote_log_protocol is tls"), *BAD_CA_FILES],
    ),
    "matrix_alertmanager_url": (
        {},
        [
            ("10.0.0.20:9093", ""),
            ("10.0.0.20", "does not begin with"),
            ("ftp://10.0.0.20", "does not begin with"),
            ("http://10.0.0.300:9093", "is not an IP address"),
            ("http://:9093", "has no host"),
            ("http://a b", "holds a blank"),
            *NOT_TEXT,
        ],
    ),
    "matrix_metrics_port": (
        {},
        [
            (443, "port of the reverse proxy"),
            (9100, "port of node_exporter"),
            ("x", "is not a number"),
            (65536, "not between"),
            (-1, "not between"),
            (True, "is a boolean"),
            ([9109], "is a list"),
            (None, "missing"),
        ],
    ),
    "matrix_database": (
        {},
        [
            ("mysql", "is none of sqlite, postgresql"),
            ("PostgreSQL", "is none of sqlite, postgresql"),
            *((bad, words) for bad, words in BAD_DATABASES),
            (["sqlite"], ""),
            (True, ""),
            ("", "is empty"),
            (None, "missing"),
        ],
    ),
    "matrix_sqlite_keep": ({}, [(bad, "") for bad in BAD_BOOLEANS]),
    "matrix_postgresql_keep": ({}, [(bad, "") for bad in BAD_BOOLEANS]),
    "matrix_postgresql_version": (
        {},
        [
            ("13", "is not a major version of PostgreSQL from 14 on"),
            ("15.4", "is not a major version"),
            ("9", "is not a major version"),
            ("latest", "is not a major version"),
            ("15 ", "is not a major version"),
            (["15"], ""),
            (None, "missing"),
        ],
    ),
    "matrix_postgresql_settings": (
        {},
        [
            ({"listen_addresses": "*"}, "sets listen_addresses, which cannot be set here"),
            ({"fsync": False}, "sets fsync, which cannot be set here"),
            ({"data_directory": "/x"}, "sets data_directory, which cannot be set here"),
            ({"Work_Mem": "6MB"}, "is not the name of a setting"),
            ({"work_mem = 1\nfsync": "x"}, "is not the name of a setting"),
            ({"work_mem": ["6MB"]}, "gives work_mem no single value"),
            ({"work_mem": None}, "gives work_mem no single value"),
            ({"log_line_prefix": "a\nfsync = off"}, "with a line break"),
            ({"reserved_connections": 47}, "leaves none of max_connections"),
            ({"wal_level": "minimal"}, "which needs max_wal_senders: 0"),
            ("work_mem: 6MB", "where a dictionary is expected"),
            (["work_mem"], "where a dictionary is expected"),
            (None, "missing"),
        ],
    ),
    "matrix_postgresql_socket_directory": (
        {},
        [
            ("relative", "is not an absolute path"),
            ("/a b", "holds a blank"),
            ("/a'b", "holds the character"),
            ("/a/../b", ""),
            ("/" + 89 * "a", "is longer than 89 characters"),
            *NOT_TEXT,
        ],
    ),
    "matrix_control_user_port": ({}, [(bad, "") for bad in BAD_PORTS]),
    "matrix_turn": (
        {},
        [
            *((bad, "") for bad in BAD_BOOLEANS),
            ("turn:turn.example.com", "is neither true nor false, nor a dictionary with uris and secret"),
            ({}, "has no uris"),
            ({**TURN, "uris": []}, "has no uris"),
            ({"uris": TURN["uris"]}, "has no secret"),
            ({**TURN, "secret": ""}, "has no secret"),
            ({**TURN, "secret": 12345}, "has as secret something, which is a number; put it in quotes"),
            ({**TURN, "secret": SECRET + "\n"}, "has as secret something, which holds a line break"),
            ({**TURN, "username": "x"}, 'has the key "username", which is none of uris, secret'),
            ({**TURN, "uris": "turn:turn.example.com"}, "is a text where a list"),
            ({**TURN, "uris": ["turn.example.com"]}, "is not of the form turn:HOST:PORT"),
            ({**TURN, "uris": ["turns:a.example.com?transport=udp"]}, "asks for TLS over UDP"),
            ({**TURN, "uris": ["turn:a b"]}, "holds a blank"),
            ({**TURN, "uris": ["turn:a.example.com:0"]}, "is not between 1 and 65535"),
            ({**TURN, "uris": TURN["uris"] * 2}, "twice"),
        ],
    ),
    "matrix_turn_host": ({}, [*BAD_HOSTS, *NOT_TEXT]),
    "matrix_turn_port": ({}, [(bad, "") for bad in BAD_PORTS]),
    "matrix_turn_tls_port": ({}, [(bad, "") for bad in BAD_PORTS]),
    "matrix_turn_relay_ports": (
        {},
        [
            ("49152", "is not of the form FIRST-LAST"),
            ("49152:50175", "is not of the form FIRST-LAST"),
            ("50175-49152", "has fewer than ten ports"),
            ("50000-50005", "has fewer than ten ports"),
            ("80-50175", "begins with a port below 1024"),
            ("49152-65536", "is not between 1 and 65535"),
            ("", "is empty"),
            *NOT_TEXT,
        ],
    ),
    "matrix_turn_external_ip": (
        {},
        [
            ("turn.example.com", "is not an IP address"),
            ("203.0.113.7/24", "has a prefix length"),
            ("203.0.113.7/10.0.0.5", "has a prefix length"),
            ("0.0.0.0", "is the unspecified address"),
            ("2001:DB8::1", 'not in its normal form "2001:db8::1"'),
            *NOT_TEXT,
        ],
    ),
    "matrix_turn_allowed_peers": (
        {},
        [
            ("10.0.0.0/24", "is a text where a list"),
            (["10.0.0.1/8"], "not the first address"),
            (["0.0.0.0/0"], "trust everybody"),
            (["10.0.0.1-10.0.0.9"], "not an address or a network"),
            (["10.0.0.1", "10.0.0.1"], "is given twice"),
            (["a.example.com"], "not an address or a network"),
            ("", "is empty"),
            (None, "missing"),
        ],
    ),
    "matrix_turn_lifetime": (
        {},
        [
            ("1", "is not a number of minutes, hours or days"),
            ("1 h", "is not a number of minutes"),
            ("0h", "is not a number of minutes"),
            ("4m", "is not between 5m and 7d"),
            ("8d", "is not between 5m and 7d"),
            ("", "is empty"),
            *NOT_TEXT,
        ],
    ),
    "matrix_node_exporter_port": ({}, [(bad, "") for bad in BAD_PORTS]),
    "matrix_ldap_proxy_port": ({}, [(bad, "") for bad in BAD_PORTS]),
    "matrix_ldap_filter": (
        LDAP,
        [
            ("objectClass=*", "not in parentheses"),
            ("(a=b", "not in parentheses"),
            ("a=b)", "not in parentheses"),
            ("", "is empty"),
            ("(" + "x" * 300 + ")", "other than ATTRIBUTE=VALUE"),
            ("()", "at character 2"),
            ("(a=b))", "belongs to no parenthesis"),
            ("((a=b)", "other than ATTRIBUTE=VALUE"),
            ("(&(a=b)", "is not closed"),
            ("(&)", 'nothing after "&"'),
            ("(!(a=b)(c=d))", 'more than one filter after "!"'),
            ("(a=b)(c=d)", "more than one filter; join them"),
            ("(a=(b))", "other than ATTRIBUTE=VALUE"),
            ("(a=\\zz)", "other than ATTRIBUTE=VALUE"),
            ("(a==b)x)", "belongs to no parenthesis"),
            ("(a=b\n)", "line break"),
            ("(&\n(a=b\tc))", "line break or a control character in a value"),
            ("(& x (a=b))", "belongs to no parenthesis"),
            ("(" + "!(" * 65 + "a=b" + ")" * 66, "more than 64 deep"),
            ("(a b=c)", "other than ATTRIBUTE=VALUE"),
            ("(=c)", "other than ATTRIBUTE=VALUE"),
            *NOT_TEXT,
        ],
    ),
    "matrix_ldap_validate_certs": (
        LDAP,
        [(bad, "") for bad in [*BAD_BOOLEANS, "y", "t", "n", "f", 1.0, 0.0, "enabled"]],
    ),
    "matrix_ldap_base": (
        LDAP,
        [
            ("example.com", "ATTRIBUTE=VALUE"),
            ("dc=example,", "character 12"),
            ("dc=example;dc=com", "character 11"),
            ("dc=", "character 1"),
            ("dc=a+b", "character 6"),
            ("ou=a\nb", "character 5"),
            *NOT_TEXT,
        ],
    ),
    **{
        "matrix_ldap_attribute_" + name: (
            LDAP,
            [
                ("", "is empty"),
                ("a b", "of an attribute"),
                ("a=b", "of an attribute"),
                ("1", "of an attribute"),
                ("a)", "of an attribute"),
                *NOT_TEXT,
            ],
        )
        for name in ("uid", "mail", "name")
    },
    "matrix_control_user_name": (
        {"matrix_control_user": True, "matrix_control_user_key": ssh_key()},
        [
            (name, "exists for another purpose")
            for name in (
                "synapse",
                "root",
                "www",
                "consul",
                "nodeexport",
                "nobody",
                "wheel",
                "sshd",
                "toor",
                "operator",
            )
        ]
        + [
            (name, "is not an account's name")
            for name in (
                "Admin",
                "a b",
                "a:b",
                "a,b",
                "%a",
                "a\nb",
                "a'b",
                "$a",
                "`a`",
                "-a",
                "a/b",
                "a.b",
                "ALL",
                "b\u00fc",
            )
        ]
        + [("0123", "consists of digits"), ("a" * 33, "longer than 32"), ("", "is empty"), *NOT_TEXT],
    ),
    "matrix_node_exporter_disabled_collectors": (
        {},
        [
            ("zfs", "is a text where a list"),
            (["zfs", "zfs"], "twice"),
            (["z fs"], "not the name of a collector"),
            ([5], "is a number"),
            ({"zfs": 1}, "dictionary"),
            (["--no"], "not the name of a collector"),
            ("", "is empty"),
        ],
    ),
    "matrix_node_exporter_basic_auth_users": (
        {},
        [
            ({"a": None}, "is nothing where a text"),
            ({"a": ""}, "empty or longer than 72"),
            ({"a": 5}, "put it in quotes"),
            ({"a:b": "x"}, "has a name that"),
            ({"a": "x" * 73}, "longer than 72 bytes"),
            ({5: "x"}, "has a name that"),
            (["a"], "is a list"),
            ("a", "is a text"),
            ({"a": "x\ny"}, "line break"),
        ],
    ),
    "matrix_verify_address": (
        {},
        [
            ("192.0.2.1:443", "has a port"),
            (["192.0.2.1", "192.0.2.1"], "twice"),
            ([], "has no item"),
            *((bad, "") for bad in (5, "two words", "https://matrix.example.com", ["192.0.2.1", ""])),
        ],
    ),
    "matrix_verify_outside": ({}, [(bad, "") for bad in [*BAD_BOOLEANS, "y", "t", "n", "f"]]),
    "matrix_snapshot": ({}, [(bad, "") for bad in ("a b", "a@b", "-a", "x" * 201, ["a"], True, None)]),
    "matrix_upgrade_rollback": ({}, [(bad, "") for bad in BAD_BOOLEANS]),
    "matrix_upgrade_keep": (
        {},
        [
            ({"weeks": 3}, 'has "weeks", and knows number and days'),
            ({"number": 0}, "has for number something that is not a number from 1 to 9999"),
            *(({"days": bad}, "") for bad in (-1, True, None, "few", 1.5, [1])),
            *((bad, "") for bad in (3, "3", True, None, [3])),
        ],
    ),
    "matrix_remove": ({}, [("a\nb", ""), *NOT_TEXT]),
    "matrix_remove_dataset": (
        {"matrix_dataset": "zroot/matrixdata"},
        [
            ("zroot/blue", 'is not the dataset of this server, which is "zroot/matrixdata"'),
            ("zroot/matrixdata/postgresql", "is not the dataset of this server"),
            ("zroot", ""),
            ("/mnt/red", ""),
            *NOT_TEXT,
        ],
    ),
    "matrix_remove_certificate": (
        {"matrix_tls_mode": "selfsigned"},
        [("revoke", "only an ACME CA can be asked"), ("yes", "is none of keep, revoke"), ("", ""), *NOT_TEXT],
    ),
    "matrix_python": ({}, BAD_PATHS),
    "matrix_synapse_data_directory": ({}, BAD_PATHS),
    "matrix_synapse_socket": ({}, BAD_PATHS),
    "matrix_metrics_directory": ({}, BAD_PATHS),
    "matrix_tls_directory": ({}, BAD_PATHS),
    "matrix_revive_program": ({}, BAD_PATHS),
    "matrix_tls_program": ({}, BAD_PATHS),
    "matrix_acme_webroot": ({}, BAD_PATHS),
    "matrix_serial": ({}, [(bad, "") for bad in (0, "0", -1, "0%", "101%", "all", True, 1.5, [], [0], None)]),
    "matrix_max_fail_percentage": (
        {},
        [(bad, "") for bad in (-1, 101, "20%", "", "few", True, 1.5, [20], None)],
    ),
    "matrix_canary": (
        {},
        [
            (["nobody"], "neither a server nor a group"),
            ("nobody", "neither a server nor a group"),
            *((bad, "") for bad in (1, True, None, {"a": 1}, [1], [["a"]], ["a", "a"], "a\nb")),
        ],
    ),
    "matrix_report_file": (
        {},
        [
            ("/nowhere/at/all/report.json", "a directory that the controller does not have"),
            ("/tmp", "is a directory"),
            *((bad, "") for bad in (1, True, None, ["a"], "a\nb")),
        ],
    ),
    "matrix_consul_acl_token": ({}, BAD_SECRETS),
    "matrix_consul_ca_file": ({}, BAD_CA_FILES),
    "matrix_consul_certificate_file": (
        {**CONSUL, "matrix_consul_ca_file": "good.pem", "matrix_consul_key_file": "good.key"},
        [("", "give both or neither"), *BAD_CA_FILES],
    ),
    "matrix_consul_key_file": (
        {**CONSUL, "matrix_consul_ca_file": "good.pem", "matrix_consul_certificate_file": "good.pem"},
        [
            ("", "give both or neither"),
            ("absent.key", "does not exist"),
            ("good.pem", "no PEM private key"),
            ("locked.key", "passphrase"),
            ("other.key", "does not belong"),
            (5, "is a number"),
        ],
    ),
    "matrix_ldap_active_directory": (
        {"matrix_ldap_default_domain": "example.com"},
        [(bad, "") for bad in BAD_BOOLEANS],
    ),
    "matrix_ldap_default_domain": (
        {**LDAP, "matrix_ldap_active_directory": True},
        [
            ("", "but matrix_ldap_active_directory is true"),
            ("a b", "holds a blank"),
            ("a..b", "empty label"),
            ("dc=a", "something other"),
            *NOT_TEXT,
        ],
    ),
    "matrix_node_exporter_tls_certificate": (
        {"matrix_node_exporter_tls_key": "/k"},
        [("", "give both or neither"), *BAD_PATHS, *NOT_TEXT],
    ),
    "matrix_node_exporter_tls_key": (
        {"matrix_node_exporter_tls_certificate": "/c"},
        [("", "give both or neither"), *BAD_PATHS, *NOT_TEXT],
    ),
}
CASES = [(name, context, bad, words) for name, (context, rows) in TABLE.items() for bad, words in rows]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A directory with certificates and keys, good and bad; answers paths inside it."""
    directory = tmp_path_factory.mktemp("files")
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def pem(private, secret=None):
        locked = serialization.BestAvailableEncryption(secret) if secret else serialization.NoEncryption()
        return private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)

    def certificate(names, first, last):
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
        builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), first, last)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(part) for part in names]), False)
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    first, last = datetime.datetime(2025, 1, 1), datetime.datetime(2030, 1, 1)
    contents = {
        "good.pem": certificate(["example.com", "matrix.example.com"], first, last),
        "wildcard.pem": certificate(["*.com"], first, last),
        "chain.pem": certificate(["example.com"], first, last) * 2,
        "foreign.pem": certificate(["example.org"], first, last),
        "nameless.pem": certificate([], first, last),
        "expired.pem": certificate(["example.com"], first, datetime.datetime(2026, 1, 1)),
        "future.pem": certificate(["example.com"], datetime.datetime(2027, 1, 1), last),
        "damaged.pem": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "damaged.key": b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "empty.pem": b"",
        "good.key": pem(key),
        "other.key": pem(other),
        "locked.key": pem(key, b"x"),
        "irc.yaml": yaml.safe_dump(REGISTRATION).encode(),
        "other.yaml": yaml.safe_dump({**REGISTRATION, "id": "other", "as_token": "other"}).encode(),
        "tokenless.yaml": yaml.safe_dump({**REGISTRATION, "as_token": ""}).encode(),
    }
    for name, content in contents.items():
        (directory / name).write_bytes(content)
    return directory


@pytest.fixture(scope="module")
def check(files, defaults_of, ports_of):
    """problems() with the test's files and date."""
    return lambda servers, **more: _preflight.problems(
        servers,
        resolve=lambda path: str(files / path),
        now=NOW,
        defaults=defaults_of(servers, more.get("neighbours")),
        ports=ports_of(servers),
        **more,
    )


@pytest.mark.parametrize(
    "name, context, bad, words", CASES, ids=lambda part: repr(part)[:40] if not isinstance(part, dict) else ""
)
def test_a_bad_value_is_the_one_problem(check, name, context, bad, words):
    found = check({"matrix1": {**GOOD, **context, name: bad}})
    assert [(problem.host, problem.variable) for problem in found] == [("matrix1", name)], found
    message = _preflight.report(found)
    assert words.lower() in message.lower()
    assert f"matrix1: {name}" in message and "; for example " in message
    assert SECRET not in message and KEY[:20] not in message
    assert len(message.splitlines()) == 2


def test_the_table_is_complete():
    assert set(TABLE) == set(_preflight.VARIABLES)
    assert all(len({repr(bad) for bad, _words in rows}) >= 5 for _context, rows in TABLE.values())


def test_the_good_values_are_good(check):
    assert check({"matrix1": {**GOOD, **CONSUL, **LOGIN, **LDAP}}) == check({"matrix1": {**GOOD, **DNS}}) == []
    wildcard = {"matrix_tls_certificate": "wildcard.pem", "matrix_verify_ca_file": "wildcard.pem"}
    assert check({"matrix1": {**GOOD, **PROVIDED}}) == check({"matrix1": {**GOOD, **PROVIDED, **wildcard}}) == []
    assert (
        check(
            {"matrix1": {**GOOD, **NOSSL, "matrix_ssl_email": "none", "matrix_trusted_proxies": ["10.0.0.0/24", "::1"]}}
        )
        == []
    )


@pytest.mark.parametrize("name", _preflight.VARIABLES)
def test_the_examples_are_good(check, files, name):
    example = yaml.safe_load(_preflight.VARIABLES[name].example)
    if name in ("matrix_gossip_key", "matrix_control_user_key"):
        example = KEY if name == "matrix_gossip_key" else ssh_key()
    if isinstance(example, str) and example.startswith("{{ inventory_dir }}/files/"):
        example = "good.key" if name in ("matrix_tls_key", "matrix_consul_key_file") else "good.pem"
    if name == "matrix_database":
        example["sslrootcert"] = "good.pem"
    if name == "matrix_files":
        example[0]["source"] = "irc.yaml"
    context = dict(TABLE[name][0])
    assert check({"matrix1": {**GOOD, **context, name: example}}) == []


@pytest.mark.parametrize(
    "word, truth",
    [
        ("false", False),
        ("False", False),
        ("no", False),
        ("0", False),
        (0, False),
        ("true", True),
        ("yes", True),
        (1, True),
        ("ON", True),
    ],
)
def test_potlucks_texts_mean_what_they_say(check, word, truth):
    found = check({"matrix1": {**GOOD, "matrix_control_user": word}})
    assert bool(found) is truth
    assert not truth or "but matrix_control_user is true" in str(found[0])


MORE = [
    (
        {"matrix_turn": True, "matrix_turn_host": "turn.example.org"},
        "matrix_turn_host",
        '"turn.example.org" is not what the certificate is for, neither matrix_host nor one of matrix_extra_domains; '
        "for example matrix_extra_domains: [turn.example.org]",
    ),
    (
        {**BRIDGE, "matrix_turn": True},
        "matrix_turn_external_ip",
        "is not set, but with matrix_turn: true others have to reach the pot, which is behind the address of its host "
        "(matrix_pot_network_type is public-bridge)",
    ),
    (
        {"matrix_turn": True, "matrix_turn_external_ip": "2001:db8::7"},
        "matrix_turn_external_ip",
        '"2001:db8::7" and matrix_ip "10.0.0.5" are not of one kind',
    ),
    (
        {"matrix_turn": True, "matrix_turn_relay_ports": "8000-9000"},
        "matrix_turn_relay_ports",
        "8000-9000 holds 8447, the port of the reverse proxy",
    ),
    ({"matrix_turn": True, "matrix_turn_port": 443}, "matrix_turn_port", "443 is the port of the reverse proxy"),
    (
        {"matrix_turn": True, "matrix_turn_port": 5349},
        "matrix_turn_port",
        "5349 is the port of the TURN server with TLS",
    ),
    (
        {"matrix_turn": TURN, "synapse_settings": {"turn_uris": ["turn:a"]}},
        "synapse_settings",
        "turn_uris is what matrix_turn sets; leave it out",
    ),
    (
        {"matrix_turn": True, "synapse_secret_settings": {"turn_shared_secret": SECRET}},
        "synapse_secret_settings",
        "turn_shared_secret is what matrix_turn sets; leave it out",
    ),
    (
        {"matrix_turn": True, "synapse_settings": {"turn_user_lifetime": "2h"}},
        "synapse_settings",
        "turn_user_lifetime is what matrix_turn_lifetime sets; leave it out",
    ),
    (
        {"matrix_control_user": True, "matrix_control_user_key": ssh_key(), "matrix_pot_network_type": "inherit"},
        "matrix_control_user_port",
        "22 is the port of the host's own sshd",
    ),
    (
        {
            "matrix_control_user": True,
            "matrix_control_user_key": ssh_key(),
            "matrix_pot_network_type": "inherit",
            "ansible_port": 2222,
            "matrix_control_user_port": "2222",
        },
        "matrix_control_user_port",
        "2222 is the port of the host's own sshd",
    ),
    (
        {"matrix_pot_network_type": "private-bridge"},
        "matrix_pot_bridge",
        "is not set, but matrix_pot_network_type is private-bridge",
    ),
    (
        {"matrix_database": "postgresql", "synapse_database": {"name": "psycopg2"}},
        "synapse_database",
        "matrix_database says it already",
    ),
    (
        {"matrix_database": ELSEWHERE, "synapse_database_password": SECRET},
        "synapse_database_password",
        "matrix_database says it already",
    ),
    ({"matrix_pot_network_type": "public-bridge", "matrix_ip": "2001:db8::5"}, "matrix_ip", "needs an IPv4 address"),
    ({"matrix_pot_network_type": "public-bridge", "matrix_ip": ["2001:db8::5"]}, "matrix_ip", "needs an IPv4 address"),
    ({"ansible_host": "10.0.0.5"}, "matrix_ip", '"10.0.0.5" is the host\'s own address'),
    (
        {"ansible_host": "2001:db8::5", "matrix_ip": ["10.0.0.5", "2001:db8::5"]},
        "matrix_ip",
        '"2001:db8::5" is the host\'s own address',
    ),
    (
        {"matrix_pot_network_type": "public-bridge", "matrix_ip": BOTH},
        "matrix_ip",
        "has two addresses, but a pot behind a bridge has one",
    ),
    (
        {"matrix_pot_network_type": "inherit", "matrix_ip": BOTH},
        "matrix_ip",
        "has two addresses, but a pot that inherits the host's network is asked at one of them",
    ),
    (
        {"ansible_host": Unusable("is broken")},
        "ansible_host",
        "the value is broken; for example ansible_host: 192.0.2.1",
    ),
    (
        {"matrix_pot_exported_ports": ["443:443"]},
        "matrix_pot_exported_ports",
        "only forwarded to a pot behind a bridge",
    ),
    ({**DNS, "matrix_pot_network_type": "alias"}, "matrix_consul_dns", "127.0.0.1 of its own"),
    ({**DNS, "matrix_pot_network_type": "inherit"}, "matrix_consul_dns", "but matrix_pot_network_type is inherit"),
    ({**DNS, "matrix_consul_servers": ""}, "matrix_consul_servers", "is not set, but matrix_consul_dns is true"),
    ({"matrix_tls_mode": "acme", **NOSSL}, "matrix_tls_mode", "matrix_nossl is true"),
    ({"matrix_tls_mode": "selfsigned", **NOSSL}, "matrix_tls_mode", "matrix_nossl is true"),
    ({"matrix_tls_mode": "none", "matrix_nossl": False}, "matrix_tls_mode", "matrix_nossl is false"),
    ({"matrix_trusted_proxies": ["10.0.0.1"]}, "matrix_trusted_proxies", "only trusted without TLS of our own"),
    (
        {"matrix_registration_enable": True, "matrix_registration_verification": "email"},
        "matrix_smtp_host",
        "is not set, but matrix_registration_verification is email",
    ),
    (
        {
            "matrix_registration_enable": True,
            "matrix_registration_verification": "captcha",
            "synapse_recaptcha_public_key": "k",
        },
        "synapse_recaptcha_private_key",
        "is not set, but",
    ),
    (
        {**PROVIDED, "matrix_extra_domains": ["b.example.com"]},
        "matrix_tls_certificate",
        "does not name b.example.com but",
    ),
    (
        {**PROVIDED, "matrix_host": "chat.example.com"},
        "matrix_tls_certificate",
        "does not name chat.example.com but",
    ),
    (
        {"matrix_extra_domains": ["a.example.com", "example.com"]},
        "matrix_extra_domains",
        'has "example.com", which is the name of the server already (matrix_domain)',
    ),
    (
        {"matrix_host": "matrix.example.com", "matrix_extra_domains": ["matrix.example.com"]},
        "matrix_extra_domains",
        'has "matrix.example.com", which is the name of the server already (matrix_host)',
    ),
    (
        {"matrix_ssl_email": "", "matrix_acme_directory": "https://acme.zerossl.com/v2/DV90"},
        "matrix_ssl_email",
        "is asked of ZeroSSL",
    ),
    ({**LDAP, "matrix_ldap_tls": "ldaps", "matrix_ldap_port": 389}, "matrix_ldap_port", "389 is the port without TLS"),
    ({**LDAP, "matrix_ldap_port": "636"}, "matrix_ldap_port", "636 is the port of ldaps"),
    ({"matrix_metrics_port": 9200, "matrix_node_exporter_port": 9200}, "matrix_metrics_port", "port of node_exporter"),
    (
        {"matrix_node_exporter_port": 9109},
        "matrix_node_exporter_port",
        "9109 is the port of Synapse's metrics; for example matrix_node_exporter_port: 9100",
    ),
    ({"matrix_node_exporter_port": 443}, "matrix_node_exporter_port", "443 is the port of the reverse proxy"),
    ({**CONSUL, "matrix_metrics_port": 8301}, "matrix_metrics_port", "8301 is the port of the Consul agent"),
    (
        {"matrix_control_user": True, "matrix_control_user_key": ssh_key(), "matrix_control_user_port": 8448},
        "matrix_control_user_port",
        "8448 is the port of the reverse proxy",
    ),
    (
        {**CONSUL, "matrix_consul_certificate_file": "good.pem", "matrix_consul_key_file": "good.key"},
        "matrix_consul_ca_file",
        "is not set, but matrix_consul_certificate_file is",
    ),
    (
        {"matrix_dataset": "zroot/.hidden", "matrix_dataset_mountpoint": "/mnt/../x"},
        "matrix_dataset_mountpoint",
        "normal form",
    ),
    ({"matrix_sever_name": "x", "matrix_ldap_sever": "x"}, "matrix_ldap_sever", "did you mean matrix_ldap_server?"),
    ({"matix_domain": "example.com"}, "matix_domain", "did you mean matrix_domain?"),
    ({"matrix-domain": "example.com"}, "matrix-domain", "did you mean matrix_domain?"),
    ({"matrix_gossipkey": SECRET}, "matrix_gossipkey", "did you mean matrix_gossip_key?"),
    (
        {"matrix_pkg_repository_url": f"https://me:{SECRET}@exa+mple.com"},
        "matrix_pkg_repository_url",
        "something other than letters",
    ),
]


@pytest.mark.parametrize("variables, name, words", MORE)
def test_what_depends_on_what(check, variables, name, words):
    found = check({"matrix1": {**GOOD, **variables}})
    assert [problem.variable for problem in found] == [name]
    assert words in str(found[0]) and SECRET not in str(found[0])


@pytest.mark.parametrize(
    "variables",
    [
        {"matrix_registration_enable": True, "matrix_registration_verification": "token"},
        {"matrix_registration_enable": True, "matrix_registration_verification": "without_verification"},
        {"matrix_registration_enable": True, "matrix_registration_verification": "email", **MAIL},
        {"matrix_smtp_port": 2525},
        {"matrix_files": [IRC, {"source": "good.key", "path": "keys/a.key", "owner": "synapse", "mode": "0400"}]},
        {**MAIL, "matrix_smtp_port": 2525, "matrix_smtp_tls": "none"},
        {"matrix_ssl_email": "", "matrix_acme_directory": "https://acme.example.com/directory"},
        {"matrix_ssl_email": "", "matrix_acme_eab_kid": "k", "matrix_acme_eab_hmac_key": "h"},
        {"matrix_registration_enable": "false"},
        {**LDAP, "matrix_ldap_password": "", "matrix_ldap_bind_dn": ""},
        {**LDAP, "matrix_ldap_password": "", "matrix_ldap_mode": "simple"},
        {**LDAP, "matrix_ldap_domain": "", "matrix_ldap_base": "dc=x", "matrix_ldap_bind_dn": "cn=x"},
        {**LDAP, "matrix_ldap_server": ["a.example.com", "b.example.com"]},
        {**LDAP, "matrix_ldap_domain": "Corp.Example.co.uk."},
        {"matrix_pot_network_type": "private-bridge", "matrix_pot_bridge": "b1"},
        {
            "matrix_ldap_server": "",
            "matrix_consul_servers": [],
            "matrix_smtp_host": "",
            "matrix_remote_log": "",
            "matrix_metrics_port": "",
        },
        {"matrix_pot_release": 14.2, "matrix_python_version": 3.11},
        {"matrix_control_user": True, "matrix_control_user_key": ssh_key() + "\n" + ssh_key("ssh-rsa", 257) + "\n"},
        {"matrix_tls_mode": "selfsigned", "matrix_ssl_email": ""},
        {"matrix_ip": "2001:db8::5"},
        {"matrix_ip": ["10.0.0.5"]},
        {"matrix_ip": BOTH, "matrix_verify_address": ["198.51.100.5", "2001:db8::99"]},
        {"matrix_ip": BOTH, **CONSUL, "matrix_consul_servers": "2001:db8::2,2001:db8::3"},
        {"matrix_ip": BOTH, **CONSUL, "matrix_consul_servers": ["2001:db8::2", "consul.example.com"]},
        {"matrix_host": "matrix.example.com", "matrix_extra_domains": ["example.com"]},
        {**PROVIDED, "matrix_host": "matrix.example.com"},
        {"ansible_host": "10.0.0.5", "matrix_pot_network_type": "inherit"},
        {"matrix_completely_different_thing": 1},
    ],
)
def test_what_is_allowed(check, variables):
    assert check({"matrix1": {**GOOD, **variables}}) == []


def test_nothing_set_names_everything_that_is_required(check):
    assert [problem.variable for problem in check({"matrix1": {}})] == [
        "matrix_domain",
        "matrix_ip",
        "matrix_alert_email",
        "matrix_ssl_email",
    ]
    switched_on = {
        **GOOD,
        "matrix_consul_servers": "x y",
        "matrix_smtp_host": "x y",
        "matrix_ldap_server": "x y",
        "matrix_control_user": True,
    }
    assert {problem.variable for problem in check({"matrix1": switched_on})} == {
        "matrix_consul_servers",
        "matrix_datacenter",
        "matrix_gossip_key",
        "matrix_smtp_host",
        "matrix_smtp_from",
        "matrix_ldap_server",
        "matrix_ldap_domain",
        "matrix_ldap_password",
        "matrix_control_user_key",
    }


def test_names_made_of_the_inventorys_name(check):
    assert [problem.variable for problem in check({"42": GOOD})] == ["matrix_pot_name"]
    assert check({"matrix.example.com": {**GOOD, **CONSUL}}) == []
    assert {problem.variable for problem in check({"my_server": {**GOOD, **CONSUL}})} == {"matrix_node_name"}


def two(**second):
    """Two servers on one host that share nothing, but for what is said of the second."""
    here = {"ansible_host": "host1"}
    other = {"matrix_domain": "example.org", "matrix_ip": "10.0.0.6", "matrix_dataset": "zroot/second"}
    return {"matrix1": {**GOOD, **here}, "matrix2": {**GOOD, **here, **other, **second}}


CLASHES = [
    ({"matrix_domain": "example.com"}, "matrix_domain", '"example.com" is the domain of matrix1 already'),
    (
        {"matrix_domain": "example.com", "ansible_host": "host2"},
        "matrix_domain",
        '"example.com" is the domain of matrix1 already',
    ),
    ({"matrix_host": "example.com"}, "matrix_host", '"example.com" is a name of matrix1 already'),
    ({"matrix_ip": "10.0.0.5"}, "matrix_ip", '"10.0.0.5" is the address of matrix1 on the same host already'),
    (
        {"matrix_ip": ["2001:db8::5", "10.0.0.5"]},
        "matrix_ip",
        '"10.0.0.5" is the address of matrix1 on the same host already',
    ),
    ({"matrix_pot_name": "matrix1"}, "matrix_pot_name", '"matrix1" is the pot of matrix1 on the same host already'),
    ({"matrix_dataset": "zroot/matrixdata"}, "matrix_dataset", '"zroot/matrixdata" is the dataset of matrix1'),
    (
        {"matrix_dataset": "tank/matrixdata"},
        "matrix_dataset_mountpoint",
        '"/mnt/matrixdata" is the mountpoint of matrix1',
    ),
    (
        {"matrix_dataset_mountpoint": "/mnt/matrixdata"},
        "matrix_dataset_mountpoint",
        '"/mnt/matrixdata" is the mountpoint of matrix1',
    ),
]


@pytest.mark.parametrize("second, name, words", CLASHES)
def test_clashes_on_one_machine(check, second, name, words):
    found = check(two(**second))
    assert [(problem.host, problem.variable) for problem in found] == [("matrix2", name)]
    assert words in str(found[0]) and f"; for example {name}: " in str(found[0])


def test_one_database_for_two_servers(check):
    servers = two(matrix_database={**ELSEWHERE, "host": "DB.example.com", "port": "5432"}, ansible_host="host2")
    servers["matrix1"]["matrix_database"] = {**ELSEWHERE, "user": "other", "name": "synapse"}
    found = check(servers)
    assert [(problem.host, problem.variable) for problem in found] == [("matrix2", "matrix_database")]
    assert 'the database "synapse" at db.example.com is the one of matrix1 already' in str(found[0])
    servers["matrix2"]["matrix_database"]["name"] = "synapse2"
    assert check(servers) == []


def test_no_clash(check):
    assert check(two()) == []
    elsewhere = {
        "ansible_host": "host2",
        "matrix_ip": "10.0.0.5",
        "matrix_pot_name": "matrix1",
        "matrix_dataset": "zroot/matrixdata",
    }
    assert check(two(**elsewhere)) == []
    assert check(two(**{**elsewhere, "ansible_host": "host1", "ansible_port": 2222})) == []


def test_a_local_connection_is_one_machine_whatever_the_name(check):
    servers = two(matrix_ip="10.0.0.5")
    servers["matrix1"].update(ansible_connection="local", ansible_host="a")
    servers["matrix2"].update(ansible_connection="local", ansible_host="b")
    assert [problem.variable for problem in check(servers)] == ["matrix_ip"]


def test_clashes_of_names_across_machines(check):
    first = {**GOOD, "ansible_host": "192.0.2.1"}
    second = {**GOOD, "ansible_host": "192.0.2.2", "matrix_domain": "example.org", "matrix_ip": "10.0.0.6"}
    found = check({"matrix1": first, "matrix2": {**second, "matrix_extra_domains": ["example.com"]}})
    assert [(p.host, p.variable) for p in found] == [
        ("matrix2", "matrix_extra_domains")
    ] and '"example.com" is a name of matrix1 already' in str(found[0])
    for names in ({"matrix_domain": "m.example.com"}, {"matrix_host": "m.example.com"}):
        found = check({"matrix1": {**first, "matrix_host": "m.example.com"}, "matrix2": {**second, **names}})
        assert [(p.host, p.variable) for p in found] == [("matrix2", next(iter(names)))]
    both = {"matrix1": {**first, "matrix_host": "m.example.com"}, "matrix2": {**second, "matrix_host": "m.example.org"}}
    assert check(both) == []


MAIL_ROLE = _preflight.Role(
    "mail",
    {"mail_host": {"type": "str"}, "mail_limit": {"type": "int"}},
    {"mail_host": ("matrix_smtp_host",)},
    follows={"mail_host": "matrix_smtp_host"},
)


@pytest.mark.parametrize("value", ["smtp.example.com", "", "smtp example", Unusable("cannot be worked out")])
def test_an_option_that_stands_for_a_variable_is_refused_with_its_name(check, value):
    role = dataclasses.replace(MAIL_ROLE, values={"matrix1": {"mail_host": value}})
    (found,) = check({"matrix1": {**GOOD, **MAIL, "mail_host": value}}, roles=[role])
    assert str(found) == (
        "matrix1: mail_host is for the role mail used by itself; in an inventory set matrix_smtp_host; "
        "for example matrix_smtp_host: smtp.example.com"
    )


def test_an_option_that_stands_for_no_variable_is_not_refused(check):
    role = dataclasses.replace(MAIL_ROLE, values={"matrix1": {"mail_limit": 3}})
    assert check({"matrix1": {**GOOD, "mail_limit": 3}}, roles=[role]) == []


def test_clashes_of_ports_interfaces_and_inherited_networks(check):
    servers = two(**BRIDGE, matrix_pot_exported_ports=["8448:443"], matrix_pot_extif="em1")
    servers["matrix1"].update(
        **BRIDGE, matrix_pot_exported_ports=["tcp:443:443", "udp:443:443"], matrix_pot_extif="em0"
    )
    found = check(servers)
    assert [problem.variable for problem in found] == ["matrix_pot_exported_ports", "matrix_pot_extif"]
    assert "port 443/tcp of the host goes to matrix1 already" in str(found[0])
    assert 'differs from "em0", which matrix1 has' in str(found[1])
    servers = two(matrix_pot_network_type="inherit", **LDAP)
    servers["matrix1"].update(LDAP, matrix_pot_network_type="inherit")
    assert [problem.variable for problem in check(servers)] == ["matrix_ldap_proxy_port"]
    servers["matrix2"]["matrix_ldap_proxy_port"] = 3891
    assert check(servers) == []


def test_clashes_of_calls_behind_one_router(check):
    calls = {"matrix_turn": True, "matrix_turn_external_ip": "203.0.113.7"}
    servers = two(**calls, ansible_host="host2")
    servers["matrix1"].update(calls)
    found = [str(problem) for problem in check(servers)]
    assert found == [
        "matrix2: matrix_turn_port: port 3478 of 203.0.113.7 leads to matrix1 already; "
        "for example matrix_turn_port: 3479",
        "matrix2: matrix_turn_tls_port: port 5349 of 203.0.113.7 leads to matrix1 already; "
        "for example matrix_turn_tls_port: 5350",
        "matrix2: matrix_turn_relay_ports: 49152-50175 has ports of 203.0.113.7 that lead to matrix1 already; "
        'for example matrix_turn_relay_ports: "50176-51199"',
    ]
    servers["matrix2"].update(matrix_turn_port=3479, matrix_turn_tls_port=5350, matrix_turn_relay_ports="50175-50190")
    assert [problem.variable for problem in check(servers)] == ["matrix_turn_relay_ports"]
    servers["matrix2"]["matrix_turn_relay_ports"] = "50176-51199"
    assert check(servers) == []
    del servers["matrix2"]["matrix_turn_port"]
    servers["matrix2"]["matrix_turn_external_ip"] = "203.0.113.8"
    assert check(servers) == []


def test_clashes_of_pots_own_configuration(check):
    servers = two(pot_jail_settings={"POT_ZFS_ROOT": "zroot/pot", "POT_CACHE": "/var/cache/pot"})
    servers["matrix1"]["pot_jail_settings"] = {"POT_ZFS_ROOT": "tank/pot"}
    found = check(servers)
    assert [(problem.host, problem.variable) for problem in found] == [("matrix2", "pot_jail_settings")]
    assert "the value for POT_ZFS_ROOT differs from the one of matrix1" in str(found[0])


def test_clashes_of_consul_names_across_machines(check):
    servers = two(**CONSUL, ansible_host="host2", matrix_node_name="Matrix1")
    servers["matrix1"].update(CONSUL)
    assert [(problem.host, problem.variable) for problem in check(servers)] == [("matrix2", "matrix_node_name")]
    servers["matrix2"]["matrix_datacenter"] = "dc2"
    assert check(servers) == []


def test_clashes_with_servers_left_out_of_the_run(check):
    servers = two(matrix_ip="10.0.0.5")
    found = check(
        {"matrix2": servers["matrix2"]}, neighbours={"matrix1": {**servers["matrix1"], "matrix_alert_email": "bad"}}
    )
    assert [(problem.host, problem.variable) for problem in found] == [("matrix2", "matrix_ip")]


def test_all_problems_of_all_servers_are_one_message(check):
    found = check(
        {
            "a": {**GOOD, "matrix_ip": "x"},
            "b": {**GOOD, "ansible_host": "b", "matrix_domain": "y z", "matrix_smtp_port": 1},
            "c": {},
        }
    )
    lines = _preflight.report(found).splitlines()
    assert lines[0] == "%d problems in the inventory; no host has been contacted:" % len(found)
    assert [re.match("- ([abc]): ", line).group(1) for line in lines[1:]] == sorted(problem.host for problem in found)
    assert {"a", "b", "c"} == {problem.host for problem in found}


ROLE = _preflight.Role(
    "web",
    {
        "web_port": {"type": "int", "default": 80},
        "web_mode": {"type": "str", "choices": ["fast", "safe"]},
        "web_names": {"type": "list", "elements": "str"},
        "web_password": {"type": "int"},
        "web_headers": {"type": "list", "elements": "dict", "options": {"name": {"type": "str", "required": True}}},
        "web_title": {"type": "str"},
    },
    {"web_port": ("matrix_web_port",), "web_password": ("matrix_web_password",)},
)


@pytest.mark.parametrize(
    "given, values, name, words",
    [
        ({"web_mode": "slow"}, {}, "web_mode", '"slow" is none of fast, safe; for example web_mode: fast'),
        ({"web_port": "x"}, {}, "web_port", '"x" is not what it should be: a whole number; for example web_port: 80'),
        (
            {"matrix_web_port": "x"},
            {"web_port": "x"},
            "matrix_web_port",
            "a whole number; for example matrix_web_port: 80",
        ),
        ({"web_names": {"a": 1}}, {}, "web_names", "a list, each item a text"),
        ({"web_title": ["a"]}, {}, "web_title", "is not what it should be: a text"),
        ({"web_password": SECRET}, {}, "web_password", "the value is not what it should be: a whole number"),
        ({"matrix_web_password": SECRET}, {"web_password": SECRET}, "matrix_web_password", "a whole number"),
        ({"web_headers": [{"nam": "x"}]}, {}, "web_headers", "is not right"),
        ({"web_pasword": SECRET}, {}, "web_pasword", "did you mean web_password?"),
        ({"web_port": Unusable("cannot be worked out")}, {}, "web_port", "cannot be worked out"),
    ],
)
def test_options_of_roles(check, monkeypatch, given, values, name, words):
    known = {**vocabulary.documented(), "matrix_web_port": {}, "matrix_web_password": {"no_log": True}}
    monkeypatch.setattr(vocabulary, "documented", lambda: known)
    values = {**{option: value for option, value in given.items() if option in ROLE.options}, **values}
    role = _preflight.Role(ROLE.name, ROLE.options, ROLE.sources, {"matrix1": values})
    found = check({"matrix1": {**GOOD, **given}}, roles=[role])
    assert [problem.variable for problem in found] == [name]
    assert words in str(found[0]) and SECRET not in str(found[0])


def test_names_of_the_users_own_are_left_alone(check):
    assert check({"matrix1": {**GOOD, "matrix_domains": "x"}}) != []
    assert check({"matrix1": {**GOOD, "matrix_domains": "x"}}, own=["matrix_domains"]) == []


def test_without_cryptography_files_are_still_checked(check, monkeypatch):
    monkeypatch.setattr(_certificate, "x509", None)
    assert check({"matrix1": {**GOOD, **PROVIDED}}) == []
    found = check({"matrix1": {**GOOD, **PROVIDED, "matrix_tls_key": "other.key"}})
    assert [problem.variable for problem in found] == ["matrix_tls_key"]
    found = check({"matrix1": {**GOOD, **PROVIDED, "matrix_tls_certificate": "empty.pem"}})
    assert "matrix_tls_certificate" in {problem.variable for problem in found}
