"""The credential that `limbeck exec` gives to programs, in the files they read: a folder for each sandbox."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from contextlib import suppress
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from limbeck.client.config import AEP, IMS, Config
from limbeck.errors import InvalidInput, Unauthenticated
from limbeck.lock import file_lock

if TYPE_CHECKING:
    from limbeck.platform import Platform

SANDBOX = "prod"


def given(platform: Platform, sandbox: str | None) -> tuple[Path, Config]:
    """Return the folder with the files of a sandbox, as `ADOBE_HOME` leads to it, and what they say.

    What programs have written into `conf/config.ini` stays; only credential and sandbox are put right. Raise `NotFound`
    if there is no such sandbox.
    """
    org = platform.access.ensure_organisation()
    where = platform.access.sandbox(org, sandbox or SANDBOX).name
    folder = platform.settings.home / "exec" / where
    (folder / "conf").mkdir(mode=0o700, parents=True, exist_ok=True)
    with file_lock(folder / "lock"):
        ini = folder / "conf" / "config.ini"
        config = _credential(platform, org, where, ini)
        _keep_ini(ini, config)
        _keep_json(folder / "config.json", config)
    return folder, config


def folder_of_programs(environ: Mapping[str, str], folder: Path, sandbox: str | None) -> str:
    """Return the `ADOBE_HOME` of programs: the caller's own, or *folder*.

    Raise `InvalidInput` if *sandbox* was asked for, and the caller's own names another.
    """
    own = environ.get("ADOBE_HOME")
    if not own:
        return str(folder)
    parser = _parsed(Path(own) / "conf" / "config.ini")
    named = parser.get("Platform", "sandbox_name", fallback=sandbox)
    if sandbox is not None and named != sandbox:
        told = f"ADOBE_HOME is {own}, whose conf/config.ini names the sandbox {named}, not {sandbox}"
        raise InvalidInput(f"{told}; name it there, or unset ADOBE_HOME")
    return own


def write(path: Path, text: str) -> None:
    """Write a file that appears whole, and that its owner only may read."""
    made = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    made.replace(path)


def _credential(platform: Platform, org: str, where: str, ini: Path) -> Config:
    """Return what the file says if its credential is good, or a new one."""
    try:
        found = Config.read(ini)
        platform.access.token(found.client_id, found.client_secret)
        return replace(found, endpoint=AEP, ims=IMS, org_id=org, sandbox=where)
    except (InvalidInput, Unauthenticated):
        made = platform.access.create_credential(org, sandbox=where)
        return Config(AEP, IMS, org, made.client_id, made.client_secret, where)


def _keep_ini(path: Path, config: Config) -> None:
    parser = _parsed(path)
    if not parser.has_section("Platform"):
        parser.read_string(config.text())
    wanted = {
        "ims_org_id": config.org_id,
        "client_id": config.client_id,
        "client_secret": config.client_secret,
        "sandbox_name": config.sandbox,
    }
    if path.exists() and wanted.items() <= dict(parser["Platform"]).items():
        return
    parser["Platform"].update(wanted)
    text = StringIO()
    parser.write(text)
    write(path, text.getvalue())


def _keep_json(path: Path, config: Config) -> None:
    told = json.loads(config.json())
    with suppress(OSError, ValueError):
        found = json.loads(path.read_text("utf-8"))
        if isinstance(found, dict):
            if told.items() <= found.items():
                return
            told = {**found, **told}
    write(path, json.dumps(told, indent=2))


def _parsed(path: Path) -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    try:
        parser.read(path, encoding="utf-8")
    except (ConfigParserError, UnicodeDecodeError):
        return ConfigParser(interpolation=None)
    return parser
