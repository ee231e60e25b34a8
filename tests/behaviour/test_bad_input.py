"""What cannot be used, and what goes wrong on the way: one clear message, nothing half-visible, and the next run works.

Disks are full for real (small tmpfs), Ctrl-C is a real SIGINT, pressed at moments that the run itself shows.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from subprocess import CompletedProcess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limbeck.cli import main
from limbeck.platform import Platform
from limbeck.settings import Settings
from limbeck.xdm.types import Field, Object, Scalar
from tests.behaviour import children
from tests.commands import limbeck, started
from tests.disks import disk
from tests.shop_definition import (
    DEFINITION,
    SOURCES,
    kept,
    models,
    scores,
    tables,
    unfinished,
    write,
)

BEGIN = datetime(2026, 1, 1)
INTERRUPTED = "interrupted; nothing is half-written, run the same command to go on"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the shop: its files, and `shop.toml`."""
    found = tmp_path_factory.mktemp("shop")
    write(found)
    return found


@pytest.fixture(scope="module")
def featurized(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the shop's datasets and feature sets."""
    home = tmp_path_factory.mktemp("featurized") / "home"
    assert limbeck("featurize", folder / "shop.toml", "--home", home).returncode == 0
    return home


@pytest.fixture(scope="module")
def undisturbed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home on which the whole run went through undisturbed."""
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    assert limbeck("run", folder / "shop.toml", "--home", home).returncode == 0
    return home


def told(ended: CompletedProcess[str], code: int) -> str:
    """The one message of a command that ended with *code*."""
    assert "Traceback" not in ended.stderr, ended.stderr
    assert (ended.returncode, ended.stdout) == (code, ""), ended.stderr
    *notes, last = ended.stderr.splitlines()
    assert not [note for note in notes if note.startswith("error: ")]
    assert last.startswith("error: ")
    return last.removeprefix("error: ")


def works(step: str, definition: Path, home: Path) -> None:
    ended = limbeck(step, definition, "--home", home)
    assert ended.returncode == 0, ended.stderr
    assert unfinished(home) == []


# -- sources ------------------------------------------------------------------------------------------------------

GOOD = {
    "customer": ["a", "b", "c"],
    "number": ["e1", "e2", "e3"],
    "at": ["2026-01-01", "2026-01-02", "2026-01-03"],
    "kind": ["view", "view", "purchase"],
    "amount": ["", "", "10"],
}


def csv(path: Path, **changes: Sequence[str]) -> None:
    columns = GOOD | changes
    path.write_text("\n".join([",".join(columns), *map(",".join, zip(*columns.values(), strict=True)), ""]))


def floats(path: Path) -> None:
    good = {name: pa.array(values) for name, values in GOOD.items()}
    pq.write_table(pa.table(good | {"customer": [1.0, 2.0, 3.0]}), path.with_suffix(".parquet"))


BAD_SOURCES: dict[str, tuple[Callable[[Path], object], dict[str, str], list[str]]] = {
    "missing file": (lambda path: None, {}, ["line 4: sources[0].files.log: there is no file ", "log.csv"]),
    "unknown column": (
        csv,
        {"\nkind =": "\nkin =", "kind = 'purchase'": "kin = 'purchase'", "kind = 'view'": "kin = 'view'"},
        ["line 4: sources[0]: there is no column 'kin'", 'did you mean "kind"?'],
    ),
    "time without meaning": (
        lambda path: csv(path, at=["2026-01-01", "2026-01-02", "31.12.26 noon"]),
        {},
        ["line 4: sources[0]: row 3, column 'at': '31.12.26 noon' is no time"],
    ),
    "identity with a fraction": (
        floats,
        {"log.csv": "log.parquet"},
        ["line 4: sources[0]: column 'customer' identifies people, but arrives as DOUBLE"],
    ),
    "key that stands twice": (
        lambda path: csv(path, number=["e1", "e2", "e2"]),
        {},
        ["line 4: sources[0]: column 'number': 'e2' stands 2 times"],
    ),
    "no parquet": (
        lambda path: path.with_suffix(".parquet").write_text("x" * 100),
        {"log.csv": "log.parquet"},
        ["line 4: sources[0]: the source shop events cannot be read: ", "log.parquet"],
    ),
}


def small(folder: Path, changes: Mapping[str, str]) -> Path:
    """A definition whose events are those of `log.csv` alone."""
    people = DEFINITION[DEFINITION.index('[[sources]]\ndataset = "shop people"') : DEFINITION.index("[goal]")]
    taken = {people: "", 'age = { attribute = "age" }\ncity = { attribute = "city" }\n': ""}
    path = write(folder, {"events.parquet": "log.csv", **taken})
    text = path.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return path


@pytest.mark.parametrize("case", BAD_SOURCES)
def test_a_source_that_cannot_be_used(tmp_path: Path, case: str) -> None:
    make, changes, named = BAD_SOURCES[case]
    home = tmp_path / "home"
    make(tmp_path / "log.csv")
    definition = small(tmp_path, changes)

    message = told(limbeck("generate", definition, "--home", home), 2)

    assert all(part in message for part in ("shop.toml, ", *named)), message
    assert (tables(home), kept(home), unfinished(home)) == ({}, {}, [])
    csv(tmp_path / "log.csv")
    works("generate", small(tmp_path, {}), home)
    assert tables(home) == {"shop_events": 3}


def test_rows_that_the_platform_rejects_are_shown(tmp_path: Path) -> None:
    """Whole numbers of XDM end at 2**53; the platform says which row holds a larger one."""
    home = tmp_path / "home"
    csv(tmp_path / "log.csv", amount=["1", str(2**60), "3"])
    definition = small(tmp_path, {})

    ended = limbeck("generate", definition, "--home", home)

    assert (ended.returncode, ended.stdout) == (2, "")
    error, sample = ended.stderr.splitlines()[-2:]
    assert error.startswith("error: batch ")
    assert all(part in sample for part in ("row 2", "_limbeck.amount", str(2**60))), sample
    assert (sum(tables(home).values()), unfinished(home)) == (0, [])
    csv(tmp_path / "log.csv")
    works("generate", definition, home)
    assert sum(tables(home).values()) == 3


# -- what the events cannot tell ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"[2026-02-01,": "[2025-12-01,"}, "cutoffs.train is 2025-12-01, before which nothing happened"),
        ({"score = 2026-05-31": "score = 2026-08-01", "2026-04-20": "2026-07-01"}, "cutoffs.test is 2026-07-01, after"),
        ({"2026-04-20": "2026-05-20"}, "cutoffs.test is 2026-05-20: its label is known on 2026-06-19 only"),
        ({"event = \"kind = 'purchase'": "event = \"kind = 'refund'"}, "nobody ever reaches the goal"),
        ({"event = \"kind = 'purchase'": "event = \"number < 'e000100'"}, "nobody reaches the goal within its time"),
        ({"eligible = \"kind = 'view'": 'eligible = "amount > 1000'}, "nobody is eligible at cutoffs.train"),
    ],
    ids=["cutoff before", "cutoff after", "label unknown", "no goal", "one label", "nobody"],
)
def test_a_question_that_the_events_cannot_answer(
    featurized: Path, folder: Path, changes: dict[str, str], named: str
) -> None:
    loaded = {name: rows for name, rows in tables(featurized).items() if name in SOURCES}
    message = told(limbeck("run", write(folder, changes, "bad.toml"), "--home", featurized), 2)
    assert named in message
    assert loaded.items() <= tables(featurized).items()
    assert models(featurized) == []
    assert (kept(featurized, "output"), unfinished(featurized)) == ({}, [])
    works("featurize", folder / "shop.toml", featurized)


@pytest.mark.parametrize("event", ["kindd = 'purchase'", "kind = = 'purchase'"])
def test_a_condition_that_is_wrong_is_named(featurized: Path, folder: Path, event: str) -> None:
    bad = write(folder, {"event = \"kind = 'purchase'": f'event = "{event}'}, "bad.toml")
    ended = limbeck("featurize", bad, "--home", featurized)
    assert "bad.toml, line 27: goal.event" in ended.stderr
    assert ended.returncode == 2


# -- the definition -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("seed = 3", "seeds = 3", 'seeds is not known here; known are * did you mean "seed"?'),
        ("folds = 2", 'folds = "two"', "model.folds is 'two'; wanted is a whole number"),
        ('within = "30 days"', 'within = "2 fortnights"', "goal.within is '2 fortnights'; wanted is a time such as"),
        ("test = 2026-04-20", "test = 2026-03-20", "cutoffs.test is 2026-03-20; wanted is 2026-03-31 or later"),
        ('age = { attribute = "age" }', 'age = { attribute = "ages" }', 'features.age * did you mean "age"?'),
    ],
)
def test_a_definition_that_is_wrong_is_told_with_its_line(
    featurized: Path, folder: Path, old: str, new: str, named: str
) -> None:
    before = tables(featurized), kept(featurized)
    bad = write(folder, {old: new}, "bad.toml")
    line = 1 + bad.read_text()[: bad.read_text().index(new)].count("\n")

    message = told(limbeck("run", bad, "--home", featurized), 2)

    beginning, *rest = named.split(" * ")
    assert message.startswith(f"bad.toml, line {line}: {beginning}"), message
    assert all(part in message for part in rest)
    assert (tables(featurized), kept(featurized)) == before


@pytest.mark.parametrize("text", [None, "[goal\n", ""], ids=["not there", "no TOML", "empty"])
def test_a_definition_that_is_none(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "none.toml"
    if text is not None:
        path.write_text(text)
    message = told(limbeck("run", path, "--home", tmp_path / "home"), 2)
    assert "none.toml" in message
    assert tables(tmp_path / "home") == {}


def test_programs_get_one_error_document(featurized: Path, folder: Path) -> None:
    bad = write(folder, {"seed = 3": "seeds = 3"}, "bad.toml")
    ended = limbeck("run", bad, "--home", featurized, "--json")
    assert (ended.returncode, ended.stdout) == (2, "")
    error = json.loads(ended.stderr)["error"]
    assert set(error) == {"code", "message", "details"}
    assert (error["code"], error["details"]) == ("LIMB-1002-400", {})
    assert error["message"].startswith("bad.toml, line 2: seeds is not known here")


# -- homes, outputs, settings -------------------------------------------------------------------------------------


def test_an_output_folder_that_cannot_be_made(tmp_path: Path) -> None:
    csv(tmp_path / "log.csv")
    definition, home, file = small(tmp_path, {}), tmp_path / "home", tmp_path / "file"
    file.touch()
    for output, why in ((file / "out", "Not a directory"), (file, "File exists")):
        message = told(limbeck("generate", definition, "--home", home, "--output", output), 2)
        assert message == f"the folder {output} cannot be made: {why}; choose another"
        assert (tables(home), kept(home)) == ({}, {})
    works("generate", definition, home)


@pytest.mark.parametrize(
    "line",
    [
        ["run", "shop.toml"],
        ["sql", "select 1"],
        ["credentials", "list"],
        ["serve", "--http", "127.0.0.1:0", "--pg", "off"],
    ],
    ids=lambda line: line[0],
)
def test_a_home_that_cannot_be_made(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: list[str]
) -> None:
    monkeypatch.chdir(folder)
    (tmp_path / "file").touch()
    home = tmp_path / "file" / "home"
    message = told(limbeck(*line, "--home", home), 1)
    assert message == f"the home {home} cannot be made: Not a directory; choose another with --home"


def test_a_home_of_a_newer_format_is_left_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    csv(tmp_path / "log.csv")
    definition = small(tmp_path, {})
    works("generate", definition, home)
    before = tables(home)
    known = revision(home, "9999")

    for line in (["explore", definition], ["sql", "select 1"], ["credentials", "list"]):
        message = told(limbeck(*line, "--home", home), 1)
        assert message == (
            f"the home was written by a newer Limbeck (format 9999, this one knows {known}); upgrade Limbeck"
        )

    assert tables(home) == before
    assert revision(home, known) == "9999"
    works("explore", definition, home)


def revision(home: Path, new: str) -> str:
    """Give the store another format; return the one it had."""
    with closing(sqlite3.connect(home / "limbeck.db")) as store, store:
        (found,) = store.execute("SELECT version_num FROM alembic_version").fetchone()
        store.execute("UPDATE alembic_version SET version_num = ?", (new,))
    return str(found)


def test_a_home_that_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "limbeck.db").write_bytes(b"no database at all, but long enough to be taken for one" * 100)
    message = told(limbeck("sql", "select 1", "--home", tmp_path), 1)
    assert message.startswith(f"the metadata store sqlite:///{tmp_path / 'limbeck.db'} cannot be opened")


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("LIMBECK_ENGINE_MEMORY", "3", 'unknown environment variable LIMBECK_ENGINE_MEMORY. did you mean "LIMBECK_ENG'),
        ("LIMBECK_ENGINE_SLOTS", "many", "LIMBECK_ENGINE_SLOTS is 'many'; it takes a value of type int"),
    ],
)
def test_a_setting_that_is_wrong(tmp_path: Path, name: str, value: str, named: str) -> None:
    ended = limbeck("sql", "select 1", "--home", tmp_path / "home", env={name: value})
    assert told(ended, 2).startswith(named)
    assert not (tmp_path / "home").exists()


# -- SQL ----------------------------------------------------------------------------------------------------------


def test_sql_that_is_wrong(featurized: Path) -> None:
    message = told(limbeck("sql", "select event from shop_events", "--home", featurized), 1)
    assert message.startswith('column "event" does not exist')
    assert 'Hint: did you mean "eventType"' in message

    ended = limbeck("sql", "selec 1", "--home", featurized, "--json")
    assert (ended.returncode, ended.stdout) == (1, "")
    error = json.loads(ended.stderr)["error"]
    assert (error["code"], error["details"]["position"]) == ("LIMB-2001-400", 7)

    ended = limbeck("sql", "select * from shop_event", "--home", featurized, "--json")
    assert json.loads(ended.stderr)["error"]["code"] == "LIMB-2002-400"


# -- configurations -----------------------------------------------------------------------------------------------


def test_a_configuration_that_leads_nowhere(tmp_path: Path) -> None:
    with socket.socket() as bound:  # a port that nobody listens on, and that nobody can take
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        whole = f"[Platform]\nims_org_id = x\nclient_id = a\nclient_secret = b\n[Limbeck]\nendpoint = {url}\n"
        cases = [
            (None, "does not exist; limbeck serve writes one"),
            ("client_id = a\n", "cannot be read: line 1 is neither a [section]"),
            (whole.replace("client_id = a\n", ""), "lacks 'client_id' in its section [Platform]"),
            (whole, "the platform cannot be reached: "),
        ]
        config = tmp_path / "config.ini"
        for text, named in cases:
            if text is not None:
                config.write_text(text)
            ended = limbeck("sql", "select 1", "--config", config)
            assert (ended.returncode, ended.stdout, "Traceback" in ended.stderr) == (2, "", False)
            assert named in ended.stderr


def test_a_server_that_is_not_there_stops_a_run_before_it_begins(folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.ini"
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        config.write_text(f"[Platform]\nims_org_id = x\nclient_id = a\nsecret = b\n[Limbeck]\nendpoint = {url}\n")
        ended = limbeck("run", folder / "shop.toml", "--config", config, "--home", tmp_path / "home")
    message = told(ended, 2)
    assert message.startswith("the platform cannot be reached: ")
    assert message.endswith("; check the endpoint of --config")
    assert not (tmp_path / "home").exists()


# -- a full disk --------------------------------------------------------------------------------------------------


class Disk:
    """A file system of its own, in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self) -> None:
        """Leave no byte."""
        with (self.path / "ballast").open("wb", buffering=0) as ballast:
            while True:
                try:
                    ballast.write(b"\0" * 4096)
                except OSError:
                    return

    def enlarge(self) -> None:
        """Make room."""
        subprocess.run(["mount", "-o", "remount,size=64m", str(self.path)], check=True)
        (self.path / "ballast").unlink(missing_ok=True)


MakeDisk = Callable[[int], Disk]


@pytest.fixture
def disk_of(tmp_path: Path) -> Iterator[MakeDisk]:
    """Makes a disk of so many KiB."""
    with ExitStack() as mounted:

        def make(kib: int) -> Disk:
            mounted.enter_context(disk(tmp_path / "disk", f"size={kib}k"))
            return Disk(tmp_path / "disk")

        yield make


def long_events(folder: Path) -> tuple[Path, int]:
    """A definition whose events do not get smaller by compression; and the KiB that they take."""
    random_ = random.Random(3)
    notes = [base64.b64encode(random_.randbytes(300)).decode() for _ in range(6000)]
    columns = {
        "customer": [f"c{n % 300}" for n in range(6000)],
        "number": [f"e{n}" for n in range(6000)],
        "at": [BEGIN + timedelta(minutes=n) for n in range(6000)],
        "kind": ["view"] * 6000,
        "amount": notes,
    }
    pq.write_table(pa.table(columns), folder / "log.parquet", compression="zstd")
    definition = small(folder, {"log.csv": "log.parquet"})
    return definition, (folder / "log.parquet").stat().st_size // 1024


ROOM_KIB = 500
"""What an empty home takes."""


@pytest.mark.parametrize(
    "copies",
    [
        pytest.param(0.5, id="no room for the rows on their way"),
        pytest.param(1.5, id="no room where the platform takes them in"),
        pytest.param(2.5, id="no room in the lake"),
    ],
)
def test_a_source_that_does_not_fit_on_the_disk(disk_of: MakeDisk, tmp_path: Path, copies: float) -> None:
    definition, kib = long_events(tmp_path)
    disk = disk_of(ROOM_KIB + int(copies * kib))
    home = disk.path / "home"

    message = told(limbeck("generate", definition, "--home", home), 4)

    assert "no space left" in message
    assert (sum(tables(home).values()), unfinished(home)) == (0, [])
    disk.enlarge()
    works("generate", definition, home)
    assert tables(home) == {"shop_events": 6000}


def test_a_home_that_does_not_fit_on_the_disk(disk_of: MakeDisk) -> None:
    disk = disk_of(100)
    message = told(limbeck("sql", "select 1 as n", "--home", disk.path / "home"), 4)
    assert "no space left" in message
    disk.enlarge()
    assert limbeck("sql", "select 1 as n", "--home", disk.path / "home").returncode == 0


def size_kib(folder: Path) -> int:
    """What the files of *folder* take on a tmpfs."""
    return sum(-(-path.stat().st_size // 4096) * 4 for path in folder.rglob("*") if path.is_file())


def test_a_model_that_does_not_fit_on_the_disk(disk_of: MakeDisk, featurized: Path, folder: Path) -> None:
    disk = disk_of(size_kib(featurized) + 250)
    home = disk.path / "home"
    shutil.copytree(featurized, home)

    message = told(limbeck("train", folder / "shop.toml", "--home", home), 4)

    assert "no space left" in message
    assert models(home) == []
    disk.enlarge()
    works("train", folder / "shop.toml", home)
    assert len(models(home)) == 1


def test_results_that_do_not_fit_on_the_disk(disk_of: MakeDisk, undisturbed: Path, folder: Path) -> None:
    """The report is by far the largest file of the output; those of the run before stay."""
    report = (undisturbed / "output" / "shop" / "report.html").stat().st_size // 1024
    disk = disk_of(size_kib(undisturbed) + report - 8)
    home = disk.path / "home"
    shutil.copytree(undisturbed, home)
    before = kept(home, "output")

    message = told(limbeck("run", folder / "shop.toml", "--home", home), 4)

    assert "no space left" in message
    assert kept(home, "output") == before
    disk.enlarge()
    works("run", folder / "shop.toml", home)
    assert scores(home / "output" / "shop" / "scores.parquet") == scores(
        undisturbed / "output" / "shop" / "scores.parquet"
    )


def test_a_worker_survives_a_full_disk(disk_of: MakeDisk) -> None:
    disk = disk_of(1024)
    settings = Settings(home=disk.path / "home")
    platform = Platform(settings)  # not started, so that the batch stays in the queue
    try:
        sandbox = platform.access.sandbox(platform.access.ensure_organisation(), "prod")
        schema = platform.registry.adhoc_schema(sandbox, "visits", Object((Field("_id", Scalar("string")),)))
        dataset = platform.lake.create_dataset(sandbox, "visits", schema.id)
        batch = platform.ingest.open(dataset, {"format": "json", "isMultiLineJson": False})
        platform.ingest.upload(batch, "one.json", BytesIO(b'{"_id": "1"}'))
        platform.ingest.complete(batch)
        disk.fill()
        ended = limbeck("sql", "select count(*) as n from visits", "--home", settings.home)
    finally:
        platform.close()
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "no space left" in ended.stderr


# -- Ctrl-C -------------------------------------------------------------------------------------------------------


def test_ctrl_c_at_any_moment(undisturbed: Path, folder: Path, tmp_path: Path) -> None:
    """Each run goes on where the one before was interrupted: when this line appeared."""
    home = tmp_path / "home"
    for moment in ("home ", "generate ", "explore ", "featurize ", "train ", "score "):
        with started("run", folder / "shop.toml", "--home", home) as running:
            running.until(moment)
            running.interrupt()
            ended = running.end()
        assert told(ended, 130) == INTERRUPTED
        assert kept(home, "output").keys() <= {"output/shop/scores.parquet"}
    works("run", folder / "shop.toml", home)
    assert tables(home) == tables(undisturbed)
    assert len(models(home)) == 1
    assert scores(home / "output" / "shop" / "scores.parquet") == scores(
        undisturbed / "output" / "shop" / "scores.parquet"
    )


def test_ctrl_c_while_rows_are_being_published(folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with started("generate", folder / "shop.toml", "--home", home, "--json") as running:
        while running.is_alive and not any(home.glob("lake/*/*.parquet")):
            pass
        running.interrupt()
        ended = running.end()
    assert (ended.returncode, ended.stdout) == (130, "")
    assert json.loads(ended.stderr)["error"]["message"] == INTERRUPTED
    assert unfinished(home) == []
    works("generate", folder / "shop.toml", home)
    events = pq.read_metadata(folder / "events.parquet").num_rows
    assert tables(home) == {SOURCES[0]: events, SOURCES[1]: 300}


def test_ctrl_c_while_a_source_is_read(tmp_path: Path) -> None:
    csv(tmp_path / "log.csv")
    rows = "select 'a' as customer, range as number, timestamp '2026-01-01' as at, 'view' as kind, 1 as amount"
    endless = f'sql = "{rows} from range(1000000000000)"'
    definition = small(tmp_path, {'key = "number"': f'{endless}\nkey = "number"'})
    with started("generate", definition, "--home", tmp_path / "home") as running:
        running.until("loading ")
        begun = processor_time(running.pid)
        while processor_time(running.pid) < begun + os.sysconf("SC_CLK_TCK"):
            pass
        running.interrupt()
        ended = running.end()
    assert "Traceback" not in ended.stderr, ended.stderr  # (in a forked child DuckDB may draw a bar on stdout)
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (130, f"error: {INTERRUPTED}")
    assert (tables(tmp_path / "home"), unfinished(tmp_path / "home")) == ({}, [])


def processor_time(pid: int) -> int:
    """What a process has used, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return int(fields[11]) + int(fields[12])


def _interrupted_while_collecting(definition: Path, home: Path) -> None:
    def press(phase: str, _about: object) -> None:
        here = threading.current_thread() is threading.main_thread()
        if phase == "stop" and here and any(home.glob("lake/*/*.parquet")):
            gc.callbacks.remove(press)
            os.kill(os.getpid(), signal.SIGINT)

    gc.callbacks.append(press)
    sys.argv = ["limbeck", "train", str(definition), "--home", str(home), "--json"]
    main()


def test_ctrl_c_while_garbage_is_collected(folder: Path, tmp_path: Path) -> None:
    """Imports and SQLAlchemy collect so much that this is no rare moment."""
    child = children.start(_interrupted_while_collecting, folder / "shop.toml", tmp_path / "home")
    child.join()
    assert child.exitcode == 130


# -- two at once --------------------------------------------------------------------------------------------------


def test_two_runs_at_once_agree(undisturbed: Path, folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    line = ("run", folder / "shop.toml", "--home", home, "--json")
    with started(*line) as one, started(*line) as other:
        ends = [one.end(), other.end()]
    assert [(ended.returncode, ended.stderr) for ended in ends] == [(0, "")] * 2
    first, second = (json.loads(ended.stdout) for ended in ends)
    assert all(first[part] == second[part] for part in ("keys", "model", "snapshots", "test", "rows"))
    assert models(home) == [("shop", 1, first["model"]["run_id"])]
    assert tables(home) == tables(undisturbed)
    assert unfinished(home) == []
    assert scores(home / "output" / "shop" / "scores.parquet") == scores(
        undisturbed / "output" / "shop" / "scores.parquet"
    )
