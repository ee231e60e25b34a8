"""A step's key stands for the step, its modules' text and what it starts from, and for nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from limbeck.workflow import keys
from limbeck.workflow.keys import LENGTH, code, digest, key

MODULES = ("propensity", "train")
PARTS = ({"seed": 1, "windows": ["ever", "7 days"]}, "k1")


def test_a_key_is_short_and_always_the_same() -> None:
    found = key("train", MODULES, *PARTS)
    assert len(found) == LENGTH
    assert set(found) <= set("0123456789abcdef")
    assert key("train", list(MODULES), *PARTS) == found


@pytest.mark.parametrize(
    "other",
    [
        ("score", MODULES, *PARTS),
        ("train", ("propensity", "score"), *PARTS),
        ("train", ("propensity",), *PARTS),
        ("train", (*MODULES, "score"), *PARTS),
        ("train", MODULES),
        ("train", MODULES, *PARTS[::-1]),
        ("train", MODULES, *PARTS, None),
        ("train", MODULES, [*PARTS]),
        ("train", MODULES, {"seed": 2, "windows": ["ever", "7 days"]}, "k1"),
        ("train", MODULES, {"seed": "1", "windows": ["ever", "7 days"]}, "k1"),
        ("train", MODULES, {"seed": 1, "windows": ["7 days", "ever"]}, "k1"),
        ("train", MODULES, {"seed": 1, "windows": ["ever", "7 days"], "more": None}, "k1"),
        ("train", MODULES, {"seed": 1, "windows": ["ever", "7 days"]}, "k1 "),
        ("train", MODULES, {"seed": 1, "windows": ["ever", "7 dāys"]}, "k1"),
    ],
)
def test_what_differs_has_another_key(other: tuple[object, ...]) -> None:
    assert key(*other) != key("train", MODULES, *PARTS)


def test_the_order_of_a_mapping_does_not_show() -> None:
    one = {"goal": {"event": "x", "within": 3}, "cutoffs": [1, 2]}
    other = {"cutoffs": [1, 2], "goal": {"within": 3, "event": "x"}}
    assert key("featurize", MODULES, one) == key("featurize", MODULES, other)


@pytest.mark.parametrize("more", [timedelta(hours=1), timedelta(microseconds=1)])
def test_times_are_told_apart(more: timedelta) -> None:
    moment, within = datetime(2026, 1, 1), timedelta(days=60)
    found = key("featurize", MODULES, {"cutoff": moment, "within": within})
    assert key("featurize", MODULES, {"cutoff": datetime(2026, 1, 1), "within": timedelta(days=60)}) == found
    assert key("featurize", MODULES, {"cutoff": moment + more, "within": within}) != found
    assert key("featurize", MODULES, {"cutoff": moment, "within": within + more}) != found


def test_content_is_told_apart() -> None:
    found = {digest(content) for content in (b"", b"a", b"b", b"ab", b"a\0b")}
    assert len(found) == 5
    assert digest(b"a") == digest(b"a")


def test_a_module_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        code(("no_such_module",))


# -- the text of modules ------------------------------------------------------------------------------------------

ASK = "from limbeck.workflow.keys import key; print(key('train', ['propensity', 'train'], {'a': 1, 'b': {'c': 2}}))"


def asked(folder: Path, seed: int = 0) -> str:
    """The key that an interpreter of its own gives, with the modules of *folder*."""
    where = {"PYTHONPATH": str(folder), "PYTHONHASHSEED": str(seed)}
    line = [sys.executable, "-S", "-c", ASK]
    return subprocess.run(line, env=os.environ | where, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    """A copy of `keys` among other modules."""
    folder = tmp_path / "limbeck" / "workflow"
    folder.mkdir(parents=True)
    (folder / "keys.py").write_text(Path(keys.__file__).read_text())
    (tmp_path / "limbeck" / "propensity").mkdir()
    for name in ("__init__", "../__init__", "../propensity/models", "train", "score"):
        (folder / f"{name}.py").write_text("A = 1\n")
    return folder


@pytest.mark.parametrize("name", ["../propensity/models", "train"])
def test_the_text_of_each_module_of_the_step_counts(tmp_path: Path, workflow: Path, name: str) -> None:
    before = asked(tmp_path)
    (workflow / f"{name}.py").write_text("A = 2\n")
    changed = asked(tmp_path)
    assert changed != before
    (workflow / f"{name}.py").write_text("A = 1\n")
    assert asked(tmp_path, seed=1) == before


def test_the_text_of_other_modules_does_not_count(tmp_path: Path, workflow: Path) -> None:
    before = asked(tmp_path)
    (workflow / "score.py").write_text("A = 2\n")
    assert asked(tmp_path, seed=2) == before
