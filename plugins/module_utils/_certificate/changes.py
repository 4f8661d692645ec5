# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run changes: counted, told in sentences, shown in diff mode, and not done in check mode."""

from __future__ import annotations


class Changes:
    """check: whether nothing may be changed; sentences: what was changed, or would be; diffs: what diff mode shows."""

    def __init__(self, check: bool = False) -> None:
        self.check = check
        self.sentences: list[str] = []
        self.diffs: list[dict[str, str]] = []

    def note(self, sentence: str, header: str = "", before: str = "", after: str = "") -> None:
        """Count a change. header: what before and after, lines without secrets, are about; the sentence takes their
        place in a diff when there is none.
        """
        self.sentences.append(sentence)
        before, after = (f"{words}\n" if words else "" for words in (before, after if header else sentence))
        self.diffs.append({"before_header": header, "after_header": header, "before": before, "after": after})
