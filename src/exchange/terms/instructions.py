"""What an order may say beyond side, type, price and quantity: FIX calls them execution instructions.

They stand apart because nearly all orders say none of it: such orders share `PLAIN`, and neither command, event nor
open order pays for what it does not use.
"""

from typing import Final

from exchange.terms.words import PostOnly, SelfTrade


class Instructions:
    """Zero and the empty string mean "not given". Never changed once made.

    `stop_price`: the trigger, quote units for one whole base unit. `trailing_bps` or `trailing_amount` (quote units):
    the trail. `expires_ms`: when a `gtd` order ends, milliseconds since the epoch. `post_only`: never take. `display`:
    the most that an iceberg shows, base units. `stp`: self-trade prevention, else the account's. `slippage_bps`: how
    much worse than the best price an order without a price may trade, else the market's cap.
    """

    def __init__(
        self,
        stop_price: int = 0,
        trailing_bps: int = 0,
        trailing_amount: int = 0,
        expires_ms: int = 0,
        post_only: PostOnly = "",
        display: int = 0,
        stp: SelfTrade | None = None,
        slippage_bps: int = 0,
    ) -> None:
        self.stop_price = stop_price
        self.trailing_bps = trailing_bps
        self.trailing_amount = trailing_amount
        self.expires_ms = expires_ms
        self.post_only: PostOnly = post_only
        self.display = display
        self.stp: SelfTrade | None = stp
        self.slippage_bps = slippage_bps

    def named(self) -> list[tuple[str, int | str]]:
        """What is given, as it stands on the wire: amounts as digits, times and basis points as numbers."""
        given: list[tuple[str, int | str]] = []
        if self.stop_price:
            given.append(("stop_price", str(self.stop_price)))
        if self.trailing_bps:
            given.append(("trailing_bps", self.trailing_bps))
        if self.trailing_amount:
            given.append(("trailing_amount", str(self.trailing_amount)))
        if self.expires_ms:
            given.append(("expires_ms", self.expires_ms))
        if self.post_only:
            given.append(("post_only", self.post_only))
        if self.display:
            given.append(("display", str(self.display)))
        if self.stp is not None:
            given.append(("stp", self.stp))
        if self.slippage_bps:
            given.append(("slippage_bps", self.slippage_bps))
        return given


PLAIN: Final = Instructions()
"""Nothing but the order itself."""
