"""What became of orders, and of lists of them."""

from mypy_extensions import mypyc_attr

from exchange.events.base import Event
from exchange.terms.instructions import PLAIN, Instructions
from exchange.terms.words import ListKind, OrderEnd, OrderType, Side, TimeInForce, WaitsOn


@mypyc_attr(acyclic=True, free_list_len=1)
class Accepted(Event):
    """An order has its number and its fee rates; its trades, if any, and its `rested`, `waiting` or `done` follow.

    `price`, `quantity` and `quote_amount` are zero where the order has none, `client_id` empty. `order_list` is the
    list it belongs to, or zero. The instructions are as given, but for `stp`: it is the mode in force, left out when
    `none`.
    """

    def __init__(
        self,
        order: int,
        account: int,
        market: str,
        side: Side,
        order_type: OrderType,
        tif: TimeInForce,
        price: int,
        quantity: int,
        quote_amount: int,
        maker_fee: int,
        taker_fee: int,
        client_id: str,
        instructions: Instructions = PLAIN,
        order_list: int = 0,
    ) -> None:
        self.order = order
        self.account = account
        self.market = market
        self.side = side
        self.order_type = order_type
        self.tif = tif
        self.price = price
        self.quantity = quantity
        self.quote_amount = quote_amount
        self.maker_fee = maker_fee
        self.taker_fee = taker_fee
        self.client_id = client_id
        self.instructions = instructions
        self.order_list = order_list

    def json(self) -> str:
        return (
            f'{{"type":"accepted","order":{self.order},"account":{self.account},"market":"{self.market}",'
            f'"side":"{self.side}","order_type":"{self.order_type}","tif":"{self.tif}",'
            f'"price":"{self.price}","quantity":"{self.quantity}","quote_amount":"{self.quote_amount}",'
            f'"maker_fee":{self.maker_fee},"taker_fee":{self.taker_fee},"client_id":"{self.client_id}"'
            f"{self._rare()}}}"
        )

    def _rare(self) -> str:
        if self.instructions is PLAIN and not self.order_list:
            return ""
        rare = "".join(
            [
                f',"{name}":"{value}"' if isinstance(value, str) else f',"{name}":{value}'
                for name, value in self.instructions.named()
            ]
        )
        return rare + (f',"order_list":{self.order_list}' if self.order_list else "")


class Waiting(Event):
    """An accepted order waits: `on` its trigger price, or the working order of its list."""

    def __init__(self, order: int, account: int, market: str, on: WaitsOn) -> None:
        self.order = order
        self.account = account
        self.market = market
        self.on = on

    def json(self) -> str:
        return (
            f'{{"type":"waiting","order":{self.order},"account":{self.account},"market":"{self.market}",'
            f'"on":"{self.on}"}}'
        )


class Activated(Event):
    """A waiting order's time has come, `by` price or list; what becomes of it follows."""

    def __init__(self, order: int, account: int, market: str, by: WaitsOn) -> None:
        self.order = order
        self.account = account
        self.market = market
        self.by = by

    def json(self) -> str:
        return (
            f'{{"type":"activated","order":{self.order},"account":{self.account},"market":"{self.market}",'
            f'"by":"{self.by}"}}'
        )


@mypyc_attr(acyclic=True, free_list_len=1)
class Rested(Event):
    """What is left of an accepted order rests. Book change: `quantity` joins the level `price` on `side`.

    `hidden` is what an iceberg does not show. `price` may differ from the accepted one: a post-only order was repriced.
    """

    def __init__(
        self,
        order: int,
        account: int,
        market: str,
        seq: int,
        side: Side,
        price: int,
        quantity: int,
        hidden: int = 0,
    ) -> None:
        self.order = order
        self.account = account
        self.market = market
        self.seq = seq
        self.side = side
        self.price = price
        self.quantity = quantity
        self.hidden = hidden

    def json(self) -> str:
        hidden = f',"hidden":"{self.hidden}"' if self.hidden else ""
        return (
            f'{{"type":"rested","order":{self.order},"account":{self.account},"market":"{self.market}",'
            f'"seq":{self.seq},"side":"{self.side}","price":"{self.price}","quantity":"{self.quantity}"{hidden}}}'
        )


class Replenished(Event):
    """An iceberg's next slice joined the end of its level. Book change: `quantity` joins the level `price` on `side`;
    `hidden` is what it still does not show."""

    def __init__(
        self, order: int, account: int, market: str, seq: int, side: Side, price: int, quantity: int, hidden: int
    ) -> None:
        self.order = order
        self.account = account
        self.market = market
        self.seq = seq
        self.side = side
        self.price = price
        self.quantity = quantity
        self.hidden = hidden

    def json(self) -> str:
        return (
            f'{{"type":"replenished","order":{self.order},"account":{self.account},"market":"{self.market}",'
            f'"seq":{self.seq},"side":"{self.side}","price":"{self.price}","quantity":"{self.quantity}",'
            f'"hidden":"{self.hidden}"}}'
        )


@mypyc_attr(acyclic=True, free_list_len=1)
class Amended(Event):
    """An open order was reduced. Book change, unless `seq` is zero: `by` leaves the level `price` on `side`.

    `quantity` is the order's new total, filled part included. `hidden` is what was taken off an iceberg's hidden part,
    `by` not included. An order without a price has price zero.
    """

    def __init__(
        self,
        order: int,
        account: int,
        market: str,
        seq: int,
        side: Side,
        price: int,
        quantity: int,
        by: int,
        hidden: int = 0,
    ) -> None:
        self.order = order
        self.account = account
        self.market = market
        self.seq = seq
        self.side = side
        self.price = price
        self.quantity = quantity
        self.by = by
        self.hidden = hidden

    def json(self) -> str:
        hidden = f',"hidden":"{self.hidden}"' if self.hidden else ""
        return (
            f'{{"type":"amended","order":{self.order},"account":{self.account},"market":"{self.market}",'
            f'"seq":{self.seq},"side":"{self.side}","price":"{self.price}","quantity":"{self.quantity}",'
            f'"by":"{self.by}"{hidden}}}'
        )


@mypyc_attr(acyclic=True, free_list_len=1)
class Canceled(Event):
    """A resting order was taken off. Book change: `quantity` leaves the level `price` on `side`.

    `hidden` is what an iceberg did not show. `reason` says who did it: nobody but the owner (empty), the `switch`, or
    the order's own rules (`time`, `oco`, `list`), in which case it has expired rather than been cancelled.
    """

    def __init__(
        self,
        order: int,
        account: int,
        market: str,
        seq: int,
        side: Side,
        price: int,
        quantity: int,
        hidden: int = 0,
        reason: str = "",
    ) -> None:
        self.order = order
        self.account = account
        self.market = market
        self.seq = seq
        self.side = side
        self.price = price
        self.quantity = quantity
        self.hidden = hidden
        self.reason = reason

    def json(self) -> str:
        hidden = f',"hidden":"{self.hidden}"' if self.hidden else ""
        reason = f',"reason":"{self.reason}"' if self.reason else ""
        return (
            f'{{"type":"canceled","order":{self.order},"account":{self.account},"market":"{self.market}",'
            f'"seq":{self.seq},"side":"{self.side}","price":"{self.price}","quantity":"{self.quantity}"'
            f"{hidden}{reason}}}"
        )


@mypyc_attr(acyclic=True, free_list_len=1)
class Done(Event):
    """An accepted order ended while it was not on the book; `left` is the base quantity that neither traded nor was
    prevented (zero when the order was given as a quote amount), `reason` why it expired, where that is not plain from
    its type (docs/rules.md)."""

    def __init__(self, order: int, account: int, market: str, end: OrderEnd, left: int, reason: str = "") -> None:
        self.order = order
        self.account = account
        self.market = market
        self.end = end
        self.left = left
        self.reason = reason

    def json(self) -> str:
        reason = f',"reason":"{self.reason}"' if self.reason else ""
        return (
            f'{{"type":"done","order":{self.order},"account":{self.account},"market":"{self.market}",'
            f'"end":"{self.end}","left":"{self.left}"{reason}}}'
        )


class ListOpened(Event):
    """An order list has its number; `orders` are its members' in the order of the legs."""

    def __init__(
        self, order_list: int, account: int, market: str, kind: ListKind, client_id: str, orders: list[int]
    ) -> None:
        self.order_list = order_list
        self.account = account
        self.market = market
        self.kind = kind
        self.client_id = client_id
        self.orders = orders

    def json(self) -> str:
        orders = ",".join([str(order) for order in self.orders])
        return (
            f'{{"type":"list_opened","order_list":{self.order_list},"account":{self.account},"market":"{self.market}",'
            f'"kind":"{self.kind}","client_id":"{self.client_id}","orders":[{orders}]}}'
        )


class ListDone(Event):
    """The last member of an order list has ended."""

    def __init__(self, order_list: int, account: int, market: str) -> None:
        self.order_list = order_list
        self.account = account
        self.market = market

    def json(self) -> str:
        return (
            f'{{"type":"list_done","order_list":{self.order_list},"account":{self.account},"market":"{self.market}"}}'
        )


class AllCanceled(Event):
    """`cancel_all` has ended `count` orders; `more` are there: repeat it."""

    def __init__(self, account: int, count: int, more: bool) -> None:
        self.account = account
        self.count = count
        self.more = more

    def json(self) -> str:
        more = "true" if self.more else "false"
        return f'{{"type":"all_canceled","account":{self.account},"count":{self.count},"more":{more}}}'
