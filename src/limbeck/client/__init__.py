"""The street: AEP's interfaces as a user needs them, over whichever transport reaches a platform."""

from limbeck.client.client import Client
from limbeck.client.model import Batch, Dataset, Rows, Schema

__all__ = ["Batch", "Client", "Dataset", "Rows", "Schema"]
