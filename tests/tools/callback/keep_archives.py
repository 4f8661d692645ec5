# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: keep_archives
type: aggregate
short_description: Let runs of Ansible share the archives of modules that they send
description:
  - Ansible packs every module that a run uses into an archive, and forgets the archives with the run. A suite of
    hundreds of runs need not pack them each time.
  - Python would compile what is in an archive for each task anew. The double's Python is the one of this machine, so
    that the archives take along what it compiles to; a Python that it does not fit does not see it.
options:
  directory:
    description: Where the archives stay. Its name changes with whatever they are made of.
    type: path
    required: true
    env:
      - name: KEEP_ARCHIVES_DIRECTORY
"""

import base64
import gc
import os
import subprocess
from pathlib import Path

from ansible import constants
from ansible.executor.module_common import _CachedModule
from ansible.plugins.callback import CallbackBase

# Run by the double's Python. Its files of bytecode are marked as never to be compared with their source.
COMPILE = """
import importlib.util, importlib._bootstrap_external as files, io, sys, zipfile
whole = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))
out = io.BytesIO()
with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as more:
    for name in whole.namelist():
        text = whole.read(name)
        if name.endswith(".py"):
            code = compile(text, name, "exec", dont_inherit=True)
            more.writestr(name + "c", files._code_to_hash_pyc(code, importlib.util.source_hash(text), False))
        more.writestr(name, text)
sys.stdout.buffer.write(out.getvalue())
"""
PYTHON = "/usr/bin/python3"


def compile_all(directory):
    """Archives as Ansible has packed them become some that hold bytecode, too; each once, under a name of its own
    first, since other runs read them.
    """
    for path in directory.glob("*-ZIP_*-none"):
        mark = path.with_name(f"{path.name}.compiled")
        if mark.exists():
            continue
        archive = _CachedModule.load(str(path))
        done = subprocess.run(
            [PYTHON, "-c", COMPILE], input=base64.b64decode(archive.zip_data), stdout=subprocess.PIPE, check=True
        )
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        _CachedModule(
            zip_data=base64.b64encode(done.stdout), metadata=archive.metadata, source_mapping=archive.source_mapping
        ).dump(str(unfinished))
        unfinished.replace(path)
        mark.touch()


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "keep_archives"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook):
        # As the collection's own callback does for the playbooks that it reports on.
        gc.freeze()
        gc.set_threshold(50_000)
        directory = self.get_option("directory")
        os.makedirs(directory, mode=0o700, exist_ok=True)
        compile_all(Path(directory))
        # Where Ansible looks before it packs a module, in a directory of this run alone.
        os.symlink(directory, os.path.join(constants.DEFAULT_LOCAL_TMP, "ansiballz_cache"))
