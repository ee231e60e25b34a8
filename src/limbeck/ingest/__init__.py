"""Batches of uploaded files: staged, validated against their dataset's schema, published whole or not at all."""

from limbeck.ingest.batches import PROMOTE, Ingest
from limbeck.ingest.convert import Converted, convert
from limbeck.ingest.formats import InputFormat, StagedFile

__all__ = ["PROMOTE", "Converted", "Ingest", "InputFormat", "StagedFile", "convert"]
