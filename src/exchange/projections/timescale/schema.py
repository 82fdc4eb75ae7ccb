"""The tables, as SQLAlchemy Core: what the reads are written against and what the migrations must agree with.

A stream id is stored as a moment and a sequence (`ts` and `entry`, `created_at` and `created_entry`, …): the moment is
the id's milliseconds, exactly. Amounts are integers of smallest units and wider than any machine word, so they are
`numeric`. Every key works on a plain table and on a hypertable, whose keys must hold the time. `seq` is always the
market's own sequence number.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import sqlalchemy as sa

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LAST_MS: Final = 253_402_300_799_999
"""The last moment that a timestamp of these tables can be: the end of the year 9999."""


def instant(ms: int) -> datetime:
    """Milliseconds since the epoch as a timestamp."""
    return EPOCH + timedelta(milliseconds=ms)


class Moment(sa.TypeDecorator[int]):
    """Milliseconds since the epoch in Python, `timestamptz` in SQL; exact both ways."""

    impl = sa.TIMESTAMP(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        """See the class."""
        return None if value is None else instant(value)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        """See the class."""
        return None if value is None else (value - EPOCH) // timedelta(milliseconds=1)


class Amount(sa.TypeDecorator[int]):
    """Smallest units: an integer in Python, `numeric(digits, 0)` in SQL."""

    impl = sa.Numeric
    cache_ok = True

    def __init__(self, digits: int = 38) -> None:
        super().__init__(digits, 0)

    def process_bind_param(self, value: int | None, dialect: sa.Dialect) -> Decimal | None:
        """See the class."""
        return None if value is None else Decimal(value)

    def process_result_value(self, value: Decimal | None, dialect: sa.Dialect) -> int | None:
        """See the class."""
        return None if value is None else int(value)


SUM_DIGITS: Final = 60
"""Room for a sum of more amounts than there can be."""

LIMITS: Final = (
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
"""A market's limits that are counts or basis points."""

_ZERO: Final = sa.text("0")

metadata = sa.MetaData()

projections = sa.Table(
    "projections",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("position_ms", sa.BigInteger, nullable=False),
    sa.Column("position_seq", sa.BigInteger, nullable=False),
    sa.Column("chain", sa.LargeBinary, nullable=False),
    sa.Column("log_id", sa.Text, nullable=False),
    sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
)
"""How far each projection has come: the last entry folded in, and the chain hash there."""

journal = sa.Table(
    "journal",
    metadata,
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
"""Segments of the log by the position of their last entry: no projection, and never emptied (`projections.journal`).
`total` is how many entries the log has up to there."""

assets = sa.Table(
    "assets",
    metadata,
    sa.Column("asset", sa.Text, primary_key=True),
    sa.Column("decimals", sa.Integer, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
)

markets = sa.Table(
    "markets",
    metadata,
    sa.Column("market", sa.Text, primary_key=True),
    sa.Column("base", sa.Text, nullable=False),
    sa.Column("quote", sa.Text, nullable=False),
    sa.Column("tick_size", Amount, nullable=False),
    sa.Column("lot_size", Amount, nullable=False),
    sa.Column("min_notional", Amount, nullable=False),
    sa.Column("maker_fee", sa.Integer, nullable=False),
    sa.Column("taker_fee", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("reference", Amount, nullable=False, server_default=_ZERO),
    *[sa.Column(name, sa.Integer, nullable=False, server_default=_ZERO) for name in LIMITS],
    sa.Column("max_position", Amount, nullable=False, server_default=_ZERO),
)
"""Fee rates in millionths, the market's own: what an account pays goes by fee tables too, and stands with each order.
Limits are zero where there are none."""

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("account", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("ref", sa.Text, nullable=False, unique=True),
    sa.Column("opened_at", Moment, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="open"),
    sa.Column("stp", sa.Text, nullable=False, server_default="none"),
    sa.Column("trade_group", sa.BigInteger, nullable=False, server_default=_ZERO),
    sa.Column("switch_ms", sa.BigInteger, nullable=False, server_default=_ZERO),
)
"""The house's accounts (0 the outside, 1 the fees) included. `switch_ms`: when the account's orders will be cancelled;
zero: they will not."""

orders = sa.Table(
    "orders",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("account", sa.BigInteger, nullable=False),
    sa.Column("market", sa.Text, nullable=False),
    sa.Column("side", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("tif", sa.Text, nullable=False),
    sa.Column("price", Amount, nullable=False),
    sa.Column("quantity", Amount, nullable=False),
    sa.Column("quote_amount", Amount, nullable=False),
    sa.Column("filled", Amount, nullable=False),
    sa.Column("filled_quote", Amount, nullable=False),
    sa.Column("fee", Amount, nullable=False),
    sa.Column("maker_fee", sa.Integer, nullable=False),
    sa.Column("taker_fee", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("created_entry", sa.BigInteger, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("updated_entry", sa.BigInteger, nullable=False),
    sa.Column("stop_price", Amount),
    sa.Column("trailing_bps", sa.Integer),
    sa.Column("trailing_amount", Amount),
    sa.Column("expires_ms", sa.BigInteger),
    sa.Column("post_only", sa.Text),
    sa.Column("display", Amount),
    sa.Column("stp", sa.Text),
    sa.Column("slippage_bps", sa.Integer),
    sa.Column("order_list", sa.BigInteger),
    sa.Column("prevented", Amount),
    sa.Column("reason", sa.Text),
    sa.Column("activated_at", Moment),
    sa.Index("orders_account", "account", "id"),
    sa.Index("orders_account_time", "account", "created_at", "id"),
    sa.Index("orders_client_id", "account", "client_id", "id", postgresql_where=sa.text("client_id <> ''")),
    postgresql_with={"fillfactor": "80"},
)
"""`fee` is what was paid so far, in the asset received: base for a buy, quote for a sell; `maker_fee` and `taker_fee`
are the rates in millionths. Zero and the empty text where an order has no price, quantity, quote amount, client id;
NULL where it has none of what is rarely given, so that plain orders need no room for it. `price` is the one at which it
rests, `prevented` (base) what self-trade prevention took off it, `reason` why it ended, `activated_at` when its trigger
or list last called it."""

order_lists = sa.Table(
    "order_lists",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("account", sa.BigInteger, nullable=False),
    sa.Column("market", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("orders", sa.ARRAY(sa.BigInteger), nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("created_entry", sa.BigInteger, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("updated_entry", sa.BigInteger, nullable=False),
    sa.Index("order_lists_account", "account", "id"),
    sa.Index("order_lists_client_id", "account", "client_id", "id", postgresql_where=sa.text("client_id <> ''")),
)
"""`orders` are the members in the order of the legs."""

amendments = sa.Table(
    "amendments",
    metadata,
    sa.Column("ts", Moment, nullable=False),
    sa.Column("entry", sa.BigInteger, nullable=False),
    sa.Column("event", sa.Integer, nullable=False),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("account", sa.BigInteger, nullable=False),
    sa.Column("quantity", Amount, nullable=False),
    sa.Column("reduced_by", Amount, nullable=False),
    sa.PrimaryKeyConstraint("ts", "entry", "event"),
    sa.Index("amendments_order", "order_id", "ts", "entry", "event"),
)
"""Reductions of orders: `quantity` is the new total; `event` the place in the entry."""

prevented_matches = sa.Table(
    "prevented_matches",
    metadata,
    sa.Column("prevented", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("ts", Moment, nullable=False),
    sa.Column("entry", sa.BigInteger, nullable=False),
    sa.Column("market", sa.Text, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("price", Amount, nullable=False),
    sa.Column("stp", sa.Text, nullable=False),
    sa.Column("taker_side", sa.Text, nullable=False),
    sa.Column("maker_order", sa.BigInteger, nullable=False),
    sa.Column("taker_order", sa.BigInteger, nullable=False),
    sa.Column("maker", sa.BigInteger, nullable=False),
    sa.Column("taker", sa.BigInteger, nullable=False),
    sa.Column("maker_quantity", Amount, nullable=False),
    sa.Column("taker_quantity", Amount, nullable=False),
    sa.Column("maker_left", Amount, nullable=False),
    sa.Index("prevented_maker", "maker", "prevented"),
    sa.Index("prevented_taker", "taker", "prevented"),
    sa.Index("prevented_maker_order", "maker_order"),
    sa.Index("prevented_taker_order", "taker_order"),
)
"""Trades with oneself that were not made, with what each order (base units) lost by it. `maker` and `taker` are
accounts of one owner or trade group."""

trades = sa.Table(
    "trades",
    metadata,
    sa.Column("market", sa.Text, nullable=False),
    sa.Column("trade", sa.BigInteger, nullable=False),
    sa.Column("ts", Moment, nullable=False),
    sa.Column("entry", sa.BigInteger, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("price", Amount, nullable=False),
    sa.Column("quantity", Amount, nullable=False),
    sa.Column("notional", Amount, nullable=False),
    sa.Column("taker_side", sa.Text, nullable=False),
    sa.Column("maker_order", sa.BigInteger, nullable=False),
    sa.Column("taker_order", sa.BigInteger, nullable=False),
    sa.Column("maker", sa.BigInteger, nullable=False),
    sa.Column("taker", sa.BigInteger, nullable=False),
    sa.Column("maker_fee", Amount, nullable=False),
    sa.Column("taker_fee", Amount, nullable=False),
    sa.Column("rebate", Amount),
    sa.Column("auction", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.PrimaryKeyConstraint("market", "trade", "ts"),
    sa.Index("trades_maker", "maker", "trade"),
    sa.Index("trades_taker", "taker", "trade"),
    sa.Index("trades_maker_order", "maker_order"),
    sa.Index("trades_taker_order", "taker_order"),
)
"""`maker` and `taker` are accounts; each side's fee is in the asset it received. `rebate` is what the maker got out of
the taker's fee, NULL for nothing; `auction`: an uncrossing made it, and the taker is the newer order."""

transfers = sa.Table(
    "transfers",
    metadata,
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("created_entry", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("withdrawal", sa.BigInteger, unique=True),
    sa.Column("account", sa.BigInteger, nullable=False),
    sa.Column("asset", sa.Text, nullable=False),
    sa.Column("amount", Amount, nullable=False),
    sa.Column("ref", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("updated_entry", sa.BigInteger, nullable=False),
    sa.Column("to_account", sa.BigInteger),
    sa.PrimaryKeyConstraint("created_at", "created_entry"),
    sa.Index("transfers_account", "account", "created_at", "created_entry"),
    sa.Index(
        "transfers_to_account",
        "to_account",
        "created_at",
        "created_entry",
        postgresql_where=sa.text("to_account IS NOT NULL"),
    ),
)
"""Deposits (settled at once), withdrawals (reserved, then settled or released), and what went from `account` to
`to_account` (settled at once)."""

acts = sa.Table(
    "acts",
    metadata,
    sa.Column("ts", Moment, nullable=False),
    sa.Column("entry", sa.BigInteger, nullable=False),
    sa.Column("event", sa.Integer, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("details", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("ts", "entry", "event"),
    sa.Index("acts_by", "by", "ts", "entry", "event"),
)
"""What administrators did, as far as the log says who: `act` is the event's name, or what was recorded, `subject` what
it was done to, `details` the event as JSON; `event` the place in the entry."""

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("ts", Moment, nullable=False),
    sa.Column("entry", sa.BigInteger, nullable=False),
    sa.Column("posting", sa.Integer, nullable=False),
    sa.Column("account", sa.BigInteger, nullable=False),
    sa.Column("asset", sa.Text, nullable=False),
    sa.Column("available", Amount, nullable=False),
    sa.Column("locked", Amount, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("ts", "entry", "posting"),
    sa.Index("ledger_account", "account", "ts", "entry", "posting"),
)
"""Double entry: over one command (`ts`, `entry`) the changes of an asset sum to zero, outside and fees included."""

candles = sa.Table(
    "candles",
    metadata,
    sa.Column("market", sa.Text, nullable=False),
    sa.Column("interval", sa.Text, nullable=False),
    sa.Column("start", Moment, nullable=False),
    sa.Column("open", Amount, nullable=False),
    sa.Column("high", Amount, nullable=False),
    sa.Column("low", Amount, nullable=False),
    sa.Column("close", Amount, nullable=False),
    sa.Column("volume", Amount(SUM_DIGITS), nullable=False),
    sa.Column("quote_volume", Amount(SUM_DIGITS), nullable=False),
    sa.Column("trades", sa.BigInteger, nullable=False),
    sa.Column("first_trade", sa.BigInteger, nullable=False),
    sa.Column("last_trade", sa.BigInteger, nullable=False),
    sa.Column("taker_volume", Amount(SUM_DIGITS), nullable=False, server_default=_ZERO),
    sa.Column("taker_quote_volume", Amount(SUM_DIGITS), nullable=False, server_default=_ZERO),
    sa.PrimaryKeyConstraint("market", "interval", "start"),
    postgresql_with={"fillfactor": "80"},
)
"""`taker_volume` and `taker_quote_volume` are the part of the volumes in which the taker bought."""

PROJECTED: Final = (
    assets,
    markets,
    accounts,
    orders,
    order_lists,
    amendments,
    prevented_matches,
    trades,
    transfers,
    acts,
    ledger,
    candles,
)
"""What the projection owns, and empties to begin again."""

HYPERTABLES: Final = {"trades": "ts", "ledger": "ts"}
"""What grows without end and is read by time, with its time column. Candles stay a plain table: five hundred days of
one interval would touch as many chunks, and they are updated in place."""
