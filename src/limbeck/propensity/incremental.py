"""Choosing by uplift: what each reach of those whom a contact changes most would add, cost and bring."""

from __future__ import annotations

from typing import Any

import numpy as np

from limbeck.errors import InvalidInput
from limbeck.propensity.evaluate import Numbers
from limbeck.propensity.money import Money
from limbeck.propensity.planner import SHARES, ByShare, at_share, less, times


def by_uplift(uplift: Numbers, effects: ByShare, money: Money | None = None) -> list[dict[str, Any]]:
    """Return what contacting those with the highest predicted *uplift* would add, for the usual shares.

    *effects* is what the experiment measured by share of the people with the highest uplift (`qini`). A row has
    `share`, `people`, `threshold` (the least uplift), `forecast` (what the predictions add up to), `incremental`
    (conversions added, with their range), and where *money* is known `cost` and `incremental_profit`. Where a contact
    pays by the predictions, `pays` is true: an uplift of at least cost ÷ value.
    """
    if not len(uplift):
        raise InvalidInput("nobody's uplift is forecast; there is nobody to choose")
    falling = np.sort(uplift)[::-1]
    totals = np.cumsum(falling)
    rows = []
    for share in SHARES:
        threshold = float(falling[max(1, round(share * len(falling))) - 1])
        people = int(np.searchsorted(-falling, -threshold, side="right"))
        added = times(people, at_share(effects, people / len(falling)))
        row: dict[str, Any] = {
            "share": people / len(falling),
            "people": people,
            "threshold": threshold,
            "forecast": float(totals[people - 1]),
            "incremental": dict(added),
        }
        rows.append(row | _paid(people, threshold, added, money))
    return rows


def _paid(people: int, threshold: float, added: Any, money: Money | None) -> dict[str, Any]:
    if money is None:
        return {}
    cost = money.spent(people)
    if money.value is None:
        return {"cost": cost}
    profit = dict(less(times(money.value, added), cost))
    return {"cost": cost, "incremental_profit": profit, "pays": threshold >= (money.break_even or 0.0)}
