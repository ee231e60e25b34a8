"""The parts of a definition that say whom to choose and what to deliver (docs/definition.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from limbeck.propensity.planner import Choice
from limbeck.workflow.toml_text import Table

SCORE, RANK, GROUP, MODEL, AS_OF = "score", "rank", "group", "model", "asOf"
PERCENTILE, POINTS, BUCKET, REASONS = "percentile", "points", "bucket", "reasons"
"""What a profile keeps of a forecast, below `{tenant}.propensity.NAME`."""

FORMATS = ("csv", "parquet")
CHOICES = ("top", "precision", "budget")


@dataclass(frozen=True, slots=True)
class AudiencePart:
    """Whom to choose, and how many of them are held out to see what the campaign does."""

    name: str
    choice: Choice
    control: float
    """Share of everybody that is held out, by chance."""


@dataclass(frozen=True, slots=True)
class DeliveredColumn:
    """A column of the delivered file."""

    name: str
    source: str
    """`identity`, `score`, `rank`, or an XDM path of the profile with a leading `{tenant}` where it has one."""


@dataclass(frozen=True, slots=True)
class ActivationPart:
    """What is delivered."""

    format: str = "csv"
    columns: tuple[DeliveredColumn, ...] = (DeliveredColumn("identity", "identity"), DeliveredColumn("score", "score"))


def audience(table: Table, title: str) -> AudiencePart:
    """Read the table `[audience]`."""
    given = [key for key in CHOICES if key in table]
    if len(given) != 1:
        told = f"has {' and '.join(given)}" if given else "says not how many are chosen"
        raise table.error("", told, f"exactly one of {', '.join(CHOICES)}")
    found = AudiencePart(
        name=table.text("name", title),
        choice=_choice(table, given[0]),
        control=table.share("control", 0.0, above=False),
    )
    table.close(("cost",))
    return found


def activation(table: Table) -> ActivationPart:
    """Read the table `[activation]`."""
    plain = ActivationPart()
    kind = table.choice("format", FORMATS, plain.format)
    columns = table.table("columns", optional=True)
    found: Sequence[DeliveredColumn] = [DeliveredColumn(n, columns.text(n)) for n in columns.keys()]  # noqa: SIM118
    table.close()
    return ActivationPart(kind, tuple(found) or plain.columns)


def _choice(table: Table, by: str) -> Choice:
    match by:
        case "top":
            return Choice("top", table.share("top"))
        case "precision":
            return Choice("precision", table.share("precision"))
        case _:
            return Choice("budget", table.amount("budget"), table.amount("cost"))
