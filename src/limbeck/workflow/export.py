"""Step 3: a dataset leaves by the landing zone, as Parquet that any ML tool reads."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from limbeck.client import Client, Dataset
from limbeck.errors import Internal, LimbeckError
from limbeck.workflow.local import write_in_order
from limbeck.workflow.whole import whole_folder


def export(client: Client, dataset: Dataset, path: str, folder: Path, order: Sequence[str]) -> tuple[Path, ...]:
    """Return the file of *dataset* in *folder*: exported, fetched and put in order now if it is not there.

    Rows are in the *order* of columns whose values tell them apart, so the same rows are the same bytes.

    The export lies in the landing zone under `{path}/{dataset id}/exportTime=…`; it is made by a dataflow of its own.
    The table of a feature set never changes, so an export that is there already is as good as a new one.
    """
    if not folder.is_dir():
        zone, place = client.landing_zone("export"), f"{path}/{dataset.id}"
        name = f"limbeck export of {dataset.table}"
        flow = client.find_flow(name) or client.create_export(name, dataset, path)
        settle(client, flow)
        if not zone.list(place):
            client.wait_run(client.run_flow(flow))
        exports = zone.list(place)
        if not exports:
            raise Internal(f"the export of {dataset.table} ended, but the landing zone lists none")
        with whole_folder(folder) as beside:
            loose = beside / "loose"
            zone.download(max(exports), loose)
            write_in_order(sorted(loose.glob("*.parquet")), order, beside / "part-00000.parquet")
            shutil.rmtree(loose)
    return tuple(sorted(folder.glob("*.parquet")))


def settle(client: Client, flow_id: str) -> None:
    """Wait for the runs of a dataflow that an interrupted run of ours began; how they end is not told."""
    for run in client.flow_runs(flow_id):
        if run.completed is None:
            with suppress(LimbeckError):
                client.wait_run(run)
