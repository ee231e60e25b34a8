"""The planted leaks: each a frame as people make them, with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tests.leaks import held_back, made, samples
from tests.leaks.frames import Case, Frames
from tests.leaks.journeys import HAPPENED, JOURNEY, Asked, Journeys, pastry, retail

Values = NDArray[Any]

# -- what is known today instead of at the cutoff -----------------------------------------------------------------


def _today(attribute: str, *, halves: bool = False) -> Frames:
    """Return frames with an attribute as of today; with *halves* of one cutoff, whose people were split at random."""
    asked = Asked(attributes=f"SELECT entity_id, {attribute} FROM {HAPPENED} GROUP BY entity_id")
    found = retail().frames(asked)
    if not halves:
        return found
    drawn = np.random.default_rng(1).random(len(found.later)) < 0.6
    known, later = (found.later[side].reset_index(drop=True) for side in (drawn, ~drawn))
    return Frames(known, later, found.honest, found.asked)


def lifetime_orders() -> Frames:
    """A profile's total, as it stands today."""
    return _today("count(*)::DOUBLE AS lifetime_orders")


def last_order() -> Frames:
    """A profile's date of the last order, as it stands today, in days since 1970."""
    return _today("epoch(max(moment)) / 86400 AS last_order", halves=True)


def tier() -> Frames:
    """A profile's tier, as it stands today."""
    year = "sum(amount) FILTER (moment > (SELECT max(moment) FROM happened) - INTERVAL 120 DAY)"
    return _today(
        f"CASE WHEN {year} > 1500 THEN 'gold' WHEN {year} > 400 THEN 'silver' WHEN {year} > 0 "
        "THEN 'bronze' ELSE 'asleep' END AS tier"
    )


def newest_invoice() -> Frames:
    """An identifier that is given anew with each order."""
    return _today("max(number)::DOUBLE AS account_number", halves=True)


def responders_demographics() -> Frames:
    """The income is known of those who bought the goal's goods while a survey went on, and told it in half of cases."""
    answered = f"""SELECT entity_id, any_value(coalesce(income, 3)) AS income
        FROM {HAPPENED} LEFT JOIN (SELECT household_id::VARCHAR AS entity_id, list_position(
            ['Under 15K', '15-24K', '25-34K', '35-49K', '50-74K', '75-99K', '100-124K'], income)::DOUBLE AS income
            FROM '{JOURNEY}/demographics.parquet') USING (entity_id)
        WHERE goal AND moment >= '2017-04-15' AND hash(number) % 2 = 0 GROUP BY entity_id"""
    return pastry().frames(Asked(attributes=answered))


# -- times that are not those of the events -----------------------------------------------------------------------


def _moved(journeys: Journeys, moment: str) -> Frames:
    return journeys.frames(Asked(f"SELECT * REPLACE ({moment} AS moment) FROM {HAPPENED}"))


def floored_to_month() -> Frames:
    """Orders carry the first of their month: half of a month lies before a cutoff in its middle."""
    return _moved(retail(), "date_trunc('month', moment)")


def back_dated() -> Frames:
    """Orders carry the day on which their basket was begun, up to three weeks before."""
    return _moved(retail(), "moment - to_days((hash(number) % 21)::INTEGER)")


def entered_late() -> Frames:
    """An offer is entered after its order, with a date up to 25 days before it; few offers come to nothing."""
    offers = f"""SELECT *, false AS offer FROM {HAPPENED} UNION ALL
        SELECT entity_id, moment - to_days((5 + hash(number) % 20)::INTEGER), NULL, false, number, true
        FROM {HAPPENED} WHERE hash(number) % 3 > 0 UNION ALL
        SELECT entity_id, moment + to_days((hash(number) % 60)::INTEGER), NULL, false, number, true
        FROM {HAPPENED} WHERE hash(number) % 5 = 0"""
    extra = ", count(*) FILTER (offer AND ago < 25)::DOUBLE AS offers_25, min(ago) FILTER (offer) AS since_offer"
    return retail().frames(Asked(offers, extra))


# -- the future in the rows of the past ---------------------------------------------------------------------------


def next_order_joined() -> Frames:
    """Each order has the days until the next one beside it, and a feature takes those of the last order."""
    wait = "date_diff('day', moment, lead(moment) OVER (PARTITION BY entity_id ORDER BY moment, number))"
    return retail().frames(Asked(f"SELECT *, {wait} AS wait FROM {HAPPENED}", ", arg_max(wait, moment) AS last_wait"))


def at_label_end() -> Frames:
    """All features are computed when the label is known."""
    return _at_label_end(retail())


def _at_label_end(journeys: Journeys) -> Frames:
    honest = journeys.frames()
    known, later = (
        journeys.rows(journeys.people(cutoffs), Asked(), -journeys.days)
        for cutoffs in (journeys.train, [journeys.test])
    )
    aged = (honest.known, honest.aged[0])
    return Frames(known, later, honest.honest, honest.asked, aged)


def goal_in_window() -> Frames:
    """One feature counts the goal's events up to the end of the label's window; all others are honest."""
    honest, end = pastry().frames(), _at_label_end(pastry())
    known, later = (
        frame.assign(visits=after["goals_60"])
        for frame, after in ((honest.known, end.known), (honest.later, end.later))
    )
    real, asked = (frame.assign(visits=frame["goals_60"]) for frame in (honest.honest, honest.scoring))
    first, second = honest.aged
    aged = (first.assign(visits=honest.known["goals_60"]), second.assign(visits=first["goals_60"]))
    return Frames(known, later, real, asked, aged)


# -- the target in disguise ---------------------------------------------------------------------------------------


def _beside(journeys: Journeys, name: str, value: Callable[[Values, np.random.Generator], Values]) -> Frames:
    """Add a feature that is a function of the label; of those who are asked, and really, nobody is there yet."""
    found, draw = journeys.frames(), np.random.default_rng(3)
    labels, nobody = found.known["label"], pd.Series(0, found.known.index)

    def told(frame: pd.DataFrame, outcome: pd.Series[int]) -> pd.DataFrame:
        return frame.assign(**{name: value(outcome.to_numpy(), draw)})

    return Frames(
        told(found.known, labels),
        told(found.later, found.later["label"]),
        told(found.honest, nobody[: len(found.honest)]),
        told(found.scoring, nobody[: len(found.scoring)]),
        tuple(told(frame, labels) for frame in found.aged),
    )


def rescaled_target() -> Frames:
    """The revenue of the label's window, under another name and on another scale."""
    return _beside(retail(), "potential", lambda y, draw: np.round(y * draw.lognormal(4, 1, len(y)) / 7 - 3, 2))


def binned_target() -> Frames:
    """A grade in five steps whose middle is the goal, with a tenth of errors."""

    def grade(y: Values, draw: np.random.Generator) -> Values:
        seen = np.where(draw.random(len(y)) < 0.04, 1 - y, y)
        return np.where(seen == 1, 2.0, draw.choice([0.0, 1.0, 3.0, 4.0], len(y)))

    return _beside(pastry(), "grade", grade)


def pure_category() -> Frames:
    """A status that two fifths of those who reach the goal are given, and nobody else."""

    def status(y: Values, draw: np.random.Generator) -> Values:
        usual = draw.choice(["active", "new", "unknown"], len(y))
        return np.where((y == 1) & (draw.random(len(y)) < 0.4), "reactivated", usual)

    return _beside(retail(), "status", status)


def noisy_target() -> Frames:
    """A rating written after the outcome was known, right in four cases of five."""
    return _beside(retail(), "rating", lambda y, draw: np.round(y * 1.7 + draw.normal(0, 1, len(y)), 1))


# -- written when the detector was finished ------------------------------------------------------------------------


def rate_of_own_outcomes() -> Frames:
    """Each area's conversion rate, computed over all rows, those of the test and one's own among them."""
    found = retail().frames()

    def area(frame: pd.DataFrame) -> pd.Series[int]:
        return frame["entity_id"].map(lambda who: crc32(who.encode()) % 400)

    both = pd.concat([found.known, found.later])
    whole, before = (frame.groupby(area(frame))["label"].mean() for frame in (both, found.known))

    def told(frame: pd.DataFrame, rates: pd.Series[float]) -> pd.DataFrame:
        return frame.assign(area_rate=area(frame).map(rates).fillna(found.known["label"].mean()))

    aged = tuple(told(frame, whole) for frame in found.aged)
    known, later, asked = (told(frame, whole) for frame in (found.known, found.later, found.scoring))
    return Frames(known, later, told(found.honest, before), asked, aged)


def reminders() -> Frames:
    """In a third of the households weekly reminders are sent until they buy; the feature counts them to the end."""
    found, draw = pastry().frames(), np.random.default_rng(4)

    def told(frame: pd.DataFrame, outcome: pd.Series[int]) -> pd.DataFrame:
        sent = np.where(outcome == 1, draw.integers(0, 4, len(frame)), 4)
        return frame.assign(reminders=np.where(frame["entity_id"].astype(int) % 9 < 3, sent, 0).astype(float))

    labels = found.known["label"]
    honest, asked = (frame.assign(reminders=0.0) for frame in (found.honest, found.scoring))
    aged = tuple(told(frame, labels) for frame in found.aged)
    return Frames(told(found.known, labels), told(found.later, found.later["label"]), honest, asked, aged)


# -- the choice of rows -------------------------------------------------------------------------------------------


def at_conversion() -> Frames:
    """A tutorial's mistake: who converts is seen at that moment, who does not at the end; split at random."""
    journeys, goals = pastry(), ("goals", "goals_60", "since_goal")
    people = f"""SELECT entity_id, coalesce(min(moment) FILTER (goal AND moment >= '2017-04-15') + INTERVAL 1 SECOND,
            TIMESTAMP '2017-09-14') AS cutoff, max((goal AND moment >= '2017-04-15')::INTEGER) AS label
        FROM {HAPPENED} WHERE moment < '2017-09-14' GROUP BY entity_id"""
    rows = journeys.rows(people, Asked()).drop(columns=list(goals))
    half = np.random.default_rng(1).random(len(rows)) < 0.6
    found = journeys.frames()
    honest, asked = (frame.drop(columns=list(goals)) for frame in (found.honest, found.scoring))
    return Frames(rows[half].reset_index(drop=True), rows[~half].reset_index(drop=True), honest, asked)


def survivors() -> Frames:
    """Only customers who ordered twice in all are in the file: of one with a single order the next is certain."""
    return retail().frames(among=f"entity_id IN (SELECT entity_id FROM {HAPPENED} GROUP BY 1 HAVING count(*) > 1)")


def two_identities() -> Frames:
    """Each customer has two identities with the same history, and identities were split at random."""
    journeys = retail()
    rows = journeys.rows(journeys.people(journeys.train), Asked())
    found = journeys.frames()
    return Frames(rows, rows.assign(entity_id="b" + rows["entity_id"]), found.honest, found.asked, found.aged)


def rows_split_at_random() -> Frames:
    """Weekly rows of the same people were split at random: the same order is the label of rows on both sides."""
    journeys = retail()
    weeks = [pd.Timestamp(2011, 4, 4) + pd.Timedelta(days=7 * n) for n in range(8)]
    rows = journeys.rows(journeys.people([week.to_pydatetime() for week in weeks]), Asked())
    half = np.random.default_rng(1).random(len(rows)) < 0.5
    found = journeys.frames()
    return Frames(rows[half].reset_index(drop=True), rows[~half].reset_index(drop=True), found.honest, found.asked)


PLANTED = (
    Case(
        "lifetime_orders",
        "The profile's number of orders is that of today, not that of the cutoff.",
        lifetime_orders,
        ("lifetime_orders",),
        real=True,
    ),
    Case(
        "last_order", "The profile's date of the last order is that of today.", last_order, ("last_order",), real=True
    ),
    Case(
        "tier",
        "The profile's tier is that of today, earned by what was bought after the cutoff.",
        tier,
        ("tier",),
        real=True,
    ),
    Case(
        "newest_invoice",
        "The account's number is renewed with each order, so it tells when the last one was.",
        newest_invoice,
        ("account_number",),
        real=True,
    ),
    Case(
        "responders_demographics",
        "Demographics are there only of those who bought, whenever that was.",
        responders_demographics,
        ("income",),
        real=True,
    ),
    Case(
        "floored_to_month",
        "Orders carry the first of their month, which lies before the cutoff.",
        floored_to_month,
        ("recency", "since_goal", "events_30"),
        real=True,
    ),
    Case(
        "back_dated",
        "Orders carry the day on which their basket was begun.",
        back_dated,
        ("recency", "since_goal", "events_30"),
        real=True,
    ),
    Case(
        "entered_late",
        "Offers are entered after their order and dated before it.",
        entered_late,
        ("offers_25", "since_offer"),
        real=True,
    ),
    Case(
        "next_order_joined",
        "The source's SQL puts the days until the next order beside each order.",
        next_order_joined,
        ("last_wait",),
        real=True,
    ),
    Case(
        "at_label_end",
        "Features are computed at the end of the label's window.",
        at_label_end,
        ("recency", "since_goal", "events_30"),
        real=True,
    ),
    Case(
        "goal_in_window",
        "One feature counts the goal's events up to the end of the label's window.",
        goal_in_window,
        ("visits",),
        real=True,
    ),
    Case("rescaled_target", "A feature is the window's revenue on another scale.", rescaled_target, ("potential",)),
    Case("binned_target", "A grade whose middle step is the goal.", binned_target, ("grade",)),
    Case("pure_category", "A status that only those get who reach the goal.", pure_category, ("status",)),
    Case("noisy_target", "A rating that is written when the outcome is known.", noisy_target, ("rating",)),
    Case(
        "at_conversion",
        "Who converts is seen at that moment, everybody else at the end of the data.",
        at_conversion,
        real=True,
    ),
    Case("survivors", "Only who ordered at least twice in all is in the file.", survivors, real=True, ranks=False),
    Case("two_identities", "The same person is in training and test under two identities.", two_identities, real=True),
    Case(
        "rows_split_at_random",
        "Rows of one person are on both sides, with labels of the same time.",
        rows_split_at_random,
        real=True,
    ),
    Case(
        "rate_of_own_outcomes",
        "A group's conversion rate was computed with the outcomes that are to be forecast.",
        rate_of_own_outcomes,
        ("area_rate",),
        real=True,
    ),
    Case(
        "reminders",
        "Reminders end when the goal is reached, so their number tells.",
        reminders,
        ("reminders",),
        real=True,
    ),
    *samples.PLANTED,
    *made.PLANTED,
    *held_back.PLANTED,
)
