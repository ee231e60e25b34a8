"""SESS_TIMEOUT, SESS_START_IF and SESS_END_IF (SQL contract, section 3.2).

Rows without a time are no part of any session. Of a frame narrower than the partition, the first row begins
session 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from limbeck.query.functions.frames import BEFORE, Over
from limbeck.query.functions.model import Function, template
from limbeck.query.types import BOOLEAN, LONG, typed
from limbeck.xdm.types import Field, Object

_RESULT = Object((Field("timestamp_diff", LONG), Field("num", LONG), Field("is_new", BOOLEAN), Field("depth", LONG)))

_STRUCT = """CASE WHEN {0} THEN {{'timestamp_diff': CAST({1} AS BIGINT), 'num': CAST({2} AS BIGINT),
 'is_new': {3}, 'depth': CAST({4} AS BIGINT)}} END"""

Begins = Callable[[Sequence[exp.Expr], exp.Expr, Over], exp.Expr]
"""From the arguments and the gap in seconds to whether a row begins a session."""


def _timeout(arguments: Sequence[exp.Expr], gap: exp.Expr, _over: Over) -> exp.Expr:
    return template("{0} > {1}", gap.copy(), arguments[1].copy())


def _start(arguments: Sequence[exp.Expr], _gap: exp.Expr, _over: Over) -> exp.Expr:
    return arguments[1].copy()


def _end(arguments: Sequence[exp.Expr], _gap: exp.Expr, over: Over) -> exp.Expr:
    """Whether the row before this one, of those with a time, ends its session."""
    moment, test = arguments
    text = "lag(CASE WHEN {0} IS NOT NULL THEN coalesce({1}, false) END IGNORE NULLS)"
    return over.shifted(text, moment, test)


def _session(begins: Begins) -> Callable[[Sequence[exp.Expr], Over], exp.Expr]:
    def build(arguments: Sequence[exp.Expr], over: Over) -> exp.Expr:
        moment = arguments[0]
        before = over.shifted("lag({0} IGNORE NULLS)", moment)
        gap = template("date_sub('second', {0}, {1})", before, moment.copy())
        count = over.call("count({0})", moment, spec=BEFORE)
        new = template(
            "({0} IS NOT NULL AND ({1} = 1 OR coalesce({2}, false)))",
            moment.copy(),
            count.copy(),
            begins(arguments, gap, over),
        )
        number, new, gap = over.below(count), over.below(new), over.below(gap)
        sessions = over.call("count(*) FILTER (WHERE {0})", new, spec=BEFORE)
        begun = over.call("max({0}) FILTER (WHERE {1})", number, new, spec=BEFORE)
        if over.holds_all_before:
            depth = template("{0} - {1} + 1", number.copy(), begun)
            known = template("{0} IS NOT NULL", moment.copy())
            first_gap = template("coalesce({0}, 0)", gap.copy())
            return typed(template(_STRUCT, known, first_gap, sessions, new.copy(), depth), _RESULT)
        return _within(moment, over, number, new, gap, over.below(sessions), over.below(begun))

    return build


def _within(
    moment: exp.Expr,
    over: Over,
    number: exp.Expr,
    new: exp.Expr,
    gap: exp.Expr,
    sessions: exp.Expr,
    begun: exp.Expr,
) -> exp.Expr:
    """The session of a row counted from the first row of its frame; NULL if the frame leaves the row out."""
    first, last = (over.call(f"{f}({{0}}) FILTER (WHERE {{1}} IS NOT NULL)", number, moment) for f in ("min", "max"))
    base = over.call("min({0}) FILTER (WHERE {1} IS NOT NULL)", sessions, moment)
    inside = template("{0} IS NOT NULL AND {1} BETWEEN {2} AND {3}", moment.copy(), number.copy(), first, last)
    since = template("CASE WHEN {0} = {1} THEN 0 ELSE {2} END", number.copy(), first.copy(), gap.copy())
    num = template("{0} - {1} + 1", sessions.copy(), base)
    is_new = template("({0} OR {1} = {2})", new.copy(), number.copy(), first.copy())
    depth = template("{0} - greatest({1}, {2}) + 1", number.copy(), begun.copy(), first.copy())
    return typed(template(_STRUCT, inside, since, num, is_new, depth), _RESULT)


_FORMS = {2: ""}

FUNCTIONS = {
    "sess_timeout": Function(_FORMS, _RESULT, "window", "tn", windowed=_session(_timeout)),
    "sess_start_if": Function(_FORMS, _RESULT, "window", "t-", windowed=_session(_start), test=1),
    "sess_end_if": Function(_FORMS, _RESULT, "window", "t-", windowed=_session(_end), test=1),
}
