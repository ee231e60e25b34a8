"""Made-up people whose chances are known: states that persist or pass, and outcomes drawn from them.

Whatever a frame of `People` shows was so before the cutoff, and the label is drawn after it: nothing can leak, however
well it forecasts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tests.leaks.frames import Case, Frames

Numbers = NDArray[np.float64]
Values = NDArray[Any]
Show = Callable[[Numbers, np.random.Generator], Values]


def plain(state: Numbers, draw: np.random.Generator) -> Values:
    """Show the state as it is."""
    return np.round(state, 4)


@dataclass(frozen=True, slots=True)
class State:
    """Something about people that changes from horizon to horizon."""

    weight: float = 0.0
    """What a standard deviation of it adds to the logit."""
    persists: float = 0.8
    """Correlation with itself one horizon earlier; 1 for what never changes."""
    show: Show = plain


@dataclass(frozen=True, slots=True)
class People:
    """A population at seven moments, a horizon apart: three to learn from, a test and a scoring after them."""

    count: int
    base: float
    """The logit of somebody average."""
    states: Mapping[str, State]
    seasons: Sequence[float] = (0.0,) * 7
    """What is added to the logit at each moment."""
    leave: bool = False
    """Whether who reaches the goal is not asked any more."""
    drop: Sequence[str] = field(default=())
    """States that no feature shows."""

    def frames(self, seed: int = 1) -> Frames:
        """Return the frames; `honest` are other people of the same kind."""
        known, later, asked, aged = self._drawn(seed)
        return Frames(known, later, self._drawn(seed + 1000)[1], asked, aged)

    def _drawn(self, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, tuple[pd.DataFrame, ...]]:
        draw = np.random.default_rng(seed)
        states = {name: self._lives(state, draw) for name, state in self.states.items()}
        logits = self.base + np.asarray(self.seasons)[:, None] + np.zeros((7, self.count))
        for name, state in self.states.items():
            logits += state.weight * states[name]
        labels = draw.random(logits.shape) < 1 / (1 + np.exp(-logits))
        there = np.ones_like(labels)
        if self.leave:
            there[3:] = ~np.logical_or.accumulate(labels[2:-1], axis=0)
        shown = [self._shown(states, moment, np.random.default_rng(seed)) for moment in range(7)]

        def at(moment: int, back: int = 0) -> pd.DataFrame:
            keys: dict[str, Any] = {
                "entity_id": [f"p{seed}-{n:05d}" for n in range(self.count)],
                "label": labels[moment].astype(int),
            }
            cutoff = pd.Timestamp(2026, 1, 1) + pd.Timedelta(days=30 * moment)
            frame = pd.DataFrame(keys).assign(cutoff=cutoff, **shown[moment - back])
            found: pd.DataFrame = frame[there[moment]].reset_index(drop=True)
            return found

        def train(back: int) -> pd.DataFrame:
            return pd.concat([at(moment, back) for moment in (2, 3, 4)], ignore_index=True)

        return train(0), at(5), at(6).drop(columns="label"), (train(1), train(2))

    def _lives(self, state: State, draw: np.random.Generator) -> Numbers:
        found = [draw.normal(size=self.count)]
        for _ in range(6):
            found.append(state.persists * found[-1] + np.sqrt(1 - state.persists**2) * draw.normal(size=self.count))
        return np.array(found)

    def _shown(self, states: Mapping[str, Numbers], moment: int, draw: np.random.Generator) -> dict[str, Values]:
        told = [name for name in self.states if name not in self.drop]
        return {name: self.states[name].show(states[name][moment], draw) for name in told}


def noisy(noise: float) -> Show:
    """Show the state with an error."""
    return lambda state, draw: np.round(state + draw.normal(0, noise, len(state)), 4)


def counted(mean: float) -> Show:
    """Show a number of events whose mean grows with the state."""
    return lambda state, draw: draw.poisson(mean * np.exp(0.7 * state)).astype(float)


def above(edge: float, yes: float | str = 1.0, no: float | str = 0.0) -> Show:
    """Show whether the state is above an edge."""
    return lambda state, draw: np.where(state > edge, np.array(yes), np.array(no))


def gone_below(edge: float) -> Show:
    """Show the state only of those above an edge."""
    return lambda state, draw: np.where(state > edge, np.round(state, 3), np.nan)


USUAL = {
    "visits": State(0.7, 0.8, counted(3)),
    "spend": State(0.4, 0.9, lambda state, draw: np.round(np.exp(4 + state), 2)),
    "recency": State(-0.5, 0.5, lambda state, draw: np.round(20 * np.exp(0.8 * state), 1)),
    "age": State(0.1, 1.0, lambda state, draw: np.clip(np.round(45 + 15 * state), 18, 90)),
    "city": State(0.1, 1.0, lambda state, draw: np.where(state > 0, "Oslo", np.where(state > -1, "Rome", "Riga"))),
}
"""What is usually known of people: a forecast of an ROC-AUC of about 0.7."""

PANEL = People(1200, -1.2, USUAL)


# -- planted ------------------------------------------------------------------------------------------------------


def _with(name: str, of: Show) -> Frames:
    """Add a feature that depends on the label; of those who are asked, and really, nobody has reached the goal yet."""
    found, draw = PANEL.frames(), np.random.default_rng(5)

    def told(frame: pd.DataFrame, labels: Numbers) -> pd.DataFrame:
        return frame.assign(**{name: of(labels, draw)})

    known, later = (told(frame, frame["label"].to_numpy(float)) for frame in (found.known, found.later))
    honest, asked = (told(frame, np.zeros(len(frame))) for frame in (found.honest, found.scoring))
    return replace(found, known=known, later=later, honest=honest, asked=asked, aged=())


def time_of_the_row() -> Frames:
    """Converters' rows carry the hour of their click, those of others the hour at which the table was made."""
    return _with("hour", lambda y, draw: np.where(y == 1, draw.normal(15, 4, len(y)).round() % 24, 6.0))


def customer_number() -> Frames:
    """Who orders gets a number of the customers' range; the others keep that of a visitor."""
    return _with(
        "number",
        lambda y, draw: np.where((y == 1) & (draw.random(len(y)) < 0.85), 1e5, 9e5) + draw.integers(0, 90_000, len(y)),
    )


def filled_by_converters() -> Frames:
    """A form's field is filled in by most who convert, and by few others."""
    return _with(
        "birthday",
        lambda y, draw: np.where(
            draw.random(len(y)) < np.where(y == 1, 0.75, 0.04), draw.integers(1, 366, len(y)), np.nan
        ),
    )


PLANTED = (
    Case(
        "time_of_the_row",
        "The row of a converter has the hour of the click, all others that of the nightly job.",
        time_of_the_row,
        ("hour",),
    ),
    Case("customer_number", "A number's range tells who became a customer.", customer_number, ("number",)),
    Case(
        "filled_by_converters",
        "A field is filled in while converting: that it is there tells the outcome.",
        filled_by_converters,
        ("birthday",),
    ),
)

# -- clean --------------------------------------------------------------------------------------------------------

MANY = {f"signal_{n}": State(0.9, 0.7, noisy(0.3)) for n in range(8)}
CLEAN = (
    Case("usual", "Nothing: the usual features with the usual quality.", PANEL.frames),
    Case("very_good", "Eight good features together reach an ROC-AUC of 0.9.", People(1200, -1.5, MANY).frames),
    Case(
        "one_strong",
        "A single feature reaches 0.9, and is honest.",
        People(1200, -1.5, {"intent": State(3.2, 0.8), **USUAL}).frames,
    ),
    Case(
        "fresh_intent",
        "What was put into the basket yesterday tells nearly all, and a month ago told nothing.",
        People(
            1200, -1.8, {"basket": State(2.6, 0.0, above(0.8)), "views": State(1.2, 0.0, counted(2)), **USUAL}
        ).frames,
    ),
    Case(
        "one_rule",
        "One flag is the whole model.",
        People(1200, -1.5, {"contract": State(2.6, 0.95, above(0.6)), "a": State(), "b": State()}).frames,
    ),
    Case(
        "rare_goal",
        "Six in a thousand reach the goal.",
        People(5000, -6.2, {"intent": State(1.2, 0.7), **USUAL}).frames,
    ),
    Case("small", "Sixty people: by chance alone something fits.", People(60, -1.0, USUAL).frames),
    Case(
        "renewals",
        "Nine of ten renew, and of those who renew by themselves nearly all.",
        People(1200, 3.0, {"automatic": State(2.0, 1.0, above(0, "yes", "no")), **USUAL}).frames,
    ),
    Case(
        "seasons",
        "The base rate goes from 4 to 40 per cent and back: the date tells much, and rightly.",
        People(1200, -1.0, USUAL, seasons=(0, 0, -2.2, -0.5, 1.0, 0.4, -1.5)).frames,
    ),
    Case(
        "told_by_absence",
        "Who has never given an address buys less; the field was there before.",
        People(1200, -1.0, {"address": State(1.3, 0.95, gone_below(-0.2)), **USUAL}).frames,
    ),
    Case(
        "alike",
        "Few coarse features: hundreds of people have the same row.",
        People(2000, -1.0, {"ordered": State(1.0, 0.8, above(0)), "member": State(0.5, 1.0, above(0.5))}).frames,
    ),
    Case(
        "who_converts_leaves",
        "Converters are not asked again, so the last row of a converter is that of the goal.",
        People(2500, -2.2, USUAL, leave=True).frames,
    ),
    Case("nothing_helps", "Noise only.", People(1200, -1.0, {f"noise_{n}": State(0.0, 0.5) for n in range(10)}).frames),
)
