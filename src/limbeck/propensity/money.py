"""What a campaign costs and what its conversions bring, and how many people are chosen for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from limbeck.errors import InvalidInput

By = Literal["top", "precision", "budget", "break_even", "max_profit"]
Worth = Literal["score", "uplift"]
"""What people are chosen by: the probability of a conversion, or by how much a contact changes it."""


@dataclass(frozen=True, slots=True)
class Money:
    """Costs and margins, all in one currency; raise `InvalidInput` for what is no amount of money."""

    cost: float = 0.0
    """Of one contact, from 0."""
    fixed_cost: float = 0.0
    """Of the campaign, however many are contacted, from 0."""
    value: float | None = None
    """Margin of one conversion before the contact's cost, above 0; None if it is not known."""
    currency: str = ""
    """Its name, for readers."""

    def __post_init__(self) -> None:
        for key in ("cost", "fixed_cost"):
            if not 0 <= getattr(self, key) < math.inf:
                raise InvalidInput(f"{key} is {getattr(self, key):g}; wanted is a number from 0")
        if self.value is not None and not 0 < self.value < math.inf:
            raise InvalidInput(f"value is {self.value:g}; wanted is a number above 0, the margin of a conversion")

    @property
    def break_even(self) -> float | None:
        """The least probability, or uplift, whose expected margin pays for the contact; None without a value."""
        return None if self.value is None else self.cost / self.value

    def spent(self, contacted: int) -> float:
        """Return what contacting so many costs, in decimal money: 87 at 0.05 are 4.35."""
        return float(_decimal(self.fixed_cost) + contacted * _decimal(self.cost))

    def pays_for(self, budget: float, most: int) -> int:
        """Return how many of *most* contacts a budget pays for, once the fixed cost is paid; -1 if it is not."""
        left = _decimal(budget) - _decimal(self.fixed_cost)
        if left < 0:
            return -1
        return most if not self.cost else int(min(left // _decimal(self.cost), Decimal(most)))

    def told(self, amount: float) -> str:
        """Return an amount as people read it: whole from a thousand on.

        >>> Money(currency="EUR").told(1234.5), Money().told(0.5)
        ('1,234 EUR', '0.50')
        """
        text = f"{amount:,.0f}" if abs(amount) >= 1000 or amount == round(amount) else f"{amount:,.2f}"
        return f"{text} {self.currency}".rstrip()


@dataclass(frozen=True, slots=True)
class Choice:
    """How many are chosen."""

    by: By
    value: float = 0.0
    """A share of all scored, a least conversion rate, or money; without meaning for the last two of `By`."""


def _decimal(amount: float) -> Decimal:
    """Return an amount as it is written: 4.35 / 0.05 is 86.99… in floats."""
    return Decimal(repr(float(amount)))
