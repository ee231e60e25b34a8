"""Which identities belong to one person: links from rows, and the clusters they make."""

from limbeck.identity.namespaces import Identity
from limbeck.identity.service import Identities

__all__ = ["Identities", "Identity"]
