"""Settings of one home, read once and frozen."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from limbeck.errors import InvalidInput, nearest

_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]+://|[a-z]+=[^;]*;", re.IGNORECASE)
"""How a URL or a connection string begins, but no folder."""

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a home lies and how much of the machine it may take.

    Every field can be set by an environment variable of its name (`LIMBECK_ENGINE_MEMORY_MIB=2048`).
    """

    home: Path = Path(".limbeck")
    """Folder of everything the platform keeps."""
    landing_zone: str = field(default="", repr=False)
    """Where the upload area and the export area lie: a folder, a URL or a connection string (docs/landing-zone.md);
    empty stands for the folder `landing-zone` in the home."""
    database_url: str = ""
    """SQLAlchemy URL of the metadata store; empty stands for `limbeck.db` in the home."""
    engine_memory_mib: int = 1024
    """Memory that all running statements of this process share; beyond it they spill to disk."""
    engine_slots: int = 2
    """Statements that run at once; each gets an equal share of the memory."""
    engine_threads: int = os.cpu_count() or 2
    """Threads of one statement."""
    engine_spill_mib: int = 32 * 1024
    """Most that one statement, or the rows set aside for one cursor, may take of the disk for the time being."""
    statement_timeout_s: int = 600
    """Longest run of an interactive statement (SQL contract, section 1.3)."""
    batch_timeout_s: int = 86_400
    """Longest run of a statement that writes, and of every statement of a query that runs as a job."""
    snapshot_retention_days: float = 2.0
    """How long a snapshot that is no longer current can be named (SQL contract, section 2.1)."""
    flow_retry_s: float = 2.0
    """How long a run of a flow waits before it is tried again, if what stopped it may pass; then four times as long."""
    unique_titles: bool = False
    """Whether no two schemas, field groups, classes or data types have one title (docs/schema-registry.md)."""
    json_body_mib: int = 10
    """Largest body of a request that is not a file."""
    upload_mib: int = 256
    """Largest file of a batch, or part of one, in one request (REST contract, section 14.3)."""
    audit_retention_days: float = 90.0
    """How long it is told who has changed what."""
    mlflow_tracking_uri: str = ""
    """Address of an MLflow server that keeps runs and models; empty stands for `MLFLOW_TRACKING_URI`, and if that is
    empty too for `mlflow.db` and `models` in the home (docs/models.md)."""
    token_lifetime_s: int = 86_399
    """Validity of an access token (REST contract, section 3.1)."""

    @property
    def lake(self) -> Path:
        """Folder of the datasets' files."""
        return self.home / "lake"

    @property
    def staging(self) -> Path:
        """Folder of uploaded files that are not yet published."""
        return self.home / "staging"

    @property
    def diagnostics(self) -> Path:
        """What is kept of batches to be looked at."""
        return self.home / "diagnostics"

    @property
    def scratch(self) -> Path:
        """Folder of spill files and results on their way to the lake."""
        return self.home / "scratch"

    @property
    def zone(self) -> Path | None:
        """Folder of the landing zone; None if it lies elsewhere."""
        if _ELSEWHERE.match(self.landing_zone.strip()):
            return None
        return Path(self.landing_zone or self.home / "landing-zone").absolute()

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL of the metadata store."""
        return self.database_url or f"sqlite:///{self.home / 'limbeck.db'}"

    @property
    def retention(self) -> timedelta:
        """`snapshot_retention_days` as a duration."""
        return timedelta(days=self.snapshot_retention_days)

    @classmethod
    def load(cls, home: Path | str | None = None, environ: Mapping[str, str] | None = None) -> Settings:
        """Return the settings of *home*, with `LIMBECK_*` variables laid over the defaults.

        Raise `InvalidInput` naming the variable whose value has the wrong type, or that is unknown but
        starts like a setting.
        """
        environ = os.environ if environ is None else environ
        known = {f"LIMBECK_{f.name.upper()}": f for f in fields(cls)}
        found: dict[str, Any] = {}
        for name, text in environ.items():
            if name in known:
                found[known[name].name] = _parse(name, text, known[name].type)
            elif name.startswith("LIMBECK_") and name not in _OTHER_VARIABLES:
                hint = nearest(name, [*known, *_OTHER_VARIABLES])
                raise InvalidInput(f"unknown environment variable {name}. {hint}".rstrip())
        found.setdefault("mlflow_tracking_uri", environ.get("MLFLOW_TRACKING_URI", ""))
        settings = replace(cls(), **found)
        return replace(settings, home=Path(home or settings.home).absolute())


_OTHER_VARIABLES = {"LIMBECK_CONFIG", "LIMBECK_CRASH_AT", "LIMBECK_REQUIRE_ALL"}


def _parse(name: str, text: str, kind: Any) -> Any:
    casts: dict[str, Callable[[str], Any]]
    casts = {"int": int, "float": float, "str": str, "bool": _boolean, "Path": Path}
    try:
        return casts[str(kind)](text)
    except ValueError:
        raise InvalidInput(f"{name} is {text!r}; it takes a value of type {kind}") from None


def _boolean(text: str) -> bool:
    if text.lower() not in _BOOLEANS:
        raise ValueError(text)
    return _BOOLEANS[text.lower()]


_BOOLEANS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
