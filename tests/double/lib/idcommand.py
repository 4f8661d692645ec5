# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""id(1): as Linux' but for the words of its complaint."""

import os
import pwd
import signal
import sys

names = [word for word in sys.argv[1:] if not word.startswith("-")]
for name in names:
    try:
        pwd.getpwnam(name)
    except KeyError:
        if not name.isdigit():
            print(f"id: {name}: no such user", file=sys.stderr)
            sys.exit(1)
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
os.execv("/.double/usr/bin/id", ["id", *sys.argv[1:]])
