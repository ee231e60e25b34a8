"""Storage of files behind one interface."""

from limbeck.files.folder import Folder

__all__ = ["Folder"]
