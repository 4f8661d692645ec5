# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificate of a Matrix homeserver: made, installed, watched and proven.

usage: matrix-tls [--check] [--config FILE] COMMAND

  prepare  take over the settings and make sure that there is a pair that nginx can start with; standard input is one JSON object:
           settings (what the configuration file is to hold) and pair (PEM text of certificate and key, for mode provided);
           also prints one line "nginx: VERSION", since nginx's configuration depends on it
  apply    get a certificate from the ACME CA if one is needed, install it, make nginx read what it has not read yet
  prove    ask nginx as a client would, and compare the certificate it shows with the installed one
  watch    tell Alertmanager about a certificate that expires soon, has expired, or is fine again

Each change is one line "changed: ..." on standard output; an error is one sentence on standard error and exit status 1.
Only the standard library, openssl and acme.sh are used. Root runs this; what belongs to the acme user is read and written as acme,
so that nothing planted in acme's directory makes root touch another file.
"""

import argparse
import datetime
import http.client
import ipaddress
import json
import os
import pwd
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

RENEW_BEFORE = 30  # days; acme.sh renews earlier by itself
SELF_SIGNED_DAYS = 397
PLACEHOLDER_DAYS = 7
DEFAULT_DIRECTORY = "https://acme.zerossl.com/v2/DV90"
# Settings of a former account.conf that would win over what acme.sh is told on the command line.
OVERRIDES = ("CERT_HOME", "ACCOUNT_EMAIL", "ACCOUNT_KEY_PATH", "LE_CONFIG_HOME", "LE_WORKING_DIR", "HTTPS_INSECURE", "CA_BUNDLE", "CA_PATH")
# What Potluck's way of renewing left in a certificate's configuration: its nginx was stopped meanwhile.
FORMER_HOOKS = ("Le_PreHook", "Le_PostHook", "Le_RenewHook", "Le_ReloadCmd", "Le_RealCertPath", "Le_RealKeyPath", "Le_RealCACertPath", "Le_RealFullChainPath")


class Problem(Exception):
    """Something an administrator has to act on, as one sentence."""


def run(*argv, text=None, user=None, **more):
    """Run a command; returns the finished process with its output as text."""
    if user is not None:
        entry = pwd.getpwnam(user)
        more["env"] = {"PATH": "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin", "HOME": entry.pw_dir, "USER": user, "LOGNAME": user}
        if os.geteuid() == 0 and entry.pw_uid != 0:
            more.update(user=entry.pw_uid, group=entry.pw_gid, extra_groups=[])
    source = {"stdin": subprocess.DEVNULL} if text is None else {"input": text}
    return subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False, **source, **more)


def openssl(*argv, text):
    return run("openssl", *argv, text=text)


# --- certificates -----------------------------------------------------------------------------------------------------------------------------------


class Certificate:
    """The first certificate of a PEM text."""

    def __init__(self, chain):
        self.chain = chain
        shown = openssl("x509", "-noout", "-enddate", "-subject", "-issuer", "-nameopt", "RFC2253", "-ext", "subjectAltName", text=chain)
        dates = re.search(r"notAfter=(.*)", shown.stdout)
        if not dates:
            raise Problem("it is not a certificate in PEM form")
        self.not_after = datetime.datetime.strptime(dates.group(1).strip(), "%b %d %H:%M:%S %Y GMT").replace(tzinfo=datetime.timezone.utc)
        names = dict(re.findall(r"^(subject|issuer)=\s*(.*)$", shown.stdout, re.M))
        self.self_signed = names.get("subject") == names.get("issuer")
        self.names = {name.lower() for name in re.findall(r"DNS:([^,\s]+)", shown.stdout)}
        self.addresses = {ipaddress.ip_address(address) for address in re.findall(r"IP Address:([0-9A-Fa-f:.]+)", shown.stdout)}
        self.public_key = openssl("x509", "-noout", "-pubkey", text=chain).stdout

    def days_left(self):
        return (self.not_after - datetime.datetime.now(datetime.timezone.utc)).total_seconds() / 86400

    def covers(self, domains):
        """Whether every one of the domains is named, itself or by a wildcard for its first label."""
        return all(domain in self.names or "*." + domain.partition(".")[2] in self.names for domain in domains)


def pair_problem(chain, key):
    """Why chain and key cannot serve together, or None."""
    try:
        certificate = Certificate(chain)
    except Problem as problem:
        return str(problem)
    public = openssl("pkey", "-pubout", "-passin", "pass:", text=key)
    if public.returncode != 0:
        return "the private key cannot be read (is it in PEM form and without a passphrase?)"
    if public.stdout != certificate.public_key:
        return "the private key belongs to another certificate"
    return None


def self_signed(domains, addresses, days):
    """A new pair (chain, key) that nobody vouches for."""
    names = ["DNS:" + name for name in domains] + ["IP:" + str(address) for address in addresses]
    with tempfile.TemporaryDirectory() as directory:
        chain, key = os.path.join(directory, "chain"), os.path.join(directory, "key")
        # A common name has at most 64 characters; the names that count are the alternative ones.
        subject = "/CN=" + (domains[0] if len(domains[0]) <= 64 else "matrix")
        made = run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256", "-keyout", key, "-out", chain,
            "-days", str(days), "-subj", subject, "-addext", "subjectAltName=" + ",".join(names),
        )
        if made.returncode != 0:
            raise Problem("openssl could not make a self-signed certificate: " + last_line(made.stderr))
        return read(chain), read(key)


# --- files ------------------------------------------------------------------------------------------------------------------------------------------


def read(path):
    """The text of a file, empty when there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def write(path, text, mode):
    """Replace a file at once."""
    handle, name = tempfile.mkstemp(dir=os.path.dirname(path))
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        if os.geteuid() == 0:
            # FreeBSD gives a new file its directory's group, which may be one that must not read keys.
            os.fchown(handle, 0, 0)
        stream.write(text)
    os.chmod(name, mode)
    os.rename(name, path)


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


class Tls:
    """One homeserver's certificate, as the configuration describes it."""

    def __init__(self, config, check=False):
        self.config = config
        self.check = check
        self.logged_before = 0
        self.mode = config["mode"]
        self.domains = [name.lower() for name in [config["domain"]] + config["extra_domains"]]
        self.chain_path = os.path.join(config["directory"], "fullchain.pem")
        self.key_path = os.path.join(config["directory"], "privkey.pem")

    def changed(self, what):
        print("changed: " + what)

    def installed_problem(self):
        """Why the installed pair cannot serve, or None."""
        chain, key = read(self.chain_path), read(self.key_path)
        if not chain or not key:
            return "there is none"
        return pair_problem(chain, key)

    def install(self, chain, key, what):
        """Put a pair where nginx reads it, unless it is there already; the key first, since it is the one that must never be readable."""
        problem = pair_problem(chain, key)
        if problem:
            raise Problem("%s was not installed: %s" % (what, problem))
        if read(self.chain_path) == chain and read(self.key_path) == key:
            return
        self.changed("installed " + what)
        if not self.check:
            write(self.key_path, key, 0o640)
            write(self.chain_path, chain, 0o644)

    # --- prepare ---

    def prepare(self, given):
        """Make sure of a pair; given is PEM text for mode provided."""
        if self.mode != "none" and not self.check:
            os.makedirs(self.config["directory"], mode=0o755, exist_ok=True)
        if self.mode == "provided":
            self.take_given(given)
        elif self.mode == "selfsigned":
            self.renew_self_signed()
        elif self.mode == "acme":
            self.prepare_acme()

    def take_given(self, text):
        """Install the pair that was given as one PEM text."""
        blocks = re.findall(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", text, re.S)
        bodies = [match.group(0) for match in re.finditer(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", text, re.S)]
        chain = "".join(body + "\n" for kind, body in zip(blocks, bodies) if kind == "CERTIFICATE")
        key = "".join(body + "\n" for kind, body in zip(blocks, bodies) if kind.endswith("PRIVATE KEY"))
        problem = pair_problem(chain, key)
        if problem:
            raise Problem("matrix_tls_certificate and matrix_tls_key: " + problem)
        certificate = Certificate(chain)
        if certificate.days_left() <= 0:
            raise Problem("matrix_tls_certificate: it expired on %s" % certificate.not_after.date())
        if not certificate.covers(self.domains):
            raise Problem("matrix_tls_certificate: it is for %s, not for %s" % (", ".join(sorted(certificate.names)) or "no name", ", ".join(self.domains)))
        self.install(chain, key, "the certificate that was given")

    def renew_self_signed(self):
        addresses = [ipaddress.ip_address(address) for address in self.config["addresses"]]
        if self.installed_problem() is None:
            certificate = Certificate(read(self.chain_path))
            if (
                certificate.self_signed
                and certificate.names == set(self.domains)
                and certificate.addresses == set(addresses)
                and certificate.days_left() > RENEW_BEFORE
            ):
                return
        if self.check:
            self.changed("made a self-signed certificate")
            return
        self.install(*self_signed(self.domains, addresses, SELF_SIGNED_DAYS), "a new self-signed certificate")

    # --- ACME ---

    @property
    def acme(self):
        return self.config["acme"]

    @property
    def acme_url(self):
        return self.acme["directory"] or DEFAULT_DIRECTORY

    @property
    def certificate_home(self):
        return os.path.join(self.acme["home"], self.domains[0] + "_ecc")

    @property
    def authority_home(self):
        """Where acme.sh keeps the account at this CA: it derives the path from the URL's host without port, and its path."""
        host, _slash, path = self.acme_url.partition("://")[2].partition("/")
        return os.path.join(self.acme["home"], "ca", host.partition(":")[0], path)

    def as_acme(self, *argv, text=None):
        return run(*argv, text=text, user=self.acme["user"], cwd="/", umask=0o027)

    def acme_read(self, path):
        done = self.as_acme("cat", path)
        return done.stdout if done.returncode == 0 else ""

    def acme_write(self, path, text):
        done = self.as_acme("/bin/sh", "-c", 'umask 077; mkdir -p "$(dirname "$1")" && cat > "$1.new" && mv "$1.new" "$1"', "sh", path, text=text)
        if done.returncode != 0:
            raise Problem("user %s cannot write %s: %s" % (self.acme["user"], path, last_line(done.stderr)))

    def acme_settings(self, path):
        """The settings of one of acme.sh's files, lines of NAME='value'."""
        return dict(re.findall(r"^(\w+)='(.*)'$", self.acme_read(path), re.M))

    def acme_change(self, path, changes):
        """Set settings in one of acme.sh's files; None removes one. Returns whether there was anything to do."""
        lines = self.acme_read(path).splitlines()
        kept = [line for line in lines if line.partition("=")[0] not in changes]
        new = kept + ["%s='%s'" % (name, value) for name, value in changes.items() if value is not None]
        if sorted(new) == sorted(lines):
            return False
        if not self.check:
            self.acme_write(path, "".join(line + "\n" for line in new))
        return True

    def prepare_acme(self):
        if not self.check:
            self.own_acme_home()
        elif not os.path.isdir(self.acme["home"]):
            self.changed("created " + self.acme["home"])
            return
        if self.installed_problem() is None:
            return
        chain, key = self.issued_pair()
        if chain and pair_problem(chain, key) is None:
            self.install(chain, key, "the certificate that acme.sh holds")
        elif self.check:
            self.changed("made a certificate for the time until the first one is issued")
        else:
            self.install(*self_signed(self.domains, [], PLACEHOLDER_DAYS), "a certificate for the time until the first one is issued")

    def own_acme_home(self):
        """Make the directories, and give what Potluck or an earlier life left in them to the acme user."""
        user = pwd.getpwnam(self.acme["user"])
        for path, mode in ((self.acme["home"], 0o750), (self.acme["webroot"], 0o755)):
            if not os.path.isdir(path):
                os.makedirs(path)
                os.chmod(path, mode)
                self.changed("created " + path)
            if os.stat(path).st_uid != user.pw_uid:
                # Links are not followed, neither here nor on the way down.
                for parent, directories, files in os.walk(path, topdown=False):
                    for name in directories + files:
                        os.chown(os.path.join(parent, name), user.pw_uid, user.pw_gid, follow_symlinks=False)
                os.chown(path, user.pw_uid, user.pw_gid)
                self.changed("gave %s to user %s" % (path, self.acme["user"]))
        if not os.path.exists(self.acme["log"]):
            # The user cannot make a file there, and acme.sh complains at every run without it.
            with open(self.acme["log"], "a", encoding="utf-8"):
                pass
            os.chown(self.acme["log"], user.pw_uid, user.pw_gid)
            os.chmod(self.acme["log"], 0o640)

    def issued_pair(self):
        return [self.acme_read(os.path.join(self.certificate_home, name)) for name in ("fullchain.cer", self.domains[0] + ".key")]

    def issue_reason(self):
        """Why a certificate has to be asked for, or None. That a directory exists says nothing: only a good certificate counts."""
        chain, key = self.issued_pair()
        if not chain or not key:
            return "there is none yet"
        problem = pair_problem(chain, key)
        if problem:
            return problem
        certificate = Certificate(chain)
        settings = self.acme_settings(os.path.join(self.certificate_home, self.domains[0] + ".conf"))
        if certificate.days_left() <= 0:
            return "it expired on %s" % certificate.not_after.date()
        if certificate.names != set(self.domains):
            return "it is for %s" % ", ".join(sorted(certificate.names))
        if settings.get("Le_API") != self.acme_url:
            return "it is of another CA, %s" % settings.get("Le_API", "unknown")
        return None

    def authority_context(self):
        context = ssl.create_default_context()
        if self.acme["ca_certificate"]:
            context.load_verify_locations(cadata=self.acme["ca_certificate"])
        return context

    def ask_directory(self):
        """Complain at once about a CA that cannot be reached; acme.sh tries for a minute and a half."""
        try:
            with urllib.request.urlopen(self.acme_url, timeout=10, context=self.authority_context()) as answer:
                directory = json.load(answer)
        except urllib.error.HTTPError as error:
            raise Problem("it answers %s %s" % (error.code, error.reason)) from None
        except urllib.error.URLError as error:
            reason = error.reason
            hint = "; give the CA's own root in matrix_acme_ca_file" if isinstance(reason, ssl.SSLCertVerificationError) else ""
            raise Problem("it cannot be reached: %s%s" % (getattr(reason, "verify_message", "") or getattr(reason, "strerror", "") or reason, hint)) from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Problem("it cannot be reached: %s" % (error or type(error).__name__)) from None
        if not isinstance(directory, dict) or "newOrder" not in directory:
            raise Problem("the answer is not an ACME directory")

    def acme_sh(self, *argv):
        command = [self.acme["program"], *argv, "--home", self.acme["home"], "--server", self.acme_url, "--log", self.acme["log"]]
        if self.acme["ca_certificate"]:
            command += ["--ca-bundle", self.acme["ca_file"]]
        self.logged_before = len(self.acme_read(self.acme["log"]))
        return self.as_acme(*command)

    def acme_complaint(self, done):
        """The CA's own words: from acme.sh's log, since acme.sh itself prints them only up to the first quotation mark."""
        logged = self.acme_read(self.acme["log"])[self.logged_before :]
        for detail in re.findall(r'"detail": *("(?:[^"\\]|\\.)*")', logged):
            # That one only follows from another, which came before it.
            if "Cannot update challenge" not in detail:
                return json.loads(detail, strict=False)
        output = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
        found = re.findall(r"\] ([^\n]*[Ee]rror[^\n]*)", output)
        return found[-1].strip() if found else re.sub(r"^\[[^]]*\] *", "", last_line(output))

    def issue(self, reason):
        after = (
            "nginx goes on with the certificate it has (valid until %s); see %s and run the playbook again, or wait for the daily attempt"
            % (Certificate(read(self.chain_path)).not_after.date() if self.installed_problem() is None else "never", self.acme["log"])
        )
        try:
            self.ask_directory()
        except Problem as problem:
            text = "matrix_acme_directory: the ACME CA %s gave no certificate for %s: %s; %s" % (self.acme_url, self.domains[0], problem, after)
            raise Problem(text) from None
        if self.acme["eab_kid"]:
            # Here they stay off every command line.
            eab = {"CA_EAB_KEY_ID": self.acme["eab_kid"], "CA_EAB_HMAC_KEY": self.acme["eab_hmac_key"]}
            self.acme_change(os.path.join(self.authority_home, "ca.conf"), eab)
        arguments = ["--issue", "--force", "--webroot", self.acme["webroot"], "--keylength", "ec-256"]
        for domain in self.domains:
            arguments += ["-d", domain]
        if self.acme["email"]:
            arguments += ["--accountemail", self.acme["email"]]
        done = self.acme_sh(*arguments)
        if done.returncode != 0 and "accountDoesNotExist" in done.stdout + done.stderr:
            # The CA forgot the account; without the note of it acme.sh registers the same key again.
            self.acme_change(os.path.join(self.authority_home, "ca.conf"), {"ACCOUNT_URL": None, "CA_KEY_HASH": None})
            done = self.acme_sh(*arguments)
        still = self.issue_reason()
        if done.returncode != 0 or still:
            complaint = self.acme_complaint(done) if done.returncode != 0 else still
            raise Problem("the ACME CA %s gave no certificate for %s: %s; %s" % (self.acme_url, self.domains[0], complaint, after))
        self.changed("the CA issued a certificate (%s)" % reason)

    def apply_acme(self):
        if self.check and not os.path.isdir(self.acme["home"]):
            return
        if not self.check and self.acme["ca_certificate"] and read(self.acme["ca_file"]) != self.acme["ca_certificate"]:
            write(self.acme["ca_file"], self.acme["ca_certificate"], 0o644)
        # acme.sh itself notes the bundle it is given.
        dropped = dict.fromkeys(name for name in OVERRIDES if name != "CA_BUNDLE" or not self.acme["ca_certificate"])
        if self.acme_change(os.path.join(self.acme["home"], "account.conf"), dropped):
            self.changed("acme.sh's account.conf")
        reason = self.issue_reason()
        if reason and self.check:
            self.changed("the CA would be asked for a certificate (%s)" % reason)
            return
        if reason:
            self.issue(reason)
        settings = {"Le_Webroot": self.acme["webroot"], **dict.fromkeys(FORMER_HOOKS)}
        current = self.acme_settings(os.path.join(self.certificate_home, self.domains[0] + ".conf"))
        # acme.sh writes the hooks it does not have as empty values.
        settings = {name: value for name, value in settings.items() if (current.get(name) or None) != value}
        if self.acme_change(os.path.join(self.certificate_home, self.domains[0] + ".conf"), settings):
            self.changed("the way certificates are renewed")
        self.update_account()
        self.install(*self.issued_pair(), "the certificate of the CA")

    def update_account(self):
        """Tell the CA about another mail address."""
        known = self.acme_settings(os.path.join(self.authority_home, "ca.conf"))
        if not self.acme["email"] or not known.get("ACCOUNT_URL") or known.get("CA_EMAIL") == self.acme["email"]:
            return
        self.changed("the mail address of the ACME account")
        if self.check:
            return
        done = self.acme_sh("--update-account", "--accountemail", self.acme["email"])
        now = self.acme_settings(os.path.join(self.authority_home, "ca.conf")).get("CA_EMAIL")
        if done.returncode != 0:
            complaint = (self.acme_url, self.acme["email"], self.acme_complaint(done))
            raise Problem("the ACME CA %s did not take the mail address %s (matrix_ssl_email): %s" % complaint)
        if now != self.acme["email"]:
            # Older releases tell the CA and do not note it.
            self.acme_change(os.path.join(self.authority_home, "ca.conf"), {"CA_EMAIL": self.acme["email"]})

    # --- nginx ---

    def apply(self):
        # The CA's question is answered by what nginx has read by then.
        if not self.check:
            self.reload()
        if self.mode == "acme":
            self.apply_acme()
        elif self.mode == "selfsigned":
            self.renew_self_signed()
        self.reload()

    def nginx_files(self):
        """What a running nginx has read."""
        return [self.config["nginx_conf"]] + ([self.chain_path, self.key_path] if self.mode != "none" else [])

    def reload(self):
        """Reload nginx if it started, or was reloaded, before something it reads was written."""
        read_at = max((os.stat(path).st_mtime_ns for path in (self.config["nginx_pid"], self.config["stamp"]) if os.path.exists(path)), default=0)
        written = max((os.stat(path).st_mtime_ns for path in self.nginx_files() if os.path.exists(path)), default=0)
        if not os.path.exists(self.config["nginx_pid"]) or written <= read_at:
            return
        self.changed("reloaded nginx")
        if self.check:
            return
        now = time.time_ns()
        done = run(*self.config["reload"])
        if done.returncode != 0:
            raise Problem("nginx was not reloaded and goes on with what it had: " + last_line(done.stderr or done.stdout))
        with open(self.config["stamp"], "a", encoding="utf-8"):
            os.utime(self.config["stamp"], ns=(now, now))

    # --- prove ---

    def request(self, port, path):
        """Ask nginx for a path; returns (status, headers, body, certificate as DER or None)."""
        address, domain = self.config["connect"], self.domains[0]
        connection = http.client.HTTPConnection(address, port, timeout=10)
        try:
            connection.sock = socket.create_connection((address, port), timeout=10)
            shown = None
            if self.mode != "none":
                # Whether clients trust it is not the question here, only whether it is the one that is installed.
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
                connection.sock = context.wrap_socket(connection.sock, server_hostname=domain)
                shown = connection.sock.getpeercert(binary_form=True)
            connection.request("GET", path, headers={"Host": domain})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read(), shown
        except (OSError, http.client.HTTPException) as error:
            raise Problem("nobody answers on %s port %s: %s" % (address, port, error)) from None
        finally:
            connection.close()

    def prove_port(self, port):
        for path in ("/.well-known/matrix/server", "/.well-known/matrix/client", "/_matrix/client/versions"):
            status, headers, body, shown = self.request(port, path)
            if shown is not None:
                first = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", read(self.chain_path), re.S).group(0)
                installed = ssl.PEM_cert_to_DER_cert(first)
                if shown != installed:
                    raise Problem("nginx shows another certificate on port %s than %s holds" % (port, self.chain_path))
            if status != 200:
                hint = "; Synapse does not answer behind it" if status in (502, 504) else ""
                raise Problem("nginx answers %s to %s on port %s%s" % (status, path, port, hint))
            try:
                json.loads(body)
            except ValueError:
                raise Problem("nginx does not answer with JSON to %s on port %s" % (path, port)) from None
            if headers.get("Access-Control-Allow-Origin") != "*":
                raise Problem("nginx lets no browser read %s on port %s" % (path, port))
        for path in ("/_synapse/admin/v1/server_version", "//_synapse/admin/v1/server_version", "/%5Fsynapse/admin/v1/server_version"):
            if self.request(port, path)[0] not in (403, 404):
                raise Problem("nginx gives access to %s on port %s" % (path, port))

    def prove(self):
        """Every public port answers rightly; a reload takes a moment, so it may be asked again."""
        deadline = time.monotonic() + self.config["prove_timeout"]
        while True:
            try:
                for port in self.config["ports"]:
                    self.prove_port(port)
                return
            except Problem:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.5)

    # --- watch ---

    def watch(self):
        """Post what there is to say; an alert is kept up until the next day's check, and ended as soon as its reason is gone."""
        watch = self.config["watch"]
        days = Certificate(read(self.chain_path)).days_left() if self.installed_problem() is None else -1.0
        if days <= 0:
            firing = "MatrixCertificateExpired"
        elif days <= watch["days"]:
            firing = "MatrixCertificateExpiring"
        else:
            firing = ""
        before = set(read(watch["state"]).split())
        now = datetime.datetime.now(datetime.timezone.utc)
        alerts = [self.alert(firing, days, now, now + datetime.timedelta(hours=26))] if firing else []
        alerts += [self.alert(name, days, now - datetime.timedelta(seconds=1), now) for name in sorted(before - {firing})]
        if alerts:
            self.post(watch["url"].rstrip("/") + "/api/v2/alerts", json.dumps(alerts).encode())
        write(watch["state"], firing + "\n" if firing else "", 0o644)

    def alert(self, name, days, start, end):
        """One alert as Alertmanager's API version 2 wants it."""
        watch, domain = self.config["watch"], self.domains[0]
        expired = name == "MatrixCertificateExpired"
        summary = "The certificate of %s %s" % (domain, "has expired" if expired else "expires soon")
        detail = "%s on %s (%s): %.0f days left" % (self.chain_path, watch["instance"], watch["address"], days)
        return {
            "labels": {
                "alertname": name, "severity": "critical" if expired else "warning", "service": "matrix", "domain": domain,
                "instance": watch["instance"], "address": watch["address"],
            },
            "annotations": {"summary": summary, "description": detail},
            "startsAt": start.isoformat(timespec="milliseconds"),
            "endsAt": end.isoformat(timespec="milliseconds"),
            "generatorURL": "https://%s/" % domain,
        }

    def post(self, url, body):
        request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"}, method="POST")
        for attempt in range(3):
            try:
                with urllib.request.urlopen(request, timeout=20):
                    return
            except urllib.error.HTTPError as error:
                raise Problem("Alertmanager at %s refused the alert: %s %s" % (url, error.code, error.read(200).decode(errors="replace"))) from None
            except (OSError, http.client.HTTPException) as error:
                if attempt == 2:
                    raise Problem("Alertmanager at %s cannot be reached: %s" % (url, getattr(error, "reason", error))) from None
                time.sleep(5)


def take_settings(path, settings, check):
    """Write the settings for later runs, from cron too; only root may read them, for they can hold the key of an ACME account binding."""
    text = json.dumps(settings, indent=2, sort_keys=True) + "\n"
    if read(path) == text:
        return
    print("changed: the settings in " + path)
    if not check:
        write(path, text, 0o600)


def main(argv):
    parser = argparse.ArgumentParser(prog="matrix-tls")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--config", default="/usr/local/etc/matrix-tls.json")
    parser.add_argument("command", choices=["prepare", "apply", "prove", "watch"])
    arguments = parser.parse_args(argv)
    os.umask(0o022)
    try:
        if arguments.command == "prepare":
            given = json.load(sys.stdin)
            print("nginx: " + run("nginx", "-v").stderr.rpartition("/")[2].split()[0])
            Tls(given["settings"], arguments.check).prepare(given["pair"])
            # Only now: what cron does goes on as before if the new settings do not work out.
            take_settings(arguments.config, given["settings"], arguments.check)
        else:
            with open(arguments.config, encoding="utf-8") as stream:
                getattr(Tls(json.load(stream), arguments.check), arguments.command)()
    except Problem as problem:
        sys.stderr.write("%s\n" % problem)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
