"""The projection of the event stream: its position, orders, trades, transfers, ledger and candles.

All of it can be made again from the log. Large tables become hypertables afterwards, where TimescaleDB is there
(`exchange migrate`); keys and indexes are the same on both.
"""

import sqlalchemy as sa

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.TIMESTAMP(timezone=True)
AMOUNT = sa.Numeric(38, 0)
SUM = sa.Numeric(60, 0)


def upgrade() -> None:
    """Make it so."""
    op.create_table(
        "projections",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("position_ms", sa.BigInteger, nullable=False),
        sa.Column("position_seq", sa.BigInteger, nullable=False),
        sa.Column("chain", sa.LargeBinary, nullable=False),
        sa.Column("log_id", sa.Text, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False, server_default=sa.func.now()),
    )
    op.create_table(
        "assets",
        sa.Column("asset", sa.Text, primary_key=True),
        sa.Column("decimals", sa.Integer, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
    )
    op.create_table(
        "markets",
        sa.Column("market", sa.Text, primary_key=True),
        sa.Column("base", sa.Text, nullable=False),
        sa.Column("quote", sa.Text, nullable=False),
        sa.Column("tick_size", AMOUNT, nullable=False),
        sa.Column("lot_size", AMOUNT, nullable=False),
        sa.Column("min_notional", AMOUNT, nullable=False),
        sa.Column("maker_fee", sa.Integer, nullable=False),
        sa.Column("taker_fee", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
    )
    op.create_table(
        "accounts",
        sa.Column("account", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("ref", sa.Text, nullable=False, unique=True),
        sa.Column("opened_at", MOMENT, nullable=False),
    )
    _orders()
    _trades()
    op.create_table(
        "transfers",
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_entry", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("withdrawal", sa.BigInteger, unique=True),
        sa.Column("account", sa.BigInteger, nullable=False),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("amount", AMOUNT, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("updated_entry", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("created_at", "created_entry"),
    )
    op.create_index("transfers_account", "transfers", ["account", "created_at", "created_entry"])
    op.create_table(
        "ledger",
        sa.Column("ts", MOMENT, nullable=False),
        sa.Column("entry", sa.BigInteger, nullable=False),
        sa.Column("posting", sa.Integer, nullable=False),
        sa.Column("account", sa.BigInteger, nullable=False),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("available", AMOUNT, nullable=False),
        sa.Column("locked", AMOUNT, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("ts", "entry", "posting"),
    )
    op.create_index("ledger_account", "ledger", ["account", "ts", "entry", "posting"])
    op.create_table(
        "candles",
        sa.Column("market", sa.Text, nullable=False),
        sa.Column("interval", sa.Text, nullable=False),
        sa.Column("start", MOMENT, nullable=False),
        sa.Column("open", AMOUNT, nullable=False),
        sa.Column("high", AMOUNT, nullable=False),
        sa.Column("low", AMOUNT, nullable=False),
        sa.Column("close", AMOUNT, nullable=False),
        sa.Column("volume", SUM, nullable=False),
        sa.Column("quote_volume", SUM, nullable=False),
        sa.Column("trades", sa.BigInteger, nullable=False),
        sa.Column("first_trade", sa.BigInteger, nullable=False),
        sa.Column("last_trade", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("market", "interval", "start"),
        postgresql_with={"fillfactor": "80"},
    )


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("account", sa.BigInteger, nullable=False),
        sa.Column("market", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("tif", sa.Text, nullable=False),
        sa.Column("price", AMOUNT, nullable=False),
        sa.Column("quantity", AMOUNT, nullable=False),
        sa.Column("quote_amount", AMOUNT, nullable=False),
        sa.Column("filled", AMOUNT, nullable=False),
        sa.Column("filled_quote", AMOUNT, nullable=False),
        sa.Column("fee", AMOUNT, nullable=False),
        sa.Column("maker_fee", sa.Integer, nullable=False),
        sa.Column("taker_fee", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_entry", sa.BigInteger, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("updated_entry", sa.BigInteger, nullable=False),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("orders_account", "orders", ["account", "id"])
    op.create_index(
        "orders_client_id", "orders", ["account", "client_id", "id"], postgresql_where=sa.text("client_id <> ''")
    )


def _trades() -> None:
    op.create_table(
        "trades",
        sa.Column("market", sa.Text, nullable=False),
        sa.Column("trade", sa.BigInteger, nullable=False),
        sa.Column("ts", MOMENT, nullable=False),
        sa.Column("entry", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("price", AMOUNT, nullable=False),
        sa.Column("quantity", AMOUNT, nullable=False),
        sa.Column("notional", AMOUNT, nullable=False),
        sa.Column("taker_side", sa.Text, nullable=False),
        sa.Column("maker_order", sa.BigInteger, nullable=False),
        sa.Column("taker_order", sa.BigInteger, nullable=False),
        sa.Column("maker", sa.BigInteger, nullable=False),
        sa.Column("taker", sa.BigInteger, nullable=False),
        sa.Column("maker_fee", AMOUNT, nullable=False),
        sa.Column("taker_fee", AMOUNT, nullable=False),
        sa.PrimaryKeyConstraint("market", "trade", "ts"),
    )
    op.create_index("trades_maker", "trades", ["maker", "trade"])
    op.create_index("trades_taker", "trades", ["taker", "trade"])
    op.create_index("trades_maker_order", "trades", ["maker_order"])
    op.create_index("trades_taker_order", "trades", ["taker_order"])


def downgrade() -> None:
    """Take it back."""
    for table in ("candles", "ledger", "transfers", "trades", "orders", "accounts", "markets", "assets", "projections"):
        op.drop_table(table)
