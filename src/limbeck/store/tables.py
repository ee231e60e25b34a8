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
    Column("title", String, nullable=False, server_default=""),
    Column("created_by", String, nullable=False, server_default=""),
    Column("updated", BigInteger, nullable=False, server_default="0"),
    Column("etag", String, nullable=False, server_default=""),
    Column("registry_etag", String, nullable=False, server_default=""),
    UniqueConstraint("org_id", "name"),
)

credentials = Table(
    "credentials",
    metadata,
    Column("client_id", String, primary_key=True),
    Column("org_id", ForeignKey("organisations.id"), nullable=False),
    Column("secret_hash", String, nullable=False),
    Column("roles", Text, nullable=False),
    Column("public_key", Text),
    Column("sandboxes", Text),
    Column("created", BigInteger, nullable=False),
    Column("revoked", BigInteger),
)

keys = Table(
    "keys",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("id", String, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    Column("sandbox", String, nullable=False),
    Column("client_id", String, nullable=False),
    Column("action", String, nullable=False),
    Column("asset_type", String, nullable=False),
    Column("asset_id", String, nullable=False),
    Column("asset_name", String, nullable=False),
    Column("status", String, nullable=False),
    Column("failure_code", String, nullable=False),
    Column("request_id", String, nullable=False),
    sqlite_autoincrement=True,
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

registry_changes = Table(
    "registry_changes",
    metadata,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("sandbox_id", ForeignKey("sandboxes.id"), nullable=False),
    Column("resource_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("version", String, nullable=False),
    Column("changed_by", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("steps", Text, nullable=False),
    Index("ix_registry_changes_resource", "sandbox_id", "resource_id"),
)

namespaces = Table(
    "namespaces",
    metadata,
    Column("sandbox_id", ForeignKey("sandboxes.id"), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("code", String, nullable=False),
    Column("name", String, nullable=False),
    Column("type", String, nullable=False),
    Column("description", String, nullable=False),
    Column("created_by", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    UniqueConstraint("sandbox_id", "code"),
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
    Column("profile_since", BigInteger, nullable=False, server_default="0"),
    Column("body", Text, nullable=False, server_default="{}"),
    Column("etag", String, nullable=False, server_default=""),
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
    Index("ix_snapshots_batch", "batch_id"),
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
    Column("shares", Text),
    Index("ix_data_files_dataset", "dataset_id", "first_snapshot"),
    Index("ix_data_files_removed", "dataset_id", "removed_snapshot"),
    Index("ix_data_files_batch", "batch_id"),
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
    Column("body", Text, nullable=False, server_default="{}"),
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

batch_meta = Table(
    "batch_meta",
    metadata,
    Column("batch_id", ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("path", String, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
)

# -- identity ---------------------------------------------------------------------------------------------------

links = Table(
    "links",
    metadata,
    Column("sandbox_id", ForeignKey("sandboxes.id"), primary_key=True),
    Column("namespace", String, primary_key=True),
    Column("value", String, primary_key=True),
    Column("other_namespace", String, primary_key=True),
    Column("other_value", String, primary_key=True),
    Column("seen", BigInteger, nullable=False),
)

members = Table(
    "members",
    metadata,
    Column("sandbox_id", ForeignKey("sandboxes.id"), primary_key=True),
    Column("namespace", String, primary_key=True),
    Column("value", String, primary_key=True),
    Column("cluster", String, nullable=False),
    Index("ix_members_cluster", "sandbox_id", "cluster"),
)

# -- query ------------------------------------------------------------------------------------------------------

query_objects = Table(
    "query_objects",
    metadata,
    Column("id", String, primary_key=True),
    Column("sandbox_id", ForeignKey("sandboxes.id"), nullable=False),
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("etag", String, nullable=False),
    Column("created_by", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    UniqueConstraint("sandbox_id", "kind", "name"),
    Index("ix_query_objects_kind", "sandbox_id", "kind", "created"),
)

# -- flow -------------------------------------------------------------------------------------------------------

flow_resources = Table(
    "flow_resources",
    metadata,
    Column("id", String, primary_key=True),
    Column("sandbox_id", ForeignKey("sandboxes.id"), nullable=False),
    Column("kind", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("etag", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Index("ix_flow_resources_kind", "sandbox_id", "kind", "created"),
)

flow_runs = Table(
    "flow_runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("sandbox_id", ForeignKey("sandboxes.id"), nullable=False),
    Column("flow_id", ForeignKey("flow_resources.id", ondelete="CASCADE"), nullable=False),
    Column("status", String, nullable=False),
    Column("payload", Text, nullable=False),
    Column("metrics", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("started", BigInteger),
    Column("completed", BigInteger),
    Index("ix_flow_runs_flow", "flow_id", "created"),
)

taken_files = Table(
    "taken_files",
    metadata,
    Column("flow_id", ForeignKey("flow_resources.id", ondelete="CASCADE"), primary_key=True),
    Column("path", String, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
    Column("run_id", String, nullable=False),
    Column("batch_id", String, nullable=False),
    Column("taken", BigInteger, nullable=False),
)

# -- audience ---------------------------------------------------------------------------------------------------

audiences = Table(
    "audiences",
    metadata,
    Column("id", String, primary_key=True),
    Column("sandbox_id", ForeignKey("sandboxes.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("etag", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Index("ix_audiences_sandbox", "sandbox_id", "created"),
)

segment_jobs = Table(
    "segment_jobs",
    metadata,
    Column("id", String, primary_key=True),
    Column("sandbox_id", ForeignKey("sandboxes.id"), nullable=False),
    Column("status", String, nullable=False),
    Column("audience_ids", Text, nullable=False),
    Column("metrics", Text, nullable=False),
    Column("errors", Text, nullable=False),
    Column("evaluated", BigInteger, nullable=False),
    Column("schedule_id", String),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Index("ix_segment_jobs_sandbox", "sandbox_id", "created"),
)

memberships = Table(
    "memberships",
    metadata,
    Column("audience_id", ForeignKey("audiences.id", ondelete="CASCADE"), primary_key=True),
    Column("job_id", String, nullable=False),
    Column("path", String, nullable=False),
    Column("realized", BigInteger, nullable=False),
    Column("exited", BigInteger, nullable=False),
    Column("evaluated", BigInteger, nullable=False),
)

segment_objects = Table(
    "segment_objects",
    metadata,
    Column("id", String, primary_key=True),
    Column("sandbox_id", ForeignKey("sandboxes.id"), nullable=False),
    Column("kind", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("etag", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Index("ix_segment_objects_kind", "sandbox_id", "kind", "created"),
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
