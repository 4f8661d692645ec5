# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state that a homeserver is in, said in the way in which playbooks usually say it: one task of ansible-core's own
modules for each dataset, package, file, directory, variable, service, account and page.

What there is to say comes from the modules that a run of site has executed, so that nothing is said that the roles do
not look after, and each thing once. Where ansible-core has no module of the kind (for datasets, pots and packages) the
task is the command that looks. What is not there on purpose takes no task, nor does what a play's facts tell (mounts,
free space); of what ansible-core cannot ask (mail, a directory, a certificate) it is asked whether it listens.
"""

from __future__ import annotations

import base64
import functools
import json
from pathlib import Path
from urllib.parse import urlsplit

PYTHON = "/usr/local/bin/python3.11"
POT = "/usr/local/bin/pot"
ON_THE_HOST, IN_THE_POT, FROM_OUTSIDE = "ssh", "potluck.matrix.pot", "local"
# Prints {path: [mode, owner, group, content in Base64]} of those paths that exist; a directory has no content.
READ = """
import base64, grp, json, os, pwd, stat, sys
found = {}
for path in filter(os.path.exists, json.load(sys.stdin)):
    status = os.stat(path)
    content = None
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as stream:
            content = base64.b64encode(stream.read()).decode()
    found[path] = ["%04o" % stat.S_IMODE(status.st_mode), pwd.getpwuid(status.st_uid).pw_name,
                   grp.getgrgid(status.st_gid).gr_name, content]
print(json.dumps(found))
"""


class Homeserver:
    """What the modules of a run look after on one homeserver.

    domain: its name; address: where it answers; operations: as the callback list_operations writes them.
    """

    def __init__(self, domain, address, operations):
        self.domain, self.address = domain, address
        # {where: {what identifies it: task}}
        self.tasks = {ON_THE_HOST: {}, IN_THE_POT: {}, FROM_OUTSIDE: {}}
        # {where: {path: whether its content is given}} and {where: {path: {variable}}}, which are said as they are.
        self.files = {ON_THE_HOST: {}, IN_THE_POT: {}}
        self.variables = {ON_THE_HOST: {}, IN_THE_POT: {}}
        # What no module of the run says: raw commands and a command for the pot that is executed on the host.
        self.packages(ON_THE_HOST, ["pot", "python311"])
        self.packages(IN_THE_POT, ["python311"])
        self.file(IN_THE_POT, "/etc/resolv.conf")
        for each in operations:
            name = each["module"].rpartition(".")[2]
            if name not in ("command", "role_preflight", "site_preflight"):
                getattr(self, "of_" + name)(each["connection"], each["arguments"])

    def add(self, where, key, module, options, **keywords):
        self.tasks[where].setdefault(key, {f"ansible.builtin.{module}": options, **keywords})

    def look(self, where, *argv, **keywords):
        self.add(where, " ".join(argv), "command", {"argv": argv}, changed_when=False, **keywords)

    def file(self, where, path, given=True):
        self.files[where][path] = given or self.files[where].get(path, False)

    def packages(self, where, names):
        for name in names:
            self.look(where, "/usr/sbin/pkg", "info", "-e", name)

    def lines(self, where, path, names):
        self.variables[where].setdefault(path, {}).update(dict.fromkeys(names))

    # --- the host ---

    def of_zfs_dataset(self, where, options):
        self.look(where, "/sbin/zfs", "list", "-H", options["name"])
        properties = ["mountpoint", *options.get("properties", {})]
        if options.get("homeserver"):
            properties.append("potluck.matrix:homeserver")
        for name in properties:
            self.look(where, "/sbin/zfs", "get", "-H", name, options["name"])
        if options.get("mode"):
            self.file(where, options["mountpoint"], given=False)

    def of_pot_host(self, where, options):
        # Without one here the interface of the default route is written.
        self.lines(where, "/usr/local/etc/pot/pot.conf", ["POT_EXTIF", *options.get("settings", {})])
        self.lines(where, "/etc/rc.conf", options.get("rc_variables", {}))

    def of_pot(self, where, options):
        name = options["name"]
        self.look(where, POT, "info", "-q", "-p", name)
        self.look(where, POT, "info", "-q", "-r", "-p", name)
        for attribute in options.get("attributes", {}):
            spelled = {"start_at_boot": "start-at-boot"}.get(attribute, attribute)
            self.look(where, POT, "get-attr", "-q", "-p", name, "-A", spelled)
        for mount in options.get("mounts", []):
            self.look(where, "/usr/bin/grep", "-q", mount["source"], f"/opt/pot/jails/{name}/conf/fscomp.conf")

    # --- the pot ---

    def of_pkg(self, where, options):
        for names in (options.get("name", []), *options.get("parts", {}).values()):
            self.packages(where, names)

    def of_file_set(self, where, options):
        for entry in options["files"]:
            if entry.get("state") != "absent":
                self.file(where, entry["path"], given=entry.get("state") != "directory")
        for path in options.get("look_for", []):
            self.file(where, path, given=False)

    of_synapse_config = of_file_set

    def of_trusted_certificate(self, where, options):
        if options.get("state") != "absent":
            self.file(where, options["path"])

    def of_synapse_data(self, where, options):
        made = ["signing.key", "secrets", *(f"secrets/{name}" for name in options["secrets"])]
        for path in (
            *(each["path"] for each in options["directories"]),
            *(f"{options['path']}/{name}" for name in made),
        ):
            self.file(where, path, given=False)

    def of_certificate(self, where, options):
        if options["state"] != "prepared":
            return
        settings = options["settings"]
        self.file(where, options["program"])
        for name in ("", "/fullchain.pem", "/privkey.pem"):
            self.file(where, settings["directory"] + name, given=False)
        if settings["mode"] == "acme":
            for name in ("home", "webroot", "log"):
                self.file(where, settings["acme"][name], given=False)
            if settings["acme"].get("ca_certificate"):
                self.file(where, settings["acme"]["ca_file"])

    def of_rc_service(self, where, options):
        self.service(where, options["name"])
        if options.get("instead_of"):
            self.service(where, options["instead_of"], enabled=False, state="stopped")
        self.lines(where, "/etc/rc.conf", options.get("variables", {}))

    def service(self, where, name, **options):
        self.add(where, f"service {name}", "service", {"name": name, "enabled": True, "state": "started", **options})

    def of_user(self, where, options):
        self.add(where, f"user {options['name']}", "user", options)

    def of_group(self, where, options):
        self.add(where, f"group {options['name']}", "group", options)

    def of_synapse_accounts(self, _where, options):
        for each in options["accounts"]:
            account = each["name"] if each["name"].startswith("@") else f"@{each['name']}:{self.domain}"
            self.page(FROM_OUTSIDE, {"target": f"https://{self.domain}/_matrix/client/v3/profile/{account}"})

    def of_ldap_bind_info(self, where, options):
        self.listens(where, urlsplit(options["uris"][0]).netloc)

    # --- what is proven ---

    def of_probe_info(self, where, options):
        for check in options["checks"]:
            kind = check["kind"]
            # Of a part that is off, whether it has left something.
            if "variable" not in check:
                continue
            if kind == "http":
                self.page(where, check)
            elif kind == "service":
                self.service(where, check["target"])
            elif kind == "file":
                self.file(where, check["target"], given=False)
            elif kind == "command":
                self.look(where, *check["argv"], environment=check.get("environment", {}))
            elif kind == "ldap":
                self.of_ldap_bind_info(where, check["ldap"])
            elif kind in ("tcp", "certificate", "smtp", "closed"):
                self.listens(where, check["target"].split()[0], "stopped" if kind == "closed" else "started")

    def listens(self, where, target, state="started"):
        host, _colon, port = target.rpartition(":")
        # A port alone is one of each of its addresses.
        host = self.address if host in (self.domain, "") else host
        options = {"host": host, "port": int(port), "state": state, "timeout": 10}
        self.add(where, f"{state} {host}:{port}", "wait_for", options)

    def page(self, where, check):
        address = urlsplit(check["target"])
        url, headers = check["target"], dict(check.get("headers", {}))
        if address.hostname == self.domain:
            # The module knows no other address of a server than that of its name.
            url = url.replace(address.hostname, self.address, 1)
            headers["Host"] = self.domain
        options = {"url": url, "headers": headers, "status_code": check.get("status", [200]), "validate_certs": False}
        if check.get("socket"):
            options["unix_socket"] = check["socket"]
        if check.get("user"):
            options |= {"url_username": check["user"], "url_password": check["password"], "force_basic_auth": True}
        self.add(where, f"page {url}", "uri", options)


def add_files(homeserver, where, place, inside):
    """Add the tasks for the files of the host or the pot, and for variables in them; contents are put in a directory.

    inside: runs a command there.
    """
    variables = homeserver.variables[where]
    paths = json.dumps([*homeserver.files[where], *variables])
    found = json.loads(inside(PYTHON, "-c", READ, input=paths).stdout)
    for path, given in homeserver.files[where].items():
        # What may be there or not, such as a key that a package makes when it is asked.
        if path not in found and not given:
            continue
        mode, owner, group, content = found[path]
        options = {"mode": mode, "owner": owner, "group": group}
        if given:
            source = place / (where + path.replace("/", "-"))
            source.touch(mode=0o600)
            source.write_bytes(base64.b64decode(content))
            homeserver.add(where, path, "copy", {**options, "src": str(source), "dest": path})
        else:
            state = "directory" if content is None else "file"
            homeserver.add(where, path, "file", {**options, "path": path, "state": state})
    for path, names in variables.items():
        lines = base64.b64decode(found[path][3]).decode().splitlines()
        for name in names:
            (line,) = [line for line in lines if line.startswith(name + "=")]
            options = {"path": path, "regexp": f"^{name}=", "line": line}
            homeserver.add(where, f"{path} {name}", "lineinfile", options)


def write(place, machine, name, homeserver):
    """Write the playbook for one Homeserver, deployed already; its path.

    machine: the Deployment that it is on; name: of the homeserver in the inventory and of its pot.
    """
    place = Path(place) / "stock"
    place.mkdir(mode=0o700, exist_ok=True)
    add_files(homeserver, ON_THE_HOST, place, machine.inside)
    add_files(homeserver, IN_THE_POT, place, functools.partial(machine.inside, pot=name))
    ways = {
        ON_THE_HOST: {"ansible_python_interpreter": PYTHON},
        IN_THE_POT: {
            "ansible_python_interpreter": PYTHON,
            "ansible_connection": "potluck.matrix.pot",
            "ansible_pot_name": name,
        },
        FROM_OUTSIDE: {
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "ansible_connection": "local",
        },
    }
    plays = [
        {
            "hosts": name,
            "gather_facts": where != FROM_OUTSIDE,
            "vars": variables,
            "tasks": [{"name": key, **task} for key, task in homeserver.tasks[where].items()],
        }
        for where, variables in ways.items()
    ]
    path = place / "stock.yml"
    path.touch(mode=0o600)
    path.write_text(json.dumps(plays, indent=1), encoding="utf-8")
    return path
