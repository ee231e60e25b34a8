"""A small shop with 300 customers: whoever looks often, buys. Files that the tests' definitions name."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

BEGIN = datetime(2026, 1, 1)
DAYS = 150
PEOPLE = 300


def write(folder: Path, seed: int = 7) -> None:
    """Write `events.parquet` and `people.csv` into *folder*; the same seed, the same bytes."""
    random_ = random.Random(seed)
    interest = {f"c{n:04d}": random_.random() for n in range(PEOPLE)}
    events = [event for customer in interest for event in _events(customer, interest[customer], random_)]
    events.sort(key=lambda event: (event["at"], event["customer"]))
    rows = [{"number": f"e{n:06d}", **event} for n, event in enumerate(events)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "events.parquet")
    lines = ["customer,age,city"]
    lines += [f"{c},{20 + n % 60},{'north' if n % 3 else 'south'}" for n, c in enumerate(interest)]
    (folder / "people.csv").write_text("\n".join(lines) + "\n")


def _events(customer: str, interest: float, random_: random.Random) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for day in range(DAYS):
        moment = BEGIN + timedelta(days=day, seconds=random_.randrange(86_400))
        if random_.random() < 0.02 + interest * 0.2:
            found.append({"customer": customer, "at": moment, "kind": "view", "amount": None})
        if random_.random() < interest**3 * 0.05:
            amount = round(random_.uniform(1, 100), 2)
            found.append({"customer": customer, "at": moment, "kind": "purchase", "amount": amount})
    return found
