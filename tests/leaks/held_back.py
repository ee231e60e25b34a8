"""Cases that were thought of when the detector was finished, to see what it does with leaks that it had never met."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier

from tests.leaks.frames import KEYS, Case, Frames
from tests.leaks.journeys import HAPPENED, Asked, pastry, retail
from tests.leaks.made import USUAL, People, State, counted

Tell = Callable[[pd.DataFrame], pd.DataFrame]


def _all(found: Frames, tell: Tell, honest: Tell | None = None) -> Frames:
    """Return the frames with what is told of each; of what is really met *honest* tells, if it is given."""
    return Frames(
        tell(found.known),
        tell(found.later),
        (honest or tell)(found.honest),
        tell(found.scoring),
        tuple(tell(frame) for frame in found.aged),
    )


def _score(rows: pd.DataFrame, trees: int, leaves: int) -> Tell:
    """Return what puts the score of a model of *rows* beside each row."""
    names = [name for name in rows.columns if name not in KEYS]
    model = LGBMClassifier(n_estimators=trees, num_leaves=leaves, min_child_samples=10, verbose=-1, n_jobs=1)
    model.fit(rows[names], rows["label"])
    return lambda frame: frame.assign(old_score=model.predict_proba(frame[names])[:, 1])


# -- planted ------------------------------------------------------------------------------------------------------


def share_of_lifetime() -> Frames:
    """What somebody had spent at the cutoff, as a share of all that was ever spent."""
    whole = f"SELECT entity_id, sum(amount) AS total FROM {HAPPENED} GROUP BY entity_id"
    told = f"SELECT * FROM {HAPPENED} JOIN ({whole}) USING (entity_id)"
    return retail().frames(Asked(told, ", sum(amount) / any_value(total) AS share"))


def rate_of_ones_own() -> Frames:
    """A person's conversion rate, over all rows of the table, that of the test among them."""
    found = pastry().frames()
    whole, before = (
        frame.groupby("entity_id")["label"].mean() for frame in (pd.concat([found.known, found.later]), found.known)
    )

    def told(rates: pd.Series[float]) -> Tell:
        return lambda frame: frame.assign(own_rate=frame["entity_id"].map(rates).fillna(found.known["label"].mean()))

    return _all(found, told(whole), told(before))


def yesterdays_score() -> Frames:
    """The score of a model of yesterday, which learnt from these very labels, and too well."""
    found = pastry().frames()
    return _all(
        found, _score(pd.concat([found.known, found.later], ignore_index=True), 150, 15), _score(found.known, 150, 15)
    )


def some_twice() -> Frames:
    """One customer of four has a second identity with the same history; identities were split at random."""
    journeys, draw = retail(), np.random.default_rng(0)
    rows, found = journeys.rows(journeys.people(journeys.train), Asked()), journeys.frames()
    people = rows["entity_id"].unique()
    twice = rows[rows["entity_id"].isin(draw.choice(people, len(people) // 4, replace=False))]
    rows = pd.concat([rows, twice.assign(entity_id="b" + twice["entity_id"])], ignore_index=True)
    people = rows["entity_id"].unique()
    late = rows["entity_id"].isin(draw.choice(people, 2 * len(people) // 5, replace=False))
    known, later = (rows[side].reset_index(drop=True) for side in (~late, late))
    return Frames(known, later, found.honest, found.asked)


def random_row() -> Frames:
    """A tutorial's design: of who converts the row just before it, of everybody else a row of theirs at random."""
    goals, journeys = ["goals", "goals_60", "since_goal"], pastry()
    numbered = f"""SELECT *, row_number() OVER (PARTITION BY entity_id ORDER BY hash(number)) AS place
        FROM {HAPPENED} WHERE moment >= '2017-03-01'"""
    people = f"""SELECT entity_id, max(goal::INTEGER) AS label,
            coalesce(min(moment) FILTER (goal) - INTERVAL 1 SECOND,
                min(moment) FILTER (place = 1) + INTERVAL 1 SECOND) AS cutoff
        FROM ({numbered}) GROUP BY entity_id"""
    rows = journeys.rows(people, Asked()).drop(columns=goals)
    half, found = np.random.default_rng(1).random(len(rows)) < 0.6, journeys.frames()
    honest, asked = (frame.drop(columns=goals) for frame in (found.honest, found.scoring))
    return Frames(rows[half].reset_index(drop=True), rows[~half].reset_index(drop=True), honest, asked)


PLANTED = (
    Case(
        "share_of_lifetime",
        "A share of a total that holds the future: who has all of it never came again.",
        share_of_lifetime,
        ("share",),
        real=True,
    ),
    Case(
        "rate_of_ones_own",
        "A person's own conversion rate, with the outcomes that are to be forecast.",
        rate_of_ones_own,
        ("own_rate",),
        real=True,
    ),
    Case(
        "yesterdays_score",
        "The score of a model that had learnt from the same labels.",
        yesterdays_score,
        ("old_score",),
        real=True,
    ),
    Case("some_twice", "One person of four is there twice, and identities were split.", some_twice, real=True),
    Case("random_row", "Converters are seen just before they convert, others at any time.", random_row, real=True),
)

# -- clean --------------------------------------------------------------------------------------------------------


def standing_orders() -> Frames:
    """A tenth has a standing order."""

    def told(frame: pd.DataFrame) -> pd.DataFrame:
        standing = frame["entity_id"].str[-1] == "3"
        frame = frame.assign(standing=np.where(standing, "weekly", "none"))
        return frame.assign(label=frame["label"].mask(standing, 1)) if "label" in frame else frame

    return _all(People(2000, -1.0, USUAL).frames(), told)


def contracts() -> Frames:
    """Contracts end in a month that is known, and only then they are renewed."""

    def told(frame: pd.DataFrame) -> pd.DataFrame:
        month = (frame["cutoff"] - pd.Timestamp(2026, 1, 1)).dt.days // 30
        left = (frame["entity_id"].str[-5:].astype(int) - month) % 12
        draw = np.random.default_rng(len(frame)).random(len(frame))
        renewed = (draw < np.where(left <= 1, 0.6, 0.03)).astype(int)
        return frame.assign(months_left=left.astype(float), **({"label": renewed} if "label" in frame else {}))

    found = People(1500, -1.0, USUAL).frames()
    return replace(_all(found, told), aged=())


def households() -> Frames:
    """Two people share an account: the same features, and the same goal."""
    return _all(
        People(1200, -1.0, USUAL).frames(),
        lambda frame: pd.concat([frame, frame.assign(entity_id="b" + frame["entity_id"])], ignore_index=True),
    )


def old_score() -> Frames:
    """The score of a model of spring, which knew nothing of summer."""
    journeys = retail()
    spring = [datetime(2011, month, 16) for month in (3, 4)]
    return _all(journeys.frames(), _score(journeys.rows(journeys.people(spring), Asked()), 80, 7))


def newcomers() -> Frames:
    """Half of those who are scored are new: they have no past, and fewer will convert."""
    found = People(1500, -1.2, {"loyal": State(1.5, 0.9, counted(2)), **USUAL}).frames()
    asked, new = found.scoring, np.random.default_rng(1).random(len(found.scoring)) < 0.5
    person = asked["entity_id"].mask(new, "n" + asked["entity_id"])
    return replace(
        found,
        asked=asked.assign(entity_id=person, **{name: asked[name].mask(new, 0.0) for name in ("loyal", "visits")}),
    )


CLEAN = (
    Case("standing_orders", "Everybody with a standing order buys, as everybody knows before.", standing_orders),
    Case("contracts", "One feature tells nearly all: only contracts that end are renewed.", contracts),
    Case("households", "Every row is there twice, for two people who share an account.", households),
    Case("old_score", "The score of an earlier model tells as much as all else.", old_score, real=True),
    Case("newcomers", "Half of the scored have no past, so fewer are to be expected.", newcomers),
)
