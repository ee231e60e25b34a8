"""A server with the tables of the contract and of a twin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from limbeck.platform import Platform
from tests.behaviour.query_tables import Home
from tests.conformance.fixtures import SHAPES, World
from tests.wire.conftest import PASSWORD, USER, Wire, served

SEEDS = (1,)
WORLDS = {world.name: world for world in (World.contract(), *map(World.twin, SEEDS))}


@pytest.fixture(scope="session")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """The server."""
    home = Home.make(tmp_path_factory.mktemp("conformance"))
    for world in WORLDS.values():
        for name in SHAPES:
            home.add(world.names[name], world.arrow(name))
    home.store.close()
    platform = Platform(replace(home.settings, statement_timeout_s=60))
    client, _, secret = PASSWORD.partition(":")
    platform.access.create_credential(USER, client_id=client, client_secret=secret)
    yield from served(platform)
    platform.close()
