# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Let Synapse read other files before they are put in place, as the user that it runs as."""

from __future__ import annotations

import inspect
import json
import os
import pwd
import re
import shutil

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import no_links
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import CommandTimeout, Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import put
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import PATH, Runner
from ansible_collections.potluck.matrix.plugins.module_utils._synapse import trial
from ansible_collections.potluck.matrix.plugins.module_utils._synapse.files import File
from ansible_collections.potluck.matrix.plugins.module_utils._synapse.start import most_telling

# Seconds for a trial. Synapse takes some three to read everything; a database that does not answer is given ten.
TRIAL_LIMIT = 120
ENVIRONMENT = {"PATH": PATH, "LANG": "C.UTF-8"}


class Trial:
    """A directory beside the configuration in which the user that Synapse runs as finds the wanted files and all
    others that count."""

    def __init__(self, params: dict, files: list[File]) -> None:
        self._params, self._files = params, files
        self._top = os.path.join(os.path.dirname(os.path.normpath(params["config"])), ".trial")

    def _stage(self) -> str:
        """Make it; the directory with the configuration. Where files of the set name each other, they name those
        of the trial."""
        config = os.path.normpath(self._params["config"])
        group = pwd.getpwnam(self._params["user"]).pw_gid
        self.clean()
        target = os.path.join(self._top, "config")
        for path in (self._top, target):
            no_links.make_directory(path, 0, group, 0o750)
        texts, elsewhere = {}, {}
        for name in os.listdir(config) if os.path.isdir(config) else []:
            if name.endswith(".yaml"):
                texts[name] = no_links.read(os.path.join(config, name))
        for file in self._files:
            parent, name = os.path.split(file.path)
            if parent == config:
                texts[name] = (file.content, file.attributes) if file.content else None
            else:
                elsewhere[file.path] = os.path.join(self._top, name)
                if file.content is not None:
                    put(elsewhere[file.path], file.content, file.attributes)
        for name, found in texts.items():
            if found:
                content, attributes = found
                for path, there in elsewhere.items():
                    # Not where it is the beginning of another path.
                    content = re.sub(re.escape(path).encode() + rb"(?![\w./@+=-])", there.encode(), content)
                put(os.path.join(target, name), content, attributes)
        return target

    def clean(self) -> None:
        """Remove what a run that was cut off in a trial has left."""
        shutil.rmtree(self._top, ignore_errors=True)

    def run(self, running: bool) -> None:
        """Sentence when Synapse could not start with it."""
        params = self._params
        user = pwd.getpwnam(params["user"])
        try:
            try:
                target = self._stage()
            except OSError as error:
                raise Sentence(
                    f"the files cannot be written to be tried: {error.strerror or error}", "files"
                ) from error
            # Its own source, wherever Ansible has packed it.
            command = [
                params["python"],
                "-B",
                "-W",
                "ignore",
                "-c",
                inspect.getsource(trial),
                target,
                params["config"],
                params["config"] if running else "",
                os.path.dirname(params["log"]),
            ]
            # What it writes, if anything, is the log of a Synapse.
            rc, out, said = Runner().run(command, TRIAL_LIMIT, environment=ENVIRONMENT, user=user, umask=0o027)
        except CommandTimeout as error:
            raise Sentence(
                f"Synapse does not finish reading the configuration within {TRIAL_LIMIT} seconds", "program"
            ) from error
        finally:
            self.clean()
        try:
            answer = json.loads(out.strip().splitlines()[-1])
            part, reason = answer["part"], answer["reason"]
        except (IndexError, ValueError, KeyError, TypeError):
            part, reason = "program", most_telling(said, "") or f"it ended with {rc}"
        if part:
            names = {os.path.join(self._top, os.path.basename(file.path)): file.path for file in self._files}
            for there, path in [(target, os.path.normpath(params["config"])), *names.items()]:
                reason = reason.replace(there, path)
            raise Sentence(reason, part)
