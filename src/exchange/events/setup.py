"""The log, assets, markets and accounts: what was set up or changed."""

from exchange.events.base import Act, Event
from exchange.terms.words import AccountStatus, MarketStatus, SelfTrade


class LogOpened(Event):
    """The log has its identity and its first version of the rules."""

    def __init__(self, log_id: str, rules: int, dedup_window_ms: int, dedup_names: int = 0) -> None:
        self.log_id = log_id
        self.rules = rules
        self.dedup_window_ms = dedup_window_ms
        self.dedup_names = dedup_names

    def json(self) -> str:
        names = f',"dedup_names":{self.dedup_names}' if self.dedup_names else ""
        return (
            f'{{"type":"log_opened","log_id":"{self.log_id}","rules":{self.rules},'
            f'"dedup_window_ms":{self.dedup_window_ms}{names}}}'
        )


class RulesSet(Act):
    """A newer version of the rules holds from here on."""

    def __init__(self, rules: int, dedup_names: int, by: str = "") -> None:
        super().__init__(by)
        self.rules = rules
        self.dedup_names = dedup_names

    def json(self) -> str:
        return f'{{"type":"rules_set","rules":{self.rules},"dedup_names":{self.dedup_names}{self.by_json()}}}'


class AssetCreated(Act):
    """There is a new asset."""

    def __init__(self, asset: str, decimals: int, by: str = "") -> None:
        super().__init__(by)
        self.asset = asset
        self.decimals = decimals

    def json(self) -> str:
        return f'{{"type":"asset_created","asset":"{self.asset}","decimals":{self.decimals}{self.by_json()}}}'


class MarketCreated(Act):
    """There is a new market, open, with an empty book and sequence 0."""

    def __init__(
        self,
        market: str,
        tick_size: int,
        lot_size: int,
        min_notional: int,
        maker_fee: int,
        taker_fee: int,
        by: str = "",
    ) -> None:
        super().__init__(by)
        self.market = market
        self.tick_size = tick_size
        self.lot_size = lot_size
        self.min_notional = min_notional
        self.maker_fee = maker_fee
        self.taker_fee = taker_fee

    def json(self) -> str:
        return (
            f'{{"type":"market_created","market":"{self.market}","tick_size":"{self.tick_size}",'
            f'"lot_size":"{self.lot_size}","min_notional":"{self.min_notional}",'
            f'"maker_fee":{self.maker_fee},"taker_fee":{self.taker_fee}{self.by_json()}}}'
        )


class MarketStatusSet(Act):
    """The market's status is now `status`."""

    def __init__(self, market: str, status: MarketStatus, by: str = "") -> None:
        super().__init__(by)
        self.market = market
        self.status = status

    def json(self) -> str:
        return f'{{"type":"market_status_set","market":"{self.market}","status":"{self.status}"{self.by_json()}}}'


class MarketFeesSet(Act):
    """Orders accepted from here on pay these rates (millionths), unless the market is `tiered` and there is a table."""

    def __init__(self, market: str, maker_fee: int, taker_fee: int, tiered: bool = False, by: str = "") -> None:
        super().__init__(by)
        self.market = market
        self.maker_fee = maker_fee
        self.taker_fee = taker_fee
        self.tiered = tiered

    def json(self) -> str:
        tiered = ',"tiered":true' if self.tiered else ""
        return (
            f'{{"type":"market_fees_set","market":"{self.market}",'
            f'"maker_fee":{self.maker_fee},"taker_fee":{self.taker_fee}{tiered}{self.by_json()}}}'
        )


class FeeTiersSet(Act):
    """The fee table of markets quoted in `asset`: rows of least 30-day volume, maker and taker rate; empty: none."""

    def __init__(self, asset: str, tiers: list[tuple[int, int, int]], by: str = "") -> None:
        super().__init__(by)
        self.asset = asset
        self.tiers = tiers

    def json(self) -> str:
        tiers = ",".join([f'["{volume}",{maker},{taker}]' for volume, maker, taker in self.tiers])
        return f'{{"type":"fee_tiers_set","asset":"{self.asset}","tiers":[{tiers}]{self.by_json()}}}'


class MarketLimitsSet(Act):
    """The market's limits are now these, as in the command `set_market_limits`; zero: none."""

    def __init__(
        self,
        market: str,
        reference: int,
        bid_up: int,
        bid_down: int,
        ask_up: int,
        ask_down: int,
        slippage_bps: int,
        max_orders: int,
        max_conditional: int,
        max_parts: int,
        max_position: int,
        max_fills: int,
        by: str = "",
    ) -> None:
        super().__init__(by)
        self.market = market
        self.reference = reference
        self.bid_up = bid_up
        self.bid_down = bid_down
        self.ask_up = ask_up
        self.ask_down = ask_down
        self.slippage_bps = slippage_bps
        self.max_orders = max_orders
        self.max_conditional = max_conditional
        self.max_parts = max_parts
        self.max_position = max_position
        self.max_fills = max_fills

    def json(self) -> str:
        return (
            f'{{"type":"market_limits_set","market":"{self.market}","reference":"{self.reference}",'
            f'"bid_up":{self.bid_up},"bid_down":{self.bid_down},"ask_up":{self.ask_up},"ask_down":{self.ask_down},'
            f'"slippage_bps":{self.slippage_bps},"max_orders":{self.max_orders},'
            f'"max_conditional":{self.max_conditional},"max_parts":{self.max_parts},'
            f'"max_position":"{self.max_position}","max_fills":{self.max_fills}{self.by_json()}}}'
        )


class AccountOpened(Event):
    """The outside's `ref` has the account number `account`."""

    def __init__(self, account: int, ref: str) -> None:
        self.account = account
        self.ref = ref

    def json(self) -> str:
        return f'{{"type":"account_opened","account":{self.account},"ref":"{self.ref}"}}'


class AccountStatusSet(Act):
    """The account is now open or frozen."""

    def __init__(self, account: int, status: AccountStatus, by: str = "") -> None:
        super().__init__(by)
        self.account = account
        self.status = status

    def json(self) -> str:
        return f'{{"type":"account_status_set","account":{self.account},"status":"{self.status}"{self.by_json()}}}'


class StpSet(Event):
    """The account's self-trade prevention, for orders that name none."""

    def __init__(self, account: int, stp: SelfTrade) -> None:
        self.account = account
        self.stp = stp

    def json(self) -> str:
        return f'{{"type":"stp_set","account":{self.account},"stp":"{self.stp}"}}'


class TradeGroupSet(Act):
    """The account's trade group; 0: none."""

    def __init__(self, account: int, group: int, by: str = "") -> None:
        super().__init__(by)
        self.account = account
        self.group = group

    def json(self) -> str:
        return f'{{"type":"trade_group_set","account":{self.account},"group":{self.group}{self.by_json()}}}'


class SwitchSet(Event):
    """The account's orders will be cancelled at `at_ms`; 0: they will not."""

    def __init__(self, account: int, at_ms: int) -> None:
        self.account = account
        self.at_ms = at_ms

    def json(self) -> str:
        return f'{{"type":"switch_set","account":{self.account},"at_ms":{self.at_ms}}}'


class SwitchFired(Event):
    """All of the account's orders have been cancelled by its switch, which is off now."""

    def __init__(self, account: int) -> None:
        self.account = account

    def json(self) -> str:
        return f'{{"type":"switch_fired","account":{self.account}}}'


class Recorded(Act):
    """Somebody did something outside the engine: `act` says what, `subject` to whom or what."""

    def __init__(self, by: str, act: str, subject: str) -> None:
        super().__init__(by)
        self.act = act
        self.subject = subject

    def json(self) -> str:
        return f'{{"type":"recorded","act":"{self.act}","subject":"{self.subject}"{self.by_json()}}}'
