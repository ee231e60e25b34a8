"""Two public tables of single contacts, each with a column that is known only afterwards (data/README.md)."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from tests.leaks.frames import Case, Frames

DATA = Path(__file__).parent / "data"


@cache
def _table(name: str) -> pd.DataFrame:
    return pd.read_parquet(DATA / f"{name}.parquet")


def frames(name: str, after: str, *, leaking: bool, shuffled: bool = False) -> Frames:
    """Return two thirds of a table to learn from, and a test: in its order, or at random as *shuffled*.

    *after* is 0 of who is really asked: nobody has talked, or earned anything, yet.
    """
    rows = _table(name)
    rows = rows.assign(entity_id=[f"c{n:05d}" for n in range(len(rows))], cutoff=pd.Timestamp(2010, 1, 1))
    rows["cutoff"] += pd.to_timedelta(np.arange(len(rows)) // 50, unit="D")
    if not leaking:
        rows = rows.drop(columns=after)
    first = np.arange(len(rows)) < 2 * len(rows) // 3
    if shuffled:
        first = np.random.default_rng(0).permutation(first)
    known, later = (rows[side].reset_index(drop=True) for side in (first, ~first))
    honest = later.assign(**{after: 0.0}) if leaking else later
    return Frames(known, later, honest, honest.drop(columns="label"))


def _calls(*, leaking: bool) -> Frames:
    return frames("bank_marketing", "duration", leaking=leaking, shuffled=True)


def _sessions(*, leaking: bool) -> Frames:
    return frames("online_shoppers", "page_values", leaking=leaking)


PLANTED = (
    Case(
        "call_duration",
        "The length of the call is known when the call, and with it the sale, is over.",
        partial(_calls, leaking=True),
        ("duration",),
        real=True,
    ),
    Case(
        "page_values",
        "The value of the pages is what the shop earned with them: known when the visit is over.",
        partial(_sessions, leaking=True),
        ("page_values",),
        real=True,
    ),
)
CLEAN = (
    Case(
        "calls",
        "Economic indices follow the base rate, which rises from 5 to 30 per cent.",
        partial(_calls, leaking=False),
        real=True,
    ),
    Case(
        "sessions", "Single sessions of strangers: nobody is there twice.", partial(_sessions, leaking=False), real=True
    ),
)
