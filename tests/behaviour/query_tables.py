"""The fixtures of the SQL contract (section 7.1) as tables of a home, and results as text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from limbeck import ids
from limbeck.access import Access
from limbeck.engine import Engine
from limbeck.lake import Lake
from limbeck.query.service import QueryService
from limbeck.registry import Registry
from limbeck.scope import Principal, Sandbox
from limbeck.settings import Settings
from limbeck.store import Store
from limbeck.xdm.arrow import from_arrow

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
MARKETING = pa.struct([("emailDelivered", pa.struct([("value", pa.float64())])), ("emailVisitorID", pa.string())])


def at(text: str) -> dt.datetime:
    """A moment written in ISO form."""
    return dt.datetime.fromisoformat(text)


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


def events(rows: Sequence[tuple[str | None, dt.datetime | None, str | None]]) -> pa.Table:
    """A table of the shape of `ev_n`: (user, time, type)."""
    return pa.table(
        {
            "_tenant": pa.array([{"userid": user} for user, _, _ in rows], TENANT),
            "timestamp": pa.array([moment for _, moment, _ in rows], TIME),
            "eventType": pa.array([kind for _, _, kind in rows], pa.string()),
        }
    )


EV: dict[str, tuple[pa.DataType, list[Any]]] = {
    "_id": (pa.string(), ["e1", "e2", "e3"]),
    "timestamp": (TIME, [at("2024-03-01 10:00:00.250"), at("2024-03-01 23:30:00"), at("2024-03-02 01:15:00")]),
    "eventType": (pa.string(), ["commerce.purchases", "web.formFilledOut", "commerce.productViews"]),
    "_tenant": (TENANT, [{"userid": "A"}, {"userid": "A"}, {"userid": "B"}]),
    "identityMap": (
        IDENTITIES,
        [
            [("ECID", [{"id": "11", "primary": True}]), ("AAID", [{"id": "a1", "primary": False}])],
            [("ECID", [{"id": "11", "primary": True}])],
            [("ECID", [{"id": "22", "primary": True}])],
        ],
    ),
    "productListItems": (
        ITEMS,
        [[{"SKU": "123679", "quantity": 2, "priceTotal": 10.5}, {"SKU": "1346"}], [], None],
    ),
    "commerce": (
        COMMERCE,
        [
            {"order": {"purchaseID": "P1", "priceTotal": 3018.0}, "purchases": {"value": 1.0}},
            None,
            {"order": {"purchaseID": "P1"}, "purchases": {}},
        ],
    ),
    "directMarketing": (
        MARKETING,
        [{"emailDelivered": {"value": 1.0}, "emailVisitorID": "a@b.c"}, None, None],
    ),
}


TOUCHES = [
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

PURCHASES = [
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

VISITS = [
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

PAGES = [None, "Home", "Kids", None, "Home", "Kids", "Search", "Detail", "Cart", "Shipping"]


def visitor(**columns: tuple[pa.DataType, list[Any]]) -> pa.Table:
    """A table of one visitor, `v`."""
    arrays = {name: pa.array(values, kind) for name, (kind, values) in columns.items()}
    return pa.table({"id": ["v"] * len(next(iter(arrays.values()))), **arrays})


def of_visitors() -> dict[str, pa.Table]:
    """The tables S, P, T and X."""
    return {
        "ev_s": visitor(
            timestamp=(TIME, [at(t) for t, _, _ in VISITS]),
            launches=(pa.int32(), [n for _, n, _ in VISITS]),
            closes=(pa.int32(), [n for _, _, n in VISITS]),
        ),
        "ev_p": visitor(n=(pa.int32(), list(range(1, 11))), name=(pa.string(), PAGES)),
        "ev_t": visitor(
            timestamp=(TIME, [at(t) for t, _ in TOUCHES]), ch=(pa.string(), [channel for _, channel in TOUCHES])
        ),
        "ev_x": visitor(
            timestamp=(TIME, [at(t) for t, _, _ in PURCHASES]),
            ch=(pa.string(), [channel for _, channel, _ in PURCHASES]),
            buy=(pa.float64(), [bought for _, _, bought in PURCHASES]),
        ),
    }


def fixtures() -> dict[str, list[pa.Table]]:
    """The tables by name, each as the batches it is filled with."""
    return {
        "ev_n": [events([("u", at(moment), kind) for moment, kind in EV_N])],
        "ev": [pa.table({name: pa.array(values, kind) for name, (kind, values) in EV.items()})],
        "cust": [pa.table({"id": [1, 2, 3], "name": ["Anna", "alf", "Bo"], "city": ["Oslo", "Rome", None]})],
        "b3": [pa.table({"id": pa.array(ids, pa.int32())}) for ids in ([1, 2], [3], [4, 5])],
        "fv1": [pa.table({"p": ["iPad", "iPhone", "iWatch", "iPad Mini"]})],
        "fv2": [pa.table({"p": ["iPad", "iPhone", "Macbook Pro"]})],
        **{name: [table] for name, table in of_visitors().items()},
    }


@dataclass
class Home:
    """A home in a folder with a query service on it."""

    sandbox: Sandbox
    lake: Lake
    registry: Registry
    engine: Engine
    query: QueryService
    settings: Settings
    store: Store

    @classmethod
    def make(cls, folder: Path, memory_mib: int = 512) -> Home:
        settings = Settings(home=folder / "home", engine_memory_mib=memory_mib, engine_threads=2)
        for part in (settings.lake, settings.scratch, settings.staging):
            part.mkdir(parents=True, exist_ok=True)
        store = Store.open(settings.store_url)
        access, registry = Access(store, 3600), Registry(store)
        sandbox = access.sandbox(access.ensure_organisation("acme@AdobeOrg"), "prod")
        lake = Lake(store, registry, settings.lake)
        engine = Engine(settings.scratch, memory_mib, 2, 2)
        query = QueryService(store, lake, registry, engine, settings.scratch, 60)
        return cls(sandbox, lake, registry, engine, query, settings, store)

    def add(self, name: str, batches: Sequence[pa.Table]) -> None:
        """Make a table with these batches, each a snapshot."""
        schema = self.registry.adhoc_schema(self.sandbox, name, from_arrow(batches[0].schema))
        dataset = self.lake.create_dataset(self.sandbox, name, schema.id, table=name)
        for batch in batches:
            path = self.settings.scratch / f"{ids.new_uuid()}.parquet"
            pq.write_table(batch, path)
            self.lake.append(dataset, [path])

    def sql(self, text: str, principal: Principal | None = None) -> pa.Table:
        """Run one statement and return all it gives."""
        with self.query.run(self.sandbox, text, principal=principal) as result:
            return pa.Table.from_batches(list(result.batches()), result.schema)

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        found = self.sql(text)
        columns = [c.to_pylist() for c in found.columns]
        return list(zip(*columns, strict=True)) if columns else []


def shown(value: Any) -> str:
    """A value as the contract prints it."""
    match value:
        case None:
            return "–"
        case bool():
            return "t" if value else "f"
        case dt.datetime():
            return value.isoformat(" ")[:23]
        case dict():
            return "(" + ",".join(map(shown, value.values())) + ")"
        case list():
            return "{" + ",".join(map(shown, value)) + "}"
        case tuple():
            return "->".join(map(shown, value))
        case _:
            return str(value)
