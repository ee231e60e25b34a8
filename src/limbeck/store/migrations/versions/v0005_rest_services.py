"""What AEP's REST services keep beyond the loop: one function for each service."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _access()
    _registry()
    _catalog()
    _ingest()
    _flows()


def _access() -> None:
    """Sandboxes, audit."""


def _registry() -> None:
    """Schemas, descriptors, namespaces."""
    op.add_column("sandboxes", sa.Column("registry_etag", sa.String(), nullable=False, server_default=""))


def _catalog() -> None:
    """Datasets."""


def _ingest() -> None:
    """Batches and their files."""


def _flows() -> None:
    """Connections, flows, runs."""
