# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a page and a README for each role from its argument_specs, which stay the one source of option documentation,
and one of all variables.

Run as ``python docs/generate.py``; a test fails when a page is not what this writes.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import yaml

TOP = Path(__file__).parent.parent
VOCABULARY = TOP / "roles/homeserver"


def markdown(text):
    """Turn Ansible's semantic markup (``O(main:x)``, ``V(x)``, ``C(x)``, ``M(x)``, ``P(x#kind)``) into Markdown."""
    text = re.sub(r"\bP\(([^)#]+)#\w+\)", r"`\1`", text)
    return re.sub(r"\b[OVCM]\((?:\w+:)?([^)]*(?:\([^)]*\))?[^)]*)\)", r"`\1`", text)


def paragraphs(description):
    return [markdown(text) for text in ([description] if isinstance(description, str) else description)]


def value(default):
    """Return a value on one line."""
    text = (
        default
        if isinstance(default, str) and default
        else yaml.safe_dump(default, default_flow_style=True, width=math.inf).removesuffix("...\n")
    )
    return " ".join(text.split())


def option_lines(name, option, depth):
    kind = option["type"] + (" of " + option["elements"] if "elements" in option else "")
    facts = [kind, "required" if option.get("required") else None]
    if "choices" in option:
        facts.append("one of " + ", ".join(f"`{choice}`" for choice in option["choices"]))
    if "default" in option:
        facts.append("default `{}`".format(value(option["default"])))
    indent = "  " * depth
    yield "{}- `{}` ({})  ".format(indent, name, "; ".join(fact for fact in facts if fact))
    for text in paragraphs(option["description"]):
        yield f"{indent}  {text}"
    for child, suboption in option.get("options", {}).items():
        yield from option_lines(child, suboption, depth + 1)


def page(role):
    """Return the Markdown page of the role directory ``role``."""
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]
    lines = [
        f"<!-- Written by docs/generate.py from roles/{role.name}/meta/argument_specs.yml -->",
        f"# Role `potluck.matrix.{role.name}`",
    ]
    for entry, spec in specs.items():
        if entry != "main":
            lines += ["", f"## Entry point `{entry}`"]
        lines += ["", "**{}.**".format(spec["short_description"]), ""]
        for text in paragraphs(spec["description"]):
            lines += [text, ""]
        if spec.get("options"):
            lines += ["### Options", ""]
            for name, option in spec["options"].items():
                lines += option_lines(name, option, 0)
    return "\n".join(lines).rstrip() + "\n"


def summary(role):
    """Return the Markdown that a role has beside it, for whoever looks at its directory."""
    (spec, *_others) = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"].values()
    page = "variables.md" if role == VOCABULARY else f"roles/{role.name}.md"
    lines = [
        f"<!-- Written by docs/generate.py from roles/{role.name}/meta/argument_specs.yml -->",
        f"# Role `potluck.matrix.{role.name}`",
        "",
        f"**{spec['short_description']}.**",
    ]
    for text in paragraphs(spec["description"]):
        lines += ["", text]
    return "\n".join([*lines, "", f"[All options](../../docs/{page})"]) + "\n"


def roles():
    return sorted(role for role in (TOP / "roles").iterdir() if role.is_dir() and role != VOCABULARY)


def groups():
    """Yield ``(title, variables)`` for the groups that the vocabulary's defaults stand in, each below a comment."""
    title, names = "", []
    for line in (VOCABULARY / "defaults/main.yml").read_text().splitlines():
        if line.startswith("# "):
            if names:
                yield title, names
            title, names = line[2:].rstrip("."), []
        elif match := re.match(r"(\w+):", line):
            names.append(match.group(1))
    yield title, names


def variable_row(name, spec):
    """Return the table's line of one variable."""
    meaning = " ".join(paragraphs(spec["description"]))
    choices = [f"`{choice}`" for choice in spec.get("choices", []) if choice != "" and f"`{choice}`" not in meaning]
    if choices:
        meaning += " One of {}.".format(", ".join(choices))
    default = "required" if spec.get("required") else "none" if spec["default"] in ("", [], {}) else None
    if default is None:
        default = "`{}`".format(value(spec["default"]).replace("|", "\\|"))
    kind = spec["type"] + (" of " + spec["elements"] if "elements" in spec else "")
    secret = ", secret" if spec.get("no_log") else ""
    return f"| `{name}` | {kind}{secret} | {default} | {meaning} |"


def variable_page():
    """Return the Markdown page of the vocabulary."""
    (spec,) = yaml.safe_load((VOCABULARY / "meta/argument_specs.yml").read_text())["argument_specs"].values()
    lines = [
        "<!-- Written by docs/generate.py from roles/homeserver -->",
        "# All variables",
        "",
        "What an inventory can say: the vocabulary that role `potluck.matrix.homeserver` holds and that all parts go "
        "by. `ansible-doc -t role",
        "potluck.matrix.homeserver` prints the same. Further options of the single parts stand on the [pages of the "
        "roles](roles/).",
        "[First server](first-server.md) shows what is needed at least. A secret is shown nowhere; keep it in a vault.",
    ]
    for title, names in groups():
        lines += ["", f"## {title}", "", "| variable | type | default | meaning |", "|---|---|---|---|"]
        lines += [variable_row(name, spec["options"][name]) for name in names]
    return "\n".join(lines) + "\n"


def pages():
    """Return ``{path: text}`` of all generated pages."""
    return {
        TOP / "docs/variables.md": variable_page(),
        **{TOP / "docs/roles" / (role.name + ".md"): page(role) for role in roles()},
        **{role / "README.md": summary(role) for role in [*roles(), VOCABULARY]},
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
