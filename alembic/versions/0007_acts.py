"""What administrators did, and money moved between accounts: what version 3 of the rules added.

The projection fills both as its entries come; a log under older rules has neither, so nothing is missing.
"""

import sqlalchemy as sa

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it so."""
    op.add_column("transfers", sa.Column("to_account", sa.BigInteger))
    op.create_index(
        "transfers_to_account",
        "transfers",
        ["to_account", "created_at", "created_entry"],
        postgresql_where=sa.text("to_account IS NOT NULL"),
    )
    op.create_table(
        "acts",
        sa.Column("ts", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("entry", sa.BigInteger, nullable=False),
        sa.Column("event", sa.Integer, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("ts", "entry", "event"),
    )
    op.create_index("acts_by", "acts", ["by", "ts", "entry", "event"])


def downgrade() -> None:
    """Take it back: `exchange project timescale --rebuild` brings it again."""
    op.drop_table("acts")
    op.drop_index("transfers_to_account", "transfers")
    op.drop_column("transfers", "to_account")
