# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a page for each role from its argument_specs, which stay the one source of option documentation.

Run as ``python docs/generate.py``; a test fails when a page is not what this writes.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

TOP = Path(__file__).parent.parent


def markdown(text):
    """Turn Ansible's semantic markup (``O(main:x)``, ``V(x)``, ``C(x)``, ``M(x)``, ``P(x#kind)``) into Markdown."""
    text = re.sub(r"\bP\(([^)#]+)#\w+\)", r"`\1`", text)
    return re.sub(r"\b[OVCM]\((?:\w+:)?([^)]*(?:\([^)]*\))?[^)]*)\)", r"`\1`", text)


def paragraphs(description):
    return [markdown(text) for text in ([description] if isinstance(description, str) else description)]


def option_lines(name, option, depth):
    kind = option["type"] + (" of " + option["elements"] if "elements" in option else "")
    facts = [kind, "required" if option.get("required") else None]
    if "choices" in option:
        facts.append("one of " + ", ".join("`%s`" % choice for choice in option["choices"]))
    if "default" in option:
        default = option["default"]
        facts.append("default `%s`" % (default if isinstance(default, str) and default else yaml.safe_dump(default, width=1000).splitlines()[0]))
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


def pages():
    """Return ``{path: text}`` of all generated pages."""
    return {TOP / "docs/roles" / (role.name + ".md"): page(role) for role in sorted((TOP / "roles").iterdir()) if role.is_dir()}


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
