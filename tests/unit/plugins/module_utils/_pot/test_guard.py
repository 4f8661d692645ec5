# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stopped pot in which processes have left links, pipes and words for pot."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._pot import guard, guard_program, guard_tree, guarding
from hypothesis import given
from hypothesis import strategies as st

CONF = "pot.type=single\npot.base=14.2\nvnet=%s\n"


class Place:
    """A host in a directory: a stopped pot d1, and a file of the host that nothing may touch."""

    def __init__(self, directory):
        self.directory = directory
        self.fs_root = str(directory / "opt/pot")
        self.root = directory / "opt/pot/jails/d1/m"
        for path in ("etc/rc.d", "tmp", "dev", "bin", "mnt"):
            (self.root / path).mkdir(parents=True)
        (self.root / "bin/freebsd-version").write_text('#!/bin/sh\nUSERLAND_VERSION="14.2-RELEASE-p3"\n')
        (self.root / "etc/rc.conf").write_text('# text\nsshd_enable="YES"\n')
        self.conf = self.root.parent / "conf"
        self.conf.mkdir()
        self.write()
        self.outside = directory / "host"
        (self.outside / "etc").mkdir(parents=True)
        (self.outside / "etc/hosts").write_text("the host's\n")
        self.data = directory / "data"
        self.data.mkdir()

    def write(self, fscomp="", vnet="false", record=None):
        (self.conf / "pot.conf").write_text(CONF % vnet)
        (self.conf / "fscomp.conf").write_text(fscomp)
        (self.conf / guard.RECORD).write_text(json.dumps(record or {"sources": {}}))

    def pot(self, mounts=()):
        return guard.Pot(self.fs_root, "d1", list(mounts), lambda source: source)

    def untouched(self):
        return {
            str(path.relative_to(self.outside)): path.read_text() if path.is_file() else None
            for path in self.outside.rglob("*")
        } == {"etc": None, "etc/hosts": "the host's\n"}


@pytest.fixture(name="place")
def fixture_place(tmp_path):
    return Place(tmp_path)


def test_a_good_pot_is_left_alone(place):
    place.write(f"{place.data} /mnt\n")
    before = sorted((str(p), p.lstat().st_mtime_ns) for p in place.root.rglob("*"))
    pot = place.pot()
    pot.sources()
    pot.places()
    pot.after()
    assert pot.tree.repaired == []
    assert sorted((str(p), p.lstat().st_mtime_ns) for p in place.root.rglob("*")) == before


@pytest.mark.parametrize("path", ["etc/hosts", "etc/resolv.conf", "tmp/environment.sh", "tmp/tinirc"])
@pytest.mark.parametrize("kind", ["absolute", "relative", "dangling", "pipe"])
def test_files_that_pot_overwrites(place, path, kind):
    target = place.root / path
    if kind == "pipe":
        os.mkfifo(target)
    else:
        victim = place.outside / ("etc/hosts" if kind != "dangling" else "etc/made")
        os.symlink(victim if kind == "absolute" else os.path.relpath(victim, target.parent), target)
    pot = place.pot()
    pot.places()
    assert not target.is_symlink() and not target.exists() and place.untouched()
    assert len(pot.tree.repaired) == 1 and pot.tree.repaired[0].startswith(f"/{path} was ")
    target.write_text("what pot writes")
    assert place.untouched()


@pytest.mark.parametrize(
    ("path", "mode"), [("tmp", 0o1777), ("dev", 0o555), ("proc", 0o555), ("mnt", 0o755), ("srv/deep/er", 0o755)]
)
def test_directories_that_pot_mounts_on(place, path, mode):
    place.write(f"{place.data} /mnt\n{place.data} /srv/deep/er ro\n")
    first = path.split("/")[0]
    if (place.root / first).is_dir():
        (place.root / first).rmdir()
    (place.outside / "etc/deep/er").mkdir(parents=True)
    os.symlink(place.outside / "etc", place.root / first)
    pot = place.pot()
    pot.places()
    assert (place.root / path).is_dir() and not (place.root / first).is_symlink()
    assert (place.root / path).stat().st_mode & 0o7777 == mode and pot.tree.repaired


def test_a_component_in_the_middle_and_one_in_another_mount(place):
    inner = place.directory / "inner"
    inner.mkdir()
    os.symlink(place.outside / "etc", place.data / "sub")
    place.write(f"{place.data} /mnt\n{inner} /mnt/sub/deep\n")
    pot = place.pot()
    pot.places()
    assert (place.data / "sub/deep").is_dir() and not (place.data / "sub").is_symlink()
    assert not (place.root / "mnt/sub").exists() and place.untouched()


@pytest.mark.parametrize("plant", ["link", "file", "nothing", "directory for hosts"])
def test_an_etc_that_is_none_is_refused(place, plant):
    if plant == "directory for hosts":
        (place.root / "etc/hosts").mkdir()
    else:
        (place.root / "etc").rename(place.root / "kept")
        if plant == "link":
            os.symlink(place.outside / "etc", place.root / "etc")
        elif plant == "file":
            (place.root / "etc").write_text("")
    words = "pot d1 has no /etc" if plant == "nothing" else "/etc.* in pot d1 is not a "
    with pytest.raises(guard_tree.Refused, match=words):
        place.pot().places()
    assert place.untouched()


def test_after_the_end_no_link_leads_out(place):
    """pot removes etc/resolv.conf and unmounts each target by its path."""
    place.write(f"{place.data} /srv/x\n")
    (place.root / "etc").rename(place.root / "kept")
    os.symlink(place.outside / "etc", place.root / "etc")
    os.symlink(place.outside, place.root / "srv")
    (place.root / "dev").rmdir()
    os.symlink(place.outside, place.root / "dev")
    pot = place.pot()
    pot.after()
    assert (
        not (place.root / "etc").exists()
        and not (place.root / "srv").exists()
        and not (place.root / "dev").is_symlink()
    )
    assert len(pot.tree.repaired) == 3 and place.untouched()


@pytest.mark.parametrize(
    "line",
    [
        "evil=`id`",
        "evil=$(id)",
        'evil="$(id)"',
        "id",
        "a=b id",
        ". /x",
        "a=1; id",
        "a=1 && id",
        'a="x" ; id',
        "a=b\\",
        "a='x'y$(id)",
        'a="x',
        "a=1\rid",
        "export PATH=/x",
        "a=~root",
        "a=*",
        "a<b",
        "\r",
        "\f",
        "PATH=/tmp",
        "IFS=x",
        "_x=1",
        'rc_conf_files="/tmp/x"',
        "\u2028id",
    ],
)
def test_an_rc_conf_that_does_more_than_set_variables_is_refused(place, line):
    place.write(vnet="true")
    (place.root / "etc/rc.conf").write_text(f'good="YES"\n{line}\n')
    with pytest.raises(guard_tree.Refused, match="line 2 of /etc/rc.conf in pot d1"):
        place.pot().places()
    place.write(vnet="false")
    place.pot().places()  # sysrc is not let at it


@pytest.mark.parametrize(
    "line",
    [
        "",
        "  # $(comment)",
        'a="b c"',
        "a='$(literal)'",
        "a=b",
        "a=10.0.0.1/8",
        'a="b" # why',
        'ifconfig_epair0b="inet 10.0.0.1 netmask 255.0.0.0"',
        "a=",
        'a="";',
    ],
)
def test_an_rc_conf_of_plain_variables_passes(place, line):
    place.write(vnet="true")
    (place.root / "etc/rc.conf").write_text(line + "\n")
    place.pot().places()


@given(st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\n"), max_size=30))
def test_no_accepted_line_of_rc_conf_runs_anything(line):
    """sh itself is asked: what it sees before and after an accepted line is an assignment and nothing else."""
    if not guard._RC_LINE.match(line) or "\0" in line:
        return
    done = subprocess.run(
        ["/bin/sh", "-c", "PATH=/nonexistent; {}\necho fine".format(line.replace("PATH=", "XPATH="))],
        capture_output=True,
        check=False,
    )
    assert done.stdout == b"fine\n" and done.stderr == b""


@pytest.mark.parametrize(
    "text",
    [
        'USERLAND_VERSION="14.2-RELEASE allow.mount"\n',
        "USERLAND_VERSION=14.2 persist\n",
        'USERLAND_VERSION="14.2"\nUSERLANDX="allow.mount.zfs"\n',
        'USERLAND_VERSION="14.2"; allow.vmm\n',
    ],
)
def test_the_release_is_one_word(place, text):
    (place.root / "bin/freebsd-version").write_text("#!/bin/sh\n" + text)
    with pytest.raises(guard_tree.Refused, match="says more than its release"):
        place.pot().places()


def test_a_link_in_place_of_what_is_only_read(place):
    for path, victim in (("bin/freebsd-version", "etc/hosts"), ("etc/rc.conf", "etc/hosts")):
        place.write(vnet="true")
        target = place.root / path
        kept = target.read_text()
        target.unlink()
        os.symlink(place.outside / victim, target)
        with pytest.raises(guard_tree.Refused, match="is not a plain file"):
            place.pot().places()
        target.unlink()
        target.write_text(kept)
    assert place.untouched()


def test_data_that_are_not_mounted(place):
    mounted = [("zroot/data", str(place.data), "zfs")]
    place.write(f"{place.data} /mnt\n", record={"sources": {str(place.data): ["zroot/data", str(place.data)]}})
    place.pot(mounted).sources()
    for others in ([], [("zroot/data", "/elsewhere", "zfs")], mounted + [("zroot/other", str(place.data), "zfs")]):
        with pytest.raises(
            guard_tree.Refused, match="dataset zroot/data is not mounted on .*: mount it \\('zfs mount zroot/data'\\)"
        ):
            place.pot(others).sources()
    for text in ("{", "[]", '{"sources": {"a": 1}}', '{"sources": ["a"]}', '{"sources": {"a": ["b"]}}', "1"):
        (place.conf / guard.RECORD).write_text(text)
        with pytest.raises(guard_tree.Refused, match="is damaged"):
            place.pot(mounted).sources()


def test_data_that_are_on_their_way_back(place):
    place.pot().whole(lambda datasets: pytest.fail("asked of nothing"))
    both = {"/a": ["zroot/data", "/a"], "/a/b": ["zroot/data/below", "/a/b"], "/c": ["zroot/data", "/a"]}
    place.write(record={"sources": both})
    asked = []
    place.pot().whole(lambda datasets: asked.append(datasets) or [])
    assert asked == [["zroot/data", "zroot/data/below"]]
    with pytest.raises(
        guard_tree.Refused, match="on its way back to the snapshot upgrade-1, and only some of it is there"
    ):
        place.pot().whole(lambda datasets: ["upgrade-1", "upgrade-1"])


def test_a_source_that_a_jail_has_turned_into_a_link(place):
    """The source of one mount may lie in what another one gave to the pot."""
    mounted = [("zroot/data", str(place.data), "zfs")]
    source = place.data / "sub"
    place.write(
        f"{place.data} /mnt\n{source} /media\n",
        record={"sources": {str(source): ["zroot/data", str(place.data)]}},
    )
    source.mkdir()
    place.pot(mounted).sources()
    source.rmdir()
    os.symlink(place.outside / "etc", source)
    with pytest.raises(guard_tree.Refused, match="sub leads out of .*data, the data of pot d1"):
        place.pot(mounted).sources()


def test_what_is_left_mounted(place):
    root = os.path.realpath(place.root)
    mounts = [
        ("zroot/pot/jails/d1/m", root, "zfs"),
        ("/a", root + "/mnt", "nullfs"),
        ("tmpfs", root + "/tmp", "tmpfs"),
        ("/b", "/elsewhere", "nullfs"),
    ]
    assert place.pot(mounts).left() == [root + "/tmp", root + "/mnt"]
    os.symlink(place.outside, place.root / "srv")
    with pytest.raises(guard_tree.Refused, match="leads elsewhere by now"):
        place.pot([("/a", root + "/srv/etc", "nullfs")]).left()


def test_links_of_a_base_are_followed_and_those_of_a_jail_are_not(place):
    """The base of a multi pot has /etc -> opt/custom/etc; the pot can only write below usr.local and custom."""
    base = place.directory / "opt/pot/bases/14.2"
    home = place.root.parent
    for path in (
        base / "opt/custom",
        base / "usr/local",
        base / "tmp",
        base / "dev",
        base / "bin",
        home / "custom/etc",
        home / "usr.local",
    ):
        path.mkdir(parents=True)
    os.symlink("opt/custom/etc", base / "etc")
    (place.conf / "pot.conf").write_text("pot.type=multi\npot.base=14.2\n")
    os.symlink(place.outside / "etc/hosts", home / "custom/etc/hosts")
    pot = place.pot()
    pot.places()
    assert (base / "etc").is_symlink() and not (home / "custom/etc/hosts").exists()
    assert (
        pot.tree.repaired == ["/etc/hosts was a link to %s and was removed" % (place.outside / "etc/hosts")]
        and place.untouched()
    )
    (home / "custom/etc").rename(home / "custom/kept")
    os.symlink(place.outside / "etc", home / "custom/etc")
    with pytest.raises(guard_tree.Refused, match="/opt/custom/etc in pot d1 is not a directory"):
        place.pot().places()


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("start d1", "d1"),
        ("start -s d1", "d1"),
        ("start -p d1", "d1"),
        ("start -vp d1", "d1"),
        ("start -pd1", "d1"),
        ("start -sS -p d1", "d1"),
        ("run d1", "d1"),
        ("term -f -p d1", "d1"),
        ("mount-in -m /x -d /y -p d1", "d1"),
        ("mount-in -p d1 -rm /x -f y", "d1"),
        ("copy-in -s a -d b -p d1 -F", "d1"),
        ("start", ""),
        ("start -h", ""),
    ],
)
def test_the_pot_that_a_command_names(command, name):
    words = command.split()
    assert guard_program.named(words[0], words[1:]) == name


def test_the_lines_in_pots_configuration(tmp_path):
    text = guarding.with_lines("POT_EXTIF=em0", "/usr/local")
    assert (
        guarding.with_lines(text, "/usr/local") == text and guarding.with_lines(text, "/opt").count(guarding.BEGIN) == 1
    )
    ours = text.partition("POT_EXTIF=em0\n")[2]
    assert "=" not in ours and "POT_" not in ours, "potnet reads the file by itself"
    called = tmp_path / "libexec/potluck-pot-guard"
    called.parent.mkdir()
    called.write_text('#!/bin/sh\necho "called: $*"\nexit 1\n')
    called.chmod(0o755)
    conf = tmp_path / "pot.conf"
    conf.write_text(guarding.with_lines("A=b\n", str(tmp_path)))
    for words, said in (
        ("start d1", "called: start d1\n"),
        ("info -p d1", "went on\n"),
        ("", "went on\n"),
        ("stop d1", "went on\n"),
    ):
        done = subprocess.run(
            ["/bin/sh", "-c", f'. "{conf}"; echo went on', "pot", *words.split()],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.returncode) == (said, 1 if said.startswith("called") else 0)


def test_the_program_runs_by_itself(tmp_path):
    """As it lies on the host: the Python of the module, or another one when that is gone; without the collection."""
    prefix = tmp_path / "usr/local"
    for path in ("libexec", "etc/pot"):
        (prefix / path).mkdir(parents=True)
    for path, text, mode in guarding.host_files(str(prefix), sys.executable):
        pathlib.Path(path).write_bytes(text.encode("utf-8", "surrogateescape"))
        os.chmod(path, mode)
    (prefix / "etc/pot/pot.conf").write_text(f"POT_FS_ROOT={tmp_path}\n")
    program = guarding.program(str(prefix))
    done = subprocess.run([program, "start", guard_program.PROOF], capture_output=True, text=True, check=False, env={})
    assert (done.returncode, done.stdout, done.stderr) == (1, f"###>  {guard_program.ANSWER}\n", "")
    assert subprocess.run([program, "start", "nosuch"], capture_output=True, check=False, env={}).returncode == 0, (
        "that is for pot to say"
    )


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("POT_FS_ROOT=/nowhere\nfalse\n", False),
        ("POT_FS_ROOT=/nowhere\nif\n", True),
    ],
)
def test_a_configuration_that_only_sh_can_read(tmp_path, text, refused):
    """What its last command returns is nothing to pot; where sh does not understand it nobody knows the pots."""
    (tmp_path / "etc/pot").mkdir(parents=True)
    (tmp_path / "etc/pot/pot.conf").write_text(text)
    if refused:
        with pytest.raises(guard_tree.Refused, match="sh cannot read .*/etc/pot/pot.conf, so no pot is started"):
            guard_program._fs_root(str(tmp_path))
    else:
        assert guard_program._fs_root(str(tmp_path)) == "/nowhere"
