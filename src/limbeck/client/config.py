"""A configuration file in the form AEP users know, naming a Limbeck server or AEP itself."""

from __future__ import annotations

import json
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from dataclasses import dataclass, field
from pathlib import Path

from limbeck.errors import InvalidInput

AEP = "https://platform.adobe.io"
IMS = "https://ims-na1.adobelogin.com"
SCOPES = "openid,AdobeID,read_organizations,additional_info.projectedProductContext,session"


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
        path = Path(path)
        parser = ConfigParser(interpolation=None)
        try:
            if not parser.read(path, encoding="utf-8"):
                raise InvalidInput(f"the configuration {path} does not exist; limbeck serve writes one")
        except (ConfigParserError, UnicodeDecodeError) as error:
            raise InvalidInput(f"the configuration {path} cannot be read: {error}") from error
        found = {key: value for name in parser.sections() for key, value in parser.items(name)}
        environment = found.get("environment", "prod")
        suffix = "" if environment == "prod" else f"-{environment}"
        endpoint = found.get("endpoint", AEP.replace("platform", f"platform{suffix}"))
        return cls(
            endpoint=endpoint.rstrip("/"),
            ims=found.get("ims_endpoint", endpoint if "endpoint" in found else IMS).rstrip("/"),
            org_id=_need(found, path, "ims_org_id", "org_id"),
            client_id=_need(found, path, "client_id"),
            client_secret=_need(found, path, "client_secret", "secret"),
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


def _need(found: dict[str, str], path: Path, *names: str) -> str:
    for name in names:
        if found.get(name):
            return found[name]
    raise InvalidInput(f"the configuration {path} lacks {names[0]!r} in its section [Platform]")
