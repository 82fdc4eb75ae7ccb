"""What takers bought, in candles.

The columns are filled from the trades, so nothing need be projected again: seconds from the trades themselves, every
longer interval from the seconds.
"""

import sqlalchemy as sa

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SUM = sa.Numeric(60, 0)
COLUMNS = ("taker_volume", "taker_quote_volume")
LONGER = {"1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "4h": 14_400, "1d": 86_400}
"""Seconds by interval."""

_SECONDS = """
    UPDATE candles AS c SET taker_volume = t.quantity, taker_quote_volume = t.notional
    FROM (
        SELECT market, date_trunc('second', ts) AS start, sum(quantity) AS quantity, sum(notional) AS notional
        FROM trades WHERE taker_side = 'buy' GROUP BY 1, 2
    ) AS t
    WHERE c.market = t.market AND c.interval = '1s' AND c.start = t.start
"""
_LONGER = """
    UPDATE candles AS c SET taker_volume = t.volume, taker_quote_volume = t.quote
    FROM (
        SELECT market, to_timestamp(floor(extract(epoch FROM start) / {seconds}) * {seconds}) AS start,
            sum(taker_volume) AS volume, sum(taker_quote_volume) AS quote
        FROM candles WHERE interval = '1s' AND taker_volume > 0 GROUP BY 1, 2
    ) AS t
    WHERE c.market = t.market AND c.interval = '{interval}' AND c.start = t.start
"""


def upgrade() -> None:
    """Make it so."""
    for column in COLUMNS:
        op.add_column("candles", sa.Column(column, SUM, nullable=False, server_default=sa.text("0")))
    op.execute(_SECONDS)
    for interval, seconds in LONGER.items():
        op.execute(_LONGER.format(interval=interval, seconds=seconds))


def downgrade() -> None:
    """Take it back; it can be made again from the trades."""
    for column in reversed(COLUMNS):
        op.drop_column("candles", column)
