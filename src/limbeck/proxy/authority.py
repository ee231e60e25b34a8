"""The home's own certificate authority, which vouches for Adobe's hosts as long as a program runs through the proxy."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from limbeck import certificates
from limbeck.certificates import Key
from limbeck.lock import file_lock
from limbeck.proxy.hosts import DOMAINS

CA_DAYS = 3650
HOST_DAYS = 365
RENEW_DAYS = 30
"""An authority that ends sooner than that is made anew."""

CONSTRAINTS = x509.NameConstraints(
    permitted_subtrees=[x509.DNSName(domain) for domain in DOMAINS],
    excluded_subtrees=[x509.IPAddress(ipaddress.ip_network(every)) for every in ("0.0.0.0/0", "::/0")],
)
"""What the authority may vouch for (RFC 5280, section 4.2.1.10): nobody with its key can pose as another site."""


class Authority:
    """A key and a certificate in a folder of a home, the key readable for its owner only.

    They are made at the first start, and anew if they end soon or may vouch for other names than `CONSTRAINTS` says.
    The certificates of hosts live as long as the process.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.certificate = folder / "ca.crt"
        """The file of the authority's certificate, for clients."""
        with file_lock(folder / "lock"):
            self._key, self._signer = self._kept(folder / "ca.key")

    def context(self, host: str) -> ssl.SSLContext:
        """Return the TLS side of a server that is taken for *host*."""
        key = certificates.new_key()
        usage = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        unsigned = (
            certificates.builder(certificates.name(host), self._signer.subject, key, HOST_DAYS)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(usage, critical=False)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        certificates.load(context, key, certificates.signed(unsigned, self._key))
        return context

    def text(self) -> bytes:
        """Return the authority's certificate in PEM."""
        return self._signer.public_bytes(serialization.Encoding.PEM)

    def _kept(self, key_file: Path) -> tuple[Key, x509.Certificate]:
        if key_file.exists() and self.certificate.exists():
            key = serialization.load_pem_private_key(key_file.read_bytes(), None)
            certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
            if isinstance(key, Key) and key.public_key() == certificate.public_key() and _serves(certificate):
                return key, certificate
        made = certificates.new_key()
        certificate = certificates.signed(_unsigned(made), made)
        certificates.keep(key_file, self.certificate, made, certificate)
        return made, certificate


def _unsigned(key: Key) -> x509.CertificateBuilder:
    name = certificates.name("Limbeck of this home")
    usage = _usage(digital_signature=True, key_cert_sign=True, crl_sign=True)
    return (
        certificates.builder(name, name, key, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(CONSTRAINTS, critical=True)
    )


def _serves(certificate: x509.Certificate) -> bool:
    """Whether an authority is limited to the names it is for, and good for a while yet."""
    try:
        limits = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    except x509.ExtensionNotFound:
        return False
    ends = certificate.not_valid_after_utc - dt.timedelta(days=RENEW_DAYS)
    return limits.critical and limits.value == CONSTRAINTS and ends > dt.datetime.now(dt.UTC)


def _usage(**allowed: bool) -> x509.KeyUsage:
    kinds = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    others = ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{kind: allowed.get(kind, False) for kind in (*kinds, *others)})
