# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The CA's question answered in the DNS (DNS-01), by one of acme.sh's plugins for the servers of many providers."""

from __future__ import annotations

import os

from ansible_collections.potluck.matrix.plugins.module_utils._certificate.acme_files import AcmeFiles
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence

# Of the port; acme.sh itself looks beside its program and in its home only.
PLUGINS = "/usr/local/share/examples/acme.sh/dnsapi"


class AcmeDns:
    """settings: C(plugin), C(wait) in seconds, and C(settings), what the plugin is told; empty when the CA asks a web
    server.
    """

    def __init__(self, settings: dict | None, home: str, files: AcmeFiles) -> None:
        self.settings = settings or {}
        self.home = home
        self.files = files
        self.plugin = self.settings.get("plugin") or ""
        wait = self.settings.get("wait")
        self.wait = None if wait is None else str(wait)

    @property
    def environment(self) -> dict[str, str]:
        """What the plugin is told."""
        return {name: str(value) for name, value in (self.settings.get("settings") or {}).items()}

    @property
    def arguments(self) -> list[str]:
        """How acme.sh is told to use the plugin."""
        return ["--dns", self.plugin, *(["--dnssleep", self.wait] if self.wait is not None else [])]

    def prepare(self) -> None:
        """Let acme.sh find the plugin; Sentence when it has none of that name."""
        if not os.path.isfile(os.path.join(PLUGINS, self.plugin + ".sh")):
            raise Sentence(f'matrix_acme_dns: acme.sh has no plugin "{self.plugin}"; those it has are in {PLUGINS}')
        done = self.files.run("ln", "-sfn", PLUGINS, os.path.join(self.home, "dnsapi"))
        if done.returncode != 0:
            raise Sentence(f"user {self.files.user} cannot make a link in {self.home}: {done.stderr.strip()}")

    def told(self, conf: dict[str, str]) -> dict[str, str | None]:
        """What acme.sh has noted of that, to be removed: at a renewal it prefers its notes. conf: the settings in a
        file.
        """
        return {name: None for name in conf if name.removeprefix("SAVED_") in self.environment}

    def stale(self, conf: dict[str, str], account: bool) -> dict[str, str | None]:
        """What acme.sh has noted for a plugin that is no longer used, to be removed. conf: the settings in a file;
        account: of the account, else of a certificate.
        """
        return {name: None for name in conf if (name.startswith("SAVED_") if account else not name.startswith("Le_"))}
