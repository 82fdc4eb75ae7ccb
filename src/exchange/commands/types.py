"""One class for each command.

Amounts are integers of the smallest unit: a price in quote units for one whole base unit, a quantity in base units.
Zero and the empty string mean "not given" where a field is optional. Plain classes with written-out constructors: they
compile to structs, a dataclass's constructor does not (25 ns against 250 ns).
"""

from typing import Final

from mypy_extensions import mypyc_attr

from exchange.terms.instructions import PLAIN, Instructions
from exchange.terms.words import AccountStatus, ListKind, MarketStatus, OrderType, SelfTrade, Side, TimeInForce

RULES: Final = 3
"""The newest version of the rules that this engine knows; a log is opened under one and changes it by command."""


@mypyc_attr(acyclic=True)
class Command:
    """What every command is; see the subclasses."""


@mypyc_attr(acyclic=True)
class Administrative(Command):
    """What an administrator does; `by` says who (`BY_PATTERN`; since version 3, empty: not told). The engine does not
    look at it."""

    def __init__(self, by: str) -> None:
        self.by = by


class OpenLog(Command):
    """The first command of every log.

    `log_id` (32 hex digits) is the log's identity, written into every snapshot and projection; `rules` the version of
    the rules that apply from here; `dedup_window_ms` how long, in stream time, a client order id or transfer reference
    is remembered with its first result, `dedup_names` how many of the newest are (since version 2; 0: no such limit).
    """

    def __init__(self, log_id: str, rules: int, dedup_window_ms: int, dedup_names: int = 0) -> None:
        self.log_id = log_id
        self.rules = rules
        self.dedup_window_ms = dedup_window_ms
        self.dedup_names = dedup_names


class SetRules(Administrative):
    """Go over to a newer version of the rules, for good; `dedup_names` as in `OpenLog`."""

    def __init__(self, rules: int, dedup_names: int, by: str = "") -> None:
        super().__init__(by)
        self.rules = rules
        self.dedup_names = dedup_names


class Tick(Command):
    """Time has passed: do what is due."""


class CreateAsset(Administrative):
    """A new asset whose smallest unit is `10**-decimals` of a whole one."""

    def __init__(self, asset: str, decimals: int, by: str = "") -> None:
        super().__init__(by)
        self.asset = asset
        self.decimals = decimals


class CreateMarket(Administrative):
    """A new market named `BASE-QUOTE`, open at once.

    `tick_size` and `min_notional` are quote units, `lot_size` base units; fees are millionths of what is received.
    """

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


class SetMarketStatus(Administrative):
    """Open, restrict or halt a market; see `MARKET_STATUSES`."""

    def __init__(self, market: str, status: MarketStatus, by: str = "") -> None:
        super().__init__(by)
        self.market = market
        self.status = status


class SetMarketFees(Administrative):
    """Change a market's fee rates (millionths) for orders accepted from here on; resting orders keep theirs.

    A negative `maker_fee` is a rebate. With `tiered` the market follows its quote asset's table where there is one, and
    these rates hold otherwise.
    """

    def __init__(self, market: str, maker_fee: int, taker_fee: int, tiered: bool = False, by: str = "") -> None:
        super().__init__(by)
        self.market = market
        self.maker_fee = maker_fee
        self.taker_fee = taker_fee
        self.tiered = tiered


class Tier:
    """Who traded at least `volume` (quote units) in 30 days pays these rates (millionths)."""

    def __init__(self, volume: int, maker_fee: int, taker_fee: int) -> None:
        self.volume = volume
        self.maker_fee = maker_fee
        self.taker_fee = taker_fee


class SetFeeTiers(Administrative):
    """The fee table of all markets that are quoted in an asset: volumes rise, the first is zero. Empty: no table."""

    def __init__(self, asset: str, tiers: list[Tier], by: str = "") -> None:
        super().__init__(by)
        self.asset = asset
        self.tiers = tiers


class Limits:
    """A market's protective limits; zero means none.

    `bid_up`, `bid_down`, `ask_up`, `ask_down` are basis points of the reference price (10000 is once), `reference` a
    price that stands in until there is a last one, `slippage_bps` a market order's cap, `max_orders` and
    `max_conditional` counts for one account, `max_parts` slices of an iceberg, `max_position` base units, `max_fills`
    trades of one taker (0: 10,000).
    """

    def __init__(
        self,
        reference: int = 0,
        bid_up: int = 0,
        bid_down: int = 0,
        ask_up: int = 0,
        ask_down: int = 0,
        slippage_bps: int = 0,
        max_orders: int = 0,
        max_conditional: int = 0,
        max_parts: int = 0,
        max_position: int = 0,
        max_fills: int = 0,
    ) -> None:
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


class SetMarketLimits(Administrative):
    """Replace all of a market's limits."""

    def __init__(self, market: str, limits: Limits, by: str = "") -> None:
        super().__init__(by)
        self.market = market
        self.limits = limits


class Uncross(Administrative):
    """End a call auction: trade what crosses at one price, then give the market `status`."""

    def __init__(self, market: str, status: MarketStatus, by: str = "") -> None:
        super().__init__(by)
        self.market = market
        self.status = status


class SetAccountStatus(Administrative):
    """Freeze an account, or open it again."""

    def __init__(self, account: int, status: AccountStatus, by: str = "") -> None:
        super().__init__(by)
        self.account = account
        self.status = status


class SetStp(Command):
    """The self-trade prevention of an account's orders that name none."""

    def __init__(self, account: int, stp: SelfTrade) -> None:
        self.account = account
        self.stp = stp


class SetTradeGroup(Administrative):
    """Put an account into a trade group, whose members' orders count as one's own; 0 takes it out."""

    def __init__(self, account: int, group: int, by: str = "") -> None:
        super().__init__(by)
        self.account = account
        self.group = group


class SetSwitch(Command):
    """Cancel all of the account's orders `timeout_ms` from now, unless set again before; 0 takes the switch off."""

    def __init__(self, account: int, timeout_ms: int) -> None:
        self.account = account
        self.timeout_ms = timeout_ms


class OpenAccount(Command):
    """A new account; `ref` is the outside's unique name for its holder, and makes a retry safe for ever."""

    def __init__(self, ref: str) -> None:
        self.ref = ref


class Deposit(Administrative):
    """Money came in from outside; `ref` is the transfer's outside id, remembered for the log's window. With `by` an
    administrator credited it."""

    def __init__(self, account: int, asset: str, amount: int, ref: str, by: str = "") -> None:
        super().__init__(by)
        self.account = account
        self.asset = asset
        self.amount = amount
        self.ref = ref


class Withdraw(Command):
    """Reserve money that is to leave; it stays locked until the withdrawal is settled or released."""

    def __init__(self, account: int, asset: str, amount: int, ref: str) -> None:
        self.account = account
        self.asset = asset
        self.amount = amount
        self.ref = ref


class SettleWithdrawal(Administrative):
    """The reserved money has left."""

    def __init__(self, withdrawal: int, by: str = "") -> None:
        super().__init__(by)
        self.withdrawal = withdrawal


class ReleaseWithdrawal(Administrative):
    """The reserved money stays: back to available."""

    def __init__(self, withdrawal: int, by: str = "") -> None:
        super().__init__(by)
        self.withdrawal = withdrawal


class Transfer(Command):
    """Move what is available from an account to another of its trade group (since version 3); `ref` is the sender's own
    name for it, remembered for the log's window."""

    def __init__(self, account: int, to: int, asset: str, amount: int, ref: str) -> None:
        self.account = account
        self.to = to
        self.asset = asset
        self.amount = amount
        self.ref = ref


class Record(Administrative):
    """Somebody did something outside the engine (since version 3): who, what (`ACT_PATTERN`) and to whom or what
    (`REF_PATTERN`). It changes nothing, and is told as it is."""

    def __init__(self, by: str, act: str, subject: str) -> None:
        super().__init__(by)
        self.act = act
        self.subject = subject


@mypyc_attr(acyclic=True, free_list_len=1)
class Place(Command):
    """A new order.

    Types with a price have `price` and `quantity`. The others are `ioc` (`market` by quantity also `fok`) and have
    `quantity` or, of type `market`, `quote_amount`: how much to spend, or to receive. `client_id` is the client's own
    id for the order: a second command of the same account with it gives the first one's result. What is rarely given
    stands in `instructions`. docs/rules.md has all rules.
    """

    def __init__(
        self,
        account: int,
        market: str,
        side: Side,
        order_type: OrderType,
        tif: TimeInForce,
        price: int,
        quantity: int,
        quote_amount: int,
        client_id: str,
        instructions: Instructions = PLAIN,
    ) -> None:
        self.account = account
        self.market = market
        self.side = side
        self.order_type = order_type
        self.tif = tif
        self.price = price
        self.quantity = quantity
        self.quote_amount = quote_amount
        self.client_id = client_id
        self.instructions = instructions


class PlaceList(Command):
    """Two or three orders that depend on each other; the legs have this command's account and market.

    OCO: the pair. OTO: the working order, the pending one. OTOCO: the working order, the pending pair.
    """

    def __init__(self, account: int, market: str, kind: ListKind, client_id: str, legs: list[Place]) -> None:
        self.account = account
        self.market = market
        self.kind = kind
        self.client_id = client_id
        self.legs = legs


@mypyc_attr(acyclic=True, free_list_len=1)
class Cancel(Command):
    """End an open order, named by `order` or by `client_id` (the other is zero or empty)."""

    def __init__(self, account: int, order: int, client_id: str) -> None:
        self.account = account
        self.order = order
        self.client_id = client_id


class CancelList(Command):
    """End an open order list, named by `order_list` or by `client_id` (the other is zero or empty)."""

    def __init__(self, account: int, order_list: int, client_id: str) -> None:
        self.account = account
        self.order_list = order_list
        self.client_id = client_id


@mypyc_attr(acyclic=True, free_list_len=1)
class Amend(Command):
    """Reduce an open order to a new total `quantity` (filled part included), keeping its place in the queue."""

    def __init__(self, account: int, order: int, quantity: int) -> None:
        self.account = account
        self.order = order
        self.quantity = quantity


class CancelReplace(Command):
    """End an open order and place another; `stop_on_failure`: not the one without the other's going first."""

    def __init__(self, cancel: Cancel, place: Place, stop_on_failure: bool) -> None:
        self.cancel = cancel
        self.place = place
        self.stop_on_failure = stop_on_failure


class CancelAll(Command):
    """End all open orders of an account, in one market or (empty) everywhere."""

    def __init__(self, account: int, market: str) -> None:
        self.account = account
        self.market = market


class Batch(Command):
    """Up to 20 commands of one account, each with its own result: `Place`, `Cancel` or `Amend`."""

    def __init__(self, account: int, items: list[Command]) -> None:
        self.account = account
        self.items = items
