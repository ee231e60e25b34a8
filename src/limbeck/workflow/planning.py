"""What a definition's choice would cost and bring, before anything is made of it: planned from what is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from limbeck.errors import InvalidInput, NotFound
from limbeck.propensity import planner
from limbeck.propensity.experiment import doubts
from limbeck.propensity.money import Choice, Money
from limbeck.propensity.planner import WORDS, ByShare, Planner, Reach
from limbeck.workflow import uplift
from limbeck.workflow.campaign import GROUP, SCORE, AudiencePart
from limbeck.workflow.ingest import CONTROL, groups, path_of

if TYPE_CHECKING:
    from limbeck.workflow.definition import Definition


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to plan with."""

    scores: Path
    """Everybody's score."""
    evaluation: Mapping[str, Any]
    """What the test showed of it."""
    experiment: Mapping[str, Any] | None = None
    """What an experiment told; None where there is none, or it was not asked."""
    uplift: Path | None = None
    """Everybody's predicted uplift; None where nobody's is forecast."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What people are chosen by, and what is known of those who have most of it."""

    people: Path
    """A row for each, with `entity_id` and a column that is called as what they are chosen by."""
    rates: ByShare
    """How many of them convert."""
    effects: ByShare | None
    """By how much a contact changes that; None where no experiment tells."""
    doubts: tuple[str, ...] = ()
    """What speaks against choosing by it."""


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
    doubts: tuple[str, ...] = ()
    """What speaks against choosing by what the definition chooses by."""

    @property
    def table(self) -> tuple[Reach, ...]:
        """Return what the usual shares would bring."""
        return tuple(self.planner.table())


def plan(definition: Definition, part: AudiencePart, known: Known, tenant: str) -> Planned:
    """Return the plan of *part* from what is known; raise `InvalidInput` if nothing satisfies its choice."""
    import pyarrow.parquet as pq

    basis = basis_of(definition, part, known)
    table = pq.read_table(basis.people, columns=["entity_id", part.by])
    held = np.array([g == CONTROL for g in groups(table["entity_id"].to_pylist(), definition.seed, part.control)], bool)
    worth = table[part.by].to_numpy()
    found = Planner(worth, basis.rates, part.money, held=held, effects=basis.effects, by=part.by)
    chosen = found.choose(part.choice)
    group = path_of(definition, GROUP, tenant) if part.control else None
    rule = planner.rule(path_of(definition, part.by, tenant), chosen.threshold, group)
    return Planned(found, chosen, part.choice, chosen.people - chosen.contacted, rule, part.money, basis.doubts)


def basis_of(definition: Definition, part: AudiencePart, known: Known) -> Basis:
    """Return what *part* chooses by; raise `InvalidInput` if that is an uplift, and nobody's is forecast."""
    told = known.experiment
    if part.by == SCORE:
        return Basis(known.scores, known.evaluation["by_share"], uplift.effects(told))
    if told is None:
        raise NotFound(f"the experiment of {definition.name} was not asked yet; run: limbeck uplift {definition.path}")
    if known.uplift is None:
        raise InvalidInput(
            f"audience.by is 'uplift', but nobody's uplift is forecast. {told['told'][-1]} Choose by score, or from a "
            "larger experiment"
        )
    ranked = told["rankings"][told["learning"]["estimator"]]
    return Basis(known.uplift, told["if_treated"], ranked["by_share"], tuple(doubts(told)))


def shown(planned: Planned) -> dict[str, Any]:
    """Return the plan as JSON values."""
    return {
        "choice": {"by": planned.choice.by, "value": planned.choice.value, "of": planned.chosen.by},
        "money": None if planned.money is None else asdict(planned.money),
        "chosen": planned.chosen.shown(),
        "control": planned.control,
        "rule": planned.rule,
        "told": told(planned),
        "table": [reach.shown() for reach in planned.table],
        "curve": [reach.shown() for reach in planned.planner.curve()],
    }


LEAST = {"score": ("a score", ""), "uplift": ("a predicted uplift", " if contacted")}
"""What is at least so high among the chosen, and what is to happen before they reach the goal."""


def told(planned: Planned) -> list[str]:
    """Return what the plan says in sentences: whom it chooses, what that costs and brings, and what nobody knows."""
    return [*_reached(planned), *_paid(planned), *_caused(planned), *planned.doubts]


def _reached(planned: Planned) -> Iterator[str]:
    chosen = planned.chosen
    least, will = LEAST[chosen.by]
    yield (
        f"Chosen are {chosen.people:,} people, {chosen.share:.1%} of all, with {least} of at least "
        f"{chosen.threshold:.4f}; {_rate(chosen.precision)} of them are expected to reach the goal{will}."
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
        yield f"A contact pays from {WORDS[chosen.by]} of {money.break_even:.4f} on (cost ÷ value)."
    if planned.choice.by == "break_even" and not chosen.is_calibrated:
        yield (
            f"But the scores add up to {chosen.forecast:,.0f} conversions where the test lets {_count(chosen)} be "
            "expected: they are no probabilities here, so the true break-even lies at another score. Calibrate the "
            "model, or choose by max_profit."
            if chosen.by == SCORE
            else f"But the uplifts add up to {chosen.forecast:,.0f} conversions, and the experiment lets others be "
            "expected: the true break-even lies at another uplift. Choose by max_profit."
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
