"""Candidate models: scikit-learn pipelines over a table of features. Anything with the same face may join them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from limbeck.errors import InvalidInput, LimbeckError
from limbeck.propensity import frames

if TYPE_CHECKING:
    import pandas as pd
    from optuna import Trial
    from sklearn.pipeline import Pipeline

NAMES = ("logistic", "lightgbm", "hist_gradient_boosting", "random_forest")
OWN = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
"""How a candidate of the user's own is named: `package.module:factory`."""
FREQUENT, MOST = 10, 100
"""Rows from which on a text has a flag of its own, and flags of one feature at most: all other texts share the last."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A kind of model and the settings that tuning tries. They concern the last step of the pipeline only."""

    name: str
    build: Callable[..., Pipeline]
    settings: tuple[Mapping[str, Any], ...]
    plainness: int = 1
    """0 for the plainest. Of candidates that are about equally good, the plainest is taken."""
    space: Callable[[Trial], Mapping[str, Any]] | None = None
    """Settings for a search to draw; None if there is nothing to search."""


def candidates(names: Sequence[str], seed: int, tell: Callable[[str], None]) -> Iterator[Candidate]:
    """Yield the candidates called *names*; *tell* hears what stands in for a library that cannot be loaded.

    Raise `InvalidInput` for a name that is none of `NAMES`, nor names a factory that can be imported.
    """
    for name in names:
        match name:
            case "logistic":
                settings = tuple({"C": c} for c in (0.01, 0.03, 0.1, 0.3, 1.0))
                yield Candidate(name, logistic, settings, 0, lambda t: {"C": t.suggest_float("C", 1e-4, 10, log=True)})
            case "lightgbm":
                yield _lightgbm(seed, tell)
            case "hist_gradient_boosting":
                yield Candidate(name, _hist_gradient_boosting(seed), _BOOSTING_SETTINGS, 1, _boosting_space)
            case "random_forest":
                settings = tuple({"leaf": leaf} for leaf in (5, 20, 60))
                yield Candidate(
                    name, _forest(seed), settings, 2, lambda t: {"leaf": t.suggest_int("leaf", 1, 200, log=True)}
                )
            case _ if OWN.fullmatch(name):
                yield Candidate(name, _own(name, seed), ({},), 3)
            case _:
                known = f"{', '.join(NAMES)}, and your own as package.module:factory"
                raise InvalidInput(f"there is no candidate {name!r}; there are {known}")


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


_BOOSTING_SETTINGS = (
    {"trees": 100, "leaves": 7, "rate": 0.05},
    {"trees": 200, "leaves": 7, "rate": 0.03},
    {"trees": 100, "leaves": 15, "rate": 0.05},
)


def _boosting_space(trial: Trial) -> Mapping[str, Any]:
    return {
        "trees": trial.suggest_int("trees", 50, 600, log=True),
        "leaves": trial.suggest_int("leaves", 3, 63, log=True),
        "rate": trial.suggest_float("rate", 0.01, 0.2, log=True),
    }


def _lightgbm(seed: int, tell: Callable[[str], None]) -> Candidate:
    try:
        import lightgbm  # noqa: F401
    except OSError as error:
        tell(f"LightGBM cannot be loaded ({error}); scikit-learn's gradient boosting stands in for it")
        return next(candidates(["hist_gradient_boosting"], seed, tell))

    def build(frame: pd.DataFrame, *, trees: int, leaves: int, rate: float) -> Pipeline:
        from lightgbm import LGBMClassifier
        from sklearn.pipeline import make_pipeline

        model = LGBMClassifier(
            n_estimators=trees,
            num_leaves=leaves,
            learning_rate=rate,
            min_child_samples=40,
            subsample=0.6,
            subsample_freq=1,
            feature_fraction_bynode=0.5,
            random_state=seed,
            deterministic=True,
            force_row_wise=True,
            n_jobs=frames.threads(frame),
            verbose=-1,
        )
        return make_pipeline(columns(frame, "passthrough"), model)

    return Candidate("lightgbm", build, _BOOSTING_SETTINGS, 1, _boosting_space)


def _hist_gradient_boosting(seed: int) -> Callable[..., Pipeline]:
    def build(frame: pd.DataFrame, *, trees: int, leaves: int, rate: float) -> Pipeline:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.pipeline import make_pipeline

        model = HistGradientBoostingClassifier(
            max_iter=trees,
            max_leaf_nodes=leaves,
            learning_rate=rate,
            min_samples_leaf=40,
            early_stopping=False,  # the folds say how many trees are good
            random_state=seed,
        )
        return make_pipeline(columns(frame, "passthrough"), model)

    return build


def _forest(seed: int) -> Callable[..., Pipeline]:
    def build(frame: pd.DataFrame, *, leaf: int) -> Pipeline:
        from sklearn.ensemble import RandomForestClassifier

        model = RandomForestClassifier(
            n_estimators=200, min_samples_leaf=leaf, random_state=seed, n_jobs=frames.threads(frame)
        )
        return _over_numbers(frame, model)

    return build


def _own(name: str, seed: int) -> Callable[..., Pipeline]:
    """Return what builds the user's own estimator: a pipeline gets the features as they are, all else numbers."""
    from sklearn.pipeline import Pipeline

    module, _, attribute = name.partition(":")
    try:
        factory = getattr(import_module(module), attribute)
    except Exception as error:  # whatever the module does when it is imported
        wanted = "package.module:factory, where Python finds it (the environment's packages, or PYTHONPATH)"
        raise InvalidInput(f"the candidate {name!r} cannot be imported: {error}; wanted is {wanted}") from error

    def build(frame: pd.DataFrame) -> Pipeline:
        with blamed(name):
            model = factory()
        if not hasattr(model, "predict_proba") or not hasattr(model, "fit"):
            raise InvalidInput(
                f"the candidate {name!r} gives {type(model).__name__}, which has no fit and predict_proba"
            )
        parameters = model.get_params() if hasattr(model, "get_params") else {}
        if "random_state" in parameters and parameters["random_state"] is None:
            model.set_params(random_state=seed)
        return model if isinstance(model, Pipeline) else _over_numbers(frame, model)

    return build


@contextmanager
def blamed(name: str) -> Iterator[None]:
    """Turn what goes wrong in the code of a candidate of the user's own into `InvalidInput`; ours stays as it is."""
    try:
        yield
    except LimbeckError:
        raise
    except Exception as error:
        if not OWN.fullmatch(name):
            raise
        raise InvalidInput(
            f"the candidate {name!r} failed: {type(error).__name__}: {error}. Its factory takes no arguments; what it "
            "returns is fitted on numbers without gaps (a Pipeline on the features as they are), and its predict_proba "
            "gives a column for each outcome"
        ) from error


def _over_numbers(frame: pd.DataFrame, model: Any) -> Pipeline:
    """Return *model* over numbers without gaps, and flags of what was missing and of frequent texts."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline

    missing = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    return make_pipeline(columns(frame, missing), model)


def columns(frame: pd.DataFrame, numbers: Any) -> Any:
    """Return what treats numbers as *numbers* says, and texts as flags of their frequent values."""
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OneHotEncoder

    numeric = frames.numbers_of(frame)
    texts = [name for name in frames.features_of(frame) if name not in numeric]
    flags = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=FREQUENT, max_categories=MOST, sparse_output=False
    )
    parts = [("numbers", numbers, numeric), ("texts", flags, texts)]
    return ColumnTransformer([part for part in parts if part[2]])
