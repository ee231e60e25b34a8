"""What flows deal with, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from limbeck.scope import Sandbox

ResourceKind = Literal["connection", "sourceConnection", "targetConnection", "flow", "mappingSet"]


@dataclass(frozen=True, slots=True)
class Resource:
    """A connection, flow or mapping set; *body* is AEP's own JSON."""

    id: str
    sandbox_id: str
    kind: ResourceKind
    body: Mapping[str, Any]
    etag: str
    """A quoted text that changes with every change."""
    created: datetime
    updated: datetime

    @property
    def spec_id(self) -> str:
        """The id of the connection spec or flow spec."""
        spec = self.body.get("flowSpec" if self.kind == "flow" else "connectionSpec")
        return str(spec.get("id", "")) if isinstance(spec, Mapping) else ""

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters of a source or target connection."""
        found = self.body.get("params")
        return found if isinstance(found, Mapping) else {}

    @property
    def steps(self) -> Sequence[Mapping[str, Any]]:
        """The transformations of a flow."""
        found = self.body.get("transformations")
        return [t for t in found if isinstance(t, Mapping)] if isinstance(found, list) else []

    @property
    def is_enabled(self) -> bool:
        """Whether a flow runs by its schedule."""
        return self.body.get("state") != "disabled"

    @property
    def timing(self) -> tuple[bool, Any]:
        """What tells when a flow is due."""
        return self.is_enabled, self.body.get("scheduleParams")


@dataclass(frozen=True, slots=True)
class Metrics:
    """What a run read and wrote."""

    input_files: int = 0
    output_files: int = 0
    input_bytes: int = 0
    output_bytes: int = 0
    input_records: int = 0
    output_records: int = 0
    skipped_records: int = 0
    failed_records: int = 0
    messages: tuple[str, ...] = ()
    """What went otherwise than the caller may think, in a run that is good all the same."""


RunStatus = Literal["pending", "inProgress", "success", "failed"]


@dataclass(frozen=True, slots=True)
class Run:
    """One pass of a flow."""

    id: str
    sandbox_id: str
    flow_id: str
    status: RunStatus
    payload: Mapping[str, Any]
    """What it was asked for, and what it needs to go on after a crash."""
    metrics: Metrics
    errors: Sequence[Mapping[str, Any]]
    """Of a failed run: `code`, `message` and `details`, as the API spells an error."""
    created: datetime
    started: datetime | None
    completed: datetime | None

    @property
    def is_ended(self) -> bool:
        """Whether nothing of it will change any more."""
        return self.completed is not None

    @property
    def is_demanded(self) -> bool:
        """Whether somebody asked for it, rather than the flow's schedule."""
        return "scheduled" not in self.payload


class Runner(Protocol):
    """Does the work of one kind of flow."""

    def check(self, flow: Resource, target: Resource) -> None:
        """Raise the error of a flow that could never be run as it says, before it is stored; by default there is none.

        Called inside a transaction, also when *target*, the flow's target connection, changes.
        """
        return

    def check_run(self, flow: Resource, payload: Mapping[str, Any]) -> None:
        """Raise the error of a run that *flow* could not do, before it is queued; by default there is none."""
        return

    def run(self, sandbox: Sandbox, flow: Resource, run: Run) -> Metrics:
        """Do what *flow* says, once, however often this is called for a *run* whose process was killed.

        Raise the error that fails the run.
        """
