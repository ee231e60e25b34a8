"""A delivery: one run of a destination flow writes a file for each audience, then a manifest (profile contract, 7.6).

A run that is killed begins anew and ends with the same names, once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from limbeck import crash
from limbeck.activation import files as outgoing
from limbeck.activation import rows
from limbeck.activation.files import File, Outbox
from limbeck.activation.plan import Plan, Selected
from limbeck.audience import Audiences
from limbeck.audience.statements import MEMBERSHIP
from limbeck.engine import Engine, Table
from limbeck.errors import InvalidInput
from limbeck.flow import LandingZone
from limbeck.profile import Profiles
from limbeck.profile.people import People
from limbeck.scope import Sandbox


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be delivered, and for which run."""

    plan: Plan
    run_id: str
    at: datetime
    """The time in the files' names: a run's own, so that one that is done again writes the same."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one audience's delivery wrote."""

    audience_id: str
    records: int
    """Members; with a namespace as key, each counts once for each of its identities there."""
    rows: int
    files: tuple[File, ...]


class Deliveries:
    """Writes the members of audiences as files of the export area. *scratch* is for files on the way."""

    def __init__(
        self, audiences: Audiences, profiles: Profiles, engine: Engine, zone: LandingZone, scratch: Path
    ) -> None:
        self._audiences = audiences
        self._profiles = profiles
        self._engine = engine
        self._zone = zone
        self._scratch = scratch

    def deliver(self, sandbox: Sandbox, order: Order) -> list[Delivered]:
        """Write the files of a run; return what was written, by audience.

        Raise `InvalidInput` if nothing is selected or mapped, or a field is not known, `NotFound` for an audience that
        is gone, and `WrongState` for one that was not evaluated: then no file is there. Raise `LandingZoneError` or
        `DiskFull` if the folder cannot be written: then no manifest is there.
        """
        self._require(sandbox, order)
        self._zone.ready("export", order.plan.path)
        with (
            Outbox.opened(self._zone, order.plan.path, order.run_id, self._scratch) as outbox,
            self._profiles.people(sandbox) as people,
        ):
            found = [self._one(sandbox, order, people, selected, outbox) for selected in order.plan.audiences]
            crash.point("activation.files-written")
            outbox.write_manifest(order.plan.manifest_name(order.run_id), _manifest(order, found))
        crash.point("activation.manifest-written")
        return found

    def _require(self, sandbox: Sandbox, order: Order) -> None:
        """Raise the error of an order that cannot be done, before anything is written."""
        plan = order.plan
        if not plan.audiences:
            raise InvalidInput("the flow selects no audience; add one to its segmentSelectors")
        if not plan.columns:
            raise InvalidInput("the flow maps no field; add some to its profileSelectors")
        profile, _ = self._profiles.unions(sandbox)
        plan.check(profile)
        names: set[str] = set()
        for selected in plan.audiences:
            audience = self._audiences.definitions.get(sandbox, selected.audience_id)
            self._audiences.membership(audience.id)
            name = plan.file_name(selected, audience.name, order.at)
            if name in names:
                raise InvalidInput(
                    f"two audiences would be written into {name!r}; put %SEGMENT_ID% into their templates"
                )
            names.add(name)

    def _one(self, sandbox: Sandbox, order: Order, people: People, selected: Selected, outbox: Outbox) -> Delivered:
        plan = order.plan
        audience = self._audiences.definitions.get(sandbox, selected.audience_id)
        file = self._audiences.folder.path(self._audiences.membership(audience.id).path)
        name = plan.file_name(selected, audience.name, order.at)
        tables = [Table(rows.DELIVERED, MEMBERSHIP, (str(file),)), *people.tables()]
        with self._engine.session(tables, ordered=True) as session:
            ((records, wanted),) = session.fetch(rows.count(people, plan))
            reader = session.reader(rows.statement(people, plan), outgoing.BATCH_ROWS)
            written = tuple(outbox.write(reader, plan.form, name))
        return Delivered(audience.id, int(records), int(wanted), written)


def _manifest(order: Order, found: Sequence[Delivered]) -> Mapping[str, Any]:
    listed = [
        {"sinkPath": file.name, "name": file.name, "size": file.bytes, "rows": file.rows}
        for delivered in found
        for file in delivered.files
    ]
    moment = order.at.isoformat(timespec="seconds")
    return {"flowRunId": order.run_id, "scheduledTime": moment, "exportResults": listed}
