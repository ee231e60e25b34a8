"""What AEP's REST services keep beyond the loop: one function for each service."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _access()
    _audit()
    _registry()
    _catalog()
    _lake()
    _segmentation()


def _access() -> None:
    """Sandboxes, and the keys by which credentials sign."""
    for name in ("public_key", "sandboxes"):
        op.add_column("credentials", sa.Column(name, sa.Text()))
    for name in ("title", "created_by", "etag"):
        op.add_column("sandboxes", sa.Column(name, sa.String(), nullable=False, server_default=""))
    op.add_column("sandboxes", sa.Column("updated", sa.BigInteger(), nullable=False, server_default="0"))


def _audit() -> None:
    """What was changed, by whom."""
    texts = ("sandbox", "client_id", "action", "asset_type", "asset_id", "asset_name", "status", "failure_code")
    op.create_table(
        "audit_events",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in (*texts, "request_id")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_audit_events")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_audit_events_at"), "audit_events", ["at"])


def _registry() -> None:
    """Schemas, descriptors, namespaces."""
    op.add_column("sandboxes", sa.Column("registry_etag", sa.String(), nullable=False, server_default=""))
    op.create_table(
        "registry_changes",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sandbox_id", sa.String(), nullable=False),
        sa.Column("resource_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("steps", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["sandbox_id"], ["sandboxes.id"], name=op.f("fk_registry_changes_sandbox_id")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_registry_changes")),
    )
    op.create_index("ix_registry_changes_resource", "registry_changes", ["sandbox_id", "resource_id"])


def _catalog() -> None:
    """Datasets."""
    op.add_column("datasets", sa.Column("body", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("datasets", sa.Column("etag", sa.String(), nullable=False, server_default=""))


def _lake() -> None:
    """Batches that are taken back, replace others, or are taken in part."""
    op.add_column("data_files", sa.Column("shares", sa.Text()))
    op.add_column("batches", sa.Column("body", sa.Text(), nullable=False, server_default="{}"))
    op.create_table(
        "batch_meta",
        sa.Column("batch_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_batch_meta_batch_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("batch_id", "name", name=op.f("pk_batch_meta")),
    )
    op.create_index("ix_data_files_removed", "data_files", ["dataset_id", "removed_snapshot"])
    for table in ("snapshots", "data_files"):
        op.create_index(f"ix_{table}_batch", table, ["batch_id"])


def _segmentation() -> None:
    """Previews of rules, and schedules of segment jobs."""
    op.add_column("segment_jobs", sa.Column("schedule_id", sa.String()))
    op.create_table(
        "segment_objects",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sandbox_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("etag", sa.String(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["sandbox_id"], ["sandboxes.id"], name=op.f("fk_segment_objects_sandbox_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment_objects")),
    )
    op.create_index("ix_segment_objects_kind", "segment_objects", ["sandbox_id", "kind", "created"])
