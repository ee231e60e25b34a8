"""Queries to the catalogue: recognised, checked, and put into the engine's words (SQL contract, section 1.7).

Like `resolve`, this is a first wall: only relations of the catalogue, functions of `functions`, and the clauses and
operators that are listed here leave it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from sqlglot import exp

from limbeck.errors import FeatureNotSupported, UndefinedFunction, UndefinedTable, nearest
from limbeck.query.dialect import Template, position, rendered, template
from limbeck.query.pg_catalog.functions import BARE, FUNCTIONS, PRIVATE, RELATIONS, looked_up
from limbeck.query.pg_catalog.lookups import PREFIX
from limbeck.query.pg_catalog.parse import label, parse, type_name
from limbeck.query.pg_catalog.shapes import COLUMN_TYPES, INFORMATION_SCHEMA, PG_CATALOG, SHAPES, Shape, find

Value = str | int | float | bool | None | tuple["Value", ...]
"""What a parameter may be."""

_SCHEMAS = (PG_CATALOG, INFORMATION_SCHEMA)

_HINT = re.compile(
    r"pg_|information_schema|current_|set_config|session_user|\buser\b|version|::\s*reg|regclass|regtype", re.IGNORECASE
)
"""What a query to the catalogue has somewhere in its text."""

_NODES: tuple[type[exp.Expr], ...] = (
    *(exp.Select, exp.Union, exp.Except, exp.Intersect, exp.Values, exp.Tuple, exp.Subquery, exp.With, exp.CTE),
    *(exp.From, exp.Join, exp.Lateral, exp.Unnest, exp.Table, exp.TableAlias, exp.Where, exp.Group, exp.Having),
    *(exp.Order, exp.Ordered, exp.Limit, exp.Offset, exp.Distinct, exp.Window, exp.WindowSpec, exp.Filter),
    *(exp.Alias, exp.Column, exp.Identifier, exp.Star, exp.Literal, exp.Null, exp.Boolean, exp.Var, exp.Paren),
    *(exp.Cast, exp.DataType, exp.ObjectIdentifier, exp.Collate, exp.Operator, exp.Dot, exp.Bracket, exp.Slice),
    *(exp.Case, exp.If, exp.Anonymous, exp.Exists, exp.Array, exp.Any, exp.All, exp.Extract, exp.Trim),
    *(exp.Substring, exp.StrPosition, exp.In, exp.Between, exp.Like, exp.ILike, exp.Escape, exp.Is, exp.And, exp.Or),
    *(exp.Not, exp.Neg, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ),
    *(exp.RegexpLike, exp.RegexpILike, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.DPipe, exp.BitwiseAnd),
    *(exp.BitwiseOr, exp.Parameter, exp.AtTimeZone, exp.Lock),
)
_TABLE_PARTS = frozenset({"this", "db", "alias", "only", "joins", "laterals", "ordinality"})
_SELECT_PARTS = frozenset(
    {"with_", "distinct", "expressions", "from_", "joins", "laterals", "where", "group", "having", "windows"}
    | {"order", "limit", "offset", "locks"}
)

_VECTORS = frozenset(name for name, kind in COLUMN_TYPES.items() if kind in ("int2vector", "oidvector"))

_STRINGS = ("name", "char", "text", "varchar", "bpchar", "character", "character varying", "cstring", "regproc")
_CASTS = {
    **dict.fromkeys((*_STRINGS, "sql_identifier", "character_data", "yes_or_no", "pg_node_tree", "aclitem"), "VARCHAR"),
    **dict.fromkeys(("json", "jsonb", "xml", "unknown", "inet", "uuid", "regprocedure", "regoper"), "VARCHAR"),
    **dict.fromkeys(("oid", "xid", "cid"), "UINTEGER"),
    **dict.fromkeys(("int2", "smallint"), "SMALLINT"),
    **dict.fromkeys(("int4", "int", "integer", "cardinal_number"), "INTEGER"),
    **dict.fromkeys(("int8", "bigint"), "BIGINT"),
    **dict.fromkeys(("float4", "real"), "REAL"),
    **dict.fromkeys(("float8", "double precision", "numeric", "decimal"), "DOUBLE"),
    **dict.fromkeys(("bool", "boolean"), "BOOLEAN"),
    **dict.fromkeys(("timestamp", "timestamptz", "time_stamp"), "TIMESTAMP"),
    "date": "DATE",
}

_REGISTRIES = {"regclass": "names", "regtype": "formats", "regnamespace": "schemas", "regrole": "roles"}
"""Types that are an OID and show a name, and where they find it."""


@dataclass(frozen=True, slots=True)
class Translated:
    """A query in the engine's words."""

    sql: str
    relations: tuple[str, ...]
    """The relations it reads, by the name with the schema before it; those of `lookups` among them."""
    named: tuple[tuple[str, str], ...] = ()
    """What it takes for granted: (`regclass` or another type, the text that is cast to it)."""
    settings: tuple[str, ...] = ()
    """Names of settings that have to exist."""
    sets: tuple[tuple[str, str], ...] = ()
    """Settings that it changes, with their values."""
    characters: frozenset[str] = frozenset()
    """Names of columns, whether it gives them or not, that are of the type "char"."""


@lru_cache(maxsize=256)
def recognised(sql: str) -> exp.Expr | None:
    """Return the tree of a query to the catalogue, not to be changed; None if *sql* is none.

    It names a relation of pg_catalog or information_schema, or no table at all and something that only the catalogue
    knows.
    """
    if not _HINT.search(sql):
        return None
    tree = parse(sql)
    if not isinstance(tree, exp.Query | exp.Values):
        return None
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    tables = [t for t in tree.find_all(exp.Table) if isinstance(t.this, exp.Identifier)]
    others = [t for t in tables if t.db or t.name.lower() not in ctes]
    if any(_of_catalogue(t) for t in others):
        return tree
    return tree if not others and any(map(_is_private, tree.walk())) else None


def _of_catalogue(node: exp.Table) -> bool:
    return node.db.lower() in _SCHEMAS or (not node.db and find("", node.name) is not None)


def _is_private(node: exp.Expr) -> bool:
    if isinstance(node, exp.Anonymous):
        return node.name.lower() in PRIVATE
    if isinstance(node, exp.Column):
        return _is_bare(node) and node.name.lower() in PRIVATE
    return isinstance(node, exp.Cast) and type_name(node.to) in _REGISTRIES


def _is_bare(node: exp.Column) -> bool:
    return (
        isinstance(node.this, exp.Identifier) and not node.table and not node.this.quoted and node.name.lower() in BARE
    )


def parameters(tree: exp.Expr) -> dict[int, str]:
    """Return what is known of the types of `$1`, `$2` …: a cast's, or that of the column it is compared with."""
    found: dict[int, str] = {}
    for node in tree.find_all(exp.Parameter):
        found.setdefault(int(node.name), _beside(node))
    return found


def _beside(node: exp.Expr) -> str:
    parent = node.parent
    while isinstance(parent, exp.Paren | exp.Tuple):
        parent = parent.parent
    if isinstance(parent, exp.Cast):
        return type_name(parent.to)
    if isinstance(parent, exp.Limit | exp.Offset):
        return "int8"
    columns = [c for c in parent.iter_expressions() if isinstance(c, exp.Column)] if parent is not None else []
    return COLUMN_TYPES.get(columns[0].name.lower(), "text") if columns else "text"


def translated(sql: str, values: tuple[Value, ...] = ()) -> Translated:
    """Return a query to the catalogue, one that is `recognised`, in the engine's words.

    *values* are those of its parameters, in order. Raise `FeatureNotSupported`, `UndefinedTable` or
    `UndefinedFunction`.
    """
    return _translated(sql, values, tuple(map(type, values)))


@lru_cache(maxsize=256)
def _translated(sql: str, values: tuple[Value, ...], _types: tuple[type, ...]) -> Translated:
    """Types are part of the key: to it, 1 and true are the same."""
    tree = recognised(sql)
    if tree is None:
        raise FeatureNotSupported("this is no query to the catalogue")
    return _Translation(tree.copy(), [_written(value) for value in values]).done()


@dataclass
class _Translation:
    """One query, changed in place from its leaves up."""

    tree: exp.Expr
    values: Sequence[exp.Expr]
    relations: dict[str, None] = field(default_factory=dict)
    named: list[tuple[str, str]] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    sets: list[tuple[str, str]] = field(default_factory=list)
    _ctes: set[str] = field(default_factory=set)

    def done(self) -> Translated:
        """Check and change everything, and write it."""
        self._ctes = {cte.alias.lower() for cte in self.tree.find_all(exp.CTE)}
        for node in list(self.tree.walk()):
            if not isinstance(node, _NODES):
                raise FeatureNotSupported(
                    f"{node.key.upper()} is not served in queries to the catalogue", position=position(node)
                )
            if isinstance(node, exp.Select):
                self._select(node)
        self._vectors()
        self._system_columns()
        for node in reversed(list(self.tree.walk(bfs=True))):
            self._node(node)
        sql = rendered(self.tree)
        for name in re.findall(rf'"{re.escape(PREFIX)}(\w+)"', sql):
            self.relations[PREFIX + name] = None
        noted = tuple(self.named), tuple(self.settings), tuple(self.sets)
        return Translated(sql, tuple(self.relations), *noted, frozenset(_characters(self.tree)))

    # -- clauses -------------------------------------------------------------------------------------------

    def _select(self, node: exp.Select) -> None:
        for part, value in node.args.items():
            if value and part not in _SELECT_PARTS:
                raise FeatureNotSupported(f"{part.strip('_').upper()} is not served in queries to the catalogue")
        node.set("locks", None)
        columns = [
            c if _has_name(c) else exp.Alias(this=c, alias=exp.to_identifier(label(c), quoted=True))
            for c in node.expressions
        ]
        node.set("expressions", columns)

    def _vectors(self) -> None:
        """Vectors are lists in the engine; as columns of the answer they are written as PostgreSQL writes them."""
        outermost = self.tree.this if isinstance(self.tree, exp.Subquery) else self.tree
        for column in outermost.expressions if isinstance(outermost, exp.Select) else ():
            inner = column.this if isinstance(column, exp.Alias) else column
            if (
                isinstance(inner, exp.Column)
                and inner.name.lower() in _VECTORS
                and isinstance(inner.this, exp.Identifier)
            ):
                text = exp.Anonymous(this="array_to_string", expressions=[inner.copy(), exp.Literal.string(" ")])
                inner.replace(exp.alias_(text, column.alias or inner.name, quoted=True) if inner is column else text)

    def _system_columns(self) -> None:
        """`tableoid` of a relation of the catalogue is always the same."""
        for column in list(self.tree.find_all(exp.Column)):
            if column.name.lower() == "tableoid":
                shape = _origin(column)
                if shape is not None:
                    number = exp.Literal.number(shape.oid)
                    column.replace(
                        number if not isinstance(column.parent, exp.Select) else exp.alias_(number, "tableoid")
                    )

    def _node(self, node: exp.Expr) -> None:
        for kind, change in self._CHANGES:
            if isinstance(node, kind):
                change(self, node)
                return

    def _identifier(self, node: exp.Identifier) -> None:
        """Names without quotes are in lower case; from here on all are quoted, as the engine has other words."""
        if not node.quoted:
            node.meta["bare"] = True
            node.set("this", node.name.lower())
            node.set("quoted", True)

    # -- relations -----------------------------------------------------------------------------------------

    def _table(self, node: exp.Table) -> None:
        for part, value in node.args.items():
            if value and part not in _TABLE_PARTS:
                raise FeatureNotSupported(
                    f"{part.upper()} is not served in queries to the catalogue", position=position(node)
                )
        if isinstance(node.this, Template | exp.Anonymous):
            self._function_relation(node, node.this)
            return
        if not node.db and node.name in self._ctes:
            return
        shape = self._shape(node)
        self.relations[shape.key] = None
        if not node.alias:
            node.set("alias", exp.TableAlias(this=exp.to_identifier(shape.name, quoted=True)))
        node.set("this", exp.to_identifier(shape.key, quoted=True))
        node.set("db", None)
        node.set("only", None)

    def _shape(self, node: exp.Table) -> Shape:
        shape = find(node.db, node.name) if node.db in ("", *_SCHEMAS) else None
        if shape is not None:
            return shape
        if node.db in _SCHEMAS:
            known = [s.name for s in SHAPES.values() if s.schema == node.db]
            hint = nearest(node.name, known) or None
            raise UndefinedTable(f'relation "{node.db}.{node.name}" does not exist', position=position(node), hint=hint)
        raise FeatureNotSupported(
            f'"{node.name}" is no relation of the catalogue: a query reads the catalogue or tables, not both',
            position=position(node),
            hint="ask for the one first, and put it into the question for the other",
        )

    def _function_relation(self, node: exp.Expr, call: exp.Expr, number: exp.Identifier | None = None) -> None:
        """A function in FROM, as a query; *number* is the column that counts its rows."""
        name = call.meta["name"] if isinstance(call, Template) else call.name.lower()
        relation = RELATIONS.get(name)
        if relation is None:
            raise FeatureNotSupported(f"{name}() is not served as a relation", position=position(call))
        arguments = call.meta["arguments"] if isinstance(call, Template) else call.expressions
        alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name, quoted=True))
        columns = alias.args.get("columns") or [
            exp.to_identifier(c or alias.name, quoted=True) for c in relation.columns
        ]
        alias.set("columns", [*columns, *([number] if number else [])])
        numbered = bool(number or node.args.get("ordinality"))
        text = f"SELECT *, row_number() OVER () FROM ({relation.query})" if numbered else relation.query
        node.replace(exp.Subquery(this=template(text, *arguments), alias=alias))

    def _unnest(self, node: exp.Unnest) -> None:
        if isinstance(node.parent, exp.Lateral):
            return
        call = exp.Anonymous(this="unnest", expressions=node.expressions)
        self._function_relation(node, call, node.args.get("offset") or None)

    def _lateral(self, node: exp.Lateral) -> None:
        inner = node.this
        if isinstance(inner, exp.Unnest):
            call = exp.Anonymous(this="unnest", expressions=inner.expressions)
            self._function_relation(node, call, inner.args.get("offset") or None)
        elif not isinstance(inner, exp.Subquery):
            self._function_relation(node, inner)

    # -- expressions ---------------------------------------------------------------------------------------

    def _column(self, node: exp.Column) -> None:
        if not isinstance(node.this, exp.Identifier | exp.Star):
            self._check_schema(node, node.table)
            node.replace(node.this)  # a function with its schema before it
        elif _is_function(node):
            node.replace(template(FUNCTIONS[node.name][0]))
        else:
            node.set("db", None)

    def _dot(self, node: exp.Dot) -> None:
        inner = node.expression
        if isinstance(inner, Template | exp.Window | exp.Filter) and isinstance(node.this, exp.Identifier):
            self._check_schema(node, node.this.name)
            node.replace(inner)

    def _check_schema(self, node: exp.Expr, schema: str) -> None:
        if schema.lower() not in _SCHEMAS:
            raise UndefinedFunction(f'there are no functions in schema "{schema}"', position=position(node))

    def _call(self, node: exp.Anonymous) -> None:
        name, arguments = node.name.lower(), node.expressions
        if name in _QUANTIFIERS or (name in RELATIONS and name not in FUNCTIONS):
            return  # is seen to with what stands around it
        if name == "format":
            node.replace(_format(arguments))
            return
        forms = FUNCTIONS.get(name)
        if forms is None:
            hint = nearest(name, list(FUNCTIONS)) or None
            raise UndefinedFunction(
                f"function {name}() is not served in queries to the catalogue", position=position(node), hint=hint
            )
        count = len(arguments)
        text = forms.get(count, forms.get(-1) if count else None)
        if text is None:
            raise UndefinedFunction(f"function {name}() does not take {count} arguments", position=position(node))
        self._note_setting(name, arguments)
        made = template(text, *arguments)
        made.meta.update(name=name, arguments=arguments)
        node.replace(made)

    def _note_setting(self, name: str, arguments: Sequence[exp.Expr]) -> None:
        texts = [a.name for a in arguments[:2] if isinstance(a, exp.Literal)]
        if name == "current_setting" and len(arguments) == 1 and texts:
            self.settings.append(texts[0])
        elif name == "set_config" and len(texts) == 2:
            self.sets.append((texts[0], texts[1]))

    def _parameter(self, node: exp.Parameter) -> None:
        number = int(node.name) if node.name.isdigit() else 0
        if not 1 <= number <= len(self.values):
            raise FeatureNotSupported(f"there is no value for parameter ${node.name}", position=position(node))
        node.replace(self.values[number - 1].copy())

    def _cast(self, node: exp.Cast) -> None:
        name = type_name(node.to)
        if name in _REGISTRIES:
            self._registry(node, name)
        elif name in ("int2vector", "oidvector"):
            node.replace(node.this)
        elif name == "regproc" and isinstance(node.this, exp.Literal):
            node.replace(exp.Literal.string(node.this.name.removeprefix("pg_catalog.")))
        elif name.removesuffix("[]") in _CASTS:
            self._plain_cast(node, name)
        else:
            raise FeatureNotSupported(
                f"casts to {name} are not served in queries to the catalogue", position=position(node)
            )

    def _plain_cast(self, node: exp.Cast, name: str) -> None:
        target = _CASTS[name.removesuffix("[]")] + ("[]" if name.endswith("[]") else "")
        inner = node.this
        if name.endswith("[]") and isinstance(inner, exp.Literal):
            inner = _list(inner.name)
        node.replace(template(f"CAST({{0}} AS {target})", inner))

    def _registry(self, node: exp.Cast, name: str) -> None:
        """Such a cast is a name where it is shown, and an OID where it is compared or used."""
        relation, inner = _REGISTRIES[name], node.this
        while isinstance(inner, exp.Paren):
            inner = inner.this
        oid = inner
        if isinstance(inner, exp.Literal) and inner.is_string and not inner.name.isdigit():
            self.named.append((name, inner.name))
            oid = template(looked_up(relation, _condition(name, inner.name), "_oid"))
        if _is_shown(node):
            text = looked_up(relation, "_f._oid = {0}")
            node.replace(template(f"coalesce({text}, CASE {{0}} WHEN 0 THEN '-' ELSE CAST({{0}} AS VARCHAR) END)", oid))
        else:
            node.replace(template("CAST({0} AS UINTEGER)", oid))

    def _collate(self, node: exp.Collate) -> None:
        node.replace(node.this)

    def _operator(self, node: exp.Operator) -> None:
        sign = str(node.args["operator"]).removeprefix("pg_catalog.")
        if sign not in _OPERATORS:
            raise FeatureNotSupported(f"the operator {sign} is not served", position=position(node))
        node.replace(exp.Paren(this=template(_OPERATORS[sign], node.this, node.expression)))

    def _regexp(self, node: exp.Expr) -> None:
        sign = "~*" if isinstance(node, exp.RegexpILike) else "~"
        node.replace(template(_OPERATORS[sign], node.this, node.expression))

    def _like(self, node: exp.Like | exp.ILike) -> None:
        """PostgreSQL's patterns have a backslash as escape, if they name no other."""
        if not isinstance(node.parent, exp.Escape):
            node.replace(
                template(_OPERATORS["~~*" if isinstance(node, exp.ILike) else "~~"], node.this, node.expression)
            )

    def _compared(self, node: exp.Expr) -> None:
        """`= ANY (list)` and `<> ALL (list)`, the list maybe written as text."""
        quantified = node.expression
        if not isinstance(quantified, exp.Any | exp.All) and not _is_quantifier(quantified):
            return
        inner = quantified.expressions[0] if isinstance(quantified, exp.Anonymous) else quantified.this
        while isinstance(inner, exp.Paren):
            inner = inner.this
        if isinstance(inner, exp.Query):
            return
        if isinstance(inner, exp.Literal) and inner.is_string:
            inner = _list(inner.name)
        text = "list_contains({1}, {0})"
        node.replace(template(text if isinstance(node, exp.EQ) else f"NOT {text}", node.this, inner))

    def _bracket(self, node: exp.Bracket) -> None:
        """Places in a vector count from 0."""
        inner = node.this
        if isinstance(inner, exp.Column) and inner.name.lower() in _VECTORS and len(node.expressions) == 1:
            place = node.expressions[0]
            more = 2 if isinstance(place, exp.Literal | exp.Neg) else 1  # the parser took one off a number
            node.replace(template(f"{{0}}[{{1}} + {more}]", inner, place))

    _CHANGES: tuple[tuple[type[exp.Expr], Callable[..., None]], ...] = (
        (exp.Identifier, _identifier),
        (exp.Table, _table),
        (exp.Lateral, _lateral),
        (exp.Unnest, _unnest),
        (exp.Column, _column),
        (exp.Dot, _dot),
        (exp.Anonymous, _call),
        (exp.Parameter, _parameter),
        (exp.Cast, _cast),
        (exp.Collate, _collate),
        (exp.Operator, _operator),
        (exp.RegexpLike, _regexp),
        (exp.RegexpILike, _regexp),
        (exp.Like, _like),
        (exp.ILike, _like),
        (exp.EQ, _compared),
        (exp.NEQ, _compared),
        (exp.Bracket, _bracket),
    )


_QUANTIFIERS = frozenset({"all", "any", "some"})

_OPERATORS = {
    "~": "regexp_matches({0}, {1})",
    "~*": "regexp_matches({0}, {1}, 'i')",
    "!~": "NOT regexp_matches({0}, {1})",
    "!~*": "NOT regexp_matches({0}, {1}, 'i')",
    "~~": r"({0} LIKE {1} ESCAPE '\')",
    "!~~": r"({0} NOT LIKE {1} ESCAPE '\')",
    "~~*": r"({0} ILIKE {1} ESCAPE '\')",
    "!~~*": r"({0} NOT ILIKE {1} ESCAPE '\')",
    **{sign: f"{{0}} {sign} {{1}}" for sign in ("=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "/", "||")},
}


def _origin(column: exp.Column) -> Shape | None:
    """The relation that a column with an alias before it belongs to."""
    select = column.find_ancestor(exp.Select)
    while select is not None:
        sources = [select.args.get("from_"), *select.args.get("joins", ())]
        tables = [source.this for source in sources if source is not None and isinstance(source.this, exp.Table)]
        for table in tables:
            if column.table.lower() == table.alias_or_name.lower() or (not column.table and len(tables) == 1):
                return find(table.db, table.name)
        select = select.find_ancestor(exp.Select)
    return None


def _is_quantifier(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() in _QUANTIFIERS and len(node.expressions) == 1


def _characters(tree: exp.Expr) -> set[str]:
    """The catalogue's columns of the type "char", and what they are called where they are given another name."""
    found = {name for name, kind in COLUMN_TYPES.items() if kind == "char"}
    aliases = [(a.alias, a.this.name) for a in tree.find_all(exp.Alias) if isinstance(a.this, exp.Column)]
    return found | {alias for alias, name in aliases if name in found}


def _has_name(node: exp.Expr) -> bool:
    if isinstance(node, exp.Column):
        return isinstance(node.this, exp.Identifier | exp.Star) and not _is_bare(node)
    return isinstance(node, exp.Alias | exp.Star)


def _is_function(node: exp.Column) -> bool:
    return isinstance(node.this, exp.Identifier) and not node.table and node.name in BARE and "bare" in node.this.meta


def _is_shown(node: exp.Expr) -> bool:
    parent = node.parent
    while isinstance(parent, exp.Paren):
        parent = parent.parent
    if isinstance(parent, exp.Cast):
        return _CASTS.get(type_name(parent.to)) == "VARCHAR"
    return isinstance(parent, exp.Select | exp.Alias | exp.DPipe | exp.Case | exp.If | exp.Ordered)


def _condition(kind: str, text: str) -> str:
    """What finds the object that is called *text*."""
    if kind != "regclass":
        names = {text.strip('"'), text.removeprefix("pg_catalog.").strip('"')}
        listed = ", ".join(map(_literal, sorted(names)))
        return f"_f._text IN ({listed})" + (f" OR _f._name IN ({listed})" if kind == "regtype" else "")
    schema, name = parts(text)
    wanted = f"_f._name = {_literal(name)}"
    return wanted + (f" AND _f._schema = {_literal(schema)}" if schema else " AND _f._schema <> 'information_schema'")


def parts(text: str) -> tuple[str, str]:
    """Return schema and name of a relation as it is written: in lower case, and the quotes taken off.

    >>> parts('public."A b"')
    ('public', 'a b')
    """
    found = [quoted or bare for quoted, bare in re.findall(r'"((?:[^"]|"")*)"|([^".]+)', text)]
    names = [part.replace('""', '"').lower() for part in found]
    return (names[-2] if len(names) > 1 else ""), (names[-1] if names else "")


def _literal(text: str) -> str:
    return exp.Literal.string(text).sql(dialect="duckdb").replace("{", "{{").replace("}", "}}")


def _list(text: str) -> exp.Expr:
    """`{a,"b c"}` as a list."""
    items = re.findall(r'"((?:[^"\\]|\\.)*)"|([^",{}]+)', text.strip())
    values: list[exp.Expr] = [
        exp.Null() if bare.upper() == "NULL" else exp.Literal.string(re.sub(r"\\(.)", r"\1", quoted) or bare.strip())
        for quoted, bare in items
    ]
    return exp.Array(expressions=values)


def _format(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """`format('%I.%s', a, b)` as texts put together."""
    if not arguments or not isinstance(arguments[0], exp.Literal):
        raise FeatureNotSupported("format() takes a text with %s, %I and %L first")
    pieces = re.split(r"(%[sIL%])", arguments[0].name)
    values = iter(arguments[1:])
    return template(" || ".join(_formatted(pieces, len(arguments) - 1)) or "''", *values)


def _formatted(pieces: Sequence[str], count: int) -> Iterator[str]:
    number = 0
    for piece in pieces:
        if piece in ("%s", "%I", "%L"):
            if number == count:
                raise FeatureNotSupported("format() has too few arguments")
            name = {"%s": "", "%I": "quote_ident", "%L": "quote_literal"}[piece]
            text = FUNCTIONS[name][1] if name else "coalesce(CAST({0} AS VARCHAR), '')"
            yield "(" + text.replace("{0}", f"{{{number}}}") + ")"
            number += 1
        elif piece:
            yield _literal("%" if piece == "%%" else piece)


def _written(value: Value) -> exp.Expr:
    """Return a parameter's value as a literal."""
    if value is None:
        return exp.Null()
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, int | float):
        return exp.Literal.number(str(value))
    if isinstance(value, tuple):
        return exp.Array(expressions=[_written(item) for item in value])
    return exp.Literal.string(value)
