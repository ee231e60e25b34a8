"""The names users import."""

from __future__ import annotations

import subprocess
import sys

import pytest

import limbeck


@pytest.mark.parametrize("name", limbeck.__all__)
def test_public_names_exist_and_are_documented(name: str) -> None:
    assert getattr(limbeck, name).__doc__


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'conect'"):
        limbeck.conect


@pytest.mark.parametrize("line", ["import limbeck", "import limbeck.cli.app", "import limbeck.client"])
def test_nothing_loads_what_it_does_not_use(line: str) -> None:
    heavy = "duckdb fastapi sqlalchemy sklearn mlflow matplotlib lightgbm pandas sqlglot alembic deltalake"
    script = f"import sys; {line}; print(*sorted(set(sys.modules) & set({heavy.split()!r})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
