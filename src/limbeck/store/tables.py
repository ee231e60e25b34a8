"""The metadata tables. Times are milliseconds since 1970, bodies are JSON text, etags are random.

Changing a table means adding a migration in `migrations/versions/`; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

# -- access -----------------------------------------------------------------------------------------------------

organisations = Table(
    "organisations",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant", String, nullable=False, unique=True),
    Column("created", BigInteger, nullable=False),
)

sandboxes = Table(
    "sandboxes",
    metadata,
    Column("id", String, primary_key=True),
    Column("org_id", ForeignKey("organisations.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("type", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    UniqueConstraint("org_id", "name"),
)

credentials = Table(
    "credentials",
    metadata,
    Column("client_id", String, primary_key=True),
    Column("org_id", ForeignKey("organisations.id"), nullable=False),
    Column("secret_hash", String, nullable=False),
    Column("roles", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("revoked", BigInteger),
)

keys = Table(
    "keys",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)

# -- registry ---------------------------------------------------------------------------------------------------

resources = Table(
    "resources",
    metadata,
    Column("sandbox_id", ForeignKey("sandboxes.id"), primary_key=True),
    Column("id", String, primary_key=True),
    Column("alt_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("version", String, nullable=False),
    Column("title", String, nullable=False),
    Column("hidden", Boolean, nullable=False, default=False),
    Column("body", Text, nullable=False),
    Column("etag", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    UniqueConstraint("sandbox_id", "alt_id"),
    Index("ix_resources_title", "sandbox_id", "kind", "title"),
)

descriptors = Table(
    "descriptors",
    metadata,
    Column("sandbox_id", ForeignKey("sandboxes.id"), primary_key=True),
    Column("id", String, primary_key=True),
    Column("type", String, nullable=False),
    Column("source_schema", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("etag", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    Index("ix_descriptors_source", "sandbox_id", "source_schema"),
)

# -- lake -------------------------------------------------------------------------------------------------------

datasets = Table(
    "datasets",
    metadata,
    Column("id", String, primary_key=True),
    Column("sandbox_id", ForeignKey("sandboxes.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("table_name", String, nullable=False),
    Column("schema_id", String, nullable=False),
    Column("tags", Text, nullable=False),
    Column("snapshot", BigInteger, nullable=False),
    Column("created_by", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    UniqueConstraint("sandbox_id", "table_name"),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("dataset_id", ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("batch_id", String),
    Column("operation", String, nullable=False),
    Column("rows_added", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
)

data_files = Table(
    "data_files",
    metadata,
    Column("path", String, primary_key=True),
    Column("dataset_id", ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False),
    Column("batch_id", String),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("first_snapshot", BigInteger, nullable=False),
    Column("last_snapshot", BigInteger, nullable=False),
    Column("removed_snapshot", BigInteger),
    Column("made_by", String),
    Column("replaced_by", String),
    Column("created", BigInteger, nullable=False),
    Index("ix_data_files_dataset", "dataset_id", "first_snapshot"),
)

feed = Table(
    "feed",
    metadata,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("sandbox_id", String, nullable=False),
    Column("dataset_id", String, nullable=False),
    Column("snapshot", BigInteger, nullable=False),
    Column("batch_id", String),
    Column("operation", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", String, primary_key=True),
    Column("position", BigInteger, nullable=False),
)

# -- ingest -----------------------------------------------------------------------------------------------------

batches = Table(
    "batches",
    metadata,
    Column("id", String, primary_key=True),
    Column("dataset_id", ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("status", String, nullable=False),
    Column("input_format", Text, nullable=False),
    Column("metrics", Text, nullable=False),
    Column("errors", Text, nullable=False),
    Column("created_by", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("completed", BigInteger),
)

staged_files = Table(
    "staged_files",
    metadata,
    Column("batch_id", ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("path", String, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
)

# -- queue ------------------------------------------------------------------------------------------------------

jobs = Table(
    "jobs",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("key", String, nullable=False),
    Column("payload", Text, nullable=False),
    Column("status", String, nullable=False),
    Column("owner", String),
    Column("due", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    UniqueConstraint("kind", "key"),
    Index("ix_jobs_due", "status", "due"),
)
