# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remembers what modules from zip archives compile to; a .pth file of the double's Python package imports it at start.

Ansible sends every module in an archive with the same few dozen files, and Python compiles all of them every time: half
of what a module costs. What is remembered lies in the double's memory, named after the source.
"""

import marshal
import os
import zipimport
import zlib

_PLACE = "/.double/run/compiled"
_compile = zipimport._compile_source


def _compile_once(pathname: str, source: bytes):
    # No hash of hashlib, which most modules do not load.
    path = f"{_PLACE}/{os.path.basename(pathname)}.{len(source)}.{zlib.crc32(source):08x}"
    try:
        with open(path, "rb") as stream:
            return marshal.loads(stream.read())
    except (OSError, ValueError, EOFError):
        pass
    code = _compile(pathname, source)
    try:
        os.makedirs(_PLACE, exist_ok=True)
        with open(f"{path}.{os.getpid()}", "wb") as stream:
            stream.write(marshal.dumps(code))
        os.replace(f"{path}.{os.getpid()}", path)
    except OSError:
        # Not root, or no room: compiled it is all the same.
        pass
    return code


zipimport._compile_source = _compile_once
