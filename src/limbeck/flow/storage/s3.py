"""A landing zone in a bucket of Amazon S3, or of a server that speaks its protocol.

Endpoint, region and keys come from where AWS's own programs take them: `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL_S3`,
`AWS_PROFILE` and so on.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from limbeck.errors import Forbidden, LandingZoneError
from limbeck.flow.storage.base import Access, Area
from limbeck.flow.storage.remote import BucketStorage

log = logging.getLogger("limbeck.flow.storage.s3")

LIFETIME = timedelta(hours=12)
"""How long temporary keys are good."""

READ = ("s3:GetObject",)
WRITE = ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload")


class S3Storage(BucketStorage):
    """Two folders in a bucket."""

    provider = "Amazon S3"
    scheme = "s3"
    library = "s3fs"
    extra = "s3"
    version = "ETag"
    changed = "LastModified"
    mend = (
        "check the bucket's name, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY with their rights to list, read, write "
        "and delete there, AWS_REGION, and AWS_ENDPOINT_URL_S3 if it is not at Amazon"
    )

    def access(self, area: Area, writes: bool) -> Access:
        """Return temporary keys that open this area only, where the server makes such; else those of the platform.

        Raise `Forbidden` if a reader would get keys that write, `LandingZoneError` if there are no keys at all.
        """
        with self._named():
            keys = self._temporary(area, writes and area == "upload")
            if keys is not None:
                ends = keys["Expiration"]
                opens = _keys(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
                return Access(self.place(area), opens, ends)
            if not writes:
                raise Forbidden(
                    f"{self.shown} makes no keys that only read, and you may not write; ask whoever runs the platform"
                )
            own = self._own()
            return Access(self.place(area), _keys(own.access_key, own.secret_key, own.token or ""))

    def environment(self) -> Mapping[str, str]:
        """Return the platform's keys, region and endpoint."""
        with self._named():
            own = self._own()
            found = {
                "AWS_ACCESS_KEY_ID": own.access_key,
                "AWS_SECRET_ACCESS_KEY": own.secret_key,
                "AWS_SESSION_TOKEN": own.token or "",
                "AWS_REGION": self._region,
                "AWS_DEFAULT_REGION": self._region,
                "AWS_ENDPOINT_URL_S3": self._endpoint,
            }
        return {name: value for name, value in found.items() if value}

    # -- keys --------------------------------------------------------------------------------------------------

    def _temporary(self, area: Area, writes: bool) -> Mapping[str, Any] | None:
        """Return keys of Amazon's token service that open one area; None if it is not there, or makes none for ours."""
        from botocore.exceptions import BotoCoreError, ClientError

        if self._own().token or not self._has_tokens:
            return None
        wanted = {
            "Name": "limbeck",
            "Policy": json.dumps(policy(self.bucket, self.folder(area), writes)),
            "DurationSeconds": int(LIFETIME.total_seconds()),
        }
        try:
            found: Mapping[str, Any] = self._tokens.get_federation_token(**wanted)["Credentials"]
        except (BotoCoreError, ClientError) as error:
            log.info("no temporary keys for %s: %s", self.shown, self._told(error))
            return None
        return found

    @cached_property
    def _session(self) -> Any:
        from botocore.session import Session

        return Session()

    @cached_property
    def _tokens(self) -> Any:
        from botocore.config import Config

        once = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})
        return self._session.create_client("sts", region_name=self._region, config=once)

    @cached_property
    def _has_tokens(self) -> bool:
        """Whether keys may be shown to the token service: those of another server's are not shown to Amazon's."""
        return _is_amazon(self._endpoint) or not _is_amazon(self._tokens.meta.endpoint_url)

    @cached_property
    def _endpoint(self) -> str:
        return str(self._session.create_client("s3", region_name=self._region).meta.endpoint_url)

    @property
    def _region(self) -> str:
        return self._session.get_config_variable("region") or "us-east-1"

    def _own(self) -> Any:
        found = self._session.get_credentials()
        if found is None:
            raise LandingZoneError(f"there are no keys for {self.shown}: set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY")
        return found.get_frozen_credentials()

    # ----------------------------------------------------------------------------------------------------------

    def _open(self) -> Any:
        from s3fs import S3FileSystem

        self._own()
        return S3FileSystem(
            skip_instance_cache=True,
            use_listings_cache=False,
            config_kwargs={"connect_timeout": 10, "retries": {"total_max_attempts": 3, "mode": "standard"}},
        )

    def _require(self, area: Area) -> None:
        self._files.call_s3("list_objects_v2", Bucket=self.bucket, Prefix=f"{self.folder(area)}/", MaxKeys=1)

    def _secrets(self) -> Sequence[str]:
        own = self._session.get_credentials()
        return () if own is None else [own.secret_key or "", own.token or ""]


def policy(bucket: str, folder: str, writes: bool) -> dict[str, Any]:
    """Return the policy of keys that open one folder of a bucket."""
    here = f"arn:aws:s3:::{bucket}"
    listing = {"StringLike": {"s3:prefix": [folder, f"{folder}/*"]}}
    statements = [
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": here, "Condition": listing},
        {"Effect": "Allow", "Action": [*READ, *(WRITE if writes else ())], "Resource": f"{here}/{folder}/*"},
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def _keys(key: str, secret: str, token: str) -> dict[str, str]:
    return {"key": key, "secret": secret, "token": token}


def _is_amazon(url: str) -> bool:
    return (urlsplit(url).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))
