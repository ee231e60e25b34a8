"""C44a: the featurization query, as it stands, as a table, and inside a block (section 7.3)."""

from __future__ import annotations

import datetime as dt
from random import Random
from typing import Any

from tests.conformance.fixtures import Row, World
from tests.conformance.model import Case, OneOfEach, Query

KINDS = ("sent", "opened", "clicked", "viewed", "interacted", "dismissed", "link")
FRAME = (
    "OVER (PARTITION BY {_tenant}.{userid} ORDER BY {timestamp}\n"
    "        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
)
C44A = "\n".join(
    [
        "SELECT * FROM (",
        "  SELECT {_tenant}.{userid} AS userId, {eventType}, {timestamp},",
        "    SUM(CASE WHEN {eventType} = '{goal}' THEN 1 ELSE 0 END)",
        '        OVER (PARTITION BY {_tenant}.{userid}) AS "converted",',
        *(
            f"    SUM(CASE WHEN {{eventType}} = '{{{kind}}}' THEN 1 ELSE 0 END) {FRAME} AS \"count_E{n}\","
            for n, kind in enumerate(KINDS, 1)
        ),
        *(
            f"    TIME_BETWEEN_PREVIOUS_MATCH({{timestamp}}, {{eventType}} = '{{{kind}}}', '{{unit}}') {FRAME}"
            f' AS "minutes_since_E{n}",'
            for n, kind in enumerate(KINDS, 1)
        ),
        "    row_number() OVER (PARTITION BY {_tenant}.{userid} ORDER BY randn()) AS random_row",
        "  FROM {ev_n}",
        ")",
        "WHERE (converted = 1 AND {eventType} = '{goal}') OR (converted = 0 AND random_row = 1)",
        "ORDER BY {timestamp}",
    ]
)

NAMES = [
    "userId",
    "{eventType}",
    "{timestamp}",
    "converted",
    *(f"count_E{n}" for n in range(1, 8)),
    *(f"minutes_since_E{n}" for n in range(1, 8)),
    "random_row",
]
TYPES = ["text", "text", "timestamp", *["int8"] * 8, *["int4"] * 7, "int4"]
STORED = ["text", "text", "timestamp", *["int8"] * 8, *["int4"] * 7, "int4"]
SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}


def since(moment: dt.datetime, matches: list[dt.datetime], unit: str) -> int | None:
    """Whole units since the last match, None without one."""
    return int((moment - max(matches)) / dt.timedelta(seconds=SECONDS[unit])) if matches else None


def features(w: World, user: str, event: Row, converted: int) -> tuple[Any, ...]:
    """An event's row without its last column, by going through every earlier event of its user."""
    moment = event["timestamp"]
    earlier = [e for e in w["ev_n"] if e["_tenant"]["userid"] == user and e["timestamp"] <= moment]
    matches = [[e["timestamp"] for e in earlier if e["eventType"] == w.names[kind]] for kind in KINDS]
    minutes = (since(moment, times, w.values["unit"]) for times in matches)
    return (user, event["eventType"], moment, converted, *map(len, matches), *minutes)


def picked(w: World) -> OneOfEach:
    """For every user, the rows that may stand for it."""
    groups = []
    for user in dict.fromkeys(row["_tenant"]["userid"] for row in w["ev_n"]):
        mine = [row for row in w["ev_n"] if row["_tenant"]["userid"] == user]
        goals = [row for row in mine if row["eventType"] == w.names["goal"]]
        if len(goals) == 1:
            groups.append([(*features(w, user, goals[0], 1), n) for n in range(1, len(mine) + 1)])
        elif not goals:
            groups.append([(*features(w, user, row, 0), 1) for row in mine])
    return OneOfEach(groups, by=2)


def unit(w: World, random: Random) -> dict[str, Any]:
    return {"unit": random.choice(sorted(SECONDS))}


PUBLISHED = OneOfEach(picked(World(**{**vars(World.contract()), "values": {"unit": "minutes"}})).groups, by=2)

CASES = [
    Case("C44a", [Query(C44A, PUBLISHED, picked, names=NAMES, types=TYPES)], {"unit": "minutes"}, unit),
    Case(
        "C44a-as-a-table",
        [
            Query(f"CREATE TABLE {{features}} AS {C44A}", names=["Created Table DataSet Id"]),
            Query("SELECT * FROM {features} ORDER BY {timestamp}", PUBLISHED, picked, names=NAMES, types=STORED),
        ],
        {"unit": "minutes"},
        unit,
        makes=("features",),
    ),
    Case(
        "C44a-in-a-block",
        [
            Query(
                f"$$ BEGIN\nCREATE TABLE {{features}} AS {C44A};\nSELECT 'done';\nEND $$;",
                [("done",)],
                lambda w: [("done",)],
            ),
            Query("SELECT * FROM {features} ORDER BY {timestamp}", PUBLISHED, picked, names=NAMES, types=STORED),
            Query(f"$$ BEGIN\n{C44A};\nEND $$;", PUBLISHED, picked, names=NAMES, types=TYPES),
        ],
        {"unit": "minutes"},
        unit,
        makes=("features",),
    ),
]
