# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module trusted_certificate: one certificate in the system's trust store as long as it is wanted."""

from __future__ import annotations

import hashlib
import os

from ansible.module_utils.common.text.converters import to_bytes
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import certificates, no_links
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import draft_of, put
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.no_links import Attributes
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner


class Trust:
    """Brings the certificate and the store to the wanted state; the attributes are what the module returns.

    params: the options of the module.
    """

    def __init__(self, runner: Runner, params: dict, check: bool) -> None:
        self.runner, self.check = runner, check
        self.changed_paths: list[str] = []
        self.diffs: list[dict[str, str]] = []
        self.fingerprint = ""
        self.untrusted: list[str] = []
        self.changed = False
        self.store, self.bundle, self.trust_paths = params["store"], params["bundle"], params["trust_paths"]
        self.path = os.path.normpath(params["path"])
        self.content: bytes | None = None
        # A draft that was never put in place is in a directory whose files are trusted, whatever their names.
        self.obsolete = [draft_of(self.path), *map(os.path.normpath, params["former_paths"])]
        if params["state"] == "present":
            self.content = to_bytes(params["content"])
            found = certificates.fingerprints(self.content)
            if len(found) != 1:
                raise Sentence(f"content has to hold one certificate in PEM form, but holds {len(found)}")
            self.fingerprint = found[0]
        else:
            self.obsolete.append(self.path)
        directory = os.path.dirname(self.path)
        name = hashlib.sha256(to_bytes(self.path)).hexdigest()[:16]
        # Beside the directory, since certctl takes every file in it for certificates.
        self.note = os.path.join(os.path.dirname(directory), f".potluck-former-{name}")
        self.attributes = Attributes(os.geteuid(), os.getegid(), 0o644)

    def ensure(self) -> None:
        """Do all of it; Sentence for what cannot be done, OSError as the system raises it."""
        check, content = self.check, self.content
        wanted = content is not None
        old, noted = self.read(self.path), self.read(self.note)
        gone = {path: self.held(path) for path in self.obsolete if self.there(path)}
        write = wanted and old != (content, self.attributes)
        replaced = wanted and (old is None or old[0] != content)
        touched = [*gone, *([self.path] if replaced else [])]
        former = set(noted[0].decode("ascii", "replace").split() if noted else []).union(
            self.held(self.path), *gone.values()
        )
        former.discard(self.fingerprint)
        former -= self.elsewhere(former, {*touched, self.path})
        self.untrusted = sorted(former)

        directory = os.path.dirname(self.path)
        if wanted and no_links.make_directory(directory, self.attributes.uid, self.attributes.gid, 0o755, check):
            self.tell(directory, "", "a directory that is open to all")
        for path, held in gone.items():
            self.tell(path, ", ".join(held) or "present", "")
        if write:
            self.tell(
                self.path,
                f"{', '.join(self.held(self.path))} {old[1]}" if old else "",
                f"{self.fingerprint} {self.attributes}",
            )
        if not check:
            if touched or former:
                put(self.note, "".join(f"{one}\n" for one in self.untrusted).encode(), self.attributes)
            for path in gone:
                no_links.remove(path)
            if write and content is not None:
                put(self.path, content, self.attributes)
        if touched or noted or (wanted and self.distrust()):
            self.rehash(former, touched)

    def tell(self, path: str, before: str, after: str) -> None:
        """Count a path as changed; before and after are what diff mode shows for it."""
        self.changed_paths.append(path)
        self.show(path, before, after)

    def show(self, header: str, before: str, after: str) -> None:
        """Count something as changed and let diff mode show it."""
        self.changed = True
        before, after = (f"{words}\n" if words else "" for words in (before, after))
        self.diffs.append({"before_header": header, "after_header": header, "before": before, "after": after})

    def there(self, path: str) -> bool:
        """Whether there is anything at a path. What a link leads to on the way is another's."""
        parent = os.path.dirname(path)
        return os.path.realpath(parent) == parent and os.path.lexists(path)

    def read(self, path: str) -> tuple[bytes, Attributes] | None:
        """(content, attributes) of a file, None when there is nothing, or a link that is to be removed; Sentence for
        what is no file.
        """
        if path in self.obsolete and os.path.islink(path):
            return None
        try:
            return no_links.read(path)
        except OSError as error:
            raise Sentence(
                f"{path} has to be a file to which no symbolic link leads ({error.strerror or error})"
            ) from error

    def held(self, path: str) -> list[str]:
        """The fingerprints of what read() finds at a path."""
        found = self.read(path)
        return certificates.fingerprints(found[0]) if found else []

    def elsewhere(self, former: set[str], ours: set[str]) -> set[str]:
        """Those of the fingerprints whose certificates are in other files of the trust paths than ours."""
        if not former:
            return set()
        files = (
            path for top in self.trust_paths for path in certificates.files_below(top, follow=True) if path not in ours
        )
        return {found for path in files for found in certificates.in_file(path)} & former

    def run(self, *argv: str) -> tuple[int | None, str, str]:
        """Run a command, which may be told by its environment where certificates lie."""
        return self.runner.run(list(argv), environment=self.runner.inherited())

    def distrust(self) -> str:
        """What openssl says when the system does not trust the certificate, else nothing."""
        rc, out, err = self.run("openssl", "verify", "-partial_chain", "-CApath", self.store, self.path)
        return "" if rc == 0 else err.strip() or out.strip() or f"openssl ends with {rc}"

    def rehash(self, former: set[str], touched: list[str]) -> None:
        """Let certctl fill the store anew, without the former certificates; Sentence when it is not as wanted then."""
        self.show(
            self.store,
            "".join(f"trusted: {one}\n" for one in sorted(former)).strip(),
            self.fingerprint and f"trusted: {self.fingerprint}",
        )
        if self.check:
            return
        self.take_out(former, touched)
        # A certctl that was cut off leaves the draft of its bundle, at which each later one fails.
        no_links.remove(os.path.join(os.path.dirname(self.bundle), "." + os.path.basename(self.bundle)))
        # Its exit code may be that of the last certificate it looks at, whoever has put that there: what counts is the
        # store.
        said = " ".join(self.run("certctl", "rehash")[2].split())
        after = 'after "certctl rehash"' + (f", which said: {said}" if said else "")
        problem = " ".join(self.distrust().split()) if self.fingerprint else ""
        if problem:
            raise Sentence(f"the system does not trust the certificate ({problem}) {after}")
        for path in [*certificates.files_below(self.store, follow=True), self.bundle]:
            left = former.intersection(certificates.in_file(path))
            if left:
                raise Sentence(f"remove the former certificate {min(left)} from {path}, which still holds it {after}")
        no_links.remove(self.note)

    def take_out(self, former: set[str], touched: list[str]) -> None:
        """Remove from the store what certctl has put there for the touched files, and the former certificates."""
        for path in list(certificates.files_below(self.store, follow=False)):
            link = os.path.islink(path)
            if link and os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path))) in touched:
                no_links.remove(path)
                continue
            held = set(certificates.in_file(path))
            if not held & former:
                continue
            if held <= former:
                no_links.remove(path)
            elif not link:
                found = no_links.read(path)
                if found:
                    put(path, certificates.without(found[0], former), found[1])
