"""Keys of programs; secrets encrypted under a key that is not in the database."""

import sqlalchemy as sa

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it so."""
    moment = sa.TIMESTAMP(timezone=True)
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("subject", sa.Uuid, nullable=False),
        sa.Column("account", sa.BigInteger, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("networks", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("secret", sa.LargeBinary),
        sa.Column("public_key", sa.Text),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("expires_at", moment),
        sa.Column("revoked_at", moment),
        sa.Column("last_used_at", moment),
    )
    op.create_index("api_keys_subject", "api_keys", ["subject"], postgresql_where=sa.text("revoked_at IS NULL"))


def downgrade() -> None:
    """Take it back. All keys are lost with it."""
    op.drop_table("api_keys")
