"""Delivery: the members of audiences as files at a destination."""

from limbeck.activation.delivery import Delivered, Deliveries

__all__ = ["Delivered", "Deliveries"]
