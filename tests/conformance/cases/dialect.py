"""C16 to C44: the dialect (section 7.3)."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Sequence
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from tests.conformance.cases.wire import any_event, ecid, one
from tests.conformance.fixtures import Row, World, at, word
from tests.conformance.model import Case, Query, Rows, case

Values = dict[str, Any]


def by_id(w: World) -> list[Row]:
    return sorted(w["ev"], key=lambda row: row["_id"])


def customers(w: World) -> list[Row]:
    return sorted(w["cust"], key=lambda row: row["id"])


def number(text: str | None) -> int | None:
    """A text as a number, as Spark casts it."""
    return int(text) if text is not None and text.isdigit() else None


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return "'" + value + "'" if isinstance(value, str) else str(value)


def listed(rows: Sequence[tuple[Any, ...]]) -> str:
    """Rows as the text of VALUES."""
    return ", ".join("(" + ", ".join(map(literal, row)) + ")" for row in rows)


# -- C16 to C21 ---------------------------------------------------------------------------------------------------


def starts(w: World, random: Random) -> Values:
    first = random.choice(w["cust"])["name"][0]
    return {"a": random.choice([first.lower(), first.upper()]), "A": first}


def ilike(w: World) -> Rows:
    start = w.values["a"].lower()
    return [(row["name"],) for row in customers(w) if row["name"].lower().startswith(start)]


def like(w: World) -> Rows:
    return [(row["name"],) for row in customers(w) if row["name"].startswith(w.values["A"])]


def somebody(w: World, random: Random) -> Values:
    return {"who": random.choice([row["name"] for row in w["cust"] if "'" not in row["name"]])}


def path(row: Row, *fields: str) -> Any:
    """A field at a path, None where anything on it is."""
    value: Any = row
    for name in fields:
        value = None if value is None else value[name]
    return value


def twice(w: World) -> Rows:
    return [(path(row, "commerce", "order", "purchaseID"),) * 2 for row in by_id(w)]


def cities(w: World, *, descending: bool) -> Rows:
    found = [row["city"] for row in w["cust"]]
    known = sorted((city for city in found if city is not None), reverse=descending)
    nulls = [None] * (len(found) - len(known))
    return [(city,) for city in (known + nulls if descending else nulls + known)]


def mean(w: World) -> Rows:
    m, n = w.values["m"], w.values["n"]
    return [(m / n, None, None, sum(row["id"] for row in w["cust"]) / len(w["cust"]))]


# -- C22 to C35 ---------------------------------------------------------------------------------------------------


def items(row: Row) -> list[Row] | None:
    found: list[Row] | None = row["productListItems"]
    return found


def a_sku(w: World, random: Random) -> Values:
    known = [number(item["SKU"]) for row in w["ev"] for item in items(row) or []]
    return {"sku": random.choice([n for n in known if n is not None] or [7])}


def holding(w: World) -> Rows:
    sku = w.values["sku"]
    return [(row["_id"],) for row in w["ev"] if any(number(item["SKU"]) == sku for item in items(row) or [])]


def nth(w: World) -> Rows:
    place = w.values["place"]
    return [
        (row["_id"], (items(row) or [])[place]["SKU"] if place < len(items(row) or []) else None) for row in by_id(w)
    ]


def per_user(w: World) -> Rows:
    counts: dict[str | None, int] = defaultdict(int)
    for row in w["ev"]:
        counts[path(row, "_tenant", "userid")] += 1
    return sorted(counts.items(), key=lambda pair: -pair[1])


def identities(w: World) -> Rows:
    return [
        (space, identity["id"], identity["primary"], w.values["segment"])
        for space, known in one(w)["identityMap"] or []
        for identity in known
    ]


def exploded(w: World) -> Rows:
    return [(row["_id"], item["SKU"]) for row in w["ev"] for item in items(row) or []]


def times(w: World) -> Rows:
    found = items(one(w))
    if found is None:
        return [(None,)]
    return [([None if i["priceTotal"] is None else i["priceTotal"] * w.values["factor"] for i in found],)]


def above(w: World) -> Rows:
    found = items(one(w))
    skus = [number(item["SKU"]) for item in found or []]
    return [(-1 if found is None else sum(1 for sku in skus if sku is not None and sku > w.values["sku"]),)]


def largest_twice(w: World) -> Rows:
    found = items(one(w))
    if found is None:
        return [(None,)]
    best = 0
    for item in found:
        sku = number(item["SKU"])
        best = sku if sku is not None and sku > best else best
    return [(best * w.values["factor"],)]


def zipped(w: World) -> Rows:
    found = []
    for row in by_id(w):
        if row["_id"] in (w.values["one"], w.values["other"]):
            skus = None if items(row) is None else [item["SKU"] for item in items(row) or []]
            size = max(w.values["n"], len(skus or []))
            pairs = [
                (i + 1 if i < w.values["n"] else None, (skus or [])[i] if i < len(skus or []) else None)
                for i in range(size)
            ]
            found.append((None if skus is None else pairs,))
    return found


def two_events(w: World, random: Random) -> Values:
    one, other = random.sample(w["ev"], 2)
    return {"one": one["_id"], "other": other["_id"], "n": random.randint(1, 6)}


def map_of(w: World) -> Rows:
    return [
        (space_missing(row, w.names["AAID"]), -1 if row["identityMap"] is None else len(row["identityMap"]))
        for row in by_id(w)
    ]


def space_missing(row: Row, space: str) -> bool:
    return row["identityMap"] is None or row["identityMap"].get(space) is None


def deduplicated(w: World) -> Rows:
    """The sum over the first event of each order of each visitor, and of all events without an order."""
    seen: dict[str, int] = defaultdict(int)
    total = None
    for row in sorted(w["ev"], key=lambda row: row["timestamp"]):
        order, value = path(row, "commerce", "order", "purchaseID"), path(row, "commerce", "purchases", "value")
        known = ecid(row, w)
        key = repr((None if known is None else [identity["id"] for identity in known], order))
        seen[key] += 1
        number = seen[key] if order else 1
        if number == 1 and value is not None:
            total = (total or 0.0) + value
    return [(total,)]


# -- C36 to C44 ---------------------------------------------------------------------------------------------------

OFFSETS = {"EDT": -4, "EST": -5, "PDT": -7, "PST": -8, "UTC": 0}


def per_day(w: World) -> Rows:
    counts: dict[str, int] = defaultdict(int)
    for row in w["ev"]:
        counts[str((row["timestamp"] + dt.timedelta(hours=OFFSETS[w.values["zone"]])).date())] += 1
    return sorted(counts.items())


ZONES = ["Asia/Seoul", "Asia/Kolkata", "America/Phoenix", "Europe/Vienna"]


def moments(w: World, random: Random) -> Values:
    start = at("2020-01-15 13:00:00")
    first, second, third = (start + dt.timedelta(hours=random.randrange(24 * 900)) for _ in range(3))
    return {"zone": random.choice(ZONES), "day": first.date(), "there": second, "here": third}


def zoned(w: World) -> Rows:
    zone = ZoneInfo(w.values["zone"])

    def to_utc(moment: dt.datetime) -> dt.datetime:
        return moment.replace(tzinfo=zone).astimezone(dt.UTC).replace(tzinfo=None)

    day, there, here = (dt.datetime.fromisoformat(str(w.values[name])) for name in ("day", "there", "here"))
    shown = here.replace(tzinfo=dt.UTC).astimezone(zone).replace(tzinfo=None)
    return [(to_utc(day), to_utc(there), shown)]


def squeezed(p: str) -> str:
    return p.replace(" ", "").lower()


def grams(p: str, n: int) -> list[str]:
    text = squeezed(p)
    return [text[i : i + n] for i in range(len(text) - n + 1)]


def without(w: World) -> Rows:
    rest = {squeezed(row["p"]) for row in w["fv2"]} - {squeezed(row["p"]) for row in w["fv1"]}
    return [(p,) for p in sorted(rest)]


def alike(w: World) -> Rows:
    n = w.values["n"]
    found = []
    for a in w["fv1"]:
        for b in w["fv2"]:
            first, second = set(grams(a["p"], n)), set(grams(b["p"], n))
            found.append((a["p"], b["p"], len(first & second) / len(first | second)))
    return found


GRAMS = (
    "SELECT {p}, transform(sequence(1, length(lower(replace({p},' ','')))-{less}),"
    " i -> substring(lower(replace({p},' ','')), i, {n})) AS g FROM"
)


def points(w: World, random: Random) -> Values:
    rows = [(random.randint(0, 9), random.randint(0, 9), 5) for _ in range(random.randint(2, 9))]
    return {"rows": rows, "values": listed(rows)}


def correlation(w: World) -> Rows:
    rows = w.values["rows"]
    a, b = [float(r[0]) for r in rows], [float(r[1]) for r in rows]
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    over = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
    under = math.sqrt(sum((x - mean_a) ** 2 for x in a) * sum((y - mean_b) ** 2 for y in b))
    return [(over / under if under else None, None)]


POINTS = [(0, 1, 5), (1, 3, 5), (0, 0, 5), (1, 2, 5)]


def numbered(w: World) -> Rows:
    counts: dict[str | None, int] = defaultdict(int)
    found = []
    for row in w["ev_n"]:
        counts[row["eventType"]] += 1
        found.append((row["eventType"], counts[row["eventType"]]))
    return found


def weights(w: World, random: Random) -> Values:
    rows = [(random.choice("xyz"), random.randint(-30, 30) / 10) for _ in range(random.randint(2, 8))]
    return {"rows": rows, "values": listed(rows), "bias": random.randint(-5, 5) / 10 + 0.035}


def predicted(w: World) -> Rows:
    found = []
    for c1, c2 in w.values["rows"]:
        total = {"x": 0.1, "y": 0.2}.get(c1, 0) + c2 * 0.3 + w.values["bias"]
        found.append((int(1 / (1 + math.exp(-total)) > 0.5),))
    return found


EXAMPLES = [("x", 1.0), ("y", -3.0)]

CASES = [
    Case(
        "C16",
        [
            Query(
                "SELECT {name} FROM {cust} WHERE {name} ILIKE '{a}%' ORDER BY {id}",
                [("Anna",), ("alf",)],
                ilike,
            ),
            Query("SELECT {name} FROM {cust} WHERE {name} LIKE '{A}%' ORDER BY {id}", [("Anna",)], like),
        ],
        values={"a": "a", "A": "A"},
        draw=starts,
    ),
    case(
        "C17",
        'SELECT {id} FROM {cust} WHERE {name} == "{who}"',
        [(3,)],
        lambda w: [(row["id"],) for row in w["cust"] if row["name"] == w.values["who"]],
        values={"who": "Bo"},
        draw=somebody,
    ),
    case(
        "C18",
        """SELECT {a}, "{b}" FROM (SELECT '{x}' AS {a}, '{y}' AS "{b}")""",
        [("x", "y")],
        lambda w: [(w.values["x"], w.values["y"])],
        names=["{a}", "{b}"],
        values={"a": "p", "b": "q r", "x": "x", "y": "y"},
        draw=lambda w, random: {
            "a": word(random),
            "b": f"{word(random)} {word(random)}",
            "x": word(random),
            "y": word(random),
        },
    ),
    case(
        "C19",
        "SELECT {commerce}.`{order}`.{purchaseID} AS a, {commerce}['{order}']['{purchaseID}'] AS b FROM {ev}"
        " ORDER BY {_id}",
        [("P1", "P1"), (None, None), ("P1", "P1")],
        twice,
    ),
    Case(
        "C20",
        [
            Query(
                "SELECT {city} FROM {cust} ORDER BY {city}",
                [(None,), ("Oslo",), ("Rome",)],
                lambda w: cities(w, descending=False),
            ),
            Query(
                "SELECT {city} FROM {cust} ORDER BY {city} DESC",
                [("Rome",), ("Oslo",), (None,)],
                lambda w: cities(w, descending=True),
            ),
        ],
    ),
    case(
        "C21",
        "SELECT {m}/{n}, {m}/0, {m}%0, SUM({id})/COUNT({id}) FROM {cust}",
        [(2.5, None, None, 2.0)],
        mean,
        values={"m": 5, "n": 2},
        draw=lambda w, random: {"m": random.randint(1, 99), "n": random.randint(1, 99)},
    ),
    case(
        "C22",
        "SELECT {_id} FROM {ev} WHERE EXISTS({productListItems}, v -> v.{SKU} == {sku})",
        [("e1",)],
        holding,
        by=(),
        values={"sku": 123679},
        draw=a_sku,
    ),
    case(
        "C23",
        "SELECT {_id}, {productListItems}.{SKU}[{place}] AS s FROM {ev} ORDER BY {_id}",
        [("e1", "123679"), ("e2", None), ("e3", None)],
        nth,
        values={"place": 0},
        draw=lambda w, random: {"place": random.randint(0, 2)},
    ),
    case(
        "C24",
        'SELECT {_tenant}.{userid} AS userID, COUNT(1) AS "distinctEvents" FROM {ev} GROUP BY userId'
        " ORDER BY distinctevents DESC",
        [("A", 2), ("B", 1)],
        per_user,
        by=(1,),
        names=["userID", "distinctEvents"],
    ),
    case(
        "C25",
        "SELECT key, inline(value), '{segment}' segmentId FROM (SELECT explode({identityMap}) FROM {ev}"
        " WHERE {_id}='{one}') LIMIT 0",
        [("ECID", "11", True, "sg"), ("AAID", "a1", False, "sg")],
        identities,
        by=(),
        values={"one": "e1", "segment": "sg"},
        draw=lambda w, random: {**any_event(w, random), "segment": word(random)},
    ),
    case(
        "C26",
        "SELECT {_id}, p.{SKU} FROM (SELECT {_id}, explode({productListItems}) AS p FROM {ev})",
        [("e1", "123679"), ("e1", "1346")],
        exploded,
        by=(),
    ),
    case(
        "C27",
        "SELECT inline(array(struct({m},'{x}'), struct({n},'{y}'))), '{z}'",
        [(7, "m", "k"), (8, "n", "k")],
        lambda w: [
            (w.values["m"], w.values["x"], w.values["z"]),
            (w.values["n"], w.values["y"], w.values["z"]),
        ],
        names=["col1", "col2", "{z}"],
        values={"m": 7, "n": 8, "x": "m", "y": "n", "z": "k"},
        draw=lambda w, random: {
            "m": random.randint(0, 99),
            "n": random.randint(0, 99),
            **{name: word(random) for name in "xyz"},
        },
    ),
    case(
        "C28",
        "SELECT transform({productListItems}, v -> v.{priceTotal} * {factor}) FROM {ev} WHERE {_id}='{one}'",
        [([766.5, None],)],
        times,
        values={"one": "e1", "factor": 73},
        draw=lambda w, random: {**any_event(w, random), "factor": random.randint(2, 99)},
    ),
    case(
        "C29",
        "SELECT size(filter({productListItems}, v -> v.{SKU} > {sku})) FROM {ev} WHERE {_id}='{one}'",
        [(1,)],
        above,
        values={"one": "e1", "sku": 100000},
        draw=lambda w, random: {**any_event(w, random), "sku": random.choice([10, 1000, 100000])},
    ),
    case(
        "C30",
        "SELECT aggregate({productListItems}, 0, (acc,v) -> CASE WHEN v.{SKU} > acc THEN cast(v.{SKU} AS int)"
        " ELSE cast(acc AS int) END, acc -> acc*{factor}) FROM {ev} WHERE {_id}='{one}'",
        [(247358,)],
        largest_twice,
        values={"one": "e1", "factor": 2},
        draw=lambda w, random: {**any_event(w, random), "factor": random.randint(2, 9)},
    ),
    case(
        "C31",
        "SELECT zip_with(sequence(1,{n}), transform({productListItems}, p -> p.{SKU}), (x,y) -> struct(x,y))"
        " FROM {ev} WHERE {_id} IN ('{one}','{other}') ORDER BY {_id}",
        [
            ([(1, "123679"), (2, "1346"), (3, None), (4, None), (5, None)],),
            ([(n, None) for n in range(1, 6)],),
        ],
        zipped,
        values={"one": "e1", "other": "e2", "n": 5},
        draw=two_events,
    ),
    case(
        "C32",
        "SELECT transform(sequence(1,{n}), x -> reduce(sequence(1,x), 0, (a,y) -> a+y))",
        [([1, 3, 6, 10, 15],)],
        lambda w: [([sum(range(1, x + 1)) for x in range(1, w.values["n"] + 1)],)],
        values={"n": 5},
        draw=lambda w, random: {"n": random.randint(1, 12)},
    ),
    case(
        "C33",
        "SELECT map_from_arrays(array('{a}','{b}'), array(1,{n}))['{b}'],"
        " map_concat(map('{a}',1), map('{c}',{m}))['{c}'], map('{a}',1)['{z}']",
        [(2, 3, None)],
        lambda w: [(w.values["n"], w.values["m"], None)],
        values={"a": "a", "b": "b", "c": "c", "z": "z", "n": 2, "m": 3},
        draw=lambda w, random: {
            "n": random.randint(2, 99),
            "m": random.randint(2, 99),
            **{name: f"{name}{word(random)}" for name in "abcz"},
        },
    ),
    Case(
        "C34",
        [
            Query(
                "SELECT element_at({identityMap},'{AAID}') IS NULL, cardinality({identityMap}) FROM {ev}"
                " ORDER BY {_id}",
                [(False, 2), (True, 1), (True, 1)],
                map_of,
                types=["bool", "int4"],
            ),
            Query("SELECT cardinality(cast(NULL AS array<int>))", [(-1,)], lambda w: [(-1,)]),
        ],
    ),
    case(
        "C35",
        "SELECT SUM({commerce}.{purchases}.{value}) FROM (SELECT *, IF(LENGTH({commerce}.`{order}`.{purchaseID})>0,"
        " ROW_NUMBER() OVER (PARTITION BY {identityMap}['{ECID}'].{id}, {commerce}.`{order}`.{purchaseID}"
        " ORDER BY {timestamp}), 1) AS d FROM {ev}) WHERE d = 1",
        [(1.0,)],
        deduplicated,
    ),
    case(
        "C36",
        "SELECT date_format(from_utc_timestamp({timestamp},'{zone}'),'yyyy-MM-dd') AS Day, COUNT(1) AS c"
        " FROM {ev} GROUP BY Day ORDER BY Day",
        [("2024-03-01", 3)],
        per_day,
        values={"zone": "EDT"},
        draw=lambda w, random: {"zone": random.choice(sorted(OFFSETS))},
    ),
    case(
        "C37",
        "SELECT to_utc_timestamp('{day}','{zone}'), to_utc_timestamp('{there}','{zone}'),"
        " from_utc_timestamp('{here}','{zone}')",
        [(at("2021-08-30 15:00:00"), at("2021-07-14 03:40:00"), at("2021-08-31 23:40:00"))],
        zoned,
        types=["timestamp"] * 3,
        values={
            "zone": "Asia/Seoul",
            "day": "2021-08-31",
            "there": "2021-07-14 12:40:00.0",
            "here": "2021-08-31 14:40:00.0",
        },
        draw=moments,
    ),
    Case(
        "C38",
        [
            Query("SELECT CAST('{text}' AS timestamp)", error="any"),
            Query(
                "SELECT CAST('{text} 00:00:00' AS timestamp)",
                [(at("2021-07-29"),)],
                lambda w: [(dt.datetime.strptime(w.values["text"], "%m-%d-%Y"),)],
            ),
        ],
        values={"text": "07-29-2021"},
        draw=lambda w, random: {
            "text": f"{random.randint(1, 12):02}-{random.randint(13, 28)}-{random.randint(1971, 2099)}"
        },
    ),
    case(
        "C39",
        GRAMS + " {fv1}",
        [
            ("iPad", ["ipad"]),
            ("iPhone", ["ipho", "phon", "hone"]),
            ("iWatch", ["iwat", "watc", "atch"]),
            ("iPad Mini", ["ipad", "padm", "admi", "dmin", "mini"]),
        ],
        lambda w: [(row["p"], grams(row["p"], w.values["n"])) for row in w["fv1"]],
        by=(),
        values={"n": 4, "less": 3},
        draw=lambda w, random: (lambda n: {"n": n, "less": n - 1})(random.randint(2, 4)),
    ),
    Case(
        "C40",
        [
            Query(
                f"SELECT lower(replace({{p}},' ','')) FROM {{fv2}} {word}"
                " SELECT lower(replace({p},' ','')) FROM {fv1}",
                [("macbookpro",)],
                without,
                by=(),
            )
            for word in ("EXCEPT", "MINUS")
        ],
    ),
    case(
        "C41",
        "SELECT a.{p}, b.{p}, size(array_intersect(a.g, b.g))/size(array_union(a.g, b.g))"
        f" FROM ({GRAMS} {{fv1}}) a CROSS JOIN ({GRAMS} {{fv2}}) b",
        [
            (
                a,
                b,
                {
                    ("iPhone", "iPhone"): 1.0,
                    ("iPad", "iPad"): 1.0,
                    ("iPhone", "iPad"): 1 / 7,
                    ("iPad", "iPhone"): 1 / 7,
                    ("iPad Mini", "iPhone"): 1 / 11,
                    ("iPad Mini", "iPad"): 3 / 7,
                }.get((a, b), 0.0),
            )
            for a in ("iPad", "iPhone", "iWatch", "iPad Mini")
            for b in ("iPad", "iPhone", "Macbook Pro")
        ],
        alike,
        by=(),
        values={"n": 2, "less": 1},
        draw=lambda w, random: (lambda n: {"n": n, "less": n - 1})(random.randint(2, 4)),
    ),
    case(
        "C42",
        "SELECT corr(a,b), corr(a,c) FROM (VALUES {values}) t(a,b,c)",
        [(0.894427190999916, None)],
        correlation,
        types=["float8", "float8"],
        values={"rows": POINTS, "values": listed(POINTS)},
        draw=points,
    ),
    case(
        "C43",
        "SELECT {eventType}, row_number() OVER (PARTITION BY {eventType} ORDER BY randn()) r FROM {ev_n}",
        [
            ("advertising.impressions", 1),
            *(("web.webpagedetails.pageViews", n) for n in range(1, 5)),
            ("commerce.productViews", 1),
            *(("web.webinteraction.linkClicks", n) for n in (1, 2)),
            *(("directMarketing.emailSent", n) for n in range(1, 7)),
            ("directMarketing.emailOpened", 1),
        ],
        numbered,
        by=(),
    ),
    case(
        "C44",
        "SELECT CASE WHEN 1/(1+EXP(-(f1+f2+f3+FLOAT({bias})))) > 0.5 THEN 1 ELSE 0 END AS Prediction FROM ("
        "SELECT CASE WHEN c1='x' THEN FLOAT(0.1) ELSE 0 END f1, CASE WHEN c1='y' THEN FLOAT(0.2) ELSE 0 END f2,"
        " FLOAT(c2)*FLOAT(0.3) f3 FROM (VALUES {values}) t(c1,c2))",
        [(1,), (0,)],
        predicted,
        by=(),
        names=["Prediction"],
        types=["int4"],
        values={"rows": EXAMPLES, "values": listed(EXAMPLES), "bias": 0.4},
        draw=weights,
    ),
]
