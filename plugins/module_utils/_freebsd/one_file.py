# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program of several sources in one file that Python can run where nothing of the collection is (see zipapp)."""

from __future__ import annotations

import inspect
import io
import types
import typing as t
import zipfile


def content(entry: types.ModuleType, parts: t.Iterable[types.ModuleType], beginning: str = "") -> bytes:
    """The whole program, the same bytes for the same sources.

    entry: the module whose C(main) takes the arguments and returns the exit code; parts: all of the collection that it
    imports, directly or not, itself included; beginning: a line that tells the system which interpreter runs the file.
    """
    texts = {"__main__.py": f"import sys\n\nfrom {entry.__name__} import main\n\nsys.exit(main(sys.argv[1:]))\n"}
    for part in parts:
        path = part.__name__.replace(".", "/")
        texts[path + ".py"] = inspect.getsource(part)
        while "/" in path:
            path = path.rpartition("/")[0]
            texts[path + "/__init__.py"] = ""
    archive = io.BytesIO(beginning.encode())
    archive.seek(0, io.SEEK_END)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_STORED) as stream:
        for path, text in sorted(texts.items()):
            # With this date, the oldest that the form knows, and no compression, whose result depends on a library.
            stream.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), text.encode())
    return archive.getvalue()
