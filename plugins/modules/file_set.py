#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: file_set
short_description: Ensure several files and directories in one round trip
version_added: 0.1.0
description:
  - Does for a list of paths what M(ansible.builtin.file) and M(ansible.builtin.copy) do for one, in the order of the list.
  - A file is replaced whole. It has its owner and mode before it gets its name, so that nobody can read a secret meanwhile.
  - Symbolic links at a path, and as the directory of a file, are refused instead of followed.
author:
  - potluck.matrix contributors (@potluck)
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying target.
    support: full
    details: O(files[].validate) is not run, and an owner that does not exist yet counts as a change.
  diff_mode:
    description: Returns details on what has changed when in diff mode.
    support: full
    details: The text of O(files[].secret) is never shown.
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
    support: full
options:
  files:
    description: The paths, in the order in which they are made.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      state:
        description: V(absent) removes a directory with all that is in it.
        type: str
        choices: [file, directory, absent]
        default: file
      content:
        description: Text of the file. One of O(files[].content) and O(files[].secret) is required for V(file).
        type: str
      secret:
        description: Text of the file that is shown nowhere.
        type: str
      owner:
        description: Account that owns it.
        type: str
        default: root
      group:
        description: Group that owns it; the numeric group 0 when not given.
        type: str
      mode:
        description: Permissions, as octal digits in quotes. Required unless O(files[].state=absent).
        type: raw
      validate:
        description: Command that a new file has to pass before it replaces the old one; C(%s) in it is the new file, whose name ends as the path's.
        type: str
  look_for:
    description: Paths that are left alone and only looked for, because a later task depends on them.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Put the agent's files in place
  potluck.matrix.file_set:
    files:
      - {path: /usr/local/etc/agent.d, state: directory, owner: agent, group: agent, mode: "0750"}
      - path: /usr/local/etc/agent.d/agent.json
        secret: "{{ agent_settings | to_nice_json }}"
        group: agent
        mode: "0640"
        validate: /usr/local/bin/agent validate %s
  register: agent_files

- name: Start the agent
  potluck.matrix.rc_service:
    name: agent
    enabled: true
    state: "{{ 'restarted' if agent_files is changed else 'started' }}"
"""

RETURN = r"""
changed_paths:
  description: The paths that were changed, made or removed.
  type: list
  elements: str
  returned: always
  sample: [/usr/local/etc/agent.d/agent.json]
found:
  description: Those of O(look_for) that were there before anything was done.
  type: list
  elements: str
  returned: always
  sample: []
"""

import grp
import hashlib
import os
import pwd
import re
import shlex
import shutil
import stat

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.converters import to_bytes, to_native


class Refusal(Exception):
    """One sentence about what cannot be done."""


def permissions(entry):
    """The number of the entry's mode, which YAML has already made of digits without quotes; Refusal for what is not octal."""
    mode = entry["mode"]
    if isinstance(mode, int):
        return mode
    if not re.match(r"0?[0-7]{3,4}\Z", str(mode)):
        raise Refusal("%s: the mode %s is not octal digits, good ones are \"0644\"" % (entry["path"], mode))
    return int(mode, 8)


def identity(entry, check):
    """Return (uid, gid); None for one that does not exist yet in check mode."""
    try:
        uid = pwd.getpwnam(entry["owner"]).pw_uid
    except KeyError:
        uid = None
    gid = 0
    if entry["group"]:
        try:
            gid = grp.getgrnam(entry["group"]).gr_gid
        except KeyError:
            gid = None
    if not check and (uid is None or gid is None):
        raise Refusal("%s: there is no %s" % (entry["path"], "user " + entry["owner"] if uid is None else "group " + entry["group"]))
    return uid, gid


def present(path):
    """The lstat of a path, or None; Refusal for a symbolic link."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(found.st_mode):
        raise Refusal("%s is a symbolic link, which is not followed" % path)
    return found


class FileSet:
    """Brings the paths to the wanted state; ``changed`` lists paths, ``diffs`` what diff mode shows."""

    def __init__(self, module):
        self.module = module
        self.changed = []
        self.diffs = []

    def note(self, path, before, after):
        """Count a path as changed; before and after are the texts that diff mode shows for it."""
        self.changed.append(path)
        self.diffs.append({"before_header": path, "after_header": path, "before": before, "after": after})

    def ensure(self, entry):
        """Bring one item of ``files`` to its state; Refusal for what cannot be done, OSError as the system raises it."""
        state = entry["state"]
        # With a slash behind it the name of a link would be followed.
        entry["path"] = os.path.normpath(entry["path"])
        if state != "absent" and entry["mode"] is None:
            raise Refusal("%s: mode is required" % entry["path"])
        getattr(self, state)(entry)

    def absent(self, entry):
        """Remove whatever is at the path, a directory with all that is in it. Of a symbolic link only the link goes."""
        path = entry["path"]
        if not os.path.lexists(path):
            return
        self.note(path, "present\n", "absent\n")
        if not self.module.check_mode:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)

    def attributes(self, entry, found):
        """(shown attributes now, shown attributes wanted, uid, gid, mode)."""
        uid, gid = identity(entry, self.module.check_mode)
        mode = permissions(entry)
        now = "" if found is None else "owner %d:%d mode %04o\n" % (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))
        words = tuple("(new)" if number is None else str(number) for number in (uid, gid))
        return now, "owner %s:%s mode %04o\n" % (words + (mode,)), uid, gid, mode

    def directory(self, entry):
        """Make a directory, or only set owner, group and mode of one; Refusal when something else is at the path.

        What lies in it is left alone.
        """
        path = entry["path"]
        found = present(path)
        if found is not None and not stat.S_ISDIR(found.st_mode):
            raise Refusal("%s has to be a directory, but is something else" % path)
        now, wanted, uid, gid, mode = self.attributes(entry, found)
        if now == wanted:
            return
        self.note(path, now or "absent\n", wanted)
        if self.module.check_mode:
            return
        if found is None:
            # Parents get the system's default, never this mode: they may be others' too.
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.mkdir(path, 0o700)
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            os.fchown(handle, uid, gid)
            os.fchmod(handle, mode)
        finally:
            os.close(handle)

    def file(self, entry):
        """Write a file unless content, owner, group and mode are right; a wrong mode alone makes it a new file too.

        Refusal when anything but a file is at the path, and when its directory is a symbolic link.
        """
        path, secret = entry["path"], entry["content"] is None
        text = entry["secret"] if secret else entry["content"]
        if text is None:
            raise Refusal("%s: content or secret is required" % path)
        content = to_bytes(text)
        if os.path.islink(os.path.dirname(path)):
            raise Refusal("%s is a symbolic link, which is not followed" % os.path.dirname(path))
        found = present(path)
        if found is not None and not stat.S_ISREG(found.st_mode):
            raise Refusal("%s has to be a file, but is something else" % path)
        old = None
        if found is not None:
            with open(path, "rb") as stream:
                old = stream.read()
        now, wanted, uid, gid, mode = self.attributes(entry, found)
        if now == wanted and old == content:
            return
        if old != content:
            shown = ("(another secret)\n", "(a secret)\n") if secret else (to_native(old or b"", errors="replace"), to_native(content))
            now, wanted = (now + (shown[0] if old is not None else ""), wanted + shown[1])
        self.note(path, now or "absent\n", wanted)
        if self.module.check_mode:
            return
        self.replace(entry, content, uid, gid, mode, old != content)

    @staticmethod
    def draft(path):
        """Where the new file is written: beside the directory, since a service may read all that lies in it, and a run can be killed here.

        The name is the same each time, so that the next run takes the place of one that was left.
        """
        directory = os.path.dirname(path)
        parent = os.path.dirname(directory)
        if os.lstat(parent).st_dev != os.lstat(directory).st_dev:
            parent = directory
        name = ".potluck-%s%s" % (hashlib.sha256(to_bytes(path)).hexdigest()[:16], os.path.splitext(path)[1])
        draft = os.path.join(parent, name)
        if os.path.lexists(draft):
            os.unlink(draft)
        return draft

    def replace(self, entry, content, uid, gid, mode, new):
        """Put a new file with content (bytes), owner and mode in the place of the old one, in one step.

        new: whether the content differs, so that ``validate`` has to accept it first; Refusal if it does not.
        """
        path = entry["path"]
        temporary = self.draft(path)
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.write(content)
                stream.flush()
                if new and entry["validate"]:
                    rc, out, err = self.module.run_command([word.replace("%s", temporary) for word in shlex.split(entry["validate"])])
                    if rc != 0:
                        raise Refusal("%s stays as it was, since the new one is refused: %s" % (path, (err.strip() or out.strip()).replace(temporary, path)))
                # Of the open file: whoever owns the directory could put a link in the place of its name.
                os.fchown(stream.fileno(), uid, gid)
                os.fchmod(stream.fileno(), mode)
            os.rename(temporary, path)
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)


def main():
    entry = dict(
        path=dict(type="path", required=True),
        state=dict(type="str", choices=["file", "directory", "absent"], default="file"),
        content=dict(type="str"),
        secret=dict(type="str", no_log=True),
        owner=dict(type="str", default="root"),
        group=dict(type="str"),
        mode=dict(type="raw"),
        validate=dict(type="str"),
    )
    module = AnsibleModule(
        argument_spec=dict(
            files=dict(type="list", elements="dict", required=True, options=entry, mutually_exclusive=[("content", "secret")]),
            look_for=dict(type="list", elements="path", default=[]),
        ),
        supports_check_mode=True,
        # The arguments, whole files, would go to the system's log.
        no_log=True,
    )
    files = FileSet(module)
    problem = None
    found = [path for path in module.params["look_for"] if os.path.lexists(path)]
    try:
        for wanted in module.params["files"]:
            files.ensure(wanted)
    except Refusal as refusal:
        problem = str(refusal)
    except OSError as error:
        problem = "%s: %s" % (wanted["path"], error.strerror or error)
    result = dict(changed=bool(files.changed), changed_paths=files.changed, found=found)
    if module._diff:
        result["diff"] = files.diffs
    if problem:
        module.fail_json(msg=problem, **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
