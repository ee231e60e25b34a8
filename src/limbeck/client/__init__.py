"""The street: AEP's interfaces as a user needs them, over whichever transport reaches a platform."""

from limbeck.client.client import Client
from limbeck.client.landingzone import LandingZone
from limbeck.client.model import Batch, Dataset, FlowRun, Rows, Schema

__all__ = ["Batch", "Client", "Dataset", "FlowRun", "LandingZone", "Rows", "Schema"]
