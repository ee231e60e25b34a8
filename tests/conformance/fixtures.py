"""The tables of the SQL contract (section 7.1), and twins of them: other names, other values, other numbers of rows.

Rows are dicts by the contract's names, whatever a twin calls its columns; a map is a `Map` of pairs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

Row = dict[str, Any]
Names = Mapping[str, str]

TIME = pa.timestamp("ms")
TENANT = pa.struct([("userid", pa.string())])
IDENTITIES = pa.map_(pa.string(), pa.list_(pa.struct([("id", pa.string()), ("primary", pa.bool_())])))
ITEMS = pa.list_(pa.struct([("SKU", pa.string()), ("quantity", pa.int32()), ("priceTotal", pa.float64())]))
COMMERCE = pa.struct(
    [
        ("order", pa.struct([("purchaseID", pa.string()), ("priceTotal", pa.float64())])),
        ("purchases", pa.struct([("value", pa.float64())])),
    ]
)
VALUE = pa.struct([("value", pa.float64())])
MARKETING = pa.struct([("emailDelivered", VALUE), ("emailVisitorID", pa.string()), ("opens", VALUE)])


class Map(list[tuple[str, Any]]):
    """A map, as pairs in the order they were written."""

    def get(self, key: str) -> Any:
        """The value of *key*, or None."""
        return next((value for known, value in self if known == key), None)


def at(text: str) -> dt.datetime:
    """A moment written in ISO form."""
    return dt.datetime.fromisoformat(text)


@dataclass(frozen=True)
class Shape:
    """A table: its columns, the contract's rows in batches, and how a twin's are drawn."""

    columns: Mapping[str, pa.DataType]
    batches: Sequence[Sequence[Row]]
    draw: Callable[[Random, Names], Sequence[Sequence[Row]]]


# -- names --------------------------------------------------------------------------------------------------------

TEXTS = {
    "ECID": "ECID",
    "AAID": "AAID",
    "goal": "web.formFilledOut",
    "sent": "directMarketing.emailSent",
    "opened": "directMarketing.emailOpened",
    "clicked": "directMarketing.emailClicked",
    "viewed": "commerce.productViews",
    "interacted": "decisioning.propositionInteract",
    "dismissed": "decisioning.propositionDismiss",
    "link": "web.webinteraction.linkClicks",
    "never": "propositionDismiss",
}
"""Values that queries name: a twin has others."""

RESERVED = ("order", "group", "select", "where", "distinct", "having", "from")


def identifiers() -> Iterator[str]:
    """Every name of a table, a column or a field, once."""
    seen: dict[str, None] = dict.fromkeys(SHAPES)
    for shape in SHAPES.values():
        for name, kind in shape.columns.items():
            seen[name] = None
            seen.update(dict.fromkeys(_fields(kind)))
    return iter(seen)


def _fields(kind: pa.DataType) -> Iterator[str]:
    if pt.is_struct(kind):
        for f in kind:
            yield f.name
            yield from _fields(f.type)
    elif pt.is_list(kind):
        yield from _fields(kind.value_type)
    elif pt.is_map(kind):
        yield from _fields(kind.item_type)


SYLLABLES = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]


def word(random: Random) -> str:
    """A word that is no word of SQL."""
    return "".join(random.choices(SYLLABLES, k=4))


def contract_names() -> dict[str, str]:
    """The contract's own names."""
    return {name: name for name in identifiers()} | TEXTS


def twin_names(random: Random) -> dict[str, str]:
    """Other names for all there is to name, no two alike in any case."""
    made: dict[str, str] = {}
    for name in identifiers():
        new = word(random)
        while new in {known.lower() for known in made.values()}:
            new = word(random)
        made[name] = new if name in SHAPES or random.random() < 0.3 else new[:4] + new[4:].capitalize()
    made |= {name: f"{word(random)}.{word(random).capitalize()}" for name in TEXTS}
    return made | {"order": random.choice(RESERVED)}


# -- the contract's rows ------------------------------------------------------------------------------------------

EV_N = [
    ("2022-08-05 20:20:14.397", "advertising.impressions"),
    ("2022-08-19 06:17:24.397", "web.webpagedetails.pageViews"),
    ("2022-09-03 01:25:42.397", "web.webpagedetails.pageViews"),
    ("2022-09-06 05:58:27.397", "web.webpagedetails.pageViews"),
    ("2022-09-06 06:04:20.450", "commerce.productViews"),
    ("2022-09-06 06:05:15.100", "web.webinteraction.linkClicks"),
    ("2022-09-06 06:24:56.094", "web.webinteraction.linkClicks"),
    ("2022-09-11 06:36:23.397", "directMarketing.emailSent"),
    ("2022-09-17 15:07:28.397", "directMarketing.emailSent"),
    ("2022-09-21 18:34:34.397", "web.webpagedetails.pageViews"),
    ("2022-09-30 03:52:44.397", "directMarketing.emailSent"),
    ("2022-10-01 17:30:33.397", "directMarketing.emailSent"),
    ("2022-10-04 04:00:10.397", "directMarketing.emailSent"),
    ("2022-10-04 19:32:44.397", "directMarketing.emailSent"),
    ("2022-10-06 19:30:13.249", "directMarketing.emailOpened"),
]

EV_S = [
    ("2018-01-18 06:55:53", 1, 0),
    ("2018-01-18 06:56:51", 0, 0),
    ("2018-01-18 06:57:47", 0, 1),
    ("2018-01-18 06:58:27", 1, 0),
    ("2018-01-18 06:59:22", 0, 0),
    ("2018-02-03 01:16:23", 0, 0),
    ("2018-02-03 01:17:17", 0, 0),
    ("2018-02-03 01:18:06", 0, 0),
    ("2018-02-03 01:18:39", 0, 0),
    ("2018-02-03 01:19:10", 0, 0),
]

EV_P = [None, "Home", "Kids", None, "Home", "Kids", "Search", "Detail", "Cart", "Shipping"]

EV_T = [
    ("2018-12-18 07:06:12", "A"),
    ("2018-12-18 07:07:02", "A"),
    ("2018-12-18 07:07:55", None),
    ("2018-12-18 07:08:44", None),
    ("2018-12-23 17:50:10", "B"),
    ("2018-12-23 17:50:43", "B"),
    ("2018-12-23 17:53:02", None),
    ("2018-12-26 20:37:12", "C"),
    ("2018-12-26 20:37:57", None),
    ("2019-01-02 19:41:38", "D"),
]

EV_X = [
    ("2019-07-15 06:04:10", "a", None),
    ("2019-07-15 06:05:05", "a", None),
    ("2019-07-15 06:05:35", None, None),
    ("2019-07-15 06:08:30", None, 1.0),
    ("2019-07-21 18:45:10", "b", None),
    ("2019-07-21 18:50:22", "b", None),
    ("2019-07-21 18:56:56", None, 1.0),
    ("2019-07-23 12:25:12", "c", None),
    ("2019-07-23 12:38:51", None, 1.0),
    ("2019-07-29 21:33:30", "d", 1.0),
]

EV: list[Row] = [
    {
        "_id": "e1",
        "timestamp": at("2024-03-01 10:00:00.250"),
        "eventType": "commerce.purchases",
        "_tenant": {"userid": "A"},
        "identityMap": Map([("ECID", [{"id": "11", "primary": True}]), ("AAID", [{"id": "a1", "primary": False}])]),
        "productListItems": [
            {"SKU": "123679", "quantity": 2, "priceTotal": 10.5},
            {"SKU": "1346", "quantity": None, "priceTotal": None},
        ],
        "commerce": {"order": {"purchaseID": "P1", "priceTotal": 3018.0}, "purchases": {"value": 1.0}},
        "directMarketing": {"emailDelivered": {"value": 1.0}, "emailVisitorID": "a@b.c", "opens": None},
    },
    {
        "_id": "e2",
        "timestamp": at("2024-03-01 23:30:00"),
        "eventType": "web.formFilledOut",
        "_tenant": {"userid": "A"},
        "identityMap": Map([("ECID", [{"id": "11", "primary": True}])]),
        "productListItems": [],
        "commerce": None,
        "directMarketing": None,
    },
    {
        "_id": "e3",
        "timestamp": at("2024-03-02 01:15:00"),
        "eventType": "commerce.productViews",
        "_tenant": {"userid": "B"},
        "identityMap": Map([("ECID", [{"id": "22", "primary": True}])]),
        "productListItems": None,
        "commerce": {"order": {"purchaseID": "P1", "priceTotal": None}, "purchases": {"value": None}},
        "directMarketing": None,
    },
]

MANY = 60_000


# -- the twins' rows ----------------------------------------------------------------------------------------------


def _moments(random: Random, count: int) -> list[dt.datetime]:
    """Moments of their own, in order; some close together, some weeks apart, to the millisecond."""
    now, found = dt.datetime(2021, random.randint(1, 12), 1), []
    for _ in range(count):
        now += dt.timedelta(milliseconds=int(10 ** random.uniform(0.5, 9)))
        found.append(now)
    return found


def _shuffled(random: Random, rows: list[Row]) -> list[list[Row]]:
    """The rows in any order, in one batch or two."""
    random.shuffle(rows)
    cut = random.randint(0, len(rows))
    return [part for part in (rows[:cut], rows[cut:]) if part]


def _maybe(random: Random, value: Any, often: float = 0.25) -> Any:
    return None if random.random() < often else value


def _ev_n(random: Random, names: Names) -> list[list[Row]]:
    kinds = [names[name] for name in TEXTS if name not in ("ECID", "AAID", "goal", "never")] + ["else", None]
    users = [word(random) for _ in range(random.randint(3, 6))]
    converts = {user for user in users if random.random() < 0.5}
    rows = []
    for moment in _moments(random, random.randint(30, 60)):
        rows.append(_event(random.choice(users), moment, random.choice(kinds)))
    for user in converts:
        mine = [row for row in rows if row["_tenant"]["userid"] == user]
        if mine:
            random.choice(mine)["eventType"] = names["goal"]
    return _shuffled(random, rows)


def _event(user: str | None, moment: dt.datetime | None, kind: str | None) -> Row:
    return {"_tenant": {"userid": user}, "timestamp": moment, "eventType": kind}


def _ev_s(random: Random, names: Names) -> list[list[Row]]:
    return _shuffled(
        random,
        [
            {
                "id": random.choice("vw"),
                "timestamp": moment,
                "launches": _maybe(random, random.choice([0, 0, 1, 2])),
                "closes": _maybe(random, random.choice([0, 0, 1])),
            }
            for moment in _moments(random, random.randint(12, 30))
        ],
    )


def _ev_p(random: Random, names: Names) -> list[list[Row]]:
    pages = [word(random) for _ in range(4)]
    numbers = sorted(random.sample(range(1000), random.randint(12, 25)))
    return _shuffled(
        random, [{"id": random.choice("vw"), "n": n, "name": _maybe(random, random.choice(pages))} for n in numbers]
    )


def _ev_t(random: Random, names: Names) -> list[list[Row]]:
    return _shuffled(
        random,
        [
            {"id": random.choice("vw"), "timestamp": moment, "ch": _maybe(random, random.choice("ABCD"), 0.4)}
            for moment in _moments(random, random.randint(12, 25))
        ],
    )


def _ev_x(random: Random, names: Names) -> list[list[Row]]:
    batches = _ev_t(random, names)
    return [[row | {"buy": _maybe(random, random.choice([0.0, 1.0]), 0.7)} for row in rows] for rows in batches]


def _ev(random: Random, names: Names) -> list[list[Row]]:
    moments = _moments(random, random.randint(5, 14))
    return _shuffled(random, [_whole_event(random, names, f"x{n:03}", moment) for n, moment in enumerate(moments)])


def _whole_event(random: Random, names: Names, identifier: str, moment: dt.datetime) -> Row:
    def identity() -> Row:
        return {"id": random.choice(["11", "22", "33", "a,b"]), "primary": random.random() < 0.5}

    spaces = random.sample([names["ECID"], names["AAID"], "Email"], random.randint(0, 3))
    identities = Map((space, [identity() for _ in range(random.randint(1, 2))]) for space in spaces)
    items = [
        {
            "SKU": _maybe(random, random.choice(["7", "450", "99999", "100001", "x-1"]), 0.1),
            "quantity": _maybe(random, random.randint(0, 5)),
            "priceTotal": _maybe(random, random.randint(1, 400) / 4),
        }
        for _ in range(random.randint(0, 4))
    ]
    order = {
        "purchaseID": _maybe(random, random.choice(["P1", "P2", ""])),
        "priceTotal": _maybe(random, random.randint(1, 9000) / 2),
    }
    purchases = {"value": _maybe(random, random.choice([0.0, 1.0, 2.0]))}
    marketing = {
        "emailDelivered": _maybe(random, {"value": _maybe(random, 1.0)}),
        "emailVisitorID": _maybe(random, random.choice(["a@b.c", "(x)", "y,z", "plain"])),
        "opens": _maybe(random, {"value": random.randint(0, 9) / 2}),
    }
    return {
        "_id": identifier,
        "timestamp": moment,
        "eventType": _maybe(random, names[random.choice(["goal", "viewed", "link"])]),
        "_tenant": _maybe(random, {"userid": _maybe(random, random.choice("ABC"))}, 0.1),
        "identityMap": _maybe(random, identities, 0.1),
        "productListItems": _maybe(random, items, 0.15),
        "commerce": _maybe(random, {"order": _maybe(random, order), "purchases": _maybe(random, purchases)}),
        "directMarketing": _maybe(random, marketing),
    }


def _cust(random: Random, names: Names) -> list[list[Row]]:
    people = ["Anna", "alf", "Bo", "ANTON", "Ülle", "al_f", "o'Neill", "Béla", "anita"]
    places = ["Oslo", "Rome", "oslo", "Åbo", "Wien"]
    return _shuffled(
        random,
        [
            {"id": n * random.randint(1, 3) * 10 + n, "name": person, "city": _maybe(random, random.choice(places))}
            for n, person in enumerate(random.sample(people, random.randint(4, 9)), 1)
        ],
    )


def _b3(random: Random, names: Names) -> list[list[Row]]:
    numbers = iter(random.sample(range(1000), 40))
    return [[{"id": next(numbers)} for _ in range(random.randint(1, 4))] for _ in range(random.randint(3, 6))]


def _products(random: Random, names: Names) -> list[list[Row]]:
    made = ["iPad", *(word(random).capitalize() for _ in range(3)), f"{word(random)} {word(random).upper()}"]
    return [[{"p": p} for p in random.sample(made, random.randint(2, 5))]]


def _many(random: Random, names: Names) -> list[list[Row]]:
    return [[{"n": n, "t": f"row {n}"} for n in range(50_001 + random.randrange(8_000))]]


# -- all of it ----------------------------------------------------------------------------------------------------

SHAPES: dict[str, Shape] = {
    "ev_n": Shape(
        {"_tenant": TENANT, "timestamp": TIME, "eventType": pa.string()},
        [[_event("u", at(moment), kind) for moment, kind in EV_N]],
        _ev_n,
    ),
    "ev_s": Shape(
        {"id": pa.string(), "timestamp": TIME, "launches": pa.int32(), "closes": pa.int32()},
        [[{"id": "v", "timestamp": at(t), "launches": launches, "closes": closes} for t, launches, closes in EV_S]],
        _ev_s,
    ),
    "ev_p": Shape(
        {"id": pa.string(), "n": pa.int32(), "name": pa.string()},
        [[{"id": "v", "n": n, "name": name} for n, name in enumerate(EV_P, 1)]],
        _ev_p,
    ),
    "ev_t": Shape(
        {"id": pa.string(), "timestamp": TIME, "ch": pa.string()},
        [[{"id": "v", "timestamp": at(moment), "ch": ch} for moment, ch in EV_T]],
        _ev_t,
    ),
    "ev_x": Shape(
        {"id": pa.string(), "timestamp": TIME, "ch": pa.string(), "buy": pa.float64()},
        [[{"id": "v", "timestamp": at(moment), "ch": ch, "buy": buy} for moment, ch, buy in EV_X]],
        _ev_x,
    ),
    "ev": Shape(
        {
            "_id": pa.string(),
            "timestamp": TIME,
            "eventType": pa.string(),
            "_tenant": TENANT,
            "identityMap": IDENTITIES,
            "productListItems": ITEMS,
            "commerce": COMMERCE,
            "directMarketing": MARKETING,
        },
        [EV],
        _ev,
    ),
    "cust": Shape(
        {"id": pa.int64(), "name": pa.string(), "city": pa.string()},
        [
            [
                {"id": 1, "name": "Anna", "city": "Oslo"},
                {"id": 2, "name": "alf", "city": "Rome"},
                {"id": 3, "name": "Bo", "city": None},
            ]
        ],
        _cust,
    ),
    "b3": Shape({"id": pa.int32()}, [[{"id": n} for n in batch] for batch in ([1, 2], [3], [4, 5])], _b3),
    "fv1": Shape({"p": pa.string()}, [[{"p": p} for p in ("iPad", "iPhone", "iWatch", "iPad Mini")]], _products),
    "fv2": Shape({"p": pa.string()}, [[{"p": p} for p in ("iPad", "iPhone", "Macbook Pro")]], _products),
    "many": Shape({"n": pa.int64(), "t": pa.string()}, [[{"n": n, "t": f"row {n}"} for n in range(MANY)]], _many),
}


@dataclass(frozen=True)
class World:
    """One set of all tables: the contract's, or a twin."""

    name: str
    names: Mapping[str, str]
    batches: Mapping[str, Sequence[Sequence[Row]]]
    values: Mapping[str, Any] = field(default_factory=dict)
    """What a case varies besides: constants, words, counts."""
    snapshots: Sequence[int] = range(100)
    """The ids of the snapshots of `b3`, by generation."""

    @classmethod
    def contract(cls) -> World:
        """The tables as the contract gives them."""
        return cls("contract", contract_names(), {name: shape.batches for name, shape in SHAPES.items()})

    @classmethod
    def twin(cls, seed: int) -> World:
        """Random tables of the same shapes."""
        random = Random(seed)
        names = twin_names(random)
        return cls(f"twin{seed}", names, {name: shape.draw(random, names) for name, shape in SHAPES.items()})

    def __getitem__(self, table: str) -> list[Row]:
        """All rows of a table, in the order they were written."""
        return [row for batch in self.batches[table] for row in batch]

    def arrow(self, table: str) -> list[pa.Table]:
        """The batches of a table, with this world's names."""
        names = self.names
        columns = SHAPES[table].columns
        return [
            pa.table(
                {
                    names[c]: pa.array([renamed(row[c], names) for row in batch], renamed_type(kind, names))
                    for c, kind in columns.items()
                }
            )
            for batch in self.batches[table]
        ]


def renamed(value: Any, names: Names) -> Any:
    """A value with other names for its fields."""
    match value:
        case Map():
            return [(key, renamed(inner, names)) for key, inner in value]
        case dict():
            return {names[key]: renamed(inner, names) for key, inner in value.items()}
        case list():
            return [renamed(inner, names) for inner in value]
        case _:
            return value


def renamed_type(kind: pa.DataType, names: Names) -> pa.DataType:
    """A type with other names for its fields."""
    if pt.is_struct(kind):
        return pa.struct([pa.field(names[f.name], renamed_type(f.type, names)) for f in kind])
    if pt.is_list(kind):
        return pa.list_(renamed_type(kind.value_type, names))
    if pt.is_map(kind):
        return pa.map_(kind.key_type, renamed_type(kind.item_type, names))
    return kind
