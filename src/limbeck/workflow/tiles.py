"""The numbers that a report says large: what the choice brings, or what the ranking is worth if nobody is chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limbeck.propensity.money import Money
    from limbeck.propensity.planner import Reach
    from limbeck.workflow.planning import Planned

Tile = tuple[str, str, str]
"""What it is, the number, and its range or what else belongs to it."""
Measure = Mapping[str, float]


def tiles(evaluation: Mapping[str, Any], planned: Planned | None, summary: Mapping[str, Any]) -> str:
    """Return the numbers that decide, large: of those who are *planned*, if they are not chosen by guessed scores."""
    area = evaluation["test"]["roc_auc"]
    if planned is None or (planned.chosen.by == "score" and area["low"] <= 0.5):
        found = _of_the_ranking(evaluation)
    else:
        found = _of_the_choice(planned, evaluation["base_rate"], summary.get("audience"))
    return f'<div class="tiles">{"".join(map(_tile, found))}</div>\n'


def _tile(tile: Tile) -> str:
    named, number, more = map(escape, tile)
    return f'<div class="tile">{named}<b>{number}</b><span class="range">{more}</span></div>'


def _of_the_choice(planned: Planned, base: float, audience: Mapping[str, Any] | None) -> Iterator[Tile]:
    chosen = planned.chosen
    held = f", {planned.control:,} held out" if planned.control else ""
    out = f"; {audience['opted_out']:,} have opted out" if audience and audience["opted_out"] else ""
    yield "people to contact", f"{chosen.contacted:,}", f"of {chosen.people:,} chosen{held}{out}"
    value, low, high = (chosen.conversions[end] for end in ("value", "low", "high"))
    yield (
        f"expected to reach the goal{' if contacted' if chosen.by == 'uplift' else ''}",
        f"{value:,.0f}",
        f"({low:,.0f} to {high:,.0f}) of the {chosen.people:,} chosen",
    )
    if base and chosen.by == "score":
        more = {end: rate / base for end, rate in chosen.precision.items() if end in ("value", "low", "high")}
        yield "times as many as at random", f"{more['value']:.1f}", f"({more['low']:.1f} to {more['high']:.1f})"
    yield from _of_money(planned, chosen)


def _of_money(planned: Planned, chosen: Reach) -> Iterator[Tile]:
    money, added = planned.money, chosen.incremental
    if money is not None and chosen.cost is not None:
        yield "cost", _whole(money, chosen.cost), f"for {chosen.contacted:,} contacts"
    if added is not None:
        range_ = f"({added['low']:,.0f} to {added['high']:,.0f}), by the experiment"
        yield "conversions that the contact adds", f"{added['value']:,.0f}", range_
    profit, of = (
        (chosen.profit, "profit, if all is the contact's doing")
        if chosen.incremental_profit is None
        else (chosen.incremental_profit, "profit of what the contact adds")
    )
    if money is not None and profit is not None:
        yield of, _whole(money, profit["value"]), f"({profit['low']:,.0f} to {profit['high']:,.0f})"


def _of_the_ranking(evaluation: Mapping[str, Any]) -> Iterator[Tile]:
    test, first = evaluation["test"], evaluation["tenths"][0]
    yield (
        "of those who reach the goal, in the best tenth",
        f"{first['gain']['value']:.0%}",
        _between(first["gain"], 100, "%"),
    )
    lift = test["lift_at_10"]
    yield "times as many as at random", f"{lift['value']:.1f}", f"({lift['low']:.1f} to {lift['high']:.1f})"
    area = test["roc_auc"]
    yield "times in 100 the right one first", f"{100 * area['value']:.0f}", f"{_between(area, 100)}; 50 is guessing"


def _between(measure: Measure, times: float = 1.0, unit: str = "") -> str:
    return f"({times * measure['low']:.0f}{unit} to {times * measure['high']:.0f}{unit})"


def _whole(money: Money, amount: float) -> str:
    return money.told(round(amount) if abs(amount) >= 100 else amount)
