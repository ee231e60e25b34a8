"""JSON and XML in texts (SQL contract, section 4.2)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError

from limbeck.errors import DatatypeMismatch, FeatureNotSupported
from limbeck.query.dialect import position
from limbeck.query.functions.formats import writing
from limbeck.query.functions.model import Function, one, same, template
from limbeck.query.types import BOOLEAN, INT, LONG, NUMBER, STRING, TIMESTAMP, engine_type, of_cast, type_of
from limbeck.xdm.types import Array, Field, Map, Object, Scalar, Type

_JAVA_TIME = "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"


def _to_json(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """Fields that are NULL are left out; moments are in ISO form unless the options say otherwise."""
    options = _options(arguments[1]) if len(arguments) == 2 else {}
    pattern = exp.Literal.string(options.get("timestampFormat", _JAVA_TIME))
    value = _spelled(arguments[0], type_of(arguments[0]), pattern)
    return template(f"CAST({_json_of(type_of(arguments[0]))} AS VARCHAR)", value)


def _json_of(kind: Type | None) -> str:
    return "to_json({0})" if isinstance(kind, Map) else "json_strip_nulls(to_json({0}))"


def _spelled(value: exp.Expr, kind: Type | None, pattern: exp.Expr) -> exp.Expr:
    """Return *value* with every moment in it as a text."""
    if not _has_moments(kind):
        return value
    match kind:
        case Object(fields):
            parts = [
                template(
                    "{0} := {1}",
                    exp.to_identifier(f.name, quoted=True),
                    _spelled(_field(value, f.name), f.type, pattern),
                )
                for f in fields
            ]
            return template("CASE WHEN {0} IS NOT NULL THEN {1} END", value, template("struct_pack({*})", *parts))
        case Array(items):
            item = _spelled(template("_json"), items, pattern)
            return template("list_transform({0}, LAMBDA _json : {1})", value, item)
        case Map(values):
            entry = _spelled(template("_json.value"), values, pattern)
            packed = "struct_pack(key := _json.key, value := {1})"
            text = f"map_from_entries(list_transform(map_entries({{0}}), LAMBDA _json : {packed}))"
            return template(text, value, entry)
        case _:
            return writing(value, pattern)


def _has_moments(kind: Type | None) -> bool:
    match kind:
        case Object(fields):
            return any(_has_moments(f.type) for f in fields)
        case Array(inner) | Map(inner):
            return _has_moments(inner)
        case _:
            return kind == TIMESTAMP


def _field(value: exp.Expr, name: str) -> exp.Expr:
    return template("struct_extract({0}, {1})", value, exp.Literal.string(name))


def _options(node: exp.Expr) -> dict[str, str]:
    """Return the texts of a `map('key', 'value', …)`; it has to be written as such in the statement."""
    texts = [e.name for e in node.find_all(exp.Literal) if e.is_string]
    if len(texts) % 2:
        raise FeatureNotSupported("options are written as map('key', 'value')", position=position(node))
    return dict(zip(texts[::2], texts[1::2], strict=True))


def _get(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """A path of names and positions; `[*]` gives a list unless there is just one."""
    text, path = arguments
    if not isinstance(path, exp.Literal):
        return template(_GET, text, path)
    if not re.fullmatch(_PATH, path.name):
        return template("CASE WHEN {0} = '' THEN {0} END", text)
    known = exp.Literal.string(re.sub(r"\['([^']*)'\]", r'."\1"', path.name))
    return template(_GET_ALL if "*" in path.name else _GET, text, known)


def _from_json(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """What cannot be read is NULL, field by field."""
    wished = _schema(arguments[1])
    options = _options(arguments[2]) if len(arguments) == 3 else {}
    if "timestampFormat" in options:
        raise FeatureNotSupported(
            "from_json reads moments in ISO form; read them as STRING and use to_timestamp",
            position=position(arguments[2]),
        )
    shape = exp.Literal.string(json.dumps(_shape(wished)))
    broken = "json_transform('{{}}', {1})" if isinstance(wished, Object) else "NULL"
    return template(
        f"CASE WHEN json_valid({{0}}) THEN CAST(json_transform({{0}}, {{1}}) AS {_braced(wished)}) "
        f"WHEN {{0}} IS NOT NULL THEN {broken} END",
        arguments[0],
        shape,
    )


def _braced(kind: Type) -> str:
    return engine_type(kind).replace("{", "{{").replace("}", "}}")


def _from_json_type(arguments: Sequence[exp.Expr]) -> Type | None:
    return _schema(arguments[1])


def _schema(node: exp.Expr) -> Type:
    """Return the type that a text names: `a INT, b DOUBLE`, or a type's own name."""
    for spelled in (node.name, f"STRUCT<{node.name}>") if isinstance(node, exp.Literal) else ():
        try:
            found = of_cast(exp.DataType.build(spelled, dialect="spark"))
        except SqlglotError:
            continue
        if found is not None:
            return found
    raise DatatypeMismatch("from_json takes a schema such as 'a INT, b STRING'", position=position(node))


def _shape(kind: Type) -> Any:
    """Return a type as `json_transform` is told it."""
    match kind:
        case Object(fields):
            return {f.name: _shape(f.type) for f in fields}
        case Array(items):
            return [_shape(items)]
        case _:
            return engine_type(kind)


def _schema_of(arguments: Sequence[exp.Expr]) -> exp.Expr:
    node = arguments[0]
    if not (isinstance(node, exp.Literal) and node.is_string):
        raise FeatureNotSupported("schema_of_json takes a text in quotes", position=position(node))
    try:
        value = json.loads(node.name)
    except ValueError as error:
        raise DatatypeMismatch(f"this is no JSON: {error}", position=position(node)) from error
    return exp.Literal.string(_spark(_type_of_json(value)))


def _type_of_json(value: Any) -> Type | None:
    match value:
        case None:
            return None
        case bool():
            return BOOLEAN
        case int():
            return LONG
        case float():
            return NUMBER
        case str():
            return STRING
        case list():
            return Array(_merged([_type_of_json(v) for v in value]) or STRING)
        case _:
            return _object({name: _type_of_json(v) for name, v in value.items()})


def _object(fields: dict[str, Type | None]) -> Object:
    return Object(tuple(Field(name, kind or STRING) for name, kind in sorted(fields.items())))


def _merged(types: list[Type | None]) -> Type | None:
    known = [t for t in types if t is not None]
    if known and all(isinstance(t, Object) for t in known):
        names = sorted({f.name for t in known if isinstance(t, Object) for f in t.fields})
        return _object({n: _merged([_of(t, n) for t in known]) for n in names})
    if not known or all(t == known[0] for t in known):
        return known[0] if known else None
    return NUMBER if all(t in (LONG, NUMBER) for t in known) else STRING


def _of(kind: Type, name: str) -> Type | None:
    found = kind.get(name) if isinstance(kind, Object) else None
    return found.type if found else None


def _spark(kind: Type | None) -> str:
    match kind:
        case Object(fields):
            return f"STRUCT<{', '.join(f'{f.name}: {_spark(f.type)}' for f in fields)}>"
        case Array(items):
            return f"ARRAY<{_spark(items)}>"
        case Scalar(name):
            return {"long": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN"}.get(name, "STRING")
        case _:
            return "STRING"


_PATH = r"\$(?:\.[^.\[\]'\"*]+|\[\d+\]|\[\*\]|\['[^']*'\])*"
_GET = "CASE WHEN json_valid({0}) THEN json_extract_string({0}, {1}) END"
_GET_ALL = (
    "CASE WHEN json_valid({0}) THEN list_transform([json_extract({0}, {1})], LAMBDA _j : "
    "CASE len(_j) WHEN 0 THEN NULL WHEN 1 THEN CAST(_j[1] AS VARCHAR) ELSE CAST(to_json(_j) AS VARCHAR) END)[1] END"
)
_KIND = "CASE WHEN json_valid({0}) AND json_type({0}) = '%s' THEN %s END"

JSON = {
    "to_json": Function({1: "", 2: ""}, STRING, build=_to_json),
    "from_json": Function({2: "", 3: ""}, None, wants="s-", build=_from_json, typing=_from_json_type),
    "get_json_object": Function({2: ""}, STRING, wants="s", build=_get),
    "schema_of_json": Function({1: ""}, STRING, build=_schema_of),
    "json_array_length": one(_KIND % ("ARRAY", "CAST(json_array_length({0}) AS INTEGER)"), INT, "s"),
    "json_object_keys": one(_KIND % ("OBJECT", "json_keys({0})"), Array(STRING), "s"),
}

_XPATHS: dict[str, Type] = {
    "xpath": Array(STRING),
    "xpath_string": STRING,
    "xpath_boolean": BOOLEAN,
    "xpath_double": NUMBER,
    "xpath_float": NUMBER,
    "xpath_long": LONG,
    "xpath_int": INT,
    "xpath_short": Scalar("short"),
}

XML = {
    **{name: same(f"spark_{name}", kind, 2, wants="s") for name, kind in _XPATHS.items()},
    "xpath_number": same("spark_xpath_double", NUMBER, 2, wants="s"),
}

FUNCTIONS = {**JSON, **XML}
