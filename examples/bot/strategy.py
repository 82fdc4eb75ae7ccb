"""A strategy that trades often: buy when nothing is held, sell after a minute or at the smallest gain."""

from datetime import datetime

from freqtrade.persistence import Trade
from freqtrade.strategy import IStrategy
from pandas import DataFrame


class Restless(IStrategy):
    """Always in or out; not meant to earn anything."""

    INTERFACE_VERSION = 3
    timeframe = "1m"
    startup_candle_count = 2
    stoploss = -0.05
    minimal_roi = {"0": 0.001, "1": -1.0}
    process_only_new_candles = False
    order_types = {"entry": "limit", "exit": "limit", "stoploss": "limit", "stoploss_on_exchange": False}

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        """None are needed."""
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        """Always."""
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        """Never by a signal."""
        return dataframe

    def custom_exit(
        self, pair: str, trade: Trade, current_time: datetime, current_rate: float, current_profit: float, **_: object
    ) -> str | None:
        """After half a minute, whatever it brought."""
        return "restless" if (current_time - trade.open_date_utc).total_seconds() > 30 else None
