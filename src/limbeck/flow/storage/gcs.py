"""A landing zone in a bucket of Google Cloud Storage, opened with Google's application default credentials."""

from __future__ import annotations

import os
from typing import Any

from limbeck.flow.storage.base import Access, Area
from limbeck.flow.storage.remote import BucketStorage


class GcsStorage(BucketStorage):
    """Two folders in a bucket."""

    provider = "Google Cloud Storage"
    scheme = "gs"
    library = "gcsfs"
    extra = "gcs"
    version = "generation"
    changed = "mtime"
    mend = (
        "check the bucket's name, and who you are to Google, with the right to list, read, write and delete objects "
        "there: GOOGLE_APPLICATION_CREDENTIALS, or gcloud auth application-default login"
    )

    def access(self, area: Area, writes: bool) -> Access:
        """Return where the area lies: users come as whoever they are to Google, whose rights the bucket knows."""
        return Access(self.place(area), {})

    def _open(self) -> Any:
        from gcsfs.core import GCSFileSystem  # the one that speaks HTTP only

        who = "anon" if os.environ.get("STORAGE_EMULATOR_HOST") else "google_default"
        return GCSFileSystem(token=who, skip_instance_cache=True, use_listings_cache=False, requests_timeout=60)

    def _require(self, area: Area) -> None:
        self._files.call("GET", "b/{}/o", self.bucket, prefix=f"{self.folder(area)}/", maxResults=1)
