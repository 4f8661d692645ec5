# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python of a pot in an adversary's hands: runs what it is given, and answers Ansible's modules in its own way.

/root/adversary.json in the pot says how: "way" is one of the functions below, "poison" what goes into every result.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

REAL = "/usr/local/bin/python3.11.real"


def everything(result, poison):
    """A good result with all that Ansible might act upon."""
    result.update(poison)
    for key in ("stdout", "msg"):
        result.setdefault(key, poison["template"])
    result.setdefault("results", [])
    if isinstance(result.get("diff"), dict) and isinstance(result["diff"].get("after"), str):
        result["diff"]["after"] += poison["template"]  # one more package to upgrade
    print(json.dumps(result))


def wrapped(result, poison):
    """Text around the result, and a second result within a tagged value."""
    result["ansible_facts"] = {"__ansible_type": "_AnsibleTaggedDict", "value": poison["ansible_facts"], "tags": []}
    print(poison["template"], json.dumps(result, indent=1), json.dumps(poison), sep="\n")


def unreadable(result, poison):
    """No result at all, and what looks like one too late."""
    print("{", json.dumps({"ansible_facts": poison["ansible_facts"]}), sep="\n")


def endless(result, poison):
    """A result that does not end."""
    sys.stdout.write('{{"ansible_facts": {}, "msg": "'.format(json.dumps(poison["ansible_facts"])))
    while True:
        sys.stdout.write("x" * 1048576)


def deep(result, poison):
    """A result that is nested without need."""
    print('{"a":' * 100000 + "1" + "}" * 100000)


def terminal(result, poison):
    """A failure whose message is for the terminal."""
    print(
        json.dumps(
            {
                "failed": True,
                "msg": "\x1b[2J\x1b]0;owned\x07all is well",
                "warnings": ["\x1b[8m"],
                "exception": "\x9b2J",
            }
        )
    )


def main():
    words = sys.argv[1:]
    if words and "AnsiballZ_" not in words[0]:
        os.execv(REAL, ["/usr/local/bin/python3.11", *words])
    done = subprocess.run([REAL, *words], stdin=sys.stdin, stdout=subprocess.PIPE, check=False)
    with open("/root/adversary.json", encoding="utf-8") as stream:
        told = json.load(stream)
    try:
        result = json.loads(done.stdout)
    except ValueError:  # not a module
        sys.stdout.buffer.write(done.stdout)
    else:
        globals()[told["way"]](result, told["poison"])
    sys.exit(done.returncode)


main()
