# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What role homeserver says of every variable of an inventory."""

from __future__ import annotations

import functools
import pathlib
import typing as t

import yaml

ROLE = pathlib.Path(__file__).resolve().parents[3] / "roles/homeserver"


@functools.lru_cache(maxsize=None)
def documented() -> dict[str, dict[str, t.Any]]:
    """{variable: its argument spec}, in the order of the role's documentation."""
    text = (ROLE / "meta/argument_specs.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["argument_specs"]["vocabulary"]["options"]


def is_secret(name: str) -> bool:
    """Whether the value of a variable is shown to nobody."""
    return bool(documented().get(name, {}).get("no_log"))


def required() -> list[str]:
    """The variables without which there is no homeserver."""
    return [name for name, spec in documented().items() if spec.get("required")]
