# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading files, and replacing them in one step."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import secrets
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import no_links
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.no_links import Attributes


def draft_of(path: str) -> str:
    """Where put() has the new file until it is whole, and leaves it if it is cut off."""
    parent, name = os.path.split(os.path.normpath(path))
    # The same name each time, so that a run that was cut off leaves at most one; without the path's ending, which
    # would let a service read it.
    return os.path.join(parent, ".potluck-" + hashlib.sha256(name.encode()).hexdigest()[:16])


def put(
    path: str,
    content: bytes,
    wanted: Attributes,
    draft: str = "",
    follow: bool = False,
    keep: bool = False,
    time: int | None = None,
    accept: t.Callable[[str], None] | None = None,
) -> None:
    """Put a whole new file in the place of the old one, in one step: it has its owner and mode before it has its name.

    draft: where it is until then, on the same file system, in the place of draft_of(). follow: whether links on the
    way to the file are followed; without it OSError, as the system raises it, for each of them. keep: leave one that
    is there, even if it has just come, as it is. time: of its last change, in nanoseconds since 1970. accept: called
    with the path of the draft, which stays nothing but a draft when that raises anything.
    """
    path, draft = os.path.normpath(path), draft or draft_of(path)
    place, name = os.path.split(draft)
    with no_links.directory(place, follow) as there, no_links.directory(os.path.dirname(path), follow) as here:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=there)
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=there)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                if accept:
                    accept(draft)
                # Of the open file: whoever owns the directory could put a link in the place of its name.
                os.fchown(handle, wanted.uid, wanted.gid)
                os.fchmod(handle, wanted.mode)
                if time is not None:
                    os.utime(handle, ns=(time, time))
                os.fsync(handle)
            if keep:
                with contextlib.suppress(FileExistsError):
                    os.link(name, os.path.basename(path), src_dir_fd=there, dst_dir_fd=here, follow_symlinks=False)
                os.unlink(name, dir_fd=there)
            else:
                os.rename(name, os.path.basename(path), src_dir_fd=there, dst_dir_fd=here)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=there)
            raise


def write_atomically(path: str, text: str, keep_mtime: bool = False, mode: int | None = None) -> None:
    """Replace a file in one step; pot and other runs never see half a file. C(Sentence) when that is not possible.

    mode: C(None) for that of the old file, 0644 where there is none. The owner of an old file is kept.
    """
    # Several runs may write the same file at once, each what is right.
    draft = os.path.join(os.path.dirname(path), f".potluck-{secrets.token_hex(8)}")
    try:
        try:
            old = os.lstat(path)
        except FileNotFoundError:
            wanted, time = Attributes(-1, -1, 0o644), None
        else:
            wanted = no_links.attributes(old)
            time = old.st_mtime_ns if keep_mtime else None
        if mode is not None:
            wanted = dataclasses.replace(wanted, mode=mode)
        put(path, text.encode("utf-8", "surrogateescape"), wanted, draft, follow=True, time=time)
    except OSError as exc:
        raise Sentence(f"Cannot write {path}: {exc.strerror}.") from exc


def read_text(path: str) -> str | None:
    """Text of a file, C(None) when there is none."""
    try:
        with open(path, "rb") as handle:
            return handle.read().decode("utf-8", "surrogateescape")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise Sentence(f"Cannot read {path}: {exc.strerror}.") from exc


def mtime(path: str) -> int | None:
    """Time of the last change of a file in nanoseconds since 1970, symbolic links followed; C(None) when it cannot be
    looked at.
    """
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None
