"""Records that fit a schema (REST contract, section 4.2). Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

from limbeck.registry.described import NoText, described
from limbeck.xdm.patterns import is_found
from limbeck.xdm.types import INTEGER_BOUNDS, Array, Field, Map, Object, Scalar, Type

LONGEST = 2_000
"""Characters of a text in a sample."""

_FIRST, _LAST = 1_500_000_000, 1_700_000_000
"""Seconds since 1970 between which things happened: events lie in the past."""

_FORMATS = {
    "email": ("jane.doe@example.com", "a@b"),
    "uri": ("https://example.com/page", "a:b"),
    "uri-reference": ("/page", "/"),
    "ipv4": ("192.0.2.1",),
    "ipv6": ("2001:db8::1", "::1"),
    "hostname": ("example.com", "a"),
    "time": ("12:30:00Z",),
    "uuid": ("6e6f7420-6120-4c65-8e74-6f6e2d69642e",),
}
_STRETCH = {"email", "uri", "uri-reference"}
"""Those whose first text may have more letters before it."""


def sample(fields: Object, seed: str) -> dict[str, Any] | None:
    """Return a record as JSON that has the fields of a schema and fits it; the same *seed* gives the same one.

    An optional field that no value was found for is left out; None if a required one is such.
    """
    record = {}
    for field in fields.fields:
        value = _value(field.type, field, Random(f"{seed}/{field.name}"))
        if value not in (None, {}, []):
            record[field.name] = value
        elif field.required and value is None:
            return None
        elif field.required:
            record[field.name] = value
    return record


def _value(t: Type, field: Field, chance: Random) -> Any:
    match t:
        case Object():
            return sample(t, str(chance.random()))
        case Array(items):
            values = [_value(items, field, chance) for _ in range(chance.randint(1, 2))]
            return [value for value in values if value is not None]
        case Map(values):
            value = _value(values, field, chance)
            return {} if value is None else {"key": value}
        case _:
            return _scalar(t, field, chance)


def _scalar(t: Scalar, field: Field, chance: Random) -> Any:
    match t.name:
        case "boolean":
            return chance.random() < 0.5
        case "number":
            return _number(t, chance)
        case "byte" | "short" | "int" | "long":
            return _integer(t, chance)
        case "string":
            return next((text for text in _texts(t, field, chance) if _fits(text, t)), None)
    moment = datetime.fromtimestamp(chance.randrange(_FIRST, _LAST), UTC)
    return moment.date().isoformat() if t.name == "date" else moment.isoformat().replace("+00:00", "Z")


def _integer(t: Scalar, chance: Random) -> int | None:
    least, most = INTEGER_BOUNDS[t.name]
    least = least if t.minimum is None else max(least, math.ceil(t.minimum))
    most = most if t.maximum is None else min(most, math.floor(t.maximum))
    low = max(least, min(0, most))
    return None if least > most else chance.randint(low, min(most, low + 100))


def _number(t: Scalar, chance: Random) -> float | None:
    low = min(0, t.maximum or 0) if t.minimum is None else t.minimum
    high = max(low, 1000) if t.maximum is None else t.maximum
    if low > high:
        return None
    value = low + chance.random() * min(high - low, 1000)
    rounded = round(value, 2)
    return rounded if low <= rounded <= high else min(max(value, low), high)


def _fits(text: str, t: Scalar) -> bool:
    most = LONGEST if t.max_length is None else t.max_length
    return (
        (t.min_length or 0) <= len(text) <= most
        and (t.enum is None or text in t.enum)
        and (t.pattern is None or is_found(t.pattern, text))
        and (t.format != "email" or text.count("@") == 1)
    )


def _texts(t: Scalar, field: Field, chance: Random) -> Iterator[str]:
    """Yield texts, likely ones first, of which one may fit."""
    if t.enum is not None:
        yield from chance.sample(t.enum, len(t.enum))
        return
    least = min(t.min_length or 0, LONGEST)
    forms = _FORMATS.get(t.format or "", ())
    yield from (form.rjust(least if t.format in _STRETCH else 0, "j") for form in forms)
    if t.pattern is not None:
        yield from _described(t.pattern, least, chance)
    if not forms:
        text = f"{field.name.strip('_') or 'text'} {chance.randrange(1000)}".ljust(least, "x")
        yield text if t.max_length is None else text[: t.max_length]


def _described(pattern: str, least: int, chance: Random) -> Iterator[str]:
    for spare in (8, 8, 8, 8, 0, 1, 2, 3, *(least + n for n in range(0, 32, 2)), 2 * least + 32):
        try:
            text = described(pattern, chance, spare)
        except NoText:
            return
        yield text
        yield text.ljust(least, "x")
        yield text.rjust(least, "x")
