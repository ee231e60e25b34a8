"""Whether the server works: its store, its workers, its disk and the PostgreSQL wire."""

from __future__ import annotations

import logging
import shutil
import socket
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import SQLAlchemyError

from limbeck.api.context import platform_of
from limbeck.api.shapes import iso
from limbeck.platform import Platform
from limbeck.version import VERSION
from limbeck.worker import Worker

log = logging.getLogger("limbeck.api.health")

router = APIRouter()

KNOCK_S = 2.0
"""How long the wire may take to accept a connection."""


@router.get("/health", responses={503: {"description": "Something of it fails"}})
def health(request: Request, response: Response) -> dict[str, Any]:
    """GET /health: 200 if all works, 503 if something does not, and what."""
    platform = platform_of(request)
    store, wire = _store(platform), _wire(request.app.state.pg)
    workers = {f"{name} worker": _worker(worker) for name, worker in platform.workers.items()}
    parts = {"store": store, "wire": wire, **workers}
    failing = [name for name, part in parts.items() if part["status"] == "failing"]
    usage = shutil.disk_usage(platform.settings.home)
    told: dict[str, Any] = {"status": "ok", "version": VERSION}
    if failing:
        response.status_code = 503
        told |= {"status": "failing", "detail": f"this does not work: {', '.join(failing)}; the log tells more"}
    return {**told, **parts, "disk": {"freeBytes": usage.free, "totalBytes": usage.total}}


def _store(platform: Platform) -> dict[str, Any]:
    try:
        return {"status": "ok", "jobs": platform.queue.depth()}
    except SQLAlchemyError as error:
        log.error("the metadata store does not answer", exc_info=error)
        return {"status": "failing"}


def _worker(worker: Worker) -> dict[str, Any]:
    """Tell of a worker; it may be silent for long while it follows the feed, so that alone is no failure."""
    pulse = worker.pulse()
    return {"status": "ok" if pulse.alive else "failing", "lastHeartbeat": iso(pulse.seen), "job": pulse.job}


def _wire(address: tuple[str, int] | None) -> dict[str, str]:
    if address is None:
        return {"status": "off"}
    try:
        socket.create_connection(address, KNOCK_S).close()
    except OSError:
        return {"status": "failing"}
    return {"status": "ok"}
