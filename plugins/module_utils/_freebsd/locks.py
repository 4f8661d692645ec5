# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One kind of lock for all runs on a host."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.caller import CALLER
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence

LOCK_DIR = "/var/run"


@contextlib.contextmanager
def lock(name, timeout):
    """Hold C(LOCK_DIR/NAME.lock), an flock(2) lock as lockf(1) takes; several runs may work on one host at once."""
    path = os.path.join(LOCK_DIR, name + ".lock")
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as exc:
                if exc.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
            CALLER.check()
            if time.monotonic() > deadline:
                raise Sentence("Another run has held %s for more than %d seconds." % (path, timeout))
            time.sleep(0.2)
        yield
    finally:
        os.close(fd)
