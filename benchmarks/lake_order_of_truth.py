"""Two orders of truth for the lake, side by side: metadata store first, or Delta log first.

    uv run python benchmarks/lake_order_of_truth.py [COMMITS_PER_WRITER]

Both place a Parquet file under a final name and then make it visible. *Store first*: by one SQLite transaction of file
and batch status. *Log first*: by a Delta commit, then a row says that the batch is done; its second form looks in the
log first, so as not to add a repeated batch twice. Eight processes write; they are killed with SIGKILL after the file,
around the commit and after the row, and repeat what was not done. `docs/decisions/0001` draws the conclusion.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import secrets
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.transaction import AddAction

WRITERS = 8
SCHEMA = pa.schema([("batch", pa.string()), ("items", pa.list_(pa.struct([("sku", pa.string())])))])
TABLES = """PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS done (batch TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS files (
    position INTEGER PRIMARY KEY AUTOINCREMENT, tbl TEXT, path TEXT, batch TEXT, compacted INT, replaced INT DEFAULT 0)
"""
die_at: str | None = None  # the point at which this process kills itself


def point(name: str) -> None:
    """Die here if this process shall."""
    if name == die_at:
        os.kill(os.getpid(), signal.SIGKILL)


class StoreFirst:
    """What a row names is visible.

    `visible` are the files that a reader sees, `since` those it reads to learn what is new since a `head`; `sweep`
    removes what `compact` replaced and what nothing names.
    """

    label = "store first"

    def __init__(self, root: Path) -> None:
        self.root = root
        for table in ("a", "b"):
            (root / table).mkdir(exist_ok=True)
        self.rows = sqlite3.connect(root / "rows.db", timeout=60, isolation_level="IMMEDIATE")
        self.rows.executescript(TABLES)

    def publish(self, batch: str, tables: Sequence[str] = ("a",)) -> None:
        placed = [(t, self.place(t, batch)) for t in tables]
        point("file")
        with self.rows:
            for table, name in placed:
                self.add(table, name, batch)
                point("between")
            self.rows.execute("INSERT INTO done VALUES (?)", [batch])
            point("commit")
        point("row")

    def place(self, table: str, batch: str) -> str:
        rows = [{"batch": batch, "items": items} for items in ([{"sku": "x"}], None, [])]
        return self.write(table, pa.Table.from_pylist(rows, SCHEMA))

    def write(self, table: str, rows: pa.Table) -> str:
        name = f"{secrets.token_hex(12)}.parquet"
        with (self.root / table / name).open("wb") as sink:
            pq.write_table(rows, sink)
            sink.flush()
            os.fsync(sink.fileno())
        return name

    def add(self, table: str, name: str, batch: str | None) -> None:
        values = [table, name, batch, batch is None]
        self.rows.execute("INSERT INTO files (tbl, path, batch, compacted) VALUES (?, ?, ?, ?)", values)

    def done(self) -> set[str]:
        return {b for (b,) in self.rows.execute("SELECT batch FROM done")}

    def visible(self, table: str = "a", condition: str = "NOT replaced") -> list[str]:
        query = f"SELECT path FROM files WHERE tbl = ? AND {condition}"
        return [str(self.root / table / p) for (p,) in self.rows.execute(query, [table])]

    def head(self) -> int:
        return int(self.rows.execute("SELECT max(position) FROM files").fetchone()[0])

    def since(self, head: int) -> list[str]:
        return self.visible("a", f"position > {head} AND NOT compacted")

    def compact(self) -> None:
        name = self.write("a", read(self.visible()))
        with self.rows:
            self.rows.execute("UPDATE files SET replaced = 1 WHERE tbl = 'a'")
            self.add("a", name, None)

    def sweep(self) -> int:
        with self.rows:
            self.rows.execute("DELETE FROM files WHERE replaced")
        named = self.visible("a", "true")
        orphans = [p for p in (self.root / "a").glob("*.parquet") if str(p) not in named]
        for path in orphans:
            path.unlink()
        return len(orphans)


class LogFirst(StoreFirst):
    """What the Delta log names is visible."""

    label, checked = "log first", False

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.logs = {t: DeltaTable.create(root / t, Schema.from_arrow(SCHEMA), mode="ignore") for t in ("a", "b")}

    def publish(self, batch: str, tables: Sequence[str] = ("a",)) -> None:
        for table in tables:
            self.logs[table].update_incremental()
            if not (self.checked and self.logs[table].transaction_version(batch)):
                self.commit(self.logs[table], table, batch)
            point("between")
        point("commit")
        with self.rows:
            self.rows.execute("INSERT INTO done VALUES (?)", [batch])
        point("row")

    def commit(self, log: DeltaTable, table: str, batch: str) -> None:
        name = self.place(table, batch)
        point("file")
        action = AddAction(name, (self.root / table / name).stat().st_size, {}, 0, True, json.dumps({"numRecords": 3}))
        properties = CommitProperties(max_commit_retries=500, app_transactions=[Transaction(batch, 1)])
        log.create_write_transaction([action], "append", log.schema(), [], commit_properties=properties)

    def visible(self, table: str = "a", condition: str = "") -> list[str]:
        self.logs[table].update_incremental()
        return [uri.removeprefix("file://") for uri in self.logs[table].file_uris()]

    def head(self) -> int:
        self.logs["a"].update_incremental()
        return self.logs["a"].version()

    def since(self, head: int) -> list[str]:
        before = DeltaTable(self.root / "a", version=head).file_uris()
        return sorted({*self.visible()} - {uri.removeprefix("file://") for uri in before})

    def compact(self) -> None:
        self.logs["a"].optimize.compact()

    def sweep(self) -> int:
        self.logs["a"].update_incremental()
        return len(self.logs["a"].vacuum(0, dry_run=False, enforce_retention_duration=False, full=True))


class LogFirstChecked(LogFirst):
    """As above; a writer looks in the log whether its batch is there."""

    label, checked = "log first, checked", True


def read(paths: Sequence[str]) -> pa.Table:
    """Read files whole."""
    return pa.concat_tables([SCHEMA.empty_table(), *(pq.read_table(p, partitioning=None) for p in paths)])


def work(order: type[StoreFirst], root: Path, writer: int, count: int, die: str | None) -> None:
    """Publish what is not done of one writer's batches; note the seconds each took."""
    global die_at
    die_at, lake, taken = die, order(root), []
    for batch in sorted({f"{writer}-{n}" for n in range(count)} - lake.done()):
        began = time.perf_counter()
        lake.publish(batch, ("a", "b") if die == "between" else ("a",))
        taken.append(time.perf_counter() - began)
    (root / f"{writer}.json").write_text(json.dumps(taken))


def together(order: type[StoreFirst], root: Path, count: int, die: str | None = None, writers: int = WRITERS) -> float:
    """Run the writers at once; return the seconds until the last one ended."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "pandas"])
    warm = context.Process(target=order, args=(root,))  # the server is up before the clock runs
    warm.start()
    warm.join()
    began = time.perf_counter()
    children = [context.Process(target=work, args=(order, root, n, count, die)) for n in range(writers)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    return time.perf_counter() - began


def trial(order: type[StoreFirst], count: int) -> dict[str, str]:
    """Put one order through everything; return the lines of its column."""
    out = {f"{WRITERS} × {count} commits": order.label, "---": "---"}
    for title, writers in (("1 writer", 1), (f"{WRITERS} writers", WRITERS)):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            seconds = together(order, root, count, writers=writers)
            taken = sorted(1000 * t for n in range(writers) for t in json.loads((root / f"{n}.json").read_text()))
            shown = (1000 * seconds / len(taken), statistics.median(taken), taken[-1])
            out[f"{title}: ms a commit, its median, its worst"] = " / ".join(f"{ms:.1f}" for ms in shown)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        gaps = 0
        for die in ("file", "commit", "row"):
            together(order, root, 4, die)
            lake = order(root)
            gaps += len({*read(lake.visible())["batch"].to_pylist()} ^ lake.done())
        together(order, root, 4)
        seen = Counter(read(lake.visible())["batch"].to_pylist())
        out[f"{3 * WRITERS} kills: batches visible but not done"] = str(gaps)
        out["… then repeated: rows lost"] = str(3 * 4 * WRITERS - sum(min(n, 3) for n in seen.values()))
        out["… rows twice"] = str(sum(n - 3 for n in seen.values()))
        out["… orphans swept"] = str(lake.sweep())
        head = lake.head()
        lake.compact()
        lake.publish("new")
        out["rows new since before a compaction (3)"] = str(read(lake.since(head)).num_rows)
        lists = [i if i is None else len(i) for i in read(lake.visible()).column("items").to_pylist()]
        out["NULL lists = empty lists = rows / 3"] = str(lists.count(None) == lists.count(0) == len(lists) / 3)
        before, began = {*(root / "a").glob("*.parquet")}, time.perf_counter()
        lake.sweep()
        ms = 1000 * (time.perf_counter() - began)
        out["retention: compacted files freed"] = f"{len(before - {*(root / 'a').glob('*.parquet')})} in {ms:.0f} ms"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        together(order, root, 1, "between", writers=1)
        out["killed between two datasets: seen in one only"] = str(len(order(root).visible("a")) > 0)
    return out


def main() -> None:
    """Print one column for each order."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    columns = [trial(order, count) for order in (StoreFirst, LogFirst, LogFirstChecked)]
    for line in columns[0]:
        print(f"| {line} | " + " | ".join(column[line] for column in columns) + " |")


if __name__ == "__main__":
    main()
