# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the signing key and the secrets that do not exist yet, and write the secrets that were given.

Standard input is one JSON object: directory, owner, python, secrets (name to value, empty: make one), check.
Prints what was made or replaced as a JSON list of names; values never leave the process but into their files.
Everything is written whole under another name first, so a file that exists is complete.
"""

import json
import os
import pwd
import secrets
import subprocess
import sys
import tempfile


def read(path):
    """The text of a secret's file without surrounding blanks, as Synapse reads it; empty when there is none."""
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read().strip()
    except FileNotFoundError:
        return ""


def write(path, text):
    """Put text into path, mode 0640, at once."""
    handle, name = tempfile.mkstemp(dir=os.path.dirname(path))
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text + "\n")
    os.chmod(name, 0o640)
    os.rename(name, path)


def become(owner):
    """Go on as that user: the directory is the user's own, and root must not follow links planted there."""
    entry = pwd.getpwnam(owner)
    if os.geteuid() == 0:
        os.setgroups([entry.pw_gid])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    os.umask(0o027)


def make_signing_key(python, path):
    """Let Synapse make a signing key; one that turned up meanwhile is kept."""
    name = tempfile.mktemp(dir=os.path.dirname(path))
    subprocess.run([python, "-B", "-m", "synapse._scripts.generate_signing_key", "-o", name], check=True, env={"PATH": os.defpath}, cwd="/")
    try:
        os.link(name, path)
    finally:
        os.unlink(name)


def main():
    wanted = json.load(sys.stdin)
    directory = os.path.join(wanted["directory"], "secrets")
    signing_key = os.path.join(wanted["directory"], "signing.key")
    changed = []
    if not wanted["check"]:
        become(wanted["owner"])
        os.makedirs(directory, mode=0o750, exist_ok=True)
    for name, given in sorted(wanted["secrets"].items()):
        path = os.path.join(directory, name)
        present = read(path)
        if present and given.strip() in ("", present):
            continue
        changed.append(name)
        if not wanted["check"]:
            write(path, given.strip() or secrets.token_urlsafe(48))
    if not os.path.exists(signing_key):
        changed.append("signing_key")
        if not wanted["check"]:
            make_signing_key(wanted["python"], signing_key)
    print(json.dumps(changed))


main()
