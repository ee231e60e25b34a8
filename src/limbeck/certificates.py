"""Private keys and X.509 certificates: made, and kept as files that belong together."""

from __future__ import annotations

import datetime as dt
import os
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from limbeck import crash

Key = ec.EllipticCurvePrivateKey


def new_key() -> Key:
    """Return a new private key."""
    return ec.generate_private_key(ec.SECP256R1())


def name(text: str) -> x509.Name:
    """Return a distinguished name that consists of a common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def builder(subject: x509.Name, issuer: x509.Name, key: Key, days: int) -> x509.CertificateBuilder:
    """Return the beginning of a certificate for *key*, good from yesterday on."""
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def signed(unsigned: x509.CertificateBuilder, key: Key) -> x509.Certificate:
    """Return the certificate, signed with *key*."""
    return unsigned.sign(key, hashes.SHA256())


def keep(key_file: Path, certificate_file: Path, key: Key, certificate: x509.Certificate) -> None:
    """Write a key and its certificate; who calls holds a lock.

    The certificate comes last, and an old one goes first: a crash leaves none rather than one of another key.
    """
    certificate_file.unlink(missing_ok=True)
    _write(key_file, _pem(key), 0o600)
    crash.point("certificates.keep.between")
    _write(certificate_file, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def load(context: ssl.SSLContext, key: Key, certificate: x509.Certificate) -> None:
    """Give a TLS context a key and a certificate that no file keeps: it takes them from files only."""
    with tempfile.TemporaryDirectory(prefix="limbeck-tls-") as folder:  # which nobody else may enter
        file = Path(folder) / "both.pem"
        _write(file, _pem(key) + certificate.public_bytes(serialization.Encoding.PEM), 0o600)
        context.load_cert_chain(file)


def _pem(key: Key) -> bytes:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form)


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write a file that appears whole, and is never readable for more people than *mode* says."""
    made = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    made.replace(path)
