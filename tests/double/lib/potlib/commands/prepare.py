# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot prepare."""

from __future__ import annotations

from potlib.commandline import has, last, need_root, options
from potlib.dispatch import nested
from potlib.output import error, usage
from potlib.pots import is_pot


def main(args: list[str]) -> int:
    found, _rest = options("prepare", args)
    image, tag, allocation, url = last(found, "p"), last(found, "t"), last(found, "a"), last(found, "U")
    if not (image and tag and allocation):
        error("Options -p, -t and -a are mandatory")
        raise usage("prepare")
    need_root()
    template = f"{image}_{tag}".replace(".", "_")
    pot = f"{last(found, 'n') or template}_{allocation}".replace(".", "_")
    if is_pot(pot, None):
        error(f"A pot with name {pot} already exists")
        return 1
    if not is_pot(template, None):
        argv = ["import", "-p", image, "-t", tag] + (["-U", url] if url else [])
        if nested(argv):
            return 1
    network = last(found, "N")
    argv = ["clone", "-P", template, "-p", pot]
    for letter in "NiBSd":
        for key, value in found:
            if key == letter:
                argv += ["-" + letter, "inherit" if letter == "N" and network == "host" else value]
    if nested(argv) or not is_pot(pot, None):
        return 0 if not is_pot(pot, None) else 1
    for name, value in (
        ("persistent", "NO"),
        ("no-rc-script", "YES"),
        ("prunable", "YES"),
        ("localhost-tunnel", "YES"),
        ("no-etc-hosts", "YES"),
        ("no-tmpfs", "YES"),
    ):
        nested(["set-attribute", "-p", pot, "-A", name, "-V", value])
    if last(found, "c"):
        nested(["set-cmd", "-p", pot, "-c", last(found, "c")])
    ports = [value for letter, value in found if letter == "e"]
    if ports:
        nested(["export-ports", "-p", pot, *(word for port in ports for word in ("-e", port))])
    return nested(["start", pot]) if has(found, "s") else 0
