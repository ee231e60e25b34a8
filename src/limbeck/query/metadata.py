"""Functions that tell of a table what the store knows, as relations (SQL contract, sections 2.5 and 2.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from limbeck.lake import SAMPLE, Dataset, Lake
from limbeck.lake.model import Tags
from limbeck.scope import Sandbox

_HISTORY = pa.schema(
    [
        ("snapshot_generation", pa.int32()),
        ("made_current_at", pa.timestamp("ms")),
        ("snapshot_id", pa.int64()),
        ("parent_id", pa.int64()),
        ("is_current_ancestor", pa.bool_()),
        ("is_current", pa.bool_()),
        ("output_record_count", pa.int64()),
        ("output_byte_size", pa.int64()),
    ]
)

_SAMPLES = pa.schema(
    [
        ("sample_table_name", pa.string()),
        ("sample_dataset_id", pa.string()),
        ("parent_dataset_id", pa.string()),
        ("sample_type", pa.string()),
        ("sampling_rate", pa.float64()),
        ("filter_condition_on_source_dataset", pa.string()),
        ("sample_num_rows", pa.int64()),
        ("created", pa.string()),
    ]
)

TIME = "%d/%m/%Y %H:%M:%S"
"""How times are written here."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """A function that makes a small relation from a table of the lake."""

    schema: pa.Schema
    rows: Callable[[Lake, Sandbox, Dataset], pa.Table]
    """Makes the rows, in the columns of `schema`."""
    refusal: str
    """What is said when the name is that of a view or of a table of the session."""


def _history(lake: Lake, _sandbox: Sandbox, dataset: Dataset) -> pa.Table:
    """One row for each snapshot that is kept, oldest first; none as long as there was no batch."""
    known = lake.history(dataset)
    if dataset.snapshot == 0:
        known = []
    sizes = lake.bytes_added(dataset)
    rows = [
        {
            "snapshot_generation": s.id,
            "made_current_at": s.created.replace(tzinfo=None),
            "snapshot_id": s.id,
            "parent_id": s.id - 1 if s.id else None,
            "is_current_ancestor": True,
            "is_current": s.id == dataset.snapshot,
            "output_record_count": s.rows_added,
            "output_byte_size": sizes.get(s.id, 0),
        }
        for s in known
    ]
    return pa.Table.from_pylist(rows, schema=_HISTORY)


def sample_tags(dataset: Dataset, rate: str, condition: str) -> Tags:
    """Return the tags of a sample that is drawn from *dataset*."""
    return {SAMPLE: [dataset.id, rate, condition]}


def _samples(lake: Lake, sandbox: Sandbox, dataset: Dataset) -> pa.Table:
    """One row for each sample, in the order they were drawn."""
    rows = []
    for sample in lake.datasets.samples(sandbox, dataset.id):
        parent, rate, condition = sample.tags[SAMPLE]
        values = (parent, "uniform", float(rate), condition, lake.measure(sample).rows, sample.created.strftime(TIME))
        rows.append(dict(zip(_SAMPLES.names, (sample.table, sample.id, *values), strict=True)))
    return pa.Table.from_pylist(rows, schema=_SAMPLES)


METADATA: Mapping[str, Metadata] = {
    "history_meta": Metadata(_HISTORY, _history, "historyMeta can be used on datalake tables only"),
    "sample_meta": Metadata(_SAMPLES, _samples, "samples are drawn from tables of the lake only"),
}
"""All such functions, by lower-case name."""
