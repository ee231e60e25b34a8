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
    _run(["uv", "venv", "--quiet", "--python", sys.executable, "--allow-existing", str(folder)])
    _run(["uv", "pip", "install", "--quiet", "--no-deps", "--python", str(folder / "bin" / "python"), "-r", str(pins)])


def _install_npm(folder: Path, package: str) -> None:
    (folder / "package.json").write_text('{"private": true}')
    _run(["npm", "install", "--no-fund", "--no-audit", "--loglevel=error", "--prefix", str(folder), package])


def _run(line: Sequence[str]) -> None:
    elsewhere = tempfile.gettempdir()  # uv would lay this project's pins over the environment's
    done = subprocess.run(line, cwd=elsewhere, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        absent(f"{' '.join(line)} failed: {done.stderr[-2000:]}")
