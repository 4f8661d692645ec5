# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sysrc(8) and service(8) of a host that exists in a JSON file only.

Messages and exit codes are those recorded on FreeBSD 13.2; the name it is called by decides which command it is.
The state: conf and defaults (variables), services {name: {pid, ...quirks}}, calls (what was run).
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).parent
STATE = HERE / "state.json"


def finish(state, rc, stdout="", stderr=""):
    STATE.write_text(json.dumps(state))
    sys.stdout.write(stdout)
    sys.stderr.write(stderr)
    sys.exit(rc)


def sysrc(state, args):
    rc, out, err = 0, "", ""
    path = "/etc/rc.conf"
    if args[0] == "-f":
        path, args = args[1], args[2:]
    flags = args.pop(0) if args[0].startswith("-") else ""
    conf = state["conf"].setdefault(path, {})
    effective = {**state["defaults"], **conf}
    for arg in args:
        name, equals, value = arg.partition("=")
        if equals:
            out += "{}: {} -> {}\n".format(name, effective.get(name, ""), value)
            if not state.get("read_only"):
                conf[name] = value
        elif name not in effective:
            rc = 1
            err += "" if "i" in flags else f"sysrc: unknown variable '{name}'\n"
        elif "x" in flags:
            conf.pop(name, None)
        elif "F" in flags:
            out += "{}: {}\n".format(name, path if name in conf else "/etc/defaults/rc.conf")
        else:
            out += f"{name}: {effective[name]}\n"
    if state.get("syntax_error"):
        rc, out, err = (
            1,
            "",
            "/etc/rc.conf: 3: Syntax error: Unterminated quoted string\nsysrc: Exiting due to previous syntax errors\n",
        )
    finish(state, rc, out, err)


def service(state, args):
    name, verb = args
    if name not in state["services"]:
        finish(
            state,
            1,
            f"{name} does not exist in /etc/rc.d or the local startup\ndirectories (/usr/local/etc/rc.d), or is not "
            f"executable\n",
        )
    this = state["services"][name]
    variable = name.replace("-", "_") + "_enable"
    value = {**state["defaults"], **state["conf"].get("/etc/rc.conf", {})}.get(variable, this.get("default", "NO"))
    value = this.get("rc.conf.d", value)
    one, verb = verb.startswith("one"), verb.removeprefix("one")
    pid = this.get("pid")
    if pid and this.get("dies_at") and time.time() > this["dies_at"]:
        pid = this["pid"] = None
    if verb == "enabled":
        finish(state, 0 if value.upper() in ("YES", "TRUE", "ON", "1") else 1)
    if not one and value.upper() != "YES":
        finish(
            state,
            0,
            f"Cannot '{verb}' {name}. Set {variable} to YES in /etc/rc.conf or use 'one{verb}' instead of '{verb}'.\n",
        )
    if verb == "status":
        if pid and this.get("visible_at", 0) <= time.time():
            finish(state, 0, "{} is running{}.\n".format(name, "" if this.get("no_pid") else " as pid %d" % pid))
        finish(state, 1, f"{name} is not running.\n")
    if verb == "reload":
        if this.get("no_reload"):
            script = "/usr/local/etc/rc.d/" + name
            finish(
                state,
                1,
                "",
                f"{script}: unknown directive 'reload'.\nUsage: {script} [fast|force|one|quiet](start|stop|restart)\n",
            )
        if this.get("dies_of_hup"):
            this["pid"] = None
        finish(state, 1 if this.get("bad_config") else 0, f"Performing sanity check on {name} configuration.\n")
    if verb == "restart" and this.get("bad_config"):
        finish(state, 1, f"Performing sanity check on {name} configuration.\n", "bad config\n")
    out, err = "", ""
    if verb in ("stop", "restart"):
        if pid:
            out += "Stopping %s.\nWaiting for PIDS: %d.\n" % (name, pid)
            if not this.get("immortal"):
                this["pid"] = None
        else:
            err += f"{name} not running? (check /var/run/{name}.pid).\n"
            if verb == "stop":
                finish(state, 1, "", err)
    if verb in ("start", "restart"):
        if this.get("pid"):
            finish(state, 1, out, err + "%s already running?  (pid=%d).\n" % (name, this["pid"]))
        if this.get("precmd_fails"):
            finish(state, 1, out, err + f"/usr/local/etc/rc.d/{name}: WARNING: failed precmd routine for {name}\n")
        out += f"Starting {name}.\n"
        if not this.get("stillborn"):
            state["next_pid"] = this["pid"] = state.get("next_pid", 5000) + 7
            if this.get("slow"):
                this["visible_at"] = time.time() + 0.5
        # A daemon that keeps the standard files it was started with.
        if this.get("daemon") and os.fork() == 0:
            time.sleep(20)
            os._exit(0)
    finish(state, 0, out, err)


def main():
    state = json.loads(STATE.read_text())
    command = os.path.basename(sys.argv[0])
    state["calls"].append([command] + sys.argv[1:])
    state["environment"] = dict(os.environ)
    {"sysrc": sysrc, "service": service}[command](state, sys.argv[1:])


if __name__ == "__main__":
    main()
