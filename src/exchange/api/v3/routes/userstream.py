"""Listen keys for user data (Binance: rest-api.md, User Data Stream endpoints, as published until they were withdrawn).

New programs subscribe by the WebSocket API; these are for those that still ask for a key and listen at `/ws/<key>`.
"""

import re
from typing import Final

from exchange.api.errors import ApiError, GatewayCode
from exchange.api.v3 import faults
from exchange.api.v3.call import Call
from exchange.api.v3.declared import Security, Shape, Text, endpoint
from exchange.api.v3.faults import Fault
from exchange.api.v3.userdata.listening import KEY_CHARS, ListenKeys

_NAMED: Final[Shape] = {"listenKey": Text(re.compile(rf"[A-Za-z0-9]{{1,{2 * KEY_CHARS}}}", re.ASCII))}
_NOTHING: Final = {"type": "object", "additionalProperties": False}


@endpoint(
    "A listen key for the account's user data, good for an hour.",
    security=Security.KEY,
    weight=2,
    answer={
        "type": "object",
        "properties": {"listenKey": {"type": "string", "minLength": KEY_CHARS, "maxLength": KEY_CHARS}},
        "required": ["listenKey"],
        "additionalProperties": False,
    },
    method="userDataStream.start",
)
async def start(call: Call) -> object:
    """`POST /api/v3/userDataStream`: the key that the account has is given again, and lasts another hour."""
    return {"listenKey": await _keys(call).start(call.account.id)}


@endpoint(
    "Let a listen key last another hour.",
    params=_NAMED,
    security=Security.KEY,
    weight=2,
    answer=_NOTHING,
    method="userDataStream.ping",
    codes=(faults.INVALID_LISTEN_KEY,),
)
async def keep(call: Call) -> object:
    """`PUT /api/v3/userDataStream`."""
    return _known(await _keys(call).keep(call.account.id, call.params.text("listenKey")))


@endpoint(
    "End a listen key.",
    params=_NAMED,
    security=Security.KEY,
    weight=2,
    answer=_NOTHING,
    method="userDataStream.stop",
    codes=(faults.INVALID_LISTEN_KEY,),
)
async def end(call: Call) -> object:
    """`DELETE /api/v3/userDataStream`."""
    return _known(await _keys(call).end(call.account.id, call.params.text("listenKey")))


def _keys(call: Call) -> ListenKeys:
    keys = call.gateway.user_streams
    if keys is None:
        raise ApiError(GatewayCode.LOG_UNAVAILABLE)
    return keys


def _known(known: bool) -> object:
    if not known:
        raise Fault(faults.INVALID_LISTEN_KEY, "This listenKey does not exist.")
    return {}
