# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every secret of the inventory is a random word, and that word is looked for where it must not be."""

from __future__ import annotations

import json
import re

# Prints the files below the given directories that contain a word, as JSON {word: [[path, mode], ...]}; the words come
# on standard input.
SEARCH = r"""
import json, os, stat, sys
words, found = json.load(sys.stdin), {}
for top in sys.argv[1:]:
    # Where nothing is, nothing would be found.
    assert os.path.isdir(top), top
    for parent, directories, files in os.walk(top):
        unread = ("/proc", "/dev", "/.double")
        directories[:] = [name for name in directories if os.path.join(parent, name) not in unread]
        for name in files:
            path = os.path.join(parent, name)
            try:
                status = os.lstat(path)
                if not stat.S_ISREG(status.st_mode) or status.st_size > 200 * 1024 * 1024:
                    continue
                with open(path, "rb") as stream:
                    content = stream.read()
            except OSError:
                continue
            for key, word in words.items():
                if word.encode() in content:
                    found.setdefault(key, []).append([path, status.st_mode & 0o777])
json.dump(found, sys.stdout)
"""


def search(site, *directories, pot=None):
    done = site.inside("/usr/local/bin/python3.11", "-c", SEARCH, *directories, pot=pot, input=json.dumps(site.secrets))
    return json.loads(done.stdout)


def test_the_most_talkative_output_shows_none(observed):
    assert len(observed.deployed.output) > 100000
    shown = [name for name, word in observed.secrets.items() if word in observed.deployed.output]
    assert shown == []


def test_the_first_run_takes_few_remote_operations(observed):
    """Here since it is this deployment that is looked at."""
    counted = re.search(rf"^{observed.machine} +(\d+) +\d+$", observed.deployed.output, re.M)
    assert int(counted.group(1)) <= 100, counted.group(0)


def test_diffs_show_none(site):
    """Every file that holds one is made anew under the eyes of check and diff mode."""
    other = {
        "matrix_ldap_password": "Other1" * 4,
        "matrix_smtp_password": "Other2" * 4,
        "matrix_gossip_key": "T3RoZXIzT3RoZXIzT3RoZXIzT3RoZXIzT3RoZXIzT3Q=",
        "matrix_node_exporter_basic_auth_users": {"prometheus": "Other4" * 4},
        "matrix_shared_secret": "Other5" * 4,
        "synapse_secret_settings": {"turn_shared_secret": "Other6" * 4},
        "synapse_form_secret": "Other7" * 4,
    }
    done = site.ansible("site", "--check", "--diff", "-vvv", "--skip-tags", "verify", **other)
    assert done.code == 0, done.output[-4000:]
    assert done.changed >= 4
    shown = [name for name, word in site.secrets.items() if word in done.output]
    assert shown == []
    shown = [text for text in re.findall('"(Other[^"]*|T3R[^"]*)"', json.dumps(other)) if text in done.output]
    assert shown == []


def test_no_process_had_one_among_its_arguments(observed):
    assert observed.listed.rounds > 50
    assert observed.listed.found == set()


def test_no_log_has_one(site):
    assert search(site, "/var/log") == {}
    assert search(site, "/var/log", pot=site.machine) == {}


def test_pots_own_files_have_none(site):
    assert search(site, f"/opt/pot/jails/{site.machine}/conf", "/usr/local/etc", "/root", "/tmp", "/var/tmp") == {}


def test_no_world_readable_file_has_one(site):
    found = search(site, "/", pot=site.machine)
    # The search itself works: what Synapse needs is there.
    assert {"mail", "directory", "shared"} <= set(found)
    everybodys = {name: [path for path, mode in places if mode & 0o007] for name, places in found.items()}
    assert {name: paths for name, paths in everybodys.items() if paths} == {}


def test_synapse_alone_reads_what_is_synapses(site):
    for path, _mode in search(site, "/usr/local/etc", pot=site.machine)["mail"]:
        assert site.jail_run(f"stat -f '%Lp %Su %Sg' {path}").split() == ["640", "root", "synapse"]
