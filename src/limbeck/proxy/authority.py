"""The home's own certificate authority, which vouches for Adobe's hosts as long as a program runs through the proxy."""

from __future__ import annotations

import datetime as dt
import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from limbeck.lock import file_lock

CA_DAYS = 3650
HOST_DAYS = 365
RENEW_DAYS = 30
"""A certificate that ends sooner than that is made anew."""

BUNDLE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""What clients read to learn whom to trust: OpenSSL, and httpx; requests; curl."""

Key = ec.EllipticCurvePrivateKey


class Authority:
    """Keys and certificates in one folder of a home, readable for its owner only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def certificate(self) -> Path:
        """The authority's certificate, made at the first call."""
        with file_lock(self._folder / "lock"):
            return self._authority()[1]

    def context(self, host: str) -> ssl.SSLContext:
        """Return the TLS side of a server that is taken for *host*."""
        with file_lock(self._folder / "lock"):
            key, certificate = self._pair(host)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(certificate, key)
        return context

    def bundle(self, environ: Mapping[str, str]) -> Path:
        """Return a file of whom a program trusts now, as *environ* and the system say, and of this authority."""
        trusted = _trusted(environ)
        target = self._folder / "trusted.pem"
        _write(target, trusted + b"\n" + self.certificate.read_bytes(), 0o644)
        return target

    def _authority(self) -> tuple[Path, Path]:
        key, certificate = self._folder / "ca.key", self._folder / "ca.crt"
        if not _lasts(certificate):
            private = ec.generate_private_key(ec.SECP256R1())
            name = _named("Limbeck of this home")
            made = _builder(name, name, private, CA_DAYS).add_extension(
                x509.BasicConstraints(ca=True, path_length=0), critical=True
            )
            usage = {"digital_signature": True, "key_cert_sign": True, "crl_sign": True}
            self._store(key, certificate, private, _signed(made.add_extension(_usage(**usage), True), private))
        return key, certificate

    def _pair(self, host: str) -> tuple[Path, Path]:
        key, certificate = self._folder / f"{host}.key", self._folder / f"{host}.crt"
        ca_key, ca_certificate = self._authority()
        if not _lasts(certificate) or certificate.stat().st_mtime < ca_certificate.stat().st_mtime:
            authority = x509.load_pem_x509_certificate(ca_certificate.read_bytes())
            signer = serialization.load_pem_private_key(ca_key.read_bytes(), None)
            assert isinstance(signer, Key)
            private = ec.generate_private_key(ec.SECP256R1())
            made = (
                _builder(_named(host), authority.subject, private, HOST_DAYS)
                .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
                .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
                .add_extension(_usage(digital_signature=True), critical=True)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            )
            self._store(key, certificate, private, _signed(made, signer))
        return key, certificate

    def _store(self, key: Path, path: Path, private: Key, certificate: x509.Certificate) -> None:
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        _write(key, private.private_bytes(*form), 0o600)
        _write(path, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _builder(subject: x509.Name, issuer: x509.Name, private: Key, days: int) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
    )


def _signed(builder: x509.CertificateBuilder, private: Key) -> x509.Certificate:
    return builder.sign(private, hashes.SHA256())


def _usage(**allowed: bool) -> x509.KeyUsage:
    kinds = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    others = ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{kind: allowed.get(kind, False) for kind in (*kinds, *others)})


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _lasts(path: Path) -> bool:
    """Whether there is a certificate that is good for a while yet."""
    if not path.exists():
        return False
    ends = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    return ends > dt.datetime.now(dt.UTC) + dt.timedelta(days=RENEW_DAYS)


def _trusted(environ: Mapping[str, str]) -> bytes:
    """Return the certificates that programs trust: what a variable names, else the system's, else certifi's."""
    import certifi

    named = [environ[name] for name in BUNDLE_VARIABLES if environ.get(name)]
    for path in (*named, ssl.get_default_verify_paths().cafile, certifi.where()):
        if path and Path(path).is_file():
            return Path(path).read_bytes()
    return b""


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write a file that appears whole, and is never readable for more people than *mode* says."""
    made = path.with_name(f"{path.name}.{os.getpid()}")
    with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)
    made.replace(path)
