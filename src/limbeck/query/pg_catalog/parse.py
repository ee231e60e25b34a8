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
    return _label(node) or "?column?"


def _label(node: exp.Expr | None) -> str:
    match node:
        case exp.Alias():
            return node.alias
        case exp.Column():
            return _label(node.this) if isinstance(node.this, exp.Func) else node.name
        case exp.Dot():
            return _label(node.expression)
        case exp.Identifier() | exp.Anonymous():
            return node.name.lower() if isinstance(node, exp.Anonymous) else node.name
        case exp.Cast():
            return _label(node.this) or type_name(node.to).removesuffix("[]")
        case exp.Case():
            return _label(node.args.get("default")) or "case"
        case exp.Subquery() if isinstance(node.this, exp.Select) and node.this.expressions:
            return _label(node.this.expressions[0])
        case exp.Paren() | exp.Window() | exp.Filter() | exp.Bracket() | exp.Collate():
            return _label(node.this)
        case exp.Exists() | exp.Array() | exp.Trim() | exp.Extract():
            return {"trim": "btrim"}.get(node.key, node.key)
        case exp.Substring() | exp.StrPosition():
            return {"strposition": "position"}.get(node.key, node.key)
        case exp.Boolean():
            return "bool"
        case _:
            return ""
