"""AEP's spelling of our values. Nothing else in the platform knows these keys."""

from __future__ import annotations

from typing import Any

from limbeck import clock
from limbeck.errors import LimbeckError
from limbeck.lake import Batch, Dataset
from limbeck.scope import Sandbox


def error(failure: LimbeckError, request_id: str) -> dict[str, Any]:
    """Return the body of an error answer: service style, and the gateway's keys beside it (section 2.5)."""
    return {
        "type": "about:blank",
        "status": failure.status,
        "title": failure.title,
        "detail": str(failure),
        "error_code": failure.code,
        "message": failure.message,
        "sqlstate": failure.sqlstate,
        "details": {k: v for k, v in failure.details.items() if v is not None},
        "requestId": request_id,
    }


def sandbox(value: Sandbox) -> dict[str, Any]:
    """Return a sandbox as the sandbox service shows it (section 3.4)."""
    return {
        "id": value.id,
        "name": value.name,
        "title": value.name,
        "state": "active",
        "type": value.type,
        "region": "LOCAL",
        "isDefault": value.name == "prod",
    }


def dataset(value: Dataset, org_id: str, last_batch: Batch | None) -> dict[str, Any]:
    """Return a dataset as Catalog shows it (section 5.1)."""
    shape: dict[str, Any] = {
        "name": value.name,
        "tags": {**{k: list(v) for k, v in value.tags.items()}, "adobe/pqs/table": [value.table]},
        "imsOrg": org_id,
        "sandboxId": value.sandbox_id,
        "version": f"1.0.{value.snapshot}",
        "created": clock.millis(value.created),
        "updated": clock.millis(value.updated),
        "createdUser": value.created_by,
        "fileDescription": {"persisted": True, "containerFormat": "parquet", "format": "parquet"},
        "schemaRef": {"id": value.schema.id, "contentType": "application/vnd.adobe.xed+json;version=1"},
        "files": f"@/dataSetFiles?dataSetId={value.id}",
        "state": "DRAFT",
        "namespace": "ACP",
        "classification": {"dataBehavior": value.schema.behaviour, "managedBy": "CUSTOMER"},
    }
    if last_batch is not None:
        shape |= {"lastBatchId": last_batch.id, "lastBatchStatus": last_batch.status}
    return shape


def batch(value: Batch, org_id: str) -> dict[str, Any]:
    """Return a batch as Catalog and Batch Ingestion show it (section 5.2)."""
    shape: dict[str, Any] = {
        "id": value.id,
        "imsOrg": org_id,
        "status": value.status,
        "created": clock.millis(value.created),
        "updated": clock.millis(value.updated),
        "createdUser": value.created_by,
        "relatedObjects": [{"type": "dataSet", "id": value.dataset_id}],
        "version": "1.0.0",
        "tags": {},
        "inputFormat": dict(value.input_format),
        "metrics": dict(value.metrics),
        "errors": [dict(e) for e in value.errors],
    }
    if value.completed is not None:
        shape["completed"] = clock.millis(value.completed)
    return shape
