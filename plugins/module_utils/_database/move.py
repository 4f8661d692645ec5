# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A homeserver's way from SQLite to PostgreSQL, in steps of which each can be the last one of a run.

Until the marker says C(ported), SQLite's file is the database, and nothing has written into it; from then on it is
PostgreSQL. What is in PostgreSQL before that is thrown away by the next run, or gone on with.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._database import (
    marker,
    postgres,
    room,
    sqlite,
)
from ansible_collections.potluck.matrix.plugins.module_utils._database.account import Account
from ansible_collections.potluck.matrix.plugins.module_utils._database.filling import Filling
from ansible_collections.potluck.matrix.plugins.module_utils._database.marker import Marker, State
from ansible_collections.potluck.matrix.plugins.module_utils._database.progress import NAME as LOG
from ansible_collections.potluck.matrix.plugins.module_utils._database.progress import Progress
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import no_links
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.database import ELSEWHERE, KEPT


def put_away(path: str, keep: bool) -> None:
    """Rename SQLite's file, with all that SQLite has beside it, or remove it and what was kept earlier."""
    parent, name = os.path.split(path)
    with no_links.directory(parent) as here:
        for suffix in (*sqlite.BESIDE, ""):
            with contextlib.suppress(FileNotFoundError):
                if keep:
                    os.rename(name + suffix, name + KEPT + suffix, src_dir_fd=here, dst_dir_fd=here)
                else:
                    os.unlink(name + suffix, dir_fd=here)
            if not keep:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name + KEPT + suffix, dir_fd=here)
        os.fsync(here)


def local(args: dict) -> bool:
    """Whether PostgreSQL's files are likely to be on the same pool."""
    return str(args.get("host", "/")).startswith("/")


def require_source(account: Account, path: str) -> None:
    """C(Sentence) unless what is in SQLite's file can be moved."""
    if not sqlite.fingerprint(path):
        raise Sentence(f"there is no database of SQLite at {path}", "sqlite")
    found = account.run(sqlite.look, path)
    if found["updates"]:
        raise Sentence(
            f"Synapse has not finished its background updates ({', '.join(found['updates'])}); let it run until it "
            "has, then run again",
            "updates",
        )
    if found["vacuum"]:
        raise Sentence(
            f"{path} has auto_vacuum, with which rows change their numbers; stop Synapse and give SQLite "
            "'PRAGMA auto_vacuum=off; VACUUM'",
            "sqlite",
        )


class Move:
    """One run of the module; C(state) is what the marker says at last, C(progress) how far it came, C(updates) what
    Synapse still has to run on PostgreSQL, C(anew) the tables that did not go on from an earlier copy, or None.
    """

    def __init__(self, params: dict, check: bool) -> None:
        self.params, self.check = params, check
        self.path = os.path.normpath(params["sqlite"])
        self.directory = os.path.normpath(params["directory"])
        self.args = {name: value for name, value in params["postgresql"].items() if value not in (None, "")}
        self.account = Account(params["user"])
        owner = (self.account.user.pw_uid, self.account.user.pw_gid)
        kind = "postgresql" if local(self.args) else ELSEWHERE
        self.marker = Marker(self.directory, params["mark"], owner, kind)
        self.state = self.marker.load()
        if not check:
            self.marker.tell(self.state)
        self.progress = Progress(None if check else os.path.join(self.directory, LOG))
        self.updates: list[str] = []
        self.anew: list[str] | None = None
        self.filling = Filling(params, self.args, self.account, self.progress)

    # --- what there is ---

    def _same(self) -> bool:
        """Whether SQLite's file is what it was when PostgreSQL was the same."""
        return sqlite.fingerprint(self.path) == self.state.sqlite

    def _look(self) -> dict:
        found = self.account.run(postgres.look, self.args)
        if found["wrong"]:
            raise Sentence(f"Synapse refuses the database {self.args['dbname']}: {found['wrong']}", "postgresql")
        return found

    def _require_target(self) -> dict:
        """What is in PostgreSQL, if it may be thrown away; C(Sentence) if not."""
        found = self._look()
        name = self.args["dbname"]
        if not found["tables"] and not found["id"]:
            return found
        if found["id"] and self.state.id in ("", marker.ANNOUNCED):
            raise Sentence(
                f"the database {name} of PostgreSQL holds what an earlier move has brought there, and what Synapse has "
                f"written since; {self.path} is from before that, as after going back to a snapshot. If that file "
                f"counts, give 'dropdb -h {self.args.get('host', 'localhost')} -U postgres {name}' in the pot, and "
                "run again; if the database does, go back to a snapshot from after the move",
                "foreign",
            )
        if found["id"] != self.state.id or not self.state.id:
            whose = f"the homeserver {found['owner']}" if found["owner"] else "something else"
            raise Sentence(
                f"the database {name} of PostgreSQL holds tables of {whose}; name an empty one, or drop it if nobody "
                "needs what is in it",
                "foreign",
            )
        if self.state.done and self.account.run(postgres.positions, self.args) != self.state.positions:
            raise Sentence(
                f"Synapse has gone on with {self.path} and with the database {name} after they were the same; to keep "
                f"what is in {self.path}, empty {name}; to keep what is in {name}, move {self.path} away and mark it "
                "with state=switched",
                "both",
            )
        return found

    # --- the states ---

    def begun(self) -> bool:
        """Name the snapshot from before the move. Returns whether it is a new one."""
        if self.state.done and self._done():
            return False
        require_source(self.account, self.path)
        self._require_target()
        room.require_room(self.directory, os.stat(self.path).st_size, local(self.args))
        name = marker.snapshot_of(self.state, datetime.datetime.now(datetime.timezone.utc))
        if name == self.state.snapshot:
            return False
        self.state = dataclasses.replace(self.state, snapshot=name)
        if not self.check:
            self.filling.prepare()
            self._become(phase=self.state.phase or marker.PRECOPYING, id=self.state.id or marker.ANNOUNCED)
        return True

    def precopied(self) -> bool:
        """Copy while Synapse runs, so that less is left to do once it is stopped. Returns whether there was anything to
        do.
        """
        if self.state.phase == marker.PRECOPIED or (self.state.done and self._done()):
            return False
        require_source(self.account, self.path)
        self._require_target()
        room.require_room(self.directory, os.stat(self.path).st_size, local(self.args))
        if self.check:
            return True
        self.filling.prepare()
        try:
            self._begin(marker.PRECOPYING)
            schema = self.filling.copy_running()
            self.filling.port(True, self.filling.knowledge())
        except BaseException:
            self.filling.clean()
            raise
        self._become(phase=marker.PRECOPIED, schema=schema, seconds=self.progress.seconds)
        return True

    def ported(self) -> bool:
        """Copy what is there once Synapse is stopped, and prove it. Returns whether there was anything to do."""
        if self.state.done and self._done():
            self.updates = self._look()["updates"] if os.path.lexists(self.path) else []
            if not self.check:
                # What a run that was killed behind its last mark has left.
                self.filling.clean()
            return False
        require_source(self.account, self.path)
        target = self._require_target()
        room.require_room(self.directory, os.stat(self.path).st_size, local(self.args))
        if self.check:
            return True
        if target["others"]:
            raise Sentence(
                f"somebody is connected to the database {self.args['dbname']} as the same user; stop what that is",
                "running",
            )
        room.require_unused(self.path, self.account.children)
        self.filling.prepare()
        with contextlib.ExitStack() as stack:
            stack.callback(self.filling.clean)
            with self.progress.step("lock and copy"):
                stack.enter_context(self.filling.holding())
            # Nobody has opened it before it was locked.
            room.require_unused(self.path, self.account.children)
            self._fill()
            same = sqlite.fingerprint(self.path)
            positions = self.account.run(postgres.positions, self.args)
            self._become(phase=marker.PORTED, sqlite=same, positions=positions, seconds=self.progress.seconds)
        return True

    def switched(self) -> bool:
        """Put SQLite's file away now that Synapse runs on PostgreSQL. Returns whether there was anything to do."""
        if not self.state.done:
            raise Sentence(f"{self.path} has not been moved into PostgreSQL; state=ported comes first", "marker")
        there, kept = os.path.lexists(self.path), os.path.lexists(self.path + KEPT)
        unwanted = kept and not self.params["keep"]
        if self.state.phase == marker.SWITCHED and not there and not unwanted:
            return False
        if there:
            if not self._same():
                raise Sentence(
                    f"{self.path} has been written since it was moved into PostgreSQL; find out which of both Synapse "
                    "uses, and run state=ported again if it is this one",
                    "both",
                )
            if kept and self.params["keep"]:
                raise Sentence(f"{self.path + KEPT} is there already; move it away", "sqlite")
            room.require_unused(self.path, self.account.children)
        found = self._look()
        self.updates = found["updates"]
        if found["id"] != self.state.id:
            raise Sentence(f"the database {self.args['dbname']} is not the one that was filled", "foreign")
        if self.state.phase != marker.SWITCHED and not found["others"] and not self.check:
            raise Sentence(f"Synapse is not connected to the database {self.args['dbname']}", "postgresql")
        if self.check:
            return True
        if self.state.phase != marker.SWITCHED:
            self._become(phase=marker.SWITCHED)
        put_away(self.path, self.params["keep"])
        return True

    def abandoned(self) -> bool:
        """Stay with SQLite's file when Synapse does not run on PostgreSQL. Returns whether there was anything to do."""
        if self.state.phase != marker.PORTED:
            return False
        try:
            written = self.account.run(postgres.positions, self.args) != self.state.positions
        except Sentence:
            # Who cannot be asked has taken nothing either.
            written = False
        if written:
            raise Sentence(
                f"Synapse has written into the database {self.args['dbname']} before it ended, so that is the "
                "homeserver's database; correct what is wrong, and run again to go on with it",
                "both",
            )
        if not self.check:
            # What Synapse writes from now on into SQLite's file is not in the snapshot.
            self._become(phase=marker.PORTING, snapshot="")
        return True

    # --- steps ---

    def _done(self) -> bool:
        """Whether nothing is left of a move that is marked as done: SQLite's file has not been written since."""
        if self._same():
            return True
        if self.state.phase == marker.SWITCHED:
            if not os.path.lexists(self.path):
                return True
            raise Sentence(
                f"Synapse uses PostgreSQL, and yet there is another database at {self.path}; move it away", "both"
            )
        if not os.path.lexists(self.path):
            raise Sentence(
                f"{self.path} is gone, and nobody has said that Synapse runs on PostgreSQL; run state=switched",
                "sqlite",
            )
        return False

    def _become(self, **changes: t.Any) -> None:
        state = dataclasses.replace(self.state, **changes)
        self.marker.save(state)
        self.state = state
        self.progress.line(f"marker: {state.phase}")

    def _begin(self, phase: str) -> None:
        """Mark that PostgreSQL is being filled, and empty it.

        The id stays the same from one run to the next: between the marker and the database there is no moment at which
        they name different ones.
        """
        former = "" if self.state.id == marker.ANNOUNCED else self.state.id
        self.marker.save(State(phase=phase, id=former or marker.new_id(), snapshot=self.state.snapshot))
        self.state = self.marker.load()
        self.progress.line(f"marker: {phase}")
        self.filling.empty(former, self.state.id)

    def _fill(self) -> None:
        """Bring PostgreSQL to what the copy of the locked file holds."""
        known = self.filling.knowledge()
        if (
            self.state.phase == marker.PRECOPIED
            and self.filling.goes_on_from(self.state.schema)
            and self._look()["id"] == self.state.id
        ):
            self._become(phase=marker.PORTING)
            self.anew = self.filling.go_on(known)
        else:
            self._begin(marker.PORTING)
        self.filling.port(False, known)
        try:
            self.updates = self.filling.prove(known)
        finally:
            self.state = dataclasses.replace(self.state, tables=self.filling.tables, sequences=self.filling.sequences)
