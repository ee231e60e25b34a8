"""Datasets, batches' files, snapshots: published all or none, listed in a feed, read by range."""

from limbeck.lake.batches import Batch
from limbeck.lake.model import SAMPLE, Change, DataFile, Dataset, Measure, Snapshot
from limbeck.lake.service import Lake

__all__ = ["SAMPLE", "Batch", "Change", "DataFile", "Dataset", "Lake", "Measure", "Snapshot"]
