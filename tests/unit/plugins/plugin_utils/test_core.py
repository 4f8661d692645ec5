# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleError
from ansible_collections.potluck.matrix.plugins.plugin_utils import _core

TOP = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize("version", ["2.19.1", "2.19.14", "2.19.2rc1", "2.20.0", "3.0"])
def test_new_enough(version):
    _core.refuse_old_core(version)


@pytest.mark.parametrize("version", ["2.19.0", "2.18.4", "2.16.0rc1", "2.9"])
def test_too_old(version):
    with pytest.raises(AnsibleError) as error:
        _core.refuse_old_core(version)
    assert str(error.value) == (
        f"potluck.matrix needs ansible-core 2.19.1 or newer, but this is {version}; install it as in pip install "
        "'ansible-core>=2.19.1'."
    )


def test_the_oldest_is_the_one_of_the_metadata():
    metadata = yaml.safe_load((TOP / "meta/runtime.yml").read_text(encoding="utf-8"))
    assert metadata["requires_ansible"] == ">=%d.%d.%d" % _core.OLDEST
