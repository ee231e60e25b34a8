"""Who may act: organisations with their sandboxes, credentials, signed tokens."""

from limbeck.access.service import Access, NewCredential

__all__ = ["Access", "NewCredential"]
