# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads on the controller what the module file_set is to write."""

from __future__ import annotations

from ansible_collections.potluck.matrix.plugins.plugin_utils._file_entries import FilesAction


class ActionModule(FilesAction):
    """Runs the module with templates and files of the controller read."""
