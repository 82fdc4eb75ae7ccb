"""Is anybody there, and what time is it (Binance: rest-api.md, General endpoints)."""

from exchange.api.v3.call import Call
from exchange.api.v3.declared import endpoint


@endpoint("Test connectivity.", answer={"type": "object", "additionalProperties": False}, method="ping")
async def ping(_: Call) -> object:
    """`GET /api/v3/ping`."""
    return {}


@endpoint(
    "The server's time.",
    answer={
        "type": "object",
        "properties": {"serverTime": {"type": "integer"}},
        "required": ["serverTime"],
        "additionalProperties": False,
    },
    method="time",
)
async def time(call: Call) -> object:
    """`GET /api/v3/time`: the clock that timestamps are held against."""
    return {"serverTime": call.gateway.clock.now_ms() * call.unit}
