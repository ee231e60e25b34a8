"""The window that one of Adobe's functions stands before, as the material for other windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sqlglot import exp

from limbeck.errors import SqlSyntaxError
from limbeck.query.below import made
from limbeck.query.dialect import position, rendered
from limbeck.query.functions.model import template
from limbeck.query.marks import at_level, row_wise
from limbeck.query.types import LONG, type_of, typed


def rows(start: str, end: str) -> exp.WindowSpec:
    """Return the frame `ROWS BETWEEN start AND end`; each is `UNBOUNDED`, `CURRENT ROW` or `1 PRECEDING`."""
    return _spec("ROWS", start, end)


def _spec(kind: str, start: str, end: str) -> exp.WindowSpec:
    sides = {"UNBOUNDED": ("PRECEDING", "FOLLOWING"), "CURRENT ROW": (None, None)}
    word, _, side = start.partition(" ") if start not in sides else (start, "", sides[start][0])
    last, _, last_side = end.partition(" ") if end not in sides else (end, "", sides[end][1])
    return exp.WindowSpec(kind=kind, start=word, start_side=side, end=last, end_side=last_side)


BEFORE = rows("UNBOUNDED", "CURRENT ROW")
"""From the first row of the partition to this one."""

WHOLE = rows("UNBOUNDED", "UNBOUNDED")
"""The whole partition."""


@dataclass(frozen=True, slots=True)
class Over:
    """What stands behind OVER, its parts bound; it belongs to the SELECT at *level*."""

    partition: Sequence[exp.Expr]
    order: exp.Order | None
    spec: exp.WindowSpec | None
    level: int

    @classmethod
    def of(cls, window: exp.Window, level: int) -> Over:
        """Return the parts of *window*; raise `SqlSyntaxError` for a frame that Adobe's functions do not take."""
        spec = window.args.get("spec")
        if spec is not None:
            _check(spec)
        return cls(window.args.get("partition_by") or [], window.args.get("order"), spec, level)

    # -- the frame -----------------------------------------------------------------------------------------

    @property
    def frame(self) -> exp.WindowSpec:
        """The frame as written; without one it ends with the rows equal to this one, or is everything."""
        if self.spec is not None:
            return self.spec
        return WHOLE if self.order is None else _spec("RANGE", "UNBOUNDED", "CURRENT ROW")

    @property
    def is_range(self) -> bool:
        """Whether the frame takes or leaves rows equal in order together."""
        return bool(self.frame.args["kind"] != "ROWS")

    @property
    def holds_all_before(self) -> bool:
        """Whether the frame has every row from the first one to this."""
        return self.frame.args["start"] == "UNBOUNDED" and _side(self.frame, "end") != "PRECEDING"

    @property
    def holds_all_after(self) -> bool:
        """Whether the frame has every row from this one to the last."""
        return self.frame.args.get("end") == "UNBOUNDED" and _side(self.frame, "start") != "FOLLOWING"

    @property
    def rows_after(self) -> int | None:
        """How many rows behind this one the frame has at most; None: as many as there are."""
        if self.is_range or self.frame.args.get("end") == "UNBOUNDED":
            return None
        return int(self.frame.args["end"].name) if _side(self.frame, "end") == "FOLLOWING" else 0

    def until_here(self) -> exp.WindowSpec | None:
        """Return the frame without what lies behind this row; None if nothing is left of it."""
        if _side(self.frame, "start") == "FOLLOWING":
            return None
        return self._cut("end") if _side(self.frame, "end") == "FOLLOWING" else self.frame

    def from_here(self) -> exp.WindowSpec | None:
        """Return the frame without what lies before this row; None if nothing is left of it."""
        if _side(self.frame, "end") == "PRECEDING":
            return None
        return self._cut("start") if _side(self.frame, "start") == "PRECEDING" else self.frame

    def _cut(self, key: str) -> exp.WindowSpec:
        spec = self.frame.copy()
        spec.set(key, "CURRENT ROW")
        spec.set(f"{key}_side", None)
        return spec

    def is_by(self, moment: exp.Expr) -> bool:
        """Return whether the rows are in the order of time, *moment* being it."""
        first = self.order.expressions[0] if self.order is not None and self.order.expressions else None
        return first is not None and not first.args.get("desc") and rendered(first.this) == rendered(moment)

    def within(self, segment: exp.Expr) -> Over:
        """Return this window with its partitions divided by *segment*."""
        return replace(self, partition=[*self.partition, segment])

    # -- windows -------------------------------------------------------------------------------------------

    def call(
        self,
        text: str,
        *arguments: exp.Expr,
        spec: exp.WindowSpec | None = None,
        order: exp.Order | None = None,
    ) -> exp.Expr:
        """Return the call *text* with *arguments* over these rows, in the frame *spec* or else as written.

        *order* stands in place of the window's own.
        """
        order = order if order is not None else self.order
        frame = spec if spec is not None else self.frame
        window = exp.Window(
            this=template(text, *(a.copy() for a in arguments)),
            partition_by=[p.copy() for p in self.partition],
            order=order.copy() if order is not None else None,
            spec=frame.copy(),
            over="OVER",
        )
        at_level(window, self.level)
        return row_wise(window, adobe=True) if frame.args["kind"] == "ROWS" else window

    def shifted(self, text: str, *arguments: exp.Expr) -> exp.Expr:
        """Return a call that looks at rows by their distance, without a frame."""
        window = self.call(text, *arguments, spec=WHOLE)
        window.set("spec", None)
        return window

    def below(self, node: exp.Expr) -> exp.Expr:
        """Return *node* as a column that is made in a query below."""
        return made(node, self.level)

    def number(self) -> exp.Expr:
        """Return the number of a row in its partition, from 1."""
        return self.below(typed(self.shifted("row_number()"), LONG))

    def pick(self, which: Literal["first", "last"], value: exp.Expr, spec: exp.WindowSpec | None = None) -> exp.Expr:
        """Return the first or last *value* of a frame that is not NULL, in the order of the rows."""
        frame = spec if spec is not None else self.frame
        if frame.args["kind"] == "ROWS":
            return typed(self.call(f"{which}_value({{0}} IGNORE NULLS)", value, spec=frame), type_of(value))
        function = "arg_min" if which == "first" else "arg_max"
        text = f"{function}({{0}}, {{1}}) FILTER (WHERE {{0}} IS NOT NULL)"
        return typed(self.call(text, value, self.number(), spec=frame), type_of(value))


def _side(spec: exp.WindowSpec, key: str) -> str | None:
    """On which side of this row a frame begins or ends, None for at it."""
    if spec.args.get(key) == "UNBOUNDED":
        return "PRECEDING" if key == "start" else "FOLLOWING"
    found: str | None = spec.args.get(f"{key}_side")
    bound = spec.args.get(key)
    return None if isinstance(bound, exp.Literal) and bound.name == "0" else found


def _check(spec: exp.WindowSpec) -> None:
    if spec.args.get("kind") not in ("ROWS", "RANGE") or spec.args.get("exclude"):
        raise SqlSyntaxError("Adobe's functions take frames of ROWS or RANGE, without EXCLUDE", position=position(spec))
    if spec.args.get("start") == "UNBOUNDED" and spec.args.get("start_side") == "FOLLOWING":
        raise SqlSyntaxError("a frame does not begin behind the last row", position=position(spec))
    for key in ("start", "end"):
        bound = spec.args.get(key)
        whole = isinstance(bound, str) or bound is None or (isinstance(bound, exp.Literal) and bound.is_int)
        if spec.args["kind"] == "ROWS" and not whole:
            raise SqlSyntaxError(
                "ROWS counts rows: a whole number stands before PRECEDING and FOLLOWING", position=position(spec)
            )
