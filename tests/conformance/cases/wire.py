"""C01 to C15: wire and session (section 7.2)."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.conformance.fixtures import SHAPES, Row, World, at, word
from tests.conformance.model import ANY, Case, Query, Rows, Some, case


def marketing(w: World) -> Rows:
    return [(row["directMarketing"],) for row in sorted(w["ev"], key=lambda row: row["_id"])]


def one(w: World) -> Row:
    return next(row for row in w["ev"] if row["_id"] == w.values["one"])


def any_event(w: World, random: Random) -> dict[str, Any]:
    return {"one": random.choice(w["ev"])["_id"]}


def ecid(row: Row, w: World) -> list[Row] | None:
    """What stands under the ECID of an event, whatever the namespace is called in its world."""
    return None if row["identityMap"] is None else row["identityMap"].get(w.names["ECID"])


def limit(w: World, random: Random) -> dict[str, Any]:
    return {"limit": random.randint(50_001, len(w["many"])), "above": random.randint(100_001, 10**6)}


def numbers(w: World) -> Rows:
    return [(row["n"],) for row in w["many"]]


def priced(w: World) -> Rows:
    total = None
    for row in w["ev"]:
        commerce = row["commerce"] or {}
        price, value = (commerce.get("order") or {}).get("priceTotal"), (commerce.get("purchases") or {}).get("value")
        if value is not None and value > 0 and price is not None:
            total = (total or 0.0) + price
    return [(total,)]


def columns(w: World) -> Rows:
    return [(w.names[name], "timestamp" if name == "timestamp" else "text") for name in SHAPES["ev"].columns]


TABLES = ("name", "dataSetId", "dataSet", "description", "resolved", "labels")

CASES = [
    case(
        "C01",
        "SELECT {number} AS {a}",
        [(1,)],
        lambda w: [(w.values["number"],)],
        names=["{a}"],
        types=["int4"],
        values={"number": 1, "a": "a"},
        draw=lambda w, random: {"number": random.randint(2, 10**9), "a": word(random)},
        connect={"sslmode": "require"},
    ),
    Case("C02", [], connect={"password": "wire:wrong"}, refused="28P01"),
    case(
        "C03",
        "SELECT {directMarketing} FROM {ev} ORDER BY {_id}",
        [({"emailDelivered": {"value": 1.0}, "emailVisitorID": "a@b.c", "opens": None},), (None,), (None,)],
        marketing,
        types=["text"],
        wire=[['("(1.0)",a@b.c,NULL)'], [None], [None]],
    ),
    case(
        "C04",
        "SET auto_to_json=true; SELECT {directMarketing}, {_id} FROM {ev} WHERE {_id}='{one}'",
        [({"emailDelivered": {"value": 1.0}, "emailVisitorID": "a@b.c", "opens": None}, "e1")],
        lambda w: [(one(w)["directMarketing"], one(w)["_id"])],
        names=["{directMarketing}", "{_id}"],
        wire=[['{"emailDelivered":{"value":1.0},"emailVisitorID":"a@b.c"}', "e1"]],
        as_json=True,
        values={"one": "e1"},
        draw=any_event,
    ),
    case("C05", "SELECT count(*) FROM {ev}", [(3,)], lambda w: [(len(w["ev"]),)], names=["count(1)"], types=["int8"]),
    case(
        "C06",
        "SELECT {identityMap}['{ECID}'][0].{id} FROM {ev} WHERE {_id}='{one}'",
        [("22",)],
        lambda w: [((ecid(one(w), w) or [{"id": None}])[0]["id"],)],
        names=["{identityMap}[{ECID}][0].{id}"],
        types=["text"],
        values={"one": "e3"},
        draw=any_event,
    ),
    Case(
        "C07",
        [
            Query("SELECT {n} FROM {many}", Some(50_000), lambda w: Some(50_000, numbers(w))),
            Query(
                "SELECT {n} FROM {many} LIMIT {limit}",
                Some(55_000),
                lambda w: Some(w.values["limit"], numbers(w)),
            ),
            Query("SELECT {n} FROM {many} LIMIT 0", Some(60_000), lambda w: Some(len(w["many"]), numbers(w))),
            Query("SELECT {n} FROM {many} LIMIT {above}", error="53400"),
        ],
        values={"limit": 55_000, "above": 100_001},
        draw=limit,
    ),
    case(
        "C08",
        "SHOW TABLES",
        [("ev", ANY, ANY, ANY, ANY, ANY)],
        lambda w: [(w.names["ev"], ANY, ANY, ANY, ANY, ANY)],
        names=TABLES,
        database="prod:{ev}",
    ),
    case(
        "C09",
        """SELECT SUM("{commerce}.{order}.{priceTotal}") AS r FROM {ev} WHERE "{commerce}.{purchases}.{value}" > 0""",
        [(3018.0,)],
        priced,
        types=["float8"],
        database="prod:all?FLATTEN",
    ),
    case(
        "C10",
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name='{ev}'",
        [(name, "timestamp" if name == "timestamp" else "text") for name in SHAPES["ev"].columns],
        columns,
        by=(),
    ),
    case("C11", "SHOW DateStyle", [("ISO, MDY",)], lambda w: [("ISO, MDY",)], names=["DateStyle"]),
    case(
        "C12",
        "SELECT {timestamp}, {eventType} FROM {ev} WHERE {_id}='{one}'",
        [(at("2024-03-01 10:00:00.250"), "commerce.purchases")],
        lambda w: [(one(w)["timestamp"], one(w)["eventType"])],
        types=["timestamp", "text"],
        values={"one": "e1"},
        draw=any_event,
    ),
    case(
        "C13",
        "SELECT SUM(1) OVER (ORDER BY {timestamp} ROWS BETWEEN {n} {unit} PRECEDING AND CURRENT ROW) FROM {ev}",
        error="42601",
        values={"n": 2, "unit": "days"},
        draw=lambda w, random: {"n": random.randint(1, 9), "unit": random.choice(["hours", "day", "minutes"])},
    ),
    case(
        "C14",
        "SELECT * FROM {unknown}",
        error="42P01",
        values={"unknown": "nope"},
        draw=lambda w, random: {"unknown": word(random)},
    ),
    case(
        "C15",
        "SELECT {_tenant}.{unknown} FROM {ev}",
        error="any",
        text="No such struct field",
        values={"unknown": "nope"},
        draw=lambda w, random: {"unknown": word(random)},
    ),
]
