"""What the second rules added: instructions and ends of orders, lists, amendments, prevented matches, rebates,
auctions, limits, settings of accounts.

New columns are empty or have a default, so what was written under the first rules stays as it is and stays right. Only
amendments from before are not there until the projection is made again (`exchange project timescale --rebuild`).
"""

import sqlalchemy as sa

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.TIMESTAMP(timezone=True)
AMOUNT = sa.Numeric(38, 0)
ZERO = sa.text("0")

LIMITS = (
    "bid_up",
    "bid_down",
    "ask_up",
    "ask_down",
    "slippage_bps",
    "max_orders",
    "max_conditional",
    "max_parts",
    "max_fills",
)


def columns() -> dict[str, list[sa.Column]]:
    """The new columns of tables that were there."""
    return {
        "markets": [
            sa.Column("reference", AMOUNT, nullable=False, server_default=ZERO),
            *[sa.Column(name, sa.Integer, nullable=False, server_default=ZERO) for name in LIMITS],
            sa.Column("max_position", AMOUNT, nullable=False, server_default=ZERO),
        ],
        "accounts": [
            sa.Column("status", sa.Text, nullable=False, server_default="open"),
            sa.Column("stp", sa.Text, nullable=False, server_default="none"),
            sa.Column("trade_group", sa.BigInteger, nullable=False, server_default=ZERO),
            sa.Column("switch_ms", sa.BigInteger, nullable=False, server_default=ZERO),
        ],
        "orders": [
            sa.Column("stop_price", AMOUNT),
            sa.Column("trailing_bps", sa.Integer),
            sa.Column("trailing_amount", AMOUNT),
            sa.Column("expires_ms", sa.BigInteger),
            sa.Column("post_only", sa.Text),
            sa.Column("display", AMOUNT),
            sa.Column("stp", sa.Text),
            sa.Column("slippage_bps", sa.Integer),
            sa.Column("order_list", sa.BigInteger),
            sa.Column("prevented", AMOUNT),
            sa.Column("reason", sa.Text),
            sa.Column("activated_at", MOMENT),
        ],
        "trades": [
            sa.Column("rebate", AMOUNT),
            sa.Column("auction", sa.Boolean, nullable=False, server_default=sa.false()),
        ],
    }


def upgrade() -> None:
    """Make it so."""
    for table, added in columns().items():
        for column in added:
            op.add_column(table, column)
    _order_lists()
    op.create_table(
        "amendments",
        sa.Column("ts", MOMENT, nullable=False),
        sa.Column("entry", sa.BigInteger, nullable=False),
        sa.Column("event", sa.Integer, nullable=False),
        sa.Column("order_id", sa.BigInteger, nullable=False),
        sa.Column("account", sa.BigInteger, nullable=False),
        sa.Column("quantity", AMOUNT, nullable=False),
        sa.Column("reduced_by", AMOUNT, nullable=False),
        sa.PrimaryKeyConstraint("ts", "entry", "event"),
    )
    op.create_index("amendments_order", "amendments", ["order_id", "ts", "entry", "event"])
    _prevented_matches()


def _order_lists() -> None:
    op.create_table(
        "order_lists",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("account", sa.BigInteger, nullable=False),
        sa.Column("market", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("orders", sa.ARRAY(sa.BigInteger), nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_entry", sa.BigInteger, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("updated_entry", sa.BigInteger, nullable=False),
    )
    op.create_index("order_lists_account", "order_lists", ["account", "id"])
    op.create_index(
        "order_lists_client_id",
        "order_lists",
        ["account", "client_id", "id"],
        postgresql_where=sa.text("client_id <> ''"),
    )


def _prevented_matches() -> None:
    op.create_table(
        "prevented_matches",
        sa.Column("prevented", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("ts", MOMENT, nullable=False),
        sa.Column("entry", sa.BigInteger, nullable=False),
        sa.Column("market", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("price", AMOUNT, nullable=False),
        sa.Column("stp", sa.Text, nullable=False),
        sa.Column("taker_side", sa.Text, nullable=False),
        sa.Column("maker_order", sa.BigInteger, nullable=False),
        sa.Column("taker_order", sa.BigInteger, nullable=False),
        sa.Column("maker", sa.BigInteger, nullable=False),
        sa.Column("taker", sa.BigInteger, nullable=False),
        sa.Column("maker_quantity", AMOUNT, nullable=False),
        sa.Column("taker_quantity", AMOUNT, nullable=False),
        sa.Column("maker_left", AMOUNT, nullable=False),
    )
    op.create_index("prevented_maker", "prevented_matches", ["maker", "prevented"])
    op.create_index("prevented_taker", "prevented_matches", ["taker", "prevented"])
    op.create_index("prevented_maker_order", "prevented_matches", ["maker_order"])
    op.create_index("prevented_taker_order", "prevented_matches", ["taker_order"])


def downgrade() -> None:
    """Take it back; what only these tables knew can be made again from the log."""
    for table in ("prevented_matches", "amendments", "order_lists"):
        op.drop_table(table)
    for table, added in columns().items():
        for column in reversed(added):
            op.drop_column(table, column.name)
