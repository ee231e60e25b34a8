"""The report's part on whom to choose: what every reach would cost and bring, and what became of the choice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from limbeck.propensity.evaluate import Measure
from limbeck.propensity.planner import Reach
from limbeck.workflow import pictures, planning
from limbeck.workflow.page import moment, picture, section, table
from limbeck.workflow.planning import Planned


def plan(summary: Mapping[str, Any], planned: Planned) -> str:
    """Return the section; *summary* tells of the audience and the delivery, once they are made."""
    found, chosen = _with_chosen(planned), planned.chosen
    known = _known(found)
    rows = [_row(reach, known) for reach in found]
    return section(
        "Whom to choose",
        f"<p>{escape(' '.join(planning.told(planned)))}</p>\n"
        + picture(pictures.reach([reach.shown() for reach in found], chosen.shown()), "Propensity and reach")
        + table(_head(chosen.by, known), rows, numbers=True, marked=[found.index(chosen)])
        + '<p class="quiet">Marked: the choice. In brackets: the rate at which such people convert lies there 95 times '
        "in 100; so do the number of conversions and the profit, in which the chance of each person counts too."
        f"{MEASURED[chosen.by]}</p>\n" + "".join(f"<p class='quiet'>{escape(line)}</p>\n" for line in _made(summary)),
    )


MEASURED = {
    "score": "",
    "uplift": " Those with the highest predicted uplift come first. Rates and conversions are of people who are "
    "contacted, as the experiment measured them.",
}
"""What else is to be known of the rates, by what people are chosen by."""


def _with_chosen(planned: Planned) -> list[Reach]:
    """Return the usual reaches, and the choice among them."""
    others = (reach for reach in planned.table if reach.people != planned.chosen.people)
    return sorted([*others, planned.chosen], key=lambda reach: reach.people)


PAID = {
    "cost": "cost",
    "profit": "profit",
    "incremental": "added conversions",
    "incremental_profit": "profit of these",
}
"""What is known of a reach where money is named, or an experiment was made."""


def _known(found: Sequence[Reach]) -> list[str]:
    return [name for name in PAID if any(getattr(reach, name) is not None for reach in found)]


def _head(by: str, known: Sequence[str]) -> list[str]:
    always = ["of all scored", "people", f"lowest {by}", "converters among them", "of all converters", "conversions"]
    return [*always, *(PAID[name] for name in known)]


def _row(reach: Reach, known: Sequence[str]) -> list[str]:
    return [
        f"{reach.share:.1%}",
        f"{reach.people:,}",
        f"{reach.threshold:.4f}",
        _measured(reach.precision, ".1%"),
        "" if reach.recall is None else _measured(reach.recall, ".0%"),
        _measured(reach.conversions, ",.0f"),
        *(_amount(getattr(reach, name)) for name in known),
    ]


def _amount(measure: Measure | float | None) -> str:
    if measure is None:
        return "not known"
    return f"{measure:,.0f}" if isinstance(measure, float) else _measured(measure, ",.0f")


def _measured(measure: Mapping[str, float], form: str) -> str:
    value, low, high = (format(measure[end], form) for end in ("value", "low", "high"))
    return f'{value}<br><span class="range">({low} to {high})</span>'


def _made(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield what became of the choice."""
    made, delivered = summary.get("audience"), summary.get("activation")
    if made:
        yield (
            f"The audience {made['name']} has {made['size']:,} members as of {moment(made['evaluated'])}, by the rule "
            f"{made['rule']}."
        )
    if made and made["opted_out"]:
        yield f"{made['opted_out']:,} of the chosen have opted out of everything, and are no members."
    if delivered:
        yield f"{delivered['rows']:,} rows were delivered to the landing zone: {', '.join(delivered['files'])}."
