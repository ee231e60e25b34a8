"""What Query Service keeps: views, logical schemas, samples, templates, runs, schedules."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "query_objects",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sandbox_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("etag", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["sandbox_id"], ["sandboxes.id"], name=op.f("fk_query_objects_sandbox_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_query_objects")),
        sa.UniqueConstraint("sandbox_id", "kind", "name", name=op.f("uq_query_objects_sandbox_id")),
    )
    op.create_index("ix_query_objects_kind", "query_objects", ["sandbox_id", "kind", "created"], unique=False)
