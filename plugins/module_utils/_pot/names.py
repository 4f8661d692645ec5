# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What pots may be called."""

from __future__ import annotations

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.pots import pot_name


def check_name(name):
    """Return the name of a pot, or raise a Sentence."""
    try:
        return pot_name(name)
    except ValueError as error:
        raise Sentence(f"'{name}' is not a valid name for a pot: it {error}.") from None


def template_name(image, tag):
    """Local name C(pot import) gives to an image: C(IMAGE_TAG) with every dot replaced."""
    return (f"{image}_{tag}").replace(".", "_")


def former_name(name):
    """What a pot is called while a new one has its name."""
    return name + "-former"
