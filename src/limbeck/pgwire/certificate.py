"""The server's certificate: made at the first start, signed by itself; put another in its place to use that."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from pathlib import Path

from cryptography import x509

from limbeck import certificates
from limbeck.certificates import Key
from limbeck.errors import InvalidInput
from limbeck.lock import file_lock

DAYS = 3650


def tls_context(folder: Path) -> ssl.SSLContext:
    """Return the TLS side of a server whose `server.crt` and `server.key` lie in *folder*; they are made if absent.

    Servers that start at once make them once. Raise `InvalidInput` if the two do not belong together.
    """
    key, certificate = folder / "server.key", folder / "server.crt"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with file_lock(folder / "lock"):
        if not (key.exists() and certificate.exists()):
            made = certificates.new_key()
            certificates.keep(key, certificate, made, _signed(made))
        try:
            context.load_cert_chain(certificate, key)
        except ssl.SSLError as error:
            told = f"{certificate} and {key.name} beside it are no certificate and its key: {error.reason or error}"
            raise InvalidInput(f"{told}; put the right ones there, or remove both and new ones are made") from error
    return context


def _signed(key: Key) -> x509.Certificate:
    name = certificates.name("limbeck")
    names: list[x509.GeneralName] = [x509.DNSName(n) for n in sorted({"localhost", socket.gethostname()})]
    names += [x509.IPAddress(ipaddress.ip_address(a)) for a in ("127.0.0.1", "::1")]
    return certificates.signed(
        certificates.builder(name, name, key, DAYS)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True),
        key,
    )
