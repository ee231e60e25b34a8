"""Candidate models: scikit-learn pipelines over a table of features. Anything with the same face may join them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limbeck.errors import InvalidInput
from limbeck.propensity import frames

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

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
            n_jobs=frames.threads(frame),
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

    numeric = frames.numbers_of(frame)
    texts = [name for name in frames.features_of(frame) if name not in numeric]
    flags = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10, sparse_output=False)
    parts = [("numbers", numbers, numeric), ("texts", flags, texts)]
    return ColumnTransformer([part for part in parts if part[2]])
