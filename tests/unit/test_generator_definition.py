"""What a definition may say of synthetic data, and what its sources are known by."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from limbeck.errors import DefinitionError, InvalidInput
from limbeck.workflow.definition import Definition
from limbeck.workflow.sources import digest, located
from limbeck.workflow.world import Generator
from tests.synthetic import LETTERS as TEXT

EXAMPLE = Path(__file__).parents[2] / "examples" / "newsletter.toml"


def load(folder: Path, text: str) -> Definition:
    path = folder / "letters.toml"
    path.write_text(text)
    return Definition.load(path)


def test_what_the_section_says(tmp_path: Path) -> None:
    assert load(tmp_path, TEXT).generator == Generator(500, 60, date(2026, 1, 1), 9)
    assert load(tmp_path, TEXT.replace("seed = 9\n", "")).generator == Generator(500, 60, date(2026, 1, 1), 0)
    written = load(tmp_path, TEXT.replace("start = 2026-01-01", 'start = "2026-01-01T00:00:00Z"'))
    assert written.generator == Generator(500, 60, date(2026, 1, 1), 9)


def test_imperfections_are_shares_and_a_treatment_has_its_day(tmp_path: Path) -> None:
    asked = "seed = 9\nduplicates = 0.1\nlate = 1\nbots = 0.01\nidentities = 0.2\nweekend = 0.3\ntreated = 0.5\n"
    found = load(tmp_path, TEXT.replace("seed = 9\n", asked + "treatment = 2026-02-10\n")).generator
    shares = {"duplicates": 0.1, "late": 1.0, "bots": 0.01, "identities": 0.2, "weekend": 0.3, "treated": 0.5}
    assert found == Generator(500, 60, date(2026, 1, 1), 9, **shares, treatment=date(2026, 2, 10))


def test_a_preset_brings_its_numbers_and_they_can_be_others(tmp_path: Path) -> None:
    preset = TEXT.replace("people = 500\ndays = 60\n", 'preset = "tutorial"\n')
    assert load(tmp_path, preset).generator == Generator(100_000, 60, date(2026, 1, 1), 9, preset="tutorial")
    few = preset.replace('"tutorial"\n', '"tutorial"\npeople = 700\n')
    assert load(tmp_path, few).generator == Generator(700, 60, date(2026, 1, 1), 9, preset="tutorial")


def test_the_example_says_what_it_shows() -> None:
    found = Definition.load(EXAMPLE)

    assert found.generator == Generator(20_000, 120, date(2026, 1, 1), 5)
    assert [(s.kind, dict(s.files)) for s in found.sources] == [
        ("event", {"events": "generator:events"}),
        ("profile", {"profiles": "generator:profiles"}),
    ]
    assert {(s.identity.path, s.identity.identity) for s in found.sources} == {("{tenant}.userid", "ECID")}
    assert found.goal.event == "type = 'web.formFilledOut'"
    assert found.cutoffs.all == tuple(datetime(2026, *day) for day in ((2, 26), (3, 19), (4, 9), (5, 1)))
    windows = {f.window.count for f in found.features if f.window is not None}
    assert windows == {5, 7, 10, 14, 21, 28, 42, 56}
    assert {f.of for f in found.features if f.kind == "attribute"} == {"birth_year", "consent", "tier"}


# What is changed in the file, and what the complaint names: the line is that of the change, unless a text is given
# on whose line it is.
MISTAKES = {
    "no people": ("people = 500\n", "", "[generator]", ["generator", "lacks the key 'people'"]),
    "no days": ("days = 60\n", "", "[generator]", ["generator", "lacks the key 'days'"]),
    "no start": ("start = 2026-01-01\n", "", "[generator]", ["generator", "lacks the key 'start'"]),
    "nobody": ("people = 500", "people = 0", "", ["generator.people is 0", "a whole number from 1 to 100000000"]),
    "text for a number": ("days = 60", 'days = "60"', "", ["generator.days is '60'", "a whole number"]),
    "too many days": ("days = 60", "days = 4000", "", ["generator.days is 4000", "from 1 to 3650"]),
    "negative seed": ("seed = 9", "seed = -1", "", ["generator.seed is -1", "from 0 to"]),
    "no date": ("start = 2026-01-01", 'start = "soon"', "", ["generator.start is 'soon'", "a date such as"]),
    "a time": ("start = 2026-01-01", "start = 2026-01-01T08:00:00", "", ["generator.start", "08:00", "without a time"]),
    "an unknown preset": (
        "seed = 9",
        'preset = "tutorials"',
        "",
        ["generator.preset is 'tutorials'", "newsletter, tutorial", 'did you mean "tutorial"?'],
    ),
    "more than all": ("seed = 9", "late = 1.5", "", ["generator.late is 1.5", "a share from 0, up to 1"]),
    "no day of the treatment": ("seed = 9", "treated = 0.5", "[generator]", ["lacks the key 'treatment'"]),
    "a treatment afterwards": (
        "seed = 9",
        "treatment = 2026-03-02\ntreated = 0.5",
        "",
        ["generator.treatment is 2026-03-02", "a day from 2026-01-01 on and before 2026-03-02"],
    ),
    "a treatment of nobody": ("seed = 9", "treatment = 2026-02-10", "", ["nobody is treated", "treated = 0.5"]),
    "unknown key": ("seed = 9", "sed = 9", "", ["generator.sed", 'did you mean "seed"?']),
    "misspelled section": ("[generator]", "[generatr]", "", ["generatr", "not known", 'did you mean "generator"?']),
    "unknown part": (
        '"generator:events"',
        '"generator:event"',
        "",
        [
            "files.log is 'generator:event'",
            "generator:events, generator:profiles",
            'did you mean "generator:events" or',
        ],
    ),
    "a section that is not there": (
        TEXT[TEXT.index("[generator]") : TEXT.index("[[sources]]")],
        "",
        "files.log",
        ["files.log is 'generator:events'", "a section [generator]"],
    ),
    "a section for nothing": (
        '"generator:events"',
        '"events.parquet"',
        "[generator]",
        ["generator is used by no source", "generator:events"],
    ),
    "microseconds": ("test = 2026-02-10", "test = 2026-02-10T12:00:00.0005", "", ["in whole milliseconds"]),
    "a cutoff at the start": ("[2026-01-15,", "[2026-01-01,", "", ["cutoffs.train is 2026-01-01", "a time after"]),
    "a cutoff too late": ("score = 2026-03-02", "score = 2026-03-03", "", ["cutoffs.score is 2026-03-03", "until"]),
    "a label unknown": (
        "test = 2026-02-10",
        "test = 2026-02-20",
        "",
        ["cutoffs.test is 2026-02-20", "2026-02-19 or earlier", "the last day of [generator]"],
    ),
    "the last label unknown": (
        "test = 2026-02-10",
        "test = [2026-02-10, 2026-02-20]",
        "",
        ["cutoffs.test ends with 2026-02-20", "2026-02-19 or earlier"],
    ),
}


@pytest.mark.parametrize(("old", "new", "at", "named"), MISTAKES.values(), ids=MISTAKES)
def test_a_complaint_names_line_and_key_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, at: str, named: list[str]
) -> None:
    assert TEXT.count(old) == 1
    text = TEXT.replace(old, new)
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, text)

    told, line = str(caught.value), text[: text.index(at or new)].count("\n") + 1
    assert told.startswith(f"letters.toml, line {line}: "), told
    for part in named:
        assert part in told


def test_generated_rows_are_known_by_their_key_and_not_read(tmp_path: Path) -> None:
    (source,) = load(tmp_path, TEXT).sources
    profiles = replace(source, files={"log": "generator:profiles"})
    found = [digest(source, tmp_path, "k1"), digest(source, tmp_path, "k2"), digest(profiles, tmp_path, "k1")]
    assert len(set(found)) == 3
    assert digest(source, tmp_path / "elsewhere", "k1") == found[0]


def test_files_beside_generated_ones_are_read(tmp_path: Path) -> None:
    (source,) = load(tmp_path, TEXT).sources
    both = replace(source, files={**source.files, "more": "more.csv"})
    with pytest.raises(InvalidInput, match=r"there is no file .*more\.csv"):
        digest(both, tmp_path, "k1")
    (tmp_path / "more.csv").write_text("a\n1\n")
    first = digest(both, tmp_path, "k1")
    (tmp_path / "more.csv").write_text("a\n2\n")
    assert digest(both, tmp_path, "k1") != first


def test_generated_rows_are_the_parts_in_their_order(tmp_path: Path) -> None:
    (source,) = load(tmp_path, TEXT).sources
    for name in ("events-00001", "events-00000", "profiles-00000", "truth"):
        (tmp_path / f"{name}.parquet").touch()
    assert located(source, Path("elsewhere"), tmp_path) == {
        "log": [tmp_path / "events-00000.parquet", tmp_path / "events-00001.parquet"]
    }
