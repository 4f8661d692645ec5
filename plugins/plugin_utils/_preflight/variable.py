# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of one variable of an inventory."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import names, storage, values


@dataclasses.dataclass(frozen=True)
class Unusable:
    """Stands for a value that could not be worked out; reason continues "the value …"."""

    reason: str


@dataclasses.dataclass(frozen=True)
class Variable:
    """What is known of one inventory variable.

    check: turns the value into its normal form or raises ValueError; example: a good value, as YAML.
    empty: the empty text is a value too ("switched off" or "take the default").
    """

    check: t.Callable
    example: str
    empty: bool = True


def path(example: str) -> Variable:
    """A path on a host or in a pot."""
    return Variable(storage.plain_path, example)


def text(example: str) -> Variable:
    """A text of one line."""
    return Variable(values.line, example)


def file(name: str) -> Variable:
    """A file on the controller."""
    # The playbooks are the collection's, so that a path relative to them is of no use.
    return Variable(values.line, f'"{{{{ inventory_dir }}}}/files/{name}"')


def boolean(example: str = "true") -> Variable:
    """True or false."""
    return Variable(values.boolean, example, empty=False)


def port(example: str) -> Variable:
    """A port that is listened at, or asked."""
    return Variable(names.port, example, empty=False)
