# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why Ansible could not make a text of a template or a file, without the values that went into it."""

from __future__ import annotations

import re


def known_reason(error: Exception) -> str | None:
    """The end of a sentence whose subject is what was read or worked out, for the commonest errors."""
    words = " ".join(str(error).split())
    if "decrypt" in words.lower() or "vault" in type(error).__name__.lower():
        return "cannot be decrypted; give the vault's password with --ask-vault-pass or --vault-password-file"
    undefined = re.search(r"'([^']+)' is undefined", words)
    if undefined:
        return f'uses the variable "{undefined.group(1)}", which is not defined'
    attribute = re.search(r"has no (?:attribute|element) '?([A-Za-z0-9_]+)'?", words)
    return f'uses "{attribute.group(1)}", which is not defined' if attribute else None


def reason(error: Exception) -> str:
    """The same for every error, whose own words may quote a secret."""
    plugin = re.match(r"The (filter|test|lookup) plugin '([a-z0-9_.]+)' failed", str(error))
    if plugin:
        return f"uses the {plugin.group(1)} {plugin.group(2)} on a value that it refuses"
    return known_reason(error) or f"cannot be read ({type(error).__name__})"
