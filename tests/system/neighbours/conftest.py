# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One homeserver with everything switched on and neighbours of its own, deployed once for all tests of this directory.

With POTLUCK_NEIGHBOURS_KEEP set, what the session finds running is used, and left running, and with "as it is" in that
variable it is not even brought up to date: for work on single tests.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "tests/tools"))

import saved
from deployment import Deployment, output, run
from matrix_client import Homeserver
from outcome import Outcome

KEEP = os.environ.get("POTLUCK_NEIGHBOURS_KEEP", "")
SYNAPSE = "/usr/local/etc/matrix-synapse"


ASK_AGENT = """
import http.client, socket, sys
connection = http.client.HTTPConnection("localhost")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect("/var/run/consul/http.sock")
connection.request("GET", "/v1/agent/" + sys.argv[1], headers={"X-Consul-Token": sys.stdin.read()})
print(connection.getresponse().read().decode())
"""


class ProcessList(threading.Thread):
    """Looks for words in the arguments of all processes of this machine, those of its doubles among them, until
    stopped.
    """

    def __init__(self, words):
        super().__init__(daemon=True)
        self.words = [word.encode() for word in words]
        self.found = set()
        self.rounds = 0
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.05):
            self.rounds += 1
            for process in os.listdir("/proc"):
                if process.isdigit():
                    with contextlib.suppress(OSError):
                        with open(f"/proc/{process}/cmdline", "rb") as stream:
                            arguments = stream.read()
                        if any(word in arguments for word in self.words):
                            self.found.add(arguments.replace(b"\0", b" ").decode(errors="replace"))

    def stop(self):
        self.ended.set()
        self.join()
        return self.found


class Site(Deployment):
    """The deployment with what tests ask about it."""

    def __init__(self, place):
        super().__init__(
            place,
            "neigh.test",
            ("neigh1", "10.199.0.70"),
            "10.199.0.170",
            ("neigh", "10.199.0.15"),
            ["10.199.0.16", "10.199.0.17", "10.199.0.18"],
            users=("alice", "bob"),
        )
        self.secrets = {}
        self.deployed = None
        self.listed = None

    def secret(self, name):
        """A secret of the inventory, random and remembered."""
        self.secrets[name] = self.remembered(name, lambda: "S3" + secrets.token_hex(12))
        return self.secrets[name]

    def start(self):
        self.start_machine()
        self.introduce()

    def introduce(self):
        """Start the neighbours and write the inventory."""
        for name in ("directory", "mail", "admin"):
            self.secret(name)
        self.secrets["consul"] = self.consul_token = self.remembered("consul", lambda: str(uuid.uuid4()))
        variables = self.start_neighbours()
        self.secrets["gossip"] = variables["matrix_gossip_key"]
        self.describe(
            **variables,
            matrix_shared_secret=self.secret("shared"),
            synapse_macaroon_secret_key=self.secret("macaroon"),
            synapse_form_secret=self.secret("form"),
            synapse_secret_settings={"turn_shared_secret": self.secret("turn")},
            matrix_node_exporter_basic_auth_users={"prometheus": self.secret("prometheus")},
            matrix_control_user_privilege="doas",
            # Synapse's own limits would stop the tests after five logins.
            synapse_rate_limits={
                "rc_login": {
                    kind: {"per_second": 1000, "burst_count": 1000}
                    for kind in ("address", "account", "failed_attempts")
                }
            },
            matrix_certificate_watch_days=14,
        )

    def deploy(self):
        """Keeps Ansible's most talkative output, and what the process lists showed meanwhile."""
        watching = ProcessList(self.secrets.values())
        watching.start()
        try:
            self.deployed = self.ansible("site", "-vvv")
        finally:
            self.listed = watching
            watching.stop()
        assert self.deployed.code == 0, self.deployed.output[-6000:]

    # --- Ansible ---

    def ansible(self, name, *arguments, **variables):
        """Run a playbook with extra variables, which travel in a file; its Outcome."""
        command = self.command(name, *arguments)
        if variables:
            path = self.place / "extra.json"
            path.touch(mode=0o600)
            path.write_text(json.dumps(variables))
            command += ["-e", f"@{path}"]
        done = subprocess.run(
            command,
            env=self.environment(
                ANSIBLE_NOCOLOR="1",
                ANSIBLE_DISPLAY_OK_HOSTS="true",
                ANSIBLE_CALLBACKS_ENABLED="keep_archives,count_operations",
            ),
            cwd=TOP,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Outcome(done.returncode, done.stdout + done.stderr)

    def roles(self, *tags, **variables):
        """Run some roles of the site; the Outcome, which has to be good."""
        done = self.ansible("site", "--tags", ",".join(tags), **variables)
        assert done.code == 0, done.output[-4000:]
        return done

    def verify(self, **variables):
        """What verify finds broken, as a list of its sentences; fails when its exit code says otherwise."""
        done = self.ansible("verify", **{"verify_attempts": 1, **variables})
        failures = []
        for line in done.output.splitlines():
            text = line.strip().rstrip(",")
            # The items of the list that the report fails with.
            if text.startswith('"') and ": no, " in text:
                failures.append(json.loads(text))
        assert (done.code != 0) == bool(failures), done.output[-4000:]
        return failures

    # --- inside ---

    def machine_run(self, script, check=True):
        """Standard output of a shell script run as root on the host."""
        return self.inside("/bin/sh", "-c", script, check=check).stdout

    def jail_run(self, script, check=True):
        """Standard output of a shell script run as root in the pot."""
        return self.inside("/bin/sh", "-c", script, pot=self.machine, check=check).stdout

    def service(self, name, verb, check=True):
        """What a service says; into a file first, since a daemon may keep the output open."""
        return self.jail_run(f"service {name} {verb} >/tmp/said 2>&1; code=$?; cat /tmp/said; exit $code", check=check)

    def consul_agent(self, path):
        """The JSON that the agent's own HTTP interface answers to whoever shows the agent's token, whatever the agent
        itself shows.
        """
        return json.loads(
            self.inside(
                "/usr/local/bin/python3.11", "-c", ASK_AGENT, path, pot=self.machine, input=self.consul_token
            ).stdout
        )

    def settle(self):
        """Wait until Synapse answers and the Consul agent's checks have noticed that all is well."""

        def well():
            with contextlib.suppress(subprocess.CalledProcessError, ValueError):
                return (
                    all(check["Status"] == "passing" for check in self.consul_agent("checks").values())
                    and len(self.consul_agent("members")) > 1
                )
            return False

        wait_for(well, 60, "the Consul agent's checks pass again")

    # --- outside ---

    def client(self):
        return Homeserver("https://" + self.domain, ca=str(self.place / "roots.pem"), address=self.jail)

    def login(self, user, password=None, timeout=30):
        """(status, answer, seconds) of a password login."""
        client = self.client()
        body = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": user},
            "password": password or self.remembered(user),
        }
        began = time.monotonic()
        answer = client.session.post(client.base_url + "/_matrix/client/v3/login", json=body, timeout=timeout)
        return answer.status_code, answer.json(), time.monotonic() - began

    def neighbour_pids(self, kind):
        """Process ids of a neighbour."""
        state = Path(os.environ.get("POTLUCK_DOUBLE_DIR") or "/var/tmp/potluck-double") / "neighbours"
        return [
            pid for pid, _started in json.loads((state / (f"{kind}-{self.neighbours_name}") / "pids.json").read_text())
        ]

    @contextlib.contextmanager
    def away(self, kind):
        """A neighbour's processes are gone, and come back with what they had."""
        info = json.loads(self.tell(kind, "status"))
        state = (
            Path(os.environ.get("POTLUCK_DOUBLE_DIR") or "/var/tmp/potluck-double")
            / "neighbours"
            / (f"{kind}-{self.neighbours_name}")
        )
        commands = [Path("/proc/%d/cmdline" % pid).read_bytes().split(b"\0")[:-1] for pid in self.neighbour_pids(kind)]
        for pid in self.neighbour_pids(kind):
            os.killpg(pid, signal.SIGKILL)
        try:
            yield info
        finally:
            sys.path.insert(0, str(TOP / "tests/double/neighbours"))
            import neighbour

            again = neighbour.Neighbour(kind, self.neighbours_name)
            again._store("pids.json", [])
            for command in commands:
                again.spawn(*(word.decode() for word in command))
            ports = [info[name] for name in ("port", "tls_port") if name in info] + info.get("ports", [])
            again.wait_for_ports(*((info["address"], port) for port in ports))
            assert state.exists()

    @contextlib.contextmanager
    def frozen(self, kind):
        """A neighbour accepts connections and says nothing."""
        pids = self.neighbour_pids(kind)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    @contextlib.contextmanager
    def other_certificate(self):
        """Gives a function that puts a certificate with a number of days left in nginx's place and returns it as PEM;
        in the end the old pair is back.
        """
        tls = "/mnt/matrixdata/tls"
        self.jail_run(
            f"rm -rf /root/pair && mkdir /root/pair && cp -p {tls}/fullchain.pem {tls}/privkey.pem /root/pair"
        )

        def put(days):
            chain, key = self_signed(self.domain, days)
            for name, text in (("fullchain.pem", chain), ("privkey.pem", key)):
                self.inside("/bin/sh", "-c", f"cat > {tls}/{name}", pot=self.machine, input=text)
            return chain

        try:
            yield put
        finally:
            # With its former times: nginx has read this pair, and a run must not take it for a new one.
            self.jail_run(f"cp -p /root/pair/fullchain.pem /root/pair/privkey.pem {tls}/ && rm -r /root/pair")


def self_signed(name, days):
    """(certificate, key) as PEM: for a name, with some days left, which may be less than none."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    end = datetime.now(timezone.utc) + timedelta(days=days)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=90))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    text = key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    return certificate.public_bytes(pem).decode(), text.decode()


def wait_for(ready, seconds, what):
    """Poll until ready() is true and return that; AssertionError when time runs out."""
    deadline = time.monotonic() + seconds
    while True:
        found = ready()
        if found:
            return found
        assert time.monotonic() < deadline, "within %d seconds: %s" % (seconds, what)
        time.sleep(0.2)


def fetch(url):
    """Text of a good answer over plain HTTP."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


@pytest.fixture(scope="session")
def site(request):
    """The homeserver: deployed where tests look at that, else the one that was saved."""
    site = Site(TOP / ".cache/neighbours")

    def deploy():
        site.start()
        site.deploy()

    if not KEEP:
        site.stop()
    try:
        if KEEP == "as it is":
            site.start()
        elif KEEP:
            deploy()
        elif any("observed" in item.fixturenames for item in request.session.items):
            deploy()
            saved.keep("neighbours", site)
        else:
            saved.start("neighbours", site, deploy, site.introduce)
        yield site
    finally:
        if not KEEP:
            site.stop()


@pytest.fixture(scope="session")
def observed(site):
    """The homeserver whose deployment was looked at."""
    return site


# Tests of this directory that failed since the deployment was last known to be whole.
FAILED = []
# Fixtures for which several tests share a deployment that is another one on purpose.
ANOTHER_DEPLOYMENT = {"plain", "protocol", "named", "web", "turn", "inheriting"}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        FAILED.append(item.nodeid)
    return report


@pytest.fixture(autouse=True)
def repaired(request):
    """What a failed test left broken is the next one's no longer: a failure is to show itself once."""
    if FAILED and "site" in request.fixturenames and ANOTHER_DEPLOYMENT.isdisjoint(request.fixturenames):
        failed = FAILED[-1]
        FAILED.clear()
        done = request.getfixturevalue("site").ansible("site")
        assert done.code == 0, f"no way back after {failed}: {done.output[-4000:]}"


__all__ = ["SYNAPSE", "Site", "fetch", "output", "run", "wait_for"]
