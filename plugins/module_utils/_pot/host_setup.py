# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module pot_host: a host made ready for pots."""

from __future__ import annotations

import grp
import os
import tempfile
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import rc
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import read_text, write_atomically
from ansible_collections.potluck.matrix.plugins.module_utils._pot import host as host_module
from ansible_collections.potluck.matrix.plugins.module_utils._pot import pf, settings
from ansible_collections.potluck.matrix.plugins.module_utils._pot.host import Host, list_directory
from ansible_collections.potluck.matrix.plugins.module_utils._pot.output import pot_errors

RC_SCRIPT = "/usr/local/etc/rc.d/pot"
RC_CONF = "/etc/rc.conf"
# Seconds for pot init, which fetches nothing.
LIMIT = 600


class HostSetup:
    """One run of the module. C(actions), C(changed) and C(diff) collect what was done, or would be in check mode.

    C(Sentence) names the option that is at fault.
    """

    def __init__(self, host: Host, check: bool) -> None:
        self.host, self.check = host, check
        self.actions: list[str] = []
        self.changed = False
        self.diff: list[dict[str, str]] = []

    def run(self, options: t.Mapping[str, t.Any]) -> None:
        """Bring the host to the module's options."""
        host = self.host
        if not host.installed and not self.check:
            raise Sentence(f"pot is not installed: {host_module.POT} is missing", "settings")
        self._check_mounts(options["required_mounts"])
        self._configure(options["settings"], options["bridge"])
        self._ensure_group()
        if host.installed:
            if not os.access(RC_SCRIPT, os.X_OK):
                # A pot that came from its repository instead of a package; its pots work, until the host is rebooted.
                host.warnings.append(f"{RC_SCRIPT} is missing, so that no pot starts at boot: install the package pot")
            self._initialise()
            self._set_rc_variables(options["rc_variables"])
        if options["configure_pf"]:
            self._add_pf_anchors()

    def _check_mounts(self, required: list[str]) -> None:
        """C(Sentence) unless something is mounted on each. In check mode a missing or empty directory passes."""
        mounted = self.host.mounted()
        for path in required:
            # In check mode the dataset may be one that the run would create.
            if os.path.realpath(path) not in mounted and not (self.check and not list_directory(path)):
                raise Sentence(
                    f"nothing is mounted on {path}, so a pot would write into a plain directory of the host; "
                    "mount its dataset first",
                    "required_mounts",
                )

    def _wanted_settings(self, given: t.Mapping[str, object]) -> dict[str, str]:
        """The settings as texts, with POT_EXTIF if nobody has set it."""
        host = self.host
        try:
            wanted = {key: settings.text_of(key, value) for key, value in given.items()}
        except ValueError as error:
            raise Sentence(str(error), "settings") from error
        there = ", ".join(host.interfaces)
        if "POT_EXTIF" not in wanted and "POT_EXTIF" not in settings.parse(host.configuration):
            wanted["POT_EXTIF"] = host.default_interface
            if not wanted["POT_EXTIF"]:
                raise Sentence(
                    "the host has no default route to take the outside interface from; "
                    f"set POT_EXTIF to one of {there}",
                    "settings",
                )
        extif = wanted.get("POT_EXTIF", host.settings.get("POT_EXTIF"))
        if extif not in host.interfaces:
            raise Sentence(f"POT_EXTIF: the host has no network interface '{extif}'; it has {there}", "settings")
        return wanted

    def _configure(self, given: t.Mapping[str, object], bridge: bool) -> None:
        """Bring the settings into pot.conf; C(Sentence) before it is written for what cannot work.

        In check mode the settings count as written for all that follows.
        """
        host, path = self.host, host_module.CONFIGURATION
        before, text = host.configuration, settings.edit(host.configuration, self._wanted_settings(given))
        host.configuration = text
        conflict = host.network_conflict() if bridge else None
        if conflict:
            raise Sentence(conflict, "network")
        if text != before:
            self.changed = True
            self._show(path, before, text)
            # A setting that cannot work must not be left behind: no later run would take it out again.
            if host.installed:
                host.initialised()
            self._write(path, text, "settings")
        host.warnings += [
            f"{key} is quoted in {path}, which hides it from potnet; set it through this module or remove the quotes"
            for key in settings.quoted_for_potnet(text)
        ]

    def _ensure_group(self) -> None:
        """pot gives its files to a group and does nothing without it."""
        name = self.host.settings["POT_GROUP"]
        try:
            grp.getgrnam(name)
        except KeyError:
            self.actions.append("pw groupadd " + name)
            self.changed = True
            if not self.check:
                rc, _out, err = self.host.runner.run(["pw", "groupadd", "-n", name])
                if rc != 0:
                    raise Sentence(f"POT_GROUP: the group {name} cannot be made: {err.strip()}", "settings") from None

    def _initialise(self) -> None:
        """Run C(pot init -m) unless all that it makes is there; C(Sentence) when something of it is missing
        afterwards.
        """
        if self.host.initialised():
            return
        # -m leaves syslog, rc.conf and the packet filter alone.
        self.actions.append("pot init -m")
        self.changed = True
        if self.check:
            return
        rc, out, err = self.host.runner.run([host_module.POT, "init", "-m"], timeout=LIMIT)
        if rc != 0 or not self.host.initialised():
            reason = pot_errors(out, err) or f"exit code {rc}"
            raise Sentence(f"'pot init -m' did not initialise pot: {reason}", "settings")

    def _set_rc_variables(self, wanted: t.Mapping[str, object]) -> None:
        """Set variables of rc.conf, text each; C(Sentence) unless they read back as wanted."""
        values = {name: str(value) for name, value in wanted.items()}
        for name, value in values.items():
            rc.check_variable(name, value)
        conf = rc.Variables(RC_CONF)
        before = conf.read(sorted(values))
        missing = {name: value for name, value in values.items() if before[name] != value}
        if not missing:
            return
        self.actions += [f"set {name}" for name in sorted(missing)]
        self.changed = True
        shown = (f"{name}: {before[name]}\n" for name in sorted(missing) if before[name] is not None)
        self._show(RC_CONF, "".join(shown), "".join(f"{name}: {missing[name]}\n" for name in sorted(missing)))
        if not self.check:
            conf.write(missing)

    def _add_pf_anchors(self) -> None:
        """Write pot's anchors to the file of rules unless both are there; C(Sentence) when C(pfctl -n) refuses the
        result, in check mode too.

        The rules are not loaded.
        """
        rules = self.host.pf_rules()
        before = read_text(rules) or ""
        if pf.has_pf_anchors(before):
            return
        after = pf.with_pf_anchors(before)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", errors="surrogateescape") as draft:
            draft.write(after)
            draft.flush()
            rc, _out, err = self.host.runner.run(["pfctl", "-nf", draft.name])
            said = err.strip().replace(draft.name, rules).replace("\n", "; ")
        if rc != 0:
            raise Sentence(
                "%s would not be valid with pot's anchors in it and is left as it is; add the lines '%s' and '%s' to "
                "its translation section: %s" % (rules, *pf.PF_ANCHORS, said),
                "configure_pf",
            )
        self.actions.append("pot's anchors in " + rules)
        self.changed = True
        self._show(rules, before, after)
        self._write(rules, after, "configure_pf")

    def _write(self, path: str, text: str, option: str) -> None:
        if self.check:
            return
        try:
            write_atomically(path, text)
        except Sentence as error:
            raise Sentence(str(error), option) from error

    def _show(self, path: str, before: str, after: str) -> None:
        """Add a file to what diff mode shows; before and after are its whole texts."""
        self.diff.append({"before": before, "after": after, "before_header": path, "after_header": path})
