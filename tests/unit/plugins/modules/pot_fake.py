# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with pot in a temporary directory: the files are real, the commands are functions.

The answers, exit codes included, are those of the captures. A test puts a function into C(faults) under the name of a
pot subcommand to make that command misbehave.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import locks
from ansible_collections.potluck.matrix.plugins.module_utils._pot import creation, guard_program, guarding
from ansible_collections.potluck.matrix.plugins.module_utils._pot import machine as machine_module
from ansible_collections.potluck.matrix.plugins.module_utils._pot.conf import PotConf, cloned_conf, initial_conf
from ansible_collections.potluck.matrix.plugins.module_utils._pot.machine import Machine, pot_lock
from ansible_collections.potluck.matrix.plugins.module_utils._pot.mounts import parse_fscomp
from ansible_collections.potluck.matrix.plugins.module_utils._pot.options import merge
from ansible_collections.potluck.matrix.plugins.module_utils._pot.output import parse_status
from ansible_collections.potluck.matrix.plugins.module_utils._pot.reconcile import PotModule
from ansible_collections.potluck.matrix.plugins.modules import pot as pot_module


class FakeMachine:
    """A C(Runner) whose commands act on files below a directory and on dictionaries."""

    def __init__(self, directory, monkeypatch):
        self.directory = str(directory)
        self.fs_root = self.directory + "/opt/pot"
        self.tmp = self.directory + "/tmp"
        self.pot = self.directory + "/usr/local/bin/pot"
        for path in (
            "opt/pot/jails",
            "opt/pot/bridges",
            "opt/pot/bases",
            "tmp",
            "usr/local/bin",
            "usr/local/etc/pot/flavours",
            "usr/local/libexec",
            "run",
            "db",
            "manifests",
            "data",
        ):
            os.makedirs(os.path.join(self.directory, path))
        self.write(self.pot, "#!/bin/sh\n")
        self.write(
            self.directory + "/usr/local/etc/pot/pot.default.conf",
            "POT_ZFS_ROOT=zroot/pot\nPOT_NETWORK=10.192.0.0/10\n",
        )
        self.write(
            self.directory + "/usr/local/etc/pot/pot.conf",
            f"POT_FS_ROOT={self.fs_root}\nPOT_TMP={self.tmp}\nPOT_EXTIF=vtnet0 # the NIC\n",
        )
        self.install_guard()
        for release in ("13.2", "14.2"):
            self.write(self.directory + f"/manifests/amd64-amd64-{release}-RELEASE", "")
        monkeypatch.setattr(locks, "LOCK_DIR", self.directory + "/run")
        monkeypatch.setattr(machine_module, "MARKER_DIR", self.directory + "/db")
        monkeypatch.setattr(creation, "MANIFESTS_DIR", self.directory + "/manifests")
        monkeypatch.setattr(creation.socket, "gethostname", lambda: "fbsd1.example.test")
        self.datasets = {"zroot": self.props("/zroot")}
        for part in ("", "/bases", "/jails", "/fscomp"):
            self.datasets["zroot/pot" + part] = self.props(
                self.fs_root + part, canmount="on" if part else "off", mounted="yes" if part else "no"
            )
        self.jails = {}
        self.mounted = []
        self.snapshots = {}
        self.redirections, self.limits = {}, {}
        self.processes = []
        self.faults = {}
        self.commands = []
        self.next_jid = 4

    def install_guard(self):
        """What the first run on a host does, so that the others' actions are about their pots alone."""
        prefix = self.directory + "/usr/local"
        for path, text, mode in guarding.host_files(prefix):
            self.write(path, text)
            os.chmod(path, mode)
        conf = prefix + "/etc/pot/pot.conf"
        self.write(conf, guarding.with_lines(self.text(conf), prefix))

    @staticmethod
    def props(mountpoint, canmount="on", mounted="yes", origin="-"):
        return {"mountpoint": mountpoint, "canmount": canmount, "mounted": mounted, "origin": origin}

    @staticmethod
    def write(path, text):
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as handle:
            handle.write(text)

    @staticmethod
    def text(path):
        with open(path, encoding="utf-8") as handle:
            return handle.read()

    def home(self, name):
        return self.fs_root + "/jails/" + name

    def conf(self, name):
        return self.text(self.home(name) + "/conf/pot.conf")

    def fscomp(self, name):
        return self.text(self.home(name) + "/conf/fscomp.conf")

    def status(self, name, state=None):
        path = f"{self.tmp}/pot_status_{name}"
        if state is not None:
            self.write(path, f"pot.status={state},\n")
        return parse_status(self.text(path)) if os.path.exists(path) else ""

    # -- the runner's interface

    def run(self, argv, timeout=120, download=False, cwd="/", until=None):
        argv = ["pot"] + argv[1:] if argv[0] == self.pot else argv
        self.commands.append(" ".join(argv))
        if argv[0] == "/bin/sh":
            done = subprocess.run(argv, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})
            return done.returncode, done.stdout, done.stderr
        if argv[-1] == guard_program.PROOF:
            return 1, f"###>  {guard_program.ANSWER}\n", ""
        name = argv[0] if argv[0] != "pot" else "pot_" + argv[1].replace("-", "_")
        result = self.faults[argv[1]](argv[2:]) if argv[0] == "pot" and argv[1] in self.faults else None
        if result is None:
            result = getattr(self, name)(argv[2:] if argv[0] == "pot" else argv[1:])
        return result

    @staticmethod
    def getopt(args, flags=""):
        """{letter: [values]} of arguments of pot."""
        options, rest = {}, list(args)
        while rest:
            word = rest.pop(0)
            if not word.startswith("-"):
                options.setdefault("p", []).append(word)
                continue
            for position, letter in enumerate(word[1:], 1):
                if letter in flags:
                    options[letter] = [True]
                else:
                    options.setdefault(letter, []).append(word[position + 1 :] or rest.pop(0))
                    break
        return options

    def zfs(self, args):
        if "-t" in args:
            names = self.snapshots.get(args[-1], [])
            return 0, "".join(n + "\n" for n in names), ""
        rows = [
            "\t".join([n, p["mountpoint"], p["canmount"], p["mounted"], p["origin"]])
            for n, p in sorted(self.datasets.items())
        ]
        return 0, "".join(r + "\n" for r in rows), ""

    def jls(self, args):
        if args[0] == "-j":
            jail = self.jails.get(args[1])
            return (0, jail.get(args[2], "") + "\n", "") if jail else (1, "", f'jls: jail "{args[1]}" not found\n')
        return (
            0,
            "".join(
                "%d %s %s.fbsd1.example.test %s/m\n" % (j["jid"], n, n, self.home(n)) for n, j in self.jails.items()
            ),
            "",
        )

    def mount(self, args):
        if args[0] == "-t":
            self.mounted.append((args[4], args[5], "nullfs", args[3]))
            return 0, "", ""
        datasets = [(name, p["mountpoint"], "zfs", "rw") for name, p in self.datasets.items() if p["mounted"] == "yes"]
        return 0, "".join("{}\t\t{}\t{}\t{}\t0 0\n".format(*m) for m in datasets + self.mounted), ""

    def sysctl(self, args):
        return 0, "{ sec = 1000000000, usec = 0 } Sun Sep  9 01:46:40 2001\n", ""

    def pfctl(self, args):
        """Rules of anchors: C(redirections), by the anchor's name."""
        if args[2] == "-F":
            self.redirections.pop(args[1])
        rules = self.redirections.get(args[1])
        return (0, rules, "") if rules else (0, "", "pfctl: DIOCGETRULES: Invalid argument\n")

    def rctl(self, args):
        """What C(limits) has for a subject, as C(jail:NAME)."""
        if args[0] != "-r":
            return 0, self.limits.get(args[0], ""), ""
        self.limits.pop(args[1])
        return 0, "", ""

    def ps(self, args):
        return 0, "  PID JID UID COMMAND\n" + "".join(p + "\n" for p in self.processes), ""

    def ifconfig(self, args):
        if args == ["-l"]:
            return 0, "vtnet0 lo0\n", ""
        if not args:
            return (
                0,
                (
                    "vtnet0: flags=8863<UP> metric 0 mtu 1500\n\tinet 10.0.2.15 netmask 0xffffff00 broadcast "
                    "10.0.2.255\n"
                    "\tinet 10.0.2.50 netmask 0xffffffff broadcast 10.0.2.50\n"
                ),
                "",
            )
        return 0, "", ""

    def potnet(self, args):
        return 0, "10.192.0.7\n", ""

    def umount(self, args):
        found = [m for m in self.mounted if m[1] == args[0]]
        if not found:
            return 1, "", f"umount: {args[0]}: not a file system root directory\n"
        self.mounted.remove(found[-1])
        return 0, "", ""

    def jexec(self, args):
        if args[-3:-1] == ["/bin/mkdir", "-p"]:
            os.makedirs(self.home(args[1]) + "/m" + args[-1], exist_ok=True)
        return 0, "", ""

    def jail(self, args):
        self.jails.pop(args[1])
        return 0, "", ""

    # -- pot

    def make(self, name, conf, fscomp=""):
        home = self.home(name)
        os.makedirs(home + "/conf")
        for path in ("/m/mnt", "/m/bin", "/m/usr", "/m/etc", "/m/tmp", "/m/dev"):
            os.makedirs(home + path)
        self.write(home + "/m/bin/freebsd-version", "")
        self.datasets["zroot/pot/jails/" + name] = self.props(home)
        self.datasets["zroot/pot/jails/" + name + "/m"] = self.props(home + "/m")
        self.write(home + "/conf/pot.conf", conf.render())
        self.write(home + "/conf/fscomp.conf", fscomp)

    def network(self, options, conf):
        new = {
            "network_type": options.get("N", [None])[0],
            "ip": options.get("i"),
            "bridge": options.get("B", [None])[0],
            "network_stack": options.get("S", [None])[0],
            "dns": options.get("d", [None])[0],
        }
        return merge(conf, new, "vtnet0", lambda bridge: "10.192.0.3")

    def pot_create(self, args):
        options = self.getopt(args)
        name = options["p"][0]
        if os.path.exists(self.home(name)):
            return 1, f"###>  pot {name} already exists\n", ""
        conf = initial_conf(
            name, options["b"][0], "fbsd1.example.test", options["t"][0], int(options.get("l", ["0"])[0])
        )
        self.make(name, self.network(options, conf))
        return 0, "===>  Creating a new pot\n", ""

    def pot_clone(self, args):
        options = self.getopt(args, "F")
        name, source = options["p"][0], options["P"][0]
        conf = cloned_conf(PotConf(self.conf(source)), name, "fbsd1.example.test")
        self.make(name, self.network(options, conf), self.fscomp(source))
        self.datasets[f"zroot/pot/jails/{name}/m"]["origin"] = f"zroot/pot/jails/{source}/m@1"
        return 0, "", ""

    def snapshot(self, name, tag="1"):
        self.snapshots["zroot/pot/jails/" + name] = [f"zroot/pot/jails/{name}@{tag}", f"zroot/pot/jails/{name}/m@{tag}"]

    def pot_import(self, args):
        options = self.getopt(args)
        name = (options["p"][0] + "_" + options["t"][0]).replace(".", "_")
        self.make(name, initial_conf(name, "14.2", "fbsd1.example.test"))
        self.snapshot(name)
        return 0, "===>  importing\n", ""

    def pot_create_private_bridge(self, args):
        options = self.getopt(args)
        self.write(
            self.fs_root + "/bridges/" + options["B"][0],
            "net=10.192.0.8/29\ngateway=10.192.0.9\nname={}\n".format(options["B"][0]),
        )
        return 0, "", ""

    def mount_all(self, name):
        root = self.home(name) + "/m"
        for line in parse_fscomp(self.fscomp(name), root):
            source = line.source if line.source.startswith("/") else self.datasets[line.source]["mountpoint"]
            self.mounted.append((source, root + line.target, "nullfs", line.option or "rw"))
        self.mounted.append(("tmpfs", root + "/tmp", "tmpfs", "rw"))

    def pot_start(self, args):
        name = self.getopt(args)["p"][0]
        if name in self.jails:
            return 0, "", ""
        if self.status(name) not in ("", "stopped"):
            return 1, f"###>  pot {name} is not in a state where it can start\n", ""
        self.mount_all(name)
        self.next_jid += 1
        ips = (PotConf(self.conf(name)).get("ip") or "").split()
        self.jails[name] = {"jid": self.next_jid, "ip4.addr": ",".join(i.rpartition("|")[2] for i in ips)}
        self.status(name, "started")
        self.write(self.home(name) + "/conf/.last_run_stats", '{ "ExitCode": 0 }')
        return 0, f"===>  Starting the pot {name}\n", ""

    def pot_stop(self, args):
        name = self.getopt(args)["p"][0]
        if not os.path.exists(self.home(name) + "/conf/pot.conf"):
            return 0, f"###>  The pot {name} is not a valid pot\n", ""
        if self.status(name) not in ("started", "doa", "stopped"):
            return 1, f"###>  pot {name} is not in a state where it can be stopped\n", ""
        self.jails.pop(name, None)
        self.mounted = [m for m in self.mounted if not m[1].startswith(self.home(name) + "/m/")]
        self.status(name, "stopped")
        return 0, "", ""

    def pot_destroy(self, args):
        options = self.getopt(args, "Fr")
        name = options["p"][0]
        if "zroot/pot/jails/" + name not in self.datasets:
            return (
                1,
                f"###>   Pot {name} not found\n###>  pot {name} not found or corrupted. Try to use the -F flag\n",
                "",
            )
        if name in self.jails:
            return 1, f"===>  Destroying pot {name}\n###>  pot {name} is running\n", ""
        self.datasets = {d: p for d, p in self.datasets.items() if not (d + "/").startswith(f"zroot/pot/jails/{name}/")}
        shutil.rmtree(self.home(name), ignore_errors=True)
        return 0, f"===>  Destroying pot {name}\n", ""

    def pot_rename(self, args):
        options = self.getopt(args)
        old, new = options["p"][0], options["n"][0]
        if old in self.jails:
            return 1, f"###>  pot {old} is still running\n", ""
        if "zroot/pot/jails/" + new in self.datasets:
            return 1, f"###>  pot {new} exists already\n", ""
        before, after = "zroot/pot/jails/" + old, "zroot/pot/jails/" + new
        for dataset in [each for each in self.datasets if (each + "/").startswith(before + "/")]:
            properties = self.datasets.pop(dataset)
            place = properties["mountpoint"].replace(self.home(old), self.home(new))
            self.datasets[after + dataset[len(before) :]] = {**properties, "mountpoint": place}
        os.rename(self.home(old), self.home(new))
        return 0, "", ""

    def pot_mount_in(self, args):
        options = self.getopt(args, "rw")
        name, target = options["p"][0], options["m"][0]
        root = self.home(name) + "/m"
        source = (options.get("d") or options.get("z") or ["zroot/pot/fscomp/" + options.get("f", [""])[0]])[0]
        option = " ro" if "r" in options else ""
        if "d" in options and source + " " in self.fscomp(name):
            return 1, f"###>  Directory {source} not valid, already used or already part of the pot\n", ""
        os.makedirs(root + target, exist_ok=True)
        with open(self.home(name) + "/conf/fscomp.conf", "a", encoding="utf-8") as handle:
            handle.write("{} {}{}\n".format(source, target if "d" in options else root + target, option))
        if name in self.jails:
            real = source if "d" in options else self.datasets[source]["mountpoint"]
            self.mounted.append((real, root + target, "nullfs", option.strip() or "rw"))
        return 0, "", ""


def execute(fake, name="d1", check=False, **options):
    """Run the module's logic with its defaults; the result as Ansible would get it."""
    spec = pot_module.argument_spec()
    params = {k: v.get("default") for k, v in spec.items()}
    params.update(name=name, timeout=5)
    for key in ("attributes", "limits"):
        if key in options:
            options[key] = {**dict.fromkeys(spec[key]["options"]), **options[key]}
    for mount in options.get("mounts") or []:
        mount.setdefault("kind", "directory")
        mount.setdefault("read_only", False)
    params.update(options)
    fake.commands = []
    with pot_lock(name, 5, check):
        machine = Machine(fake, fake.pot, check, timeout=5)
        result = PotModule(params, machine, check).run()
    result["warnings"] = machine.warnings
    return result


def age(path, seconds=100):
    """Make a file older, so that a later write is seen as later."""
    when = time.time() - seconds
    with contextlib.suppress(FileNotFoundError):
        os.utime(path, (when, when))
