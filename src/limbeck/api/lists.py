"""Lists as AEP's services give them: filtered, in an order, page by page."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from limbeck.errors import InvalidInput
from limbeck.xdm.patterns import check, is_found

Item = dict[str, Any]

_CONDITION = re.compile(r"(?P<key>[^=!<>~]+)(?P<operator>==|!=|<=|>=|<|>|~)(?P<value>.*)", re.DOTALL)
_KEY = re.compile(r"[\w.:$@-]+")


def _matches(value: Any, pattern: Any) -> bool:
    return is_found(pattern, value)


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "~": _matches,
}


def filtered(items: Sequence[Item], conditions: Sequence[str] | None) -> list[Item]:
    """Return the items that fulfil conditions like `name==x`; of several `==` about one key, one of them.

    Operators are `==`, `!=`, `<`, `>`, `<=`, `>=` and `~`, which looks for a regular expression; a key alone asks
    whether it is there. Of a list, one entry has to be equal, none for `!=`. Raise `InvalidInput` for anything else.
    """
    wanted: dict[str, list[str]] = {}
    others: list[tuple[str, Callable[[Any, Any], bool], str]] = []
    there: list[str] = []
    for condition in conditions or []:
        found = _CONDITION.fullmatch(condition)
        if found is None and _KEY.fullmatch(condition):
            there.append(condition)
        elif found is None:
            raise InvalidInput(f"property is {condition!r}; it is a key and a value, as in name==x")
        elif found["operator"] == "==":
            wanted.setdefault(found["key"], []).append(_text(found["value"]))
        else:
            value = check(found["value"]) if found["operator"] == "~" else found["value"]
            others.append((found["key"], _OPERATORS[found["operator"]], value))
    kept = [i for i in items if all(_at(i, key) is not None for key in there)]
    kept = [i for i in kept if all(_is_one_of(_at(i, key), values) for key, values in wanted.items())]
    return [i for i in kept if all(_holds(_at(i, key), compare, value) for key, compare, value in others)]


def _is_one_of(value: Any, wanted: Sequence[str]) -> bool:
    return any(_text(v) in wanted for v in (value if isinstance(value, list) else [value]))


def ordered(items: Sequence[Item], order: str) -> list[Item]:
    """Return the items in the order of a key, backwards if a minus stands before it."""
    return sorted(items, key=lambda i: _rank(_at(i, order.lstrip("-+"))), reverse=order.startswith("-"))


def by_aep(sort: str) -> str:
    """Return the order that `updateTime:desc` means, as `ordered` takes it; ascending without a direction."""
    key, _, direction = sort.partition(":")
    if not _KEY.fullmatch(key) or direction.lower() not in ("", "asc", "desc"):
        raise InvalidInput(f"sort is {sort!r}; it is a key and a direction, as in updateTime:desc")
    return f"-{key}" if direction.lower() == "desc" else key


def page(
    name: str, items: Sequence[Item], path: str, *, limit: int, start: int, order: str, conditions: Sequence[str]
) -> dict[str, Any]:
    """Return one page of a list called *name*, in Query Service's form: without `_links.next` it is the last."""
    kept = ordered(filtered(items, conditions), order)
    shown = kept[start : start + limit]
    more = start + limit < len(kept)
    following = str(start + limit) if more else None
    links: dict[str, Any] = {}
    if more:
        again = [("orderby", order), ("limit", limit), ("start", following), *(("property", c) for c in conditions)]
        links["next"] = {"href": f"{path}?{urlencode(again)}"}
    told = {"orderby": order, "start": str(start), "next": following, "count": len(shown)}
    return {name: shown, "_page": told, "_links": links, "version": 1}


def _holds(value: Any, compare: Callable[[Any, Any], bool], wanted: str) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool) and compare is not _matches:
        try:
            return compare(value, float(wanted))
        except (ValueError, TypeError):
            return False
    if isinstance(value, list):
        each = [compare(_text(v), _text(wanted)) for v in value]
        return all(each) if compare is operator.ne else any(each)
    return value is not None and compare(_text(value), _text(wanted))


def _at(item: Any, key: str) -> Any:
    if isinstance(item, dict) and key in item:
        return item[key]
    for part in key.split("."):
        item = item.get(part) if isinstance(item, dict) else None
    return item


def _rank(value: Any) -> tuple[str, Any]:
    """Return what puts any two JSON values in an order."""
    return type(value).__name__, value if isinstance(value, str | int | float) else str(value)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) or str(value) in ("True", "False") else str(value)
