# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps by which a homeserver comes to the certificate that its settings ask for, and keeps it."""

from __future__ import annotations

import ipaddress
import json
import os

from ansible_collections.potluck.matrix.plugins.module_utils._certificate import copies, proof, watch
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.acme import Acme
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.certificate import (
    Certificate,
    certificates,
    chain_problem,
    description,
    keys,
    pair_problem,
    self_signed,
)
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.changes import Changes
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.files import Pair
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.nginx import Nginx
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import mounts
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import read_text
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner

# Days. acme.sh renews earlier by itself.
RENEW_BEFORE = 30
SELF_SIGNED = 397
STAND_IN = 7


def read_settings(config: str) -> dict:
    """The settings in a file of JSON; Sentence when they are not there."""
    try:
        return json.loads(read_text(config) or "")
    except ValueError:
        raise Sentence(f"{config} does not hold the settings of the certificate, which role tls writes there") from None


class Upkeep:
    """settings: those that the module documents; changes: what is to be noted, and whether it is to be done."""

    def __init__(self, settings: dict, changes: Changes) -> None:
        self.settings = settings
        self.changes = changes
        self.mode = settings["mode"]
        self.domains = [name.lower() for name in [settings["domain"], *settings["extra_domains"]]]
        self.pair = Pair(settings["directory"])
        self.shown_pair = None if self.mode == "none" else self.pair
        self.nginx = Nginx(settings, self.shown_pair, changes)
        self.acme = Acme(settings["acme"], self.domains, changes)

    def prepare(self, given: str = "") -> None:
        """Make sure of a pair that nginx can start with. given: PEM text of certificate and key, for mode provided."""
        if self.mode == "none":
            return
        self._need_mount()
        if not self.changes.check:
            os.makedirs(self.pair.directory, mode=0o755, exist_ok=True)
        if self.mode == "provided":
            self._take(given)
        elif self.mode == "selfsigned":
            self._renew_self_signed()
        else:
            self._prepare_acme()

    def reload(self) -> None:
        """Make nginx read what it has not read yet, and see that it could."""
        self.nginx.reload()

    def apply(self) -> None:
        """Get the certificate, install it, and let nginx read it."""
        if self.mode != "none":
            self._need_mount()
        # The CA's question is answered by what nginx has read by then.
        self.nginx.reload()
        if self.mode == "acme":
            self._apply_acme()
        elif self.mode == "selfsigned":
            self._renew_self_signed()
        self.nginx.reload()
        if self._write_metric():
            self.changes.note("the metric of the certificate")
        self.copy()

    def copy(self) -> None:
        """Have others' copies be what is installed."""
        if self.mode == "none":
            return
        for wanted in self.settings.get("copies") or []:
            copies.make(wanted, self.pair, self.changes)

    def renew(self) -> None:
        """Have acme.sh renew its certificate when that is due, for apply() to install."""
        if self.mode == "acme":
            self._need_mount()
            self.acme.renew()

    def revoke(self) -> None:
        """Have the ACME CA revoke its certificate, which is gone afterwards, so that a later run asks for a new one.

        nginx goes on with what it has read. Where the certificate comes from elsewhere there is nobody to ask.
        """
        if self.mode != "acme":
            return
        self._need_mount()
        chain, _key = self.acme.issued_pair()
        if self.acme.revoke() and self.pair.chain == chain:
            self.pair.remove()

    def predict(self) -> None:
        """Note, in check mode, what apply() would do beyond what prepare() has noted."""
        if self.mode == "acme":
            self._apply_acme()
        self.nginx.reload()

    def _apply_acme(self) -> None:
        if self.acme.apply(self._standing()):
            chain, key = self.acme.issued_pair()
            self._install(chain, key, "the certificate of the CA")

    def prove(self, addresses: list[str], ports: list[int], timeout: float) -> None:
        """Ask nginx as a client would, and compare the certificate that it shows with the installed one."""
        proof.prove(addresses, ports, timeout, self.domains[0], self.shown_pair)

    def expiry(self, days: int) -> None:
        """Sentence when the installed certificate cannot serve, or not for so many days."""
        problem = self.pair.problem()
        if problem:
            raise Sentence(f"the certificate in {self.pair.directory} cannot serve: {problem}")
        left = Certificate(self.pair.chain).days_left()
        if left < days:
            raise Sentence(f"the certificate in {self.pair.directory} expires in {left:.0f} days")

    def watch(self) -> None:
        """Tell Alertmanager and node_exporter about a certificate that ends, or no longer does."""
        self._write_metric()
        if self.settings["watch"]["url"]:
            watch.Watch(self.settings["watch"], self.domains[0], self.pair).tell()

    def _write_metric(self) -> bool:
        wanted = self.settings["watch"].get("metric")
        return bool(wanted) and self.mode != "none" and watch.write_metric(wanted["file"], wanted["certificates"])

    def _need_mount(self) -> None:
        """Sentence when what belongs on the dataset would land in the pot's own root."""
        mount = self.settings["mount"]
        if not any(path.startswith(mount + "/") for path in (self.pair.directory, self.acme.home)):
            return
        if mounts.landing_place(mount, Runner()):
            raise Sentence(f"nothing is mounted at {mount}, where the certificate belongs (matrix_dataset)")

    def _standing(self) -> str:
        usable = self.pair.problem() is None
        until = Certificate(self.pair.chain).not_after.date() if usable else "never"
        return f"nginx goes on with the certificate it has (valid until {until})"

    def _install(self, chain: str, key: str, what: str) -> None:
        """Put a pair where nginx reads it, unless it is there already."""
        problem = pair_problem(chain, key) or chain_problem(chain, self.acme.authority if self.mode == "acme" else None)
        if problem:
            raise Sentence(f"{what} was not installed: {problem}")
        if self.pair.texts() == (chain, key):
            return
        self.changes.note("installed " + what, self.pair.chain_path, description(self.pair.chain), description(chain))
        if not self.changes.check:
            self.pair.replace(chain, key)

    def _take(self, text: str) -> None:
        """Install the pair that was given as one PEM text."""
        chain, key = "".join(certificates(text)), "".join(keys(text))
        problem = pair_problem(chain, key) or chain_problem(chain, None)
        if problem:
            raise Sentence(f"matrix_tls_certificate and matrix_tls_key: {problem}")
        certificate = Certificate(chain)
        if certificate.days_left() <= 0:
            raise Sentence(f"matrix_tls_certificate: it expired on {certificate.not_after.date()}")
        if not certificate.covers(self.domains):
            names = ", ".join(sorted(certificate.names)) or "no name"
            raise Sentence(f"matrix_tls_certificate: it is for {names}, not for {', '.join(self.domains)}")
        self._install(chain, key, "the certificate that was given")

    def _renew_self_signed(self) -> None:
        addresses = [ipaddress.ip_address(address) for address in self.settings["addresses"]]
        if self.pair.problem() is None:
            certificate = Certificate(self.pair.chain)
            if (
                certificate.self_signed
                and certificate.names == set(self.domains)
                and certificate.addresses == set(addresses)
                and certificate.days_left() > RENEW_BEFORE
            ):
                return
        if self.changes.check:
            self.changes.note("made a self-signed certificate")
            return
        self._install(*self_signed(self.domains, addresses, SELF_SIGNED), "a new self-signed certificate")

    def _prepare_acme(self) -> None:
        if not self.changes.check:
            self.acme.own_home()
        elif not os.path.isdir(self.acme.home):
            self.changes.note("created " + self.acme.home)
            return
        if self.pair.problem() is None:
            return
        chain, key = self.acme.issued_pair()
        if chain and pair_problem(chain, key) is None:
            self._install(chain, key, "the certificate that acme.sh holds")
        elif self.changes.check:
            self.changes.note("made a certificate for the time until the first one is issued")
        else:
            stand_in = self_signed(self.domains, [], STAND_IN)
            self._install(*stand_in, "a certificate for the time until the first one is issued")
