"""Reading synthetic data back, and comparing it with its truth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from limbeck.workflow.question import Span

Numbers = NDArray[np.float64]

START = date(2026, 1, 1)
WITHIN = 21
"""Days."""
LETTERS = """\
name = "letters"

[generator]
people = 500
days = 60
start = 2026-01-01
seed = 9

[[sources]]
dataset = "events"
files.log = "generator:events"

[sources.columns]
userid = { path = "{tenant}.userid", identity = "ECID" }
timestamp = "timestamp"
type = "eventType"

[goal]
event = "type = 'web.formFilledOut'"
within = "10 days"

[cutoffs]
train = [2026-01-15, 2026-01-25]
test = 2026-02-10
score = 2026-03-02

[features]
events = { count = true }
"""
"""A small definition over synthetic data."""


def day(number: int) -> datetime:
    """The midnight at which the day of this number begins."""
    return datetime(START.year, START.month, START.day) + timedelta(days=number)


def spans(cutoffs: Sequence[datetime], within: int = WITHIN) -> list[Span]:
    """So many days from each cutoff on."""
    return [Span(cutoff, cutoff + timedelta(days=within)) for cutoff in sorted(set(cutoffs))]


def ask(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a query over `events`, `profiles` and `truth` of a folder."""
    with duckdb.connect() as connection:
        for name in ("events", "profiles", "truth"):
            files = f"read_parquet('{folder}/{name}*.parquet', filename = true)"
            connection.execute(f"create view {name} as select * from {files}")
        return connection.execute(sql).fetchall()


def outcomes(folder: Path, within: int = WITHIN) -> dict[datetime, tuple[Numbers, Numbers]]:
    """For each cutoff the true probabilities, and who filled in the form within the time after it."""
    rows = ask(
        folder,
        f"""with forms as (select userid, timestamp as moment from events where type = 'web.formFilledOut')
        select cutoff, probability, max(case when moment >= cutoff and moment < cutoff + interval {within} day
            then 1 else 0 end)::double as outcome
        from truth left join forms on userid = entity_id
        group by entity_id, cutoff, probability order by cutoff, entity_id""",
    )
    cutoffs = sorted({row[0] for row in rows})
    parts = {c: np.array([row[1:] for row in rows if row[0] == c]) for c in cutoffs}
    return {c: (part[:, 0], part[:, 1]) for c, part in parts.items()}


def roc_auc(scores: Sequence[float] | Numbers, chances: Sequence[float] | Numbers) -> float:
    """The area that *scores* are to be expected to reach where everybody converts with a chance of their own.

    With outcomes for chances it is the usual area.
    """
    _, group = np.unique(np.asarray(scores), return_inverse=True)
    sure = np.asarray(chances, float)
    positive, negative = np.bincount(group, sure), np.bincount(group, 1 - sure)
    below = np.cumsum(negative) - negative / 2
    return float(positive @ below / (positive.sum() * negative.sum()))
