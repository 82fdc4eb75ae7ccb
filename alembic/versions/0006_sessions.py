"""Sessions, second factors with their recovery codes, and sub-accounts."""

import sqlalchemy as sa

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it so."""
    moment = sa.TIMESTAMP(timezone=True)
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("subject", sa.Uuid, nullable=False),
        sa.Column("family", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("refresh", sa.LargeBinary, nullable=False),
        sa.Column("previous", sa.LargeBinary),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("used_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("ended_at", moment),
    )
    op.create_index("sessions_subject", "sessions", ["subject"])
    op.create_index("sessions_ended", "sessions", ["ended_at"], postgresql_where=sa.text("ended_at IS NOT NULL"))
    op.create_table(
        "second_factors",
        sa.Column("subject", sa.Uuid, primary_key=True),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("confirmed_at", moment),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("subject", sa.Uuid, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("subject", "hash"),
    )
    op.create_table(
        "sub_accounts",
        sa.Column("subject", sa.Uuid, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("subject", "number"),
        sa.UniqueConstraint("subject", "label"),
    )


def downgrade() -> None:
    """Take it back. Everybody is signed out, second factors are off, and sub-accounts lose their labels."""
    for table in ("sub_accounts", "recovery_codes", "second_factors", "sessions"):
        op.drop_table(table)
