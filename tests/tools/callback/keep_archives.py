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
options:
  directory:
    description: Where the archives stay. Its name changes with whatever they are made of.
    type: path
    required: true
    env:
      - name: KEEP_ARCHIVES_DIRECTORY
"""

import gc
import os

from ansible import constants
from ansible.plugins.callback import CallbackBase


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
        # Where Ansible looks before it packs a module, in a directory of this run alone.
        os.symlink(directory, os.path.join(constants.DEFAULT_LOCAL_TMP, "ansiballz_cache"))
