"""JSON Patch (RFC 6902) as AEP's clients use it: add, replace and remove."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from limbeck.errors import InvalidInput


def apply(document: Mapping[str, Any], operations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return *document* after *operations*; neither is changed.

    Operation names ignore case. Raise `InvalidInput`, naming the operation's index and pointer, for an
    operation that is not add, replace or remove and for a pointer that leads nowhere.
    """
    out = copy.deepcopy(dict(document))
    for index, operation in enumerate(operations):
        try:
            _apply_one(out, operation)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            raise InvalidInput(f"patch operation {index} cannot be applied: {_described(operation)}") from error
    return out


def _described(operation: object) -> str:
    if not isinstance(operation, Mapping):
        return f"{operation!r} is not an object"
    name, pointer = operation.get("op"), operation.get("path")
    if str(name).lower() not in ("add", "replace", "remove"):
        return f'"op" is {name!r}; known are add, replace and remove'
    return f'"{name}" at {pointer!r}, where there is no such place, or "value" is missing'


def _apply_one(document: dict[str, Any], operation: Mapping[str, Any]) -> None:
    *way, last = _parts(operation["path"])
    target: Any = document
    for part in way:
        target = target[part if isinstance(target, dict) else _index(part)]
    match operation["op"].lower():
        case "add":
            _add(target, last, copy.deepcopy(operation["value"]))
        case "replace":
            key = _existing(target, last)
            target[key] = copy.deepcopy(operation["value"])
        case "remove":
            del target[_existing(target, last)]
        case unknown:
            raise ValueError(unknown)


def _parts(pointer: str) -> list[str]:
    """Split `/a/b~1c` into its unescaped parts."""
    if not pointer.startswith("/"):
        raise ValueError(pointer)
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]


def _index(part: str) -> int:
    if not part.isdecimal():
        raise ValueError(part)
    return int(part)


def _add(target: Any, last: str, value: Any) -> None:
    if isinstance(target, dict):
        target[last] = value
    elif last == "-":
        target.append(value)
    else:
        position = _index(last)
        if position > len(target):
            raise IndexError(position)
        target.insert(position, value)


def _existing(target: Any, last: str) -> str | int:
    key = last if isinstance(target, dict) else _index(last)
    target[key]  # raises if there is no such place
    return key
