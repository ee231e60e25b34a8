"""What a definition's choice would cost and bring, before anything is made of it: planned from what is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from limbeck.propensity import planner
from limbeck.propensity.money import Choice, Money
from limbeck.propensity.planner import ByShare, Planner, Reach
from limbeck.workflow.campaign import GROUP, SCORE, AudiencePart
from limbeck.workflow.ingest import CONTROL, groups, path_of

if TYPE_CHECKING:
    from limbeck.workflow.definition import Definition


@dataclass(frozen=True, slots=True)
class Planned:
    """Whom the plan chooses, and what everything else would bring."""

    planner: Planner
    chosen: Reach
    choice: Choice
    control: int
    """How many of the chosen are held out."""
    rule: str
    money: Money | None = None

    @property
    def table(self) -> tuple[Reach, ...]:
        """Return what the usual shares would bring."""
        return tuple(self.planner.table())


def plan(
    definition: Definition,
    part: AudiencePart,
    scores: Path,
    evaluation: Mapping[str, Any],
    tenant: str,
    effects: ByShare | None = None,
) -> Planned:
    """Return the plan of *part* over the file *scores*; raise `InvalidInput` if nothing satisfies its choice.

    *effects* has what an experiment told of the contact's effect, by share of the people with the highest scores.
    """
    import pyarrow.parquet as pq

    table = pq.read_table(scores, columns=["entity_id", "score"])
    held = np.array([g == CONTROL for g in groups(table["entity_id"].to_pylist(), definition.seed, part.control)], bool)
    found = Planner(table["score"].to_numpy(), evaluation["by_share"], part.money, held=held, effects=effects)
    chosen = found.choose(part.choice)
    group = path_of(definition, GROUP, tenant) if part.control else None
    rule = planner.rule(path_of(definition, SCORE, tenant), chosen.threshold, group)
    return Planned(found, chosen, part.choice, chosen.people - chosen.contacted, rule, part.money)


def shown(planned: Planned) -> dict[str, Any]:
    """Return the plan as JSON values."""
    return {
        "choice": {"by": planned.choice.by, "value": planned.choice.value},
        "money": None if planned.money is None else asdict(planned.money),
        "chosen": planned.chosen.shown(),
        "control": planned.control,
        "rule": planned.rule,
        "told": told(planned),
        "table": [reach.shown() for reach in planned.table],
        "curve": [reach.shown() for reach in planned.planner.curve()],
    }


def told(planned: Planned) -> list[str]:
    """Return what the plan says in sentences: whom it chooses, what that costs and brings, and what nobody knows."""
    return [*_reached(planned), *_paid(planned), *_caused(planned)]


def _reached(planned: Planned) -> Iterator[str]:
    chosen = planned.chosen
    yield (
        f"Chosen are {chosen.people:,} people, {chosen.share:.1%} of all, with a score of at least "
        f"{chosen.threshold:.4f}; {_rate(chosen.precision)} of them are expected to reach the goal."
    )
    if chosen.recall is not None:
        yield f"They are {_rate(chosen.recall, '.0%')} of all who will reach it."
    if planned.control:
        yield f"{planned.control:,} of them are held out as a control group; {chosen.contacted:,} are contacted."


def _paid(planned: Planned) -> Iterator[str]:
    chosen, money = planned.chosen, planned.money
    if money is None or chosen.cost is None:
        return
    fixed = f", {money.told(money.fixed_cost)} of it whatever the number" if money.fixed_cost else ""
    yield f"Contacting {chosen.contacted:,} costs {money.told(chosen.cost)}{fixed}."
    if chosen.profit is not None and money.value is not None:
        yield f"At {money.told(money.value)} a conversion, the profit to expect is {_amount(chosen.profit, money)}."
    if money.break_even is not None and money.cost:
        yield f"A contact pays from a probability of {money.break_even:.4f} on (cost ÷ value)."
    if planned.choice.by == "break_even" and not chosen.is_calibrated:
        yield (
            f"But the scores add up to {chosen.forecast:,.0f} conversions where the test lets {_count(chosen)} be "
            "expected: they are no probabilities here, so the true break-even lies at another score. Calibrate the "
            "model, or choose by max_profit."
        )


def _caused(planned: Planned) -> Iterator[str]:
    chosen, money = planned.chosen, planned.money
    if chosen.incremental is None:
        if chosen.profit is not None:
            yield (
                "That counts every conversion as the contact's doing, and some would come without it. What the "
                "contact adds is not known: hold out a control group (audience.control), and compare afterwards."
            )
        return
    added = chosen.incremental
    yield (
        f"By the experiment, contacting them adds {added['value']:,.0f} conversions ({added['low']:,.0f} to "
        f"{added['high']:,.0f}); the others would come without it."
    )
    if chosen.incremental_profit is not None and money is not None:
        yield f"Counting only these, the profit is {_amount(chosen.incremental_profit, money)}."
    if added["low"] <= 0:
        yield "The range holds 0: the experiment is no evidence that the contact adds anything among them."


def _rate(measure: Mapping[str, float], form: str = ".1%") -> str:
    return f"{measure['value']:{form}} ({measure['low']:{form}} to {measure['high']:{form}})"


def _count(reach: Reach) -> str:
    return "{value:,.0f} ({low:,.0f} to {high:,.0f})".format(**reach.conversions)


def _amount(measure: Mapping[str, float], money: Money) -> str:
    return f"{money.told(measure['value'])} ({money.told(measure['low'])} to {money.told(measure['high'])})"
