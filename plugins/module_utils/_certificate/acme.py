# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A certificate from an ACME CA, asked for and renewed by acme.sh."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pwd
import re
import ssl
import subprocess
import urllib.error
import urllib.request

from ansible_collections.potluck.matrix.plugins.module_utils._certificate.acme_dns import AcmeDns
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.acme_files import AcmeFiles, own
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.certificate import (
    Certificate,
    chain_problem,
    pair_problem,
)
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.changes import Changes
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.commands import last_line
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.files import read, write
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import tls_client
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence

DEFAULT_DIRECTORY = "zerossl"
# CAs by the names that acme.sh has for them.
DIRECTORIES = {
    "zerossl": "https://acme.zerossl.com/v2/DV90",
    "letsencrypt": "https://acme-v02.api.letsencrypt.org/directory",
    "letsencrypt_test": "https://acme-staging-v02.api.letsencrypt.org/directory",
}
# RFC 5280: the certificate is no longer needed, and nothing is suspected of its key.
CESSATION_OF_OPERATION = "5"
# What acme.sh notes in place of a directory when it answers the CA at port 80 itself, as it does in Potluck.
STANDALONE = "no"
# Settings of a former account.conf that would win over what acme.sh is told on the command line.
OVERRIDES = (
    "CERT_HOME",
    "ACCOUNT_EMAIL",
    "ACCOUNT_KEY_PATH",
    "LE_CONFIG_HOME",
    "LE_WORKING_DIR",
    "HTTPS_INSECURE",
    "CA_BUNDLE",
    "CA_PATH",
)
# What Potluck's way of renewing left in a certificate's configuration: its nginx was stopped meanwhile.
FORMER_HOOKS = (
    "Le_PreHook",
    "Le_PostHook",
    "Le_RenewHook",
    "Le_ReloadCmd",
    "Le_RealCertPath",
    "Le_RealKeyPath",
    "Le_RealCACertPath",
    "Le_RealFullChainPath",
)


class Acme:
    """settings: those of C(acme); domains: what the certificate is for, in small letters, the homeserver's name
    first.
    """

    def __init__(self, settings: dict, domains: list[str], changes: Changes) -> None:
        self.settings = settings
        self.domains = domains
        self.changes = changes
        self.home = settings["home"]
        directory = settings["directory"] or DEFAULT_DIRECTORY
        self.url = DIRECTORIES.get(directory, directory)
        self.authority = settings["ca_certificate"]
        self.files = AcmeFiles(settings["user"], changes)
        self.dns = AcmeDns(settings.get("dns"), self.home, self.files)
        self.certificate_home = os.path.join(self.home, domains[0] + "_ecc")
        self.certificate_conf = os.path.join(self.certificate_home, domains[0] + ".conf")
        # acme.sh derives the path from the URL's host without port, and its path.
        host, _slash, path = self.url.partition("://")[2].partition("/")
        self.authority_conf = os.path.join(self.home, "ca", host.partition(":")[0], path, "ca.conf")

    def own_home(self) -> None:
        """Make the directories and the log, and let the acme user own them."""
        user = pwd.getpwnam(self.settings["user"])
        for path, mode in ((self.home, 0o750), (self.settings["webroot"], 0o755)):
            own(path, mode, user.pw_uid, user.pw_gid, self.changes, self.settings["user"])
        log = self.settings["log"]
        if not os.path.exists(log):
            # The user cannot make a file there, and acme.sh complains at every run without it.
            with open(log, "a", encoding="utf-8"):
                pass
            os.chown(log, user.pw_uid, user.pw_gid)
            os.chmod(log, 0o640)

    def issued_pair(self) -> list[str]:
        """(chain, key) that acme.sh holds; empty texts for none."""
        names = ("fullchain.cer", self.domains[0] + ".key")
        return [self.files.read(os.path.join(self.certificate_home, name)) for name in names]

    def reason(self) -> str | None:
        """Why a certificate has to be asked for, or None. That a directory exists says nothing: only a good certificate
        counts.
        """
        chain, key = self.issued_pair()
        if not chain or not key:
            return "there is none yet"
        problem = pair_problem(chain, key) or chain_problem(chain, self.authority)
        if problem:
            return problem
        certificate = Certificate(chain)
        authority = self.files.settings(self.certificate_conf).get("Le_API", "unknown")
        if certificate.days_left() <= 0:
            return f"it expired on {certificate.not_after.date()}"
        if certificate.names != set(self.domains):
            return "it is for {}".format(", ".join(sorted(certificate.names)))
        if authority != self.url:
            return f"it is of another CA, {authority}"
        return None

    def apply(self, otherwise: str) -> bool:
        """Bring acme.sh's settings up to date and get a certificate if one is needed; whether acme.sh holds one then.

        otherwise: what there is without a new certificate, for the sentence of a failure.
        """
        if self.changes.check and not os.path.isdir(self.home):
            return False
        if not self.changes.check and self.authority and read(self.settings["ca_file"]) != self.authority:
            write(self.settings["ca_file"], self.authority)
        self._repair_settings()
        reason = self.reason()
        if reason and self.changes.check:
            self.changes.note(f"the CA would be asked for a certificate ({reason})")
            return False
        if reason:
            self._issue(reason, otherwise)
        self._correct_renewal()
        self._end_former_renewals()
        self._update_account()
        return True

    def renew(self) -> None:
        """What acme.sh does daily: renew what is due. The plugin for the DNS is told what the settings hold now."""
        for path in (self.certificate_conf, os.path.join(self.home, "account.conf")):
            self.files.change(path, self.dns.told(self.files.settings(path)))
        _done, problem = self._logged("--cron", "--home", self.home)
        if problem:
            raise Sentence(f"the certificate was not renewed: {problem}; see {self.settings['log']}")

    def revoke(self) -> bool:
        """Have the CA revoke the certificate that acme.sh holds, and forget it; whether there was one.

        acme.sh itself removes the certificate alone and keeps the chain, which C(reason) would find good for ever.
        """
        chain, key = self.issued_pair()
        if not chain or pair_problem(chain, key):
            return False
        alone = os.path.join(self.certificate_home, self.domains[0] + ".cer")
        if self.files.read(alone):
            arguments = ["--revoke", "-d", self.domains[0], "--ecc", "--revoke-reason", CESSATION_OF_OPERATION]
            try:
                self._ask_directory()
                _done, problem = self._acme_sh(*arguments)
            except Sentence as sentence:
                problem = str(sentence)
            # A run that was cut off had it revoked and did not come to remove it.
            if problem and not re.search("already.*revoked", problem, re.IGNORECASE):
                raise Sentence(
                    f"the ACME CA {self.url} did not revoke the certificate of {self.domains[0]}: {problem}; "
                    f"see {self.settings['log']}"
                )
        for path in (alone, os.path.join(self.certificate_home, "fullchain.cer")):
            self.files.remove(path)
        self.changes.note("the CA revoked the certificate")
        return True

    def _repair_settings(self) -> None:
        # acme.sh itself notes the bundle it is given.
        dropped = dict.fromkeys(name for name in OVERRIDES if name != "CA_BUNDLE" or not self.authority)
        if self.files.change(os.path.join(self.home, "account.conf"), dropped):
            self.changes.note("acme.sh's account.conf")
        for path in (self.authority_conf, self.certificate_conf):
            if self.files.change(path, {}):
                self.changes.note("settings of acme.sh that no shell can read: " + path)

    def _correct_renewal(self) -> None:
        """Let the daily run of acme.sh renew without stopping anybody."""
        current = self.files.settings(self.certificate_conf)
        place = self.dns.plugin or self.settings["webroot"]
        wanted = {"Le_Webroot": place, "Le_DNSSleep": self.dns.wait, **dict.fromkeys(FORMER_HOOKS)}
        if current.get("Le_Webroot", place) != place:
            account = os.path.join(self.home, "account.conf")
            self.files.change(account, self.dns.stale(self.files.settings(account), account=True))
            wanted.update(self.dns.stale(current, account=False))
        # acme.sh writes the hooks it does not have as empty values.
        wanted = {name: value for name, value in wanted.items() if (current.get(name) or None) != value}
        if self.files.change(self.certificate_conf, wanted):
            self.changes.note("the way certificates are renewed")

    def _end_former_renewals(self) -> None:
        """Let the daily run of acme.sh leave alone what it has for names that the server had before.

        They may lead elsewhere by now, and then every attempt would fail. Certificates that are proven in another way
        are somebody else's.
        """
        listed = self.files.run("ls", self.home).stdout.split()
        for name in [each[: -len("_ecc")] for each in listed if each.endswith("_ecc")]:
            conf = os.path.join(self.home, f"{name}_ecc", f"{name}.conf")
            if name == self.domains[0] or self.files.settings(conf).get("Le_Webroot") not in (
                self.settings["webroot"],
                STANDALONE,
                self.dns.plugin or STANDALONE,
            ):
                continue
            self.changes.note(f"the certificate of {name} is no longer renewed")
            if not self.changes.check:
                self._acme_sh("--remove", "-d", name, "--ecc")
                if self.files.read(conf):
                    raise Sentence(f"acme.sh did not forget the certificate of {name}; see {self.settings['log']}")

    def _issue(self, reason: str, otherwise: str) -> None:
        failure = f"the ACME CA {self.url} gave no certificate for {self.domains[0]}"
        after = f"{otherwise}; see {self.settings['log']} and run the playbook again, or wait for the daily attempt"
        try:
            self._ask_directory()
        except Sentence as problem:
            raise Sentence(f"matrix_acme_directory: {failure}: {problem}; {after}") from None
        if self.settings["eab_kid"]:
            # Here they stay off every command line.
            eab = {"CA_EAB_KEY_ID": self.settings["eab_kid"], "CA_EAB_HMAC_KEY": self.settings["eab_hmac_key"]}
            self.files.change(self.authority_conf, eab)
        if self.dns.plugin:
            self.dns.prepare()
        place = self.dns.arguments if self.dns.plugin else ["--webroot", self.settings["webroot"]]
        arguments = ["--issue", "--force", *place, "--keylength", "ec-256"]
        for domain in self.domains:
            arguments += ["-d", domain]
        if self.settings["email"]:
            arguments += ["--accountemail", self.settings["email"]]
        done, complaint = self._acme_sh(*arguments)
        if done.returncode != 0 and "accountDoesNotExist" in done.stdout + done.stderr:
            # The CA forgot the account; without the note of it acme.sh registers the same key again.
            self.files.change(self.authority_conf, {"ACCOUNT_URL": None, "CA_KEY_HASH": None})
            done, complaint = self._acme_sh(*arguments)
        still = complaint or self.reason()
        if still:
            way = f" by the DNS with {self.dns.plugin} (matrix_acme_dns)" if self.dns.plugin else ""
            raise Sentence(f"{failure}{way}: {still}; {after}")
        self.changes.note(f"the CA issued a certificate ({reason})")

    def _update_account(self) -> None:
        """Tell the CA about another mail address."""
        known, email = self.files.settings(self.authority_conf), self.settings["email"]
        if not email or not known.get("ACCOUNT_URL") or known.get("CA_EMAIL") == email:
            return
        self.changes.note("the mail address of the ACME account")
        if self.changes.check:
            return
        _done, complaint = self._acme_sh("--update-account", "--accountemail", email)
        if complaint:
            raise Sentence(
                f"the ACME CA {self.url} did not accept the mail address {email} (matrix_ssl_email): {complaint}"
            )
        if self.files.settings(self.authority_conf).get("CA_EMAIL") != email:
            # Older releases tell the CA and do not note it.
            self.files.change(self.authority_conf, {"CA_EMAIL": email})

    def _ask_directory(self) -> None:
        """Complain at once about a CA that cannot be reached; acme.sh tries for a minute and a half."""
        context = tls_client.context()
        if self.authority:
            context.load_verify_locations(cadata=self.authority)
        try:
            opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
            with opener.open(self.url, timeout=10) as answer:
                directory = json.load(answer)
        except urllib.error.HTTPError as error:
            raise Sentence(f"it answers {error.code} {error.reason}") from None
        except urllib.error.URLError as error:
            raise Sentence(f"it cannot be reached: {_unreached(error.reason)}") from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Sentence(f"it cannot be reached: {error or type(error).__name__}") from None
        if not isinstance(directory, dict) or "newOrder" not in directory:
            raise Sentence("the answer is not an ACME directory")

    def _acme_sh(self, *argv: str) -> tuple[subprocess.CompletedProcess, str]:
        """(finished process, what went wrong); the second is empty when acme.sh says that nothing did."""
        bundle = ["--ca-bundle", self.settings["ca_file"]] if self.authority else []
        return self._logged(*argv, "--home", self.home, "--server", self.url, *bundle)

    def _logged(self, *argv: str) -> tuple[subprocess.CompletedProcess, str]:
        log = self.settings["log"]
        before = len(self.files.read(log))
        done = self.files.run(self.settings["program"], *argv, "--log", log, environment=self.dns.environment)
        said = done.stdout + done.stderr
        return done, "" if done.returncode == 0 else complaint(self.files.read(log)[before:], said)


def complaint(logged: str, said: str) -> str:
    """Why acme.sh failed. The CA's own words are in its log, since acme.sh prints them only up to the first quotation
    mark.
    """
    output = re.sub(r"\x1b\[[0-9;]*m", "", said)
    # Afterwards acme.sh has the CA look in vain, and what the CA says of that only follows from it.
    found = re.findall(r"\] (Error adding TXT[^\n]*)", output)
    for detail in re.findall(r'"detail": *("(?:[^"\\]|\\.)*")', logged):
        with contextlib.suppress(ValueError):
            found.append(json.loads(detail, strict=False))
    # That one only follows from another, which came before it.
    found = [detail for detail in found if "Cannot update challenge" not in detail]
    found += re.findall(r"\] ([^\n]*[Ee]rror[^\n]*)", output)[-1:]
    found.append(re.sub(r"^\[[^]]*\] *", "", last_line(output)))
    return next(filter(None, (" ".join(words.split()) for words in found)), "acme.sh gives no reason")


def _unreached(reason) -> str:
    untrusted = isinstance(reason, ssl.SSLCertVerificationError)
    words = getattr(reason, "verify_message", "") or getattr(reason, "strerror", "") or str(reason)
    return words + ("; give the CA's own root in matrix_acme_ca_file" if untrusted else "")
