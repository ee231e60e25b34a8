"""`limbeck clean`: what it lists is what goes, nothing goes that somebody needs, and it may be killed."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import limbeck
from limbeck.errors import InvalidInput, NotFound
from limbeck.housekeeping import age, clean
from limbeck.lock import file_lock
from tests import shop
from tests.behaviour import children
from tests.behaviour.test_run_crashes import DEFINITION, work
from tests.commands import limbeck as command
from tests.shop_definition import kept, models, scores, tables

NOW = timedelta(0)
MONTH_S = 30 * 86_400
LAKE = "lake/000000000000000000000000/gone.parquet"
GARBAGE = (LAKE, "staging/run/file", "audiences/a/b.parquet")
MINE = (
    "landing-zone/dlz-user-container/mine/exportTime=20200101000000/part-00000.parquet",
    "landing-zone/dlz-destination/mine/exportTime=20200101000000/mine.csv",
    "landing-zone/dlz-destination/mine/a.csv",
    "workflow/shop/notes.txt",
    "workflow/other/train-0123456789ab/a.parquet",
    "output/shop/mine.part",
    "mine.txt",
)
"""What a user may have put into a home, or another program: nobody knows whether it is needed."""


@dataclass
class Shop:
    """A home on which two definitions of one name were run, the second last."""

    folder: Path
    earlier: set[str] = field(default_factory=set)
    """Results that only the first used."""

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def run(self) -> None:
        children.finish(children.start(work, self.folder, self.home))


def put(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x" * 100)


def aged(home: Path) -> None:
    """Make everything in a home a month old."""
    for export in (home / "landing-zone").rglob("exportTime=20[2-9][!0]*"):
        export.rename(export.with_name(f"exportTime=202001010000{sum(1 for _ in export.parent.iterdir()):02}"))
    with closing(sqlite3.connect(home / "limbeck.db")) as store:
        store.execute("UPDATE snapshots SET created = created - ?", (MONTH_S * 1000,))
        store.commit()
    then = time.time() - MONTH_S
    for path in home.rglob("*"):
        os.utime(path, (then, then), follow_symlinks=False)


def littered(home: Path) -> None:
    """Leave in a home what crashes leave, and what users have."""
    for name in (*GARBAGE, *MINE, "scratch/old/spill.tmp", "scratch/young/spill.tmp"):
        put(home / name)
    aged(home)
    os.utime(home / "scratch" / "young")
    put(home / "lake" / "000000000000000000000000" / "young.parquet")
    put(home / "workflow" / "shop" / ".train-0123456789ab.x.part" / "a.parquet")
    put(home / "out" / ".summary.json.x.part")
    put(home / ".mlflow.db.x.part")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    found = Shop(tmp_path_factory.mktemp("shop"))
    shop.write(found.folder)
    results = []
    for text in (DEFINITION.replace('"7 days"', '"9 days"'), DEFINITION):
        (found.folder / "shop.toml").write_text(text)
        found.run()
        results.append({p.name for p in (found.home / "workflow" / "shop").iterdir()})
    used = set(json.loads((found.home / "workflow" / "shop" / "latest.json").read_text())["uses"])
    assert used < results[1]
    found.earlier = results[0] - used - {"lock", "latest.json"}
    return found


@pytest.fixture
def littered_shop(place: Shop) -> Shop:
    place.run()
    littered(place.home)
    return place


def answers(home: Path) -> list[Any]:
    """What there is to ask: the rows of each table, a person, the audience, and the deliveries."""
    with limbeck.connect(home) as aep:
        rows = [sorted(map(str, aep.sql(f'select * from "{d.table}"').table().to_pylist())) for d in aep.datasets()]
        person = aep.people.find("CRMID", "c0001")
        assert person is not None
        delivered = aep.landing_zone("export").list("limbeck/shop/activation")
        return [rows, person, [a.size for a in aep.audiences.all()], delivered]


def outcome(home: Path) -> tuple[Any, ...]:
    """What the last run left: measures, scores, and the file that it delivered."""
    summary = json.loads((home / "out" / "summary.json").read_text())
    (file,) = summary["activation"]["files"]
    delivered = home / "landing-zone" / "dlz-destination" / summary["activation"]["path"] / file
    parts = [summary[part] for part in ("rows", "test", "keys", "definition")]
    people = [(row["entity_id"], row["score"], row["rank"]) for row in scores(home / "out" / "scores.parquet")]
    return parts, people, delivered.read_text()


def flow_runs(home: Path) -> int:
    with closing(sqlite3.connect(home / "limbeck.db")) as store:
        (count,) = store.execute("SELECT count(*) FROM flow_runs").fetchone()
    return int(count)


def shown(found: Any) -> list[tuple[str, int, str]]:
    return [(str(leftover.path), leftover.bytes, leftover.why) for leftover in found.leftovers]


def everything(home: Path) -> set[Path]:
    return {path for path in home.rglob("*") if not path.name.startswith("limbeck.db")}


def gone_for(before: set[Path], after: set[Path]) -> set[Path]:
    """The uppermost of what went, without the folders that were left empty."""
    went = before - after
    return {path for path in went if path.parent not in went}


def test_a_dry_run_lists_what_the_next_one_removes_and_nobody_misses_it(littered_shop: Shop) -> None:
    home = littered_shop.home
    asked = answers_of_a_copy(home)
    before, whole = everything(home), outcome(home)
    exports = {path for path in before if path.name.startswith("exportTime=2020") and "features" in path.parts}
    assert len(exports) == 6

    dry = clean(home, dry_run=True)

    assert everything(home) == before
    real = clean(home)
    assert (shown(real), real.versions, real.bytes) == (shown(dry), dry.versions, dry.bytes)
    assert gone_for(before, everything(home)) == {leftover.path for leftover in real.leftovers}
    assert real.bytes > 0
    paths = {str(leftover.path.relative_to(home)) for leftover in real.leftovers}
    assert paths >= {*GARBAGE, "scratch/old", "workflow/shop/.train-0123456789ab.x.part", ".mlflow.db.x.part"}
    assert paths >= {"out/.summary.json.x.part", *(str(path.relative_to(home)) for path in exports)}
    assert all((home / name).is_file() for name in MINE)
    assert (home / "scratch" / "young" / "spill.tmp").is_file()
    assert (home / "lake" / "000000000000000000000000" / "young.parquet").is_file()
    assert not any((home / "workflow" / "shop" / name).exists() for name in littered_shop.earlier)
    assert (clean(home).leftovers, clean(home).versions) == ((), 0)
    assert answers(home) == asked
    assert_nothing_anew(littered_shop, whole)


def answers_of_a_copy(home: Path) -> list[Any]:
    """The answers before anything went: opening a home sweeps it, so the litter is put there again."""
    found = answers(home)
    littered(home)
    return found


def assert_nothing_anew(place: Shop, whole: Any) -> None:
    home = place.home
    before = tables(home), models(home), flow_runs(home), kept(home, "lake", "models", "workflow")
    place.run()
    after = tables(home), models(home), flow_runs(home), kept(home, "lake", "models", "workflow")
    assert after == before
    assert outcome(home) == whole


@pytest.mark.parametrize("point", ["disk.removing:3", "disk.removed"])
def test_killed_in_the_midst_the_next_one_goes_on(littered_shop: Shop, point: str) -> None:
    home, whole = littered_shop.home, outcome(littered_shop.home)
    for name in ("train-ffffffffffff", "test-ffffffffffff"):
        put(home / "workflow" / "shop" / name / "a.parquet")
    children.killed(clean, home, NOW, crash_at=point)
    clean(home, NOW)
    left = [p for p in home.rglob("*") if p.name.endswith(".part") and p != home / "output" / "shop" / "mine.part"]
    assert left == []
    assert (clean(home, NOW).leftovers, clean(home, NOW).versions) == ((), 0)
    assert_nothing_anew(littered_shop, whole)


def test_what_a_running_step_holds_is_left_alone(littered_shop: Shop) -> None:
    home = littered_shop.home
    put(home / "workflow" / "shop" / "train-ffffffffffff" / "a.parquet")
    with file_lock(home / "workflow" / "shop" / "lock"):
        clean(home, NOW)
    assert (home / "workflow" / "shop" / "train-ffffffffffff").is_dir()
    assert (home / "workflow" / "shop" / ".train-0123456789ab.x.part").is_dir()
    assert {leftover.path.name for leftover in clean(home, NOW).leftovers} >= {"train-ffffffffffff"}


def test_beside_a_run_it_disturbs_nobody(place: Shop, tmp_path: Path) -> None:
    expected = outcome(place.home)
    child = children.start(work, place.folder, tmp_path / "home")
    turns = 0
    while child.is_alive():
        if (tmp_path / "home" / "limbeck.db").exists() and (tmp_path / "home" / "workflow").exists():
            clean(tmp_path / "home", NOW)
            turns += 1
    children.finish(child)
    assert turns > 3
    assert outcome(tmp_path / "home") == expected


def test_results_stay_where_no_run_told_what_it_uses(littered_shop: Shop) -> None:
    home = littered_shop.home
    latest = home / "workflow" / "shop" / "latest.json"
    told = latest.read_bytes()
    latest.unlink()
    put(home / "workflow" / "shop" / "train-ffffffffffff" / "a.parquet")
    clean(home, NOW)
    assert (home / "workflow" / "shop" / "train-ffffffffffff").is_dir()
    latest.write_bytes(told)


def test_younger_results_stay(place: Shop) -> None:
    put(place.home / "workflow" / "shop" / "train-ffffffffffff" / "a.parquet")
    clean(place.home)
    assert (place.home / "workflow" / "shop" / "train-ffffffffffff").is_dir()
    clean(place.home, NOW)
    assert not (place.home / "workflow" / "shop" / "train-ffffffffffff").exists()


def test_a_folder_of_a_workflow_on_a_server_is_cleaned_too(tmp_path: Path) -> None:
    put(tmp_path / "workflow" / "shop" / ".a.x.part")
    put(tmp_path / "workflow" / "shop" / "lock")
    assert [leftover.path.name for leftover in clean(tmp_path).leftovers] == [".a.x.part"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["workflow"]


# -- the command --------------------------------------------------------------------------------------------------


def test_the_command_prints_each_thing_with_its_size(littered_shop: Shop) -> None:
    home = littered_shop.home
    line = ("clean", "--home", home, "--older-than", "20 days")
    dry = json.loads(command(*line, "--dry-run", "--json").stdout)
    assert (dry["dry_run"], dry["home"]) == (True, str(home))
    assert dry["bytes"] == sum(leftover["bytes"] for leftover in dry["leftovers"])
    told = command(*line, "--dry-run")
    assert (told.returncode, told.stderr) == (0, "")
    row = next(row for row in told.stdout.splitlines() if LAKE in row)
    assert row.split("  ")[0].strip() == "100 B"
    assert told.stdout.splitlines()[-1].startswith("would free ")

    ended = command(*line, "--json")

    assert ended.returncode == 0
    assert {**json.loads(ended.stdout), "dry_run": True} == dry
    assert command(*line).stdout == f"freed 0 B in {home}\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--older-than", "a week"), 2, "'a week' is no age; write it as '7 days' or '12 hours'"),
        ((), 2, "there is no home in HOME; name the folder with --home"),
    ],
)
def test_a_call_that_is_wrong(tmp_path: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    home = tmp_path / "home"
    ended = command("clean", "--home", home, *arguments)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr == f"error: {message.replace('HOME', str(home))}\n"
    assert not home.exists()


def test_ages() -> None:
    assert [age(text) for text in ("7 days", "1 day", "12 hours", "0 days")] == [
        timedelta(days=7),
        timedelta(days=1),
        timedelta(hours=12),
        NOW,
    ]
    for text in ("", "7", "-1 days", "7 weeks", "٧ days"):
        with pytest.raises(InvalidInput, match="is no age"):
            age(text)
    with pytest.raises(NotFound):
        clean("/nowhere/at/all")
