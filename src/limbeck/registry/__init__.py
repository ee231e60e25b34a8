"""Stored XDM resources: references followed, versions kept, descriptors beside them."""

from limbeck.registry.service import Registry

__all__ = ["Registry"]
