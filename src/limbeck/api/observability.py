"""Observability Insights: what was ingested, over time (REST contract, section 12)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from limbeck.api import shapes
from limbeck.api.context import Caller, Reading
from limbeck.errors import InvalidInput

router = APIRouter(prefix="/data/infrastructure/observability/insights")


class Filter(BaseModel):
    """Which datasets a series is about."""

    name: str
    value: str | None = None
    group_by: bool = Field(False, alias="groupBy")


class Metric(BaseModel):
    """A series that is wanted."""

    name: str
    filters: list[Filter] = []
    aggregator: str = "sum"


class Report(BaseModel):
    """Body of POST /metrics."""

    start: datetime
    end: datetime
    granularity: str = "day"
    metrics: list[Metric]


@router.post("/metrics")
def report_metrics(caller: Reading, body: Report) -> dict[str, Any]:
    """POST /metrics: sums by span of time, for all datasets together or for each."""
    return {"metricResponses": [_series(caller, body, metric) for metric in body.metrics]}


def _series(caller: Caller, body: Report, metric: Metric) -> dict[str, Any]:
    if metric.aggregator != "sum":
        raise InvalidInput(f"aggregator is {metric.aggregator!r}; these metrics are summed: sum")
    other = next((f.name for f in metric.filters if f.name.lower() != "datasetid"), None)
    if other is not None:
        raise InvalidInput(f"series are filtered by dataSetId, not by {other!r}")
    named = [f.value for f in metric.filters if f.value]
    found = caller.platform.insights.series(
        caller.sandbox, metric.name, _utc(body.start), _utc(body.end), body.granularity, named or None
    )
    return shapes.series(
        metric.name,
        [f.model_dump(by_alias=True) for f in metric.filters],
        body.granularity,
        found,
        any(f.group_by for f in metric.filters),
    )


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
