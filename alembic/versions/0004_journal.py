"""The journal: archived segments of the log, append-only.

What is in `data` is packed already, so it is stored as it is (EXTERNAL). A trigger refuses changes: what was trimmed
from the streams may be nowhere else.
"""

import sqlalchemy as sa

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it so."""
    op.create_table(
        "journal",
        sa.Column("last_ms", sa.BigInteger, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("before_ms", sa.BigInteger, nullable=False),
        sa.Column("before_seq", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("archived_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("last_ms", "last_seq"),
        sa.UniqueConstraint("before_ms", "before_seq"),
        sa.UniqueConstraint("total"),
    )
    op.execute("ALTER TABLE journal ALTER COLUMN data SET STORAGE EXTERNAL")
    op.execute(
        "CREATE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'the journal is append-only: what it holds may be nowhere else'; END $$"
    )
    op.execute(
        "CREATE TRIGGER journal_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal"
        " FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only()"
    )


def downgrade() -> None:
    """Take it back. What was trimmed from the streams is lost with it, unless there are segment files."""
    op.drop_table("journal")
    op.execute("DROP FUNCTION journal_is_append_only()")
