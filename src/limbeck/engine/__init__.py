"""DuckDB behind a lock: one instance a statement, with a share of the memory and only the files it was given."""

from limbeck.engine.duck import BATCH, PLACE, Engine, Session, Table
from limbeck.engine.interrupt import Interrupt
from limbeck.engine.native import Native

__all__ = ["BATCH", "PLACE", "Engine", "Interrupt", "Native", "Session", "Table"]
