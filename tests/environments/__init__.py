"""Programs that tests run and that clash with ours: each is installed once, into a folder of its own, from exact pins.

`{name}.txt` beside this file lists a Python environment's packages; `PROGRAMS` names what comes from npm. They land in
`.environments/` at the root of the checkout, made by the first test that wants them, or before (`__main__.py`).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from limbeck.lock import file_lock

ROOT = Path(__file__).parents[2] / ".environments"

PROGRAMS = {"azurite": "3.35.0"}
"""Packages of npm."""


def python(name: str) -> Path:
    """Return the interpreter of the environment that `{name}.txt` describes; the test is skipped without uv."""
    pins = Path(__file__).with_name(f"{name}.txt")
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()[:12]
    return _made(ROOT / f"{name}-{digest}", "uv", lambda folder: _install_python(folder, pins)) / "bin" / "python"


def model(requirements: Sequence[str]) -> Path:
    """Return the interpreter of an environment of a logged model's *requirements*, and of what these take in turn.

    What they do not pin has the version of this project's pins.
    """
    lines = "\n".join(sorted(requirements))
    digest = hashlib.sha256(lines.encode()).hexdigest()[:12]
    return _made(ROOT / f"model-{digest}", "uv", lambda folder: _install_model(folder, lines)) / "bin" / "python"


def npm(name: str) -> Path:
    """Return the folder of a package's programs; the test is skipped without npm."""
    version = PROGRAMS[name]
    folder = _made(ROOT / f"{name}-{version}", "npm", lambda folder: _install_npm(folder, f"{name}@{version}"))
    return folder / "node_modules" / ".bin"


def absent(reason: str) -> None:
    """Skip the test, or fail it where all programs are required."""
    if os.environ.get("LIMBECK_REQUIRE_ALL") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _made(folder: Path, tool: str, install: Callable[[Path], None]) -> Path:
    """Return *folder*, filled by *install* unless a test before has done that, in this process or another."""
    ROOT.mkdir(exist_ok=True)
    with file_lock(ROOT / f"{folder.name}.lock"):
        if not (folder / "complete").exists():
            if shutil.which(tool) is None:
                absent(f"needs the program {tool}, which is not installed")
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            install(folder)
            (folder / "complete").touch()
    return folder


def _install_python(folder: Path, pins: Path) -> None:
    elsewhere = Path(tempfile.gettempdir())  # uv would lay this project's pins over the environment's
    _install(folder, ["--no-deps", "-r", str(pins)], elsewhere)


def _install_model(folder: Path, lines: str) -> None:
    asked = folder / "requirements.txt"
    asked.write_text(lines)
    _install(folder, ["-r", str(asked)], ROOT.parent)


def _install(folder: Path, what: Sequence[str], where: Path) -> None:
    _run(["uv", "venv", "--quiet", "--python", sys.executable, "--allow-existing", str(folder)], where)
    _run(["uv", "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *what], where)


def _install_npm(folder: Path, package: str) -> None:
    (folder / "package.json").write_text('{"private": true}')
    _run(["npm", "install", "--no-fund", "--no-audit", "--loglevel=error", "--prefix", str(folder), package], folder)


def _run(line: Sequence[str], where: Path) -> None:
    done = subprocess.run(line, cwd=where, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        absent(f"{' '.join(line)} failed: {done.stderr[-2000:]}")
