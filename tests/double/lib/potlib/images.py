# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of pots: files, their hashes and versions."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

from potlib.output import error


def image_hash(*paths: str) -> str:
    """Stands in for skein1024: 128 bytes over the image and its meta file."""
    first, second = hashlib.sha512(b"a"), hashlib.sha512(b"b")
    for path in paths:
        if os.path.exists(path):
            with open(path, "rb") as stream:
                while block := stream.read(1 << 20):
                    first.update(block)
                    second.update(block)
    return first.hexdigest() + second.hexdigest()


def version_key(text: str) -> list:
    return [int(part) if part.isdigit() else 0 for part in text.split(".")]


def fetch(url: str, target: str) -> bool:
    sys.stdout.flush()
    return subprocess.run(["/usr/bin/fetch", "-o", target, url], stdin=subprocess.DEVNULL, check=False).returncode == 0


def get_image(url: str, name: str, cached: str) -> bool:
    for suffix in (".skein", "", ".meta"):
        if os.path.exists(cached + suffix):
            continue
        if not fetch(f"{url}/{name}{suffix}", cached + suffix):
            if os.path.exists(cached + suffix):
                os.unlink(cached + suffix)
            if suffix != ".meta":
                error(f"Fetching {name}{suffix} failed")
                return False
    with open(cached + ".skein", encoding="ascii", errors="replace") as stream:
        if stream.read().strip() != image_hash(cached, cached + ".meta"):
            error("The image and its hash do not overlap")
            return False
    return True
