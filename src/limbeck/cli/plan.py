"""How `plan`, `activate` and `uplift` show what a choice would cost and bring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from limbeck.cli import output
from limbeck.cli.output import Part, Rows
from limbeck.client import Client

OPTIONAL = {
    "cost": "cost",
    "profit": "profit",
    "incremental": "added conversions",
    "incremental_profit": "profit of these",
}
"""What is known of a reach where money is named, or an experiment was made."""


def plan(client: Client, definition: Path, home: Path | None, by: str | None) -> None:
    """Show the plan of a definition."""
    from limbeck.workflow.plan import plan

    found = plan(client, definition, home, by)
    output.current().sections(found, list(_parts(found)))


def _parts(found: Mapping[str, Any]) -> Iterator[Part]:
    yield f"{found['title']} as of {found['cutoff']}"
    yield ""
    yield reaches(found["table"])
    yield ""
    yield from found["told"]
    yield f"audience {found['audience']}: {found['rule']}"
    if "surface" in found:
        yield from ("", _surface(found["by"], found["surface"]))


def reaches(table: Sequence[Mapping[str, Any]]) -> Rows:
    """Return what each of several reaches would bring."""
    known = [name for name in OPTIONAL if any(reach[name] is not None for reach in table)]
    head = ("share", "people", table[0]["by"], "precision", "recall", "conversions", *(OPTIONAL[n] for n in known))
    return Rows(head, [_reach(reach, known) for reach in table])


def _reach(reach: Mapping[str, Any], known: Sequence[str]) -> list[str]:
    return [
        f"{reach['share']:.1%}",
        f"{reach['people']:,}",
        f"{reach['threshold']:.4f}",
        _rate(reach["precision"]),
        "" if reach["recall"] is None else _rate(reach["recall"], ".0%"),
        _count(reach["conversions"]),
        *(_count(reach[name]) for name in known),
    ]


def added(table: Sequence[Mapping[str, Any]]) -> Rows:
    """Return what an experiment says that each of several reaches by uplift would add."""
    money = "incremental_profit"
    priced = any(money in reach for reach in table)
    head = ("share", "people", "uplift", "conversions added", *([OPTIONAL[money]] if priced else []))
    rows = [
        [
            f"{reach['share']:.1%}",
            f"{reach['people']:,}",
            f"{reach['threshold']:+.3f}",
            _count(reach["incremental"]),
            *([_count(reach.get(money))] if priced else []),
        ]
        for reach in table
    ]
    return Rows(head, rows)


def _surface(by: str, cells: Sequence[Mapping[str, Any]]) -> Rows:
    rows = [
        [
            cell["group"],
            f"{cell['threshold']:.4f}",
            f"{cell['people']:,}",
            "too few in the test" if cell["precision"] is None else _rate(cell["precision"]),
            "" if cell["profit"] is None else _count(cell["profit"]),
        ]
        for cell in cells
    ]
    return Rows((by, "score", "people", "precision", "profit without fixed cost"), rows)


def _rate(measure: Mapping[str, float], form: str = ".1%") -> str:
    return f"{measure['value']:{form}} ({measure['low']:{form}} to {measure['high']:{form}})"


def _count(measure: Mapping[str, float] | float | None) -> str:
    if measure is None:
        return "not known"
    if isinstance(measure, float):
        return f"{measure:,.0f}"
    return "{value:,.0f} ({low:,.0f} to {high:,.0f})".format(**measure)
