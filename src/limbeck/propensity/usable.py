"""A training set that somebody made: refused with what is wrong where nothing can be learnt from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limbeck.errors import InvalidInput
from limbeck.propensity import frames

if TYPE_CHECKING:
    import pandas as pd

NEEDED = ("entity_id", "cutoff", "label")
SHOWN = 3


def usable(known: pd.DataFrame) -> pd.DataFrame:
    """Return a training set as `frames.of` has such: labels 0 and 1, features numbers or texts.

    Raise `InvalidInput` for columns that are missing, stand twice or mix numbers and texts, for keys without a value,
    for other labels than 0 and 1 (flags are taken), and if all have the same.
    """
    _check_columns(known)
    _check_keys(known)
    labels = _labels(known["label"])
    found = frames.plain(known.assign(label=labels))
    for name in frames.features_of(found):
        kinds = {type(value).__name__ for value in found[name].dropna()} if found[name].dtype == object else set()
        if len(kinds) > 1:
            raise InvalidInput(f"the feature {name} mixes {' and '.join(sorted(kinds))}; make it numbers, or texts")
    return found


def _check_columns(known: pd.DataFrame) -> None:
    names = list(known.columns)
    if odd := [name for name in names if not isinstance(name, str)]:
        raise InvalidInput(f"the training set has a column called {odd[0]!r}; names of columns are texts")
    if double := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidInput(
            f"the training set has the column {double[0]} {names.count(double[0])} times; name each once"
        )
    if missing := [name for name in NEEDED if name not in names]:
        raise InvalidInput(
            f"the training set has no column {', '.join(missing)}; it needs {', '.join(NEEDED)} (0 or 1) and features"
        )
    if not frames.features_of(known):
        raise InvalidInput("the training set has no features: a column beside its keys and its label")


def _check_keys(known: pd.DataFrame) -> None:
    from pandas.api.types import is_datetime64_any_dtype

    if not is_datetime64_any_dtype(known["cutoff"]):
        raise InvalidInput(f"the column cutoff is {known['cutoff'].dtype}; wanted are times (pandas.to_datetime)")
    for name in NEEDED:
        if gaps := int(known[name].isna().sum()):
            raise InvalidInput(f"{gaps:,} rows of the training set have no {name}; each needs one, or take them out")


def _labels(labels: pd.Series[Any]) -> pd.Series[Any]:
    """Return the labels as numbers 0 and 1, both of which there are."""
    values = labels.unique().tolist()
    if odd := [value for value in values if not isinstance(value, (bool, int, float)) or value not in (0, 1)]:
        shown = ", ".join(repr(value) for value in odd[:SHOWN])
        raise InvalidInput(f"the column label has {shown}; wanted is 1 for who reaches the goal, and 0 for all others")
    if len({int(value) for value in values}) < 2:
        who = "the training set is empty" if not values else "everybody" if values[0] else "nobody"
        told = who if not values else f"{who} reaches the goal in the training set"
        raise InvalidInput(f"{told}; with one outcome there is nothing to learn")
    return labels.astype("int32") if labels.dtype == bool else labels
