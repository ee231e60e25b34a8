"""The clean cases: what one might take for a leak, and what users really ask."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow.parquet as pq

from limbeck.propensity import frames as feature_sets
from limbeck.workflow import sources, synthetic
from limbeck.workflow.definition import Definition
from limbeck.workflow.features import When, training_set
from limbeck.workflow.featurize import when
from limbeck.workflow.question import Span
from tests.behaviour.query_tables import Home
from tests.leaks import held_back, made, samples
from tests.leaks.frames import Case, Frames
from tests.leaks.journeys import pastry, retail

EXAMPLES = Path(__file__).parents[2] / "examples"
FEWER = {
    "people = 20_000": "people = 1_000",
    "where transaction_timestamp": "where household_id::bigint % 2 = 0 and transaction_timestamp",
    "where start_date": "where household_id::bigint % 2 = 0 and start_date",
    "where redemption_date": "where household_id::bigint % 2 = 0 and redemption_date",
    "where CustomerID is not null": "where CustomerID % 2 = 0",
}
"""What is written otherwise in the examples: every second person will do."""


class _Platform:
    """A platform with the sources of the examples; a source that several have is stored once."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.home = Home.make(self.folder)
        self._stored: dict[str, str] = {}
        self._numbers = itertools.count()

    def tables(self, definition: Definition) -> Mapping[str, str]:
        """Store the sources of a definition that are not there; return the table of each."""
        generated = None
        if definition.generator is not None:
            generated = self.folder / f"generated-{next(self._numbers)}"
            generated.mkdir()
            synthetic.generate(definition.generator, generated, definition.spans)
        found = {}
        for source in definition.sources:
            key = repr((source.files, source.sql, source.columns))
            if key not in self._stored:
                name = f"source_{next(self._numbers)}"
                prepared = sources.prepare(source, EXAMPLES, "acme", self.folder / name, generated)
                self.home.add(name, [pq.read_table(file) for file in prepared.files])
                self._stored[key] = name
            found[source.dataset] = self._stored[key]
        return found

    def frame(self, definition: Definition, moments: When, *, labelled: bool, drawn: bool = False) -> pd.DataFrame:
        """Return the rows of a set as a training reads them."""
        text = training_set(definition, self.tables(definition), "acme", moments, labelled=labelled, drawn=drawn)
        path = self.folder / "set.parquet"
        pq.write_table(self.home.sql(text), path)
        return feature_sets.read([path])


@cache
def _platform() -> _Platform:
    return _Platform()


def example(name: str) -> Frames:
    """Return the frames of an example; `honest` is computed without a single event from the cutoff on."""
    text = (EXAMPLES / f"{name}.toml").read_text()
    for old, new in FEWER.items():
        text = text.replace(old, new)
    platform = _platform()
    path = platform.folder / f"{name}.toml"
    path.write_text(text)
    definition = Definition.load(path)
    sets = {key: when(definition, key) for key in ("train", "test", "score")}
    known = platform.frame(definition, sets["train"], labelled=True, drawn=definition.cutoffs.drawn)
    later = platform.frame(definition, sets["test"], labelled=True)
    keys = list(definition.row_columns)
    blind = platform.frame(definition, sets["test"], labelled=False)
    honest = later[[*keys, "label"]].merge(blind, on=keys, how="left", validate="1:1")
    aged = () if isinstance(sets["train"], Span) else _aged(platform, definition, known, sets["train"])
    return Frames(known, later, honest, platform.frame(definition, sets["score"], labelled=False), aged)


def _aged(
    platform: _Platform, definition: Definition, known: pd.DataFrame, cutoffs: Sequence[datetime]
) -> tuple[pd.DataFrame, ...]:
    within, found = definition.goal.within, []
    assert within is not None
    for times in (1, 2):
        before = {(within * times).before(moment, definition.cutoffs.clock): moment for moment in cutoffs}
        rows = platform.frame(definition, tuple(before), labelled=False)
        rows["cutoff"] = rows["cutoff"].map(before).astype(known["cutoff"].dtype)
        found.append(known[["entity_id", "cutoff", "label"]].merge(rows, on=["entity_id", "cutoff"], how="left"))
    return tuple(found)


CLEAN = (
    Case("retail", "Real orders: few orders make most of the difference.", lambda: retail().frames(), real=True),
    Case("pastry", "Real baskets: the goal's own past tells most.", lambda: pastry().frames(), real=True),
    *(
        Case(
            path.stem,
            "An example as users read it.",
            partial(example, path.stem),
            real=not path.stem.startswith("newsletter"),
        )
        for path in sorted(EXAMPLES.glob("*.toml"))
    ),
    *samples.CLEAN,
    *made.CLEAN,
    *held_back.CLEAN,
)
