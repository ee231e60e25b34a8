"""Metadata rows: the one truth about what exists and what is visible."""

from limbeck.store.database import Store

__all__ = ["Store"]
