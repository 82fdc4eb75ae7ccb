"""Orders of an account by when they were placed."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it so."""
    op.create_index("orders_account_time", "orders", ["account", "created_at", "id"])


def downgrade() -> None:
    """Undo it."""
    op.drop_index("orders_account_time", "orders")
