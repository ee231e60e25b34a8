"""`limbeck serve` with the PostgreSQL wire beside HTTP, in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

import limbeck
from limbeck.client.config import Config


def test_serve_speaks_both_and_says_goodbye(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "limbeck", "serve", "--home", str(tmp_path / "home")]
    line += ["--http", "127.0.0.1:0", "--pg", "127.0.0.1:0"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            url, address = (child.stdout.readline().split()[-1] for _ in range(2))
            assert url.startswith("http://127.0.0.1:")
            config = Config.read(tmp_path / "home" / "config.ini")
            host, _, port = address.rpartition(":")
            connection = psycopg2.connect(
                host=host,
                port=port,
                user=config.org_id,
                password=f"{config.client_id}:{config.client_secret}",
                dbname="prod:all",
                sslmode="require",
            )
            cursor = connection.cursor()
            cursor.execute("CREATE TABLE made AS SELECT 42 AS answer")
            with limbeck.connect(config=tmp_path / "home" / "config.ini") as client:
                assert client.sql("SELECT answer FROM made").scalar() == 42
            child.send_signal(signal.SIGINT)
            _, told = child.communicate()
            assert (child.returncode, "Traceback" in told) == (0, False), told
            with pytest.raises(psycopg2.OperationalError):
                cursor.execute("SELECT 1")
        finally:
            child.kill()
