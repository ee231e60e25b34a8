"""One evaluation: several audiences over one state of Profile, into files that nobody sees yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from limbeck.audience import statements
from limbeck.audience.model import EXITED, REALIZED
from limbeck.audience.pql import Rule
from limbeck.audience.service import Audiences
from limbeck.engine import Engine
from limbeck.errors import LimbeckError
from limbeck.profile import Profiles
from limbeck.profile.people import People
from limbeck.scope import Sandbox


@dataclass(frozen=True, slots=True)
class Members:
    """Who is in one audience, and the numbers that a job tells of it (profile contract, section 5.3)."""

    file: Path
    realized: int
    exited: int
    """How many left."""
    by_namespace: Mapping[str, int]


@dataclass(slots=True)
class Outcome:
    """What an evaluation came to."""

    everybody: int
    members: dict[str, Members] = field(default_factory=dict)
    """By audience id; one whose rule does not fit is missing."""
    errors: list[dict[str, str]] = field(default_factory=list)

    def failed(self, audience_id: str, error: LimbeckError) -> None:
        """Note that an audience could not be evaluated; the others are not harmed."""
        self.errors.append({"segmentId": audience_id, "message": str(error)})


class Evaluation:
    """Evaluates audiences of a sandbox."""

    def __init__(self, audiences: Audiences, profiles: Profiles, engine: Engine) -> None:
        self._audiences = audiences
        self._profiles = profiles
        self._engine = engine

    def run(self, sandbox: Sandbox, audience_ids: Sequence[str], now: datetime, folder: Path) -> Outcome:
        """Evaluate audiences as at *now* into files in *folder*, over the lake as it is when this begins."""
        with self._profiles.people(sandbox) as people:
            outcome = Outcome(self._count(people))
            for audience_id, rule in self._in_order(sandbox, audience_ids, outcome):
                try:
                    made = self._members(people, audience_id, rule, now, outcome, folder)
                    outcome.members[audience_id] = made
                except LimbeckError as error:
                    outcome.failed(audience_id, error)
        return outcome

    def preview(self, sandbox: Sandbox, rule: Rule, now: datetime, folder: Path) -> tuple[int, Members]:
        """Return how many people there are, and those whom *rule* is about as at *now*, in a file in *folder*."""
        with self._profiles.people(sandbox) as people:
            outcome = Outcome(self._count(people))
            return outcome.everybody, self._members(people, "preview", rule, now, outcome, folder)

    def _in_order(self, sandbox: Sandbox, wanted: Sequence[str], outcome: Outcome) -> list[tuple[str, Rule]]:
        """Return the audiences with their rules so that one comes after those of them which it asks for."""
        rules: dict[str, Rule] = {}
        needed: dict[str, set[str]] = {}
        for audience_id in wanted:
            try:
                rule = self._audiences.compile(sandbox, self._audiences.definitions.get(sandbox, audience_id).rule)
                needed[audience_id] = self._audiences.needed(sandbox, rule)
                rules[audience_id] = rule
            except LimbeckError as error:
                outcome.failed(audience_id, error)
        return sorted(rules.items(), key=lambda item: len(needed[item[0]] & rules.keys()))

    def _members(
        self, people: People, audience_id: str, rule: Rule, now: datetime, outcome: Outcome, folder: Path
    ) -> Members:
        made = {other: members.file for other, members in outcome.members.items()}
        others = {other: made.get(other) or self._audiences.file(other) for other in sorted(rule.audiences)}
        known = {other: file for other, file in others.items() if file is not None}
        before, target = self._audiences.file(audience_id), folder / f"{audience_id}.parquet"
        with self._engine.session(statements.tables(people, before, known), ordered=True) as session:
            _as_one(session.write_parquet(statements.statement(people, rule, now, known)), target)
        return self._counted(people, before, target)

    def _counted(self, people: People, before: Path | None, after: Path) -> Members:
        """Return the members in the file *after* with their numbers."""
        found: dict[str, dict[str, int]] = {"status": {}, "namespace": {}}
        tables = [*statements.tables(people, before, {}), statements.members(statements.AFTER, after)]
        with self._engine.session(tables) as session:
            for what, name, count in session.fetch(statements.counts()):
                found[what][name] = count
        return Members(after, found["status"][REALIZED], found["status"][EXITED], found["namespace"])

    def _count(self, people: People) -> int:
        """Return how many people there are."""
        with self._engine.session(people.tables()) as session:
            ((count,),) = session.fetch(f"SELECT count(*) FROM ({people.persons(())})")
        return int(count)


def _as_one(paths: Sequence[Path], target: Path) -> None:
    """Move the one file of a result to *target*; several, from a result of many millions, are joined in order."""
    if len(paths) == 1:
        paths[0].replace(target)
        return
    with pq.ParquetWriter(target, statements.MEMBERSHIP, compression="zstd") as writer:
        for path in paths:
            for batch in pq.ParquetFile(path).iter_batches():
                writer.write_table(pa.Table.from_batches([batch]).cast(statements.MEMBERSHIP))
