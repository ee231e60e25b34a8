"""The command line as it is used: every command in a process of its own, on homes in folders."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from limbeck.platform import Platform
from limbeck.settings import Settings
from tests.commands import limbeck
from tests.platforms import ORG
from tests.shop_definition import SOURCES, kept, models, scores, tables, unfinished, write

COMMANDS = (
    *("run", "generate", "explore", "featurize", "export", "train", "score", "ingest", "activate"),
    *("sql", "serve", "credentials"),
    *("explain", "truth", "monitor", "promote", "clean", "connect"),
)
HEAVY = ("fastapi", "duckdb", "pandas", "sklearn", "pyarrow", "sqlalchemy", "mlflow", "httpx")
SETS = ("train", "test", "score")
MEASURES = {"roc_auc", "pr_auc", "lift_at_10", "brier", "log_loss", "observed_to_expected", "calibration_error"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the shop: its files, and `shop.toml`."""
    found = tmp_path_factory.mktemp("shop")
    write(found)
    return found


@dataclass(frozen=True)
class Done:
    """A home on which one command was run while it was empty, and what that printed."""

    home: Path
    value: Any
    stderr: str


@pytest.fixture(scope="module")
def homes(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Done]:
    """Homes by the step that was run on them."""
    found: dict[str, Done] = {}

    def home_of(step: str) -> Done:
        if step not in found:
            home = tmp_path_factory.mktemp("home") / step
            done = limbeck(step, folder / "shop.toml", "--home", home, "--json")
            assert done.returncode == 0, done.stderr
            found[step] = Done(home, json.loads(done.stdout), done.stderr)
        return found[step]

    return home_of


@pytest.fixture
def done(homes: Callable[[str], Done]) -> Done:
    """A home on which all steps were run."""
    return homes("run")


def shown(*arguments: str | Path) -> Any:
    """Run a command that ends well with `--json`, and return the one document that it prints."""
    ended = limbeck(*arguments, "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(ended.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


# -- help ---------------------------------------------------------------------------------------------------------


def test_help_names_each_command_and_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom limbeck.cli import main\nsys.argv = ['limbeck', '--help']\n"
        f"try:\n    main()\nfinally:\n    print(*(set({HEAVY}) & set(sys.modules)), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.strip()) == (0, "")
    words = ended.stdout.split()
    assert [name for name in COMMANDS if name not in words] == []


# -- steps --------------------------------------------------------------------------------------------------------


def check_generate(value: Any, folder: Path, home: Path) -> None:
    events = pq.read_metadata(folder / "events.parquet").num_rows
    people = len((folder / "people.csv").read_text().splitlines()) - 1
    assert {name: (found["table"], found["rows"]) for name, found in value.items()} == {
        "shop events": (SOURCES[0], events),
        "shop people": (SOURCES[1], people),
    }
    assert all(set(found) == {"id", "table", "rows"} for found in value.values())
    assert tables(home) == dict(zip(SOURCES, (events, people), strict=True))


def check_explore(value: Any, folder: Path, home: Path) -> None:
    rows = pq.read_table(folder / "events.parquet").to_pylist()
    times = sorted(row["at"].replace(microsecond=0).isoformat() for row in rows)
    who = [{row["customer"] for row in rows if row["kind"] == kind} for kind in ("view", "purchase")]
    assert Path(value.pop("page")) == home / "output" / "shop" / "explore.html"
    assert value.pop("overview")["findings"] == []
    assert value == {
        "events": Counter(row["kind"] for row in rows),
        "people": len({row["customer"] for row in rows}),
        "first": times[0],
        "last": times[-1],
        "funnel": [
            {"stage": "eligible", "people": len(who[0])},
            {"stage": "reached the goal", "people": len(who[0] & who[1])},
        ],
    }
    assert set(tables(home)) == set(SOURCES)


def check_featurize(value: Any, folder: Path, home: Path) -> None:
    assert list(value) == list(SETS)
    assert all(set(found) == {"table", "id"} for found in value.values())
    made = {name: rows for name, rows in tables(home).items() if name not in SOURCES}
    assert set(made) == {found["table"] for found in value.values()}
    assert min(made.values()) > 0
    assert not (home / "landing-zone" / "dlz-destination" / "limbeck").exists()
    assert models(home) == []


def check_export(value: Any, folder: Path, home: Path) -> None:
    assert list(value) == list(SETS)
    assert all(set(found) == {"rows", "positives", "files"} for found in value.values())
    assert all(0 < value[name]["positives"] < value[name]["rows"] for name in ("train", "test"))
    assert value["score"]["positives"] is None
    counted = {name: sum(pq.read_metadata(f).num_rows for f in found["files"]) for name, found in value.items()}
    assert counted == {name: found["rows"] for name, found in value.items()}
    assert models(home) == []


def check_train(value: Any, folder: Path, home: Path) -> None:
    assert set(value) == {"model", "test", "baselines", "candidates", "base_rate", "verdict"}
    check_judged(value)
    model = value["model"]
    assert set(model) == {"name", "version", "run_id", "kind"}
    assert models(home) == [("shop", 1, model["run_id"])]
    assert not (home / "output" / "shop" / "scores.parquet").exists()


def check_judged(value: Any) -> None:
    assert set(value["baselines"]) == {"rule", "rfm"}
    assert set(value["candidates"]) == {"logistic"}
    assert 0 < value["base_rate"] < 1
    for measures in (value["test"], *value["baselines"].values()):
        assert set(measures) >= MEASURES
        assert all(found["low"] <= found["value"] <= found["high"] for found in measures.values())
    assert value["test"]["roc_auc"]["low"] > 0.6
    assert (value["model"]["name"], value["model"]["version"], value["model"]["kind"]) == ("shop", "1", "logistic")


def check_run(value: Any, folder: Path, home: Path) -> None:
    output = home / "output" / "shop"
    assert sorted(path.name for path in output.iterdir()) == ["report.html", "scores.parquet", "summary.json"]
    assert json.loads((output / "summary.json").read_text()) == value
    check_judged(value)
    assert list(value["seconds"]) == [
        *("generate", "explore", "featurize", "export", "train", "score", "ingest", "report")
    ]
    assert value["rows"]["scored"] == len(scores(output / "scores.parquet"))
    assert value["rows"]["events"] == pq.read_metadata(folder / "events.parquet").num_rows
    assert {found["table"]: found["rows"] for found in value["snapshots"].values()}.items() <= tables(home).items()
    assert value["title"] in (output / "report.html").read_text()


CHECKS = {
    "generate": check_generate,
    "explore": check_explore,
    "featurize": check_featurize,
    "export": check_export,
    "train": check_train,
    "run": check_run,
}


@pytest.mark.parametrize("step", CHECKS)
def test_a_step_on_an_empty_home_does_those_before_it(homes: Callable[[str], Done], folder: Path, step: str) -> None:
    """It prints one JSON document and nothing else. `score` is run below, on an empty server."""
    done = homes(step)
    assert done.stderr == ""
    CHECKS[step](done.value, folder, done.home)
    assert unfinished(done.home) == []


def test_what_was_looked_at_is_not_looked_at_again(homes: Callable[[str], Done], folder: Path) -> None:
    done = homes("explore")
    before = tables(done.home), kept(done.home, "lake", "workflow", "output")
    assert limbeck("explore", folder / "shop.toml", "--home", done.home).returncode == 0
    assert (tables(done.home), kept(done.home, "lake", "workflow", "output")) == before


@pytest.mark.parametrize("step", ["generate", "featurize", "run"])
def test_a_second_run_does_nothing_and_tells_people_the_home_first(done: Done, folder: Path, step: str) -> None:
    before = tables(done.home), models(done.home), kept(done.home, "lake", "models", "workflow")
    found = scores(done.home / "output" / "shop" / "scores.parquet")

    ended = limbeck(step, folder / "shop.toml", "--home", done.home)

    assert ended.returncode == 0
    assert (tables(done.home), models(done.home), kept(done.home, "lake", "models", "workflow")) == before
    assert scores(done.home / "output" / "shop" / "scores.parquet") == found
    notes = ended.stderr.splitlines()
    assert notes[0] == f"home {done.home}"
    assert notes[1].split()[::2] == ["generate", "s"]
    assert "loading" not in ended.stderr
    rows = done.value["rows"]
    told = {
        "generate": f"shop events: {rows['events']:,} rows in table shop_events\n",
        "explore": f"{rows['profiles']:,} people, events from 2026-01-01T",
        "featurize": "train: table shop_train_",
        "run": f"Who buys?\n{rows['events']:,} events of {rows['profiles']:,} people; {rows['scored']:,} people scored",
    }
    assert ended.stdout.startswith(told[step])
    if step == "run":
        assert "model shop version 1 (logistic)" in ended.stdout
        assert f"ROC-AUC  {done.value['test']['roc_auc']['value']:.3f}" in ended.stdout
        again = json.loads((done.home / "output" / "shop" / "summary.json").read_text())
        assert all(again[part] == done.value[part] for part in ("keys", "model", "snapshots", "test", "rows"))


def test_another_window_is_computed_and_trained_anew(done: Done, folder: Path) -> None:
    loaded, before = kept(done.home, "lake"), tables(done.home)
    changed = write(folder, {'"28 days"': '"14 days"'}, "windows.toml")

    value = shown("run", changed, "--home", done.home, "--output", done.home / "windows")

    after = tables(done.home)
    assert value["snapshots"] == done.value["snapshots"]
    assert loaded.items() <= kept(done.home, "lake").items()
    assert {name for name in after if name not in before} == {f"shop_{s}_{value['keys']['featurize']}" for s in SETS}
    (scored,) = (name for name in before if name.startswith("shop_scores_"))
    assert after.pop(scored) == before.pop(scored) + value["rows"]["scored"]  # profiles have the newest scores
    assert before.items() <= after.items()
    assert value["keys"]["featurize"] != done.value["keys"]["featurize"]
    assert value["keys"]["train"] != done.value["keys"]["train"]
    assert (value["model"]["version"], models(done.home)[1][2]) == ("2", value["model"]["run_id"])


def test_another_title_is_another_report_and_nothing_else(done: Done, folder: Path) -> None:
    shown("run", folder / "shop.toml", "--home", done.home)  # if another variant came in between
    before = tables(done.home), models(done.home), kept(done.home, "lake", "models", "workflow")
    changed = write(folder, {"Who buys?": "Who comes back?"}, "title.toml")

    value = shown("run", changed, "--home", done.home, "--output", done.home / "title")

    assert (tables(done.home), models(done.home), kept(done.home, "lake", "models", "workflow")) == before
    assert value["title"] == "Who comes back?"
    assert all(value[part] == done.value[part] for part in ("keys", "model", "snapshots", "test"))
    assert "Who comes back?" in (done.home / "title" / "report.html").read_text()
    assert scores(done.home / "title" / "scores.parquet") == scores(done.home / "output" / "shop" / "scores.parquet")


# -- dry runs -----------------------------------------------------------------------------------------------------

OUTPUTS = ("scores.parquet", "report.html", "summary.json")


def test_a_dry_run_on_an_empty_home_names_every_write_and_makes_none(folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    ended = limbeck("run", folder / "shop.toml", "--home", home, "--dry-run")

    assert ended.returncode == 0
    writes = [line for line in ended.stdout.splitlines() if line.startswith("would write ")]
    kinds = [line.split()[2] for line in writes]
    assert kinds == [
        *["schema", "identity", "dataset", "batch"] * 2,
        *["table"] * 3,
        *["export"] * 3,
        "run",
        "scores",
        *["file"] * 3,
    ]
    assert writes[-3:] == [f"would write file {home / 'output' / 'shop' / name}" for name in OUTPUTS]
    assert ended.stdout.count("CREATE TABLE") == 3
    assert (tables(home), models(home), kept(home)) == ({}, [], {})


def test_a_dry_run_on_a_done_home_names_only_the_files(done: Done, folder: Path) -> None:
    before = tables(done.home), models(done.home), kept(done.home)
    value = shown("run", folder / "shop.toml", "--home", done.home, "--dry-run")
    assert value == {"writes": [f"file {done.home / 'output' / 'shop' / name}" for name in OUTPUTS]}
    assert (tables(done.home), models(done.home), kept(done.home)) == before


def test_a_dry_run_of_a_step_names_what_this_step_writes(done: Done, folder: Path) -> None:
    value = shown("generate", folder / "shop.toml", "--home", done.home, "--dry-run")
    assert value == {"writes": []}


# -- where a home lies --------------------------------------------------------------------------------------------


def test_a_home_is_relative_to_where_one_stands(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    definition = os.path.relpath(folder / "shop.toml")
    for arguments, home in ((["--home", "here/it is"], "here/it is"), ([], ".limbeck")):
        ended = limbeck("generate", definition, *arguments)
        assert ended.returncode == 0
        assert ended.stderr.startswith(f"home {tmp_path / home}\n")
        assert set(tables(tmp_path / home)) == set(SOURCES)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".limbeck", "here"]


def test_an_output_is_relative_too_and_replaces_none_but_its_own(
    done: Done, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    value = shown("score", folder / "shop.toml", "--home", done.home, "--output", "out")
    assert value["rows"] == len(scores(Path(value["scores"])))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"mine.txt", "scores.parquet"}


# -- sql ----------------------------------------------------------------------------------------------------------

VALUES = "select 1 as n, cast(null as string) as nothing, date '2026-01-02' as day, 'a b' as t union all"
VALUES += " select 2, 'x', date '2026-01-03', 'c' order by n"


def test_sql_prints_rows(homes: Callable[[str], Done]) -> None:
    home = homes("generate").home
    ended = limbeck("sql", VALUES, "--home", home)
    assert (ended.returncode, ended.stderr) == (0, f"home {home}\n")
    lines = [line.split() for line in ended.stdout.splitlines()]
    assert lines == [["n", "nothing", "day", "t"], ["1", "2026-01-02", "a", "b"], ["2", "x", "2026-01-03", "c"]]
    assert shown("sql", VALUES, "--home", home) == [
        {"n": 1, "nothing": None, "day": "2026-01-02", "t": "a b"},
        {"n": 2, "nothing": "x", "day": "2026-01-03", "t": "c"},
    ]


def test_sql_without_rows_is_an_empty_list(homes: Callable[[str], Done]) -> None:
    found = shown("sql", "select kind from (select eventType as kind from shop_events) e where kind = 'no'", *at(homes))
    assert found == []


def at(homes: Callable[[str], Done]) -> tuple[str | Path, ...]:
    return "--home", homes("generate").home


def test_sql_shows_texts_as_they_are(homes: Callable[[str], Done]) -> None:
    ended = limbeck("sql", "select '[red] x' as a, '[/b]' as \"[c]\"", *at(homes))
    assert ended.returncode == 0
    assert ended.stdout.split() == ["a", "[c]", "[red]", "x", "[/b]"]


def test_the_home_is_printed_as_it_is_called(tmp_path: Path) -> None:
    home = tmp_path / "my [data]"
    ended = limbeck("sql", "select 1 as n", "--home", home)
    assert ended.stderr == f"home {home}\n"


def test_numbers_that_json_lacks(homes: Callable[[str], Done]) -> None:
    found = shown("sql", "select cast('NaN' as double) as a, cast('Infinity' as double) as b", *at(homes))
    assert set(found[0]) == {"a", "b"}


# -- serving ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Serving:
    """A server on a home that was empty: what it said, and the configuration that it made."""

    home: Path
    url: str
    notes: list[str]

    @property
    def config(self) -> Path:
        return self.home / "config.ini"


@contextmanager
def serve(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a server; kill it if the test ends before it does."""
    line = [sys.executable, "-m", "limbeck", "serve", "--home", str(home), "--http", "127.0.0.1:0", "--pg", "off"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def address(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    line = child.stdout.readline()
    assert line.startswith("serving on http://127.0.0.1:"), line
    return line.removeprefix("serving on ").strip()


def stopped(child: subprocess.Popen[str]) -> list[str]:
    """Press Ctrl-C; return what it said on standard error."""
    child.send_signal(signal.SIGINT)
    _, told = child.communicate()
    assert (child.returncode, "Traceback" in told) == (0, False), told
    return told.splitlines()


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    home = tmp_path_factory.mktemp("served") / "home"
    with serve(home) as child:
        url = address(child)
        assert child.stderr is not None
        yield Serving(home, url, [child.stderr.readline().strip() for _ in range(3)])
        assert stopped(child) == []


def test_the_first_serve_writes_a_configuration_for_its_owner_only(serving: Serving) -> None:
    zone = f"landing zone {serving.home / 'landing-zone'}"
    assert serving.notes == [f"home {serving.home}", zone, f"configuration {serving.config}"]
    assert stat.S_IMODE(serving.config.stat().st_mode) == 0o600
    assert serving.url in serving.config.read_text()
    assert shown("sql", "select 1 as n", "--config", serving.config) == [{"n": 1}]


def test_a_second_serve_makes_no_second_credential(serving: Serving) -> None:
    before = serving.config.read_bytes()
    with serve(serving.home) as child:
        url = address(child)
        assert url != serving.url
        assert httpx.get(f"{url}/health", trust_env=False).status_code == 200
        assert stopped(child) == [f"home {serving.home}", f"landing zone {serving.home / 'landing-zone'}"]
    assert serving.config.read_bytes() == before
    listed = shown("credentials", "list", "--home", serving.home)
    assert len([c for c in listed if c["client_id"] in before.decode()]) == 1


def test_a_server_gives_the_same_scores_as_the_embedded_platform(
    serving: Serving, done: Done, folder: Path, tmp_path: Path
) -> None:
    """`score` does all steps before it, on a platform and in a working folder that are both empty."""
    home = tmp_path / "work"
    value = shown("score", folder / "shop.toml", "--config", serving.config, "--home", home)

    assert value == {"scores": str(home / "output" / "shop" / "scores.parquet"), "rows": 300, "version": "1"}
    expected = scores(done.home / "output" / "shop" / "scores.parquet")
    assert scores(Path(value["scores"])) == expected
    assert len(expected) == value["rows"]
    assert [name for name in tables(done.home) if name in tables(serving.home)] == sorted(
        [*SOURCES, *(f"shop_{s}_{done.value['keys']['featurize']}" for s in SETS)]
    )
    assert not (home / "lake").exists()
    assert unfinished(home) == []


def test_a_production_sandbox_is_written_to_only_if_one_says_so(serving: Serving, folder: Path, tmp_path: Path) -> None:
    platform = Platform(Settings(home=serving.home))
    try:
        org = platform.access.ensure_organisation()
        platform.access.ensure_sandbox(org, "live", "production")
    finally:
        platform.close()
    made = limbeck("credentials", "create", "--org", org, "--sandbox", "live", "--home", serving.home)
    config = tmp_path / "live.ini"
    config.write_text(made.stdout.replace("http://127.0.0.1:8086", serving.url))
    before = tables(serving.home)
    line = ("generate", folder / "shop.toml", "--config", config, "--home", tmp_path / "work")

    refused = limbeck(*line)

    assert (refused.returncode, refused.stdout) == (3, "")
    platform_line, told = refused.stderr.splitlines()
    assert platform_line == f"platform of {config}"
    assert told == "error: sandbox live is of type production; to write there say --yes-production"
    assert tables(serving.home) == before
    assert not (tmp_path / "work" / "workflow").exists()
    assert limbeck(*line, "--dry-run").returncode == 0
    assert tables(serving.home) == before

    value = shown(*line, "--yes-production")
    check = shown("sql", "select count(*) as n from shop_events", "--config", config)
    assert check == [{"n": value["shop events"]["rows"]}]


# -- credentials --------------------------------------------------------------------------------------------------


def test_credentials_are_made_listed_and_revoked(tmp_path: Path) -> None:
    home = ("--home", tmp_path / "home")
    first = shown("credentials", "create", "--org", ORG, *home)
    assert (first["org_id"], first["sandbox"]) == (ORG, "prod")
    second = limbeck(
        "credentials", "create", "--org", ORG, "--id", "me", "--secret", "s3cret", "--role", "viewer", *home
    )
    assert (second.returncode, second.stderr) == (0, "")
    assert all(line in second.stdout for line in (f"ims_org_id = {ORG}", "client_id = me", "client_secret = s3cret"))

    other = limbeck("credentials", "create", "--org", "other@AdobeOrg", *home)
    assert (other.returncode, other.stdout) == (2, "")
    assert other.stderr.startswith(f"error: this home belongs to organisation {ORG}, not other@AdobeOrg")

    assert shown("credentials", "revoke", "me", *home) == {"revoked": "me"}
    ended = limbeck("credentials", "revoke", "you", *home)
    assert (ended.returncode, ended.stderr) == (2, "error: no credential 'you'\n")
    listed = shown("credentials", "list", *home)
    assert all(set(c) == {"client_id", "org_id", "roles", "sandboxes", "created", "revoked"} for c in listed)
    assert [(c["client_id"], c["org_id"], c["roles"], c["revoked"] is None) for c in listed] == [
        (first["client_id"], ORG, "admin", True),
        ("me", ORG, "viewer", False),
    ]
    told = limbeck("credentials", "list", *home)
    for text in (json.dumps(listed), told.stdout, told.stderr):
        assert not any(secret in text for secret in ("s3cret", first["client_secret"]))


def test_a_revoked_credential_gets_no_token(serving: Serving, tmp_path: Path) -> None:
    org = serving.config.read_text().partition("ims_org_id = ")[2].partition("\n")[0]
    made = limbeck(
        "credentials", "create", "--org", org, "--id", "guest", "--endpoint", serving.url, "--home", serving.home
    )
    config = tmp_path / "guest.ini"
    config.write_text(made.stdout)
    assert shown("sql", "select 1 as n", "--config", config) == [{"n": 1}]

    assert limbeck("credentials", "revoke", "guest", "--home", serving.home).returncode == 0

    refused = limbeck("sql", "select 1 as n", "--config", config)
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "gave no token" in refused.stderr
    assert shown("sql", "select 1 as n", "--config", serving.config) == [{"n": 1}]


# -- how it is called ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["run"], "Missing argument 'DEFINITION'"),
        (["sql", "select 1", "--nope"], "No such option: --nope"),
        (["serve", "--http", "8086"], "'8086' is not HOST:PORT"),
        (["serve", "--http", "127.0.0.1:99999"], "'127.0.0.1:99999' is not HOST:PORT"),
        (["serve", "--pg", "8087"], "'8087' is not HOST:PORT"),
        (["serve", "--pg-tls", "never"], "'never' is not one of"),
        (["credentials", "create"], "Missing option '--org'"),
    ],
)
def test_a_call_that_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: list[str], told: str) -> None:
    monkeypatch.chdir(tmp_path)
    ended = limbeck(*line)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert told in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken(serving: Serving, tmp_path: Path) -> None:
    ended = limbeck("serve", "--home", tmp_path / "home", "--http", serving.url.removeprefix("http://"))
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: cannot listen on 127.0.0.1:")
    assert not (tmp_path / "home" / "config.ini").exists()
