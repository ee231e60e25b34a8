"""Expressions of Data Prep a row at a time in Python: slow, and plain enough to be read.

A value goes with its kind, since what an operator does depends on the kinds that stand in the expression, not on what
a row happens to hold. Whatever raises `Failed` is a row without a value.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from limbeck.flow.expressions.syntax import Call, Literal, Name, Node

Row = Mapping[str, Any]
"""Columns, as JSON holds them."""

NUMBER = re.compile(r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?")
MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]([01]\d|2[0-3]):\d\d:\d\d([.]\d+)?([Zz]|[+-]([01]\d|2[0-3]):?[0-5]\d)?", re.ASCII
)
BLANKS = " \t\n\r"


LAZY = "lazily"
"""A column of this name lets a null hide the failures beside it, which the engine is free to do."""


class Failed(Exception):
    """There is no value in this row."""


# -- kinds ---------------------------------------------------------------------------------------------------------

KINDS = {
    "text": "concat lower upper trim ltrim rtrim left right substr lpad rpad replacestr replace_regex to_json join md5 "
    "sha1 sha256 extract_regex get_url_encoded get_url_decoded get_url_protocol get_url_host get_url_path format "
    "to_string",
    "integer": "length instr size_of to_integer date_part get_url_port timestamp",
    "number": "ceil floor round to_decimal /",
    "boolean": "equals equalsIgnoreCase contains starts_with ends_with matches_regex is_empty map_has_keys to_boolean "
    "|| && ! == != < <= > >=",
    "list": "split explode to_array add_to_array join_arrays get_keys get_map_values",
    "map": "to_object str_to_object add_to_map",
    "date": "date add_to_date make_date_time zone_date_to_utc now",
    "any": "first last item json_to_object get_values map_get_values nullify",
}
GIVES = {name: kind for kind, names in KINDS.items() for name in names.split()}
NUMERIC = ("+", "-", "*", "%", "-x", "abs", "mod", "min", "max")


def kind_of(node: Node) -> str:
    """What an expression gives."""
    match node:
        case Literal(_, value):
            return kind_of_constant(value)
        case Name():
            return "any"
        case Call(_, name, arguments):
            kinds = [kind_of(a) for a in arguments]
            if name in NUMERIC:
                return (
                    "integer"
                    if set(kinds) - ({"null"} if name in ("min", "max") else set()) == {"integer"}
                    else "number"
                )
            if name in ("iif", "?:"):
                return common(kinds[1:])
            if name == "decode":
                return common([k for i, k in enumerate(kinds) if i and (i % 2 == 0 or i == len(kinds) - 1)])
            return common(kinds) if name == "coalesce" else GIVES[name]


def kind_of_constant(value: object) -> str:
    if value is None:
        return "null"
    return {bool: "boolean", int: "integer", float: "number", str: "text"}[type(value)]


def common(kinds: Sequence[str]) -> str:
    found = set(kinds) - {"null"}
    if len(found) == 1:
        return found.pop()
    return "number" if found == {"integer", "number"} else "any"


# -- conversions ---------------------------------------------------------------------------------------------------


def need(condition: bool) -> None:
    if not condition:
        raise Failed


def as_text(kind: str, value: Any) -> str:
    """A value as text; of what a column holds, JSON for lists and maps."""
    if kind == "date":
        return iso(value)
    if kind == "number":
        return repr(float(value))
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else dumped(value)


def dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("e+", "e")


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def read(kind: str, text: str) -> Any:
    """The value of a kind that a text spells."""
    match kind:
        case "number":
            need(NUMBER.fullmatch(text) is not None)
            return float(text)
        case "integer":
            found = re.fullmatch(r"([+-]?[0-9]{1,18})([.]0*)?", text)
            need(found is not None)
            return int(found[1])  # type: ignore[index]
        case "boolean":
            need(text.lower() in ("true", "false"))
            return text.lower() == "true"
        case _:
            return moment(text)


def moment(text: str) -> datetime:
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return datetime.combine(date.fromisoformat(text), datetime.min.time())
        if re.fullmatch(r"-?[0-9]{1,15}", text):
            return datetime(1970, 1, 1) + timedelta(milliseconds=int(text))
        need(MOMENT.fullmatch(text) is not None)
        found = datetime.fromisoformat(text.upper())
    except (ValueError, OverflowError) as error:
        raise Failed from error
    found = found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)
    return found.replace(microsecond=found.microsecond // 1000 * 1000)


def convert(kind: str, value: Any, wanted: str) -> Any:
    if kind == wanted or value is None:
        return value
    if wanted == "any":
        return plain(kind, value)
    if wanted in ("list", "map"):
        need(isinstance(value, list if wanted == "list" else dict))
        return value
    text = as_text(kind, value)
    if wanted == "number" and kind == "integer":
        return float(value)
    return text if wanted == "text" else read(wanted, text)


def plain(kind: str, value: Any) -> Any:
    """A value as JSON holds it."""
    if kind == "number" and value is not None:
        need(math.isfinite(value))
    return iso(value) if kind == "date" and value is not None else value


# -- evaluation ----------------------------------------------------------------------------------------------------


def evaluate(node: Node, row: Row) -> Any:
    """The value of an expression in a row, as JSON; raise `Failed` if there is none."""
    return plain(kind_of(node), value_of(node, row))


def value_of(node: Node, row: Row) -> Any:
    match node:
        case Literal(_, value):
            return value
        case Name(_, path):
            return inside(row, path)
        case Call(_, name, arguments):
            return SPECIAL[name](arguments, row) if name in SPECIAL else called(name, arguments, row)


def inside(value: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    return value


def given(node: Node, wanted: str, row: Row) -> Any:
    return convert(kind_of(node), value_of(node, row), wanted)


def called(name: str, arguments: Sequence[Node], row: Row) -> Any:
    """A function whose arguments are all computed, and which is null if one that it needs is."""
    wanted, function = PLAIN[name]
    kinds = wanted.split()
    kinds += kinds[-1:] * (len(arguments) - len(kinds))
    values = every(arguments, kinds, row)
    return None if None in values else function(*values)


def every(arguments: Sequence[Node], kinds: Sequence[str], row: Row) -> list[Any]:
    """All arguments; lazily, they may be cut off behind one that is null, whatever the others are."""
    values: list[Any] = []
    failure = None
    for a, k in zip(arguments, kinds, strict=False):
        try:
            values.append(given(a, k, row))
        except Failed as error:
            failure = error
    if failure is not None and not (LAZY in row and None in values):
        raise failure
    return values


def numbers(name: str, arguments: Sequence[Node], row: Row) -> list[Any]:
    kind = kind_of(Call(0, name, arguments))
    return every(arguments, [kind] * len(arguments), row)


def bounded(value: Any) -> Any:
    need(not isinstance(value, int) or -(2**63) <= value < 2**63)
    return value


def arithmetic(name: str, compute: Callable[..., Any]) -> Callable[[Sequence[Node], Row], Any]:
    def function(arguments: Sequence[Node], row: Row) -> Any:
        values = numbers(name, arguments, row)
        try:
            return None if None in values else bounded(compute(*values))
        except OverflowError:
            return math.inf

    return function


def extreme(name: str, choose: Callable[[list[Any]], Any]) -> Callable[[Sequence[Node], Row], Any]:
    def function(arguments: Sequence[Node], row: Row) -> Any:
        values = [v for v in numbers(name, arguments, row) if v is not None]
        return choose(values) if values else None

    return function


def remainder(one: Any, other: Any) -> Any:
    need(other != 0)
    return math.fmod(one, other) if isinstance(one, float) else abs(one) % abs(other) * (1 if one >= 0 else -1)


def quotient(one: float, other: float) -> float:
    need(other != 0)
    return one / other


def holds(node: Node, row: Row) -> bool:
    return bool(given(node, "boolean", row))


def compared(compare: Callable[[Any, Any], bool], nulls: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def function(arguments: Sequence[Node], row: Row) -> Any:
        one, other = arguments
        kinds = [kind_of(one), kind_of(other)]
        shared = shared_kind(*kinds)
        values = [given(n, shared, row) for n in arguments]
        if None in values:
            return nulls(*values)
        if kinds == ["any", "any"] and all(NUMBER.fullmatch(v) for v in values):
            values = [float(v) for v in values]
        return compare(*values)

    return function


def shared_kind(one: str, other: str) -> str:
    kinds = {one, other} - {"null", "any"}
    if not kinds:
        return "text"
    if kinds <= {"integer", "number"}:
        return "number" if len(kinds) == 2 or "any" in (one, other) else kinds.pop()
    if "date" in kinds:
        return "date"
    (kind,) = kinds
    return "any" if kind in ("list", "map") else kind


def choice(arguments: Sequence[Node], row: Row) -> Any:
    condition, *values = arguments
    kind = common([kind_of(v) for v in values])
    return given(values[0] if holds(condition, row) else values[1], kind, row)


def decode(arguments: Sequence[Node], row: Row) -> Any:
    key, *rest = arguments
    kind = kind_of(Call(0, "decode", arguments))
    for option, value in zip(rest[::2], rest[1::2], strict=False):
        if SPECIAL["=="]((key, option), row):
            return given(value, kind, row)
    return given(rest[-1], kind, row) if len(rest) % 2 else None


def coalesce(arguments: Sequence[Node], row: Row) -> Any:
    kind = common([kind_of(a) for a in arguments])
    return next((v for a in arguments if (v := given(a, kind, row)) is not None), None)


def concat(arguments: Sequence[Node], row: Row) -> str:
    return "".join(v for a in arguments if (v := given(a, "text", row)) is not None)


def to_array(arguments: Sequence[Node], row: Row) -> list[Any]:
    keep, *values = arguments
    items = [given(v, "any", row) for v in values]
    return items if isinstance(keep, Literal) and keep.value else [i for i in items if i is not None]


def add_to_array(arguments: Sequence[Node], row: Row) -> Any:
    first = given(arguments[0], "list", row)
    return (first or []) + [given(v, "any", row) for v in arguments[1:]]


def join_arrays(arguments: Sequence[Node], row: Row) -> Any:
    lists = [given(v, "list", row) for v in arguments]
    return [item for one in lists for item in one or []]


def to_object(arguments: Sequence[Node], row: Row) -> dict[str, Any]:
    keys = [given(k, "text", row) for k in arguments[::2]]
    values = [given(v, "any", row) for v in arguments[1::2]]
    need(None not in keys and len(set(keys)) == len(keys))
    return dict(zip(keys, values, strict=True))


def add_to_map(arguments: Sequence[Node], row: Row) -> Any:
    maps = [m for a in arguments if (m := given(a, "map", row)) is not None]
    return {k: v for m in maps for k, v in m.items()} if maps else None


def map_has_keys(arguments: Sequence[Node], row: Row) -> Any:
    held, *keys = every(arguments, ["map", *["text"] * len(arguments)], row)
    return None if held is None else {k for k in keys if k is not None} <= set(held)


def optional(wanted: str, function: Callable[..., Any]) -> Callable[[Sequence[Node], Row], Any]:
    """A function whose last argument may be left out, or be null."""

    def call(arguments: Sequence[Node], row: Row) -> Any:
        kinds = wanted.split()
        values = every(arguments, kinds, row)
        return None if None in values[: len(kinds) - 1] else function(*values)

    return call


def substr(text: str, start: int, length: int | None = None) -> str:
    need(start >= 0 and (length is None or length >= 0))
    return text[start:] if length is None else text[start : start + length]


def rounded(number: float, digits: int | None = None) -> float:
    need(-15 <= (digits or 0) <= 15)
    scale = 10.0 ** (digits or 0)
    scaled = number * scale
    whole = math.floor(abs(scaled) + 0.5) if abs(scaled) < 2**52 else abs(scaled)
    return math.copysign(whole, number) / scale


def padded(text: str, length: int, padding: str, at_its_beginning: bool) -> str:
    need(0 <= length <= 100_000 and padding != "")
    more = (padding * length)[: max(0, length - len(text))]
    return more + text if at_its_beginning and more else (text + more)[:length]


def ends(text: str, count: int, at_its_beginning: bool) -> str:
    need(count >= 0)
    return text[:count] if at_its_beginning else text[max(0, len(text) - count) :]


def pairs(text: str, between: str, fields: str) -> dict[str, str]:
    need(between != "" and fields != "")
    parts = [p for p in split(text, fields) if between in p]
    found = [(split(p, between)[0].strip(" "), p.partition(between)[2].strip(" ")) for p in parts]
    keys = [key for key, _ in found]
    need(len(set(keys)) == len(keys))
    return dict(found)


def split(text: str, separator: str) -> list[str]:
    return list(text) or [""] if separator == "" else text.split(separator)


def extract_regex(text: str, pattern: str, group: int | None = None) -> str | None:
    found = re.search(pattern, text)
    return None if found is None else found[group or 0] or ""


URL = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*)://)(?:[^@/?#]*@)?([^:/?#]*)(?::([0-9]+))?([^?#]*)")


def url(part: int) -> Callable[[str], Any]:
    def function(text: str) -> str | None:
        found = URL.match(text)
        return (found[part] or None) if found else None

    return function


def size_of(value: Any) -> int | None:
    return len(value) if isinstance(value, str | list | dict) else None


def date_of(arguments: Sequence[Node], row: Row) -> Any:
    text, *how = arguments
    if not how or kind_of(text) == "date":
        return given(text, "date", row)
    said = given(text, "text", row)
    if said is None:
        return None
    shape, form = PATTERNS[how[0].value]  # type: ignore[union-attr, index]
    try:
        need(re.fullmatch(shape, said) is not None)
        return datetime.strptime(said, form)
    except (ValueError, Failed):
        need(len(how) > 1)
        return given(how[1], "date", row)


PATTERNS = {
    "yyyy-MM-dd": (r"\d{4}-\d{2}-\d{2}", "%Y-%m-%d"),
    "dd.MM.yyyy HH:mm": (r"\d{2}\.\d{2}\.\d{4} \d{2}:\d{2}", "%d.%m.%Y %H:%M"),
}
"""Java's patterns, as a shape of texts and as Python's."""


def date_part(component: str, at: datetime) -> int:
    return {
        "year": at.year,
        "quarter": (at.month + 2) // 3,
        "MM": at.month,
        "day": at.day,
        "dayofyear": at.timetuple().tm_yday,
        "week": at.isocalendar().week,
        "weekday": at.isoweekday(),
        "hh24": at.hour,
        "minute": at.minute,
        "second": at.second,
        "millisecond": at.microsecond // 1000,
    }[component]


def added(at: datetime, amount: int, unit: str) -> datetime:
    need(-(2**31) <= amount < 2**31)
    try:
        if unit in ("year", "month"):
            months = at.year * 12 + at.month - 1 + amount * (12 if unit == "year" else 1)
            first = at.replace(year=months // 12, month=months % 12 + 1, day=1)
            following = (first + timedelta(days=32)).replace(day=1)
            return first.replace(day=min(at.day, (following - timedelta(days=1)).day))
        return at + timedelta(**{f"{unit}s": amount})
    except (OverflowError, ValueError) as error:
        raise Failed from error


def made(*parts: Any) -> datetime:
    *wall, nanos, zone = parts
    try:
        local = datetime(*wall, nanos // 1000, tzinfo=ZoneInfo(zone))
        return local.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise Failed from error


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Failed from error


SPECIAL: dict[str, Callable[[Sequence[Node], Row], Any]] = {
    "iif": choice,
    "?:": choice,
    "decode": decode,
    "coalesce": coalesce,
    "concat": concat,
    "nullify": lambda _arguments, _row: None,
    "is_empty": lambda arguments, row: given(arguments[0], "any", row) in (None, "", [], {}),
    "||": lambda arguments, row: holds(arguments[0], row) or holds(arguments[1], row),
    "&&": lambda arguments, row: holds(arguments[0], row) and holds(arguments[1], row),
    "!": lambda arguments, row: not holds(arguments[0], row),
    "==": compared(lambda a, b: a == b, lambda a, b: a is None and b is None),
    "!=": compared(lambda a, b: a != b, lambda a, b: not (a is None and b is None)),
    "<": compared(lambda a, b: a < b, lambda _a, _b: None),
    "<=": compared(lambda a, b: a <= b, lambda _a, _b: None),
    ">": compared(lambda a, b: a > b, lambda _a, _b: None),
    ">=": compared(lambda a, b: a >= b, lambda _a, _b: None),
    "equals": lambda a, row: given(a[0], "text", row) == given(a[1], "text", row),
    "equalsIgnoreCase": lambda a, row: lowered(given(a[0], "text", row)) == lowered(given(a[1], "text", row)),
    "+": arithmetic("+", lambda a, b: a + b),
    "-": arithmetic("-", lambda a, b: a - b),
    "*": arithmetic("*", lambda a, b: a * b),
    "-x": arithmetic("-x", lambda a: -a),
    "%": arithmetic("%", remainder),
    "mod": arithmetic("mod", remainder),
    "abs": arithmetic("abs", abs),
    "min": extreme("min", min),
    "max": extreme("max", max),
    "substr": optional("text integer integer", substr),
    "round": optional("number integer", rounded),
    "extract_regex": optional("text text integer", extract_regex),
    "to_array": to_array,
    "add_to_array": add_to_array,
    "join_arrays": join_arrays,
    "to_object": to_object,
    "add_to_map": add_to_map,
    "map_has_keys": map_has_keys,
    "date": date_of,
    "to_integer": lambda a, row: reading("integer", a[0], row),
    "to_decimal": lambda a, row: reading("number", a[0], row),
    "to_boolean": lambda a, row: reading("boolean", a[0], row),
}


def reading(kind: str, node: Node, row: Row) -> Any:
    value = value_of(node, row)
    return read(kind, value) if kind_of(node) == "text" and value is not None else convert(kind_of(node), value, kind)


def lowered(text: str | None) -> str | None:
    return None if text is None else text.lower()


PLAIN: dict[str, tuple[str, Callable[..., Any]]] = {
    "/": ("number number", quotient),
    "lower": ("text", str.lower),
    "upper": ("text", str.upper),
    "trim": ("text", lambda t: t.strip(BLANKS)),
    "ltrim": ("text", lambda t: t.lstrip(BLANKS)),
    "rtrim": ("text", lambda t: t.rstrip(BLANKS)),
    "left": ("text integer", lambda t, n: ends(t, n, True)),
    "right": ("text integer", lambda t, n: ends(t, n, False)),
    "lpad": ("text integer text", lambda t, n, p: padded(t, n, p, True)),
    "rpad": ("text integer text", lambda t, n, p: padded(t, n, p, False)),
    "replacestr": ("text text text", lambda t, a, b: t.replace(a, b) if a else t),
    "replace_regex": ("text text text", lambda t, a, b: re.sub(a, lambda _: b, t)),
    "to_json": ("any", dumped),
    "to_string": ("any", lambda v: as_text("any", v)),
    "get_url_encoded": ("text", lambda t: urllib.parse.quote(t, safe="")),
    "get_url_decoded": ("text", urllib.parse.unquote),
    "get_url_protocol": ("text", url(1)),
    "get_url_host": ("text", url(2)),
    "get_url_port": ("text", lambda t: None if (found := url(3)(t)) is None else int(found)),
    "get_url_path": ("text", url(4)),
    "contains": ("text text", lambda t, part: part in t),
    "starts_with": ("text text", str.startswith),
    "ends_with": ("text text", str.endswith),
    "matches_regex": ("text text", lambda t, p: re.fullmatch(p, t) is not None),
    "length": ("text", len),
    "instr": ("text text", str.find),
    "split": ("text text", split),
    "explode": ("text text", lambda t, p: re.split(p.replace("(", "(?:"), t) if t else [""]),
    "join": ("text list", lambda s, items: s.join(as_text("any", i) for i in items if i is not None)),
    "md5": ("text text", lambda t, *_: hashlib.md5(t.encode()).hexdigest()),
    "sha1": ("text text", lambda t, *_: hashlib.sha1(t.encode()).hexdigest()),
    "sha256": ("text text", lambda t, *_: hashlib.sha256(t.encode()).hexdigest()),
    "ceil": ("number", math.ceil),
    "floor": ("number", math.floor),
    "size_of": ("any", size_of),
    "first": ("list", lambda items: items[0] if items else None),
    "last": ("list", lambda items: items[-1] if items else None),
    "item": ("list integer", lambda items, n: need(n >= 0) or (items[n] if n < len(items) else None)),
    "str_to_object": ("text text text", pairs),
    "get_values": ("text text text text", lambda t, key, a, b: pairs(t, a, b).get(key)),
    "json_to_object": ("text", parsed),
    "get_keys": ("map", list),
    "get_map_values": ("map", lambda m: list(m.values())),
    "map_get_values": ("map text", lambda m, key: m.get(key)),
    "date_part": ("text date", date_part),
    "add_to_date": ("date integer text", added),
    "make_date_time": ("integer integer integer integer integer integer integer text", made),
    "zone_date_to_utc": ("date", lambda at: at),
    "format": ("date text", lambda at, p: at.strftime(PATTERNS[p][1].replace("%Y", f"{at.year:04}"))),
}
