# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the module C(certificate), as its documentation has them."""

from __future__ import annotations

_DNS = {
    "plugin": {"type": "str", "default": ""},
    "wait": {"type": "int"},
    "settings": {"type": "dict", "no_log": True},
}
_ACME = {
    "user": {"type": "str", "default": "acme"},
    "program": {"type": "path", "default": "/usr/local/sbin/acme.sh"},
    "home": {"type": "path", "required": True},
    "webroot": {"type": "path", "required": True},
    "log": {"type": "path", "default": "/var/log/acme.sh.log"},
    "directory": {"type": "str", "default": ""},
    "email": {"type": "str", "default": ""},
    "eab_kid": {"type": "str", "default": ""},
    "eab_hmac_key": {"type": "str", "default": "", "no_log": True},
    "ca_file": {"type": "path", "default": "/usr/local/etc/matrix-acme-ca.pem"},
    "ca_certificate": {"type": "str", "default": ""},
    "dns": {"type": "dict", "options": _DNS},
}
_METRIC = {
    "file": {"type": "path", "required": True},
    "certificates": {"type": "list", "elements": "path", "required": True},
}
_WATCH = {
    "url": {"type": "str", "default": ""},
    "days": {"type": "int", "default": 14},
    "state": {"type": "path", "default": "/var/db/matrix-certificate-watch"},
    "instance": {"type": "str", "default": ""},
    "address": {"type": "str", "default": ""},
    "metric": {"type": "dict", "options": _METRIC},
}
_COPY = {
    "directory": {"type": "path", "required": True},
    "group": {"type": "str", "required": True},
    "service": {"type": "str", "required": True},
    "reload": {"type": "list", "elements": "str", "required": True},
}
_SETTINGS = {
    "mode": {"type": "str", "choices": ["acme", "provided", "selfsigned", "none"], "required": True},
    "domain": {"type": "str", "required": True},
    "extra_domains": {"type": "list", "elements": "str", "default": []},
    "addresses": {"type": "list", "elements": "str", "default": []},
    "directory": {"type": "path", "required": True},
    "mount": {"type": "path", "default": "/mnt"},
    "nginx_conf": {"type": "path", "default": "/usr/local/etc/nginx/nginx.conf"},
    "nginx_pid": {"type": "path", "default": "/var/run/nginx.pid"},
    "nginx_log": {"type": "path", "default": "/var/log/nginx/error.log"},
    "reload": {"type": "list", "elements": "str", "default": ["service", "nginx", "reload"]},
    "reload_timeout": {"type": "int", "default": 15},
    "stamp": {"type": "path", "default": "/var/run/matrix-tls.loaded"},
    "acme": {"type": "dict", "options": _ACME, "required": True},
    "watch": {"type": "dict", "options": _WATCH, "required": True},
    "copies": {"type": "list", "elements": "dict", "options": _COPY, "default": []},
}
_PROOF = {
    "addresses": {"type": "list", "elements": "str", "required": True},
    "ports": {"type": "list", "elements": "int", "required": True},
    "timeout": {"type": "int", "default": 15},
}
ARGUMENTS = {
    "state": {"type": "str", "choices": ["prepared", "applied", "copied"], "required": True},
    "settings": {"type": "dict", "options": _SETTINGS},
    "config": {"type": "path", "default": "/usr/local/etc/matrix-tls.json"},
    "proof": {"type": "dict", "options": _PROOF},
    "pair": {"type": "str", "default": "", "no_log": True},
    "program": {"type": "path", "default": "/usr/local/libexec/matrix-tls"},
}
