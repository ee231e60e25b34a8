"""C43 and C44a: what is left to chance is left to chance (section 7.3)."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
import pytest

from tests.behaviour.query_tables import Home
from tests.conformance.cases.featurization import C44A
from tests.conformance.conftest import WORLDS
from tests.conformance.fixtures import TIME, at, renamed_type
from tests.conformance.model import filled
from tests.wire.conftest import Wire

USERS, EVENTS = 3000, 3
WORLD = WORLDS["twin1"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Many users who have three events each, none of them a goal."""
    made = Home.make(tmp_path_factory.mktemp("pick"))
    names, start = WORLD.names, at("2024-01-01")
    tenant = renamed_type(pa.struct([("userid", pa.string())]), names)
    users = [{names["userid"]: f"u{user}"} for user in range(USERS) for _ in range(EVENTS)]
    moments = [start + dt.timedelta(hours=event) for _ in range(USERS) for event in range(EVENTS)]
    columns = {
        names["_tenant"]: pa.array(users, tenant),
        names["timestamp"]: pa.array(moments, TIME),
        names["eventType"]: pa.array(["some.event"] * len(users)),
    }
    made.add(names["ev_n"], [pa.table(columns)])
    yield made
    made.store.close()


def hours(home: Home, sql: str) -> dict[str, int]:
    """Which of its events stands for each user."""
    found = home.sql(sql)
    moments = found.column(WORLD.names["timestamp"]).to_pylist()
    return {user: moment.hour for user, moment in zip(found.column("userId").to_pylist(), moments, strict=True)}


def test_each_event_of_a_user_is_as_likely_as_the_others(home: Home) -> None:
    sql = C44A.format_map({**WORLD.names, "unit": "minutes"})
    first, second = hours(home, sql), hours(home, sql)
    assert len(first) == len(second) == USERS
    for found in (first, second):
        counts = Counter(found.values())
        # each is drawn 1,000 times on average; 180 is seven standard deviations
        assert all(abs(counts[event] - USERS / EVENTS) < 180 for event in range(EVENTS))
    both = sum(first[user] == second[user] for user in first)
    assert abs(both - USERS / EVENTS) < 180  # one run says nothing of the next


@pytest.mark.parametrize("name", list(WORLDS))
def test_two_runs_of_a_random_order_differ(wire: Wire, name: str) -> None:
    sql = filled(
        "SELECT {eventType}, {timestamp}, row_number() OVER (PARTITION BY {eventType} ORDER BY randn()) r FROM {ev_n}"
        " ORDER BY {timestamp}",
        WORLDS[name],
    )
    runs = {str(wire.table(sql).to_pylist()) for _ in range(8)}
    assert len(runs) > 1
