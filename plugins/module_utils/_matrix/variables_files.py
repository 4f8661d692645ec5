# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of variables that an import has written, and knows again as long as nobody has changed them."""

from __future__ import annotations

import hashlib
import os
import re
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import put
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.no_links import Attributes
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.potluck_env import yaml_text

_MARK = "# Imported from a Potluck environment by potluck.matrix.import_env, checksum "


def render(values: t.Mapping[str, t.Any], comments: t.Iterable[str]) -> str:
    """The text of a variables file: a mark with a checksum of the rest, by which a later import knows its own unchanged
    work.
    """
    body = "".join(f"# {comment}\n" for comment in comments) + "---\n"
    body += "".join(f"{name}: {yaml_text(value)}\n" for name, value in values.items())
    return f"{_MARK}{_checksum(body)}\n{body}"


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8")).hexdigest()[:16]


def is_own(text: str) -> bool:
    """Whether a file is the unchanged work of an earlier import."""
    first, _newline, body = text.partition("\n")
    return first.startswith(_MARK) and first[len(_MARK) :] == _checksum(body)


def masked(text: str, other: str) -> str:
    """A file of secrets as it may be shown, names only, beside the same file at another time."""
    known = dict(_settings(other))
    return "".join(
        "{}: (secret{})\n".format(name, "" if known.get(name, value) == value else ", other value")
        for name, value in _settings(text)
    )


def _settings(text: str) -> list[tuple[str, str]]:
    pairs = (line.partition(": ") for line in text.splitlines() if re.match(r"\w+: ", line))
    return [(name, value) for name, _colon, value in pairs]


class VariablesFiles:
    """Writes the files; collects what it did, or would do in check mode.

    force: whether what an import has not written may be overwritten.
    """

    def __init__(self, check: bool, force: bool) -> None:
        self.check, self.force = check, force
        self.changed = False
        self.diff: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.warnings: list[str] = []

    def write(self, path: str, text: str, mode: int, secret: bool) -> None:
        """Bring one file to a text and mode; Sentence when that cannot be done."""
        self.paths.append(path)
        before = self._read(path)
        if before is not None and before.startswith("$ANSIBLE_VAULT;") and not self.force:
            self.warnings.append(
                f"{path} is encrypted and stays as it is; its values were not compared. "
                "Decrypt it, or set force, to import it anew."
            )
            return
        if before is not None and before != text and not is_own(before) and not self.force:
            way_out = "move it away, or set force to overwrite it (playbook: -e import_env_force=true)"
            raise Sentence(f"{path} was not written by an import, or was changed since; {way_out}.")
        if before != text:
            self.changed = True
            # What is not ours may hold secrets anywhere.
            old = "" if before is None else before if is_own(before) else "(another content)\n"
            new = text
            if secret:
                old, new = masked(old, ""), masked(new, old)
            self.diff.append({"before_header": path, "after_header": path, "before": old, "after": new})
            if not self.check:
                self._replace(path, text, mode)
        elif os.stat(path).st_mode & 0o777 != mode and secret:
            self.changed = True
            if not self.check:
                os.chmod(path, mode)

    @staticmethod
    def _read(path: str) -> str | None:
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as stream:
                return stream.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Sentence(f"{path} cannot be read ({error.strerror}).") from error

    @staticmethod
    def _replace(path: str, text: str, mode: int) -> None:
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            put(path, text.encode(), Attributes(-1, -1, mode), follow=True)
        except OSError as error:
            raise Sentence(f"{path} cannot be written ({error.strerror}).") from error
