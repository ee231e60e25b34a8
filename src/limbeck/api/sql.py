"""Our extension: a statement in, an Arrow IPC stream out, with the same checks as the PostgreSQL wire.

The stream ends with an empty batch whose metadata tells how it went: `{"rows": …, "capped": …}`, and `error`
in the shape of an error answer if the statement failed half-way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from limbeck.api import shapes
from limbeck.api.context import Reading
from limbeck.errors import Internal, LimbeckError
from limbeck.query.service import Result

router = APIRouter(prefix="/limbeck/v1")

TRAILER = b"limbeck"
MEDIA_TYPE = "application/vnd.apache.arrow.stream"


class Statement(BaseModel):
    """Body of POST /sql."""

    sql: str


@router.post("/sql", response_class=StreamingResponse, responses={200: {"content": {MEDIA_TYPE: {}}}})
def run_statement(caller: Reading, request: Request, body: Statement) -> StreamingResponse:
    """POST /limbeck/v1/sql: run one statement of the AEP dialect."""
    result = caller.platform.query.run(caller.sandbox, body.sql, principal=caller.principal)
    return StreamingResponse(_stream(result, request.state.request_id), media_type=MEDIA_TYPE)


class _Sink:
    """A file that Arrow writes into and the response reads from, chunk by chunk."""

    closed = False

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, data: Any) -> int:
        self._chunks.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        chunk = b"".join(self._chunks)
        self._chunks.clear()
        return chunk


def _stream(result: Result, request_id: str) -> Iterator[bytes]:
    sink = _Sink()
    rows = 0
    trailer: dict[str, Any] = {}
    with result, pa.ipc.new_stream(sink, result.schema) as writer:
        try:
            for batch in result.batches():
                writer.write_batch(batch)
                rows += batch.num_rows
                yield sink.take()
        except LimbeckError as failure:
            trailer["error"] = shapes.error(failure, request_id)
        except Exception as failure:
            trailer["error"] = shapes.error(Internal(f"{type(failure).__name__}; see the log"), request_id)
        trailer |= {"rows": rows, "capped": result.capped}
        empty = pa.RecordBatch.from_pylist([], schema=result.schema)
        writer.write_batch(empty, custom_metadata={TRAILER: json.dumps(trailer).encode()})
    yield sink.take()
