# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check of a database."""

from __future__ import annotations

import inspect

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._probe import database_question, host


def check_database(check: dict, timeout: float, runner: Runner) -> str:
    """The interpreter ``argv`` has to get an answer from the PostgreSQL that the configuration of Synapse in the
    directory ``target`` names, as the account ``run_as``.
    """
    argv = [*check["argv"], "-B", "-c", inspect.getsource(database_question), check["target"]]
    # In root's home the library would look for a certificate of its own, and end since it cannot.
    environment = {"HOME": "/nonexistent", **(check.get("environment") or {})}
    host.check_command({**check, "argv": argv, "environment": environment, "body": None}, timeout, runner)
    return "the database answers"
