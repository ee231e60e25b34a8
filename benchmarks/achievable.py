"""How near a forecast comes to the truth of synthetic people, and how near any forecast from their events could.

    uv run python benchmarks/achievable.py [--seeds 1 2 3] [--people 20000] [DEFINITION]

For each seed of `[generator]` DEFINITION (examples/newsletter_year.toml) is scored in an empty home and compared with
the truth. Beside it stands an *ideal observer*. It reads the events and profiles that the model reads and, as no
model does, knows the process by which people live, to the last number: clicks and visits give it everybody's state,
and what somebody did and left undone how probable each class is, by Bayes' rule. Only who somebody is remains hidden,
so no forecast from the same events is to be expected above it. All are shares of the way from a ROC-AUC of 0.5 to the
oracle's: the model's in the test by what came, which is partly luck, all others by the true probabilities.
The observer knows no imperfect data, no treatment, and cutoffs at midnight only.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from datetime import datetime, time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from scipy.stats import norm

from limbeck.workflow import newsletter as life
from limbeck.workflow.definition import Definition
from limbeck.workflow.oracle import busy
from limbeck.workflow.synthetic import TIERS
from limbeck.workflow.truth import areas
from limbeck.workflow.world import Generator

EXAMPLE = Path(__file__).parents[1] / "examples" / "newsletter_year.toml"
INTEREST, ENGAGEMENT, CADENCE = (
    level.ravel() for level in np.meshgrid(life.INTEREST, life.ENGAGEMENT, np.array(life.CADENCES), indexing="ij")
)
"""Of each class."""


def probabilities(folder: Path, settings: Generator, cutoff: datetime, within: int) -> tuple[Any, Any]:
    """Return what the ideal observer and the oracle say of everybody at a midnight, of a form *within* so many days."""
    day = (cutoff - datetime.combine(settings.start, time())).days
    people = duckdb.sql(
        f"FROM '{folder}/truth.parquet' t LEFT JOIN '{folder}/profiles-*.parquet' p ON userid = entity_id "
        f"SELECT t.entity_id, probability, userid IS NOT NULL AS known, consent, opted_out, tier, "
        f"{settings.start.year} - birth_year AS age WHERE cutoff = TIMESTAMP '{cutoff}' ORDER BY ALL"
    ).df()
    seen = _Seen(folder, settings, people["entity_id"], day)
    belief = _profiles(people) + _mails(seen, day, settings) + _visits(seen, day, settings)
    belief = np.exp(belief - belief.max(axis=1, keepdims=True))
    belief /= belief.sum(axis=1, keepdims=True)
    days = tuple(life.Condition(busy(settings, number)) for number in range(day, day + within))
    chances = life.chance(days, life.PROCESSES[settings.preset])[:, seen.click[:, day], seen.warmth[:, day]].T
    return (belief * chances).sum(axis=1), people["probability"].to_numpy()


class _Seen:
    """What everybody did before a day, and the state that follows from it."""

    def __init__(self, folder: Path, settings: Generator, people: Any, days: int) -> None:
        events = duckdb.sql(
            f"SELECT userid, type, date_diff('day', DATE '{settings.start}', timestamp) AS day, count(*) AS n "
            f"FROM '{folder}/events-*.parquet' WHERE day < {days} GROUP BY ALL"
        ).df()
        self.counts = {kind: np.zeros((len(people), days), np.int16) for kind in life.KINDS}
        row = people.reset_index().set_index("entity_id")["index"]
        for kind, some in events.groupby("type"):
            self.counts[kind][row[some["userid"]], some["day"]] = some["n"]
        self.click = np.full((len(people), days + 1), life.MEMORY)
        self.warmth = np.zeros((len(people), days + 1), np.int64)  # what it began with, two weeks of days make forget
        for day in range(days):
            clicked, visited = self.of(life.CLICKED)[:, day] > 0, self.of(life.PAGE)[:, day] > 0
            self.click[:, day + 1] = np.where(clicked, 0, life.LATER[self.click[:, day]])
            warmth = self.warmth[:, day]
            self.warmth[:, day + 1] = np.where(visited, life.WARMER[warmth], life.COOLER[warmth])

    def of(self, kind: int) -> Any:
        return self.counts[life.KINDS[kind]]


def _profiles(people: Any) -> Any:
    """Return the logarithm of how probable each class and what the profile says of somebody are together."""

    def level(mean: Any, deviation: float, levels: Any, of: Any) -> Any:
        half = (levels[1] - levels[0]) / 2
        low = np.where(of == levels[0], -np.inf, of - half)
        high = np.where(of == levels[-1], np.inf, of + half)
        return np.log(norm.cdf(high, mean, deviation) - norm.cdf(low, mean, deviation))

    found = level(0, 1, life.INTEREST, INTEREST) + level(0.3 * INTEREST, 0.75, life.ENGAGEMENT, ENGAGEMENT)
    consent, out = people["consent"].to_numpy(), people["opted_out"].fillna(False).to_numpy(bool)
    cadence = np.select([out | (consent == "n"), consent == "y"], [life.NEVER, life.OFTEN], life.SOMETIMES)
    agrees = 1 / (1 + np.exp(-0.8 - 0.4 * INTEREST))
    edges = np.array([-np.inf, 0.3, 1.1, 1.9, np.inf])[:, None]
    tiers = np.log(np.diff(norm.cdf(edges, 0.5 * INTEREST), axis=0))
    tier = people["tier"].map({name: n for n, name in enumerate(TIERS, 1)}).fillna(0).to_numpy(int)
    known = people["known"].to_numpy(bool)[:, None]
    stated = np.select([consent[:, None] == "y", consent[:, None] == "n"], [np.log(agrees), np.log(1 - agrees)], 0.0)
    age = norm.logpdf(people["age"].fillna(0).to_numpy()[:, None], 46 - 4 * INTEREST, 14)
    found = found + np.where(cadence[:, None] == CADENCE, 0.0, -np.inf)
    return found + stated + np.where(known, tiers[tier] + age, 0.0)


def _mails(seen: _Seen, days: int, settings: Generator) -> Any:
    """Return the logarithm of how probable the e-mails, and what became of them, are to each class."""
    rates = life.rates(life.PROCESSES[settings.preset])
    sent, opened, clicked = (
        (seen.of(kind) > 0).sum(axis=1)[:, None] for kind in (life.EMAIL_SENT, life.OPENED, life.CLICKED)
    )
    parts = (sent, days, rates.sent), (opened, sent, rates.opened), (clicked, opened, rates.clicked)
    return sum(_times(yes, p) + _times(all_ - yes, 1 - p) for yes, all_, p in parts)


def _times(number: Any, probability: Any) -> Any:
    """Return the logarithm of a *probability* to the power *number*; of 0 to the power 0 that is 0."""
    return np.where(number > 0, number * np.log(np.maximum(probability, 1e-300)), 0.0)


def _visits(seen: _Seen, days: int, settings: Generator) -> Any:
    """Return the logarithm of how probable visits, and what was done on them, are to each class."""
    rates = life.rates(life.PROCESSES[settings.preset])
    found = np.zeros((len(seen.click), len(INTEREST)))
    form = np.log(rates.form[life.NOTHING]), np.log(1 - rates.form[life.NOTHING])
    for day in range(days):
        visited, clicked, filled = (seen.of(kind)[:, day] > 0 for kind in (life.PAGE, life.CLICKED, life.FORM))
        visit = np.minimum(busy(settings, day) * rates.visit, 1.0)[:, seen.warmth[:, day]].T
        found += np.log(np.where(visited[:, None], visit, 1 - visit)) * ~clicked[:, None]
        for who, part in ((visited & filled, form[0]), (visited & ~filled, form[1])):
            found[who] += part[:, seen.click[who, day + 1], seen.warmth[who, day + 1]].T
    visits = (seen.of(life.PAGE) > 0).sum(axis=1)[:, None]
    answered, yes, no = (seen.of(k).sum(axis=1)[:, None] for k in (life.DISPLAY, life.INTERACT, life.DISMISS))
    eager = 0.12 * np.exp(0.4 * INTEREST)
    found += _times(yes, eager) + _times(answered - yes - no, 0.8 - eager)
    for kind, rate in ((life.PAGE, 0.8 * np.exp(0.3 * INTEREST)), (life.PRODUCT, 0.4 * np.exp(0.25 * INTEREST))):
        drawn = seen.of(kind).sum(axis=1)[:, None] - visits * (kind == life.PAGE)
        found += drawn * np.log(rate) - visits * rate
    return found


def measured(definition: Path, home: Path) -> dict[str, Any]:
    """Score the people of a *definition* and return what `limbeck truth` says, with the observer's shares."""
    for command in ("score", "truth"):
        done = subprocess.run(
            [sys.executable, "-m", "limbeck", command, str(definition), "--home", str(home), "--json"],
            check=True,
            stdout=subprocess.PIPE,
        )
    loaded, found = Definition.load(definition), json.loads(done.stdout)
    (folder,) = (home / "workflow" / loaded.name).glob("synthetic-*")
    assert loaded.generator is not None
    assert loaded.goal.within is not None
    for name, cutoff in (("test", loaded.cutoffs.test[0]), ("score", loaded.cutoffs.score)):
        within = (loaded.goal.within.after(cutoff, loaded.cutoffs.clock) - cutoff).days
        found[f"observer_{name}"] = areas(*probabilities(folder, loaded.generator, cutoff, within))["share"]
    return found


def main() -> None:
    """Print a line for each seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("definition", type=Path, nargs="?", default=EXAMPLE)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--people", type=int)
    asked = parser.parse_args()
    made = Definition.load(asked.definition).generator
    if made is None or any((made.duplicates, made.late, made.bots, made.identities, made.treated)):
        parser.error(f"{asked.definition}: wanted is a [generator] without imperfect data and treatment")
    print("      in the test               of the scores        mean error of a tenth")
    print("seed  model   observer  oracle  model   observer")
    for seed in asked.seeds:
        with tempfile.TemporaryDirectory() as folder:
            text = asked.definition.read_text()
            begin = text.index("[generator]")
            part = re.sub(r"(?m)^seed = .*$", f"seed = {seed}", text[begin:], count=1)
            if asked.people:
                part = re.sub(r"(?m)^people = .*$", f"people = {asked.people}", part, count=1)
            path = Path(folder) / asked.definition.name
            path.write_text(text[:begin] + part)
            found = measured(path, Path(folder) / "home")
        test, scores = found["test"], found["roc_auc"]
        print(
            f"{seed:<4}  {test['share']:.1%}   {found['observer_test']:.1%}     {test['oracle']:.3f}   "
            f"{scores['share']:.1%}   {found['observer_score']:.1%}     {found['calibration']['error']:.2%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
