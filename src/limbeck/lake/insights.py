"""What was ingested, as series over time (REST contract, section 12)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from limbeck import clock
from limbeck.errors import InvalidInput, nearest
from limbeck.lake.batches import Batch, batch_of
from limbeck.scope import Sandbox
from limbeck.store import Store
from limbeck.store.tables import batches, datasets

_PREFIX = "timeseries.ingestion.dataset."

METRICS: Mapping[str, Callable[[Batch], int]] = {
    f"{_PREFIX}batchsuccess.count": lambda batch: int(batch.status in ("success", "inactive")),
    f"{_PREFIX}batchfailed.count": lambda batch: int(batch.status == "failed"),
    f"{_PREFIX}recordsuccess.count": lambda batch: int(batch.metrics.get("outputRecordCount", 0)),
    f"{_PREFIX}size": lambda batch: int(batch.metrics.get("inputByteSize", 0)),
}
"""What one batch that has ended adds to each series."""

GRANULARITIES: Mapping[str, Callable[[datetime], datetime]] = {
    "minute": lambda moment: moment.replace(second=0, microsecond=0),
    "hour": lambda moment: moment.replace(minute=0, second=0, microsecond=0),
    "day": lambda moment: moment.replace(hour=0, minute=0, second=0, microsecond=0),
    "month": lambda moment: moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0),
}
"""How a moment is rounded down, in UTC."""

MOST = timedelta(days=3660)


class Insights:
    """Series of one home."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def series(
        self,
        sandbox: Sandbox,
        metric: str,
        start: datetime,
        end: datetime,
        granularity: str,
        dataset_ids: Sequence[str] | None = None,
    ) -> dict[str, dict[datetime, int]]:
        """Return the sums of a metric by dataset and beginning of a span, from *start* until before *end*.

        Spans in which nothing ended are left out. Raise `InvalidInput` for a metric or granularity that there is not.
        """
        if metric not in METRICS:
            raise InvalidInput(f"there is no metric {metric!r}. {nearest(metric, list(METRICS))}".rstrip())
        if granularity not in GRANULARITIES:
            raise InvalidInput(f"there is no granularity {granularity!r}; use {', '.join(GRANULARITIES)}")
        if not start < end or end - start > MOST:
            raise InvalidInput(f"the span from {start} to {end} is none, or longer than ten years")
        found: dict[str, dict[datetime, int]] = defaultdict(lambda: defaultdict(int))
        for batch in self._ended(sandbox, start, end, dataset_ids):
            assert batch.completed is not None
            found[batch.dataset_id][GRANULARITIES[granularity](batch.completed)] += METRICS[metric](batch)
        return found

    def _ended(
        self, sandbox: Sandbox, start: datetime, end: datetime, dataset_ids: Sequence[str] | None
    ) -> list[Batch]:
        span = (batches.c.completed >= clock.millis(start), batches.c.completed < clock.millis(end))
        wanted = [] if dataset_ids is None else [batches.c.dataset_id.in_(dataset_ids)]
        query = select(batches).join(datasets).where(datasets.c.sandbox_id == sandbox.id, *span, *wanted)
        with self._store.read() as connection:
            return [batch_of(row) for row in connection.execute(query.order_by(batches.c.completed, batches.c.id))]
