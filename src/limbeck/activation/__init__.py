"""Delivery: the members of audiences as files at a destination."""

from limbeck.activation.delivery import Delivered, Deliveries
from limbeck.activation.plan import selected_audiences
from limbeck.activation.runner import ActivationRunner

__all__ = ["ActivationRunner", "Delivered", "Deliveries", "selected_audiences"]
