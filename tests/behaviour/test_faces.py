"""The steps of a definition, one by one: embedded and against a server they give the same, files to the byte."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from limbeck.client import Client
from limbeck.workflow.definition import Definition
from limbeck.workflow.features import training_set
from limbeck.workflow.featurize import SETS, when
from limbeck.workflow.run import Run
from tests.platforms import embedded, served
from tests.synthetic import LETTERS

DEFINITION = LETTERS.replace("people = 500", "people = 300").replace(
    "events = { count = true }",
    'events = { count = true, windows = ["ever", "14 days"] }\nrecency = { days_since_last = true }',
)
MADE = DEFINITION[DEFINITION.index("[generator]") : DEFINITION.index("[[sources]]")]


def told(client: Client, folder: Path) -> dict[str, Any]:
    """What the steps give, without the names of tenant and folder."""
    path, home = folder / "letters.toml", folder / "home"
    path.write_text(DEFINITION)
    run = Run(Definition.load(path), client, home)
    with run.working(yes_production=True):
        found = {
            "explore": {**run.exploration, "overview": run.overview},
            "explain": run.statements(),
            "sets": {name: [file.read_bytes() for file in found.files] for name, found in run.features.items()},
            "monitoring": [file.read_bytes() for file in run.monitoring(datetime(2026, 2, 5)).files],
        }
    found["refresh"] = refreshed(client, run, folder)
    text = json.dumps(found, default=repr).replace(f"_{client.tenant}", "_tenant").replace(str(folder), "")
    same: dict[str, Any] = json.loads(text, parse_float=lambda number: round(float(number), 9))
    return same


def refreshed(client: Client, run: Run, folder: Path) -> list[dict[str, Any]]:
    """The sets of the same datasets after an event came late, which are those computed anew."""
    path, (events,) = folder / "grown.toml", run.definition.sources
    path.write_text(
        DEFINITION.replace(MADE, "").replace('files.log = "generator:events"\n', "").replace("letters", "grown", 1)
    )
    definition, table = Definition.load(path), run.tables[events.dataset]
    with (before := Run(definition, client, folder / "home")).working(yes_production=True):
        old = {name: dataset.table for name, dataset in before.feature_tables.items()}
    who = client.sql(f"select min(_{client.tenant}.userid) from {table}").scalar()
    late = {"_id": "late", "timestamp": "2026-01-10T00:00:00Z", "eventType": "web.formFilledOut"}
    late |= {f"_{client.tenant}": {"userid": who}}
    (folder / "late.json").write_text(json.dumps(late))
    client.upload(run.datasets[events.dataset].dataset, folder / "late.json")

    found = []
    with (after := Run(definition, client, folder / "home")).working(yes_production=True):
        for name in SETS:
            text = training_set(
                definition, after.tables, client.tenant, when(definition, name), labelled=name != "score"
            )
            new = f"SELECT * FROM {after.feature_tables[name].table}"
            rows, whole, earlier = (
                client.sql(f"SELECT * FROM ({asked}) AS found ORDER BY entity_id, cutoff LIMIT 5000").table()
                for asked in (new, text, f"SELECT * FROM {old[name]}")
            )
            assert rows.equals(whole)
            assert not rows.equals(earlier)
            found += rows.to_pylist()
    return found


def test_the_steps_give_the_same_embedded_and_against_a_server(tmp_path: Path) -> None:
    here, there = (tmp_path / name for name in ("here", "there"))
    for folder in (here, there):
        folder.mkdir()
    with embedded(here / "home") as client:
        wanted = told(client, here)
    with served(there / "home") as client:
        found = told(client, there)
    for step, value in wanted.items():
        assert found[step] == value, step
    assert wanted["explain"]["train"].count("-- ") > 3
