# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The dataset of a Potluck jail, with its database in SQLite, is taken over with matrix_database: postgresql."""

from __future__ import annotations

import pytest

from .conftest import Conversation, patiently

# What docs/coming-from-potluck.md says is there: database, media and the signing key, open to all of the jail.
AS_POTLUCK_LEFT_IT = """
set -e
zfs inherit potluck.matrix:homeserver zroot/matrixdata
cd /mnt/matrixdata/matrixdata
find . -mindepth 1 -maxdepth 1 ! -name matrix-synapse ! -name media_store -exec rm -r {} +
find matrix-synapse -mindepth 1 -maxdepth 1 ! -name 'matrix_homeserver.db*' ! -name signing.key -exec rm -r {} +
chmod -R a+rwX .
"""


@pytest.mark.thorough
def test_the_data_come_along(moving):
    conversation = Conversation(moving)
    conversation.say("in Potluck's jail")
    moving.inside("pot", "destroy", "-F", "-p", moving.machine)
    moving.inside("/bin/sh", "-c", AS_POTLUCK_LEFT_IT)
    moving.succeed(matrix_database="postgresql")
    conversation.all_there()
    patiently(conversation.say, "in PostgreSQL")
    assert moving.query("SELECT count(*) FROM events WHERE type = 'm.room.message'") == "2"
    moving.succeed(changed=0, matrix_database="postgresql")
