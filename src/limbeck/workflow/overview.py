"""Step 2a, looked at closely: events over time, what people have together, cohorts, recency, and what is odd.

All of it is SQL of Query Service's dialect; small tables come back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from limbeck.client import Client
from limbeck.workflow import pictures, quality
from limbeck.workflow.definition import Definition
from limbeck.workflow.explore import Exploration
from limbeck.workflow.names import literal, literal_text
from limbeck.workflow.page import moment, page, picture, section, table
from limbeck.workflow.relations import Tables, event_kinds, events
from limbeck.workflow.whole import whole

Overview = dict[str, Any]

MOST_KINDS = 12
"""Event types, the most frequent first, of which it is told what goes together."""

SEEN = ((1, "up to a day"), (7, "up to a week"), (28, "up to four weeks"), (90, "up to three months"))
"""Bounds in days, and what they are called."""
LONGER = "longer ago"


def overview(client: Client, definition: Definition, tables: Tables, exploration: Exploration) -> Overview:
    """Look at the events of a definition. JSON values:

    `days` (`day`, `events`, `people` of each day with events), `kinds` (the event types that the next two are about),
    `together` (rows of shares: of the people who have one type, how many have the other), `correlations` (of the counts
    of a person, rows; None where one does not vary), `recency` (`seen`, `people`, `reached`: who reached the goal after
    the first training cutoff, by how long ago they were seen last; empty for pairs), `cohorts` (`month` of the first
    event, `people`, and the share that was `active` so many months later), `findings` of `quality.findings`.
    """
    relation = f"(\n    {events(definition, tables, client.tenant)}\n) AS events"
    kinds = list(exploration["events"])[:MOST_KINDS]
    typed = f"(\n    {event_kinds(definition, tables, client.tenant)}\n) AS events"
    return {
        "days": _days(client, relation),
        "kinds": kinds,
        **_pairs(client, typed, kinds),
        "recency": _recency(client, definition, relation),
        "cohorts": _cohorts(client, relation),
        "findings": quality.findings(client, definition, tables),
    }


def _rows(client: Client, text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.sql(text).table().to_pylist()
    return found


def _days(client: Client, relation: str) -> list[dict[str, Any]]:
    text = "SELECT to_date(event_time) AS day, count(*) AS events, count(DISTINCT entity_id) AS people"
    found = _rows(client, f"{text} FROM {relation} GROUP BY to_date(event_time) ORDER BY day")
    return [{**row, "day": row["day"].isoformat()} for row in found]


def _pairs(client: Client, relation: str, kinds: Sequence[str]) -> dict[str, Any]:
    numbers = range(len(kinds))
    texts = map(literal_text, kinds)
    counts = ", ".join(f"sum(CASE WHEN kind = {text} THEN 1 ELSE 0 END) AS c{n}" for n, text in enumerate(texts))
    by_person = f"SELECT entity_id, {counts} FROM {relation} GROUP BY entity_id"
    pairs = [(a, b) for a in numbers for b in numbers if a <= b]
    both = [f"sum(CASE WHEN c{a} > 0 AND c{b} > 0 THEN 1 ELSE 0 END) AS b{a}_{b}" for a, b in pairs]
    corr = [f"corr(c{a}, c{b}) AS r{a}_{b}" for a, b in pairs]
    (row,) = _rows(client, f"SELECT {', '.join([*both, *corr])} FROM (\n{by_person}\n) AS people")

    def at(what: str, a: int, b: int) -> Any:
        value = row[f"{what}{min(a, b)}_{max(a, b)}"]
        return None if value is None or value != value else value

    return {
        "together": [[(at("b", a, b) or 0) / max(at("b", a, a) or 0, 1) for b in numbers] for a in numbers],
        "correlations": [[at("r", a, b) for b in numbers] for a in numbers],
    }


def _recency(client: Client, definition: Definition, relation: str) -> list[dict[str, Any]]:
    cutoff = definition.cutoffs.train[0]
    until = definition.label_end(cutoff)
    if definition.entity is not None or until is None:
        return []
    cases = " ".join(f"WHEN days <= {bound} THEN {n}" for n, (bound, _) in enumerate(SEEN))
    at, goal = literal(cutoff), definition.goal
    by_person = (
        f"SELECT entity_id, datediff({at}, max(CASE WHEN event_time < {at} THEN event_time END)) AS days, "
        f"max(CASE WHEN event_time >= {at} AND event_time < {literal(until)} AND ({goal.event}) THEN 1 ELSE 0 END) "
        f"AS reached FROM {relation} GROUP BY entity_id HAVING min(event_time) < {at}"
    )
    grouped = f"SELECT CASE {cases} ELSE {len(SEEN)} END AS seen, reached FROM (\n{by_person}\n) AS people"
    text = (
        f"SELECT seen, count(*) AS people, sum(reached) AS reached FROM ({grouped}) AS some GROUP BY seen ORDER BY seen"
    )
    names = [*(name for _, name in SEEN), LONGER]
    return [{**row, "seen": names[row["seen"]]} for row in _rows(client, text)]


def _cohorts(client: Client, relation: str) -> list[dict[str, Any]]:
    months = "year(event_time) * 12 + month(event_time)"
    active = f"SELECT DISTINCT entity_id, {months} AS month FROM {relation}"
    joined = "SELECT entity_id, month, min(month) OVER (PARTITION BY entity_id) AS first FROM active"
    grouped = f"FROM ({joined}) AS people GROUP BY first, month - first"
    text = f"SELECT first, month - first AS later, count(*) AS people {grouped}"
    found: dict[int, dict[int, int]] = {}
    for row in _rows(client, f"WITH active AS ({active}) {text}"):
        found.setdefault(row["first"], {})[row["later"]] = row["people"]
    last = max((first + max(later) for first, later in found.items()), default=0)
    return [
        {
            "month": f"{(first - 1) // 12}-{(first - 1) % 12 + 1:02d}",
            "people": later[0],
            "active": [later.get(n, 0) / later[0] for n in range(last - first + 1)],
        }
        for first, later in sorted(found.items())
    ]


# -- as a page ----------------------------------------------------------------------------------------------------


def write(definition: Definition, exploration: Exploration, found: Overview, path: Path) -> None:
    """Write the page of an overview to *path*; it appears whole and needs no other file."""
    parts = [
        f"<h1>{escape(definition.title)}</h1>\n<p>{exploration['people']:,} people; events from "
        f"{moment(exploration['first'])} to {moment(exploration['last'])}.</p>\n",
        section("What is odd", _findings(found["findings"])),
        section("When it happens", picture(_timeline(definition, found), "Events by day")),
        section(
            "How people come to the goal",
            picture(pictures.funnel(exploration["funnel"]), "Funnel")
            + _note("Who is counted in a stage has reached those above it too, in whatever order."),
        ),
        section("What happens", _kinds(exploration)),
        section(
            "What people have together",
            picture(pictures.together(_matrix(found, "together")), "Together")
            + _note("Of the people with an event of the row's type, the share with one of the column's."),
        ),
        section(
            "What goes together",
            picture(pictures.correlations(_matrix(found, "correlations")), "Correlations")
            + _note("Pearson's correlation, over people, of how many events of both types they have."),
        ),
        section("Is there anything to learn?", _recency_table(found["recency"])) if found["recency"] else "",
        section(
            "Who comes back",
            picture(pictures.cohorts(found["cohorts"]), "Cohorts")
            + _note("Of the people of a month of first events, the share with an event so many months later."),
        ),
    ]
    with whole(path) as beside:
        beside.write_text(page(definition.title, parts), encoding="utf-8")


def _note(text: str) -> str:
    return f'<p class="quiet">{text}</p>\n'


def _findings(found: Sequence[Mapping[str, Any]]) -> str:
    if not found:
        return "<p>Nothing was found: no gaps, no repeated rows, no impossible times, no machines.</p>\n"
    return table(
        ["what", "how many", "what it means"], [[f["what"], f"{f['count']:,}", escape(f["told"])] for f in found]
    )


def _timeline(definition: Definition, found: Overview) -> Any:
    from datetime import datetime

    days, cutoffs = found["days"], definition.cutoffs
    marks = {"training": cutoffs.train, "test": cutoffs.test, "scoring": [cutoffs.score]}
    times = [datetime.fromisoformat(day["day"]) for day in days]
    ends = lambda cutoff: definition.label_end(cutoff) or cutoff  # noqa: E731
    return pictures.timeline(times, [day["events"] for day in days], marks, ends)


def _matrix(found: Overview, name: str) -> Any:
    import pandas as pd

    return pd.DataFrame(found[name], index=found["kinds"], columns=found["kinds"], dtype=float)


def _kinds(exploration: Exploration) -> str:
    rows = [[escape(str(kind)), f"{count:,}"] for kind, count in exploration["events"].items()]
    return table(["event type", "events"], rows, numbers=True)


def _recency_table(found: Sequence[Mapping[str, Any]]) -> str:
    told = "<p>As of the first training cutoff: if the shares are alike, recency says nothing.</p>\n"
    rows = [[f["seen"], f"{f['people']:,}", f"{f['reached']:,}", f"{f['reached'] / f['people']:.1%}"] for f in found]
    drawn = picture(pictures.recency(found), "Recency")
    return told + drawn + table(["seen last", "people", "reached the goal", "share"], rows, numbers=True)
