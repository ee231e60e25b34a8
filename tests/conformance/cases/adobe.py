"""C45 to C59: Adobe's functions (section 7.4), each row of the result by a search through all rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from random import Random
from typing import Any

from tests.conformance.cases.dialect import listed
from tests.conformance.cases.featurization import SECONDS, since
from tests.conformance.fixtures import Row, World, at, word
from tests.conformance.model import Rows, case

BACK = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
AHEAD = "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING"


def since_match(kind: str) -> str:
    return (
        f"TIME_BETWEEN_PREVIOUS_MATCH({{timestamp}}, {{eventType}} = '{{{kind}}}', '{{unit}}')"
        f" OVER (PARTITION BY {{_tenant}}.{{userid}} ORDER BY {{timestamp}} {BACK})"
    )


def in_order(w: World, table: str, by: str = "timestamp") -> list[Row]:
    return sorted(w[table], key=lambda row: row[by])


def user(row: Row) -> Any:
    return row["_tenant"]["userid"]


def elapsed(w: World, kind: str) -> list[int | None]:
    """For each event of `ev_n`, the units since its user's last event of a kind."""
    rows = in_order(w, "ev_n")
    found = []
    for row in rows:
        matches = [
            r["timestamp"]
            for r in rows
            if user(r) == user(row) and r["eventType"] == w.names[kind] and r["timestamp"] <= row["timestamp"]
        ]
        found.append(since(row["timestamp"], matches, w.values["unit"]))
    return found


def until(w: World) -> list[int | None]:
    """For each event, minus the units to its user's next e-mail."""
    rows = in_order(w, "ev_n")
    found = []
    for row in rows:
        later = [
            r["timestamp"]
            for r in rows
            if user(r) == user(row) and r["eventType"] == w.names["sent"] and r["timestamp"] >= row["timestamp"]
        ]
        gap = min(later) - row["timestamp"] if later else None
        found.append(None if gap is None else -int(gap / dt.timedelta(seconds=SECONDS[w.values["unit"]])))
    return found


def running(w: World) -> list[int]:
    rows = in_order(w, "ev_n")
    return [
        sum(
            1
            for r in rows
            if user(r) == user(row) and r["eventType"] == w.names["sent"] and r["timestamp"] <= row["timestamp"]
        )
        for row in rows
    ]


def unit(w: World, random: Random) -> dict[str, Any]:
    return {"unit": random.choice(sorted(SECONDS))}


def some_rows(w: World, random: Random) -> dict[str, Any]:
    places = sorted(random.sample(range(1, len(w["ev_n"]) + 1), 4))
    return {**unit(w, random), "places": ", ".join(map(str, places)), "listed": places}


def averages(w: World) -> Rows:
    found = []
    for page in {page for page, _ in w.values["rows"]}:
        mine = [m for p, m in w.values["rows"] if p == page]
        found.append((page, None if page is None else sum(mine) / len(mine)))
    return sorted(found, key=lambda row: (row[1] is not None, row[1] or 0.0))


def visits(w: World, random: Random) -> dict[str, Any]:
    rows = [(random.choice([None, "x", "y", "z"]), random.randint(0, 9)) for _ in range(random.randint(2, 9))]
    return {"rows": rows, "values": listed(rows)}


VISITS = [("x", 5), ("x", 6), (None, 4), ("y", 0)]

# -- sessions -----------------------------------------------------------------------------------------------------

Begins = Callable[[Row, Row, int, World], bool]
"""Whether a row begins a session: the row before, the row, the seconds between."""


def product(text: str) -> int:
    """A product as it is written: `60*30`."""
    first, second = text.split("*")
    return int(first) * int(second)


def sessions(w: World, begins: Begins) -> Rows:
    """(seconds, number, is new, depth) of each row of `ev_s`, in order."""
    last: dict[str, Row] = {}
    state: dict[str, tuple[int, int]] = {}
    found = []
    for row in in_order(w, "ev_s"):
        before = last.get(row["id"])
        gap = 0 if before is None else int((row["timestamp"] - before["timestamp"]).total_seconds())
        new = before is None or begins(before, row, gap, w)
        number, depth = state.get(row["id"], (0, 0))
        state[row["id"]] = (number + 1, 1) if new else (number, depth + 1)
        last[row["id"]] = row
        found.append(((gap, state[row["id"]][0], new, state[row["id"]][1]),))
    return found


def session_sql(call: str) -> str:
    window = f"(PARTITION BY {{id}} ORDER BY {{timestamp}} {BACK})"
    return f"SELECT {call} OVER {window} AS s FROM {{ev_s}} ORDER BY {{timestamp}}"


STARTED = [
    ((0, 1, True, 1),),
    ((58, 1, False, 2),),
    ((56, 1, False, 3),),
    ((40, 2, True, 1),),
    ((55, 2, False, 2),),
    ((1361821, 2, False, 3),),
    ((54, 2, False, 4),),
    ((49, 2, False, 5),),
    ((33, 2, False, 6),),
    ((31, 2, False, 7),),
]

# -- pathing ------------------------------------------------------------------------------------------------------


def stepped(w: World, *, ahead: bool, shift: int, skip_nulls: bool) -> Rows:
    """For each page, the one that many before or after it."""
    rows = in_order(w, "ev_p", "n")
    found = []
    for row in rows:
        others = [
            r["name"] for r in rows if r["id"] == row["id"] and (r["n"] > row["n"] if ahead else r["n"] < row["n"])
        ]
        others = others if ahead else others[::-1]
        if skip_nulls:
            others = [name for name in others if name is not None]
        found.append((others[shift - 1] if len(others) >= shift else None,))
    return found


def steps(w: World, random: Random) -> dict[str, Any]:
    ignore = random.random() < 0.5
    return {"shift": random.randint(1, 3), "ignore": str(ignore).lower(), "ignores": ignore}


# -- attribution --------------------------------------------------------------------------------------------------

Chooses = Callable[[list[Row], int, World], Row | None]
"""From the rows of one visitor, and the place of one of them, the touch that it is attributed to."""


def attributed(w: World, table: str, label: str, *choices: Chooses) -> Rows:
    rows = in_order(w, table)
    found = []
    for row in rows:
        mine = [r for r in rows if r["id"] == row["id"]]
        touches = [choose(mine, mine.index(row), w) for choose in choices]
        found.append(tuple(None if t is None else (w.values[label], t["ch"], t["timestamp"], 1.0) for t in touches))
    return found


def first_of(rows: list[Row]) -> Row | None:
    return next((row for row in rows if row["ch"] is not None), None)


def last_of(rows: list[Row]) -> Row | None:
    return first_of(rows[::-1])


def segment(rows: list[Row], place: int, *, before: bool) -> tuple[int, int]:
    """Where the segment of a row begins and ends: TRUE ends one, or begins one if *before*."""
    true = [row["buy"] is not None and row["buy"] > 0 for row in rows]
    starts = [n for n in range(len(rows)) if n == 0 or (true[n] if before else true[n - 1])]
    start = max(n for n in starts if n <= place)
    return start, min((n for n in starts if n > place), default=len(rows))


def first_exp_if(before: bool) -> Chooses:
    def choose(rows: list[Row], place: int, w: World) -> Row | None:
        return first_of(rows[segment(rows, place, before=before)[0] : place + 1])

    return choose


def last_exp_if(before: bool) -> Chooses:
    def choose(rows: list[Row], place: int, w: World) -> Row | None:
        start, end = segment(rows, place, before=before)
        return last_of(rows[start:end])

    return choose


def within(rows: list[Row], moment: dt.datetime, earliest: int, latest: int) -> list[Row]:
    return [
        r
        for r in rows
        if moment + dt.timedelta(seconds=earliest) <= r["timestamp"] <= moment + dt.timedelta(seconds=latest)
    ]


def first_timeout(rows: list[Row], place: int, w: World) -> Row | None:
    return first_of(within(rows, rows[place]["timestamp"], -w.values["seconds"], 0))


def last_timeout(rows: list[Row], place: int, w: World) -> Row | None:
    return last_of(within(rows, rows[place]["timestamp"], 0, w.values["seconds"]))


def at_row(rows: list[Row], label: str, *columns: str) -> Rows:
    """Columns written `A1 A1 – B5`: a value, and the row (from 1) that holds it."""

    def touch(text: str) -> tuple[Any, ...] | None:
        return None if text == "–" else (label, text[0], rows[int(text[1:]) - 1]["timestamp"], 1.0)

    return list(zip(*(map(touch, column.split()) for column in columns), strict=True))


def labelled(w: World, random: Random) -> dict[str, Any]:
    return {"label": word(random), "seconds": int(10 ** random.uniform(2, 6.5))}


def attribution_sql(table: str, *calls: str) -> str:
    columns = ", ".join(
        f"{call} OVER (PARTITION BY {{id}} ORDER BY {{timestamp}} {BACK}) AS a{n}" for n, call in enumerate(calls)
    )
    return f"SELECT {columns} FROM {{{table}}} ORDER BY {{timestamp}}"


CONTRACT = World.contract()
T, X = CONTRACT["ev_t"], CONTRACT["ev_x"]
MATCH = "{buy} > 0"

CASES = [
    case(
        "C45",
        f"SELECT {since_match('sent')} AS m FROM {{ev_n}} ORDER BY {{timestamp}}",
        [(m,) for m in (*[None] * 7, 0, 0, 5967, 0, 0, 0, 0, 2877)],
        lambda w: [(m,) for m in elapsed(w, "sent")],
        types=["int4"],
        values={"unit": "minutes"},
        draw=unit,
    ),
    case(
        "C46",
        f"SELECT {since_match('viewed')} AS m FROM {{ev_n}} ORDER BY {{timestamp}}",
        [(m,) for m in (*[None] * 4, 0, 0, 20, 7232, 16383, 22350, 34428, 36686, 40195, 41128, 44005)],
        lambda w: [(m,) for m in elapsed(w, "viewed")],
        types=["int4"],
        values={"unit": "minutes"},
        draw=unit,
    ),
    case(
        "C47",
        f"SELECT {since_match('link')} AS m, SUM(CASE WHEN {{eventType}} = '{{sent}}' THEN 1 ELSE 0 END)"
        f" OVER (PARTITION BY {{_tenant}}.{{userid}} ORDER BY {{timestamp}} {BACK}) AS n"
        " FROM {ev_n} ORDER BY {timestamp}",
        list(
            zip(
                (*[None] * 5, 0, 0, 7211, 16362, 22329, 34407, 36665, 40175, 41107, 43985),
                (*[0] * 7, 1, 2, 2, 3, 4, 5, 6, 6),
                strict=True,
            )
        ),
        lambda w: list(zip(elapsed(w, "link"), running(w), strict=True)),
        types=["int4", "int8"],
        values={"unit": "minutes"},
        draw=unit,
    ),
    case(
        "C48",
        f"SELECT {since_match('never')} AS m FROM {{ev_n}} ORDER BY {{timestamp}}",
        [(None,)] * 15,
        lambda w: [(m,) for m in elapsed(w, "never")],
        types=["int4"],
        values={"unit": "minutes"},
        draw=unit,
    ),
    case(
        "C49",
        "SELECT n, m FROM (SELECT row_number() OVER (ORDER BY {timestamp}) AS n,"
        " TIME_BETWEEN_NEXT_MATCH({timestamp}, {eventType}='{sent}', '{unit}')"
        f" OVER (PARTITION BY {{_tenant}}.{{userid}} ORDER BY {{timestamp}} {AHEAD}) AS m FROM {{ev_n}})"
        " WHERE n IN ({places}) ORDER BY n",
        [(7, -7211), (8, 0), (10, -12078), (15, None)],
        lambda w: [(n, m) for n, m in enumerate(until(w), 1) if n in w.values["listed"]],
        values={"unit": "minutes", "places": "7, 8, 10, 15", "listed": [7, 8, 10, 15]},
        draw=some_rows,
    ),
    case(
        "C50",
        "SELECT page, SUM(m)/COUNT(page) a FROM (VALUES {values}) t(page,m) GROUP BY page ORDER BY a",
        [(None, None), ("y", 0.0), ("x", 5.5)],
        averages,
        by=(1,),
        types=["text", "float8"],
        values={"rows": VISITS, "values": listed(VISITS)},
        draw=visits,
    ),
    case(
        "C51",
        session_sql("SESS_TIMEOUT({timestamp}, {seconds})"),
        [
            ((0, 1, True, 1),),
            ((58, 1, False, 2),),
            ((56, 1, False, 3),),
            ((40, 1, False, 4),),
            ((55, 1, False, 5),),
            ((1361821, 2, True, 1),),
            ((54, 2, False, 2),),
            ((49, 2, False, 3),),
            ((33, 2, False, 4),),
            ((31, 2, False, 5),),
        ],
        lambda w: sessions(w, lambda before, row, gap, w: gap > product(w.values["seconds"])),
        wire=[
            ["(0,1,t,1)"],
            ["(58,1,f,2)"],
            ["(56,1,f,3)"],
            ["(40,1,f,4)"],
            ["(55,1,f,5)"],
            ["(1361821,2,t,1)"],
            ["(54,2,f,2)"],
            ["(49,2,f,3)"],
            ["(33,2,f,4)"],
            ["(31,2,f,5)"],
        ],
        values={"seconds": "60*30"},
        draw=lambda w, random: {"seconds": f"{random.randint(1, 60)}*{random.choice([1, 60, 600])}"},
    ),
    case(
        "C52",
        session_sql("SESS_START_IF({timestamp}, {launches} > {least})"),
        STARTED,
        lambda w: sessions(
            w, lambda before, row, gap, w: row["launches"] is not None and row["launches"] > w.values["least"]
        ),
        values={"least": 0},
        draw=lambda w, random: {"least": random.randint(0, 1)},
    ),
    case(
        "C53",
        session_sql("SESS_END_IF({timestamp}, {closes} > 0)"),
        STARTED,
        lambda w: sessions(w, lambda before, row, gap, w: before["closes"] is not None and before["closes"] > 0),
    ),
    case(
        "C54",
        f"SELECT PREVIOUS({{name}}{{more}}) OVER (PARTITION BY {{id}} ORDER BY {{n}} {BACK}).value AS v"
        " FROM {ev_p} ORDER BY {n}",
        [(v,) for v in (None, None, "Home", "Kids", None, "Home", "Kids", "Search", "Detail", "Cart")],
        lambda w: stepped(w, ahead=False, shift=w.values["shift"], skip_nulls=w.values["ignores"]),
        types=["text"],
        values={"more": "", "shift": 1, "ignores": False},
        draw=lambda w, random: (lambda drawn: {**drawn, "more": f", {drawn['shift']}, {drawn['ignore']}"})(
            steps(w, random)
        ),
    ),
    case(
        "C55",
        f"SELECT NEXT({{name}}, {{shift}}, {{ignore}}) OVER (PARTITION BY {{id}} ORDER BY {{n}} {AHEAD}).value AS v"
        " FROM {ev_p} ORDER BY {n}",
        [(v,) for v in ("Home", "Kids", "Home", "Home", "Kids", "Search", "Detail", "Cart", "Shipping", None)],
        lambda w: stepped(w, ahead=True, shift=w.values["shift"], skip_nulls=w.values["ignores"]),
        types=["text"],
        values={"shift": 1, "ignore": "true", "ignores": True},
        draw=steps,
    ),
    case(
        "C56",
        attribution_sql("ev_t", "ATTRIBUTION_FIRST_TOUCH({timestamp}, '{label}', {ch})"),
        [(("Paid First", "A", at("2018-12-18 07:06:12"), 1.0),)] * 10,
        lambda w: attributed(w, "ev_t", "label", lambda rows, place, w: first_of(rows[: place + 1])),
        wire=[["(Paid First,A,2018-12-18 07:06:12,1.0)"]] * 10,
        values={"label": "Paid First"},
        draw=labelled,
    ),
    case(
        "C57",
        attribution_sql("ev_t", "ATTRIBUTION_LAST_TOUCH({timestamp}, '{label}', {ch})"),
        at_row(T, "L", "A1 A2 A2 A2 B5 B6 B6 C8 C8 D10"),
        lambda w: attributed(w, "ev_t", "label", lambda rows, place, w: last_of(rows[: place + 1])),
        values={"label": "L"},
        draw=labelled,
    ),
    case(
        "C58",
        attribution_sql(
            "ev_x",
            f"ATTRIBUTION_FIRST_TOUCH_EXP_IF({{timestamp}}, '{{label}}', {{ch}}, {MATCH}, false)",
            f"ATTRIBUTION_FIRST_TOUCH_EXP_IF({{timestamp}}, '{{label}}', {{ch}}, {MATCH}, true)",
            "ATTRIBUTION_FIRST_TOUCH_EXP_TIMEOUT({timestamp}, '{label}', {ch}, {seconds})",
        ),
        at_row(
            X,
            "F",
            "a1 a1 a1 a1 b5 b5 b5 c8 c8 d10",
            "a1 a1 a1 – b5 b5 – c8 – d10",
            "a1 a1 a1 a1 a1 a1 a1 b5 b5 c8",
        ),
        lambda w: attributed(w, "ev_x", "label", first_exp_if(False), first_exp_if(True), first_timeout),
        values={"label": "F", "seconds": 86400 * 7},
        draw=labelled,
    ),
    case(
        "C59",
        attribution_sql(
            "ev_x",
            f"ATTRIBUTION_LAST_TOUCH_EXP_IF({{timestamp}}, '{{label}}', {{ch}}, {MATCH}, false)",
            f"ATTRIBUTION_LAST_TOUCH_EXP_IF({{timestamp}}, '{{label}}', {{ch}}, {MATCH}, true)",
            "ATTRIBUTION_LAST_TOUCH_EXP_TIMEOUT({timestamp}, '{label}', {ch}, {seconds})",
        ),
        at_row(
            X,
            "L",
            "a2 a2 a2 a2 b6 b6 b6 c8 c8 d10",
            "a2 a2 a2 b6 b6 b6 c8 c8 – d10",
            "b6 b6 b6 b6 c8 c8 c8 d10 d10 d10",
        ),
        lambda w: attributed(w, "ev_x", "label", last_exp_if(False), last_exp_if(True), last_timeout),
        values={"label": "L", "seconds": 86400 * 7},
        draw=labelled,
    ),
]
