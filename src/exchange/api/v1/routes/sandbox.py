"""A sandbox's clock: what it shows, and moving it. Outside a sandbox these addresses are not there."""

from decimal import Decimal
from typing import Final

from exchange.api.contract.declared import Amount, Shape, Whole, endpoint, optional
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.gateway import CATCH_UP_S
from exchange.api.v1 import schemas
from exchange.api.v1.call import Call, Reply
from exchange.effects.ports import LogFull, LogUnavailable
from exchange.effects.redis.clock import HIGHEST_RATE, LATEST_MS, RATE, Move, Moved, Refused, SandboxClock
from exchange.roles.moves import TICK, settled
from exchange.terms.codes import Code

RATE_DECIMALS: Final = 3
MOVES: Final[Shape] = {
    "rate": optional(Amount()),
    "step": optional(Whole(1, LATEST_MS)),
    "time": optional(Whole(1, LATEST_MS)),
}
CLOCK: Final = schemas.thing(time=schemas.TIME, rate=schemas.AMOUNT, paused=schemas.FLAG)


@endpoint("What a sandbox's clock shows.", answer=CLOCK, codes=(GatewayCode.NOT_FOUND, GatewayCode.LOG_UNAVAILABLE))
async def show(call: Call) -> Reply:
    """`GET sandbox/clock`."""
    clock = _clock(call)
    try:
        return _reply(call, await clock.refresh())
    except LogUnavailable:
        raise ApiError(GatewayCode.LOG_UNAVAILABLE) from None


@endpoint(
    "Move a sandbox's clock: one of rate (0 pauses), step and time.",
    body=MOVES,
    answer=CLOCK,
    codes=(GatewayCode.NOT_FOUND, GatewayCode.LOG_UNAVAILABLE, GatewayCode.LOG_FULL, Code.OUT_OF_RANGE),
)
async def move(call: Call) -> Reply:
    """`PUT sandbox/clock`: answers when everything that fell due has happened, and this gateway has seen it."""
    clock = _clock(call)
    body = await call.body()
    given = [name for name in MOVES if name in body]
    if len(given) != 1:
        raise ApiError(Code.INVALID_FIELD, None, detail="Say one of rate, step and time.")
    what: Move
    if given == ["rate"]:
        amount = body.amount("rate", RATE_DECIMALS)
        if amount > HIGHEST_RATE:
            raise ApiError(Code.OUT_OF_RANGE, "rate", detail="A rate is from 0.001 to 10000; 0 pauses.")
        what = "run" if amount else "pause"
    elif given == ["step"]:
        what, amount = "step", body.number("step")
    else:
        what, amount = "set", body.number("time")
    gateway = call.gateway
    try:
        moved = await clock.move(what, amount, TICK)
        if moved.tick is not None:
            moved = moved._replace(tick=await settled(gateway.log, clock, moved.tick))
            await gateway.follower.at_least(moved.tick or gateway.view.position, CATCH_UP_S)
    except Refused as refused:
        raise ApiError(Code.OUT_OF_RANGE, given[0], detail=f"{refused}.".capitalize()) from None
    except LogFull:
        raise ApiError(GatewayCode.LOG_FULL) from None
    except LogUnavailable:
        detail = "The clock may or may not have been moved: look at it, and give an absolute time."
        raise ApiError(GatewayCode.LOG_UNAVAILABLE, detail=detail) from None
    return _reply(call, moved)


def _clock(call: Call) -> SandboxClock:
    clock = call.gateway.sandbox
    if clock is None:
        raise ApiError(GatewayCode.NOT_FOUND, detail="This is no sandbox: `exchange fork` makes one.")
    return clock


def _reply(call: Call, shown: Moved) -> Reply:
    data = {"time": shown.now_ms, "rate": format(Decimal(shown.rate) / RATE, "f"), "paused": shown.rate == 0}
    return Reply(data, shown.tick or call.gateway.view.position)
