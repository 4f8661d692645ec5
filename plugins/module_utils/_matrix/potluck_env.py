# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the environment of a Potluck matrix-synapse jail and says what it is in this collection's variables."""

from __future__ import annotations

import dataclasses
import re
import typing as t

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What pot sets in the environment file itself.
_POTS_OWN = re.compile(r"_POT_|POT_|PATH$|HOME$|SHELL$|PWD$|TERM$|LANG$")
_LOOKS_FALSE = ("false", "no", "off", "0", "none", "n", "f")
# The words Synapse's own reader of booleans takes.
_TRUE = ("y", "yes", "t", "true", "on", "1")
_FALSE = ("n", "no", "f", "false", "off", "0")

# Potluck's parameter → our variable; the secret ones go to a file of their own.
PARAMETERS = {
    "DATACENTER": "matrix_datacenter",
    "CONSULSERVERS": "matrix_consul_servers",
    "GOSSIPKEY": "matrix_gossip_key",
    "NODENAME": "matrix_node_name",
    "IP": "matrix_ip",
    "DOMAIN": "matrix_domain",
    "ALERTEMAIL": "matrix_alert_email",
    "REGISTRATIONENABLE": "matrix_registration_enable",
    "MYSHAREDSECRET": "matrix_shared_secret",
    "SMTPHOST": "matrix_smtp_host",
    "SMTPPORT": "matrix_smtp_port",
    "SMTPUSER": "matrix_smtp_user",
    "SMTPPASS": "matrix_smtp_password",
    "SMTPFROM": "matrix_smtp_from",
    "SSLEMAIL": "matrix_ssl_email",
    "LDAPSERVER": "matrix_ldap_server",
    "LDAPPASSWORD": "matrix_ldap_password",
    "LDAPDOMAIN": "matrix_ldap_domain",
    "CONTROLUSER": "matrix_control_user",
    "NOSSL": "matrix_nossl",
    "REMOTELOG": "matrix_remote_log",
}
SECRETS = ("matrix_gossip_key", "matrix_shared_secret", "matrix_smtp_password", "matrix_ldap_password")
# Potluck's image does not configure itself without these (its README).
REQUIRED = (
    *("DATACENTER", "CONSULSERVERS", "GOSSIPKEY", "MYSHAREDSECRET", "SMTPHOST", "SMTPUSER", "SMTPPASS", "SMTPFROM"),
    *("SSLEMAIL", "LDAPSERVER", "LDAPPASSWORD", "LDAPDOMAIN"),
)


@dataclasses.dataclass
class Environment:
    """What a text held: the variables, the pot's own settings in our variables, and what a reader should know."""

    variables: dict[str, str] = dataclasses.field(default_factory=dict)
    pot: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    warnings: list[str] = dataclasses.field(default_factory=list)

    def add(self, assignment: str, expands: bool, where: str) -> None:
        """Take one NAME=VALUE, as the pot's shell had it in the end."""
        name, equals, value = assignment.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise ValueError(f"{where} is not of the form NAME=VALUE.")
        if expands and name in PARAMETERS:
            self.warnings.append(
                f'{name} holds a "$" or a backquote that the pot\'s shell replaced by something else; the text is '
                "imported as it is written; check it."
            )
        self.variables[name] = value


def double_quoted(text: str) -> tuple[str, bool]:
    """What sh makes of a text between double quotes: (the value, whether it would have expanded a part that stays here
    as it is).
    """
    value = re.sub(r'\\([$`"\\\n])', lambda match: "" if match.group(1) == "\n" else match.group(1), text)
    return value, bool(re.search(r"(?:^|[^\\])(?:\\\\)*(?:`|\$[A-Za-z0-9_{(@*#?$!-])", text))


def commands(text: str) -> list[list[tuple[str, bool]]]:
    """The simple commands of a sh script, each a list of (word, whether it holds an expansion). Raises ValueError.

    Enough of the shell for lists of commands and assignments; nothing is expanded.
    """
    found: list[list[tuple[str, bool]]] = [[]]
    word: str | None = None
    expands = False
    position = 0

    def end_word() -> None:
        nonlocal word, expands
        if word is not None:
            found[-1].append((word, expands))
        word, expands = None, False

    while position < len(text):
        character = text[position]
        line = text.count("\n", 0, position) + 1
        if text.startswith("\\\n", position):
            position += 2
        elif character in "\n;&|":
            end_word()
            if found[-1]:
                found.append([])
            position += 1
        elif character in " \t\r":
            end_word()
            position += 1
        elif character == "#" and word is None:
            position = text.find("\n", position) if "\n" in text[position:] else len(text)
        elif character == "'":
            end = text.find("'", position + 1)
            if end < 0:
                raise ValueError("The quote of line %d is never closed." % line)
            word, position = (word or "") + text[position + 1 : end], end + 1
        elif character == '"':
            quoted = re.compile(r'(?:[^"\\]|\\.)*"', re.DOTALL).match(text, position + 1)
            if not quoted:
                raise ValueError("The quote of line %d is never closed." % line)
            part, part_expands = double_quoted(text[position + 1 : quoted.end() - 1])
            word, expands, position = (word or "") + part, expands or part_expands, quoted.end()
        elif character == "\\" and position + 1 < len(text):
            word, position = (word or "") + text[position + 1], position + 2
        else:
            expands = (
                expands or character == "`" or bool(re.match(r"\$[A-Za-z0-9_{(@*#?$!-]", text[position : position + 2]))
            )
            word, position = (word or "") + character, position + 1
    end_word()
    return [command for command in found if command]


def read(text: str, pot: str | None = None) -> Environment:
    """Read an environment in any of its three forms: C(pot set-env) commands, a pot's environment.sh, a pot.conf.

    pot: whose commands to take, if they are for several. Raises ValueError with a sentence; no value is in it.
    """
    if re.search(r"^pot\.env=", text, re.MULTILINE):
        return _read_pot_conf(text)
    found = commands(text)
    if any("set-env" in [word for word, _expands in command] for command in found):
        return _read_arguments([command for command in found if "set-env" in [word for word, _expands in command]], pot)
    if any(re.match("-E", word) for command in found for word, _expands in command):
        return _read_arguments(found, pot)
    return _read_exports(found)


def _read_pot_conf(text: str) -> Environment:
    found = Environment()
    settings = {}
    for number, line in enumerate(text.splitlines(), 1):
        key, _equals, value = line.partition("=")
        if key == "pot.env":
            stripped = re.fullmatch(r'"(.*)"', value)
            found.add(*double_quoted(stripped.group(1) if stripped else value), "Line %d" % number)
        elif key in ("network_type", "bridge", "ip", "pot.export.ports"):
            settings[key] = value.replace('"', "").strip()
    if settings.get("network_type") in ("inherit", "alias", "public-bridge", "private-bridge"):
        found.pot["matrix_pot_network_type"] = settings["network_type"]
    if settings.get("network_type") == "private-bridge" and settings.get("bridge"):
        found.pot["matrix_pot_bridge"] = settings["bridge"]
    interfaces = {part.partition("|")[0] for part in settings.get("ip", "").split() if "|" in part}
    if settings.get("network_type") == "alias" and len(interfaces) == 1:
        found.pot["matrix_pot_interface"] = interfaces.pop()
    if "bridge" in settings.get("network_type", "") and settings.get("pot.export.ports"):
        found.pot["matrix_pot_exported_ports"] = settings["pot.export.ports"].split()
    return found


def _read_arguments(found: list[list[tuple[str, bool]]], pot: str | None) -> Environment:
    """set-env replaces the whole environment of a pot, so the last command of a pot is the one that counts."""
    environments: dict[str, Environment] = {}
    for command in found:
        name, assignments = "", []
        words = iter(command)
        for word, expands in words:
            flag, attached = word[:2], word[2:]
            if flag not in ("-E", "-p"):
                continue
            argument, expands = (attached, expands) if attached else next(words, ("", False))
            if flag == "-p":
                name = argument
            else:
                assignments.append((argument, expands))
        environment = environments[name] = Environment()
        for number, (assignment, expands) in enumerate(assignments, 1):
            # pot stores the argument with its double quotes escaped, and the pot's shell reads it between double
            # quotes.
            value, later = double_quoted(assignment.replace('"', '\\"'))
            environment.add(value, expands or later, "Argument %d of -E" % number)
        if name:
            environment.pot["matrix_pot_name"] = name
    if pot:
        environments = {name: environment for name, environment in environments.items() if name == pot}
    if not environments:
        raise ValueError(f"No set-env command for the pot {pot} is in the file.")
    if len(environments) > 1:
        raise ValueError(
            "The file sets the environment of several pots ({}); name the one to import.".format(
                ", ".join(sorted(environments))
            )
        )
    return environments.popitem()[1]


def _read_exports(found: list[list[tuple[str, bool]]]) -> Environment:
    environment = Environment()
    for command in found:
        words = command[1:] if command[0][0] == "export" else command
        for word, expands in words:
            name = word.partition("=")[0]
            # A script may hold other commands; only assignments matter.
            if "=" in word and _NAME.fullmatch(name):
                environment.add(word, expands, "An assignment")
    return environment


def convert(environment: Environment) -> tuple[dict[str, t.Any], dict[str, str], list[str]]:
    """(variables, secrets, warnings) of this collection for a Potluck environment, doing what Potluck's jail did with
    it.

    Potluck takes an empty value for none. NOSSL and CONTROLUSER count as yes with any value, V(false) included. Raises
    ValueError when there is no parameter of Potluck at all.
    """
    given = {name: value for name, value in environment.variables.items() if name in PARAMETERS and value}
    if not given:
        raise ValueError("There is no parameter of Potluck's matrix-synapse jail in the file.")
    warnings = list(environment.warnings)
    values: dict[str, t.Any] = {}
    for name, variable in PARAMETERS.items():
        if name in given:
            values[variable] = _value(name, given, warnings)
    values = {variable: value for variable, value in values.items() if value is not None}
    foreign = sorted(name for name in environment.variables if name not in PARAMETERS and not _POTS_OWN.match(name))
    if foreign:
        warnings.append(
            "Not imported, since Potluck's matrix-synapse does not know them: {}.".format(", ".join(foreign))
        )
    if "LDAPSERVER" in given:
        warnings.append(
            "LDAPSERVER: Potluck's jail spoke plain LDAP; here STARTTLS is the default, matrix_ldap_tls: none is the "
            "old way."
        )
        warnings.append(
            "LDAPSERVER: Potluck's jail read mail addresses from the attribute email; here it is mail, see "
            "matrix_ldap_attribute_mail."
        )
    variables = {name: value for name, value in values.items() if name not in SECRETS}
    variables.update(environment.pot)
    return variables, {name: value for name, value in values.items() if name in SECRETS}, warnings


def _value(name: str, given: dict[str, str], warnings: list[str]) -> t.Any:
    """One parameter as our variable has it; None to leave the variable out."""
    value = given[name]
    if name in ("NOSSL", "CONTROLUSER"):
        if value.lower() in _LOOKS_FALSE:
            warnings.append(
                f'{name} is "{value}", which Potluck\'s jail takes for yes; imported as true, as Potluck does. Set '
                f"{PARAMETERS[name]} to false if no is meant."
            )
        if name == "CONTROLUSER":
            warnings.append(
                "CONTROLUSER: the SSH key is not part of the environment; give it in matrix_control_user_key."
            )
        return True
    if name == "REGISTRATIONENABLE":
        if value.lower() in _TRUE:
            warnings.append(
                "REGISTRATIONENABLE: Synapse needs a verification for open registration; choose one in "
                "matrix_registration_verification."
            )
        elif value.lower() not in _FALSE:
            warnings.append(
                "REGISTRATIONENABLE is neither true nor false, and Synapse did not start with it; imported as false."
            )
        return value.lower() in _TRUE
    if name == "SMTPPORT" and re.fullmatch("[0-9]{1,5}", value):
        return int(value)
    if name == "SSLEMAIL" and value.lower() == "none":
        return None
    if name == "LDAPDOMAIN" and value.count(".") != 1:
        warnings.append(
            "LDAPDOMAIN: Potluck's jail searched below the last two labels only; here the base is made of all of them. "
            "matrix_ldap_base sets another one."
        )
    return value


def image_environment(values: dict[str, t.Any]) -> dict[str, str]:
    """What Potluck's image is told of our variables. It knows values and nothing in between: what is empty is left out.

    values: those of PARAMETERS, except that matrix_tls_mode stands for matrix_nossl; lists of servers as lists.
    """
    nossl = values["matrix_tls_mode"] == "none"
    found = {name: values[variable] for name, variable in PARAMETERS.items() if name != "NOSSL"}
    for name in ("CONSULSERVERS", "LDAPSERVER"):
        found[name] = ",".join([found[name]] if isinstance(found[name], str) else found[name])
    # Any value of these two means yes, "false" as well.
    found["NOSSL"] = "true" if nossl else ""
    found["CONTROLUSER"] = "true" if found["CONTROLUSER"] else ""
    found["REGISTRATIONENABLE"] = "true" if found["REGISTRATIONENABLE"] else "false"
    if nossl:
        found["SSLEMAIL"] = "none"
    return {name: str(value) for name, value in found.items() if value not in (None, "")}


def yaml_text(value: t.Any) -> str:
    """A value as one line of YAML; a text that looks like a template is marked so that Ansible leaves it alone."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[{}]".format(", ".join(yaml_text(part) for part in value))
    quoted = "".join(_yaml_character(character) for character in value)
    return '{}"{}"'.format("!unsafe " if re.search(r"\{[{%#]", value) else "", quoted)


def _yaml_character(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
