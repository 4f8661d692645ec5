# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that the check of an inventory lets through breaks out of its place in nginx's configuration: what is
rendered is read as nginx reads it, word by word, and holds each value in the directive it is meant for.
"""

from __future__ import annotations

import json
import pathlib
import re
import subprocess

import jinja2
import pytest
from ansible.plugins.filter.core import FilterModule
from ansible.plugins.test import core as core_tests
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import locations, network, well_known
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_nginx_config import NGINX, here
from thorough import examples

ROLE = pathlib.Path(__file__).resolve().parents[3] / "roles/reverse_proxy"
BASE = {
    "reverse_proxy_listen_addresses": ["10.0.0.5"],
    "matrix_host": "example.com",
    "matrix_extra_domains": [],
    "__reverse_proxy_package": {"packages": {"nginx": "1.22.1,3"}},
    "reverse_proxy_http2": True,
    "matrix_tls_mode": "selfsigned",
    "matrix_tls_directory": "/mnt/matrixdata/tls",
    "reverse_proxy_hsts_max_age": 0,
    "reverse_proxy_max_upload_size": "50M",
    "reverse_proxy_trusted_proxies": [],
    "reverse_proxy_synapse_socket": "/var/run/matrix-synapse/synapse.sock",
    "reverse_proxy_admin_api_from": [],
    "reverse_proxy_locations": [],
    "__reverse_proxy_ports": [443, 8448],
    "__reverse_proxy_documents": {},
    "ansible_managed": "managed",
}


def template():
    # The file is no page of HTML.
    environment = jinja2.Environment(
        trim_blocks=True, keep_trailing_newline=True, autoescape=jinja2.select_autoescape(default_for_string=False)
    )
    core = FilterModule().filters()
    environment.filters.update(
        {name: core[name] for name in ("bool", "regex_escape", "regex_replace", "regex_search", "to_json")}
    )
    environment.filters["potluck.matrix.url_host"] = network.url_host
    environment.tests["version"] = core_tests.TestModule().tests()["version"]
    return environment.from_string((ROLE / "templates/nginx.conf.j2").read_text(encoding="utf-8"))


TEMPLATE = template()


def words(text):
    """The words of a configuration by the rules of nginx (ngx_conf_read_token): texts, and the signs ; { and }."""
    position = 0
    while position < len(text):
        character = text[position]
        if character in " \t\r\n":
            position += 1
        elif character == "#":
            position = text.find("\n", position)
        elif character in ";{}":
            yield None, character
            position += 1
        else:
            quote, found = (character, "") if character in "'\"" else ("", "")
            position += len(quote)
            while text[position] != quote if quote else text[position] not in " \t\r\n;{":
                if text[position] == "\\" and text[position + 1] in "\\'\"trn":
                    found += {"t": "\t", "r": "\r", "n": "\n"}.get(text[position + 1], text[position + 1])
                    position += 2
                elif text.startswith("${", position) and not quote:
                    found += "${"
                    position += 2
                else:
                    found += text[position]
                    position += 1
            position += len(quote)
            assert not quote or text[position] in " \t\r\n;{)", "something follows a closing quote"
            assert len(found.encode()) < 4096
            yield found, ""


def tree(stream):
    """Directives, each (words, those within it or None)."""
    found, current = [], []
    for word, sign in stream:
        if not sign:
            current.append(word)
        elif sign == "}":
            assert not current
            return found
        else:
            found.append((current, tree(stream) if sign == "{" else None))
            current = []
    assert not current
    return found


def read(**variables):
    """(the directives of http, those of the server at 443)."""
    (http,) = [inner for words_, inner in tree(words(TEMPLATE.render(**{**BASE, **variables}))) if words_ == ["http"]]
    servers = [inner for words_, inner in http if words_ == ["server"]]
    assert len(servers) == 2
    return http, servers[1]


PLAIN_HTTP, PLAIN_SERVER = read()
NASTY = [
    "/a b",
    "/a;b",
    "/a{",
    "/a}",
    "/a'b",
    '/a"',
    "/$host",
    "/${host}",
    "/a\n",
    "/a\\",
    "/#a",
    "/../a",
    "/a//b",
    "/%2e",
]
CHARACTERS = st.sampled_from(list("abz09/._~-;{}'\"$\\#\n\t %:@[]()=~*^|?&<>é\u2028"))
SOUP = st.text(CHARACTERS, max_size=12)
PATHS = st.from_regex(r"(/[a-z0-9._~-]{1,6}){0,3}/?", fullmatch=True) | SOUP.map("/".__add__) | st.sampled_from(NASTY)
UPSTREAMS = st.one_of(
    st.sampled_from(
        ["http://10.0.0.9:8080", "http://[2001:db8::1]:80/", "unix:/var/run/x.sock", "http://10.0.0.9:1/a/"]
    ),
    SOUP.map("http://10.0.0.9:8080/".__add__),
    SOUP.map("unix:/".__add__),
    SOUP,
)
NETWORKS = st.lists(st.sampled_from(["10.0.0.0/8", "2001:db8::/32", "::1", "fe80::1%a;}", "10.0.0.0/255.0.0.0"]) | SOUP)
TEXTS = st.text(max_size=40) | SOUP | st.lists(SOUP | st.sampled_from(["$", "${x}", "\\'", "\\\\'"])).map("".join)
LOCATION = st.fixed_dictionaries(
    {"path": PATHS},
    optional={
        "to": UPSTREAMS,
        "text": TEXTS,
        "type": st.sampled_from(["text/html", "application/json", "text/x;}"]),
        "redirect": PATHS | SOUP.map("https://example.com/".__add__),
        "allow": NETWORKS,
    },
)


def accepted(value, check):
    try:
        return check(value)
    except ValueError as error:
        assert str(error)
        return None


def expected(location, number):
    """The directives within a location."""
    found = []
    if "allow" in location:
        found.append((["if", f"($allowed_{number}", "=", "0)"], [(["return", "403"], None)]))
    if "to" in location:
        target = location["to"]
        found.append((["if", f"($as_asked_{number}", "=", "0)"], [(["return", "404"], None)]))
        found.append((["proxy_pass", target if target.startswith("http:") else "http://" + target], None))
        for name, value in (("Upgrade", "$http_upgrade"), ("Connection", "$connection_upgrade")):
            found.append((["proxy_set_header", name, value], None))
        found.append((["proxy_http_version", "1.1"], None))
        for name, value in (
            ("Host", "$host"),
            ("X-Forwarded-For", "$remote_addr"),
            ("X-Forwarded-Proto", "$client_scheme"),
        ):
            found.append((["proxy_set_header", name, value], None))
        found.append((["proxy_read_timeout", "600s"], None))
    elif "text" in location:
        found.append((["default_type", location.get("type", "text/plain")], None))
        found.append((["charset", "utf-8"], None))
        found.append((["return", "200", location["text"].replace("$", "${dollar_sign}")], None))
    else:
        found.append((["return", "302", location["redirect"]], None))
    return found


def judge(found):
    """Nothing but what is wanted stands in the configuration beside what always does."""
    http, server = read(reverse_proxy_locations=found)
    wanted = []
    for number, location in enumerate(found, 1):
        below = "to" in location and location["path"].endswith("/")
        wanted.append((["location", *([] if below else ["="]), location["path"]], expected(location, number)))
    assert [each for each in server if each in wanted] == wanted
    others = [each for each in server if each not in wanted]
    assert others == [
        each
        for each in PLAIN_SERVER
        if each[0] != ["location", "/"] or not any(("to" in one and one["path"] == "/") for one in found)
    ]
    more = [each for each in http if each not in PLAIN_HTTP and each[0] != ["server"]]
    for number, location in enumerate(found, 1):
        if "allow" in location:
            inner = {words_[0]: words_[1] for words_, _none in dict_of(more)[f"geo $allowed_{number}"]}
            assert inner == {"default": "0", **dict.fromkeys(location["allow"], "1")}
        if "to" in location:
            (_default, (pattern, _none)) = dict_of(more)[f"map $request_uri $as_asked_{number}"]
            asked = re.compile(pattern[0].removeprefix("~"))
            assert asked.search(location["path"]) and asked.search(location["path"] + "?x")
            assert bool(asked.search(location["path"] + "x")) is location["path"].endswith("/")
            assert not asked.search("/x" + location["path"]) or location["path"] == "/"
    return more


def dict_of(directives):
    return {" ".join(words_): inner for words_, inner in directives}


SEEN: dict = {}


@settings(
    max_examples=examples(400), deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)
@given(st.lists(LOCATION, min_size=1, max_size=3))
def test_no_location_breaks_out_of_its_place(value):
    found = accepted(value, locations.locations)
    if found is not None:
        judge(found)
        SEEN.update({location["path"]: location for location in found})


@settings(max_examples=examples(200), deadline=None)
@given(TEXTS)
def test_a_text_is_what_was_written(text):
    found = accepted([{"path": "/x", "text": text}], locations.locations)
    if found is not None:
        judge(found)
        SEEN["/text/%d" % len(SEEN)] = {"path": "/text/%d" % len(SEEN), "text": text}


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed; tests/tools/system-packages installs it")
def test_nginx_itself_reads_what_was_accepted(tmp_path):
    many = list(SEEN.values())[:150] + [
        {"path": "/long", "text": "$" * 250 + "x" * 20},
        {"path": "/to/", "to": "http://[2001:db8::1]:8080/x/", "allow": ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"]},
    ]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x"]
        + ["-keyout", "privkey.pem", "-out", "fullchain.pem"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    text = TEMPLATE.render(**{**BASE, "reverse_proxy_locations": locations.locations(many)})
    (tmp_path / "nginx.conf").write_text(here(tmp_path, text), encoding="utf-8")
    done = subprocess.run(
        [NGINX, "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and "[warn]" not in done.stderr, done.stderr


@settings(max_examples=examples(200), deadline=None)
@given(NETWORKS)
def test_no_network_breaks_out_of_its_place(value):
    for variable in ("reverse_proxy_admin_api_from", "reverse_proxy_trusted_proxies"):
        found = accepted(value, network.networks)
        if not found:
            continue
        proxies = {"matrix_tls_mode": "none"} if "trusted" in variable else {}
        # As the role writes them: as they were given.
        (http,) = [
            inner
            for words_, inner in tree(words(TEMPLATE.render(**{**BASE, variable: value, **proxies})))
            if words_ == ["http"]
        ]
        geo = dict_of(http)["geo $realip_remote_addr $from_proxy" if proxies else "geo $admin_allowed"]
        assert [words_ for words_, _none in geo] == [["default", "0"], *([given_, "1"] for given_ in value)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(TEXTS, part, max_size=3),
    max_leaves=6,
)


@settings(max_examples=examples(200), deadline=None)
@given(st.dictionaries(TEXTS, JSON, max_size=4))
def test_no_document_breaks_out_of_its_place(value):
    found = accepted(value, well_known.client_document)
    if found is None:
        return
    _http, server = read(__reverse_proxy_documents={"client": found})
    inner = dict_of(server)["location = /.well-known/matrix/client"]
    assert [words_[0] for words_, _none in inner] == ["default_type", "add_header", "return"]
    (returned,) = [words_ for words_, _none in inner if words_[0] == "return"]
    assert returned[1] == "200" and "$" not in returned[2] and json.loads(returned[2]) == found
