"""Running the notebooks as a reader does: another first cell, a kernel of its own, from the folder where they lie."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jupytext
from nbclient import NotebookClient

from tests.notebooks import kernels

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks"
STEPS = (
    *("0_connect", "1_generate", "2a_explore", "2b_featurize", "3_export", "4_train", "5_score", "6_ingest"),
    *("7_activate", "end_to_end"),
)
"""The notebooks in their order."""

SMALLER = {
    "people = 20_000": "people = 3_000",
    'candidates = ["logistic", "lightgbm"]': 'candidates = ["logistic"]',
    "resamples = 300": "resamples = 100",
}


def newsletter(folder: Path) -> Path:
    """Write the newsletter's definition with fewer people, and less to tune."""
    text = (ROOT / "examples" / "newsletter.toml").read_text()
    for old, new in SMALLER.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / "newsletter.toml"
    path.write_text(text)
    return path


def read(name: str) -> Any:
    """Return a notebook as Jupyter opens it."""
    return jupytext.read(FOLDER / f"{name}.py")


def code(notebook: Any) -> list[Any]:
    """Return its code cells."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def settings(cell: Any) -> dict[str, Any]:
    """Return the names that a cell assigns, with their values; it may do nothing else."""
    found = {}
    for line in ast.parse(cell.source).body:
        assert isinstance(line, ast.Assign), ast.unparse(line)
        (target,) = line.targets
        assert isinstance(target, ast.Name)
        found[target.id] = ast.literal_eval(line.value)
    return found


def changed(name: str, definition: Path | str, home: Path | str | None, config: Path | None = None) -> Any:
    """Return a notebook whose first code cell names these."""
    notebook = read(name)
    first = code(notebook)[0]
    values = settings(first) | {
        "DEFINITION": str(definition),
        "HOME": None if home is None else str(home),
        "CONFIG": None if config is None else str(config),
    }
    first.source = "\n".join(f"{key} = {value!r}" for key, value in values.items())
    return notebook


def run(notebook: Any, folder: Path = FOLDER, *, forked: bool = True) -> Any:
    """Run a notebook in a kernel of its own, in *folder*, and return it with its outputs.

    A kernel that is not *forked* begins as Jupyter begins one, which takes seconds.
    """
    kernels.use(forked=forked)
    found = NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    return found.execute()


def pictures(notebook: Any) -> list[bytes]:
    """Return the pictures that a notebook shows."""
    outputs: Sequence[Any] = [o for cell in code(notebook) for o in cell.outputs if "data" in o]
    return [o.data["image/png"] for o in outputs if "image/png" in o.data]


def copy(folder: Path, definition: str) -> Path:
    """Copy the notebooks and a definition as a checkout has them, with `HOME` beside them; return their folder."""
    (folder / "examples").mkdir(parents=True)
    (folder / "examples" / "newsletter.toml").write_text(definition)
    return Path(shutil.copytree(FOLDER, folder / "notebooks", ignore=shutil.ignore_patterns(".*", "__pycache__")))
