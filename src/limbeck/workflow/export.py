"""Step 3: a dataset leaves by the landing zone, as Parquet that any ML tool reads."""

from __future__ import annotations

from pathlib import Path

from limbeck.client import Client, Dataset
from limbeck.errors import Internal
from limbeck.workflow.whole import whole_folder


def export(client: Client, dataset: Dataset, path: str, folder: Path) -> tuple[Path, ...]:
    """Return the files of *dataset* in *folder*, all of them: exported and fetched now if they are not there.

    The export lies in the landing zone under `{path}/{dataset id}/exportTime=…`; it is made by a dataflow of its own.
    """
    if not folder.is_dir():
        name = f"limbeck export of {dataset.table}"
        flow = client.find_flow(name) or client.create_export(name, dataset, path)
        client.wait_run(client.run_flow(flow))
        zone = client.landing_zone("export")
        exports = zone.list(f"{path}/{dataset.id}")
        if not exports:
            raise Internal(f"the export of {dataset.table} ended, but the landing zone lists none")
        with whole_folder(folder) as beside:
            zone.download(max(exports), beside)
    return tuple(sorted(folder.glob("*.parquet")))
