# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module rc_service: rc.conf and a service brought to what is wanted, proven, and taken back when that fails."""

from __future__ import annotations

import contextlib
import os
import time
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import rc
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.kept import Kept
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.service_log import Log

# Seconds: a daemon that has told its parent that all is well may still end.
SETTLE = 1.0
# Seconds that the line with the reason may take from the service through syslog to the file.
LOG_DELAY = 1.0


def wanted_variables(options: t.Mapping[str, t.Any]) -> tuple[dict[str, str], list[str]]:
    """(values by name, names to remove), without the variable of O(enabled); C(Sentence) for what cannot be written."""
    values, absent = {}, list(options["variables_absent"])
    for name, value in options["variables"].items():
        if value is None:
            absent.append(name)
        elif isinstance(value, bool):
            values[name] = "YES" if value else "NO"
        elif isinstance(value, (str, int, float)):
            values[name] = str(value)
        else:
            raise Sentence(f"the value of {name} is neither a text nor a number")
    for name in absent:
        rc.check_variable(name)
    for name, value in values.items():
        rc.check_variable(name, value)
    both = sorted(set(values) & set(absent))
    if both:
        raise Sentence("{} cannot be set and absent at once".format(", ".join(both)))
    return values, sorted(set(absent))


def next_action(state: str | None, restart: bool, running: bool) -> str | None:
    """What to do with a service: start, stop, restart, reload or None."""
    if state == "stopped":
        return "stop" if running else None
    if not running:
        return "start" if state else None
    if state == "restarted" or restart:
        return "restart"
    return "reload" if state == "reloaded" else None


def out_of_service(options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The options that disable and stop the service of O(instead_of)."""
    return {
        **options,
        "name": options["instead_of"],
        "enabled": False,
        "state": "stopped",
        "variables": {},
        "variables_absent": [],
        "restart_on_change": False,
        "restart_if_newer": [],
        **dict.fromkeys(("rcvar", "kept", "log", "look_at")),
    }


def together(name: str, other: dict, result: dict) -> dict:
    """The result of a service with what was done before to another one, which has that name."""
    joint = {
        **result,
        "changed": other["changed"] or result["changed"],
        "actions": other["actions"] + result["actions"],
    }
    if "diff" in other and "diff" in result:
        joint["diff"] = {when: {name: other["diff"][when], **result["diff"][when]} for when in ("before", "after")}
    return joint


class ServiceRun:
    """One run of the module for a service.

    C(options) are the module's; C(proof) returns a sentence for each check that a running service does not pass, and is
    None where there is none to pass; so do C(reload_unless) and C(restart_unless) for the checks that make a service do
    that. C(result) is what the module returns, whatever comes of it; C(warnings) are sentences.
    """

    def __init__(
        self,
        options: t.Mapping[str, t.Any],
        check: bool,
        diff: bool,
        proof: t.Callable[[], list[str]] | None,
        reload_unless: t.Callable[[], list[str]] | None = None,
        restart_unless: t.Callable[[], list[str]] | None = None,
    ) -> None:
        self.options, self.check, self.diff, self.proof = options, check, diff, proof
        self.reload_unless, self.restart_unless = reload_unless, restart_unless
        self.name = options["name"]
        self.service = rc.Service(self.name, options["timeout"])
        self.conf = rc.Variables(options["file"])
        self.result: dict[str, t.Any] = {"changed": False, "actions": []}
        self.warnings: list[str] = []
        self.kept: Kept | None = None

    @property
    def actions(self) -> list[str]:
        """What was done, or would be in check mode."""
        return self.result["actions"]

    def ensure(self) -> None:
        """Do everything; C(Sentence) when something is not as wanted in the end."""
        options = self.options
        if options["kept"] and not self.check:
            self.kept = Kept(options["kept"])
        log = Log(options["log"], options["log_pattern"])
        before = self.service.status() if self.kept else None
        try:
            self._bring_about(before)
            if (self.proof or self.kept) and self.result.get("running") and not self.check:
                self.result["pid"] = self._prove().pid
        except Sentence as error:
            look_at = " (look at {})".format(options["look_at"]) if options["look_at"] else ""
            if options["log"]:
                time.sleep(LOG_DELAY)
            said = log.said()
            reason = "{}{}{}".format(error, f", it says: {said}" if said else "", look_at)
            if self.kept is None or before is None or not self.kept.there:
                raise Sentence(reason) from None
            reason = f"{reason}; {self._bring_back(self.kept, before)}"
            self.result["running"] = self.service.status().running
            raise Sentence(reason) from None
        if self.kept:
            self.kept.forget()

    def _bring_about(self, before: rc.Status | None) -> None:
        """Set the variables and bring the service to its state; C(Sentence) when that is not so in the end.

        before: the status until now, if somebody has asked for it.
        """
        options = self.options
        status = before
        if not before and (options["state"] or options["restart_on_change"] or options["restart_if_newer"]):
            status = self.service.status()
        if status and not status.exists:
            # In check mode the package that brings the service may not have been installed for real.
            if not self.check:
                raise Sentence(f"there is no service {self.name}")
            self.warnings.append(f"there is no service {self.name} yet")
        if self.kept and status:
            self.kept.keep_running(status.running)
        values, after, variables_changed = self._apply_variables(bool(status and status.running))
        self.result.update(variables={"before": values, "after": after}, changed=bool(self.actions))
        shown: dict[str, dict] = {"before": dict(values), "after": dict(after)}
        if status:
            shown["before"]["state"], shown["after"]["state"] = self._apply_state(status, variables_changed)
        self.result["changed"] = bool(self.actions)
        if self.diff:
            self.result["diff"] = shown

    # -- rc.conf

    def _enabling(self, rcvar: str, before: str | None) -> bool:
        """Whether the variable of O(enabled) has to be written."""
        wanted = self.options["enabled"]
        if wanted is False and before is None:
            return self.service.enabled()  # by a default in the rc script itself
        return wanted is not None and rc.is_true(before) != wanted

    def _apply_variables(self, running: bool) -> tuple[dict, dict, bool]:
        """Bring rc.conf to what is wanted: (before, after, True when a variable other than that of O(enabled) changed).

        running: whether the service runs, and would have to be restarted for a change.
        """
        options = self.options
        values, absent = wanted_variables(options)
        rcvar = options["rcvar"] or rc.rc_name(self.name) + "_enable"
        rc.check_variable(rcvar)
        asked = options["enabled"] is not None
        if asked and (rcvar in values or rcvar in absent):
            raise Sentence(f"{rcvar} is set by the option enabled, it cannot be among the variables too")
        before = self.conf.read(sorted({*values, *absent, *([rcvar] if asked else [])}))
        to_write = {name: value for name, value in values.items() if before[name] != value}
        remove = self.conf.present(absent)
        others = bool(to_write or remove)
        enable = asked and self._enabling(rcvar, before[rcvar])
        if enable:
            to_write[rcvar] = "YES" if options["enabled"] else "NO"
        after: dict[str, str | None] = {**before, **to_write}
        self.actions.extend(f"set {name}" for name in sorted(to_write))
        self.actions.extend(f"remove {name}" for name in remove)
        if self.check:
            after.update(dict.fromkeys(remove))
            return before, after, others
        self._write(to_write, remove, before, others and running and options["restart_on_change"])
        if remove:
            after.update(self.conf.read(remove))
        if enable and self.service.enabled() != options["enabled"]:
            counts = "disabled" if options["enabled"] else "enabled"
            raise Sentence(
                f"{rcvar} is {to_write[rcvar]} now, but the service still counts as {counts}: does it exist, and is "
                "there a file of its name in rc.conf.d?"
            )
        return before, after, others

    def _write(self, to_write: dict[str, str], remove: list[str], before: dict, restart: bool) -> None:
        """Set and remove variables, after keeping what they were and noting that a restart will be due."""
        if self.kept and (to_write or remove):
            there = self.conf.present(list(to_write)) + remove
            self.kept.keep_variables({name: before[name] if name in there else None for name in [*to_write, *remove]})
        if restart:
            # Said before it is done, so that the restart is made up for when this run is cut off.
            with open(rc.pending(self.name), "w"):
                pass
        self.conf.write(to_write)
        self.conf.delete(remove)

    # -- the service

    def _apply_state(self, status: rc.Status, variables_changed: bool) -> tuple[str, str]:
        """Bring the service to what is wanted, given its Status, with the result's keys about it: (before, after) for
        the diff.
        """
        options, pending = self.options, rc.pending(self.name)
        if not self.check:
            rc.bring_to_now(options["restart_if_newer"])
        stale = status.pid is not None and rc.newer(options["restart_if_newer"], status.pid)
        unread = options["restart_on_change"] and (variables_changed or os.path.exists(pending))
        action = next_action(options["state"], unread or stale, status.running)
        before, running, pid = status.running, status.running, status.pid
        if action is None and running and self.reload_unless and self.reload_unless():
            action = "reload"
        if action:
            running, pid = self._act(action, status)
            if action == "reload" and not self.check:
                self._wait_until_read()
        # What a reload would lead to is not known before.
        known = running and (action is None or action == "reload" and not self.check)
        if known and self.restart_unless and self.restart_unless():
            action = "restart"
            running, pid = self._act(action, self.service.status())
        state = "started" if running else "stopped"
        self.result.update(running=running, state=state, pid=pid)
        shown = {"restart": "restarted", "reload": "reloaded"}.get(action or "", state)
        return "started" if before else "stopped", shown

    def _act(self, action: str, status: rc.Status) -> tuple[bool, int | None]:
        """Start, stop, restart or reload the service, whose Status it is: (whether it runs then, its pid)."""
        pending = rc.pending(self.name)
        self.actions.append(f"{action} {self.name}")
        if self.check:
            return action != "stop", status.pid if action == "reload" else None
        found = self.service.restart(status) if action == "restart" else getattr(self.service, action)()
        if action != "reload" and os.path.exists(pending):
            os.unlink(pending)
        return found.running, found.pid

    def _wait_until_read(self) -> None:
        """C(Sentence) when a service that was reloaded goes on without having read its configuration."""
        deadline = time.monotonic() + self.options["proof_timeout"]
        failed = self.reload_unless() if self.reload_unless else []
        while failed:
            if time.monotonic() >= deadline:
                raise Sentence("service {} was reloaded, but: {}".format(self.name, "; ".join(failed)))
            time.sleep(SETTLE)
            failed = self.reload_unless() if self.reload_unless else []

    def _prove(self) -> rc.Status:
        """The Status of a service that runs on and passes the checks; C(Sentence), with what the first that fail say,
        for another one.
        """
        deadline = time.monotonic() + self.options["proof_timeout"]
        if self.actions:
            # It was started just now, and may not have come to the end of its start.
            time.sleep(SETTLE)
        while True:
            failed = self.proof() if self.proof else []
            status = self.service.status()
            if not status.running:
                raise Sentence(f"service {self.name} ended soon after its start")
            if not failed:
                return status
            if time.monotonic() >= deadline:
                raise Sentence("service {} runs, but: {}".format(self.name, "; ".join(failed)))
            time.sleep(SETTLE)

    def _bring_back(self, kept: Kept, before: rc.Status) -> str:
        """Put back what was kept, the state of the service as well; a sentence about what came of it.

        before: the Status in the beginning.
        """
        variables = kept.variables
        try:
            kept.put_back()
            self.conf.write({name: value for name, value in variables.items() if value is not None})
            self.conf.delete(self.conf.present([name for name, value in variables.items() if value is None]))
            status = self.service.status()
            if kept.running and status.running and status.pid is not None and status.pid == before.pid:
                # The process of before: at most told to read its files again, and so it is once more.
                with contextlib.suppress(rc.NoReload):
                    self.service.reload()
            elif kept.running and status.running:
                self.service.restart(status)
            elif kept.running:
                self.service.start()
            elif status.running:
                self.service.stop()
        except (OSError, Sentence) as error:
            return f"what was there before is not back either: {error}"
        pending = rc.pending(self.name)
        if os.path.exists(pending):
            os.unlink(pending)
        was_running = kept.running
        kept.forget()
        return "the former configuration is back, and the service %s" % (
            "runs with it" if was_running else "is stopped, as it was before"
        )
