"""C01 to C66: each on the contract's tables and on twins of them, over psycopg2 and in process (section 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

import limbeck
from tests.conformance.cases import CASES
from tests.conformance.conftest import WORLDS
from tests.conformance.faces import Answer, Face, Refused, face, token
from tests.conformance.fixtures import World
from tests.conformance.model import Case, Expected, Query, check, filled, json_text, plain, wire_text
from tests.wire.conftest import Wire

ALL = [
    pytest.param(
        case,
        name,
        is_wire,
        id=f"{case.id}-{name}-{'wire' if is_wire else 'process'}",
    )
    for case in CASES
    for name in WORLDS
    for is_wire in (True, False)
]


@pytest.mark.parametrize(("case", "name", "is_wire"), ALL)
def test_case(wire: Wire, case: Case, name: str, is_wire: bool) -> None:
    world = case.world(with_snapshots(WORLDS[name], wire))
    opened = face(case, wire=is_wire)
    if case.refused:
        with pytest.raises(Refused) as caught:
            opened(wire, case, case.database)
        assert caught.value.sqlstate == case.refused
        return
    session = opened(wire, case, filled(case.database, world))
    try:
        for step in case.steps:
            one_step(session, step, world)
    finally:
        for table in case.makes:
            session.run(f"DROP TABLE IF EXISTS {world.values[table]}")
        session.close()


@pytest.mark.parametrize("name", WORLDS)
def test_c60_the_catalogue_tells_the_tables_name(wire: Wire, name: str) -> None:
    """What clients read of a new dataset: its tag `adobe/pqs/table`."""
    table = f"luma_tagged_{name}"
    with wire.psycopg2(password=token(wire)) as connection, connection.cursor() as cursor:
        cursor.execute(filled(f"CREATE TABLE {table} AS SELECT {{id}}, {{name}} FROM {{cust}}", WORLDS[name]))
        made = cursor.fetchone()[0]
        with limbeck.connect(wire.platform.settings.home) as client:
            dataset = client.dataset(table)
        assert dataset is not None
        assert (dataset.id, list(dataset.tags["adobe/pqs/table"])) == (made, [table])
        cursor.execute(f"DROP TABLE {table}")


def with_snapshots(world: World, wire: Wire) -> World:
    """A world with the ids that the snapshots of `b3` have."""
    lake = wire.platform.lake
    dataset = lake.datasets.by_table(wire.sandbox, world.names["b3"])
    assert dataset is not None
    return replace(world, snapshots=[snapshot.id for snapshot in lake.history(dataset)])


def one_step(session: Face, step: Query, world: World) -> None:
    """Send a text, and compare what comes back."""
    sql = filled(step.sql, world)
    if step.error:
        with pytest.raises(Refused) as caught:
            session.run(sql)
        assert step.error in (caught.value.sqlstate, "any"), caught.value
        assert step.text in caught.value.text
        return
    answer = session.run(sql)
    if step.names is not None:
        assert answer.names == [filled(name, world) for name in step.names]
    if step.types is not None:
        assert answer.types == list(step.types)
    if world.name == "contract":
        compare(session, step, step.rows, answer, world)
        if step.wire is not None and session.is_wire:
            assert [list(row) for row in answer.rows] == [list(row) for row in step.wire]
    elif step.reference is not None:
        compare(session, step, step.reference(world), answer, world)


def compare(session: Face, step: Query, wanted: Expected | None, answer: Answer, world: World) -> None:
    """Compare rows; on the wire, values with parts are text."""
    if wanted is None:
        return
    if isinstance(wanted, Sequence):
        wanted = [tuple(shown(session, step, value, world) for value in row) for row in wanted]
    check(answer.rows, wanted, step.by)


def shown(session: Face, step: Query, value: Any, world: World) -> Any:
    """A value as it arrives."""
    if not session.is_wire or not isinstance(value, list | dict | tuple):
        return plain(value)
    return json_text(value, world.names) if step.as_json else wire_text(value)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_references_give_what_the_contract_says(case: Case) -> None:
    world = case.world(WORLDS["contract"])
    for step in case.steps:
        if step.rows is None or step.reference is None:
            continue
        made = step.reference(world)
        if not isinstance(step.rows, Sequence):
            assert isinstance(made, type(step.rows))
            continue
        assert isinstance(made, Sequence)
        check([tuple(map(plain, row)) for row in made], [tuple(map(plain, row)) for row in step.rows], step.by)


def test_every_case_is_here_and_has_a_twin() -> None:
    assert {int(case.id[1:3]) for case in CASES} == set(range(1, 67))
    for case in CASES:
        for step in case.steps:
            assert step.error or (step.rows is None) == (step.reference is None), (case.id, step.sql)
