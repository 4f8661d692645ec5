# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the controller for a homeserver, registrations of application services among them: as Synapse would judge
them, before it gets them.

All functions raise ValueError with the end of a sentence whose subject is the file. None quotes a token.
"""

from __future__ import annotations

import os
import re
import stat
import typing as t
import urllib.parse

import yaml
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import names, network

# A template or a registration is far below it; the module gets all of them in one message.
LARGEST = 1024 * 1024
# What has to be another one in each registration.
UNIQUE = ("id", "as_token", "hs_token")


def text_of(path: str) -> str:
    """What a file says."""
    try:
        found = os.stat(path)
        if stat.S_ISDIR(found.st_mode):
            raise ValueError("is a directory")
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("is not a regular file")
        if found.st_size > LARGEST:
            raise ValueError("is larger than 1 MiB")
        with open(path, "rb") as stream:
            content = stream.read(LARGEST + 1)
    except FileNotFoundError:
        raise ValueError("does not exist on the controller") from None
    except OSError as error:
        raise ValueError(f"cannot be read on the controller ({error.strerror})") from None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("is not a text in UTF-8") from None
    if "\0" in text:
        raise ValueError("is not a text, since it holds a zero byte")
    return text


def _read(text: str) -> dict:
    try:
        found = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise ValueError(f"is not YAML{line}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ValueError("is not YAML") from None
    if not isinstance(found, dict):
        raise ValueError("is not the registration of an application service, which is a dictionary")
    return found


def _url(value: t.Any) -> None:
    if value is None:
        return
    try:
        network.url("http", "https")(value)
    except ValueError as error:
        raise ValueError(f"has a url that {error}") from None


def _namespaces(value: t.Any) -> None:
    if not isinstance(value, dict):
        raise ValueError("has no namespaces, a dictionary of users, aliases and rooms")
    for kind in ("users", "aliases", "rooms"):
        entries = value.get(kind, [])
        if not isinstance(entries, list):
            raise ValueError(f"has as {kind} of its namespaces {names.kind(entries)} where a list is expected")
        for number, entry in enumerate(entries, 1):
            if not isinstance(entry, dict) or not isinstance(entry.get("regex"), str):
                raise ValueError(f"has an item {number} of {kind} in its namespaces without a regex")
            if not isinstance(entry.get("exclusive"), bool):
                raise ValueError(f"has an item {number} of {kind} in its namespaces without exclusive: true or false")
            try:
                re.compile(entry["regex"])
            except (re.error, RecursionError, OverflowError) as error:
                raise ValueError(
                    f"has in item {number} of {kind} in its namespaces a regex that is none ({error})"
                ) from None


def registration(text: str) -> dict[str, str]:
    """What has to be unique of a registration, by UNIQUE."""
    found = _read(text)
    for key in (*UNIQUE, "sender_localpart"):
        if not isinstance(found.get(key), str) or not found[key]:
            raise ValueError(f"has no {key}, a text")
    if urllib.parse.quote(found["sender_localpart"]) != found["sender_localpart"]:
        raise ValueError("has a sender_localpart with characters that no user's name has")
    if "url" not in found:
        raise ValueError("has no url; an application service that is told nothing has url: null")
    _url(found["url"])
    _namespaces(found.get("namespaces"))
    return {key: found[key] for key in UNIQUE}
