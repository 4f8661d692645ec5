# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What README.md and docs/ say is true: examples are good inventories, commands exist, links lead somewhere, tables are
complete.
"""

from __future__ import annotations

import base64
import datetime
import getopt
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.potluck.matrix.plugins.action import site_preflight
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import potluck_env
from ansible_collections.potluck.matrix.plugins.plugin_utils import _preflight
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight import vocabulary
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

TOP = Path(__file__).resolve().parents[3]
PAGES = sorted([TOP / "README.md", *TOP.glob("docs/*.md")])
ROLES = sorted(path.name for path in (TOP / "roles").iterdir() if path.is_dir())
PLAYBOOKS = sorted(path.stem for path in (TOP / "playbooks").glob("*.yml"))
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
ENVIRONMENT = dict(
    os.environ,
    PATH="{}:{}".format(TOP / ".venv/bin", os.environ["PATH"]),
    ANSIBLE_CONFIG=str(TOP / "ansible.cfg"),
    ANSIBLE_COLLECTIONS_PATH=str(TOP / ".ansible/collections"),
    ANSIBLE_NOCOLOR="1",
)
# What a block leaves to the rest of the inventory.
REST = {
    "matrix_domain": "example.com",
    "matrix_ip": "192.0.2.20",
    "matrix_alert_email": "admin@example.com",
    "matrix_ssl_email": "admin@example.com",
    "ansible_host": "192.0.2.10",
}
# Words that begin like variables of ours and are none.
NO_VARIABLES = {
    "matrix_homeserver",
    "matrix_ldap_proxy",
    "matrix_authentication_service",
    "synapse_port_db",
    "synapse_auto_compressor",
    "tls_modes",
}


def blocks(language):
    """(page:line, text) of all fenced blocks in a language."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            yield "%s:%d" % (page.relative_to(TOP), text.count("\n", 0, match.start()) + 1), match.group(1)


def named(pairs):
    return [pytest.param(text, id=name) for name, text in pairs]


def options():
    found = set()
    for role in ROLES:
        specs = yaml.safe_load((TOP / "roles" / role / "meta/argument_specs.yml").read_text(encoding="utf-8"))[
            "argument_specs"
        ]
        for spec in specs.values():
            found |= set(spec.get("options", {}))
    return found


def known_variables():
    found = set(_preflight.VARIABLES) | options()
    for path in [*TOP.glob("roles/*/*/*"), *TOP.glob("playbooks/*.yml")]:
        if path.is_file():
            found |= set(re.findall(r"(?<![A-Za-z0-9_])matrix_[a-z0-9_]+", path.read_text(encoding="utf-8")))
    return found


def is_inventory(block):
    return "all" in block


def is_plugin_configuration(block):
    return "plugin" in block


def is_of_the_controller(block):
    """Whether it is about what is installed there: requirements.yml, execution-environment.yml."""
    return "collections" in block or "images" in block


# -- examples


@pytest.mark.parametrize("text", named(blocks("yaml")))
def test_yaml_uses_variables_that_exist(text):
    block = yaml.safe_load(text)
    assert isinstance(block, dict)
    if is_plugin_configuration(block):
        plugin = load(TOP / "plugins/inventory" / (block["plugin"].removeprefix("potluck.matrix.") + ".py"))
        assert set(block) <= set(yaml.safe_load(plugin.DOCUMENTATION)["options"])
        return
    if is_of_the_controller(block):
        # tests/unit/docs/test_installing.py reads them.
        return
    if is_inventory(block):
        group = block["all"]["children"]["matrix"]
        servers = [group.get("vars", {}), *group["hosts"].values()]
    else:
        servers = [block]
    known = known_variables() | {
        "ansible_host",
        "ansible_user",
        "ansible_become",
        "ansible_become_method",
        "ansible_become_password",
        "ansible_pot_privilege_command",
    }
    for server in servers:
        assert set(server) <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_variable_that_is_mentioned_exists(page):
    text = page.read_text(encoding="utf-8")
    words = set(re.findall(r"(?<![A-Za-z0-9_/.-])((?:matrix|{})_[a-z0-9_]+)".format("|".join(ROLES)), text))
    playbook_variables = set(
        re.findall(r"import_env_\w+", (TOP / "playbooks/import_env.yml").read_text(encoding="utf-8"))
    )
    assert words - known_variables() - NO_VARIABLES - set(ROLES) == set()
    assert set(re.findall(r"import_env_\w+", text)) <= playbook_variables


def write_certificate(path, key_path, name):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@pytest.fixture(scope="module", name="controller")
def fixture_controller(tmp_path_factory):
    """A directory with a playbook of the preflight check alone, and the files that the examples name."""
    directory = tmp_path_factory.mktemp("controller")
    write_certificate(
        directory / "files/example.com/fullchain.pem", directory / "files/example.com/privkey.pem", "example.com"
    )
    for name in ("ldap-ca", "log-ca", "mail-ca", "acme-ca", "consul-ca", "consul-agent", "database-ca"):
        write_certificate(directory / (f"files/{name}.pem"), directory / (f"files/{name}.key"), name)
    (directory / "files/irc.yaml").write_text(
        "{id: irc, url: null, as_token: a, hs_token: b, sender_localpart: irc, namespaces: {}}", encoding="utf-8"
    )
    (directory / "files/password_reset.html").write_text("<a href='{{ link }}'>Reset</a>", encoding="utf-8")
    # Elsewhere, as the collection's playbooks are: what is relative to them would not be found.
    (directory / "elsewhere").mkdir()
    (directory / "elsewhere/play.yml").write_text(
        "- hosts: matrix\n  gather_facts: false\n  roles: [potluck.matrix.preflight]\n", encoding="utf-8"
    )
    (directory / "elsewhere/each.yml").write_text(
        "- hosts: matrix\n  gather_facts: false\n  tasks:\n    - potluck.matrix.site_preflight: {hosts: ['{{ "
        "inventory_hostname }}']}\n",
        encoding="utf-8",
    )
    return directory


def with_vault(text):
    """The block with something in place of what lies in a vault."""
    key = base64.b64encode(bytes(range(32))).decode()
    return re.sub(
        r"\{\{ (vault_\w+) \}\}",
        lambda match: key if "gossip" in match.group(1) else "secret of " + match.group(1),
        text,
    )


def preflight(directory, inventory, playbook):
    path = directory / "inventory.yml"
    path.write_text(inventory, encoding="utf-8")
    command = ["ansible-playbook", "-i", str(path), str(directory / "elsewhere" / playbook)]
    # Its certificates vouch for themselves, so here they are what the system trusts.
    environment = {**ENVIRONMENT, "SSL_CERT_FILE": str(directory / "files/example.com/fullchain.pem")}
    done = subprocess.run(
        command, env=environment, cwd=directory, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "text", named((name, text) for name, text in blocks("yaml") if is_inventory(yaml.safe_load(text)))
)
def test_whole_inventories_pass_the_preflight_check(controller, text):
    code, output = preflight(controller, with_vault(text), "play.yml")
    assert code == 0, output


def test_every_block_of_variables_passes_the_preflight_check(controller):
    hosts = {}
    for name, text in blocks("yaml"):
        block = yaml.safe_load(with_vault(text))
        if not (is_inventory(block) or is_plugin_configuration(block) or is_of_the_controller(block)):
            hosts[re.sub("[^a-z0-9]+", "-", name.lower())] = {**REST, **block}
    code, output = preflight(controller, json.dumps({"matrix": {"hosts": hosts}}), "each.yml")
    assert code == 0, output


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed; tests/tools/system-packages installs it")
@pytest.mark.parametrize("text", named(blocks("nginx")))
def test_nginx_reads_its_blocks(controller, tmp_path, text):
    certificates = controller / "files/example.com"
    # nginx looks whether it could listen at the host's address.
    text = text.replace("/usr/local/etc/ssl/example.com", str(certificates)).replace("192.0.2.10", "127.0.0.1")
    path = tmp_path / "nginx.conf"
    path.write_text(
        f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{text}}}\n", encoding="utf-8"
    )
    done = subprocess.run(
        [NGINX, "-t", "-p", str(tmp_path), "-c", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# -- commands


def load(path):
    sys.path.insert(0, str(path.parent))
    try:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(path.parent))


def check_ansible_playbook(words):
    parsed, rest = getopt.gnu_getopt(words, "i:e:v", ["check", "diff", "limit=", "forks=", "ask-vault-pass", "tags="])
    assert len(rest) == 1
    playbook = rest[0].removeprefix("potluck.matrix.")
    assert playbook != rest[0] and playbook in PLAYBOOKS
    text = (TOP / "playbooks" / (playbook + ".yml")).read_text(encoding="utf-8")
    for flag, value in parsed:
        if flag == "-e":
            assert value.partition("=")[0] in re.findall(r"\w+", text)


def check_pot(words):
    table = load(TOP / "tests/double/lib/potlib/subcommands.py").GETOPT
    assert words[0] in table
    getopt.getopt(words[1:], table[words[0]])


def check_double(words):
    text = (TOP / "tests/double/double").read_text(encoding="utf-8")
    assert re.search(rf"^    double {words[0]} ", text, re.MULTILINE), words


def check_make(words):
    assert set(words) <= set(re.findall(r"^([a-z-]+):", (TOP / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def check_galaxy(words):
    meta = yaml.safe_load((TOP / "galaxy.yml").read_text(encoding="utf-8"))
    name = "{namespace}.{name}".format(**meta)
    archive = "{namespace}-{name}-{version}.tar.gz".format(**meta)
    assert words in (
        ["collection", "install", name],
        ["collection", "install", archive],
        ["collection", "install", f"git+{meta['repository']}.git,main"],
        ["collection", "install", "-r", "requirements.yml"],
        ["collection", "build"],
    )


def check_export(words):
    """Ansible's own variables are not ours to know, but the plugins that they name are."""
    for word in words:
        name, _equals, value = word.partition("=")
        assert name.startswith("ANSIBLE_") and value.startswith("potluck.matrix.")
        assert list(TOP.glob(f"plugins/*/{value.removeprefix('potluck.matrix.')}.py"))


def check_python(words):
    if words[:2] == ["-m", "pytest"]:
        words = words[2:]
    assert (TOP / words[0]).is_file()


CHECKS = {
    "ansible-playbook": check_ansible_playbook,
    "pot": check_pot,
    "tests/double/double": check_double,
    "make": check_make,
    "ansible-galaxy": check_galaxy,
    "python": check_python,
    "export": check_export,
}
# Programs of the systems, with the arguments that are looked at nowhere else.
PLAIN = {
    "ansible",
    "ansible-builder",
    "ansible-vault",
    "cd",
    "curl",
    "echo",
    "exit",
    "install",
    "jexec",
    "jls",
    "mv",
    "rm",
    "sed",
    "service",
    "tail",
    "umask",
    "vi",
    "zfs",
}


@pytest.mark.parametrize("text", named(blocks("console")))
def test_commands_exist(text):
    for line in re.sub(r"\\\n", " ", text).splitlines():
        words = shlex.split(line, comments=True)
        assert words[0] in CHECKS or words[0] in PLAIN, line
        if words[0] in CHECKS:
            CHECKS[words[0]](words[1:])


def test_the_way_to_import_an_environment_works(tmp_path):
    text = (TOP / "docs/coming-from-potluck.md").read_text(encoding="utf-8")
    command = re.search("^ansible-playbook .* potluck.matrix.import_env .*$", text, re.MULTILINE).group(0)
    (tmp_path / "inventory.yml").write_text("matrix: {hosts: {matrix1: }}\n", encoding="utf-8")
    (tmp_path / "environment.sh").write_text(
        'export "DOMAIN=example.com"\nexport "SMTPPASS=secret"\n', encoding="utf-8"
    )
    done = subprocess.run(
        shlex.split(command),
        env={**ENVIRONMENT, "PWD": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    files = re.findall("`(host_vars/[a-z0-9/.]+)`", text)
    assert len(files) == 2
    assert all((tmp_path / name).is_file() for name in files)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_playbooks_that_are_mentioned_exist(page):
    text = page.read_text(encoding="utf-8")
    names = set(re.findall(r"potluck\.matrix\.([a-z_]+)", text))
    plugins = {path.stem for path in TOP.glob("plugins/*/*.py")}
    assert names <= set(PLAYBOOKS) | set(ROLES) | plugins


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_playbooks_have_no_syntax_error(controller, playbook):
    (controller / "syntax.yml").write_text("matrix: {hosts: {matrix1: }}\n", encoding="utf-8")
    done = subprocess.run(
        ["ansible-playbook", "-i", str(controller / "syntax.yml"), "--syntax-check", "potluck.matrix." + playbook],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr


# -- links, tables, the diagram


def anchors(page):
    titles = re.findall(
        r"^#+ (.*)$",
        re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL),
        re.MULTILINE,
    )
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(
    "page", [*PAGES, *sorted(TOP.glob("docs/roles/*.md"))], ids=lambda path: str(path.relative_to(TOP))
)
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if re.match("https?://", target):
            continue
        path, _hash, anchor = target.partition("#")
        found = (page.parent / path) if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


def test_every_page_is_linked_from_the_readme():
    text = (TOP / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in TOP.glob("docs/*.md") if f"(docs/{page.name})" not in text] == []


def test_the_diagram_shows_every_role():
    diagrams = [text for name, text in blocks("mermaid") if name.startswith("README.md")]
    assert len(diagrams) == 1
    words = set(re.findall(r"[a-z_]+", re.sub(r"\[.*?\]|\|.*?\|", "", re.sub(r"-\. .*? \.-", " ", diagrams[0]))))
    assert words - {"flowchart", "subgraph", "end", "inventory", "host", "pot", "dataset"} == set(ROLES)


def parameter_table():
    rows = re.findall(r"^\| ([A-Z, ]+) \| (`[^|]+`) \|", (TOP / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    found = {}
    for names, variables in rows:
        found.update(zip(names.split(", "), re.findall(r"`(\w+)`", variables)))
    return found


def test_the_parameter_table_has_exactly_potlucks_parameters():
    assert parameter_table() == potluck_env.PARAMETERS
    assert len(potluck_env.PARAMETERS) == 21


def test_the_playbook_table_has_every_playbook():
    rows = re.findall(r"^\| `potluck\.matrix\.(\w+)` \|", (TOP / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == PLAYBOOKS


def test_generated_pages_are_what_the_generator_writes():
    generated = load(TOP / "docs/generate.py").pages()
    written = [TOP / "docs/variables.md", *TOP.glob("docs/roles/*.md"), *TOP.glob("roles/*/README.md")]
    assert sorted(generated) == sorted(written)
    assert {path.name for path in TOP.glob("roles/*")} == {path.parent.name for path in TOP.glob("roles/*/README.md")}
    for path, text in generated.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run python docs/generate.py"


def test_the_page_of_all_variables_has_all():
    rows = re.findall(
        r"^\| `(matrix_\w+)` \| (.+?) \| (.+?) \| (.+?) \|$",
        (TOP / "docs/variables.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    used = {
        name
        for path in [*TOP.glob("roles/*/defaults/main.yml"), *TOP.glob("playbooks/*.yml")]
        for name in re.findall(r"(?<!\w)matrix_\w+", path.read_text(encoding="utf-8"))
    }
    assert sorted(row[0] for row in rows) == sorted(set(vocabulary.documented()))
    assert set(_preflight.VARIABLES) | used == set(vocabulary.documented())


# -- ansible-doc


def plugin_names():
    kinds = {
        "modules": "module",
        "filter": "filter",
        "become": "become",
        "connection": "connection",
        "inventory": "inventory",
        "callback": "callback",
        "lookup": "lookup",
    }
    for folder, kind in kinds.items():
        names = sorted(path.stem for path in (TOP / "plugins" / folder).glob("*.py") if path.stem != "__init__")
        if names:
            yield pytest.param(kind, names, id=kind)
    yield pytest.param("role", ROLES, id="role")


@pytest.mark.parametrize("kind, names", list(plugin_names()))
def test_ansible_doc_knows_everything(kind, names):
    wanted = ["potluck.matrix." + name for name in names]
    done = subprocess.run(
        ["ansible-doc", "-t", kind, "--json", *wanted], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert sorted(found) == wanted
    assert all("error" not in document for document in found.values())


def test_action_plugins_are_documented_as_modules():
    actions = {path.stem for path in Path(site_preflight.__file__).parent.glob("*.py")} - {"__init__"}
    assert actions <= {path.stem for path in (TOP / "plugins/modules").glob("*.py")}
