# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a Linux Python say it runs on FreeBSD; a .pth file of the double's Python package imports it at start.

What a program asks the interpreter about the system (os.uname, platform, sys.platform) gets FreeBSD's answers. What is
built into the C library stays, except for getspnam(3), which FreeBSD does not have and programs probe for.

Every Python that Ansible starts begins with this, so that nothing is imported that it has not loaded anyway.
"""

import os
import sys

_SYSCONFIG = "_sysconfigdata__freebsd"


def _identity(key: str) -> str:
    """A word of what the root's identity.json says, read as text."""
    with open("/.double/identity.json", encoding="utf-8") as stream:
        text = stream.read()
    start = text.index(f'"{key}": "') + len(f'"{key}": "')
    return text[start : text.index('"', start)]


def _uname() -> os.uname_result:
    """uname(2), with FreeBSD's words; name and release are the jail's or the host's own."""
    return os.uname_result(("FreeBSD", _real_uname().nodename, _identity("release"), _identity("version"), "amd64"))


class _Patch:
    """Loads a module as it is and then changes it."""

    def __init__(self, loader, change):
        self.loader, self.change = loader, change

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        self.change(module, self.loader.exec_module)


def _ctypes(module, load) -> None:
    """FreeBSD's libc has no shadow passwords: who looks for getspnam there must not find Linux'."""
    load(module)
    original = module.CDLL.__getattr__

    def getattr_(self, name):
        if name in ("getspnam", "getspent"):
            raise AttributeError(name)
        return original(self, name)

    module.CDLL.__getattr__ = getattr_
    original_init = module.CDLL.__init__

    def init(self, name, *arguments, **options):
        # Nor has FreeBSD SELinux, whose library the machine below may have.
        if name and str(name).startswith("libselinux"):
            raise OSError(f'Shared object "{name}" not found')
        original_init(self, name, *arguments, **options)

    module.CDLL.__init__ = init


def _as_linux(module, load) -> None:
    """Modules that choose their code by sys.platform when they are loaded, and need the kernel's here."""
    sys.platform = "linux"
    try:
        load(module)
    finally:
        sys.platform = _platform


_CHANGES = {
    "ctypes": _ctypes,
    "ctypes.util": _as_linux,
}


class _Finder:
    """Finds the modules above, and the build-time variables under the name they get with another sys.platform."""

    def find_spec(self, name, path=None, target=None):
        if name.startswith(_SYSCONFIG):
            import importlib.util

            return importlib.util.find_spec("_sysconfigdata__x86_64-linux-gnu") or importlib.util.find_spec(
                "_sysconfigdata__linux_x86_64-linux-gnu"
            )
        if name not in _CHANGES:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec and spec.loader:
                spec.loader = _Patch(spec.loader, _CHANGES[name])
                return spec
        return None


def _activate() -> None:
    global _platform
    _platform = "freebsd" + _identity("release").partition(".")[0]
    os.uname = _uname
    sys.platform = _platform
    sys.meta_path.insert(0, _Finder())
    # Loaded before this: nothing in there may remember the old answer.
    if "platform" in sys.modules:
        sys.modules["platform"]._uname_cache = None


_real_uname = os.uname
_platform = sys.platform
if _real_uname().sysname != "FreeBSD":
    _activate()
