"""In doubt the markets halt: the last thing that a role does which no longer trusts what it sees.

It asks as any operator might, with one command for each market. A market that cannot be halted now (its auction is
being uncrossed, the log is away) is asked for again, for some seconds; then the log says which were left.

It must never keep the role from stopping, nor hide why it does.
"""

from collections.abc import Iterable

import structlog

from exchange.commands.codec import encode
from exchange.commands.types import SetMarketStatus
from exchange.effects.ports import Clock, EffectError, Log
from exchange.terms.stream import StreamId
from exchange.terms.words import HALTED

_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""Seconds after which to look whether a market was halted, and to ask again where it was refused."""

_logger = structlog.get_logger(__name__)


async def halt(log: Log, clock: Clock, markets: Iterable[str], reason: str) -> None:
    """Halt every market, as far as the log lets it; says so loudly, and what could not be halted."""
    left = list(markets)
    _logger.critical("in doubt: halting all markets", reason=reason, markets=left)
    for pause in _PAUSES:
        asked = {market: await _ask(log, market) for market in left}
        await clock.sleep(pause)
        left = [market for market, id in asked.items() if id is None or await _refused(log, id)]
        if not left:
            return
    _logger.critical("markets could not be halted: halt them by hand, or stop the gateways", markets=left)


async def _ask(log: Log, market: str) -> StreamId | None:
    try:
        return await log.append(encode(SetMarketStatus(market, HALTED)))
    except EffectError as error:
        _logger.warning("a market could not be halted yet", market=market, reason=str(error))
        return None


async def _refused(log: Log, id: StreamId) -> bool:
    """Whether the command is known not to halt its market. One without a result yet will halt it."""
    try:
        entry = await log.event(id)
    except EffectError:
        return True
    return entry is not None and b'"type":"market_status_set"' not in entry.payload
