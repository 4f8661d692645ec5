# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a page for each role from its argument_specs, which stay the one source of option documentation, and one of all variables.

Run as ``python docs/generate.py``; a test fails when a page is not what this writes.
"""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path

import yaml

TOP = Path(__file__).parent.parent

# What no role's option says, or not in the words of somebody who writes an inventory: the meaning of a variable, ...
MEANINGS = {
    "matrix_accounts": "Accounts that have to exist: [accounts](accounts.md).",
    "matrix_alert_email": "Mail address of the admin contact, which users who hit a limit are told.",
    "matrix_control_user": "Whether there is an account for people in the jail, and sshd: [an account for people](neighbours.md#an-account-for-people).",
    "matrix_control_user_key": "SSH public key of that account, or several, one in a line.",
    "matrix_control_user_name": "Name of that account.",
    "matrix_hosts": "The hosts and groups of the inventory that a playbook works on; given with `-e`.",
    "matrix_image": "Potluck's image to run: [coming from Potluck](coming-from-potluck.md#potlucks-own-image).",
    "matrix_ip": "Address of the jail, at which all of its services listen; with `inherit` that of the machine.",
    "matrix_ldap_proxy_port": "Port of the LDAP proxy in the jail.",
    "matrix_nossl": "Whether the jail has no certificate, because a proxy terminates TLS: [behind a proxy](behind-a-proxy.md).",
    "matrix_python_version": "Python on the machine and in the pot, and the one that Synapse's packages are built for.",
    "matrix_serial": "How many servers are upgraded at a time; given with `-e`.",
}
# ... and its default, where that is more than a value.
DEFAULTS = {
    "matrix_accounts": "none",
    "matrix_alertmanager_url": "port 9093 of `matrix_remote_log`; none without",
    "matrix_dataset_mountpoint": "`/mnt/` and the last part of `matrix_dataset`",
    "matrix_hosts": "`matrix`",
    "matrix_image": "required by `potluck_image`",
    "matrix_ldap_base": "`ou=People` below `matrix_ldap_domain`",
    "matrix_ldap_bind_dn": "`cn=Manager` below `matrix_ldap_domain`",
    "matrix_ldap_port": "`389`; `636` with `ldaps`",
    "matrix_node_name": "first label of the inventory name",
    "matrix_nossl": "`false`",
    "matrix_pot_extif": "the configured one, else that of the default route",
    "matrix_pot_interface": "pot's outside interface",
    "matrix_pot_name": "the inventory name, dots as hyphens",
    "matrix_pot_release": "that of the pot; of a new one, the machine's",
    "matrix_remote_log_port": "`514`; `6514` with `tls`",
    "matrix_serial": "`1`",
    "matrix_shared_secret": "generated and kept on the dataset",
    "matrix_tls_mode": "`acme`; `none` with `matrix_nossl`",
    "matrix_verify_address": "`matrix_ip` with `alias`, else `ansible_host`",
}
NAME = re.compile(r"(?<![A-Za-z0-9_])matrix_[a-z0-9_]+")


def markdown(text):
    """Turn Ansible's semantic markup (``O(main:x)``, ``V(x)``, ``C(x)``, ``M(x)``, ``P(x#kind)``) into Markdown."""
    text = re.sub(r"\bP\(([^)#]+)#\w+\)", r"`\1`", text)
    return re.sub(r"\b[OVCM]\((?:\w+:)?([^)]*(?:\([^)]*\))?[^)]*)\)", r"`\1`", text)


def paragraphs(description):
    return [markdown(text) for text in ([description] if isinstance(description, str) else description)]


def value(default):
    """Return a value on one line."""
    text = default if isinstance(default, str) and default else yaml.safe_dump(default, default_flow_style=True, width=math.inf).removesuffix("...\n")
    return " ".join(text.split())


def option_lines(name, option, depth):
    kind = option["type"] + (" of " + option["elements"] if "elements" in option else "")
    facts = [kind, "required" if option.get("required") else None]
    if "choices" in option:
        facts.append("one of " + ", ".join("`%s`" % choice for choice in option["choices"]))
    if "default" in option:
        facts.append("default `%s`" % value(option["default"]))
    indent = "  " * depth
    yield "%s- `%s` (%s)  " % (indent, name, "; ".join(fact for fact in facts if fact))
    for text in paragraphs(option["description"]):
        yield "%s  %s" % (indent, text)
    for child, suboption in option.get("options", {}).items():
        yield from option_lines(child, suboption, depth + 1)


def page(role):
    """Return the Markdown page of the role directory ``role``."""
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]
    lines = ["<!-- Written by docs/generate.py from roles/%s/meta/argument_specs.yml -->" % role.name, "# Role `potluck.matrix.%s`" % role.name]
    for entry, spec in specs.items():
        if entry != "main":
            lines += ["", "## Entry point `%s`" % entry]
        lines += ["", "**%s.**" % spec["short_description"], ""]
        for text in paragraphs(spec["description"]):
            lines += [text, ""]
        if spec.get("options"):
            lines += ["### Options", ""]
            for name, option in spec["options"].items():
                lines += option_lines(name, option, 0)
    return "\n".join(lines).rstrip() + "\n"


def roles():
    return sorted(role for role in (TOP / "roles").iterdir() if role.is_dir())


def checked_variables():
    """Return the names of all variables that the check of the inventory knows one by one, and of those that it requires."""
    found = {}
    for statement in ast.parse((TOP / "plugins/plugin_utils/_preflight.py").read_text()).body:
        target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0] if isinstance(statement, ast.Assign) else None
        if isinstance(target, ast.Name):
            found[target.id] = statement.value
    return [key.value for key in found["VARIABLES"].keys], ast.literal_eval(found["_REQUIRED"])


def variable_default(name, template):
    """Return the default that a role's option gives to the variable it is taken from, in Markdown."""
    literal = re.match(r"\{\{ %s \| default\(('[^']*'|[0-9]+|true|false|\[[^]]*\]|\{\})(, true)?\) \}\}$" % name, template)
    if not literal:
        raise SystemExit("%s: say in DEFAULTS of docs/generate.py what the default is: %s" % (name, template))
    default = yaml.safe_load(literal.group(1))
    return "none" if default in ("", [], {}) else "`%s`" % value(default)


def variable_page():
    """Return the Markdown page of all variables that are not a role's own."""
    checked, required = checked_variables()
    options, users = {}, {}
    for role in roles():
        specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]
        for option, template in (yaml.safe_load((role / "defaults/main.yml").read_text()) or {}).items():
            for name in NAME.findall(str(template)):
                users.setdefault(name, []).append(role.name)
            direct = re.match(r"\{\{ (matrix_\w+)", str(template))
            if direct and option in specs["main"]["options"]:
                options.setdefault(direct.group(1), (option, template, specs["main"]["options"][option]))
        for path in [*role.glob("vars/*"), *role.glob("tasks/*"), *role.glob("templates/*")]:
            # Not where a message names one.
            for name in NAME.findall(" ".join(re.findall(r"\{[{%].*?[%}]\}|^ *(?:when|that): .*?$", path.read_text(), re.MULTILINE | re.DOTALL))):
                users.setdefault(name, []).append(role.name)
    playbooks = {path.stem: NAME.findall(path.read_text()) for path in sorted((TOP / "playbooks").glob("*.yml"))}
    names = {option: name for name, (option, _template, _spec) in options.items()}
    lines = [
        "<!-- Written by docs/generate.py from plugins/plugin_utils/_preflight.py and the roles -->",
        "# All variables",
        "",
        "What an inventory can say. More options of the single parts stand on the [pages of the roles](roles/), where each variable below is",
        "explained further. [First server](first-server.md) shows what is needed at least.",
        "",
        "| variable | default | meaning | used by |",
        "|---|---|---|---|",
    ]
    for name in sorted({*checked, *options, *MEANINGS}):
        _option, template, spec = options.get(name, (None, None, {}))
        meaning = MEANINGS.get(name) or re.match(r".*?[.](?= |$)", paragraphs(spec["description"])[0]).group(0)
        choices = [choice for choice in spec.get("choices", []) if choice != "" and "`%s`" % choice not in meaning]
        if choices:
            meaning += " One of %s." % ", ".join("`%s`" % choice for choice in spec["choices"] if choice != "")
        meaning = re.sub(r"`(\w+)`", lambda match: "`%s`" % names.get(match.group(1), match.group(1)), meaning)
        default = "required" if name in required else DEFAULTS.get(name) or variable_default(name, template)
        used = ["[%s](roles/%s.md)" % (role, role) for role in sorted(set(users.get(name, [])))]
        used = used or ["`%s`" % playbook for playbook, mentioned in playbooks.items() if name in mentioned]
        lines.append("| %s |" % " | ".join(("`%s`" % name, default, meaning, ", ".join(used))))
    return "\n".join(lines) + "\n"


def pages():
    """Return ``{path: text}`` of all generated pages."""
    return {TOP / "docs/variables.md": variable_page(), **{TOP / "docs/roles" / (role.name + ".md"): page(role) for role in roles()}}


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
