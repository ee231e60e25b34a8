"""A definition over the files of `tests.shop`, and what a run of it leaves."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests import shop

DEFINITION = """\
name = "shop"
seed = 3

[[sources]]
dataset = "shop events"
files.log = "events.parquet"
key = "number"

[sources.columns]
customer = { path = "{tenant}.customer", identity = "CRMID" }
number = "{tenant}.number"
at = "timestamp"
kind = "eventType"
amount = "{tenant}.amount"

[[sources]]
dataset = "shop people"
class = "profile"
files.people = "people.csv"

[sources.columns]
customer = { path = "{tenant}.customer", identity = "CRMID" }
age = "{tenant}.age"
city = "{tenant}.city"

[goal]
event = "kind = 'purchase'"
within = "30 days"
eligible = "kind = 'view'"

[cutoffs]
train = [2026-02-01, 2026-03-01]
test = 2026-04-20
score = 2026-05-31

[features]
views = { count = true, where = "kind = 'view'", windows = ["ever", "28 days"] }
purchases = { count = true, where = "kind = 'purchase'", windows = ["ever", "28 days"] }
recency = { days_since_last = true }
age = { attribute = "age" }
city = { attribute = "city" }

[model]
candidates = ["logistic"]
folds = 2
resamples = 100

[report]
title = "Who buys?"
"""
SOURCES = ("shop_events", "shop_people")
"""Tables of the definition's datasets."""


def write(folder: Path, changes: Mapping[str, str] | None = None, name: str = "shop.toml") -> Path:
    """Write the definition, with some texts replaced by others, and the shop's files beside it."""
    if not (folder / "events.parquet").exists():
        folder.mkdir(parents=True, exist_ok=True)
        shop.write(folder)
    text = DEFINITION
    for old, new in (changes or {}).items():
        assert old in text
        text = text.replace(old, new)
    path = folder / name
    path.write_text(text)
    return path


# -- what it leaves -----------------------------------------------------------------------------------------------


def tables(home: Path) -> dict[str, int]:
    """The rows of each table of a home; no tables if there is no home."""
    rows = (
        "SELECT table_name, coalesce(sum(rows), 0) FROM datasets LEFT JOIN data_files ON dataset_id = datasets.id "
        "AND removed_snapshot IS NULL AND replaced_by IS NULL GROUP BY datasets.id ORDER BY table_name"
    )
    return dict(_rows(home / "limbeck.db", rows))


def models(home: Path) -> list[tuple[str, int, str]]:
    """Name, version and run of each registered model."""
    return _rows(home / "mlflow.db", "SELECT name, version, run_id FROM model_versions ORDER BY name, version")


def kept(home: Path, *folders: str) -> dict[str, str]:
    """The content of each file in *folders* of a home (all that results lie in, if none is named), as a hash."""
    found = {}
    for folder in folders or ("lake", "models", "output", "workflow"):
        for path in (home / folder).rglob("*"):
            if path.is_file() and path.parent.name != "_delta_log" and path.name not in ("lock", "latest.json"):
                found[str(path.relative_to(home))] = hashlib.blake2b(path.read_bytes()).hexdigest()
    return found


def unfinished(home: Path) -> list[str]:
    """Files and folders in a home that are no results: parts, and files on the way."""
    folders = [home / "workflow", home / "output"]
    known = ("explore-", "explore.html", "latest.json", "lock", "overview-", "report.html", "score-", "scores")
    known += ("summary.json", "test-", "train-")
    return [str(path) for folder in folders for path in folder.glob("*/*") if not path.name.startswith(known)]


def scores(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of scores, but for the time at which they were scored."""
    return pq.read_table(path).drop_columns("time").to_pylist()


def _rows(database: Path, statement: str) -> list[Any]:
    if not database.exists():
        return []
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(statement).fetchall()
