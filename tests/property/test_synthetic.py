"""Whatever is asked of the generator: whole, in order, the same again, and each block and day by itself."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.workflow import newsletter, synthetic
from limbeck.workflow.world import PRESETS, SHARES, Generator
from tests.synthetic import spans


@st.composite
def requests(draw: st.DrawFn) -> tuple[Generator, list[datetime], int]:
    start = draw(st.dates(date(1965, 1, 1), date(2150, 1, 1)))
    days = draw(st.integers(1, 40))
    asked = Generator(draw(st.integers(1, 150)), days, start, draw(st.integers(0, 2**31 - 1)))
    begin = datetime.combine(start, time())
    cutoffs = draw(st.lists(st.integers(1, days).map(lambda n: begin + timedelta(days=n)), min_size=1, max_size=5))
    return asked, cutoffs, draw(st.integers(1, 60))


def read(folder: Path, name: str) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in sorted(folder.glob(f"{name}*"))])


@pytest.fixture(scope="module", autouse=True)
def small() -> object:
    """Blocks and row groups so small that a few people fill several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "BLOCK", 40)
        patch.setattr(synthetic, "FLUSH", 100)
        yield


@settings(max_examples=40, deadline=None)
@given(requests())
def test_whatever_is_asked(request: tuple[Generator, list[datetime], int]) -> None:
    asked, cutoffs, within = request
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        synthetic.generate(asked, folder, spans(cutoffs, within))
        blocks = -(-asked.people // 40)
        assert [len(list(folder.glob(f"{part}-*"))) for part in ("events", "profiles")] == [blocks, blocks]
        events, profiles, truth = (read(folder, part) for part in ("events", "profiles", "truth"))

    times = events["timestamp"].to_numpy()
    begin, end = np.datetime64(asked.start, "ms"), np.datetime64(asked.end, "ms")
    assert ((times >= begin) & (times < end)).all()
    assert len(set(events["id"].to_pylist())) == len(events)
    rows = list(zip(truth["entity_id"].to_pylist(), truth["cutoff"].to_pylist(), strict=True))
    people = {person for person, _ in rows}
    assert len(people) == asked.people
    assert sorted(rows) == sorted((person, cutoff) for person in people for cutoff in set(cutoffs))
    assert people >= set(events["userid"].to_pylist()) | set(profiles["userid"].to_pylist())
    chances = truth["probability"].to_numpy()
    assert ((chances > 0) & (chances < 1)).all()


@settings(max_examples=25, deadline=None)
@given(requests(), st.integers(0, 100), st.integers(0, 20))
def test_blocks_and_days_that_were_there_stay_as_they_are(
    request: tuple[Generator, list[datetime], int], more_people: int, more_days: int
) -> None:
    asked, cutoffs, within = request
    larger = Generator(asked.people + more_people, asked.days + more_days, asked.start, asked.seed)
    with tempfile.TemporaryDirectory() as name:
        few, many = Path(name) / "few", Path(name) / "many"
        synthetic.generate(asked, few, spans(cutoffs, within))
        synthetic.generate(larger, many, spans(cutoffs, within))
        for block in range(asked.people // 40):
            part = f"{block:05d}.parquet"
            assert (few / f"profiles-{part}").read_bytes() == (many / f"profiles-{part}").read_bytes()
            first, second = (pq.read_table(folder / f"events-{part}") for folder in (few, many))
            assert second.slice(0, len(first)).equals(first)
            assert all(moment >= asked.end for moment in second["timestamp"].slice(len(first)).to_pylist())
        full = asked.people // 40 * 40 * len(set(cutoffs))
        assert read(many, "truth").slice(0, full).equals(read(few, "truth").slice(0, full))


@settings(max_examples=25, deadline=None)
@given(days=st.integers(0, 60), more=st.integers(0, 60))
def test_probabilities_of_two_spans_lie_between_the_longer_one_and_their_sum(days: int, more: int) -> None:
    """The second span begins in some state; the best and the worst of them bound it."""
    first, second, both = (newsletter.probability(n) for n in (days, more, days + more))
    worst = second.min(axis=(1, 2), keepdims=True)
    best = second.max(axis=(1, 2), keepdims=True)
    assert (both >= 1 - (1 - first) * (1 - worst) - 1e-12).all()
    assert (both <= 1 - (1 - first) * (1 - best) + 1e-12).all()


# -- imperfect data -----------------------------------------------------------------------------------------------

SHARE = st.sampled_from([0.0, 0.01, 0.3, 1.0])


@st.composite
def untidy(draw: st.DrawFn) -> tuple[Generator, list[datetime], int]:
    asked, cutoffs, within = draw(requests())
    shares = {name: draw(SHARE) for name in SHARES}
    given_on = asked.start + timedelta(days=draw(st.integers(0, asked.days - 1))) if shares["treated"] else None
    return replace(asked, **shares, treatment=given_on, preset=draw(st.sampled_from(list(PRESETS)))), cutoffs, within


@settings(max_examples=20, deadline=None)
@given(untidy())
def test_whatever_imperfections_are_asked(request: tuple[Generator, list[datetime], int]) -> None:
    asked, cutoffs, within = request
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        synthetic.generate(asked, folder, spans(cutoffs, within))
        events, profiles, truth = (read(folder, part) for part in ("events", "profiles", "truth"))
        links = read(folder, "links").to_pylist() if asked.identities else []

    times = events["timestamp"].to_numpy()
    assert ((times >= np.datetime64(asked.start, "ms")) & (times < np.datetime64(asked.end, "ms"))).all()
    assert ("received" in events.column_names) == bool(asked.late)
    if asked.late:
        assert (events["received"].to_numpy() >= times).all()
    distinct = len(set(events["id"].to_pylist()))
    assert distinct == len(events) if not asked.duplicates else distinct <= len(events) <= 2 * distinct
    treated = [row for row in events.to_pylist() if row["type"] == "treatment"]
    assert {row["timestamp"].date() for row in treated} <= {asked.treatment}

    assert pa.concat_tables(synthetic.truth(asked, spans(cutoffs, within))).equals(truth)
    rows = truth.to_pylist()
    known = {row["entity_id"] for row in rows}
    assert len(rows) == len(known) * len(set(cutoffs))
    assert known >= set(events["userid"].to_pylist()) | set(profiles["userid"].to_pylist())
    bots = sum(round(asked.bots * min(40, asked.people - first)) for first in range(0, asked.people, 40))
    assert len(known) == asked.people + len(links) + bots
    chances = {(row["entity_id"], row["cutoff"]): row["probability"] for row in rows}
    assert all(0 <= chance < 1 for chance in chances.values())
    assert all(abs(row.get("uplift", 0)) < 1 for row in rows)
    whole = {(row["entity_id"], row["cutoff"]): row.get("person_probability") for row in rows}
    for link in links:
        for cutoff in set(cutoffs):
            first, second = (link["person"], cutoff), (link["entity_id"], cutoff)
            assert whole[first] == whole[second]
            low, high = sorted((chances[first], chances[second]))
            assert high <= whole[first] <= low + high + 1e-12
