"""Settings from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from limbeck.errors import InvalidInput
from limbeck.settings import Settings


def test_variables_are_laid_over_the_defaults(tmp_path: Path) -> None:
    found = Settings.load(tmp_path, {"LIMBECK_ENGINE_MEMORY_MIB": "2048", "PATH": "/bin"})
    assert (found.engine_memory_mib, found.engine_slots, found.home) == (2048, Settings().engine_slots, tmp_path)


@pytest.mark.parametrize("text", ["1", "true", "YES", "on", "0", "False", "no", "off"])
def test_what_is_on_or_off(text: str) -> None:
    assert Settings.load(None, {"LIMBECK_UNIQUE_TITLES": text}).unique_titles == (text in ("1", "true", "YES", "on"))


def test_the_home_that_was_asked_for_wins(tmp_path: Path) -> None:
    environ = {"LIMBECK_HOME": str(tmp_path / "other")}
    assert Settings.load(None, environ).home == tmp_path / "other"
    assert Settings.load(tmp_path, environ).home == tmp_path


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"LIMBECK_ENGINE_SLOTS": "two"}, "LIMBECK_ENGINE_SLOTS is 'two'; it takes a value of type int"),
        ({"LIMBECK_UNIQUE_TITLES": "maybe"}, "LIMBECK_UNIQUE_TITLES is 'maybe'; it takes a value of type bool"),
        ({"LIMBECK_ENGINE_SLOT": "2"}, 'did you mean "LIMBECK_ENGINE_SLOTS"'),
    ],
)
def test_a_wrong_variable_is_named(environ: dict[str, str], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        Settings.load(None, environ)
