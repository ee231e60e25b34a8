"""The transcripts beside this file, said to our server and to a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wire.conftest import Wire
from tests.wire.postgres import Postgres, running
from tests.wire.transcript import Scene, scenes

SCENES = [
    pytest.param(scene, id=f"{path.stem}: {scene.title}")
    for path in sorted(Path(__file__).parent.glob("*.txt"))
    for scene in scenes(path)
]


@pytest.fixture(scope="module")
def postgres(wire: Wire, certificate: Path) -> Iterator[Postgres]:
    """A real PostgreSQL."""
    with running(certificate) as server:
        yield server


@pytest.mark.parametrize("scene", SCENES)
def test_limbeck_answers_as_written(wire: Wire, scene: Scene) -> None:
    scene.play(wire.port, "L")


@pytest.mark.needs("postgres")
@pytest.mark.parametrize("scene", SCENES)
def test_postgresql_answers_as_written(postgres: Postgres, scene: Scene) -> None:
    scene.play(postgres.port, "P")
