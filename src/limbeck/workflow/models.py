"""Candidate models: scikit-learn pipelines over a table of features. Anything with the same face may join them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from sklearn.pipeline import Pipeline

KEYS = ("entity_id", "object_id", "cutoff", "label")
"""Columns that are no features; `object_id` is that of pairs."""

DAY_MS = 86_400_000.0
MANY_ROWS = 100_000
"""From here on a second thread is worth its while. Their number depends on nothing else, so results do not either."""

TRUSTED = (
    "collections.OrderedDict",
    "collections.defaultdict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)
"""Types beyond scikit-learn's usual ones that a stored model may hold."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A kind of model and the settings that tuning tries. They concern the last step of the pipeline only."""

    name: str
    build: Callable[..., Pipeline]
    settings: tuple[Mapping[str, Any], ...]


def read(files: Sequence[Path]) -> pd.DataFrame:
    """Return a feature set as a data frame, in an order of its own: by cutoff and person.

    Flags are 0, 1 or missing; dates and times are days since 1970. Numbers are rounded to single precision, so that the
    order in which an engine adds up does not show.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = _numeric(pa.concat_tables([pq.read_table(file) for file in files]))
    order = [name for name in ("cutoff", "entity_id", "object_id") if name in table.column_names]
    frame: pd.DataFrame = table.sort_by([(name, "ascending") for name in order]).to_pandas()
    for name in features_of(frame):
        if pd.api.types.is_numeric_dtype(frame[name]) or pd.api.types.is_bool_dtype(frame[name]):
            frame[name] = frame[name].astype("float32").astype("float64")
    return frame


def _numeric(table: pa.Table) -> pa.Table:
    """Return *table* with flags, dates and times of features as numbers, whether or not some are missing."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    for place, field in enumerate(table.schema):
        column = table.column(place)
        if pt.is_boolean(field.type):
            table = table.set_column(place, field.name, column.cast(pa.float64()))
        elif field.name not in KEYS and pt.is_temporal(field.type):
            millis = column.cast(pa.timestamp("ms")).cast(pa.int64()).cast(pa.float64())
            table = table.set_column(place, field.name, pc.divide(millis, DAY_MS))
    return table


def threads(frame: pd.DataFrame) -> int:
    """Return how many threads a model of *frame* is fitted with."""
    return 1 if len(frame) < MANY_ROWS else 2


def features_of(frame: pd.DataFrame) -> list[str]:
    """Return the names of the features."""
    return [name for name in frame.columns if name not in KEYS]


def numbers_of(frame: pd.DataFrame) -> list[str]:
    """Return the names of the features that are numbers; the others are texts."""
    from pandas.api.types import is_numeric_dtype

    return [name for name in features_of(frame) if is_numeric_dtype(frame[name])]


def candidates(names: Sequence[str], seed: int, tell: Callable[[str], None]) -> Iterator[Candidate]:
    """Yield the candidates called *names*; *tell* hears what stands in for a library that cannot be loaded."""
    for name in names:
        if name == "logistic":
            yield Candidate(name, logistic, tuple({"C": c} for c in (0.01, 0.03, 0.1, 0.3, 1.0)))
        elif name == "lightgbm":
            yield _boosting(seed, tell)
        else:
            raise InvalidInput(f"there is no candidate {name!r}; there are logistic and lightgbm")


def logistic(frame: pd.DataFrame, *, C: float) -> Pipeline:  # noqa: N803
    """Return a logistic regression on logarithms: amounts and counts are skewed. A missing number is a fact of its own.

    The inverse hyperbolic sine is a logarithm that takes zero and negative numbers too.
    """
    import numpy as np
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    logarithm = FunctionTransformer(np.arcsinh, feature_names_out="one-to-one")
    missing = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    numbers = make_pipeline(missing, logarithm, StandardScaler())
    return make_pipeline(columns(frame, numbers), LogisticRegression(C=C, max_iter=2000))


def _boosting(seed: int, tell: Callable[[str], None]) -> Candidate:
    try:
        import lightgbm  # noqa: F401
    except OSError as error:
        tell(f"LightGBM cannot be loaded ({error}); scikit-learn's gradient boosting stands in for it")
        return Candidate("hist_gradient_boosting", _hist_gradient_boosting(seed), _BOOSTING_SETTINGS)
    return Candidate("lightgbm", _lightgbm(seed), _BOOSTING_SETTINGS)


_BOOSTING_SETTINGS = (
    {"trees": 100, "leaves": 7, "rate": 0.05},
    {"trees": 200, "leaves": 7, "rate": 0.03},
    {"trees": 100, "leaves": 15, "rate": 0.05},
)


def _lightgbm(seed: int) -> Callable[..., Pipeline]:
    def build(frame: pd.DataFrame, *, trees: int, leaves: int, rate: float) -> Pipeline:
        from lightgbm import LGBMClassifier
        from sklearn.pipeline import make_pipeline

        model = LGBMClassifier(
            n_estimators=trees,
            num_leaves=leaves,
            learning_rate=rate,
            min_child_samples=40,
            random_state=seed,
            deterministic=True,
            force_row_wise=True,
            n_jobs=threads(frame),
            verbose=-1,
        )
        return make_pipeline(columns(frame, "passthrough"), model)

    return build


def _hist_gradient_boosting(seed: int) -> Callable[..., Pipeline]:
    def build(frame: pd.DataFrame, *, trees: int, leaves: int, rate: float) -> Pipeline:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.pipeline import make_pipeline

        model = HistGradientBoostingClassifier(
            max_iter=trees, max_leaf_nodes=leaves, learning_rate=rate, min_samples_leaf=40, random_state=seed
        )
        return make_pipeline(columns(frame, "passthrough"), model)

    return build


def columns(frame: pd.DataFrame, numbers: Any) -> Any:
    """Return what treats numbers as *numbers* says, and texts as flags of their frequent values."""
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OneHotEncoder

    numeric = numbers_of(frame)
    texts = [name for name in features_of(frame) if name not in numeric]
    flags = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10, sparse_output=False)
    parts = [("numbers", numbers, numeric), ("texts", flags, texts)]
    return ColumnTransformer([part for part in parts if part[2]])
