"""The loop closes: delivered is who was scored high, but for the control group, and nobody twice."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import limbeck
from limbeck.client import Client
from limbeck.errors import InvalidInput, LandingZoneError
from limbeck.workflow.definition import Definition
from limbeck.workflow.ingest import CONTROL, TREATMENT, groups
from limbeck.workflow.ingest import place as home_folder
from tests import shop
from tests.behaviour.test_run_crashes import DEFINITION
from tests.commands import limbeck as command
from tests.disks import disk

pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
]

DELIVERED = "limbeck/shop/activation"
CHOSEN = "[audience]\ntop = 0.2\ncontrol = 0.25\n"
COLUMNS = DEFINITION[DEFINITION.index("[activation.columns]") : DEFINITION.index("[model]")]


@dataclass(frozen=True)
class State:
    """What there is to see after a run."""

    summary: Mapping[str, Any]
    scores: list[dict[str, Any]]
    files: Mapping[str, tuple[bytes, int]]
    """What lies in the folder of deliveries: bytes, and when they were written."""
    uploads: list[str]
    """The files of scores that came home."""
    flow_runs: list[str]
    jobs: list[str]

    @property
    def delivered(self) -> list[dict[str, str]]:
        """The rows of the file that the summary names."""
        (name,) = self.summary["activation"]["files"]
        return list(csv.DictReader(io.StringIO(self.files[name][0].decode())))

    @property
    def threshold(self) -> float:
        """The score in the rule."""
        return float(self.summary["audience"]["rule"].split()[2])


@dataclass(frozen=True)
class Shop:
    """A folder with the sources, and a home."""

    folder: Path
    aep: Client

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def run(self, text: str) -> State:
        """Run a definition of this text, and look."""
        (self.folder / "shop.toml").write_text(text)
        summary = limbeck.run(self.folder / "shop.toml", self.aep, self.home, self.folder / "out")
        uploaded = home_folder(self.aep, Definition.load(self.folder / "shop.toml"))
        assert summary == json.loads((self.folder / "out" / "summary.json").read_text())
        place = self.home / "landing-zone" / "dlz-destination" / DELIVERED
        found = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in place.iterdir()} if place.is_dir() else {}
        return State(
            summary=summary,
            scores=pq.read_table(self.folder / "out" / "scores.parquet").to_pylist(),
            files=found,
            uploads=self.aep.landing_zone("upload").list(uploaded),
            flow_runs=[r["id"] for r in self._get("/data/foundation/flowservice/runs")["items"]],
            jobs=[j["id"] for j in self._get("/data/core/ups/segment/jobs")["children"]],
        )

    def forecast(self, person: str) -> Mapping[str, Any]:
        """What a profile keeps of the forecast."""
        found = self.aep.people.find("CRMID", person)
        assert found is not None, person
        kept: Mapping[str, Any] = found.entity[f"_{self.aep.tenant}"]["propensity"]["shop"]
        return kept

    def _get(self, path: str) -> Any:
        return self.aep._transport.call("GET", path)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    shop.write(folder)
    with limbeck.connect(folder / "home") as aep:
        earlier = folder / "earlier.parquet"  # scores as an earlier version brought them home: other columns
        pq.write_table(pa.table({"identity": ["c1"], "score": [0.5]}), earlier)
        aep.landing_zone("upload").write("limbeck/shop/scores", earlier.name, earlier)
        yield Shop(folder, aep)


@pytest.fixture(scope="module")
def quiet(place: Shop) -> State:
    """After a run of a definition that chooses nobody."""
    return place.run(DEFINITION.replace(CHOSEN, "").replace(COLUMNS, ""))


@pytest.fixture(scope="module")
def chosen(place: Shop, quiet: State) -> State:
    """After a run of one that chooses, and delivers nothing."""
    assert quiet.summary
    return place.run(DEFINITION.replace(COLUMNS, ""))


@pytest.fixture(scope="module")
def first(place: Shop, chosen: State) -> tuple[State, Mapping[str, Mapping[str, Any]]]:
    """After the first run of the whole, with what profiles keep then."""
    assert chosen.summary
    found = place.run(DEFINITION)
    return found, {row["entity_id"]: place.forecast(row["entity_id"]) for row in found.scores[::20]}


@pytest.fixture(scope="module")
def second(place: Shop, first: tuple[State, Any]) -> State:
    """After the same once more."""
    assert first
    return place.run(DEFINITION)


@pytest.fixture(scope="module")
def fewer(place: Shop, second: State) -> State:
    """After a run that chooses half as many."""
    assert second.summary
    return place.run(DEFINITION.replace("top = 0.2", "top = 0.1"))


def held_out(person: str) -> bool:
    return groups([person], 0, 0.25) == [CONTROL]


def best(state: State, share: float) -> list[dict[str, Any]]:
    """Those with the highest scores, and who ties with the last of them, one by one."""
    ranked = sorted(state.scores, key=lambda row: -row["score"])
    last = ranked[max(1, round(share * len(ranked))) - 1]["score"]
    return [row for row in state.scores if row["score"] >= last]


def assert_delivered(state: State, share: float) -> None:
    """To the person: the best by their scores, but for the control group."""
    reach = best(state, share)
    expected = {row["entity_id"]: row["score"] for row in reach if not held_out(row["entity_id"])}
    rows = state.delivered
    assert {row["customer"]: float(row["score"]) for row in rows} == expected
    assert [row["customer"] for row in rows] == sorted(expected)
    assert state.threshold == min(row["score"] for row in reach)
    summary = state.summary
    assert summary["audience"]["size"] == summary["activation"]["rows"] == len(rows) == len(expected)
    assert summary["activation"]["control"] == len(reach) - len(expected)
    manifest = json.loads(state.files[summary["activation"]["manifest"]][0])
    (entry,) = manifest["exportResults"]
    assert [entry["name"]] == summary["activation"]["files"]
    assert (entry["rows"], entry["size"]) == (len(rows), len(state.files[entry["name"]][0]))


def test_the_delivered_are_the_best_but_for_the_control_group(first: tuple[State, Any]) -> None:
    state, _ = first
    assert_delivered(state, 0.2)
    assert state.summary["activation"]["control"] > 0
    people = {f"c{n:04d}": str(20 + n % 60) for n in range(shop.PEOPLE)}
    assert all(row["age"] == people[row["customer"]] for row in state.delivered)
    assert list(state.delivered[0]) == ["customer", "score", "age"]
    assert state.summary["activation"]["path"] == DELIVERED
    assert len(state.files) == 2


def test_the_rule_is_the_whole_choice(place: Shop, first: tuple[State, Any]) -> None:
    state, _ = first
    ours = f"_{place.aep.tenant}.propensity.shop"
    rule = state.summary["audience"]["rule"]
    assert rule == f'{ours}.score >= {rule.split()[2]} and {ours}.group = "treatment"'
    assert "e" not in rule.split()[2]


def test_scores_are_on_profiles(first: tuple[State, Mapping[str, Mapping[str, Any]]]) -> None:
    state, kept = first
    rows = {row["entity_id"]: row for row in state.scores}
    assert len(kept) > 10
    model = state.summary["model"]
    for person, forecast in kept.items():
        row = rows[person]
        assert forecast == {
            **{name: row[name] for name in ("score", "percentile", "points", "bucket", "reasons")},
            "rank": 1 + sum(other["score"] > row["score"] for other in state.scores),
            "group": CONTROL if held_out(person) else TREATMENT,
            "model": f"{model['name']} {model['version']}",
            "asOf": "2026-05-20T00:00:00.000Z",
        }
    assert {forecast["group"] for forecast in kept.values()} == {CONTROL, TREATMENT}


def test_members_know_it(place: Shop, fewer: State) -> None:
    """The profile of each who is delivered says so, and of who was before that it left."""
    audience = fewer.summary["audience"]["id"]
    inside = {row["customer"] for row in fewer.delivered}
    for row in best(fewer, 0.2)[::6]:
        person = place.aep.people.find("CRMID", row["entity_id"])
        assert person is not None
        status = person.audiences.get(audience)
        expected = None if held_out(row["entity_id"]) else "realized" if row["entity_id"] in inside else "exited"
        assert status == expected


def test_a_second_run_delivers_nothing_again(first: tuple[State, Any], second: State) -> None:
    before, _ = first
    assert second.files == before.files
    assert second.uploads == before.uploads
    assert second.flow_runs == before.flow_runs
    assert second.jobs == before.jobs
    for part in ("audience", "activation", "model", "keys", "test"):
        assert second.summary[part] == before.summary[part]
    assert second.scores == before.scores


def test_another_share_changes_rule_and_file_and_nothing_before(second: State, fewer: State) -> None:
    assert_delivered(fewer, 0.1)
    assert fewer.summary["model"] == second.summary["model"]
    assert fewer.summary["keys"] == second.summary["keys"]
    assert fewer.scores == second.scores
    assert fewer.uploads == second.uploads
    assert len(fewer.flow_runs) == len(second.flow_runs) + 1
    assert len(fewer.jobs) == len(second.jobs) + 1
    assert fewer.summary["audience"]["id"] == second.summary["audience"]["id"]
    assert fewer.summary["audience"]["rule"] != second.summary["audience"]["rule"]
    assert fewer.summary["activation"]["files"] != second.summary["activation"]["files"]
    assert {name: fewer.files[name] for name in second.files} == second.files
    assert len(fewer.files) == 4


def test_without_an_audience_scores_come_onto_profiles_and_nobody_is_chosen(place: Shop, quiet: State) -> None:
    assert "audience" not in quiet.summary
    assert "activation" not in quiet.summary
    assert (quiet.files, quiet.jobs) == ({}, [])
    assert [Path(name).suffix for name in quiet.uploads] == [".parquet"]
    (file,) = (place.home / "landing-zone" / "dlz-user-container").rglob(Path(quiet.uploads[0]).name)
    table = pq.read_table(file)
    assert table["identity"].to_pylist() == [row["entity_id"] for row in quiet.scores]
    assert table["score"].to_pylist() == [row["score"] for row in quiet.scores]
    assert set(table["group"].to_pylist()) == {TREATMENT}
    assert set(table["asOf"].to_pylist()) == {datetime(2026, 5, 20)}


def test_an_audience_without_delivery_is_made_and_delivers_nothing(
    quiet: State, chosen: State, first: tuple[State, Any]
) -> None:
    assert "activation" not in chosen.summary
    assert chosen.files == {}
    assert len(chosen.jobs) == 1
    assert chosen.summary["audience"] == first[0].summary["audience"]
    assert chosen.summary["model"] == quiet.summary["model"]
    assert len(chosen.uploads) == len(quiet.uploads) + 1  # the groups are others
    assert datetime.fromisoformat(chosen.summary["audience"]["evaluated"]).tzinfo == UTC
    assert first[0].uploads == chosen.uploads


def test_an_audience_that_is_gone_is_made_again_and_delivered_to(place: Shop, fewer: State) -> None:
    """What the folder of the workflow remembers is believed only while the platform agrees."""
    made = place.aep.audiences.get(fewer.summary["audience"]["id"])
    place.aep.audiences.change(made, f"_{place.aep.tenant}.propensity.shop.score >= 2.0")
    found = place.run(DEFINITION)
    assert_delivered(found, 0.2)
    assert found.summary["audience"]["id"] == made.id
    assert found.summary["model"]["run_id"] == fewer.summary["model"]["run_id"]
    assert place.aep.audiences.get(made.id).rule == found.summary["audience"]["rule"]


# -- as commands, each a process of its own -----------------------------------------------------------------------


def shown(step: str, folder: Path, *options: str) -> Any:
    """Run a command that ends well with `--json`, and return the one document that it prints."""
    ended = command(step, folder / "shop.toml", "--home", folder / "home", "--json", *options)
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(ended.stdout)


def zone(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file of the landing zone, and when it was written."""
    found = [path for path in (folder / "home" / "landing-zone").rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in found}


def kinds(folder: Path, step: str) -> list[str]:
    """The first word of each write that a dry run names; it makes none."""
    before = zone(folder)
    found = [line.split()[0] for line in shown(step, folder, "--dry-run")["writes"]]
    assert zone(folder) == before
    return found


def test_export_ingest_and_activate_name_their_writes_and_do_them_once(tmp_path: Path) -> None:
    shop.write(tmp_path)
    (tmp_path / "shop.toml").write_text(DEFINITION)
    sources, late = ["schema", "identity", "dataset", "batch"] * 2, ["run", "scores", "audience", "delivery", "file"]
    assert kinds(tmp_path, "activate") == [*sources, *["table"] * 3, *["export"] * 3, *late]

    exported = shown("export", tmp_path)
    assert {name: found["rows"] for name, found in exported.items()} == {
        name: sum(pq.read_metadata(file).num_rows for file in found["files"]) for name, found in exported.items()
    }
    assert list(exported) == ["train", "test", "score"]
    assert kinds(tmp_path, "export") == []
    assert kinds(tmp_path, "ingest") == ["run", "scores", "file"]

    ingested = shown("ingest", tmp_path)
    assert ingested["rows"] == exported["score"]["rows"]
    assert kinds(tmp_path, "ingest") == ["file"]
    assert kinds(tmp_path, "activate") == ["audience", "delivery", "file"]

    first = shown("activate", tmp_path)
    assert set(first) == {"audience", "activation", "plan"}
    assert first["audience"]["planned"] == first["plan"]["chosen"]
    (name,) = first["activation"]["files"]
    (delivered,) = (path for path in zone(tmp_path) if path.endswith(name))
    with Path(delivered).open(newline="") as handle:
        people = [row["customer"] for row in csv.DictReader(handle)]
    assert len(people) == len(set(people)) == first["activation"]["rows"]
    assert kinds(tmp_path, "activate") == ["file"]

    before = zone(tmp_path)
    for step, value in (("export", exported), ("ingest", ingested), ("activate", first)):
        assert shown(step, tmp_path) == value
    assert zone(tmp_path) == before


def test_activate_says_what_is_missing_where_nobody_is_chosen(tmp_path: Path) -> None:
    shop.write(tmp_path)
    (tmp_path / "shop.toml").write_text(DEFINITION.replace(CHOSEN, "").replace(COLUMNS, ""))
    ended = command("activate", tmp_path / "shop.toml", "--home", tmp_path / "home")
    assert ended.returncode == 2
    assert "chooses nobody; give it a section [audience] with top = 0.1" in ended.stderr


def test_a_lost_output_is_written_again(place: Shop, fewer: State) -> None:
    before = place.run(DEFINITION)
    shutil.rmtree(place.folder / "out")
    found = place.run(DEFINITION)
    assert fewer.summary
    assert found.files == before.files
    assert found.scores == before.scores
    assert found.summary["activation"] == before.summary["activation"]


# -- what goes wrong ----------------------------------------------------------------------------------------------


def test_a_column_that_no_profile_has_is_told_and_nothing_is_delivered(place: Shop, fewer: State) -> None:
    assert fewer.summary
    before = place.run(DEFINITION)
    wrong = DEFINITION.replace(COLUMNS, COLUMNS.replace("{tenant}.age", "{tenant}.agee"))
    ours = f"_{place.aep.tenant}"
    with pytest.raises(
        InvalidInput, match=f"to 'age' reads '{ours}.agee', which no profile.*did you mean \"{ours}.age\""
    ):
        place.run(wrong)
    after = place.run(DEFINITION)
    assert after.files == before.files
    assert after.summary["activation"] == before.summary["activation"]


def test_a_folder_without_rights_is_told_and_the_same_run_goes_on(place: Shop, fewer: State) -> None:
    assert fewer.summary
    before = place.run(DEFINITION)
    shorter = DEFINITION.replace(COLUMNS, COLUMNS.replace('age = "{tenant}.age"', ""))
    folder = place.home / "landing-zone" / "dlz-destination" / DELIVERED
    with (
        disk(folder, "ro,size=64k"),
        pytest.raises(LandingZoneError, match=f"{DELIVERED} is not writable; give it rights"),
    ):
        place.run(shorter)
    after = place.run(shorter)
    assert {name: after.files[name] for name in before.files} == before.files
    assert len(after.files) == len(before.files) + 2
    assert [row.keys() for row in after.delivered] == [{"customer", "score"}] * len(before.delivered)
