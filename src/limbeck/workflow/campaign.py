"""The parts of a definition that say whom to choose and what to deliver (docs/definition.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from limbeck.propensity.money import By, Choice, Money, Worth
from limbeck.workflow.toml_text import Table

SCORE: Worth = "score"
UPLIFT: Worth = "uplift"
RANK, GROUP, MODEL, AS_OF = "rank", "group", "model", "asOf"
PERCENTILE, POINTS, BUCKET, REASONS = "percentile", "points", "bucket", "reasons"
UPLIFT_GROUP = "upliftGroup"
"""What a profile keeps of a forecast, below `{tenant}.propensity.NAME`."""

FORMATS = ("csv", "parquet")
WORTHS: tuple[Worth, ...] = (SCORE, UPLIFT)
"""What people are chosen by: the name of the profile's attribute, and of the column that has it for everybody."""
CHOICES: tuple[By, ...] = ("top", "precision", "budget", "break_even", "max_profit")
FLAGS = ("break_even", "max_profit")
"""Choices that follow from the money alone."""
MONEY = ("cost", "fixed_cost", "value", "currency")


@dataclass(frozen=True, slots=True)
class AudiencePart:
    """Whom to choose, and how many of them are held out to see what the campaign does."""

    name: str
    choice: Choice
    control: float
    """Share of everybody that is held out, by chance."""
    money: Money | None = None
    """What contacts cost and conversions bring; None if nothing is said of it."""
    by: Worth = SCORE
    """What they are chosen by, the highest first."""


@dataclass(frozen=True, slots=True)
class DeliveredColumn:
    """A column of the delivered file."""

    name: str
    source: str
    """`identity`, one of `OWN`, or an XDM path of the profile with a leading `{tenant}` where it has one."""


OWN = (SCORE, RANK, UPLIFT)
"""Words of `[activation]` for what a profile keeps of the forecast."""


@dataclass(frozen=True, slots=True)
class ActivationPart:
    """What is delivered."""

    format: str = "csv"
    columns: tuple[DeliveredColumn, ...] = (DeliveredColumn("identity", "identity"), DeliveredColumn("score", "score"))


def audience(table: Table, title: str) -> AudiencePart:
    """Read the table `[audience]`."""
    by = WORTHS[WORTHS.index(table.choice("by", WORTHS, SCORE))]
    given = [by for by in CHOICES if by in table and not (by in FLAGS and not table.flag(by, default=False))]
    if len(given) != 1:
        told = f"has {' and '.join(given)}" if given else "says not how many are chosen"
        raise table.error("", told, f"exactly one of {', '.join(CHOICES)}")
    if by == UPLIFT and given == ["precision"]:
        others = ", ".join(choice for choice in CHOICES if choice != "precision")
        told = 'is a share of converters, and by = "uplift" chooses those whom a contact changes'
        raise table.error("precision", told, f"one of {others}")
    found = AudiencePart(
        name=table.text("name", title),
        choice=_choice(table, given[0]),
        control=table.share("control", 0.0, above=False),
        money=_money(table, given[0]),
        by=by,
    )
    table.close((*CHOICES, *MONEY))
    return found


def activation(table: Table, by: Worth = SCORE) -> ActivationPart:
    """Read the table `[activation]` for people chosen *by* score or uplift."""
    plain = ActivationPart(columns=(DeliveredColumn("identity", "identity"), DeliveredColumn(by, by)))
    kind = table.choice("format", FORMATS, plain.format)
    columns = table.table("columns", optional=True)
    found: Sequence[DeliveredColumn] = [DeliveredColumn(n, columns.text(n)) for n in columns.keys()]  # noqa: SIM118
    table.close()
    return ActivationPart(kind, tuple(found) or plain.columns)


def _choice(table: Table, by: By) -> Choice:
    if by in FLAGS:
        return Choice(by)
    return Choice(by, table.amount(by) if by == "budget" else table.share(by))


def _money(table: Table, by: By) -> Money | None:
    """Read what contacts cost and conversions bring; some choices need to know."""
    if by not in (*FLAGS, "budget") and not any(key in table for key in MONEY):
        return None
    needs_value = by in FLAGS
    return Money(
        cost=table.amount("cost", None if needs_value or by == "budget" else 0.0, above=by in ("break_even", "budget")),
        fixed_cost=table.amount("fixed_cost", 0.0, above=False),
        value=table.amount("value") if needs_value or "value" in table else None,
        currency=table.text("currency") if "currency" in table else "",
    )
