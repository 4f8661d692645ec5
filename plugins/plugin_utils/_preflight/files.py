# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files on the controller that variables name."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.potluck.matrix.plugins.plugin_utils import _certificate

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server


@dataclasses.dataclass(frozen=True)
class Controller:
    """Where Ansible runs.

    resolve: makes the path of a file absolute, decrypting a vault; it may refuse a path by ValueError.
    now: the time; hash_password: makes a bcrypt hash, or raises anything when it cannot.
    """

    resolve: t.Callable[[str], str]
    now: datetime.datetime
    hash_password: t.Callable[[], t.Any] = lambda: None


def pair(server: Server, certificate: str, key: str, domains: list[str], controller: Controller) -> None:
    """A certificate and its key, both files on the controller; resolve may refuse a path by ValueError too."""
    found, path = [], ""
    if server[certificate]:
        try:
            path = controller.resolve(server[certificate])
            found = _certificate.check_certificates(path, controller.now)
            for domain in domains if found else []:
                _certificate.check_names(found[0], domain)
        except ValueError as error:
            server.report(certificate, f'"{server[certificate]}" {error}')
    if server[key]:
        try:
            _certificate.check_key(controller.resolve(server[key]), found, path)
        except ValueError as error:
            server.report(key, f'"{server[key]}" {error}')


def chain(server: Server, certificate: str, key: str, authority: str, controller: Controller) -> None:
    """Whether clients accept a pair that is good in itself; authority: the variable with a CA that they trust beside
    the system's.
    """
    if not server.known(certificate, key, authority):
        return
    trusted = server.given.get(authority)
    try:
        certificate_file, key_file = (controller.resolve(server[name]) for name in (certificate, key))
        trusted_file = controller.resolve(trusted) if isinstance(trusted, str) and trusted else ""
        _certificate.check_chain(certificate_file, key_file, trusted_file, controller.now)
    except ValueError as error:
        server.report(certificate, f'"{server[certificate]}" {error}')


def authorities(server: Server, name: str, controller: Controller, only_one: bool = False, key: str = "") -> None:
    """A file with certificates of CAs; only_one: with a single one; key: the one that names it in a dictionary."""
    path = server[name][key] if key else server[name]
    if path:
        try:
            _certificate.check_certificates(controller.resolve(path), controller.now, only_one=only_one)
        except ValueError as error:
            server.report(name, f'the value has as {key} "{path}", which {error}' if key else f'"{path}" {error}')
