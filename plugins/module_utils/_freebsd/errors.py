# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exceptions whose text is for the user."""

from __future__ import annotations


class Sentence(Exception):
    """One sentence for the user.

    C(part) names what is at fault, in the words of whoever raises it: an option of the module, a step of what was
    tried. It is empty where there is nothing to choose between.
    """

    def __init__(self, sentence: str, part: str = "") -> None:
        super().__init__(sentence)
        self.part = part


def in_words_of(sentences: dict | None, part: str | None, sentence: str) -> str:
    """A sentence as whoever uses a module wants it: the one for that part, with the module's own in the place of %s."""
    wanted = (sentences or {}).get(part or "")
    return str(wanted).replace("%s", sentence.rstrip(".")) if wanted else sentence


class CommandTimeout(Sentence):
    """A command did not end within the time allowed."""
