"""The server's certificate: made at the first start, signed by itself; put another in its place to use that."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import socket
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

YEARS = 10


def tls_context(folder: Path) -> ssl.SSLContext:
    """Return the TLS side of a server whose `server.crt` and `server.key` lie in *folder*; they are made if absent."""
    key, certificate = folder / "server.key", folder / "server.crt"
    if not (key.exists() and certificate.exists()):
        folder.mkdir(mode=0o700, exist_ok=True)
        _make(key, certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


def _make(key: Path, certificate: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(key, private.private_bytes(*form), 0o600)
    _write(certificate, _signed(private).public_bytes(serialization.Encoding.PEM), 0o644)


def _signed(private: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "limbeck")])
    names: list[x509.GeneralName] = [x509.DNSName(n) for n in sorted({"localhost", socket.gethostname()})]
    names += [x509.IPAddress(ipaddress.ip_address(a)) for a in ("127.0.0.1", "::1")]
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=365 * YEARS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write a file that appears whole, and is never readable for more people than *mode* says."""
    made = path.with_suffix(f"{path.suffix}.{os.getpid()}")
    with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)
    made.replace(path)
