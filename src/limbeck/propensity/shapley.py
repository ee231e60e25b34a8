"""What each feature adds to the log-odds of a forecast, as Shapley values.

The log-odds of a forecast are a base value plus the effects of the features (Lundberg and Lee 2017). Of a logistic
regression an effect is coefficient times distance from the mean, exactly (independent features). Of trees it is that of
TreeSHAP, which follows the branches by the training rows that took them (Lundberg et al. 2018, 2020): LightGBM and
XGBoost compute it themselves, `shap` (the extra `tune`) that of scikit-learn's trees. A forest adds up probabilities,
so its effects are in probability. A calibrated model is explained before its calibration, which keeps the order of
forecasts and so the direction of every effect.

What a step spreads over several columns (flags of a text, a flag of what is missing) is summed up again, so that an
effect has the name of the feature that the data have.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from limbeck.errors import InvalidInput, MissingExtra
from limbeck.propensity.calibrate import pipeline_of
from limbeck.propensity.evaluate import Numbers

if TYPE_CHECKING:
    import pandas as pd

LOG_ODDS, PROBABILITY = "log-odds", "probability"

TREES = (
    ("sklearn", "HistGradientBoostingClassifier"),
    ("sklearn", "GradientBoostingClassifier"),
    ("sklearn", "RandomForestClassifier"),
    ("sklearn", "ExtraTreesClassifier"),
    ("sklearn", "DecisionTreeClassifier"),
)
"""What `shap` explains: where it is from, and its class."""


@dataclass(frozen=True, slots=True)
class Explainer:
    """What tells the effects of a model's features."""

    features: tuple[str, ...]
    base: float
    """The forecast of nobody in particular: what the effects of a row are added to."""
    unit: str
    """`log-odds` or `probability`."""
    _steps: tuple[Any, ...]
    """What precedes the estimator."""
    _columns: Callable[[Any], Numbers]
    """The effects of the columns that the estimator gets."""
    _sums: Numbers
    """A row for each of these columns: 1 at the feature that it comes from."""
    _typical: Numbers
    """What each feature adds for the average training row; effects are what a row adds beyond it."""

    def effects(self, inputs: pd.DataFrame) -> Numbers:
        """Return what each feature (column) adds to the forecast of each row of features."""
        found: Any = inputs[list(self.features)]
        for step in self._steps:
            found = step.transform(found)
        return self._columns(np.asarray(found, np.float64)) @ self._sums - self._typical


def explainer(model: Any, typical: Mapping[str, float] | None = None) -> Explainer:
    """Return what explains a fitted *model*: a pipeline, or a calibrator around one.

    A linear model needs what its features are *typical* to add, as `typical` finds it on the training rows. Raise
    `InvalidInput` for a kind of model whose effects are not known, and `MissingExtra` for trees that need `shap`.
    """
    *steps, last = pipeline_of(model)
    features = tuple(map(str, pipeline_of(model).feature_names_in_))
    origins = [*range(len(features))]
    for step in steps:
        origins = _origins(step, origins, features)
    sums = np.eye(len(features))[origins]
    if _is(last, "sklearn.linear_model", "LogisticRegression"):
        coefficients, base = last.coef_[0], float(last.intercept_[0])
        usual = np.array([(typical or {}).get(name, 0.0) for name in features])
        return Explainer(
            features, base + float(usual.sum()), LOG_ODDS, tuple(steps), lambda z: z * coefficients, sums, usual
        )
    columns, base, unit = _of_trees(last)
    return Explainer(features, base, unit, tuple(steps), columns, sums, np.zeros(len(features)))


def typical(model: Any, known: pd.DataFrame) -> dict[str, float]:
    """Return what each feature adds for the average row of the training set *known*: of trees nothing."""
    if not _is(pipeline_of(model)[-1], "sklearn.linear_model", "LogisticRegression"):
        return {}
    found = explainer(model)
    return dict(zip(found.features, found.effects(known).mean(axis=0).tolist(), strict=True))


def _is(estimator: Any, package: str, name: str) -> bool:
    """Whether it is of a class, or one derived from it; the library is not imported for the question."""
    return any(c.__name__ == name and c.__module__.startswith(package) for c in type(estimator).__mro__)


# -- trees --------------------------------------------------------------------------------------------------------

Told = tuple[Callable[[Any], Numbers], float, str]
"""The effects of columns, the base value, the unit."""


def _of_trees(model: Any) -> Told:
    if _is(model, "lightgbm", "LGBMClassifier"):
        return _lightgbm(model)
    return _xgboost(model) if _is(model, "xgboost", "XGBClassifier") else _by_shap(model)


def _lightgbm(model: Any) -> Told:
    def columns(values: Numbers) -> Numbers:
        found: Numbers = model.booster_.predict(values, pred_contrib=True, num_threads=model.n_jobs or 0)
        return found[:, :-1]

    nobody = np.zeros((1, model.n_features_in_))
    return columns, float(model.booster_.predict(nobody, pred_contrib=True)[0, -1]), LOG_ODDS


def _xgboost(model: Any) -> Told:
    from xgboost import DMatrix

    trees = (0, getattr(model, "best_iteration", -1) + 1)
    """Those that forecast: all, unless training was stopped early."""

    def told(values: Numbers) -> Numbers:
        rows = DMatrix(values, missing=model.missing)
        found = model.get_booster().predict(rows, pred_contribs=True, iteration_range=trees, validate_features=False)
        return np.asarray(found, np.float64)

    return lambda values: told(values)[:, :-1], float(told(np.zeros((1, model.n_features_in_)))[0, -1]), LOG_ODDS


def _by_shap(model: Any) -> Told:
    name = type(model).__name__
    if not any(_is(model, package, kind) for package, kind in TREES):
        raise InvalidInput(
            f"no exact reasons are known for {name}; they are for logistic regression, LightGBM, XGBoost and, with "
            f"shap, {', '.join(kind for _, kind in TREES)}. Set model.reasons = 0 to have scores without"
        )
    try:
        with warnings.catch_warnings(action="ignore"):  # its own affair
            import shap
    except ImportError as error:
        raise MissingExtra(
            f"the reasons of {name} need shap, which is not installed; run: "
            'pip install "limbeck[tune]", or set model.reasons = 0',
            library="shap",
            extra="tune",
        ) from error
    found = shap.TreeExplainer(model)
    by_outcome = np.ndim(found.expected_value) > 0 and len(found.expected_value) == 2

    def columns(values: Numbers) -> Numbers:
        effects = np.asarray(found.shap_values(values, check_additivity=False))
        return effects[..., 1] if by_outcome else effects

    return columns, float(np.ravel(found.expected_value)[-1]), PROBABILITY if by_outcome else LOG_ODDS


# -- from columns to features -------------------------------------------------------------------------------------


def _origins(step: Any, origins: Sequence[int], names: Sequence[str]) -> list[int]:
    """Return the feature that each column after *step* comes from; *origins* are those of the columns before it."""
    if hasattr(step, "transformers_"):
        return list(_of_parts(step, origins))
    if hasattr(step, "steps"):
        for inner in step.named_steps.values():
            origins = _origins(inner, origins, names)
        return list(origins)
    if hasattr(step, "categories_"):
        return [origin for origin, n in zip(origins, _flags(step), strict=True) for _ in range(n)]
    if getattr(step, "indicator_", None) is not None:
        return [*origins, *(origins[n] for n in step.indicator_.features_)]
    if step == "passthrough" or len(step.get_feature_names_out()) == len(origins):
        return list(origins)
    raise InvalidInput(
        f"the step {type(step).__name__} makes other columns of its columns, so reasons cannot be given in terms of "
        f"the features ({', '.join(names)}); set model.reasons = 0 to have scores without"
    )


def _of_parts(step: Any, origins: Sequence[int]) -> Iterator[int]:
    """Yield the origins of what a ColumnTransformer puts side by side."""
    place = {str(name): n for n, name in enumerate(step.feature_names_in_)}
    for _, part, columns in step.transformers_:
        if not (isinstance(part, str) and part == "drop") and len(columns):
            chosen = [origins[place[c] if isinstance(c, str) else int(c)] for c in columns]
            yield from _origins(part, chosen, list(place))


def _flags(step: Any) -> list[int]:
    """Return how many columns a OneHotEncoder makes of each of its columns: rare values share one."""
    rare = getattr(step, "infrequent_categories_", [None] * len(step.categories_))
    counts = [len(c) - (0 if r is None else len(r) - 1) for c, r in zip(step.categories_, rare, strict=True)]
    dropped = step.drop_idx_ if step.drop_idx_ is not None else [None] * len(counts)
    return [count - (one is not None) for count, one in zip(counts, dropped, strict=True)]
