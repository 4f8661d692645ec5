# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Potluck's environments read back, whatever form they have; and what becomes of each parameter."""

from __future__ import annotations

import shlex
import subprocess

import pytest
import yaml
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import potluck_env
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.sampled_from(sorted(potluck_env.PARAMETERS))
VALUES = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=30)
ENVIRONMENTS = st.dictionaries(NAMES, VALUES, min_size=1)


def literal(value):
    """A value written so that pot's and the jail's shell leave it alone."""
    for character in "\\$`":
        value = value.replace(character, "\\" + character)
    return value


def stored(name, value):
    """What pot writes behind pot.env= and, after export, into environment.sh."""
    return '"{}={}"'.format(name, literal(value).replace('"', '\\"'))


@given(ENVIRONMENTS)
def test_every_form_of_one_environment(variables):
    arguments = " \\\n  ".join("-E " + shlex.quote(f"{name}={literal(value)}") for name, value in variables.items())
    texts = [
        f"pot set-env -p matrix {arguments}\n",
        arguments,
        "".join(f"export {stored(name, value)}\n" for name, value in variables.items()),
        "pot.level=0\n"
        + "".join(f"pot.env={stored(name, value)}\n" for name, value in variables.items())
        + "network_type=alias\n",
        "".join(f"pot.env={stored(name, value)[1:-1]}\n" for name, value in variables.items()),
    ]
    for text in texts:
        found = potluck_env.read(text)
        assert found.variables == variables and found.warnings == []


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r"), max_size=60))
def test_words_are_those_of_the_shell(text):
    line = "\n".join("printf '<%s>' " + shlex.quote(part) for part in text.split("\n"))
    assert [word for word, _expands in potluck_env.commands(line)[0]][:2] == ["printf", "<%s>"]
    assert [command[2][0] for command in potluck_env.commands(line)] == text.split("\n")


@pytest.mark.parametrize(
    "line",
    [
        r'"A=b c"',
        r"A='b c'd\ e",
        r'"A=\$x\\y\`z\"q\w"',
        r"A=a\'b",
        "'A=b'\"c\"'d'",
        r'"A=50$ off"',
        r'"A=end$"',
        "A=a#b",
        r"A=\\",
        '"A=é ü"',
        '"A=a\\\nb"',
        "A=a\\\nb",
    ],
)
def test_quoting_agrees_with_sh(line):
    real = subprocess.run(["/bin/sh", "-c", "printf %s " + line], capture_output=True, text=True, check=True).stdout
    assert potluck_env.commands("export " + line) == [[("export", False), (real, False)]]
    assert potluck_env.read("export " + line).variables == {"A": real[2:]}


@given(st.text())
def test_anything_is_read_or_refused_in_a_sentence(text):
    for prefix in ("", "pot.env=", "pot set-env -E ", "export "):
        try:
            potluck_env.convert(potluck_env.read(prefix + text))
        except ValueError as error:
            assert str(error).endswith(".")


@pytest.mark.parametrize(
    "text, problem",
    [
        ("", "no parameter of Potluck"),
        ("hello world\n", "no parameter of Potluck"),
        ('export "FOO=bar"\n', "no parameter of Potluck"),
        ('export "DOMAIN="\n', "no parameter of Potluck"),
        ("export 'DOMAIN=x\n", "quote of line 1 is never closed"),
        ('\nexport "DOMAIN=x\n', "quote of line 2 is never closed"),
        ("pot set-env -p a -E DOMAIN", "Argument 1 of -E is not of the form"),
        ("pot set-env -p a -E 'a b=c'", "Argument 1 of -E is not of the form"),
        ('pot.env="1=2"\n', "Line 1 is not of the form"),
        ("pot set-env -p a -E DOMAIN=a.org\npot set-env -p b -E DOMAIN=b.org", "several pots .a, b."),
    ],
)
def test_what_is_refused(text, problem):
    with pytest.raises(ValueError, match=problem):
        potluck_env.convert(potluck_env.read(text))


def test_several_commands():
    text = (
        "#!/bin/sh\n# two pots\nset -e; doas pot set-env -p a -E DOMAIN=old.org -E IP=10.0.0.1\n"
        "pot set-env -p a -EDOMAIN=new.org && pot start a\npot set-env -p b -E DOMAIN=b.org"
    )
    found = potluck_env.read(text, "a")
    # The second command replaced the whole environment of the pot.
    assert found.variables == {"DOMAIN": "new.org"} and found.pot == {"matrix_pot_name": "a"}
    with pytest.raises(ValueError, match="for the pot c"):
        potluck_env.read(text, "c")


@pytest.mark.parametrize(
    "text",
    [
        'export "SMTPPASS=pa$word"',
        'export "SMTPPASS=a`id`"',
        "pot set-env -p a -E 'SMTPPASS=pa$word'",
        "pot set-env -p a -E SMTPPASS=$PASS",
        'pot.env="SMTPPASS=${X}"',
    ],
)
def test_what_the_shell_would_expand_is_told_without_the_value(text):
    found = potluck_env.read(text)
    assert len(found.warnings) == 1 and found.warnings[0].startswith("SMTPPASS holds")
    assert found.variables["SMTPPASS"] not in found.warnings[0]


def test_a_pot_conf_tells_the_network_too():
    text = (
        'pot.level=0\nhost.hostname="m.example"\nnetwork_type=alias\nip=em0|10.0.0.5 em0|2001:db8::5\n'
        'pot.env="DOMAIN=example.com"\npot.env="IP=10.0.0.5"\n'
    )
    variables, secrets, warnings = potluck_env.convert(potluck_env.read(text))
    assert (secrets, warnings) == ({}, [])
    assert variables == {
        "matrix_ip": "10.0.0.5",
        "matrix_domain": "example.com",
        "matrix_pot_network_type": "alias",
        "matrix_pot_interface": "em0",
    }
    text = (
        "network_type=private-bridge\nbridge=b1\nip=10.192.0.5\npot.export.ports=443:443 tcp:8448:8448\n"
        'pot.env="DOMAIN=example.com"\n'
    )
    assert potluck_env.read(text).pot == {
        "matrix_pot_network_type": "private-bridge",
        "matrix_pot_bridge": "b1",
        "matrix_pot_exported_ports": ["443:443", "tcp:8448:8448"],
    }


FULL = {
    "DATACENTER": "dc1",
    "CONSULSERVERS": "10.0.0.2,10.0.0.3",
    "GOSSIPKEY": "a2V5",
    "NODENAME": "m1",
    "IP": "10.0.0.5",
    "DOMAIN": "example.com",
    "ALERTEMAIL": "a@example.com",
    "REGISTRATIONENABLE": "false",
    "MYSHAREDSECRET": "s",
    "SMTPHOST": "mail",
    "SMTPPORT": "587",
    "SMTPUSER": "u",
    "SMTPPASS": "p",
    "SMTPFROM": "m@example.com",
    "SSLEMAIL": "s@example.com",
    "LDAPSERVER": "ldap",
    "LDAPPASSWORD": "l",
    "LDAPDOMAIN": "corp.example.com",
    "CONTROLUSER": "true",
    "NOSSL": "true",
    "REMOTELOG": "10.0.0.20",
}


def test_every_parameter_has_its_variable():
    assert set(FULL) == set(potluck_env.PARAMETERS) and len(set(potluck_env.PARAMETERS.values())) == 21
    variables, secrets, warnings = potluck_env.convert(potluck_env.Environment(dict(FULL)))
    assert secrets == {
        "matrix_gossip_key": "a2V5",
        "matrix_shared_secret": "s",
        "matrix_smtp_password": "p",
        "matrix_ldap_password": "l",
    }
    assert set(variables) | set(secrets) == set(potluck_env.PARAMETERS.values())
    assert (variables["matrix_smtp_port"], variables["matrix_nossl"], variables["matrix_registration_enable"]) == (
        587,
        True,
        False,
    )
    assert any(
        warning.startswith("LDAPDOMAIN: Potluck's jail searched below the last two labels") for warning in warnings
    )


@pytest.mark.parametrize("name", ["NOSSL", "CONTROLUSER"])
@pytest.mark.parametrize("value", ["false", "no", "0", "False", "off"])
def test_any_value_of_a_flag_is_yes_and_told(name, value):
    variables, _secrets, warnings = potluck_env.convert(potluck_env.Environment({name: value}))
    assert variables[potluck_env.PARAMETERS[name]] is True
    assert f'{name} is "{value}", which Potluck\'s jail takes for yes' in warnings[0]


def test_an_empty_flag_is_none():
    variables, _secrets, _warnings = potluck_env.convert(
        potluck_env.Environment({"DOMAIN": "a.org", "NOSSL": "", "CONTROLUSER": "", "SMTPUSER": ""})
    )
    assert variables == {"matrix_domain": "a.org"}


@pytest.mark.parametrize(
    "value, meant, told",
    [
        ("true", True, "needs a verification"),
        ("YES", True, "needs"),
        ("false", False, None),
        ("0", False, None),
        ("maybe", False, "did not start"),
    ],
)
def test_registration(value, meant, told):
    variables, _secrets, warnings = potluck_env.convert(potluck_env.Environment({"REGISTRATIONENABLE": value}))
    assert variables == {"matrix_registration_enable": meant}
    assert [told in warning for warning in warnings] == ([True] if told else [])


def test_other_values():
    convert = potluck_env.convert
    assert convert(potluck_env.Environment({"SSLEMAIL": "none", "IP": "x"}))[0] == {"matrix_ip": "x"}
    assert convert(potluck_env.Environment({"SMTPPORT": "smtp"}))[0] == {"matrix_smtp_port": "smtp"}
    warnings = convert(potluck_env.Environment({"IP": "x", "DNSFORWARDERS": "y", "PATH": "z", "_POT_NAME": "n"}))[2]
    assert warnings == ["Not imported, since Potluck's matrix-synapse does not know them: DNSFORWARDERS."]


class _Loader(yaml.SafeLoader):
    """Reads Ansible's mark for texts that are no templates."""


_Loader.add_constructor("!unsafe", lambda loader, node: ("unsafe", loader.construct_scalar(node)))


@given(st.text(st.characters(blacklist_categories=["Cs"])))
def test_yaml_is_read_back(value):
    found = yaml.load(f"x: {potluck_env.yaml_text(value)}\n", _Loader)["x"]
    template = any(mark in value for mark in ("{{", "{%", "{#"))
    assert found == (("unsafe", value) if template else value)
    assert potluck_env.yaml_text(value).isprintable()


def test_yaml_of_other_values():
    assert [potluck_env.yaml_text(value) for value in (True, False, 25, ["a", "b"])] == [
        "true",
        "false",
        "25",
        '["a", "b"]',
    ]
