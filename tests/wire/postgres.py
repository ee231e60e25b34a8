"""A real PostgreSQL server for the tests, with the tables that transcripts ask."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from tests.wire.conftest import PASSWORD, USER

TABLES = """
    CREATE TABLE cust (id bigint, name text, city text);
    INSERT INTO cust VALUES (1, 'Anna', 'Oslo'), (2, 'alf', 'Rome'), (3, 'Bo', NULL);
    CREATE TABLE many (n bigint, t text);
    INSERT INTO many SELECT n, 'row ' || n FROM generate_series(0, 59999) AS n;
"""


@dataclass(frozen=True)
class Postgres:
    """Where it is."""

    port: int


@contextmanager
def running(certificate: Path) -> Iterator[Postgres]:
    """Run a server that knows the wire's user and password, and speaks TLS with *certificate* and the key beside it."""
    programs = Path(shutil.which("postgres") or "").resolve().parent
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as place, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        folder = Path(place)
        for file in (certificate, certificate.with_suffix(".key")):
            shutil.copy(file, folder)
        (folder / "password").write_text(PASSWORD)
        if as_user:
            for file in (folder, *folder.iterdir()):
                shutil.chown(file, "postgres")
        initdb = ["initdb", "-D", "data", "-U", USER, "-A", "password", "--pwfile=password", "-N", "-E", "UTF8"]
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "ssl": "on"}
        options |= {"ssl_cert_file": f"{folder}/{certificate.name}", "ssl_key_file": f"{folder}/server.key"}
        options |= {"lc_messages": "C", "timezone": "UTC"}
        (folder / "more.conf").write_text("".join(f"{name} = '{value}'\n" for name, value in options.items()))
        line = ["pg_ctl", "-D", "data", "-l", "data/log", "-w", "-o", f"-p {port}"]
        run = {"cwd": folder, "check": True, "stdout": subprocess.DEVNULL}

        def call(arguments: list[str]) -> None:
            subprocess.run([*as_user, str(programs / arguments[0]), *arguments[1:]], **run)  # type: ignore[call-overload]

        call([*initdb, "--locale=C"])
        with (folder / "data" / "postgresql.conf").open("a") as conf:
            conf.write((folder / "more.conf").read_text())
        free.close()
        call([*line, "start"])
        try:
            there = {"host": "127.0.0.1", "port": port, "user": USER, "password": PASSWORD}
            with psycopg2.connect(**there, dbname="postgres") as connection, connection.cursor() as cursor:
                cursor.execute(TABLES)
            connection.close()
            make = psycopg2.connect(**there, dbname="postgres")
            make.autocommit = True
            make.cursor().execute('CREATE DATABASE "prod:all" TEMPLATE postgres')
            make.close()
            yield Postgres(port)
        finally:
            call([*line, "-m", "immediate", "stop"])
