"""The dialect of Query Service: PostgreSQL's shape, Spark's meaning (SQL contract, sections 2.1 and 4.1).

Everything private of SQLGlot that Limbeck leans on is in this module.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache
from itertools import pairwise
from typing import Any, ClassVar, cast

from sqlglot import exp
from sqlglot.dialects.databricks import Databricks
from sqlglot.dialects.dialect import DialectType
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ErrorLevel, ParseError, TokenError
from sqlglot.generators.duckdb import DuckDBGenerator
from sqlglot.parsers.databricks import DatabricksParser
from sqlglot.tokenizer_core import Token, TokenType

from limbeck.errors import SqlSyntaxError
from limbeck.query.normal import normalised
from limbeck.query.split import last_begins


class Snapshot(exp.Expression):
    """`SNAPSHOT {SINCE s | AS OF e | BETWEEN s AND e}` behind a table; both bounds are literals or absent."""

    arg_types: ClassVar[dict[str, bool]] = {"start": False, "end": False}


class Template(exp.Expression):
    """Text for the engine with `{0}`, `{1}` … where the SQL of its arguments goes; `{*}` is all of them."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "expressions": False}


def template(text: str, *arguments: exp.Expr) -> exp.Expr:
    """Return a node that is written as *text* with the arguments' SQL in its places."""
    return Template(this=text, expressions=list(arguments))


class Below(exp.Expression):
    """An expression that is computed in a query below the SELECT it stands in (see `below`).

    What has the same text is computed once, unless a `key` tells it from others.
    """

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "key": False}


_DESCENDING = {"<": False, "<=": False, ">": True, ">=": True}

exp.Table.arg_types = {**exp.Table.arg_types, "snapshot": False}


class _Parser(DatabricksParser):
    """Calls of functions stay as they were written (`exp.Anonymous`): the resolver knows what is served."""

    FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {}
    FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., Any]]] = {
        **{name: DatabricksParser.FUNCTION_PARSERS[name] for name in ("CAST", "TRY_CAST", "EXTRACT", "TRIM")},
        "POSITION": lambda self: self._parse_worded(TokenType.IN),
        "SUBSTRING": lambda self: self._parse_worded(TokenType.FROM, TokenType.FOR),
    }
    NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., Any]]] = {
        name: DatabricksParser.NO_PAREN_FUNCTION_PARSERS[name] for name in ("CASE", "ANY")
    }
    NO_PAREN_FUNCTIONS: ClassVar[dict[TokenType, type[exp.Func]]] = {
        token: DatabricksParser.NO_PAREN_FUNCTIONS[token]
        for token in (TokenType.CURRENT_DATE, TokenType.CURRENT_TIMESTAMP)
    }
    ARRAY_CONSTRUCTORS: ClassVar[dict[str, type[exp.Func]]] = {}
    STRING_ALIASES = True
    COLON_IS_VARIANT_EXTRACT = False

    def _parse_worded(self, *words: TokenType) -> exp.Anonymous:
        """Return a call whose arguments have commas between them, or words; its parenthesis is open."""
        name = self._tokens[self._index - 2]
        arguments: list[exp.Expr | None] = []
        while self._curr and self._curr.token_type != TokenType.R_PAREN:
            arguments.append(self._parse_bitwise())
            if not (self._match(TokenType.COMMA) or self._match_set(words)):
                break
        return exp.Anonymous(this=name.text, expressions=arguments).update_positions(name)

    def _parse_command(self) -> exp.Command:
        return self._parse_as_command(self._prev)

    def _parse_as_command(self, start: Token) -> exp.Command:
        while self._curr:
            self._advance()
        return self.expression(exp.Command(this=start.text.upper()), start)

    def _parse_table_parts(
        self,
        schema: bool = False,
        is_db_reference: bool = False,
        wildcard: bool = False,
        fast: bool = False,
    ) -> exp.Table | exp.Dot | None:
        table = super()._parse_table_parts(schema, is_db_reference, wildcard, fast)
        if not fast and isinstance(table, exp.Table):
            self._add_snapshot(table)
        return table

    def _parse_table(
        self,
        schema: bool = False,
        joins: bool = False,
        alias_tokens: Collection[TokenType] | None = None,
        parse_bracket: bool = False,
        is_db_reference: bool = False,
        parse_partition: bool = False,
        consume_pipe: bool = False,
    ) -> exp.Expr | None:
        table = super()._parse_table(
            schema, joins, alias_tokens, parse_bracket, is_db_reference, parse_partition, consume_pipe
        )
        if isinstance(table, exp.Table) and not table.args.get("snapshot"):
            self._add_snapshot(table)
        return table

    def _parse_ordered(self, parse_method: Callable[[], exp.Expr | None] | None = None) -> exp.Ordered | None:
        """`USING <` is ASC, `USING >` is DESC."""
        descending: list[bool] = []

        def key() -> exp.Expr | None:
            found = parse_method() if parse_method else self._parse_disjunction()
            if found is not None and self._match(TokenType.USING):
                operator = self._curr.text if self._curr else ""
                if operator not in _DESCENDING:
                    self.raise_error("after USING comes <, <=, > or >=")
                self._advance()
                descending.append(_DESCENDING[operator])
            return found

        node = super()._parse_ordered(key)
        if node is not None and descending == [True]:
            explicit = self._prev.text.upper() in ("FIRST", "LAST")
            node.set("desc", True)
            node.set("nulls_first", node.args.get("nulls_first") if explicit else False)
        return node

    def _add_snapshot(self, table: exp.Table) -> None:
        if self._curr and self._curr.text.upper() == "AS" and self._of_comes():
            self._advance(2)
            table.set("snapshot", self.expression(Snapshot(end=self._snapshot_id())))
            return
        if not self._match_text_seq("SNAPSHOT"):
            return
        if self._match_text_seq("SINCE"):
            snapshot = Snapshot(start=self._snapshot_id())
        elif self._match_text_seq("AS", "OF"):
            snapshot = Snapshot(end=self._snapshot_id())
        elif self._match(TokenType.BETWEEN):
            start = self._snapshot_id()
            if not self._match(TokenType.AND):
                self.raise_error("SNAPSHOT BETWEEN needs AND and a second snapshot id")
            snapshot = Snapshot(start=start, end=self._snapshot_id())
        else:
            self.raise_error("after SNAPSHOT comes SINCE id, AS OF id, or BETWEEN id AND id")
        table.set("snapshot", self.expression(snapshot))

    def _of_comes(self) -> bool:
        """Whether `AS OF id` comes, not an alias; a table that is joined may have it without the word SNAPSHOT."""
        behind = self._tokens[self._index + 1 : self._index + 3]
        kinds = (TokenType.NUMBER, TokenType.STRING)
        return len(behind) == 2 and behind[0].text.upper() == "OF" and behind[1].token_type in kinds

    def _snapshot_id(self) -> exp.Expr:
        found = self._parse_number() or self._parse_string()
        if found is None:
            self.raise_error("a snapshot id is a number, or 'HEAD' or 'TAIL' in quotes")
        return cast("exp.Expr", found)


class AEP(Databricks):
    """SQL as AEP's users write it."""

    def tokenize(self, sql: str, dialect: DialectType = None) -> list[Token]:
        """Return the words of *sql*; `window(` is a call, not the clause WINDOW, behind which comes a name."""
        tokens = super().tokenize(sql, dialect)
        for n, (token, following) in enumerate(pairwise(tokens)):
            if token.token_type == TokenType.WINDOW and following.token_type == TokenType.L_PAREN:
                place = {key: getattr(token, key) for key in ("line", "col", "start", "end")}
                tokens[n] = Token(TokenType.VAR, token.text, **place, comments=token.comments)
        return tokens

    class Tokenizer(Databricks.Tokenizer):
        """Double quotes make identifiers; the resolver turns those that name nothing into strings."""

        QUOTES: ClassVar[list[str | tuple[str, str]]] = ["'", ("E'", "'"), ("e'", "'")]
        IDENTIFIERS: ClassVar[list[str | tuple[str, str]]] = ["`", '"']
        STRING_ESCAPES: ClassVar[list[str]] = ["'", "\\"]

    Parser = _Parser


def _template(generator: Any, node: Template) -> str:
    arguments = [_atomic(generator, argument) for argument in node.expressions]
    text = cast("str", node.this).replace("{*}", ", ".join(f"{{{n}}}" for n in range(len(arguments))))
    return text.format(*arguments)


def _atomic(generator: Any, node: exp.Expr) -> str:
    """Return the SQL of an argument as something that binds before every operator beside it."""
    text = cast("str", generator.sql(node))
    loose = isinstance(node, exp.Binary | exp.Unary | exp.Between | exp.In) and not isinstance(
        node, exp.Paren | exp.Dot
    )
    return f"({text})" if loose else text


class _Generator(DuckDBGenerator):
    TRANSFORMS: ClassVar[dict[type[exp.Expr], Callable[..., str]]] = {
        **DuckDBGenerator.TRANSFORMS,
        Template: _template,
        Below: lambda generator, node: generator.sql(node.this),
    }


class Engine(DuckDB):
    """SQL as the embedded engine reads it."""

    Generator = _Generator


@lru_cache(maxsize=512)
def _parsed(sql: str) -> tuple[exp.Expr | None, ...]:
    try:
        trees = AEP().parse(sql, error_level=ErrorLevel.IMMEDIATE)
        return tuple(None if tree is None else normalised(tree) for tree in trees)
    except ParseError as error:
        raise _syntax_error(sql, error) from error
    except TokenError as error:
        message = "a string, a quoted name or a comment is not closed"
        raise SqlSyntaxError(message, position=last_begins(sql)) from error
    except RecursionError as error:
        raise SqlSyntaxError("the statement is nested too deeply; split it with WITH or a table") from error


def parsed(sql: str) -> exp.Expr:
    """Return the tree of one statement, which others use too; raise `SqlSyntaxError` with a position."""
    trees = [tree for tree in _parsed(sql) if tree is not None]
    if len(trees) != 1:
        raise SqlSyntaxError(f"expected one statement, found {len(trees)}")
    return trees[0]


def parse(sql: str) -> exp.Expr:
    """Return the tree of one statement, to be changed at will; raise `SqlSyntaxError` with a position."""
    return parsed(sql).copy()


def written(node: exp.Expr) -> str:
    """Return *node* in the words of the dialect."""
    return node.sql(dialect=AEP)


def rendered(node: exp.Expr) -> str:
    """Return a resolved tree in the words of the engine."""
    return node.sql(dialect=Engine, copy=False)


def position(node: exp.Expr) -> int | None:
    """Return the place in the text, counted from 1, where *node* begins, if it is known."""
    starts = [part.meta["start"] for part in node.walk() if "start" in part.meta]
    return min(starts) + 1 if starts else None


def _syntax_error(sql: str, error: ParseError) -> SqlSyntaxError:
    first = error.errors[0] if error.errors else {}
    found = str(first.get("highlight") or "")
    place = f'at or near "{found[:60]}"' if found else "at end of input"
    said = str(first.get("description") or "").rstrip(".")
    about_the_parser = not said or "<" in said or said.startswith("Invalid expression")
    why = "" if about_the_parser else f": {said[0].lower()}{said[1:]}"
    return SqlSyntaxError(f"syntax error {place}{why}", position=_offset(sql, first, found))


def _offset(sql: str, error: dict[str, Any], found: str) -> int | None:
    line, column = error.get("line"), error.get("col")
    if not (isinstance(line, int) and isinstance(column, int)):
        return None
    before = sum(len(text) for text in sql.splitlines(keepends=True)[: line - 1])
    return max(1, before + column - len(found) + 1)
