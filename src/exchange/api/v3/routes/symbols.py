"""Which markets a request asks for: by `symbol`, by `symbols`, by `symbolStatus`, or all.

One symbol gives one thing, anything else a list (Binance: rest-api.md, "Market Data endpoints").
"""

from collections.abc import Callable, Mapping
from typing import Final

from exchange.api.contract.declared import Shape, Text, Word, optional
from exchange.api.v3 import faults
from exchange.api.v3.call import Call
from exchange.api.v3.declared import Names
from exchange.api.v3.faults import Fault
from exchange.api.v3.shapes.info import STATUSES
from exchange.projections.live.records import LiveMarket

MOST: Final = 1000
MOST_COUNTED: Final = 100
"""How many symbols a request may name where each is counted up from the database."""

LIST: Final = r'^\["[A-Z0-9-_.]{1,50}"(,"[A-Z0-9-_.]{1,50}"){0,}\]$'

STATUS_WORDS: Final = {word: word for word in ("TRADING", "HALT", "BREAK")}
STATUS: Final[Shape] = {"symbolStatus": optional(Word(STATUS_WORDS))}
SYMBOL: Final[Shape] = {"symbol": optional(Text()), "symbols": Names(LIST, MOST, required=False), **STATUS}
COUNTED: Final[Shape] = {"symbol": optional(Text()), "symbols": Names(LIST, MOST_COUNTED, required=False), **STATUS}

Named = tuple[str, LiveMarket]


def named(values: Mapping[str, str]) -> int:
    """How many symbols a request names; zero when it names none."""
    if "symbol" in values:
        return 1
    return values["symbols"].count(",") + 1 if "symbols" in values else 0


def status_of(call: Call) -> str | None:
    """The status that is asked for.

    Raises:
        Fault: there is no such status.
    """
    if "symbolStatus" not in call.params:
        return None
    wrong = Fault(faults.INVALID_SYMBOL_STATUS, "Invalid symbolStatus.")
    return call.params.choice("symbolStatus", STATUS_WORDS, wrong)


def one(call: Call) -> LiveMarket:
    """The market that `symbol` names.

    Raises:
        Fault: there is none, or it has another status than the one that is asked for.
    """
    market = call.market()
    status = status_of(call)
    if status is not None and STATUSES[market.status] != status:
        msg = "The symbol's status does not match the requested symbolStatus."
        raise Fault(faults.STATUS_MISMATCH, msg)
    return market


def chosen(call: Call, *, required: bool = False) -> tuple[list[Named], bool]:
    """The markets asked for, with their symbols, and whether it is a single one that is answered by itself.

    Raises:
        Fault: a symbol is unknown, both forms are there, or (where one is `required`) neither.
    """
    several = call.params.names("symbols")
    if "symbol" in call.params:
        if several is not None:
            raise faults.combination()
        market = one(call)
        return [(call.symbol(market.name), market)], True
    status = status_of(call)
    if several is None and required:
        raise faults.either("symbol", "symbols")
    found = list(call.gateway.symbols.all(call.view.markets)) if several is None else _each(call, several)
    return [pair for pair in found if status is None or STATUSES[pair[1].status] == status], False


def answered(found: list[Named], single: bool, show: Callable[[str, LiveMarket], object]) -> object:
    """One thing, or a list."""
    shown = [show(symbol, market) for symbol, market in found]
    return shown[0] if single else shown


def _each(call: Call, symbols: list[str]) -> list[Named]:
    return [(call.symbol(market.name), market) for market in [call.market_of(symbol) for symbol in symbols]]
