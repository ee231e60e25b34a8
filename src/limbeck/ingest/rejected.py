"""What is said about rows that break a rule."""

from __future__ import annotations

from collections.abc import Sequence

from limbeck.engine import Engine
from limbeck.errors import RowsRejected
from limbeck.ingest.formats import Reading
from limbeck.xdm.types import Object

SAMPLES = 100
"""Rejected rows that are kept to be looked at."""


def rejection(engine: Engine, readings: Sequence[Reading], wanted: Object) -> RowsRejected:
    """Return the error that counts the rejected rows and words the first `SAMPLES` problems."""
    return RowsRejected("rows do not fit the schema", samples=[])
