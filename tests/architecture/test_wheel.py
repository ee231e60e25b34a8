"""The built wheel works in an empty environment, without the checkout."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SCRIPT = """
from importlib.resources import files
import limbeck
inside = files("limbeck")
assert (inside / "examples" / "complete_journey.toml").is_file()
assert (inside / "py.typed").is_file()
with limbeck.connect("home") as aep:
    print(aep.sql("select 41 + 1 as answer").scalar())
"""


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.needs("uv")
def test_the_wheel_holds_all_it_needs(tmp_path: Path) -> None:
    pins = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["constraint-dependencies"]
    (tmp_path / "pins.txt").write_text("\n".join(pins))
    run("uv", "build", "--quiet", "--wheel", "--out-dir", tmp_path / "dist", ROOT, cwd=tmp_path)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    run("uv", "venv", "--quiet", "empty", cwd=tmp_path)
    python = tmp_path / "empty" / "bin" / "python"
    how = ("--link-mode", "symlink", "-c", "pins.txt")  # nothing is copied
    run("uv", "pip", "install", "--quiet", "--python", python, *how, wheel, cwd=tmp_path)

    assert run(python, "-c", SCRIPT, cwd=tmp_path).strip() == "42"
    assert "generate" in run(python.parent / "limbeck", "--help", cwd=tmp_path)
