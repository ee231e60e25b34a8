"""Where a landing zone lies: one interface, and a module for each kind of place."""

from limbeck.flow.storage.base import CONTAINERS, LIFETIME, Access, Area, Entry, Found, Storage
from limbeck.flow.storage.folder import FolderStorage
from limbeck.flow.storage.location import storage_of

__all__ = ["CONTAINERS", "LIFETIME", "Access", "Area", "Entry", "FolderStorage", "Found", "Storage", "storage_of"]
