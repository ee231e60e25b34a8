"""A configuration file in the form AEP users know, naming a Limbeck server or AEP itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from dataclasses import dataclass, field
from pathlib import Path

from limbeck.errors import InvalidInput

AEP = "https://platform.adobe.io"
IMS = "https://ims-na1.adobelogin.com"
SCOPES = "openid,AdobeID,read_organizations,additional_info.projectedProductContext,session"


_NEEDED = (("ims_org_id", "org_id"), ("client_id",), ("client_secret", "secret"))
"""Keys that a configuration must have, each under one of its names."""


@dataclass(frozen=True, slots=True)
class Config:
    """Where the platform is and how to log in."""

    endpoint: str
    ims: str
    org_id: str
    client_id: str
    client_secret: str = field(repr=False)
    sandbox: str
    scopes: str = SCOPES

    @property
    def is_limbeck(self) -> bool:
        """Whether the endpoint is a Limbeck server, which has extensions AEP lacks."""
        return not self.endpoint.endswith(".adobe.io")

    @classmethod
    def read(cls, path: Path | str) -> Config:
        """Read a `config.ini` with sections `[Platform]` (and `[Limbeck]` with `endpoint` for a server).

        Raise `InvalidInput` naming the file, section and key that are missing.
        """
        return cls.of(cls.values(path), path)

    @classmethod
    def values(cls, path: Path | str) -> Mapping[str, str]:
        """Return what stands in the sections of a file; raise `InvalidInput` if it is none, or cannot be read."""
        parser = ConfigParser(interpolation=None)
        try:
            if not parser.read(path, encoding="utf-8"):
                raise InvalidInput(f"the configuration {path} does not exist; limbeck serve writes one")
        except (ConfigParserError, UnicodeDecodeError) as error:
            raise InvalidInput(f"the configuration {path} cannot be read: {_fault(error)}") from None
        except OSError as error:
            raise InvalidInput(f"the configuration {path} cannot be read: {error.strerror}") from error
        return {key: value for name in parser.sections() for key, value in parser.items(name)}

    @classmethod
    def of(cls, found: Mapping[str, str], path: Path | str) -> Config:
        """Return what *found* says, which stands in *path*; raise `InvalidInput` naming all keys that are missing."""
        missing = [repr(names[0]) for names in _NEEDED if not any(found.get(name) for name in names)]
        if missing:
            raise InvalidInput(f"the configuration {path} lacks {', '.join(missing)} in its section [Platform]")
        org_id, client_id, secret = (next(found[n] for n in names if found.get(n)) for names in _NEEDED)
        environment = found.get("environment", "prod")
        suffix = "" if environment == "prod" else f"-{environment}"
        endpoint = found.get("endpoint", AEP.replace("platform", f"platform{suffix}"))
        return cls(
            endpoint=endpoint.rstrip("/"),
            ims=found.get("ims_endpoint", endpoint if "endpoint" in found else IMS).rstrip("/"),
            org_id=org_id,
            client_id=client_id,
            client_secret=secret,
            sandbox=found.get("sandbox_name", "prod"),
            scopes=found.get("scopes", SCOPES),
        )

    def json(self) -> str:
        """Return the same in the form that `aepp.importConfigFile` reads."""
        kept = {"org_id": self.org_id, "client_id": self.client_id, "secret": self.client_secret}
        return json.dumps(
            {**kept, "scopes": self.scopes, "sandbox-name": self.sandbox, "environment": "prod"}, indent=2
        )

    def text(self) -> str:
        """Return the file's text, in the form that AEP's tools read."""
        return (
            "[Platform]\n"
            f"ims_org_id = {self.org_id}\n"
            f"client_id = {self.client_id}\n"
            f"client_secret = {self.client_secret}\n"
            f"scopes = {self.scopes}\n"
            "tech_acct_id = limbeck@techacct.adobe.com\n"
            f"sandbox_name = {self.sandbox}\n"
            "environment = prod\n"
        ) + (f"\n[Limbeck]\nendpoint = {self.endpoint}\n" if self.is_limbeck else "")


def _fault(error: ConfigParserError | UnicodeDecodeError) -> str:
    """Return what is wrong with a file, without its text, for that may be a secret."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not text in UTF-8"
    line = getattr(error, "lineno", None) or next((number for number, _ in getattr(error, "errors", ())), "?")
    return f"line {line} is neither a [section] nor a new KEY = VALUE of one"
