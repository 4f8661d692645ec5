# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pot on this host, read: its configuration, its pots, and the two ways to change something."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import tempfile

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import mtime, read_text, write_atomically
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.locks import lock
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import PATH, Runner
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.tables import (
    parse_datasets,
    parse_jls,
    parse_mounts,
)
from ansible_collections.potluck.matrix.plugins.module_utils._pot import settings
from ansible_collections.potluck.matrix.plugins.module_utils._pot.conf import PotConf
from ansible_collections.potluck.matrix.plugins.module_utils._pot.mounts import parse_fscomp
from ansible_collections.potluck.matrix.plugins.module_utils._pot.output import parse_status, pot_errors
from ansible_collections.potluck.matrix.plugins.module_utils._pot.state import State

# A creation that was cut off must be recognised after a reboot, which empties /var/run.
MARKER_DIR = "/var/db"


def pot_lock(name, timeout, check):
    """The lock of one pot. A run in check mode writes nothing, not even a lock file."""
    return contextlib.nullcontext() if check else lock("potluck-pot-" + name, timeout)


def holds_nothing(home):
    """No file below a pot's directory except pot's own configuration."""
    for directory, subdirs, files in os.walk(home):
        if directory != home + "/conf" and (files or any(os.path.islink(os.path.join(directory, s)) for s in subdirs)):
            return False
    return True


class Machine:
    """pot on this host. actions collects what was done; with check nothing is done but collecting."""

    def __init__(self, runner=None, pot=None, check=False, timeout=3600):
        self.runner = runner or Runner()
        self.check = check
        self.timeout = timeout
        self.actions = []
        self.warnings = []
        found = pot or shutil.which("pot", path=PATH)
        if not found:
            raise Sentence("pot is not installed on this host: install the package pot and run 'pot init' first.")
        self.pot = found
        self.prefix = os.path.dirname(os.path.dirname(os.path.realpath(self.pot)))
        self.config = self._read_config()
        self.zfs_root = self.config["POT_ZFS_ROOT"]
        self.fs_root = self.config["POT_FS_ROOT"]
        self.refresh()
        if self.zfs_root + "/jails" not in self.datasets or not os.path.isdir(self.fs_root + "/jails"):
            raise Sentence(
                f"pot is not initialised on this host (no dataset {self.zfs_root}/jails at {self.fs_root}/jails): run "
                "'pot init' first."
            )

    def query(self, argv, what):
        """Standard output of a command that only reads, in check mode as well. C(Sentence) for an exit code other than
        0.

        what: the words after "Cannot read" in that case.
        """
        rc, out, err = self.runner.run(argv)
        if rc != 0:
            raise Sentence(
                "Cannot read {}: {}".format(what, (err or out).strip() or f"'{shlex.join(argv)}' exited with {rc}")
            )
        return out

    def _read_config(self):
        keys = ("POT_ZFS_ROOT", "POT_FS_ROOT", "POT_TMP", "POT_EXTIF", "POT_NETWORK", "POT_NETWORK_STACK")
        texts = [read_text(path) or "" for path in settings.files(self.prefix)]
        found = settings.answer(self.query(settings.question(texts, keys), "pot's configuration"), keys)
        return {key: found[key] or settings.DEFAULTS[key] for key in keys}

    def refresh(self):
        """Read what the host runs and mounts anew."""
        self.datasets = parse_datasets(
            self.query(["zfs", "list", "-H", "-o", "name,mountpoint,canmount,mounted,origin"], "the ZFS datasets")
        )
        self.jails = parse_jls(self.query(["jls", "-q", "jid", "name", "host.hostname", "path"], "the running jails"))
        self._mounts = None

    @property
    def mounts(self):
        """C(parse_mounts) of C(mount -p), run when it is first needed after a C(refresh) or a mount or umount of our
        own.
        """
        if self._mounts is None:
            self._mounts = parse_mounts(self.query(["mount", "-p"], "the mounted file systems"))
        return self._mounts

    def home(self, name):
        """Directory of a pot, which holds C(conf) and, as the pot's root, C(m); there may be none."""
        return f"{self.fs_root}/jails/{name}"

    def root(self, name):
        """Directory of the host that is the root of a pot. That of a multi pot is empty while the pot is
        stopped.
        """
        return self.home(name) + "/m"

    def dataset(self, name):
        """Name of a pot's dataset; the root of a single pot is a dataset of its own below it, C(m)."""
        return f"{self.zfs_root}/jails/{name}"

    def own_prefixes(self):
        """What the sources of those mounts begin with that pot itself puts into fscomp.conf: a tuple for
        C(startswith).
        """
        return (self.zfs_root + "/bases/", self.zfs_root + "/jails/")

    def names(self):
        """Names of everything that looks like a pot, half-created ones too."""
        found = {n for n in os.listdir(self.fs_root + "/jails") if os.path.isdir(self.home(n))}
        prefix = self.zfs_root + "/jails/"
        found.update(d[len(prefix) :] for d in self.datasets if d.startswith(prefix) and "/" not in d[len(prefix) :])
        return sorted(found)

    def status_path(self, name):
        """The file in POT_TMP in which pot keeps the state of a pot, see C(parse_status); it need not be there."""
        return "{}/pot_status_{}".format(self.config["POT_TMP"], name)

    def marker_path(self, name):
        """The file that is there from before a pot is created until that has ended, so also after a creation that was
        cut off.

        It holds the names of the flavours, separated by blanks.
        """
        return f"{MARKER_DIR}/potluck-pot-{name}.creating"

    def boot_time(self):
        """Time of the host's last boot in nanoseconds since 1970, as C(mtime) has it, from the sysctl kern.boottime;
        0 if that is not understood.
        """
        match = re.search(r"sec = (\d+)", self.query(["sysctl", "-n", "kern.boottime"], "the time of the last boot"))
        return int(match.group(1)) * 10**9 if match else 0

    def read(self, name):
        """State of a pot, from the host as of the last C(refresh) and pot's files as of now."""
        state = State(name)
        home, root, dataset = self.home(name), self.root(name), self.dataset(name)
        has_dir, has_dataset = os.path.isdir(home), dataset in self.datasets
        state.exists = has_dir or has_dataset
        if name in self.jails and self.jails[name]["path"] in ("", root, os.path.realpath(root)):
            state.jid = self.jails[name]["jid"]
        if not state.exists:
            return state
        text = read_text(home + "/conf/pot.conf")
        state.conf = PotConf(text or "")
        state.lines = parse_fscomp(read_text(home + "/conf/fscomp.conf") or "", root)
        self._judge(state, text is not None, has_dataset)
        self._read_run(state)
        return state

    def _judge(self, state, has_conf, has_dataset):
        home, root, dataset = self.home(state.name), self.root(state.name), self.dataset(state.name)
        single = state.conf.text("pot.type") == "single"
        unmounted = [
            d
            for d in self.datasets
            if (d == dataset or d.startswith(dataset + "/"))
            and self.datasets[d]["mounted"] == "no"
            and self.datasets[d]["canmount"] == "on"
        ]
        marker = read_text(self.marker_path(state.name))
        if (
            marker is not None
            and not state.running
            and (marker.strip() or not os.path.exists(home + "/conf/.last_run_stats"))
        ):
            # Without a flavour nothing but a user starts a new pot: one that ran is in use, whatever the marker says.
            state.broken, state.disposable = "an earlier run was cut off while it created the pot", True
            return
        if not has_dataset:
            state.broken = f"directory {home} exists without dataset {dataset}"
        elif unmounted:
            state.broken = f"dataset {unmounted[0]} is not mounted"
        elif not has_conf:
            state.broken = "conf/pot.conf is missing"
        elif not os.path.isdir(root):
            state.broken = f"directory {root} is missing"
        elif single and dataset + "/m" not in self.datasets:
            state.broken = f"dataset {dataset}/m is missing"
        elif single and not os.listdir(root):
            state.broken = f"{root} is empty"
        elif not single and read_text(home + "/conf/fscomp.conf") is None:
            state.broken = "conf/fscomp.conf is missing"
        if state.broken:
            state.disposable = not state.running and not unmounted and holds_nothing(home)

    def _read_run(self, state):
        path = self.status_path(state.name)
        status_time = mtime(path)
        if status_time is not None:
            state.status = parse_status(read_text(path) or "")
            # Left from before the last boot; or the clock was set after the pot was started, and the boot time moved
            # with it.
            state.outdated = (state.running or state.status != "stopped") and status_time < self.boot_time()
            if state.outdated and not state.running:
                state.status = ""
        if status_time is None or not state.running or state.status != "started":
            return
        conf = self.home(state.name) + "/conf/"
        ended = mtime(conf + ".last_run_stats")
        state.rc_finished = self.foreground(state.conf) or (ended is not None and ended >= status_time)
        state.restart_required = not state.broken and (mtime(conf + "pot.conf") or 0) > status_time

    @staticmethod
    def foreground(conf):
        """Whether the pot's command is not expected to end, so that C(pot start) does not return."""
        return conf.text("pot.attr.persistent", "YES") == "NO" or not re.search(
            r"/etc/rc\b", conf.get("pot.cmd") or "sh /etc/rc"
        )

    def act(self, argv, download=False, cwd="/", until=None):
        """Run a command that changes something and note it. In check mode it is only noted, the result is success."""
        self.actions.append(shlex.join(argv))
        if self.check:
            return 0, "", ""
        full = [self.pot] + argv[1:] if argv[0] == "pot" else argv
        return self.runner.run(full, self.timeout, download=download, cwd=cwd, until=until)

    def edit(self, path, text, note, keep_mtime=False, mode=None):
        """Write a file by C(write_atomically) and note it in actions together with the words of note. In check mode it
        is only noted.
        """
        self.actions.append(f"edit {path} ({note})")
        if not self.check:
            write_atomically(path, text, keep_mtime, mode)

    def explain(self, rc, out, err, unsaid=""):
        """Why a command failed: what it said, or at least its exit code. A full disk takes away even the words."""
        found = pot_errors(out, err)
        if found:
            return found
        for path in (tempfile.gettempdir(), self.fs_root + "/jails"):
            free = os.statvfs(path)
            if free.f_bavail * free.f_frsize < 1024 * 1024:
                return f"exit code {rc}, and no space left on device ({path})"
        return f"exit code {rc}{unsaid}"

    def again(self, name):
        """State of a pot after looking at the host anew."""
        self.refresh()
        return self.read(name)

    def touch(self, name):
        """Make every later run see that a restart is due: they compare the age of pot.conf with that of the status."""
        if not self.check:
            os.utime(self.home(name) + "/conf/pot.conf")

    def host_lock(self):
        """The lock for what only one run on the host may do at a time, as a context manager; in check mode it locks
        nothing.
        """
        return contextlib.nullcontext() if self.check else lock("potluck-pot", self.timeout)

    def write_conf(self, state, new, options, keep_mtime):
        """Write pot.conf and read it back; C(Sentence) when it holds something else by then.

        options: names of what changes, for actions. keep_mtime: the change needs no restart, and must not look as if it
        did (see C(touch)).
        """
        self.edit(self.home(state.name) + "/conf/pot.conf", new.render(), ", ".join(options), keep_mtime)
        if self.check:
            return
        if read_text(self.home(state.name) + "/conf/pot.conf") != new.render():
            raise Sentence(f"The configuration of pot {state.name} was changed by somebody else at the same time.")
