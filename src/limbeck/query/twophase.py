"""Picking rows first, then computing what lies before them: a plan for the featurization query (SQL contract, C44a).

    SELECT … FROM (SELECT …, running totals, totals of the partition, row_number() OVER (… ORDER BY rand()) AS r FROM t)
    WHERE (total = 1 AND condition) OR (… AND r = 1)

computes running totals for all rows and throws most away. Here the partitions are totalled first, the filter picks its
rows by that, and running totals are aggregates over the rows that do not come after a picked one. The rows are the
same, and the values, which is why only that is taken which can be shown to come out the same:

* one table, whose rows have places that tell them apart; no grouping, DISTINCT or LIMIT between;
* windows of one partitioning: totals of it, running totals in one order from its first row on, and one random order
  of rows; totals that do not depend on the order of addition;
* a filter that picks at most one row a partition with each of its alternatives: `r = 1`, or `total = 1` together with
  the condition that the total counts. Without such a bound the plan would be right, but not fast.

The place in the random order of a row that is not the first is drawn when it is shown. That is right for one such row
of a partition; where there may be two, the plan is not taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from limbeck.engine import PLACE
from limbeck.query.below import RELATION, is_random, stand_on_columns
from limbeck.query.dialect import Template, rendered, template
from limbeck.query.marks import is_alias, level_of
from limbeck.query.names import reference
from limbeck.query.places import Bound
from limbeck.query.scope import Column, Relation, Scope
from limbeck.query.types import LONG, is_integer, type_of

_TOTALS, _PICKED, _BEFORE = "_totals", "_picked", "_before"
_FIRST, _COUNT, _RANK, _ROW = "_first", "_count", "_rank", "_row"

_IN_ANY_ORDER = re.compile(r"(count|min|max|bool_and|bool_or)\(")
_OF_WHOLE_NUMBERS = re.compile(r"(sum|avg)\(\{0\}\)$")
_RANDOM = re.compile(r"\b(random|uuid)\(")
_FROM_THE_FIRST = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
_BETWEEN = ("joins", "laterals", "group", "having", "distinct", "qualify", "limit", "offset", "with_")
_HIDING = {"file_index", "file_row_number"}
"""Columns of these names hide what rows are told apart by."""


class _OtherShape(Exception):
    """The query is run as it stands."""


def plan(select: exp.Select, scope: Scope, selects: Sequence[Bound]) -> exp.Select | None:
    """Rewrite *select*, a bound SELECT, if it is of the shape; return the SELECT below it, which is gone then."""
    source, where = select.args.get("from_"), select.args.get("where")
    derived = source.this if source is not None else None
    if where is None or not isinstance(derived, exp.Subquery) or len(scope.relations) != 1:
        return None
    bound = [(query, s) for query, s in selects if id(query) == id(derived.this)]
    if not bound:
        return None
    inner, below = bound[0]
    try:
        shape = _Shape.of(inner, below)
        condition = _filter(select, scope, inner, shape)
    except _OtherShape:
        return None
    derived.set("this", _rewritten(inner, condition, shape))
    select.set("where", None)
    return inner


def _require(holds: bool) -> None:
    if not holds:
        raise _OtherShape


# -- the query below ----------------------------------------------------------------------------------------


@dataclass
class _Shape:
    """The windows of the query below, by their text."""

    table: Relation
    level: int
    partition: Sequence[exp.Expr]
    order: Sequence[exp.Expr] = ()
    totals: dict[str, exp.Expr] = field(default_factory=dict)
    running: dict[str, exp.Expr] = field(default_factory=dict)
    rank: str | None = None
    """The random order."""

    @classmethod
    def of(cls, inner: exp.Select, below: Scope) -> _Shape:
        """Return the shape of *inner*; raise `_OtherShape` if that is another."""
        nodes = list(inner.walk())
        windows = [n for n in nodes if isinstance(n, exp.Window)]
        _require(bool(windows) and len(below.relations) == 1 and not any(inner.args.get(key) for key in _BETWEEN))
        table = below.relations[0]
        _require(isinstance(table.origin, exp.Table))
        _require(not _HIDING & {c.name.lower().partition(".")[0] for c in table.columns})
        _require(not any(isinstance(n, exp.Query) and n is not inner for n in nodes))
        _require(not any(isinstance(n, exp.Column) and (is_alias(n) or level_of(n) != below.level) for n in nodes))
        shape = cls(table, below.level, windows[0].args.get("partition_by") or [])
        for window in windows:
            shape._add(window)
        randoms = [n for n in nodes if isinstance(n, Template) and _RANDOM.search(str(n.this))]
        _require(len(randoms) == (shape.rank is not None))
        _require(bool(shape.partition and shape.running) and shape.order[-1].this.name == PLACE)
        return shape

    def _add(self, window: exp.Window) -> None:
        order, spec, text = window.args.get("order"), window.args.get("spec"), rendered(window)
        _require(_same(window.args.get("partition_by") or [], self.partition))
        if is_random(window):
            _require(self.rank is None and rendered(window.this) == "row_number()")
            self.rank = text
            return
        _require(_is_exact(window.this))
        if order is None and spec is None:
            self.totals[text] = window.this
            return
        _require(order is not None and spec is not None and rendered(spec) == _FROM_THE_FIRST)
        assert order is not None
        _require(not self.order or _same(order.expressions, self.order))
        self.order = order.expressions
        self.running[text] = window.this


def _same(some: Sequence[exp.Expr], others: Sequence[exp.Expr]) -> bool:
    return [rendered(e) for e in some] == [rendered(e) for e in others]


def _is_exact(call: exp.Expr) -> bool:
    """Whether an aggregate comes out the same whatever the order of its rows."""
    if not isinstance(call, Template) or any(isinstance(a, exp.Distinct) for a in call.expressions):
        return False
    text = str(call.this)
    if text.startswith("{0} FILTER"):
        return _is_exact(call.expressions[0])
    whole = _OF_WHOLE_NUMBERS.match(text) is not None and is_integer(type_of(call.expressions[0]))
    return whole or _IN_ANY_ORDER.match(text) is not None


# -- the filter ---------------------------------------------------------------------------------------------


def _filter(select: exp.Select, scope: Scope, inner: exp.Select, shape: _Shape) -> exp.Expr:
    """Return the filter of *select* as an expression of *inner*; raise `_OtherShape` if it has no bound."""
    names = [c.name.lower() for c in scope.relations[0].columns]
    _require(len(set(names)) == len(names))
    given = dict(zip(names, (e.this for e in inner.expressions), strict=False))
    where = select.args["where"].this
    _require(where.find(exp.Query) is None)
    _require(all(level_of(c) == scope.level for c in where.find_all(exp.Column)))
    alternatives = [
        [_plain(_inlined(part, given)) for part in _split(alternative, exp.And)]
        for alternative in _split(where, exp.Or)
    ]
    drawn = [[part for part in parts if _is_first(part, shape)] for parts in alternatives]
    _require(all(first or _is_only(parts) for first, parts in zip(drawn, alternatives, strict=True)))
    shown = [name for name, e in given.items() if shape.rank in _windows(e)]
    if any(c.name.lower() in shown for c in _outside(select, scope)):
        _require(sum(not first for first in drawn) <= 1)
    conditions = [[_drawn(shape) if _is_first(p, shape) else p for p in parts] for parts in alternatives]
    condition = exp.or_(*(exp.and_(*parts) for parts in conditions))
    _require(not {shape.rank, *shape.running} & _windows(condition))
    return condition


def _outside(select: exp.Select, scope: Scope) -> Iterator[exp.Column]:
    """The columns that *select* takes from the query below elsewhere than in its filter."""
    for clause in select.iter_expressions():
        if clause.arg_key != "where":
            yield from (c for c in clause.find_all(exp.Column) if level_of(c) == scope.level)


def _split(node: exp.Expr, kind: type[exp.Connector]) -> Iterator[exp.Expr]:
    node = _plain(node)
    if isinstance(node, kind):
        yield from _split(node.left, kind)
        yield from _split(node.right, kind)
    else:
        yield node


def _plain(node: exp.Expr) -> exp.Expr:
    return _plain(node.this) if isinstance(node, exp.Paren) else node


def _inlined(node: exp.Expr, given: Mapping[str, exp.Expr]) -> exp.Expr:
    """Return *node* with what the query below gives in place of its columns."""
    copy = exp.Paren(this=node.copy())
    for column in list(copy.find_all(exp.Column)):
        found = given[column.name.lower()].copy()
        column.replace(found if isinstance(found, exp.Column | exp.Window | Template) else exp.Paren(this=found))
    return copy


def _windows(node: exp.Expr) -> set[str | None]:
    return {rendered(w) for w in node.find_all(exp.Window)}


def _is_one(node: exp.Expr) -> exp.Expr | None:
    """What is compared in `x = 1`, or None if *node* is no such comparison."""
    if not isinstance(node, exp.EQ):
        return None
    sides = [_plain(node.left), _plain(node.right)]
    others = [s for s in sides if not (isinstance(s, exp.Literal) and not s.is_string and s.name == "1")]
    return others[0] if len(others) == 1 else None


def _is_first(part: exp.Expr, shape: _Shape) -> bool:
    """Whether *part* asks for the first row in the random order."""
    found = _is_one(part)
    inner = found.expressions[0] if isinstance(found, Template) and len(found.expressions) == 1 else found
    return isinstance(inner, exp.Window) and rendered(inner) == shape.rank


def _drawn(shape: _Shape) -> exp.Expr:
    first = exp.column(exp.to_identifier(_FIRST, quoted=True), table=exp.to_identifier(_TOTALS, quoted=True))
    return exp.EQ(this=reference(shape.table, Column(PLACE, LONG)), expression=first)


def _is_only(parts: Sequence[exp.Expr]) -> bool:
    """Whether *parts* ask for a row with a condition, and for partitions with one such row."""
    conditions = {rendered(part) for part in parts}
    counted = (_counted(total) for part in parts if (total := _is_one(part)) is not None)
    return any(condition is not None and rendered(condition) in conditions for condition in counted)


def _counted(node: exp.Expr) -> exp.Expr | None:
    """The condition whose rows *node* counts over the whole partition."""
    call = node.this if isinstance(node, exp.Window) and not node.args.get("order") else None
    if not isinstance(call, Template) or len(call.expressions) != 1:
        return None
    if call.this == "count(CASE WHEN {0} THEN 1 END)":
        return _plain(call.expressions[0])
    case = call.expressions[0]
    if call.this != "sum({0})" or not isinstance(case, exp.Case) or case.this is not None:
        return None
    ifs, default = case.args["ifs"], case.args.get("default")
    numbers = [ifs[0].args["true"].name, default.name if default is not None else "0"]
    return _plain(ifs[0].this) if len(ifs) == 1 and numbers == ["1", "0"] else None


# -- the plan -----------------------------------------------------------------------------------------------


def _rewritten(inner: exp.Select, condition: exp.Expr, shape: _Shape) -> exp.Expr:
    """Return the plan for *inner* with *condition*, which are used up."""
    inner.set("order", None)
    inner.set("qualify", exp.Qualify(this=condition))
    rows = stand_on_columns(inner, shape.level)
    windows = list(inner.find_all(exp.Window))
    shape = _Shape(shape.table, shape.level, windows[0].args["partition_by"])
    for window in {rendered(w): w for w in windows}.values():
        shape._add(window)
    return template(_text(inner, rows, condition, shape).replace("{", "{{").replace("}", "}}"))


def _text(inner: exp.Select, rows: exp.Select, condition: exp.Expr, shape: _Shape) -> str:
    source = f"({rendered(rows)}) AS {RELATION}"
    keys = {rendered(key): f"_key{n}" for n, key in enumerate(shape.partition)}
    totals = {text: f"_total{n}" for n, text in enumerate(shape.totals)}
    running = {text: f"_running{n}" for n, text in enumerate(shape.running)}
    place = rendered(shape.order[-1].this)
    first = [f"arg_min({place}, random()) AS {_FIRST}", f"count(*) AS {_COUNT}"] if shape.rank else []
    rank = f"CASE WHEN {place} = {_FIRST} THEN 1 ELSE 2 + CAST(floor(random() * ({_COUNT} - 1)) AS BIGINT) END"
    of_totals = {text: f"{_TOTALS}.{name}" for text, name in totals.items()}
    of_picked = {text: f"{_PICKED}.{name}" for text, name in totals.items()}
    of_before = {text: f"{_BEFORE}.{name}" for text, name in running.items()}
    told = {**of_picked, **of_before, **({shape.rank: f"{_PICKED}.{_RANK}"} if shape.rank else {})}
    totalled = [f"{key} AS {name}" for key, name in keys.items()]
    totalled += [f"{rendered(call)} AS {totals[text]}" for text, call in shape.totals.items()]
    picked = [f"{RELATION}.*", *of_totals.values(), f"{place} AS {_ROW}", *([f"{rank} AS {_RANK}"] if first else [])]
    before = [f"{_PICKED}.{_ROW}", *(f"{rendered(call)} AS {running[text]}" for text, call in shape.running.items())]
    same = [f"{key} IS NOT DISTINCT FROM {_TOTALS}.{name}" for key, name in keys.items()]
    together = [f"{rendered(key)} IS NOT DISTINCT FROM {_of_picked(key, {})}" for key in shape.partition]
    columns = [f"{_of_picked(e.this, told)} AS {rendered(e.args['alias'])}" for e in inner.expressions]
    return f"""WITH {_TOTALS} AS (SELECT {_list(totalled + first)} FROM {source} GROUP BY {_list(keys)}),
 {_PICKED} AS MATERIALIZED (SELECT {_list(picked)} FROM {source} JOIN {_TOTALS} ON {" AND ".join(same)}
  WHERE {_in_words(condition, of_totals, RELATION)}),
 {_BEFORE} AS (SELECT {_list(before)} FROM {source} JOIN {_PICKED} ON {" AND ".join(together)}
  WHERE {_no_later(shape.order)} GROUP BY {_PICKED}.{_ROW})
 SELECT {_list(columns)} FROM {_PICKED} JOIN {_BEFORE} ON {_PICKED}.{_ROW} = {_BEFORE}.{_ROW}"""


def _list(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def _of_picked(node: exp.Expr, windows: Mapping[str, str]) -> str:
    return _in_words(node, windows, _PICKED)


def _in_words(node: exp.Expr, windows: Mapping[str, str], relation: str) -> str:
    """Return *node* as text, with columns in place of *windows* and *relation* in place of the rows below."""
    copy = exp.Paren(this=node.copy())
    for window in list(copy.find_all(exp.Window)):
        window.replace(template(windows[rendered(window)]))
    for column in copy.find_all(exp.Column):
        if column.table == RELATION:
            column.set("table", exp.to_identifier(relation, quoted=True))
    return rendered(copy)


def _no_later(order: Sequence[exp.Expr]) -> str:
    """The condition that a row does not come after a picked one: by the first key, or equal there and by the rest."""
    mine, other = rendered(order[0].this), _of_picked(order[0].this, {})
    if len(order) == 1:
        return f"{mine} <= {other}"  # places are never NULL
    sooner = f"{mine} {'>' if order[0].args.get('desc') else '<'} {other}"
    null, known = (mine, other) if order[0].args.get("nulls_first") else (other, mine)
    empty = f"({null} IS NULL AND {known} IS NOT NULL)"
    return f"({sooner} OR {empty} OR ({mine} IS NOT DISTINCT FROM {other} AND {_no_later(order[1:])}))"
