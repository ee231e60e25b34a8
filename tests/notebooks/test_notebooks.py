"""The notebooks, executed for real: what they claim at their end is asserted by themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from nbclient.exceptions import CellExecutionError

from tests import shop_definition
from tests.notebooks import notebooks
from tests.platforms import served

PICTURES = {"2a_explore": 4, "2b_featurize": 1, "4_train": 9, "5_score": 2, "7_activate": 3, "end_to_end": 4}
"""How many pictures each shows."""


@pytest.mark.parametrize("name", notebooks.STEPS)
def test_a_notebook_begins_with_settings_and_ends_with_claims(name: str) -> None:
    notebook = notebooks.read(name)
    cells = notebooks.code(notebook)
    assert notebook.metadata["kernelspec"] == {"display_name": "Python 3", "language": "python", "name": "python3"}
    assert notebook.cells[0].cell_type == "markdown"
    assert 6 <= len(cells) <= 18
    found = notebooks.settings(cells[0])
    assert list(found)[:3] == ["DEFINITION", "HOME", "CONFIG"]
    assert (found["DEFINITION"], found["HOME"], found["CONFIG"]) == ("../examples/newsletter.toml", ".limbeck", None)
    assert cells[-1].source.count("assert ") >= 4
    told = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert "## What this notebook claims" in told[-1]
    assert len(told) >= 5


def test_they_are_texts_and_all_are_run_here() -> None:
    assert sorted(path.stem for path in notebooks.FOLDER.glob("*.py")) == sorted(notebooks.STEPS)
    assert not list(notebooks.FOLDER.glob("*.ipynb"))


def test_one_after_the_other_and_a_broken_result_is_noticed(tmp_path: Path) -> None:
    """Each in a kernel of its own, on the home that the ones before left."""
    definition, home = notebooks.newsletter(tmp_path), tmp_path / "home"
    for name in notebooks.STEPS:
        done = notebooks.run(notebooks.changed(name, definition, home))
        assert len(notebooks.pictures(done)) == PICTURES.get(name, 0), name
    models, flows = shop_definition.models(home), home / "landing-zone" / "dlz-user-container"
    assert [model[:2] for model in models] == [("newsletter", 1)]  # nobody trained it again
    assert len(list(flows.rglob("*.parquet"))) == 1  # or sent its scores a second time
    (scores,) = (home / "workflow" / "newsletter").glob("scores-*.parquet")
    table = pq.read_table(scores)
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), scores)
    with pytest.raises(CellExecutionError, match=r"is_unique[^~]*AssertionError"):
        notebooks.run(notebooks.changed("5_score", definition, home))


def test_a_late_one_stands_alone(tmp_path: Path) -> None:
    """On a home in which nothing was done."""
    done = notebooks.run(notebooks.changed("5_score", shop_definition.write(tmp_path), tmp_path / "home"))
    assert len(notebooks.pictures(done)) == PICTURES["5_score"]


def test_another_definition_that_chooses_nobody(tmp_path: Path) -> None:
    """The shop of the other tests: other columns, no generator, no audience. The late one comes first."""
    definition, home = shop_definition.write(tmp_path), tmp_path / "home"
    for name in ("7_activate", "1_generate", "2a_explore", "2b_featurize"):
        done = notebooks.run(notebooks.changed(name, definition, home))
        assert len(notebooks.pictures(done)) == PICTURES.get(name, 0), name
    delivered = list((home / "landing-zone" / "dlz-destination" / "limbeck" / "shop" / "activation").glob("*.csv"))
    assert len(delivered) == 1


def test_against_a_server(tmp_path: Path) -> None:
    """All steps over HTTP: the platform's home is the server's, ours has the working files and the model."""
    definition, home, config = shop_definition.write(tmp_path), tmp_path / "here", tmp_path / "server" / "tester.ini"
    with served(tmp_path / "server"):
        notebooks.run(notebooks.changed("7_activate", definition, home, config))
    assert "shop_events" in shop_definition.tables(tmp_path / "server")
    assert shop_definition.models(home)
    assert not (home / "limbeck.db").exists()


def test_where_they_lie_paths_count_from_there(tmp_path: Path) -> None:
    """The first cell as it is: in Jupyter, which goes to the notebook's folder, and as a script from anywhere."""
    folder = notebooks.copy(tmp_path, notebooks.newsletter(tmp_path).read_text())
    done = notebooks.run(notebooks.read("1_generate"), folder, forked=False)
    told = "".join(output.text for cell in notebooks.code(done) for output in cell.outputs if "text" in output)
    assert "people filled in the form" in told
    line = [sys.executable, str(folder / "1_generate.py")]
    script = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert script.returncode == 0, script.stderr
    assert script.stdout in told  # of the same people: the script found the home where the notebook had left it
    assert not (tmp_path / ".limbeck").exists()
