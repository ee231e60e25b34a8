"""Where a landing zone lies: one interface, and a module for each kind of place."""

from limbeck.flow.storage.base import CONTAINERS, Access, Area, Entry, Found, Storage
from limbeck.flow.storage.folder import FolderStorage

__all__ = ["CONTAINERS", "Access", "Area", "Entry", "FolderStorage", "Found", "Storage"]
