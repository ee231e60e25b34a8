"""What is odd about the data: gaps, repeated rows, impossible times, machines, identities that were numbers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from limbeck import clock
from limbeck.client import Client
from limbeck.workflow.datasets import EVENT_TYPE, Source
from limbeck.workflow.definition import Definition
from limbeck.workflow.names import literal, quoted
from limbeck.workflow.relations import Tables, events, field

Finding = dict[str, Any]

OFTEN = 20
"""Events on a usual day from which on a day without any is a gap."""
TIMES = 100
"""Somebody with so many times the events of the median person, and as many a day, may be a machine."""
PAUSE, AWAKE = 8, 14
"""Somebody without a pause of so many hours in so many days or more never sleeps, and may be a machine."""
AT_MIDNIGHT = 0.5
"""Share of events at midnight from which on their times are taken for dates."""
EARLIEST = date(2000, 1, 1)


def findings(client: Client, definition: Definition, tables: Tables) -> list[Finding]:
    """Return what is odd. JSON values: `what` (`gap`, `repeated rows`, `times in the future`, `times before 2000`,
    `dates for times`, `machines`, `sleepless`, `numbers for identities`, `empty columns`, `late rows`), `count`,
    `where` and `told`, a sentence on what it means.
    """
    relation = f"(\n    {events(definition, tables, client.tenant)}\n) AS events"
    found = [
        *_gaps(client, relation),
        *_times(client, relation),
        *_machines(client, relation),
        *_sleepless(client, relation),
    ]
    for source in definition.sources:
        found += _of_source(client, source, tables[source.dataset])
    return found


def _finding(what: str, count: int, where: str, told: str) -> Finding:
    return {"what": what, "count": count, "where": where, "told": told}


def _gaps(client: Client, relation: str) -> Iterator[Finding]:
    text = f"SELECT to_date(event_time) AS day, count(*) AS events FROM {relation} GROUP BY to_date(event_time)"
    every = {row["day"]: row["events"] for row in client.sql(text).table().to_pylist()}
    counts = {day: events for day, events in every.items() if EARLIEST <= day <= clock.now().date()}
    usual = sorted(counts.values())[len(counts) // 2] if counts else 0
    if usual < OFTEN:
        return
    day, last = min(counts), max(counts)
    empty = []
    while day < last:
        day += timedelta(days=1)
        if day not in counts:
            empty.append(day)
    if empty:
        span = f"{empty[0]} to {empty[-1]}"
        told = f"days without any event, where {usual:,} are usual: features that look back over them see too little"
        yield _finding("gap", len(empty), span, f"{told} ({span})")


def _times(client: Client, relation: str) -> Iterator[Finding]:
    now = literal(clock.now().replace(tzinfo=None, microsecond=0))
    early = f"TIMESTAMP '{EARLIEST} 00:00:00'"
    counts = ", ".join(
        f"count(CASE WHEN {condition} THEN 1 END) AS {name}"
        for name, condition in {
            "future": f"event_time > {now}",
            "early": f"event_time < {early}",
            "midnight": "hour(event_time) * 3600 + minute(event_time) * 60 + second(event_time) = 0",
        }.items()
    )
    (row,) = client.sql(f"SELECT count(*) AS events, {counts} FROM {relation}").table().to_pylist()
    if row["future"]:
        yield _finding("times in the future", row["future"], "", "events after now: a clock or a time zone is wrong")
    if row["early"]:
        told = f"events before {EARLIEST}: a missing time that was written as a number"
        yield _finding("times before 2000", row["early"], "", told)
    if row["events"] and row["midnight"] / row["events"] > AT_MIDNIGHT:
        told = "events at midnight: only their day is known, so those of a cutoff's day count towards the label"
        yield _finding("dates for times", row["midnight"], "", told)


def _machines(client: Client, relation: str) -> Iterator[Finding]:
    counts = "count(*) AS n, count(DISTINCT to_date(event_time)) AS days"
    each = f"SELECT entity_id, {counts} FROM {relation} GROUP BY entity_id"
    usual = f"SELECT percentile_approx(n, 0.5) AS usual FROM ({each}) AS people"
    median = int(client.sql(usual).scalar() or 0)
    many = f"n > {TIMES} * {max(median, 1)} AND n / days >= {TIMES}"
    (row,) = client.sql(f"SELECT count(*) AS people, sum(n) AS n FROM ({each}) AS p WHERE {many}").table().to_pylist()
    if row["people"]:
        told = (
            f"people with {row['n']:,} events, over {TIMES} times the usual {median:,}, and over {TIMES} a day: bots?"
        )
        yield _finding("machines", row["people"], "", told)


def _sleepless(client: Client, relation: str) -> Iterator[Finding]:
    """Machines are few and their events many: only of those who have enough is it asked when they pause."""
    days = "datediff(max(event_time), min(event_time))"
    often = f"{days} >= {AWAKE} AND count(*) >= {24 // PAUSE} * {days}"
    busy = f"SELECT entity_id FROM {relation} GROUP BY entity_id HAVING {often}"
    before = "lag(event_time) OVER (PARTITION BY entity_id ORDER BY event_time)"
    pauses = (
        f"SELECT entity_id, unix_timestamp(event_time) - unix_timestamp({before}) AS pause "
        f"FROM {relation} WHERE entity_id IN ({busy})"
    )
    each = f"SELECT count(*) AS n FROM ({pauses}) AS acts GROUP BY entity_id HAVING max(pause) < {PAUSE * 3600}"
    (row,) = client.sql(f"SELECT count(*) AS people, sum(n) AS n FROM ({each}) AS some").table().to_pylist()
    if row["people"]:
        told = f"people with {row['n']:,} events who never pause for {PAUSE} hours in {AWAKE} days or more: bots?"
        yield _finding("sleepless", row["people"], "", told)


def _of_source(client: Client, source: Source, table: str) -> Iterator[Finding]:
    names = {c.name: field(c, client.tenant) for c in source.columns}
    identity = field(source.identity, client.tenant)
    number = f"CAST({identity} AS STRING) RLIKE '^[0-9]+[.]0$|^[0-9]+[.]?[0-9]*[eE][+]?[0-9]+$'"
    asked = [f"count(CASE WHEN {number} THEN 1 END) AS numbers", "count(*) AS all_rows"]
    asked += [f"count({path}) AS filled_{n}" for n, path in enumerate(names.values())]
    if source.arrival is not None:
        time = next(field(c, client.tenant) for c in source.columns if c.path == "timestamp")
        asked.append(f"count(CASE WHEN {names[source.arrival]} > {time} THEN 1 END) AS late")
    (row,) = client.sql(f"SELECT {', '.join(asked)} FROM {quoted(table)}").table().to_pylist()
    if row["numbers"]:
        told = f"identities of {source.dataset} look like numbers with a fraction or an exponent: long ones lost digits"
        yield _finding("numbers for identities", row["numbers"], source.dataset, told)
    empty = [name for n, name in enumerate(names) if row["all_rows"] and not row[f"filled_{n}"]]
    if empty:
        told = f"columns of {source.dataset} have no value in any row: {', '.join(empty)}"
        yield _finding("empty columns", len(empty), source.dataset, told)
    if row.get("late"):
        told = f"rows of {source.dataset} arrived after they happened; features see them from then on"
        yield _finding("late rows", row["late"], source.dataset, told)
    yield from _repeated(client, source, names, table)


def _repeated(client: Client, source: Source, names: dict[str, str], table: str) -> Iterator[Finding]:
    """Rows that are the same in all columns but the one that numbers them, and when they arrived."""
    if source.kind == "profile" or not any(c.path == EVENT_TYPE for c in source.columns):
        return
    columns = ", ".join(path for name, path in names.items() if name not in (source.key, source.arrival))
    grouped = f"SELECT count(*) AS n FROM {quoted(table)} GROUP BY {columns} HAVING count(*) > 1"
    found = client.sql(f"SELECT coalesce(sum(n - 1), 0) AS more FROM ({grouped}) AS same").scalar()
    if found:
        told = (
            f"rows of {source.dataset} repeat another in every column: sent twice, or a column is missing that differs"
        )
        yield _finding("repeated rows", int(found), source.dataset, told)
