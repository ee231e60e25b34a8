"""The environment variables that lead a program to the proxy, and tell it whom to trust."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

from limbeck.proxy import hosts

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""What programs reach without the proxy: the platform's own ports are there."""

BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")
"""What clients read to learn whom to trust: OpenSSL, and httpx; requests; curl, and requests; Amazon's."""

EXTRA = "NODE_EXTRA_CA_CERTS"
"""What Node reads to learn whom to trust besides."""

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def way(proxy: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which programs go through *proxy*, in upper and in lower case: libraries differ.

    What *environ* says of hosts that need no proxy stays, but for what would let a program pass by to Adobe. A host
    that is dropped so is reached as before: the proxy knows *environ*, too.
    """
    listed = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    without = ",".join(dict.fromkeys([*hosts.without_adobes(listed), *LOOPBACK]))
    found = {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy, "NO_PROXY": without}
    return {**found, **{name.lower(): value for name, value in found.items()}, "NODE_USE_ENV_PROXY": "1"}


def trust(certificate: bytes, environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the variables by which programs trust *certificate*, too, as files that are written to *folder*.

    Each holds what the variable of *environ* leads to; without one, what the system trusts.
    """
    found = {}
    for name in (*BUNDLES, EXTRA):
        own = _read(Path(environ[name])) if environ.get(name) else []
        before = own or ([] if name == EXTRA else _system())
        file = folder / f"{name}.pem"
        file.write_bytes(b"\n".join([*dict.fromkeys(before), certificate]))
        found[name] = str(file)
    return found


def _system() -> list[bytes]:
    import certifi

    paths = ssl.get_default_verify_paths()
    places = (paths.openssl_cafile, paths.openssl_capath, certifi.where())
    return next(filter(None, (_read(Path(place)) for place in places)), [])


def _read(place: Path) -> list[bytes]:
    """Return the certificates of a file, or of a folder as OpenSSL keeps them; none if it is neither."""
    return [found for file in _files(place) for found in _CERTIFICATE.findall(file.read_bytes())]


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    elif place.is_dir():
        yield from sorted(file for file in place.iterdir() if file.is_file())
