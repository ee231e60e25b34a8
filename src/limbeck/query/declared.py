"""Columns and types as CREATE TABLE, CREATE FIELDGROUP and ALTER TABLE declare them (SQL contract, 2.2 to 2.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from limbeck.errors import FeatureNotSupported, SqlSyntaxError, nearest
from limbeck.query.words import Words
from limbeck.xdm.types import Array, Field, Map, Object, Scalar, ScalarName, Type

Role = Literal["primary key", "primary identity", "identity"]

_SCALARS: dict[str, ScalarName] = {
    **dict.fromkeys(("BOOLEAN", "BOOL"), "boolean"),
    **dict.fromkeys(("STRING", "TEXT", "VARCHAR", "CHAR", "CHARACTER", "BPCHAR", "UUID"), "string"),
    **dict.fromkeys(("TINYINT", "INT1", "BYTE"), "byte"),
    **dict.fromkeys(("SMALLINT", "INT2", "SHORT"), "short"),
    **dict.fromkeys(("INT", "INTEGER", "INT4"), "int"),
    **dict.fromkeys(("BIGINT", "INT8", "LONG"), "long"),
    **dict.fromkeys(("DOUBLE", "FLOAT", "FLOAT4", "FLOAT8", "REAL", "NUMBER", "DECIMAL", "NUMERIC"), "number"),
    "DATE": "date",
    **dict.fromkeys(("DATETIME", "TIMESTAMP"), "date-time"),
}
_SECOND_WORDS = {"DOUBLE": ("PRECISION",), "CHARACTER": ("VARYING",), "TIMESTAMP": ("WITHOUT", "TIME", "ZONE")}

_RESERVED = frozenset(
    [
        "ALL",
        "AND",
        "ANTI",
        "ANY",
        "AS",
        "BETWEEN",
        "BY",
        "CASE",
        "CAST",
        "CREATE",
        "CROSS",
        "DISTINCT",
        "DROP",
        "ELSE",
        "END",
        "EXCEPT",
        "EXISTS",
        "FALSE",
        "FOR",
        "FROM",
        "FULL",
        "GROUP",
        "HAVING",
        "IN",
        "INNER",
        "INSERT",
        "INTERSECT",
        "INTO",
        "IS",
        "JOIN",
        "LATERAL",
        "LEFT",
        "LIKE",
        "LIMIT",
        "MINUS",
        "NATURAL",
        "NOT",
        "NULL",
        "OFFSET",
        "ON",
        "OR",
        "ORDER",
        "OUTER",
        "RIGHT",
        "SELECT",
        "SEMI",
        "TABLE",
        "THEN",
        "TRUE",
        "UNION",
        "USING",
        "VALUES",
        "WHEN",
        "WHERE",
        "WITH",
    ]
)
"""Words that are column names in quotes only."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A column with its type, and what it is to its table."""

    name: str
    type: Type
    role: Role | None = None
    namespace: str = ""


def shape(columns: tuple[Declared, ...]) -> Object:
    """Return the type of rows with these columns."""
    return Object(tuple(Field(column.name, column.type) for column in columns))


def listed(words: Words) -> tuple[Declared, ...]:
    """Take columns in parentheses."""
    words.expect("(")
    found = [column(words)]
    while words.take(","):
        found.append(column(words))
    words.expect(")")
    return tuple(found)


def column(words: Words) -> Declared:
    """Take a column: `name type [PRIMARY KEY | PRIMARY IDENTITY | IDENTITY] [NAMESPACE 'ns']`."""
    if words.peek() in _RESERVED:
        token = words.next()
        raise SqlSyntaxError(
            f'"{token.text}" is a reserved word', position=token.start + 1, hint=f'write it in quotes: "{token.text}"'
        )
    name, kind = words.spelled(), column_type(words)
    role = _role(words)
    return Declared(name, kind, role, namespace(words) if role else "")


def namespace(words: Words) -> str:
    """Take `NAMESPACE 'ns'`, or nothing."""
    if not words.take("NAMESPACE"):
        return ""
    return words.string() if words.peek().startswith(("'", "E'")) else words.spelled()


def column_type(words: Words) -> Type:
    """Take a type; raise `SqlSyntaxError` for one that there is not."""
    found = _plain(words)
    while words.take("[", "]"):
        found = Array(found)
    return found


def _role(words: Words) -> Role | None:
    if words.take("PRIMARY", "KEY"):
        return "primary key"
    if words.take("PRIMARY", "IDENTITY"):
        return "primary identity"
    return "identity" if words.take("IDENTITY") else None


def _plain(words: Words) -> Type:
    token = words.next()
    match token.word:
        case "ARRAY":
            words.expect("<")
            items = column_type(words)
            words.expect(">")
            return Array(items)
        case "MAP":
            return _map(words)
        case "STRUCT" | "ROW":
            return _struct(words, ">" if words.take("<") else ")")
        case name if name in _SCALARS:
            words.take(*_SECOND_WORDS.get(name, ("",)))
            if words.take("("):
                _sizes(words)
            return Scalar(_SCALARS[name])
    if token.kind not in ("word", "name"):
        raise words.unexpected(token)
    hint = nearest(token.word, [*_SCALARS, "ARRAY", "MAP", "STRUCT", "ROW"]) or None
    raise SqlSyntaxError(f'there is no type "{token.text}"', position=token.start + 1, hint=hint)


def _map(words: Words) -> Map:
    words.expect("<")
    key = column_type(words)
    if key != Scalar("string"):
        raise FeatureNotSupported("a map has strings as keys: map<string, …>")
    words.expect(",")
    values = column_type(words)
    words.expect(">")
    return Map(values)


def _struct(words: Words, end: str) -> Object:
    if end == ")":
        words.expect("(")
    fields: list[Field] = []
    while True:
        name = words.spelled()
        words.take(":")
        fields.append(Field(name, column_type(words)))
        if not words.take(","):
            words.expect(end)
            return Object(tuple(fields))


def _sizes(words: Words) -> None:
    while words.number() is not None and words.take(","):
        pass
    words.expect(")")
