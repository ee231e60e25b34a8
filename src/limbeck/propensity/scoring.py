"""Scores of feature rows, a table at a time: what one machine does with files and Spark with its partitions.

*Points* put the odds of a forecast on a scale from 0 to 100, as scorecards do (Siddiqi 2006): 50 is the base rate, and
each `DOUBLING` more are twice the odds. They mean the same whoever else is scored, and so do *buckets*, which are
ranges of points. The *percentile* is the share of the others that is scored lower.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from limbeck.errors import InvalidInput
from limbeck.propensity import frames, reasons, shapley
from limbeck.propensity.evaluate import Numbers
from limbeck.propensity.fit import forecast
from limbeck.propensity.signature import Signature, signature

if TYPE_CHECKING:
    import pyarrow as pa

DOUBLING = 10
"""Points that double the odds."""
BUCKETS = {"very low": 0, "low": 30, "medium": 40, "high": 60, "very high": 70}
"""The points from which on: a quarter, half, twice and four times the odds of the base rate."""
EXAMPLES = 3


@dataclass(frozen=True)
class Scoring:
    """A model, and what its scores say of themselves."""

    model: Any
    """A fitted pipeline, or a calibrator around one."""
    name: str
    version: str
    base_rate: float
    """Of the people that the model was judged on, between 0 and 1."""
    most: int = 0
    """How many reasons a score is given at most; with 0 none are looked for."""
    typical: Mapping[str, float] = field(default_factory=dict)
    """What the features of a linear model add for the average person: `shapley.typical`."""
    snapshot: str = ""
    """Which state of the data is scored."""
    time: datetime | None = None
    """When it is scored (UTC, without a zone)."""

    @property
    def told(self) -> str:
        """The model in words."""
        return f"the model {self.name} version {self.version}"

    @cached_property
    def signature(self) -> Signature:
        """What the model is to be asked about."""
        return signature(self.model)

    @cached_property
    def explainer(self) -> shapley.Explainer | None:
        """What tells the reasons; None if none are asked for. Raise what `shapley.explainer` raises."""
        return shapley.explainer(self.model, self.typical) if self.most else None

    def score(self, table: pa.Table) -> pa.Table:
        """Return the scores of a *table* of features, row by row, in its order.

        Columns: the keys that the table has, `score` (probability), `points` (0 to 100), `bucket`, `reasons` (JSON;
        missing if none are asked for), `cutoff`, `model`, `version`, `snapshot` and `time`. Raise `InvalidInput` if the
        table lacks a feature of the model, or has it as another kind.
        """
        return self.completed(self.forecast(table))

    def forecast(self, table: pa.Table) -> pa.Table:
        """Return what is to be kept of each row of a *table* of features: of `score`, all that others do not tell.

        Columns: the keys that the table has, `score`, `reasons` if some are asked for, and `cutoff`. Raise
        `InvalidInput` as `score` does.
        """
        import pyarrow as pa

        self.signature.check(table.schema, self.told)
        inputs = frames.of(_typed(table.select(list(self.signature.features)), self.signature))
        columns: dict[str, Any] = {name: table[name].cast(pa.string()) for name in keys_of(table.column_names)}
        columns["score"] = forecast(self.model, inputs)
        if self.explainer is not None:
            effects = self.explainer.effects(inputs)
            columns["reasons"] = reasons.texts(table, self.explainer.features, effects, self.most)
        return pa.table(columns | {"cutoff": table["cutoff"]})

    def completed(self, found: pa.Table) -> pa.Table:
        """Return the scores that a `forecast` tells, row by row, in its order."""
        import pyarrow as pa

        points, rows = points_of(found["score"].to_numpy(), self.base_rate), len(found)
        columns: dict[str, Any] = {name: found[name] for name in (*keys_of(found.column_names), "score")}
        columns |= {"points": points, "bucket": buckets_of(points)}
        columns["reasons"] = found["reasons"] if "reasons" in found.column_names else pa.nulls(rows, pa.string())
        columns["cutoff"] = found["cutoff"]
        for name, value in (("model", self.name), ("version", self.version), ("snapshot", self.snapshot)):
            columns[name] = pa.repeat(value, rows)
        return pa.table({**columns, "time": pa.repeat(pa.scalar(self.time, pa.timestamp("ms")), rows)})


def keys_of(names: list[str]) -> list[str]:
    """Return those of the columns that say whose score it is."""
    return [name for name in ("entity_id", "object_id") if name in names]


def twice(found: Sequence[Sequence[str]]) -> InvalidInput:
    """Return the error for people, or pairs, who are to be scored more than once; *found* are the keys of some."""
    what = "the pair" if len(found[0]) > 1 else "the person"
    told = [" and ".join(keys) for keys in found]
    return InvalidInput(
        f"the scoring set has {what} {', '.join(told)} more than once; a score is one for each. Score one cutoff at a "
        "time, and see that the set has a row for each (limbeck featurize)",
        twice=told,
    )


def points_of(scores: Numbers, base_rate: float) -> Any:
    """Return the points of probabilities: whole numbers from 0 to 100; the *base_rate* has 50.

    >>> points_of(np.array([0.1, 2 / 11, 0.0, 1.0]), 0.1).tolist()
    [50, 60, 0, 100]
    """
    with np.errstate(divide="ignore"):
        doubled = np.log2(scores / (1 - scores)) - np.log2(base_rate / (1 - base_rate))
    return np.clip(np.round(50 + DOUBLING * doubled), 0, 100).astype(np.int64)


def buckets_of(points: Any) -> pa.Array:
    """Return the bucket of each number of points.

    >>> buckets_of(np.array([29, 30, 50, 69, 70])).to_pylist()
    ['very low', 'low', 'medium', 'high', 'very high']
    """
    import pyarrow as pa

    place = np.searchsorted(list(BUCKETS.values()), points, side="right") - 1
    return pa.array(list(BUCKETS), pa.string()).take(pa.array(place))


def _typed(table: pa.Table, wanted: Signature) -> pa.Table:
    """Return *table* with a type for each column in which everything is missing."""
    import pyarrow as pa
    import pyarrow.types as pt

    for place, column in enumerate(table.schema):
        if pt.is_null(column.type):
            kind = pa.string() if column.name in wanted.texts else pa.float64()
            table = table.set_column(place, column.name, table.column(place).cast(kind))
    return table
