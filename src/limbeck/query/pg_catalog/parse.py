"""PostgreSQL's own SQL, as queries to the catalogue are written in it, and the names that its columns get."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.parsers.postgres import PostgresParser
from sqlglot.tokenizer_core import TokenType


class _Parser(PostgresParser):
    """Calls of functions stay as they were written."""

    FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {}
    FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., Any]]] = {
        name: PostgresParser.FUNCTION_PARSERS[name] for name in ("CAST", "EXTRACT", "TRIM", "SUBSTRING", "POSITION")
    }
    NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., Any]]] = {
        name: PostgresParser.NO_PAREN_FUNCTION_PARSERS[name] for name in ("CASE", "ANY")
    }
    NO_PAREN_FUNCTIONS: ClassVar[dict[TokenType, type[exp.Func]]] = {}


class _Dialect(Postgres):
    """With `standard_conforming_strings` off, as the wire tells clients: a backslash in `'…'` is an escape."""

    class Tokenizer(Postgres.Tokenizer):
        QUOTES: ClassVar[list[str | tuple[str, str]]] = ["'", ("E'", "'"), ("e'", "'"), "$$"]
        BYTE_STRINGS: ClassVar[list[str | tuple[str, str]]] = []
        STRING_ESCAPES: ClassVar[list[str]] = ["'", "\\"]
        KEYWORDS: ClassVar[dict[str, TokenType]] = {  # `oid` and its like are read like any other type: `oid[]` is one
            word: kind for word, kind in Postgres.Tokenizer.KEYWORDS.items() if kind != TokenType.OBJECT_IDENTIFIER
        }

    Parser = _Parser


def parse(sql: str) -> exp.Expr | None:
    """Return the tree of one statement of PostgreSQL, or None if it is none."""
    try:
        trees = _Dialect().parse(sql, error_level=ErrorLevel.IMMEDIATE)
    except (SqlglotError, RecursionError):
        return None
    return trees[0] if len(trees) == 1 else None


def type_name(target: exp.Expr) -> str:
    """Return the name of a type in lower case, without the catalogue's schema, quotes and length.

    >>> type_name(exp.DataType.build("pg_catalog.oid", dialect="postgres", udt=True))
    'oid'
    """
    text = target.sql(dialect=Postgres).lower().replace('"', "")
    text = text.removeprefix("pg_catalog.").removeprefix("information_schema.")
    base, bracket, _ = text.partition("[")
    return base.partition("(")[0].strip() + ("[]" if bracket else "")


def label(node: exp.Expr) -> str:
    """Return the name that PostgreSQL gives a column without one."""
    return _name(node) or _weak_name(node) or "?column?"


def _name(node: exp.Expr | None) -> str:
    """The name that an expression brings along: a column's, a function's."""
    match node:
        case exp.Alias():
            return node.alias
        case exp.Column():
            return _name(node.this) if isinstance(node.this, exp.Func) else node.name
        case exp.Dot():
            return _name(node.expression)
        case exp.Identifier():
            return node.name
        case exp.Anonymous():
            return node.name.lower()
        case exp.Cast() | exp.Paren() | exp.Window() | exp.Filter() | exp.Bracket() | exp.Collate():
            return _name(node.this)
        case exp.Case():
            return _name(node.args.get("default"))
        case exp.Subquery() if isinstance(node.this, exp.Select) and node.this.expressions:
            return label(node.this.expressions[0])
        case None:
            return ""
        case _:
            return _NAMES.get(type(node), "")


def _weak_name(node: exp.Expr) -> str:
    """The name that it has for want of a better one: the type of a cast, `case`."""
    if isinstance(node, exp.Cast):
        name = type_name(node.to).removesuffix("[]")
        return _SYSTEM_TYPES.get(name, name)
    if isinstance(node, exp.Paren | exp.Collate):
        return _weak_name(node.this)
    return "case" if isinstance(node, exp.Case) else "bool" if isinstance(node, exp.Boolean) else ""


_NAMES: dict[type[exp.Expr], str] = {
    exp.Exists: "exists",
    exp.Array: "array",
    exp.Trim: "btrim",
    exp.Extract: "extract",
    exp.Substring: "substring",
    exp.StrPosition: "position",
}

_SYSTEM_TYPES = {
    "int": "int4",
    "integer": "int4",
    "bigint": "int8",
    "smallint": "int2",
    "boolean": "bool",
    "real": "float4",
    "double precision": "float8",
    "character varying": "varchar",
    "decimal": "numeric",
}
