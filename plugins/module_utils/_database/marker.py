# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one file that says which database is the homeserver's: a move that is under way, or done.

It belongs to root and lies on the dataset. Without it, and in every phase before C(ported), the database is the file of
SQLite, whatever has been copied meanwhile.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import secrets
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import no_links
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import put
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.no_links import Attributes

NAME = "marker.json"
# In their order. With the first three SQLite is the homeserver's database, with the others PostgreSQL.
PRECOPYING, PRECOPIED, PORTING, PORTED, SWITCHED = PHASES = (
    "precopying",
    "precopied",
    "porting",
    "ported",
    "switched",
)
# The id of a move that has put nothing into PostgreSQL yet.
ANNOUNCED = "announced"
# Names of the snapshots from before a move; for so long it may be cut off and be gone on with.
_SNAPSHOT = "move-%Y%m%dT%H%M%SZ"
_RECENT = datetime.timedelta(days=1)


@dataclasses.dataclass(frozen=True)
class State:
    """What is known about the move.

    phase: one of PHASES, or empty when none has begun. id: a random text that the target's database holds as well, so
    that what is in it is known to be ours. sqlite: what SQLite's file was when it was the same as PostgreSQL, as
    sqlite.fingerprint() has it. positions: those of PostgreSQL's sequences then. tables, sequences, seconds: the
    results, as the module returns them. snapshot: name of the one from before the move, empty for none.
    """

    phase: str = ""
    id: str = ""
    schema: t.Any = None
    sqlite: dict = dataclasses.field(default_factory=dict)
    positions: dict = dataclasses.field(default_factory=dict)
    tables: list = dataclasses.field(default_factory=list)
    sequences: list = dataclasses.field(default_factory=list)
    seconds: dict = dataclasses.field(default_factory=dict)
    snapshot: str = ""

    @property
    def done(self) -> bool:
        """Whether PostgreSQL is the homeserver's database."""
        return self.phase in (PORTED, SWITCHED)


def parse(text: str) -> State:
    """The state in the text of a marker; ValueError when it is none."""
    found = json.loads(text)
    if not isinstance(found, dict) or found.get("phase") not in PHASES:
        raise ValueError("no phase")
    state = State(**{field.name: found[field.name] for field in dataclasses.fields(State) if field.name in found})
    for field in dataclasses.fields(State):
        if field.name != "schema" and type(getattr(state, field.name)) is not type(getattr(State(), field.name)):
            raise ValueError(field.name)
    if not state.id:
        raise ValueError("id")
    return state


def snapshot_of(state: State, now: datetime.datetime) -> str:
    """The name of the snapshot that a move has to have behind it: that of the state if the move goes on, or a new one.

    A move that nobody has gone on with for a day is another one, as after going back to its snapshot.
    """
    try:
        taken = datetime.datetime.strptime(state.snapshot, _SNAPSHOT).replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        return now.strftime(_SNAPSHOT)
    return state.snapshot if now - taken < _RECENT else now.strftime(_SNAPSHOT)


def new_id() -> str:
    """An id that no other move has."""
    return secrets.token_hex(16)


class Marker:
    """The file in a directory; C(mark), if any, is the path of another one, which tells everybody else which database
    is the homeserver's, by the word C(kind) when that is PostgreSQL, and belongs to C(owner), a pair of numbers.
    """

    def __init__(
        self,
        directory: str,
        mark: str | None = None,
        owner: tuple[int, int] = (-1, -1),
        kind: str = "postgresql",
    ) -> None:
        self.path = os.path.join(directory, NAME)
        self.mark, self.owner, self.kind = mark, owner, kind

    def load(self) -> State:
        """What it says; an empty state when there is none. C(Sentence) when somebody else has written it."""
        try:
            found = no_links.read(self.path)
            if not found:
                return State()
            if os.geteuid() == 0 and (found[1].uid != 0 or found[1].mode & 0o022):
                raise ValueError("owner")
            return parse(found[0].decode())
        except (OSError, ValueError, TypeError) as error:
            raise Sentence(
                f"{self.path} is not what was written into it, so nobody knows which database is the homeserver's; "
                "bring it back from a snapshot",
                "marker",
            ) from error

    def save(self, state: State) -> None:
        """Write it, in one step and onto the disk."""
        text = json.dumps(dataclasses.asdict(state), indent=1, sort_keys=True) + "\n"
        put(self.path, text.encode(), Attributes(-1, -1, 0o600))
        # The name as well as the content, or a power cut brings the former one back.
        with no_links.directory(os.path.dirname(self.path)) as here:
            os.fsync(here)
        self.tell(state)

    def tell(self, state: State) -> None:
        """Bring the mark to what the file says: a run may have been cut off between the two."""
        if not self.mark or not state.phase:
            return
        found = no_links.read(self.mark)
        if not state.done and found:
            no_links.remove(self.mark)
        elif state.done and not found:
            put(self.mark, f"{self.kind}\n".encode(), Attributes(*self.owner, 0o640))
