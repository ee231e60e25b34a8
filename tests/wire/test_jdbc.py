"""JDBC 42 as Debian has it: one Java program, run once; each test reads what it found."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.wire.conftest import PASSWORD, USER, Wire

DRIVER = Path("/usr/share/java/postgresql.jar")

pytestmark = pytest.mark.needs("java", "javac")

TYPES = (
    "bool:true int2:7 int4:-70000 int8:5000000000 float8:0.1 numeric:-12.50 text:ü date:1999-12-31"
    " timestamp:2024-03-01 10:00:00.25 int4:null"
)


@pytest.fixture(scope="module")
def told(wire: Wire) -> dict[str, list[str]]:
    """What the program printed, by name."""
    if not DRIVER.exists():
        missing = f"needs the driver {DRIVER} (Debian: libpostgresql-jdbc-java)"
        pytest.fail(missing) if os.environ.get("LIMBECK_REQUIRE_ALL") == "1" else pytest.skip(missing)
    java = shutil.which("java") or "java"
    url = f"jdbc:postgresql://127.0.0.1:{wire.port}/prod:all"
    line = [java, "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", str(DRIVER), "Jdbc.java", url]
    env = os.environ | {"PGUSER": USER, "PGPASSWORD": PASSWORD, "JAVA_TOOL_OPTIONS": "-Dfile.encoding=UTF-8"}
    ended = subprocess.run(line, cwd=Path(__file__).parent, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, list[str]] = {}
    for entry in ended.stdout.splitlines():
        name, _, value = entry.partition("=")
        found.setdefault(name, []).append(value)
    return found


def test_simple_and_extended_protocol(told: dict[str, list[str]]) -> None:
    assert told["driver"] == ["42"]
    assert told["simple"] == ["1AnnaOslo;2alfRome;3Bonull;"] * 2
    assert told["several"] == ["true"] * 2


def test_every_type_in_text_and_in_binary(told: dict[str, list[str]]) -> None:
    assert told["types"] == [TYPES] * 8


def test_prepared_on_the_server(told: dict[str, list[str]]) -> None:
    assert told["prepared"] == ["Anna;alf;Bo;-;-;"]
    assert told["values"] == ["7 0.1 true 1.5 1999-12-31 2024-03-01 10:00:00.25 null"]


def test_errors_and_transactions(told: dict[str, list[str]]) -> None:
    assert told["error"] == ["42601 true", "42P01 true", "42703 true"]
    assert told["after"] == ["1"]


def test_rows_in_portions(told: dict[str, list[str]]) -> None:
    assert told["cursor"] == [f"5500 {5500 * 5499 // 2}"]


def test_cancelling(told: dict[str, list[str]]) -> None:
    assert told["cancelled"] == ["57014"]
    assert told["too long"] == ["57014"]
