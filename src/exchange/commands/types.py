"""One class for each command.

Amounts are integers of the smallest unit: a price in quote units for one whole base unit, a quantity in base units.
Zero and the empty string mean "not given" where a field is optional. Plain classes with written-out constructors: they
compile to structs, a dataclass's constructor does not (25 ns against 250 ns).
"""

from typing import Final

from exchange.terms.words import MarketStatus, OrderType, Side, TimeInForce

RULES: Final = 1
"""The newest version of the rules that this engine knows; a log is opened under one and changes it by command."""


class Command:
    """What every command is; see the subclasses."""


class OpenLog(Command):
    """The first command of every log.

    `log_id` (32 hex digits) is the log's identity, written into every snapshot and projection; `rules` the version of
    the rules that apply from here; `dedup_window_ms` how long, in stream time, a client order id or transfer reference
    is remembered with its first result.
    """

    def __init__(self, log_id: str, rules: int, dedup_window_ms: int) -> None:
        self.log_id = log_id
        self.rules = rules
        self.dedup_window_ms = dedup_window_ms


class CreateAsset(Command):
    """A new asset whose smallest unit is `10**-decimals` of a whole one."""

    def __init__(self, asset: str, decimals: int) -> None:
        self.asset = asset
        self.decimals = decimals


class CreateMarket(Command):
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
    ) -> None:
        self.market = market
        self.tick_size = tick_size
        self.lot_size = lot_size
        self.min_notional = min_notional
        self.maker_fee = maker_fee
        self.taker_fee = taker_fee


class SetMarketStatus(Command):
    """Open, restrict or halt a market; see `MARKET_STATUSES`."""

    def __init__(self, market: str, status: MarketStatus) -> None:
        self.market = market
        self.status = status


class SetMarketFees(Command):
    """Change a market's fee rates (millionths) for orders accepted from here on; resting orders keep theirs."""

    def __init__(self, market: str, maker_fee: int, taker_fee: int) -> None:
        self.market = market
        self.maker_fee = maker_fee
        self.taker_fee = taker_fee


class OpenAccount(Command):
    """A new account; `ref` is the outside's unique name for its holder, and makes a retry safe for ever."""

    def __init__(self, ref: str) -> None:
        self.ref = ref


class Deposit(Command):
    """Money came in from outside; `ref` is the transfer's outside id, remembered for the log's window."""

    def __init__(self, account: int, asset: str, amount: int, ref: str) -> None:
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


class SettleWithdrawal(Command):
    """The reserved money has left."""

    def __init__(self, withdrawal: int) -> None:
        self.withdrawal = withdrawal


class ReleaseWithdrawal(Command):
    """The reserved money stays: back to available."""

    def __init__(self, withdrawal: int) -> None:
        self.withdrawal = withdrawal


class Place(Command):
    """A new order.

    A limit order has `price` and `quantity`; its `tif` is `gtc` (rests) or `ioc` (what does not trade at once
    expires). A market order has no price, is always `ioc`, and has `quantity` or, for a buy, `quote_amount`: how
    much to spend. `client_id` is the client's own id for the order: a second command of the same account with it
    gives the first one's result.
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


class Cancel(Command):
    """Take an open order off the book, named by `order` or by `client_id` (the other is zero or empty)."""

    def __init__(self, account: int, order: int, client_id: str) -> None:
        self.account = account
        self.order = order
        self.client_id = client_id


class Amend(Command):
    """Reduce an open order to a new total `quantity` (filled part included), keeping its place in the queue."""

    def __init__(self, account: int, order: int, quantity: int) -> None:
        self.account = account
        self.order = order
        self.quantity = quantity
