"""The markets with their terms, and what rules their orders meet (Binance: rest-api.md, exchangeInfo,
executionRules)."""

import re
from collections.abc import Mapping
from typing import Final

import orjson

from exchange.api.contract.declared import Flag, Text, optional
from exchange.api.v3 import faults
from exchange.api.v3.call import Call
from exchange.api.v3.declared import endpoint
from exchange.api.v3.routes import symbols
from exchange.api.v3.shapes import info, schemas

_PERMISSIONS: Final = re.compile(r"SPOT|MARGIN|LEVERAGED|TRD_GRP_0(?:0[2-9]|1[0-9]|2[0-5])", re.ASCII)


@endpoint(
    "The markets and their terms.",
    params={**symbols.SYMBOL, "permissions": optional(Text()), "showPermissionSets": Flag(required=False)},
    weight=20,
    answer=schemas.EXCHANGE_INFO,
    method="exchangeInfo",
    codes=(faults.BAD_SYMBOL, faults.BAD_COMBINATION, faults.INVALID_SYMBOL_STATUS),
)
async def exchange_info(call: Call) -> object:
    """`GET /api/v3/exchangeInfo`."""
    params = call.params
    by_name = "symbol" in params or "symbols" in params
    if by_name and ("permissions" in params or "symbolStatus" in params):
        raise faults.combination()
    shows_sets = params.flag("showPermissionSets", default=True)
    listed = "permissions" not in params or info.PERMISSION in _permissions(params.text("permissions"))
    found, _ = symbols.chosen(call)
    return {
        "timezone": "UTC",
        "serverTime": call.gateway.clock.now_ms() * call.unit,
        "rateLimits": [info.rate_limit(limit) for limit in call.gateway.limiter.limits if limit.kind != "CONNECTIONS"],
        "exchangeFilters": [],
        "symbols": [info.symbol(name, of, permission_sets=shows_sets) for name, of in found] if listed else [],
    }


def _rules_weight(values: Mapping[str, str]) -> int:
    return min(40, 2 * symbols.named(values)) or 40


@endpoint(
    "What stops orders of a market while they trade.",
    params=symbols.SYMBOL,
    weight=_rules_weight,
    answer=schemas.RULES,
    method="executionRules",
    codes=(faults.BAD_SYMBOL, faults.BAD_COMBINATION, faults.INVALID_SYMBOL_STATUS),
)
async def execution_rules(call: Call) -> object:
    """`GET /api/v3/executionRules`."""
    if "symbolStatus" in call.params and ("symbol" in call.params or "symbols" in call.params):
        raise faults.combination()
    found, _ = symbols.chosen(call)
    return {"symbolRules": [info.rules(name, of) for name, of in found]}


def _permissions(text: str) -> list[str]:
    """One permission, or several as a JSON list.

    Raises:
        Fault: there is no such permission.
    """
    named: object = [text]
    if text.startswith("["):
        try:
            named = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise faults.invalid("permissions") from None
    if not isinstance(named, list) or not named:
        raise faults.invalid("permissions")
    found: list[str] = []
    for one in named:
        if not isinstance(one, str) or _PERMISSIONS.fullmatch(one) is None:
            raise faults.invalid("permissions")
        found.append(one)
    return found
