# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starting and stopping a pot, and waiting for whoever works on it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.caller import CALLER
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import CommandTimeout, Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import mtime, read_text
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.tables import parse_jls
from ansible_collections.potluck.matrix.plugins.module_utils._pot import addressing, guarding, mounting
from ansible_collections.potluck.matrix.plugins.module_utils._pot.mounts import render
from ansible_collections.potluck.matrix.plugins.module_utils._pot.network import lenient, split_alias
from ansible_collections.potluck.matrix.plugins.module_utils._pot.output import parse_status, pot_errors


def busy(machine, name):
    """Ids of pot commands at work on this pot, begun by anybody (boot scripts, a run that was cut off)."""
    # Jail 0 is the host, and only root can run pot: what others call their processes is no sign of anything.
    pattern = re.compile(
        rf"\s*(\d+)\s+0\s+0\s.*\bpot (start|stop|create|clone|import|destroy|rename)\s(.*\s)?{re.escape(name)}(\s|$)"
    )
    found = (
        pattern.match(line)
        for line in machine.query(["ps", "-axww", "-o", "pid,jid,uid,command"], "the processes").split("\n")
    )
    return [int(match.group(1)) for match in found if match and int(match.group(1)) != os.getpid()]


def wait_idle(machine, name):
    """Wait until no pot command works on this pot."""
    deadline = time.monotonic() + machine.timeout
    while busy(machine, name):
        CALLER.check()
        if time.monotonic() > deadline:
            raise Sentence(
                "Another pot command has been working on pot %s for more than %d seconds." % (name, machine.timeout)
            )
        time.sleep(1)
    machine.refresh()


def settle(machine, state):
    """State of the pot after a creation by somebody else, or by a run that was cut off, has come to its end."""
    marker = machine.marker_path(state.name)
    if machine.check or not (state.broken or os.path.exists(marker)):
        return state
    if busy(machine, state.name):
        wait_idle(machine, state.name)
        state = machine.read(state.name)
    if state.running:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(marker)
    return state


def repair(machine, state):
    """Bring a pot whose status file and jail contradict each other back to a state pot can work with."""
    # "stopped" with a jail: "jail -r" failed after pot had taken the pot's addresses and mounts away.
    stale = (
        state.status in ("starting", "stopping", "stopped") if state.running else state.status not in ("", "stopped")
    )
    if state.broken or not (stale or not state.rc_finished) or not state.exists:
        return state
    if busy(machine, state.name):
        if machine.check:
            return state
        wait_idle(machine, state.name)
        state = machine.read(state.name)
        if (state.running and state.status == "started") or (not state.running and state.status in ("", "stopped")):
            return state
        stale = True
    if not stale:
        # The command that started the pot was killed before /etc/rc ended: services may be missing.
        state.restart_required = True
        return state
    machine.actions.append("repair: status '{}', jail {}".format(state.status, "running" if state.running else "gone"))
    return stop(machine, state)


def start(machine, state):
    """Start a pot that is stopped, with a clean environment, and prove that its jail runs and its rc has ended."""
    name, stats = state.name, machine.home(state.name) + "/conf/.last_run_stats"
    before = mtime(stats)
    until = None
    if machine.foreground(state.conf):

        def until():
            return parse_status(read_text(machine.status_path(name)) or "") == "started" and name in parse_jls(
                machine.runner.run(["jls", "-q", "jid", "name", "host.hostname", "path"])[1]
            )

    guarding.clear(machine, state)
    if state.outdated and not machine.check:
        # Older than the last boot, so that pot ignores it as well; unless the clock was set meanwhile, and pot takes it
        # for one of now.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(machine.status_path(name))
    try:
        rc, out, err = machine.act(["pot", "start", name], until=until)
    except CommandTimeout as exc:
        state = machine.again(name)
        if state.running or state.status not in ("", "stopped"):
            stop(machine, state)
        raise Sentence(f"{exc} The pot was stopped again.") from exc
    if machine.check:
        return state
    state = machine.again(name)
    if not state.running:
        raise Sentence("Cannot start pot {}: {}".format(name, machine.explain(rc, out, err, ", and no jail runs")))
    if rc is not None:
        code = None
        if mtime(stats) != before:
            with contextlib.suppress(ValueError):
                code = json.loads(read_text(stats) or "{}").get("ExitCode")
        if rc != 0 or code is None:
            raise Sentence(
                "Cannot prove that pot {} has started: {}".format(
                    name, machine.explain(rc, out, err, ", and the end of its start command is not recorded")
                )
            )
        if code != 0:
            raise Sentence(
                "Pot {} runs, but its start command '{}' ended with exit code {}: {}".format(
                    name, state.conf.get("pot.cmd"), code, (err.strip() or out.strip())[-500:]
                )
            )
    if state.restart_required:
        # Written before the clock was set back: it would seem to be newer than every start for as long as that lasts.
        started = mtime(machine.status_path(name))
        if started is not None:
            os.utime(machine.home(name) + "/conf/pot.conf", ns=(started, started))
        state.restart_required = False
    return state


def stop(machine, state):
    """Stop a pot and prove that its jail and its mounts are gone."""
    name = state.name
    addresses = addressing.jail_addresses(machine, name) if state.running and not machine.check else []
    if state.status in ("starting", "stopping") or (state.running and (state.status == "" or state.outdated)):
        # pot refuses to stop from these; 'started' lets its own clean-up do the work.
        interfaces = re.findall(r"^pot\.status=[a-z]*,(.*)$", read_text(machine.status_path(name)) or "", re.M)
        machine.edit(
            machine.status_path(name),
            "pot.status=started,%s\n" % (interfaces[-1] if interfaces else ""),
            "started, so that pot can stop it",
        )
    rc, out, err = machine.act(["pot", "stop", name])
    if machine.check:
        state.jid, state.status = None, "stopped"
        return state
    after = machine.again(name)
    if after.running:
        # "jail -r" can fail and pot says nothing; a second stop helps.
        rc, out, err = machine.act(["pot", "stop", name])
        after = machine.again(name)
        if after.running:
            raise Sentence(f"Cannot stop pot {name}: its jail still runs after two attempts. {pot_errors(out, err)}")
    if after.status not in ("", "stopped"):
        raise Sentence(
            "Cannot stop pot {}: {}".format(name, pot_errors(out, err) or "its status is still " + after.status)
        )
    mounting.unmount_leftovers(machine, after)
    # pot has removed those of its configuration, but not those that it had before its configuration changed.
    kept = {lenient(lambda t: split_alias(t, "")[1], [i])[0] for i in (after.conf.get("ip") or "").split()}
    addressing.remove_addresses(machine, [a for a in addresses if a not in kept])
    return after


def put_back(machine, name, former, problem):
    """Start a pot that ran with what it ran with, because it does not come up with what was changed: C(Sentence)
    whatever becomes of that.

    former: its (PotConf, lines of fscomp.conf); problem: why it does not come up. Returns when there is nothing to put
    back.
    """
    state, (conf, lines) = machine.again(name), former
    texts = [("pot.conf", state.conf.render(), conf.render()), ("fscomp.conf", render(state.lines), render(lines))]
    if state.broken or state.running or all(now == then for _name, now, then in texts):
        return
    if state.status not in ("", "stopped"):
        stop(machine, state)
    for part, now, then in texts:
        if now != then:
            machine.edit(f"{machine.home(name)}/conf/{part}", then, "as it was")
    state = machine.again(name)
    guarding.ensure_pot(machine, state)
    try:
        start(machine, state)
    except Sentence as exc:
        raise Sentence(f"{problem} With the configuration that it had before it does not start either: {exc}") from exc
    raise Sentence(f"{problem} It runs again with the configuration that it had before.")
