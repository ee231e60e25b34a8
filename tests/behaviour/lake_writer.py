"""A process that publishes batches into one dataset: `lake_writer.py HOME DATASET_ID FIRST COUNT`."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from limbeck.lake import Lake, batches
from limbeck.registry import Registry
from limbeck.settings import Settings
from limbeck.store import Store

ITEMS = pa.list_(pa.struct([("sku", pa.string()), ("quantity", pa.int64())]))
SCHEMA = pa.schema([("_acme", pa.struct([("number", pa.int64()), ("items", ITEMS)]))])


def rows(number: int) -> pa.Table:
    """Three rows of one batch, one of them with a NULL list, one with an empty one."""
    values = [
        {"_acme": {"number": number, "items": [{"sku": "a", "quantity": None}]}},
        {"_acme": {"number": number, "items": None}},
        {"_acme": {"number": number, "items": []}},
    ]
    return pa.Table.from_pylist(values, schema=SCHEMA)


def main(home: str, dataset_id: str, first: int, count: int) -> None:
    """Publish batches number *first* to *first* + *count* - 1."""
    settings = Settings(home=Path(home))
    store = Store.open(settings.store_url)
    lake = Lake(store, Registry(store), settings.lake)
    for number in range(first, first + count):
        path = settings.scratch / f"{number}.parquet"
        pq.write_table(rows(number), path)
        with store.write() as connection:
            batch_id = batches.create(connection, dataset_id)
        dataset = lake.datasets.by_id(dataset_id)
        lake.promote(
            dataset,
            [path],
            batch_id,
            also=lambda connection, batch_id=batch_id: batches.change(connection, batch_id, status="success"),
        )
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
