"""The PostgreSQL wire, version 3 of its protocol (SQL contract, section 1)."""

from limbeck.pgwire.server import PgServer, Tls

__all__ = ["PgServer", "Tls"]
