# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Give Synapse other files: tried before they are put in place, and taken back when the process does not come up with
them.

In between, a journal beside the configuration holds the files as they were. One that is found tells of a run that was
cut off: what it put in place has never been proven, and what the process has read is not known.
"""

from __future__ import annotations

import contextlib

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import no_links, rc
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._synapse import start
from ansible_collections.potluck.matrix.plugins.module_utils._synapse.files import (
    File,
    Former,
    Found,
    Journal,
    mark_as_read,
    restore,
    unread,
)
from ansible_collections.potluck.matrix.plugins.module_utils._synapse.trial_run import Trial


class Change:
    """One run of the module; C(changed_paths), C(diffs), C(restarted) and C(healed) tell what it did, or would do
    in check mode."""

    def __init__(self, params: dict, check: bool) -> None:
        self.params, self.check = params, check
        self.journal = Journal(params["journal"])
        self.homeserver = start.Homeserver(params["socket"], params["log"], params["timeout"])
        self.changed_paths: list[str] = []
        self.diffs: list[dict[str, str]] = []
        self.restarted = self.healed = False

    def run(self) -> None:
        """Bring files and process to what is wanted; Sentence when that is not possible, then both are as they were
        as far as can be. Its part is one of trial.PARTS, C(start) for a process that did not come up, C(files), or
        empty where rc(8) is to blame."""
        earlier = self.journal.load()
        if earlier is not None:
            self.healed = True
            if not self.check:
                restore(earlier)
        files = [File(entry, self.check) for entry in self.params["files"]]
        before = {file.path: self._found(file.path, earlier) for file in files}
        changes = [file for file in files if file.differs(before[file.path])]
        self.changed_paths = [file.path for file in changes]
        self.diffs = [file.shown(before[file.path]) for file in changes]
        status = self.homeserver.status()
        stale = self.healed or self.params["restart"] or bool(unread(self.params["watch"], self.params["pid_file"]))
        self.restarted = bool(changes or stale or not status.running)
        if self.check:
            return
        trial = Trial(self.params, files)
        trial.clean()
        if not self.restarted:
            self._still_answers()
            return
        if not status.running:
            # Of one that nobody knows of, which has the ports.
            self.homeserver.stop()
        try:
            trial.run(status.running)
        except Sentence as refusal:
            raise Sentence(f"{refusal}; {self._after_refusal()}", refusal.part) from refusal
        self._exchange(changes, {file.path: before[file.path] for file in changes}, status)

    def _found(self, path: str, earlier: Former | None) -> Found:
        """What is there, in check mode what there would be after a journal was followed."""
        if self.check and earlier and path in earlier:
            return earlier[path]
        try:
            return no_links.read(path)
        except OSError as error:
            raise Sentence(f"{path} cannot be read: {error.strerror}; links are not followed", "files") from error

    def _still_answers(self) -> None:
        """Sentence unless the process, of which nothing else is wanted, answers. It may just have been started by
        the boot of the pot."""
        self.homeserver.await_answer(start.Log(self.params["log"]))

    def _after_refusal(self) -> str:
        """What is the case after a refused trial, as the end of a sentence: nothing was written, but an earlier
        run may have left a mess."""
        if not self.healed:
            return "nothing was changed"
        return "an earlier run was cut off, " + self._start_again(None)

    def _exchange(self, changes: list[File], before: Former, status: rc.Status) -> None:
        """Put the files in place and start Synapse with them; Sentence when it does not come up, after everything
        was taken back."""
        self.journal.save(before)
        try:
            for file in changes:
                file.put()
            self.homeserver.stop()
            self.homeserver.start()
        except (Sentence, OSError) as reason:
            what = str(reason).rstrip(".")
            raise Sentence(f"{what}{self._take_back(changes, before, status)}", "start") from reason
        mark_as_read(self.params["watch"], self.params["pid_file"])
        self.journal.close()

    def _take_back(self, changes: list[File], before: Former, status: rc.Status) -> str:
        """After a start that failed: what was done about it, as the end of a sentence. Without changes there is
        nothing to go back to."""
        if not changes:
            self.journal.close()
            return ""
        restore(before)
        if status.running:
            return "; the files are as they were, and " + self._start_again(status)
        with contextlib.suppress(Sentence):
            self.homeserver.stop()
        self.journal.close()
        return "; the files are as they were, and Synapse does not run, as before"

    def _start_again(self, former: rc.Status | None) -> str:
        """Bring up the process that the files in place are for, unless it is the former one (a status) that still
        runs; says what came of it."""
        try:
            now = self.homeserver.status()
            if former is None or not now.running or now.pid != former.pid:
                self.homeserver.stop()
                self.homeserver.start()
        except Sentence as error:
            return f"Synapse does not come up with the former files either: {error}"
        self.journal.close()
        return "Synapse runs with the former files"
