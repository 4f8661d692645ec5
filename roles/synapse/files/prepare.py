# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make Synapse's directories, its signing key and its secrets: what does not exist yet, and what was given and differs.

One program instead of a dozen tasks, since each task is a round trip. Standard input is one JSON object:
  directories  list of {path, owner, group, mode}; owner and group may be null to leave them as they are
  data         directory of the signing key and of the secrets, in its subdirectory of that name
  owner        the user that Synapse runs as
  python       interpreter that has Synapse
  server_name  the homeserver's name; data of another homeserver are refused, because Synapse cannot change its name
  database     path of its SQLite database, or empty
  secrets      name to value; an empty value means to make one unless there is one
  settings     directory of the configuration, whose files are listed
  check        true to only tell
Prints {"changed": [what was made or replaced], "settings": [names of configuration files]}; secrets go nowhere but into their files.
Files are written whole under another name first, so one that exists is complete.
"""

import contextlib
import grp
import json
import os
import pwd
import secrets
import stat
import subprocess
import sys
import tempfile
import urllib.parse


def ensure_directory(wanted, check):
    """Make one directory or correct its owner and mode; returns whether there was anything to do. Links are refused, not followed."""
    path, mode = wanted["path"], int(wanted["mode"], 8)
    uid = -1 if wanted["owner"] is None else pwd.getpwnam(wanted["owner"]).pw_uid
    gid = -1 if wanted["group"] is None else grp.getgrnam(wanted["group"]).gr_gid
    made = not os.path.lexists(path)
    if made and check:
        return True
    if made:
        os.makedirs(path, mode=0o755)
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode):
        sys.exit("%s has to be a directory, but is something else; move it away" % path)
    owned = (uid in (-1, found.st_uid)) and (gid in (-1, found.st_gid))
    if not made and owned and stat.S_IMODE(found.st_mode) == mode:
        return False
    if not check:
        if not owned:
            os.chown(path, uid, gid, follow_symlinks=False)
        os.chmod(path, mode)
    return True


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
    name = "%s.%s" % (path, secrets.token_hex(8))
    subprocess.run([python, "-B", "-m", "synapse._scripts.generate_signing_key", "-o", name], check=True, env={"PATH": os.defpath}, cwd="/")
    try:
        os.link(name, path)
    finally:
        os.unlink(name)


def name_in_use(data, database):
    """The server name that the data belong to, as an earlier run or the accounts in the database say; empty when there are none yet."""
    name = read(os.path.join(data, "server_name"))
    if not name and database and os.path.exists(database):
        # A package of its own on FreeBSD, which is there when there is such a database.
        import sqlite3

        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % urllib.parse.quote(database), uri=True)) as connection:
            try:
                found = connection.execute("SELECT name FROM users WHERE name LIKE '@%:%' LIMIT 1").fetchone()
            except sqlite3.DatabaseError:
                found = None
        name = found[0].partition(":")[2] if found else ""
    return name


def main():
    wanted = json.load(sys.stdin)
    check = wanted["check"]
    former = name_in_use(wanted["data"], wanted["database"])
    if former not in ("", wanted["server_name"]):
        sys.exit("matrix_domain: %s holds the homeserver %s, which cannot be renamed to %s; set it back, or give the new homeserver a dataset of its own "
                 "(matrix_dataset: zroot/matrix-new)" % (wanted["data"], former, wanted["server_name"]))
    changed = [directory["path"] for directory in wanted["directories"] if ensure_directory(directory, check)]
    settings = sorted(os.listdir(wanted["settings"])) if os.path.isdir(wanted["settings"]) else []
    directory = os.path.join(wanted["data"], "secrets")
    signing_key = os.path.join(wanted["data"], "signing.key")
    if not check:
        become(wanted["owner"])
        os.makedirs(directory, mode=0o750, exist_ok=True)
    for name, given in sorted(wanted["secrets"].items()):
        path = os.path.join(directory, name)
        present = read(path)
        if present and given.strip() in ("", present):
            continue
        changed.append(name)
        if not check:
            write(path, given.strip() or secrets.token_urlsafe(48))
    name = os.path.join(wanted["data"], "server_name")
    if not read(name):
        changed.append("server_name")
        if not check:
            write(name, wanted["server_name"])
    if not os.path.exists(signing_key):
        changed.append("signing_key")
        if not check:
            make_signing_key(wanted["python"], signing_key)
    print(json.dumps({"changed": changed, "settings": settings}))


if __name__ == "__main__":
    main()
