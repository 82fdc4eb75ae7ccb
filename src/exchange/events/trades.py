"""What orders did to each other."""

from mypy_extensions import mypyc_attr

from exchange.events.base import Act, Event
from exchange.terms.words import SelfTrade, Side


@mypyc_attr(acyclic=True, free_list_len=1)
class Trade(Event):
    """The taker's order met a resting one, at the resting one's price.

    Book change: `quantity` leaves the level `price` on the side opposite to `taker_side`. `notional` is what was paid
    in quote units. Each side's fee is in the asset it received: base for the buyer, quote for the seller. `maker_left`
    is what remains of the maker's order: at zero it is filled and gone. `rebate` is what the maker got out of the
    taker's fee, in that fee's asset; such a maker's own fee is zero.
    """

    def __init__(
        self,
        trade: int,
        market: str,
        seq: int,
        price: int,
        quantity: int,
        notional: int,
        taker_side: Side,
        maker_order: int,
        taker_order: int,
        maker: int,
        taker: int,
        maker_fee: int,
        taker_fee: int,
        maker_left: int,
        rebate: int = 0,
    ) -> None:
        self.trade = trade
        self.market = market
        self.seq = seq
        self.price = price
        self.quantity = quantity
        self.notional = notional
        self.taker_side = taker_side
        self.maker_order = maker_order
        self.taker_order = taker_order
        self.maker = maker
        self.taker = taker
        self.maker_fee = maker_fee
        self.taker_fee = taker_fee
        self.maker_left = maker_left
        self.rebate = rebate

    def json(self) -> str:
        rebate = f',"rebate":"{self.rebate}"' if self.rebate else ""
        return (
            f'{{"type":"trade","trade":{self.trade},"market":"{self.market}","seq":{self.seq},'
            f'"price":"{self.price}","quantity":"{self.quantity}","notional":"{self.notional}",'
            f'"taker_side":"{self.taker_side}","maker_order":{self.maker_order},'
            f'"taker_order":{self.taker_order},"maker":{self.maker},"taker":{self.taker},'
            f'"maker_fee":"{self.maker_fee}","taker_fee":"{self.taker_fee}",'
            f'"maker_left":"{self.maker_left}"{rebate}}}'
        )


class Prevented(Event):
    """A trade with oneself was not made (docs/rules.md). `prevented` numbers these over the log.

    `taker_quantity` and `maker_quantity` (base) are what the two orders lost by it; `maker_left` is what remains of the
    maker's order: at zero, and something lost, it has ended with `expired_in_match`. The taker's end is told by its
    `done`. Book change, unless `seq` is zero: `shown` leaves the level `price` on the side opposite to `taker_side`.
    """

    def __init__(
        self,
        prevented: int,
        market: str,
        seq: int,
        price: int,
        stp: SelfTrade,
        taker_side: Side,
        maker_order: int,
        taker_order: int,
        maker: int,
        taker: int,
        maker_quantity: int,
        taker_quantity: int,
        shown: int,
        maker_left: int,
    ) -> None:
        self.prevented = prevented
        self.market = market
        self.seq = seq
        self.price = price
        self.stp = stp
        self.taker_side = taker_side
        self.maker_order = maker_order
        self.taker_order = taker_order
        self.maker = maker
        self.taker = taker
        self.maker_quantity = maker_quantity
        self.taker_quantity = taker_quantity
        self.shown = shown
        self.maker_left = maker_left

    def json(self) -> str:
        return (
            f'{{"type":"prevented","prevented":{self.prevented},"market":"{self.market}","seq":{self.seq},'
            f'"price":"{self.price}","stp":"{self.stp}","taker_side":"{self.taker_side}",'
            f'"maker_order":{self.maker_order},"taker_order":{self.taker_order},"maker":{self.maker},'
            f'"taker":{self.taker},"maker_quantity":"{self.maker_quantity}",'
            f'"taker_quantity":"{self.taker_quantity}","shown":"{self.shown}","maker_left":"{self.maker_left}"}}'
        )


class AuctionTrade(Event):
    """Two resting orders met in an uncrossing, at the auction's price.

    Book change: `buy_shown` leaves the level `buy_price` of the bids and `sell_shown` the level `sell_price` of the
    asks (less than `quantity` where hidden quantity traded). `taker_side` is the newer order's, for the fees; fees and
    `rebate` as in `trade`. `buy_left` and `sell_left` remain of the orders: at zero they are filled and gone.
    """

    def __init__(
        self,
        trade: int,
        market: str,
        seq: int,
        price: int,
        quantity: int,
        notional: int,
        taker_side: Side,
        buy_order: int,
        sell_order: int,
        buyer: int,
        seller: int,
        buy_price: int,
        sell_price: int,
        buy_shown: int,
        sell_shown: int,
        buy_fee: int,
        sell_fee: int,
        rebate: int,
        buy_left: int,
        sell_left: int,
    ) -> None:
        self.trade = trade
        self.market = market
        self.seq = seq
        self.price = price
        self.quantity = quantity
        self.notional = notional
        self.taker_side = taker_side
        self.buy_order = buy_order
        self.sell_order = sell_order
        self.buyer = buyer
        self.seller = seller
        self.buy_price = buy_price
        self.sell_price = sell_price
        self.buy_shown = buy_shown
        self.sell_shown = sell_shown
        self.buy_fee = buy_fee
        self.sell_fee = sell_fee
        self.rebate = rebate
        self.buy_left = buy_left
        self.sell_left = sell_left

    def json(self) -> str:
        return (
            f'{{"type":"auction_trade","trade":{self.trade},"market":"{self.market}","seq":{self.seq},'
            f'"price":"{self.price}","quantity":"{self.quantity}","notional":"{self.notional}",'
            f'"taker_side":"{self.taker_side}","buy_order":{self.buy_order},"sell_order":{self.sell_order},'
            f'"buyer":{self.buyer},"seller":{self.seller},"buy_price":"{self.buy_price}",'
            f'"sell_price":"{self.sell_price}","buy_shown":"{self.buy_shown}","sell_shown":"{self.sell_shown}",'
            f'"buy_fee":"{self.buy_fee}","sell_fee":"{self.sell_fee}","rebate":"{self.rebate}",'
            f'"buy_left":"{self.buy_left}","sell_left":"{self.sell_left}"}}'
        )


class Uncrossed(Act):
    """A call auction's outcome: `quantity` (base) traded at `price`; both zero when nothing crossed."""

    def __init__(self, market: str, price: int, quantity: int, by: str = "") -> None:
        super().__init__(by)
        self.market = market
        self.price = price
        self.quantity = quantity

    def json(self) -> str:
        return (
            f'{{"type":"uncrossed","market":"{self.market}","price":"{self.price}",'
            f'"quantity":"{self.quantity}"{self.by_json()}}}'
        )
