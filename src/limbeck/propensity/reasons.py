"""Why scores are what they are: the reasons of each, and what the model looks at as a whole (`shapley`)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from limbeck.errors import InvalidInput, MissingExtra
from limbeck.propensity import frames, shapley
from limbeck.propensity.evaluate import Numbers

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

DIGITS = 4
"""Of an effect that is kept; smaller ones are no reason."""
ASKED = 1000
"""People, at most, from whom the reasons of all are told."""
SHOWN, POINTS = 15, 150
"""Features whose people a picture shows, and of how many people."""
CLEAR = 0.5
"""Spearman's correlation of value and effect from which on a direction is spoken of."""


# -- of a row -----------------------------------------------------------------------------------------------------


def texts(table: pa.Table, features: Sequence[str], effects: Numbers, most: int) -> pa.Array:
    """Return the reasons of each row as a JSON text: a list of `feature`, `value` and `effect`.

    The *most* features with the largest *effects* (a column for each of *features*) come first; one that adds nothing
    is no reason. The value is that of *table*, as it stands there.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    rounded = np.round(effects, DIGITS)
    size, rows = np.abs(rounded), np.arange(len(rounded))
    parts = []
    for _ in range(min(most, len(features))):
        best = size.argmax(axis=1)
        nothing = size[rows, best] == 0
        found = pc.binary_join_element_wise(
            '{"feature":',
            pa.array([json.dumps(name) for name in features]).take(pa.array(best)),
            ',"value":',
            _values(table, features, best),
            ',"effect":',
            pc.cast(pa.array(rounded[rows, best]), pa.string()),
            "}",
            "",
        )
        parts.append(pc.if_else(pa.array(nothing), pa.scalar(None, pa.string()), found))
        size[rows, best] = 0
    if not parts:
        return pa.repeat("[]", len(rounded))
    listed = pc.binary_join_element_wise(*parts, ",", null_handling="skip")
    return pc.binary_join_element_wise("[", listed, "]", "")


def _values(table: pa.Table, features: Sequence[str], chosen: Any) -> pa.Array:
    """Return the JSON of the value that each row has of its *chosen* feature."""
    import pyarrow as pa

    order = np.argsort(chosen, kind="stable")
    ends = np.searchsorted(chosen[order], np.arange(len(features) + 1))
    parts = [
        _json(table.column(name).take(pa.array(order[ends[n] : ends[n + 1]])).combine_chunks())
        for n, name in enumerate(features)
        if ends[n] < ends[n + 1]
    ]
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return pa.concat_arrays(parts).take(pa.array(back)) if parts else pa.array([], pa.string())


def _json(column: pa.Array) -> pa.Array:
    """Return each value as JSON has it: numbers and flags as they are, all else as text, null for what is missing."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    kind = column.type
    if pt.is_null(kind):
        return pa.repeat("null", len(column))
    if pt.is_floating(kind):
        single = column.cast(pa.float32())
        plain = pc.if_else(pc.is_finite(single), single, pa.scalar(None, pa.float32()))
        return pc.fill_null(plain.cast(pa.string()), "null")
    if pt.is_boolean(kind) or pt.is_integer(kind) or pt.is_decimal(kind):
        return pc.fill_null(column.cast(pa.string()), "null")
    coded = column.cast(pa.string()).dictionary_encode()
    known = pa.array([json.dumps(text, ensure_ascii=False) for text in coded.dictionary.to_pylist()], pa.string())
    return pc.fill_null(known.take(coded.indices), "null")


def because(reasons: Sequence[Mapping[str, Any]], unit: str | None) -> str | None:
    """Return the reasons of a score in words; None if there are none. *unit* is that of their effects.

    >>> because([{"feature": "visits", "value": 7, "effect": 0.7}, {"feature": "age", "value": None, "effect": -0.1}],
    ...         "log-odds")
    'visits = 7 raises it (odds × 2.01); age missing lowers it (odds × 0.90)'
    """
    return "; ".join(_reason(unit, **reason) for reason in reasons) or None


def _reason(unit: str | None, feature: str, value: Any, effect: float) -> str:
    which = f"{feature} missing" if value is None else f"{feature} = {value}"
    size = (
        f"odds × {math.exp(effect):.2f}" if unit == shapley.LOG_ODDS else f"{100 * effect:+.1f} points of probability"
    )
    return f"{which} {'raises' if effect > 0 else 'lowers'} it ({size})"


# -- of all -------------------------------------------------------------------------------------------------------


def overall(model: Any, known: pd.DataFrame, later: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Return what a *model* fitted on *known* looks at in the people of *later*, as values that JSON can write.

    `unit` and `base` are those of `shapley.Explainer`, `typical` is what it wants to know. `features` has for each, the
    strongest first, the mean size of its effect (`value`, with the 95 % interval `low` to `high`), the `direction` in
    which higher values move the forecast (`raises`, `lowers`, `varies`; None for texts), and for the first `SHOWN`
    the `points` of some people: effect, and place of the value among all, from 0 to 1 (None for texts and gaps).
    A model that cannot be explained has no `features`, and `told` says why.
    """
    try:
        usual = shapley.typical(model, known)
        found = shapley.explainer(model, usual)
    except (InvalidInput, MissingExtra) as error:
        return {"unit": None, "base": None, "typical": {}, "features": [], "told": error.message}
    sample = later.sample(min(len(later), ASKED), random_state=seed)
    effects = found.effects(sample)
    order = np.argsort(-np.abs(effects).mean(axis=0), kind="stable")
    told = [_feature(sample[found.features[n]], effects[:, n], place < SHOWN) for place, n in enumerate(order)]
    return {"unit": found.unit, "base": found.base, "typical": usual, "features": told, "told": None}


def _feature(values: pd.Series[Any], effects: Numbers, shown: bool) -> dict[str, Any]:
    sizes = np.abs(effects)
    value, half = float(sizes.mean()), 1.96 * float(sizes.std() / np.sqrt(len(sizes)))
    numeric = frames.is_numeric(values)
    placed = np.asarray(values.rank(pct=True) if numeric else np.full(len(values), np.nan), np.float64)
    told = {"feature": str(values.name), "value": value, "low": max(0.0, value - half), "high": value + half}
    points = list(_points(effects[:POINTS], placed[:POINTS])) if shown else []
    return {**told, "direction": _direction(placed, effects), "points": points}


def _points(effects: Numbers, places: Numbers) -> Iterator[list[float | None]]:
    for effect, place in zip(effects.tolist(), places.tolist(), strict=True):
        yield [round(effect, DIGITS), None if np.isnan(place) else round(place, 3)]


def _direction(places: Numbers, effects: Numbers) -> str | None:
    """Return where higher values move the forecast; None where nothing has a value, or all have the same."""
    from scipy.stats import rankdata

    there = ~np.isnan(places)
    if not there.any() or np.ptp(places[there]) == 0:
        return None
    ranks = rankdata(effects[there])
    related = 0.0 if np.ptp(ranks) == 0 else float(np.corrcoef(places[there], ranks)[0, 1])
    return "raises" if related >= CLEAR else "lowers" if related <= -CLEAR else "varies"
