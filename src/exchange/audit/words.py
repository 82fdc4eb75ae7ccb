"""What an event means, in a sentence, seen from one order or one account. Amounts are decimal strings of whole units.

Nothing is decided here: a sentence says what the event says.
"""

from typing import Final

from exchange.events.types import (
    Accepted,
    Activated,
    Amended,
    AuctionTrade,
    Canceled,
    Deposited,
    Done,
    Event,
    ListOpened,
    Prevented,
    Replenished,
    Rested,
    Trade,
    Transferred,
    Waiting,
    WithdrawalReleased,
    WithdrawalReserved,
    WithdrawalSettled,
)
from exchange.projections.live.formatting import rate
from exchange.terms.amounts import format_decimal
from exchange.terms.words import BUY, FEES, OUTSIDE, Side

WHY: Final = {
    "": "by its owner",
    "switch": "by the account's dead man's switch",
    "time": "its time was over",
    "fok": "it could not be filled at once as a whole",
    "band": "the next price was outside the market's price band",
    "slippage": "the next price was worse than its slippage cap allowed",
    "work": "it had made as many trades as the market lets one order make at once",
    "funds": "less than a lot could be paid for any more",
    "oco": "the other order of its pair came first",
    "list": "its order list ended",
}
"""Why an order ended; other reasons are refusal codes of an order whose list called it."""


class Scale:
    """The assets' decimals; amounts of an asset that is not known are shown in smallest units."""

    def __init__(self, decimals: dict[str, int]) -> None:
        self._decimals = decimals

    def amount(self, amount: int, asset: str) -> str:
        """`1.50000000 BTC`."""
        places = self._decimals.get(asset)
        return f"{amount} units of {asset}" if places is None else f"{format_decimal(amount, places)} {asset}"

    def base(self, amount: int, market: str) -> str:
        """An amount of a market's base asset."""
        return self.amount(amount, market.split("-", maxsplit=1)[0])

    def quote(self, amount: int, market: str) -> str:
        """An amount of a market's quote asset."""
        return self.amount(amount, market.split("-")[1])


def of_order(event: Event, order: int, scale: Scale) -> str:
    """What an event says of an order; empty when nothing."""
    if isinstance(event, Trade):
        return _trade(event, order, scale)
    if isinstance(event, AuctionTrade):
        return _auction(event, order, scale)
    if isinstance(event, Prevented):
        return _prevented(event, order, scale)
    if isinstance(event, ListOpened):
        members = ", ".join(str(member) for member in event.orders)
        listed = f"member of the new {event.kind} list {event.order_list} (orders {members})"
        return listed if order in event.orders else ""
    if getattr(event, "order", None) != order:
        return ""
    return _own(event, scale)


def _own(event: Event, scale: Scale) -> str:
    if isinstance(event, Accepted):
        return _accepted(event, scale)
    if isinstance(event, Waiting):
        return "waits for the last price to reach its trigger" if event.on == "price" else "waits for its list's call"
    if isinstance(event, Activated):
        return "activated: the last price reached its trigger" if event.by == "price" else "activated by its list"
    if isinstance(event, (Rested, Replenished)):
        hidden = f", {scale.base(event.hidden, event.market)} hidden" if event.hidden else ""
        word = "rests" if isinstance(event, Rested) else "shows its next slice"
        quantity, price = scale.base(event.quantity, event.market), scale.quote(event.price, event.market)
        return f"{word}: {quantity} at {price}{hidden} (book sequence {event.seq})"
    if isinstance(event, Amended):
        by = scale.base(event.by + event.hidden, event.market)
        return f"reduced by {by} to {scale.base(event.quantity, event.market)} in all"
    if isinstance(event, Canceled):
        word = "cancelled" if event.reason in {"", "switch"} else "expired"
        left = scale.base(event.quantity + event.hidden, event.market)
        return f"{word} with {left} left: {WHY.get(event.reason, event.reason)}"
    if isinstance(event, Done):
        left = f" with {scale.base(event.left, event.market)} left" if event.left else ""
        why = f": {WHY.get(event.reason, event.reason)}" if event.reason or event.end == "canceled" else ""
        return f"{event.end.replace('_', ' ')}{left}{why}"
    return ""


def _accepted(event: Accepted, scale: Scale) -> str:
    size = scale.base(event.quantity, event.market) if event.quantity else ""
    if event.quote_amount:
        size = f"for {scale.quote(event.quote_amount, event.market)}"
    price = f" at {scale.quote(event.price, event.market)}" if event.price else ""
    terms = [f"{event.order_type} {event.side} of {size}{price} on {event.market}, {event.tif}"]
    for name, value in event.instructions.named():
        terms.append(f"{name} {_instruction(name, value, event, scale)}")
    if event.client_id:
        terms.append(f"client order id {event.client_id}")
    if event.order_list:
        terms.append(f"of order list {event.order_list}")
    terms.append(f"fee rates {rate(event.maker_fee)} as maker, {rate(event.taker_fee)} as taker")
    return f"accepted for account {event.account}: " + ", ".join(terms)


def _instruction(name: str, value: int | str, event: Accepted, scale: Scale) -> str:
    if name in {"stop_price", "trailing_amount"}:
        return scale.quote(int(value), event.market)
    return scale.base(int(value), event.market) if name == "display" else str(value)


def _fill(side: Side, market: str, quantity: int, price: int, notional: int, fee: int, scale: Scale) -> str:
    verb, received = ("bought", "base") if side == BUY else ("sold", "quote")
    paid = scale.base(fee, market) if received == "base" else scale.quote(fee, market)
    total = scale.quote(notional, market)
    return f"{verb} {scale.base(quantity, market)} at {scale.quote(price, market)} for {total}, fee {paid}"


def _other(side: Side) -> Side:
    return "sell" if side == BUY else "buy"


def _trade(event: Trade, order: int, scale: Scale) -> str:
    if order == event.taker_order:
        side, fee, against = event.taker_side, event.taker_fee, f"taker against order {event.maker_order}"
    elif order == event.maker_order:
        side, fee = _other(event.taker_side), event.maker_fee
        against = f"maker against order {event.taker_order}, {scale.base(event.maker_left, event.market)} left"
    else:
        return ""
    told = _fill(side, event.market, event.quantity, event.price, event.notional, fee, scale)
    rebate = ""
    if event.rebate and order == event.maker_order:
        paid = scale.quote if event.taker_side != BUY else scale.base
        rebate = f", rebate {paid(event.rebate, event.market)}"
    return f"trade {event.trade}: {told}{rebate}; {against}"


def _auction(event: AuctionTrade, order: int, scale: Scale) -> str:
    if order == event.buy_order:
        side, fee, other, left = "buy", event.buy_fee, event.sell_order, event.buy_left
    elif order == event.sell_order:
        side, fee, other, left = "sell", event.sell_fee, event.buy_order, event.sell_left
    else:
        return ""
    told = _fill(
        "buy" if side == BUY else "sell", event.market, event.quantity, event.price, event.notional, fee, scale
    )
    return (
        f"trade {event.trade}: {told}; in an uncrossing, against order {other}, {scale.base(left, event.market)} left"
    )


def _prevented(event: Prevented, order: int, scale: Scale) -> str:
    if order == event.taker_order:
        lost, other = event.taker_quantity, event.maker_order
    elif order == event.maker_order:
        lost, other = event.maker_quantity, event.taker_order
    else:
        return ""
    what = scale.base(lost, event.market)
    return f"self-trade prevention ({event.stp}): no trade with order {other} of the same owner, {what} lost by it"


def of_account(event: Event, account: int, scale: Scale) -> str:
    """Why an event may have changed an account's balances; empty when it cannot have."""
    if isinstance(event, (Deposited, WithdrawalReserved, WithdrawalSettled, WithdrawalReleased)):
        return _transfer(event, scale) if event.account == account or account == OUTSIDE else ""
    if isinstance(event, Transferred):
        return _moved(event, scale) if account in (event.account, event.to) else ""
    if isinstance(event, (Trade, Prevented)):
        orders = [event.taker_order] * (event.taker == account) + [event.maker_order] * (event.maker == account)
    elif isinstance(event, AuctionTrade):
        orders = [event.buy_order] * (event.buyer == account) + [event.sell_order] * (event.seller == account)
    else:
        if getattr(event, "account", None) != account:
            return ""
        order = getattr(event, "order", 0)
        told = _own(event, scale) if order else ""
        return f"order {order} {told}" if told else ""
    if account == FEES:
        return f"fees of trade {event.trade}" if isinstance(event, (Trade, AuctionTrade)) else ""
    return "; ".join([f"order {order}, {of_order(event, order, scale)}" for order in orders])


def _transfer(event: Deposited | WithdrawalReserved | WithdrawalSettled | WithdrawalReleased, scale: Scale) -> str:
    amount = scale.amount(event.amount, event.asset)
    if isinstance(event, Deposited):
        return f"deposit of {amount}, reference {event.ref}"
    if isinstance(event, WithdrawalReserved):
        return f"withdrawal {event.withdrawal} of {amount} reserved, reference {event.ref}"
    word = "left" if isinstance(event, WithdrawalSettled) else "released"
    return f"withdrawal {event.withdrawal} of {amount} {word}"


def _moved(event: Transferred, scale: Scale) -> str:
    amount = scale.amount(event.amount, event.asset)
    return f"transfer of {amount} from account {event.account} to account {event.to}, reference {event.ref}"
