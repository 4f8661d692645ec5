# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making a pot, from a base, a clone or an image."""

from __future__ import annotations

import contextlib
import os
import re
import socket

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import write_atomically
from ansible_collections.potluck.matrix.plugins.module_utils._pot import addressing, destruction
from ansible_collections.potluck.matrix.plugins.module_utils._pot.conf import cloned_conf, initial_conf
from ansible_collections.potluck.matrix.plugins.module_utils._pot.names import template_name
from ansible_collections.potluck.matrix.plugins.module_utils._pot.network import check_network
from ansible_collections.potluck.matrix.plugins.module_utils._pot.options import merge
from ansible_collections.potluck.matrix.plugins.module_utils._pot.output import pot_errors

MANIFESTS_DIR = "/usr/local/share/freebsd/MANIFESTS"


def create(machine, name, options):
    """Create a pot from a base release, as a clone or from an image; on failure nothing of it is left."""
    with machine.host_lock():
        source = options.get("clone_from")
        inherited = machine.read(source).conf.text("network_type") if source else None
        if options.get("bridge") and (options.get("network_type") or inherited) == "private-bridge":
            addressing.ensure_bridge(machine, options["bridge"], options.get("bridge_hosts"))
        if options.get("image"):
            source = _import(machine, options["image"])
            if not machine.check:
                check_source(machine, source)
        network = _network_arguments(machine, options)
        flavours = [word for flavour in options.get("flavours") or [] for word in ("-f", flavour)]
        if source:
            argv = ["pot", "clone", "-P", source, "-p", name]
            if options.get("clone_snapshot"):
                argv += ["-s", options["clone_snapshot"]]
        else:
            argv = ["pot", "create", "-p", name, "-t", options.get("type") or "single"]
            if options.get("base"):
                argv += ["-b", options["base"]]
            if options.get("pot_base"):
                argv += ["-P", options["pot_base"]]
            if options.get("type") == "multi":
                argv += ["-l", str(options.get("level") or 1)]
        _create(machine, name, argv + network + flavours)


def _create(machine, name, argv):
    if machine.check:
        machine.act(argv)
        return
    marker = machine.marker_path(name)
    write_atomically(marker, " ".join(a for a, b in zip(argv[1:], argv) if b == "-f"), mode=0o600)
    directory = machine.prefix + "/etc/pot/flavours"
    try:
        # pot looks for flavours in the current directory first.
        rc, out, err = machine.act(argv, download=True, cwd=directory if os.path.isdir(directory) else "/")
        problem = "" if rc == 0 else machine.explain(rc, out, err)
    except Sentence as exc:
        rc, out, err, problem = 1, "", "", str(exc)
    if rc == 0:
        os.unlink(marker)
    state = machine.again(name)
    if rc == 0 and state.exists and not state.broken:
        machine.warnings += [
            line
            for line in re.findall(r"###>\s+(Flavor .* not valid - ignoring.*)", out)
            if not re.search(r"line\s+(#.*|['\"]?['\"]?)\s*not valid", line)
        ]
        return
    problem = problem or pot_errors(out, err) or state.broken or "pot reported success but made nothing"
    # Somebody else's pot, made meanwhile, is left alone.
    if state.exists and f"###>  pot {name} already exists" not in out:
        with contextlib.suppress(Sentence):
            destruction.destroy_stopped(machine, state)
    # Last: until here, a run that is killed leaves a sign that this pot is no good.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(marker)
    raise Sentence(f"Cannot create pot {name}: {problem}")


def _network_arguments(machine, options):
    argv = []
    for flag, option in (("-N", "network_type"), ("-B", "bridge"), ("-S", "network_stack"), ("-d", "dns")):
        # A text of our own is written after pot is done, and pot knows no such value.
        if options.get(option) and (option, options[option]) != ("dns", "custom"):
            argv += [flag, options[option]]
    for address in options.get("ip") or []:
        argv += ["-i", address]
    return argv


def _import(machine, image):
    """Make sure the template of an image is there; its name."""
    name = template_name(image["name"], image["tag"])
    state = machine.read(name)
    if state.exists and state.broken and state.disposable:
        destruction.destroy_stopped(machine, state)
        state = machine.again(name)
    if state.exists:
        if state.broken:
            raise Sentence(
                f"The template {name} of image {image['name']} is broken ({state.broken}): look at it, then remove it "
                f"with 'pot destroy -F -p {name}'."
            )
        return name
    if image.get("pubkey") and not os.path.isfile(image["pubkey"]):
        raise Sentence("The public key {} does not exist on the host.".format(image["pubkey"]))
    argv = ["pot", "import", "-p", image["name"], "-t", image["tag"]]
    if image.get("url"):
        argv += ["-U", image["url"]]
    if image.get("pubkey"):
        argv += ["-C", image["pubkey"]]
    rc, out, err = machine.act(argv, download=True)
    if machine.check:
        return name
    state = machine.again(name)
    if rc != 0 or not state.exists or state.broken:
        if state.exists and f"###>  pot {name} is already present" not in out:
            with contextlib.suppress(Sentence):
                destruction.destroy_stopped(machine, state)
        raise Sentence(
            "Cannot import image {} {}: {}".format(
                image["name"],
                image["tag"],
                pot_errors(out, err) or state.broken or "pot reported success but made nothing",
            )
        )
    return name


def snapshots(machine, name):
    """{dataset: [snapshot tags, oldest first]} of a pot."""
    out = machine.query(
        ["zfs", "list", "-H", "-t", "snapshot", "-o", "name", "-r", machine.dataset(name)],
        f"the snapshots of pot {name}",
    )
    found: dict[str, list[str]] = {}
    for line in out.split("\n"):
        dataset, at, tag = line.strip().partition("@")
        if at:
            found.setdefault(dataset, []).append(tag)
    return found


def check_source(machine, name, snapshot=None):
    """State of a pot that can be cloned, or a sentence why it cannot."""
    state = machine.read(name)
    if not state.exists:
        raise Sentence(f"The pot {name} to clone from does not exist.")
    if state.broken:
        raise Sentence(f"The pot {name} to clone from cannot be used: {state.broken}.")
    part = "/m" if state.conf.text("pot.type") == "single" else "/custom"
    tags = snapshots(machine, name).get(machine.dataset(name) + part, [])
    if not tags:
        raise Sentence(
            f"The pot {name} to clone from has no snapshot: stop it and take one with 'pot snapshot -p {name}'."
        )
    if snapshot and snapshot not in tags:
        raise Sentence(f"The pot {name} has no snapshot {snapshot}.")
    return state


def check_new(machine, options):
    """Raise one sentence for what can be known to be missing before a pot is created."""
    if options.get("clone_from"):
        source = check_source(machine, options["clone_from"], options.get("clone_snapshot"))
        check_network(
            dict(options, network_type=options.get("network_type") or source.conf.text("network_type", "inherit"))
        )
    elif not options.get("image"):
        _check_base(machine, options)
        if options.get("pot_base") and not machine.read(options["pot_base"]).exists:
            raise Sentence("The pot {} to build on does not exist.".format(options["pot_base"]))
    directory = machine.prefix + "/etc/pot/flavours/"
    for flavour in options.get("flavours") or []:
        places = (
            [flavour, flavour + ".sh"]
            if flavour.startswith("/")
            else [directory + flavour, directory + flavour + ".sh"]
        )
        if re.search(r"\s", flavour) or not any(os.path.isfile(p) for p in places):
            raise Sentence("Flavour {} was not found (looked for {}).".format(flavour, " and ".join(places)))


def _check_base(machine, options):
    base = options.get("base")
    if options.get("type") == "multi":
        if options.get("level") == 2 and not options.get("pot_base"):
            raise Sentence("A pot of type multi and level 2 needs pot_base.")
        if base and machine.zfs_root + "/bases/" + base not in machine.datasets:
            raise Sentence(f"{base} is not a base of this host: make it with 'pot create-base -r {base}'.")
    elif base and os.path.isdir(MANIFESTS_DIR):
        known = sorted({re.sub(r"-RELEASE\Z", "", "-".join(n.split("-")[2:])) for n in os.listdir(MANIFESTS_DIR)})
        if base not in known:
            raise Sentence(
                "{} is not a release pot can fetch; this host knows {} (update the package "
                "freebsd-release-manifests for newer ones).".format(base, ", ".join(known) or "none")
            )


def expected_conf(machine, name, options):
    """pot.conf as creation will leave it, to describe the change before it is made."""
    host, source = socket.gethostname(), options["clone_from"]
    if options["image"]:
        source = template_name(options["image"]["name"], options["image"]["tag"])
    if source:
        template = machine.read(source)
        conf = cloned_conf(template.conf, name, host) if template.exists else initial_conf(name, "", host)
    else:
        kind = options["type"] or "single"
        conf = initial_conf(
            name,
            options["base"] or "",
            host,
            kind,
            (options["level"] or 1) if kind == "multi" else 0,
            options["pot_base"] or "",
            machine.config["POT_NETWORK_STACK"],
        )
    network = ("network_type", "ip", "bridge", "network_stack")
    return merge(conf, {option: options[option] for option in network}, machine.config["POT_EXTIF"])
