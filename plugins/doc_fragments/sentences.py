# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module says when it fails, in the words of whoever uses it."""

from __future__ import annotations


class ModuleDocFragment:
    """C(potluck.matrix.sentences)."""

    DOCUMENTATION = r"""
options:
  sentences:
    description:
      - For each thing that can be wrong, the sentence to fail with, so that it names what is to be changed. C(%s) in it
        stands for the module's own words, without the full stop.
      - What can be wrong is what the module returns with a failure as C(part) or C(option). Without a sentence it says
        its own words.
    type: dict
    default: {}
"""
