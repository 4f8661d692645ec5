# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parsers and escapers of pot's files, against what FreeBSD and pot 0.16 wrote (fixtures) and against random text."""

from __future__ import annotations

import json
import pathlib
import subprocess

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils import _pot
from hypothesis import given, settings
from hypothesis import strategies as st

FIXTURES = pathlib.Path(__file__).parents[2] / "fixtures" / "pot"
ROOT = "/opt/pot/jails/d1/m"

env_names = st.from_regex("[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True)
# Everything a pot can hold: any text without line break, NUL and lone surrogates.
env_values = st.text(st.characters(blacklist_characters="\n\0", blacklist_categories=("Cs",)))
nasty_values = st.text(st.sampled_from(list("\\$`\"' =(){}%&;|#*?!~<>\t")), max_size=20)
words = st.from_regex("[A-Za-z0-9/_.=-]{1,12}", fullmatch=True)


def fixture(name):
    return (FIXTURES / name).read_text(encoding="utf-8")


# --------------------------------------------------------------------------- pot.conf


@pytest.mark.parametrize("name", ["single", "clone", "alias", "multi"])
def test_recorded_files_come_back_unchanged(name):
    text = fixture(name + "-pot.conf")
    conf = _pot.PotConf(text)
    assert conf.render() == text
    conf.drop_duplicates()
    assert conf.render() == text
    assert _pot.merge(conf, {}).render() == text


def test_initial_conf_is_what_pot_writes():
    assert _pot.initial_conf("d1", "13.2", "fbsd1.example.test").render() == fixture("single-pot.conf")
    assert _pot.initial_conf("e2", "13.2", "fbsd1.example.test", "multi", 1).render() == fixture("multi-pot.conf")
    expected = _pot.merge(_pot.initial_conf("e1", "13.2", "fbsd1.example.test"), {"network_type": "alias", "ip": ["vtnet0|10.0.2.50"]})
    alias = _pot.view(_pot.PotConf(fixture("alias-pot.conf")))
    assert {k: alias[k] for k in ("network_type", "ip", "hostname")} == {k: _pot.view(expected)[k] for k in ("network_type", "ip", "hostname")}


def test_cloned_conf_is_what_pot_writes():
    source = _pot.PotConf(fixture("clone-pot.conf").replace("d3.", "d1."))
    assert _pot.view(_pot.cloned_conf(source, "d3", "fbsd1.example.test")) == _pot.view(_pot.PotConf(fixture("clone-pot.conf")))


def test_view_of_recorded_files():
    view = _pot.view(_pot.PotConf(fixture("alias-pot.conf")))
    assert view["ip"] == ["vtnet0|10.0.2.50"] and view["ports"] == ["80:8080"] and view["hosts"] == {"consul1": "10.0.0.2"}
    assert view["limits"] == {"cpus": 1, "memory": "512M"} and view["hostname"] == "e1.fbsd1.example.test"
    view = _pot.view(_pot.PotConf(fixture("clone-pot.conf")))
    assert view["attributes"]["start_at_boot"] is True and view["attributes"]["stop_timeout"] == 60
    assert view["attributes"]["exec_stop"] == "/bin/sh /etc/rc.shutdown jail"
    assert [_pot.decode_env(raw) for raw in view["env"].values()] == [("A", "b c"), ("Q", 'x"y'), ("S", "it's")]


def test_wanting_what_is_there_changes_nothing():
    text = fixture("alias-pot.conf")
    options = {"network_type": "alias", "ip": ["10.0.2.50"], "ports": ["tcp:80:8080"], "hosts": {"consul1": "10.0.0.2"},
               "limits": {"cpus": 1, "memory": "512M"}, "cmd": "sh /etc/rc", "dns": "inherit", "hostname": "e1.fbsd1.example.test",
               "env": {}, "network_stack": "ipv4", "attributes": {"start_at_boot": False, "early_start_at_boot": False}}
    assert _pot.merge(_pot.PotConf(text), options, "vtnet0").render() == text


def test_duplicates():
    conf = _pot.PotConf('a=1\npot.env="A=1"\na=2\npot.env="B=1"\nnothing\nnothing\n')
    conf.drop_duplicates()
    assert conf.render() == 'a=1\npot.env="A=1"\npot.env="B=1"\nnothing\nnothing\n'


def test_text_is_read_as_pot_reads_it():
    conf = _pot.PotConf('k= "a b"\tc=d\n')
    assert conf.text("k") == "abc" and conf.text("other", "x") == "x" and conf.get("k") == ' "a b"\tc=d'


@given(st.lists(st.tuples(words.filter(lambda w: "=" not in w), env_values), max_size=8), words.filter(lambda w: "=" not in w),
       st.lists(env_values, max_size=3))
def test_set_all_touches_one_key_only(pairs, key, values):
    text = "".join("%s=%s\n" % pair for pair in pairs)
    conf = _pot.PotConf(text)
    assert conf.render() == text
    conf.set_all(key, values)
    again = _pot.PotConf(conf.render())
    assert again.all(key) == values
    assert [line for line in again.lines if not line.startswith(key + "=")] == [line for line in _pot.PotConf(text).lines if not line.startswith(key + "=")]
    assert conf.render() == "" or conf.render().endswith("\n")


# --------------------------------------------------------------------------- environment


def effective(lines):
    """What the jail's sh makes of the lines: pot writes each after the word export into a file that is sourced."""
    names = [_pot.decode_env(raw)[0] for raw in lines]
    script = "".join("export %s\n" % raw for raw in lines) + "".join('printf "%%s\\n" "$%s"\n' % n for n in names)
    done = subprocess.run(["/bin/sh"], input=script.encode(), capture_output=True, check=True, env={"PATH": "/bin:/usr/bin"})
    assert done.stderr == b""
    return dict(zip(names, done.stdout.decode().split("\n")))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(env_names.map("T_".__add__), env_values | nasty_values, min_size=1, max_size=10))
def test_env_round_trip(env):
    lines = [_pot.encode_env(name, value) for name, value in env.items()]
    assert dict(_pot.decode_env(raw) for raw in lines) == env
    assert all("\n" not in raw for raw in lines)
    assert effective(lines) == env
    conf = _pot.merge(_pot.PotConf(fixture("clone-pot.conf")), {"env": env})
    read = _pot.PotConf(conf.render())
    assert {_pot.decode_env(raw)[0]: _pot.decode_env(raw)[1] for raw in read.all("pot.env")} == env
    assert _pot.merge(read, {"env": env}).render() == conf.render()


@given(env_values)
def test_what_the_command_line_would_store_is_the_same(value):
    """The safe recipe for C(pot set-env): escape all but the quote, which pot escapes itself."""
    argument = value.replace("\\", "\\\\").replace("$", "\\$").replace("`", "\\`")
    stored = '"V=%s"' % argument.replace('"', '\\"')
    assert stored == _pot.encode_env("V", value)


def test_recorded_environment():
    lines = fixture("environment").split("\n")
    conf = _pot.PotConf(fixture("clone-pot.conf"))
    assert ["export " + raw for raw in conf.all("pot.env")] == lines[:3]


@pytest.mark.parametrize("value", ["a\nb", "a\0b", "\n"])
def test_env_refuses_what_a_line_cannot_hold(value):
    with pytest.raises(_pot.PotError, match="line break") as caught:
        _pot.encode_env("SECRET", value)
    assert "a\nb" not in str(caught.value)


@given(st.text())
def test_env_names(name):
    try:
        raw = _pot.encode_env(name, "x")
    except _pot.PotError:
        return
    assert raw == '"%s=x"' % name and name.isascii() and name.replace("_", "a").isalnum() and not name[0].isdigit()


@given(st.text(st.characters(blacklist_categories=("Cs",))))
def test_decoding_never_fails(text):
    _pot.decode_env(text)
    _pot.view(_pot.PotConf(text))
    _pot.parse_fscomp(text, ROOT)
    _pot.parse_mounts(text)
    _pot.parse_jls(text)
    _pot.parse_datasets(text)
    _pot.parse_status(text)
    _pot.parse_bridge(text)
    _pot.pot_errors(text, text)


# --------------------------------------------------------------------------- attributes, ports, addresses


@given(st.sampled_from(sorted(_pot.ATTRIBUTES)), st.data())
def test_attributes_round_trip(option, data):
    kind = _pot.ATTRIBUTES[option][1]
    value = data.draw({"bool": st.booleans(), "uint": st.integers(0, 2**31), "sysv": st.sampled_from(["new", "inherit", "disable"]),
                       "string": st.text(st.characters(blacklist_characters='="\n\0', blacklist_categories=("Cs",))).map(str.strip)}[kind])
    assert _pot.decode_attribute(option, _pot.encode_attribute(option, value)) == value
    conf = _pot.merge(_pot.PotConf(fixture("single-pot.conf")), {"attributes": {option: value}})
    assert _pot.view(conf)["attributes"][option] == value


@pytest.mark.parametrize(("text", "canonical"), [("80", "80"), ("tcp:80", "80"), ("tcp:080:8080", "80:8080"), ("udp:53", "udp:53"),
                                                 ("udp:53:30053", "udp:53:30053")])
def test_ports(text, canonical):
    assert _pot.normalise_port(text) == canonical == _pot.normalise_port(canonical)


@given(st.text())
def test_ports_are_refused_or_stable(text):
    try:
        canonical = _pot.normalise_port(text)
    except _pot.PotError:
        return
    assert _pot.normalise_port(canonical) == canonical and " " not in canonical


@given(st.ip_addresses())
def test_addresses(address):
    assert _pot.normalise_address(str(address)) == str(address)
    assert _pot.split_alias("em0|%s" % address, "x") == ("em0", str(address))
    assert _pot.split_alias(str(address), "x") == ("x", str(address))


def test_names_of_templates():
    assert _pot.template_name("img-amd64-14_2", "1.2.3") == "img-amd64-14_2_1_2_3"


# --------------------------------------------------------------------------- fscomp.conf


def plain(lines):
    return [(line.source, line.target, line.option) for line in lines]


def test_recorded_fscomp_files():
    expected = [("/mnt/dd", "/mnt", ""), ("zroot/dd", "/media", "")]
    assert plain(_pot.parse_fscomp(fixture("absolute-fscomp.conf"), ROOT)) == expected
    assert plain(_pot.parse_fscomp(fixture("relative-fscomp.conf"), ROOT)) == expected
    assert plain(_pot.parse_fscomp(fixture("multi-fscomp.conf"), "/opt/pot/jails/e2/m")) == [
        ("zroot/pot/bases/13.2", "/", "ro"), ("zroot/pot/jails/e2/usr.local", "/usr/local", "zfs-remount"),
        ("zroot/pot/jails/e2/custom", "/opt/custom", "zfs-remount")]


targets = st.lists(st.sampled_from(["a", "b", "mnt", "m", "opt"]), min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
mounts = st.tuples(st.sampled_from(["/data", "/mnt/dd", "zroot/dd", "zroot/pot/fscomp/f"]), targets, st.sampled_from(["", "ro", "rw,nosuid"]))


@given(st.lists(mounts, max_size=6))
def test_both_forms_mean_the_same(entries):
    relative = "".join("%s %s %s\n" % entry for entry in entries)
    absolute = "".join("%s %s%s %s\n" % (source, ROOT, target, option) for source, target, option in entries)
    assert plain(_pot.parse_fscomp(relative, ROOT)) == plain(_pot.parse_fscomp(absolute, ROOT)) == entries
    assert "".join(line.raw + "\n" for line in _pot.parse_fscomp(absolute, ROOT)) == absolute


@given(st.lists(mounts, max_size=6))
def test_parents_first(entries):
    lines = [_pot.FscompLine("%s %s %s" % entry, ROOT) for entry in entries]
    ordered = _pot.parents_first(lines)
    assert sorted(map(id, ordered)) == sorted(map(id, lines))
    for position, line in enumerate(ordered):
        assert not any(line.target.startswith(later.target + "/") for later in ordered[position + 1:])
    if not any(b.target.startswith(a.target + "/") for a in lines for b in lines):
        assert ordered == lines


@given(st.lists(mounts, max_size=6), st.lists(mounts, max_size=4, unique_by=lambda mount: mount[1]), st.booleans())
def test_plan_mounts_reaches_what_is_wanted(entries, wanted, exact):
    own = ("zroot/pot/bases/", "zroot/pot/jails/")
    lines = _pot.parse_fscomp(fixture("multi-fscomp.conf"), "/opt/pot/jails/e2/m") + [_pot.FscompLine("%s %s %s" % e, ROOT) for e in entries]

    def plan(now):
        return _pot.plan_mounts(now, wanted, exact, lambda p: p, lambda s: s, own)

    remove, add = plan(lines)
    after = [line for line in lines if line not in remove] + [_pot.FscompLine("%s %s %s" % m, ROOT) for m in add]
    assert plan(after) == ([], [])
    assert plain(after[:3]) == plain(lines[:3])
    at = {line.target: (line.source, line.option) for line in after[3:]}
    assert all(at[target] == (source, option) for source, target, option in wanted)
    if exact:
        assert set(at) == {target for _s, target, _o in wanted}
    else:
        assert {e[1] for e in entries} <= set(at)


def test_plan_mounts_refuses():
    own = ("zroot/pot/bases/", "zroot/pot/jails/")
    lines = _pot.parse_fscomp(fixture("multi-fscomp.conf"), "/opt/pot/jails/e2/m")
    for wanted, message in (([("/a", "/usr/local", "")], "used by pot itself"), ([("/a", "/x", ""), ("/b", "/x", "")], "Two mounts")):
        with pytest.raises(_pot.PotError, match=message):
            _pot.plan_mounts(lines, wanted, False, lambda p: p, lambda s: s, own)


# --------------------------------------------------------------------------- paths inside a jail


def test_links_are_followed_inside_the_jail_only(tmp_path):
    (tmp_path / "usr" / "home").mkdir(parents=True)
    (tmp_path / "home").symlink_to("usr/home")
    (tmp_path / "abs").symlink_to("/usr/home")
    (tmp_path / "evil").symlink_to("../../../../etc")
    (tmp_path / "loop").symlink_to("loop")
    roots = [("/", str(tmp_path))]
    assert _pot.resolve_inside("/home/x", roots) == "/usr/home/x"
    assert _pot.resolve_inside("/abs/x/", roots) == "/usr/home/x"
    assert _pot.resolve_inside("/evil/passwd", roots) == "/etc/passwd"
    assert _pot.resolve_inside("//not//there/./x", roots) == "/not/there/x"
    with pytest.raises(_pot.PotError, match="too many symbolic links"):
        _pot.resolve_inside("/loop", roots)


def test_a_stopped_multi_pot_is_looked_at_in_its_parts(tmp_path):
    for part in ("base/opt/custom", "usr.local/etc", "custom/var"):
        (tmp_path / part).mkdir(parents=True)
    (tmp_path / "base" / "var").symlink_to("opt/custom/var")
    (tmp_path / "custom" / "var" / "db").symlink_to("/usr/local/db")
    roots = [("/", str(tmp_path / "base")), ("/usr/local", str(tmp_path / "usr.local")), ("/opt/custom", str(tmp_path / "custom"))]
    assert _pot.resolve_inside("/var/x", roots) == "/opt/custom/var/x"
    assert _pot.resolve_inside("/var/db", roots) == "/usr/local/db"
    assert _pot.host_path("/usr/local/etc", roots) == str(tmp_path / "usr.local/etc")
    assert _pot.host_path("/usr/locals", roots) == str(tmp_path / "base/usr/locals")


@given(targets)
def test_resolving_without_links_is_the_identity(target):
    assert _pot.resolve_inside(target, [("/", "/nonexistent")]) == target


# --------------------------------------------------------------------------- output of commands


def test_jls():
    assert _pot.parse_jls(fixture("jls")) == {"d1": {"jid": 4, "hostname": "d1.fbsd1.example.test", "path": ROOT}}
    assert _pot.parse_jls("") == {}


def test_mounts():
    found = _pot.parse_mounts(fixture("mount-single"))
    assert [(m[0], m[1], m[2]) for m in found][2:4] == [("/mnt/dd", ROOT + "/mnt", "nullfs"), ("/mnt/dd", ROOT + "/media", "nullfs")]
    multi = _pot.parse_mounts(fixture("mount-multi"))
    assert ("/opt/pot/bases/13.2", "/opt/pot/jails/e2/m", "nullfs", ["ro", "noatime", "nfsv4acls"]) in multi and len(multi) == 6
    assert len(_pot.parse_mounts(fixture("mount-alias"))) == 6


def test_status():
    assert _pot.parse_status(fixture("status-started")) == "started"
    assert _pot.parse_status(fixture("status-stopped")) == "stopped"
    assert _pot.parse_status("pot.status=starting,\npot.status=started,p4e1:p6e1\n") == "started"
    assert _pot.parse_status("") == ""


def test_datasets():
    assert _pot.parse_datasets("zroot/dd\t/mnt/dd\ton\tyes\t-\nzroot/v\t-\t-\t-\t-\n\n")["zroot/dd"] == {
        "mountpoint": "/mnt/dd", "canmount": "on", "mounted": "yes", "origin": "-"}


def test_bridge():
    assert _pot.parse_bridge("net=10.192.0.24/29\ngateway=10.192.0.25\nname=lan\n") == {"net": "10.192.0.24/29", "gateway": "10.192.0.25", "name": "lan"}


RECORDED_ERRORS = [json.loads(line) for line in fixture("errors.jsonl").splitlines()]


@pytest.mark.parametrize("record", RECORDED_ERRORS, ids=[r["cmd"] for r in RECORDED_ERRORS])
def test_recorded_errors_become_short_sentences(record):
    text = _pot.pot_errors(record["stdout"], record["stderr"])
    assert text and "\n" not in text and "-h print this help" not in text and "###>" not in text and not text.startswith((" ", "NO "))


def test_error_texts():
    assert _pot.pot_errors("###>   Pot nosuch not found\n###>  NO nosuch is not a pot\n") == "Pot nosuch not found; nosuch is not a pot"
    assert _pot.pot_errors("", "cannot create 'x': out of space\n") == "cannot create 'x': out of space"


# --------------------------------------------------------------------------- differences


def test_difference_shows_no_values():
    before = _pot.view(_pot.PotConf('pot.env="A=secret1"\npot.env="B=secret2"\n'))
    after = _pot.view(_pot.PotConf('pot.env="A=secret3"\npot.env="C=secret4"\n'))
    old, new, restart = _pot.difference(before, after)
    assert old == {"env": {"A": "(set)", "B": "(set)"}} and new == {"env": {"A": "(changed)", "C": "(set)"}} and restart
    assert "secret" not in str((old, new))


def test_atomic_write_leaves_the_old_file_when_it_fails(tmp_path, monkeypatch):
    path = tmp_path / "pot.conf"
    path.write_text("old\n")

    def full(_fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_pot.os, "fsync", full)
    with pytest.raises(_pot.PotError, match=r"Cannot write .*pot.conf: No space left on device"):
        _pot.write_atomically(str(path), "new\n")
    assert path.read_text() == "old\n" and [p.name for p in tmp_path.iterdir()] == ["pot.conf"]


# --------------------------------------------------------------------------- the runner


def test_runner_gives_commands_a_clean_environment(monkeypatch):
    monkeypatch.setenv("LEAK", "x")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.org")
    runner = _pot.Runner()
    assert runner.run(["/usr/bin/env"])[1].split() == ["PATH=" + _pot.PATH, "HOME=/root"]
    assert "HTTP_PROXY=http://proxy.example.org" in runner.run(["/usr/bin/env"], download=True)[1]


def test_runner_does_not_wait_for_daemons():
    rc, out, _err = _pot.Runner().run(["/bin/sh", "-c", "sleep 20 & echo $!; exit 3"], timeout=5)
    assert rc == 3
    subprocess.run(["kill", out.strip()], check=True)


def test_runner_ends_what_takes_too_long():
    with pytest.raises(_pot.PotTimeout, match="'/bin/sleep 30' did not end within 0 seconds"):
        _pot.Runner().run(["/bin/sleep", "30"], timeout=0.2)
    with pytest.raises(_pot.PotError, match="Cannot run /nonexistent: No such file"):
        _pot.Runner().run(["/nonexistent"])


def test_runner_leaves_a_foreground_command_alone(tmp_path):
    mark = tmp_path / "mark"
    rc, _out, _err = _pot.Runner().run(["/bin/sh", "-c", "echo $$ > %s; exec sleep 20" % mark], timeout=10, until=mark.exists)
    assert rc is None
    subprocess.run(["kill", mark.read_text().strip()], check=True)
