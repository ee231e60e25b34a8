"""Step 2a: what the events are, how many people there are, and how they come to the goal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from limbeck.client import Client
from limbeck.workflow.definition import Definition, Stage
from limbeck.workflow.names import quoted
from limbeck.workflow.relations import Tables, event_kinds, events, field

Exploration = dict[str, Any]


def explore(client: Client, definition: Definition, tables: Tables) -> Exploration:
    """Count events by type, people, and the funnel's stages.

    Return `events` (rows by event type, most frequent first), `people` (distinct identities in events and profiles),
    `first` and `last` (times of events, ISO), `funnel` (stages with their `people`; who is counted has reached the
    stages before too, in whatever order). JSON values.
    """
    relation = events(definition, tables, client.tenant)
    kinds = client.sql(_kinds(event_kinds(definition, tables, client.tenant))).table().to_pylist()
    return {
        "events": {row["kind"]: row["events"] for row in kinds},
        "people": client.sql(_people(definition, relation, tables, client.tenant)).scalar(),
        "first": min(row["first"] for row in kinds).isoformat(),
        "last": max(row["last"] for row in kinds).isoformat(),
        "funnel": _funnel(client, stages(definition), relation),
    }


def stages(definition: Definition) -> Sequence[Stage]:
    """Return the funnel: the definition's, else from the eligible to those who reached the goal."""
    goal = definition.goal
    return definition.funnel or (Stage("eligible", goal.eligible), Stage("reached the goal", goal.event))


def _kinds(relation: str) -> str:
    return (
        "SELECT kind, count(*) AS events, min(event_time) AS first, max(event_time) AS last\n"
        f"FROM (\n    {relation}\n) AS events\nGROUP BY kind\nORDER BY events DESC, kind"
    )


def _people(definition: Definition, relation: str, tables: Tables, tenant: str) -> str:
    found = [f"SELECT entity_id FROM (\n    {relation}\n) AS events"]
    for source in definition.profile_sources:
        identity = field(source.identity, tenant)
        found.append(f"SELECT {identity} AS entity_id FROM {quoted(tables[source.dataset])}")
    return f"SELECT count(DISTINCT entity_id) AS people FROM (\n{' UNION ALL '.join(found)}\n) AS everybody"


def _funnel(client: Client, found: Sequence[Stage], relation: str) -> list[dict[str, Any]]:
    flags = ", ".join(f"max(CASE WHEN {s.condition} THEN 1 ELSE 0 END) AS stage_{n}" for n, s in enumerate(found))
    reached = (" * ".join(f"stage_{m}" for m in range(n + 1)) for n, _ in enumerate(found))
    sums = ", ".join(f"sum({product}) AS people_{n}" for n, product in enumerate(reached))
    by_person = f"SELECT entity_id, {flags} FROM (\n    {relation}\n) AS events GROUP BY entity_id"
    (row,) = client.sql(f"SELECT {sums} FROM (\n{by_person}\n) AS people").table().to_pylist()
    return [{"stage": s.name, "people": int(row[f"people_{n}"] or 0)} for n, s in enumerate(found)]
