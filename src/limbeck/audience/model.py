"""Audiences, their evaluation and who is in, as values (profile contract, sections 5.1, 5.3 and 5.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

REALIZED, EXITED = "realized", "exited"


@dataclass(frozen=True, slots=True)
class Audience:
    """A rule over people with a name; a segment definition is another view of the same."""

    id: str
    sandbox_id: str
    name: str
    rule: str
    """PQL text."""
    body: Mapping[str, Any]
    """What its maker sent besides."""
    etag: str
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class SegmentJob:
    """One evaluation of some audiences at one instant."""

    id: str
    sandbox_id: str
    status: str
    audience_ids: Sequence[str]
    metrics: Mapping[str, Any]
    errors: Sequence[Mapping[str, Any]]
    evaluated: datetime
    """The instant that the rules call now."""
    created: datetime
    updated: datetime
    schedule_id: str | None = None
    """What started it; None: a request."""


@dataclass(frozen=True, slots=True)
class Membership:
    """Who is in an audience since its last evaluation: a Parquet file of persons with status and time."""

    audience_id: str
    job_id: str
    path: str
    """Relative to the folder of memberships."""
    realized: int
    exited: int
    """How many left in that evaluation."""
    evaluated: datetime


@dataclass(frozen=True, slots=True)
class Status:
    """One person's membership of one audience."""

    audience_id: str
    status: str
    since: datetime
    """When it was reached."""
