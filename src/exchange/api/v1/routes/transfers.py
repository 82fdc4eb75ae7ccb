"""Transfers: money that goes from one of a user's accounts to another.

Both accounts are the caller's own, and of one trade group (sub-accounts are); somebody else's account is answered as
one that is not there. The `ref` makes a retry safe, as those of deposits and withdrawals do.
"""

import secrets
from typing import Final

from exchange.api.contract.declared import Amount, Shape, Text, Whole, endpoint, optional
from exchange.api.errors import ApiError
from exchange.api.v1 import replies, schemas
from exchange.api.v1.call import Call, Reply
from exchange.api.v1.ordering import positive
from exchange.api.v1.owning import own_account
from exchange.api.v1.refusals import MONEY, PAST
from exchange.api.v1.routes.money import PAGE_BY_POSITION
from exchange.commands.types import Transfer
from exchange.projections.live import shapes
from exchange.terms.amounts import MAX_COUNT
from exchange.terms.codes import Code
from exchange.terms.words import REF_PATTERN

SINCE: Final = 3
"""The version of the rules that knows transfers."""

_ACCOUNT: Final = Whole(0, MAX_COUNT)
TRANSFER: Final[Shape] = {
    "from": optional(_ACCOUNT),
    "to": _ACCOUNT,
    "asset": Text(),
    "amount": Amount(),
    "ref": optional(Text(REF_PATTERN, "A ref is 1 to 64 of A-Z a-z 0-9 _ . : / -")),
}
_FIELDS: Final = {"account": "from"}
"""What the command calls otherwise."""


@endpoint(
    "Move what is available from one of your accounts to another.",
    body=TRANSFER,
    answer=schemas.TRANSFER,
    status=201,
    codes=MONEY | {Code.UNKNOWN_RULES, Code.SAME_ACCOUNT, Code.NOT_SAME_GROUP},
)
async def transfer(call: Call) -> Reply:
    """`POST transfers`."""
    body = await call.body()
    gateway = call.gateway
    asset = body.text("asset")
    amount = positive(body, "amount", gateway.decimals(asset))
    source = _own(call, body.number("from"), "from") if "from" in body else call.account.id
    to = _own(call, body.number("to"), "to")
    if gateway.view.rules < SINCE:
        detail = (
            "Transfers need version 3 of the rules; an administrator can go over to it (`exchange admin set-rules`)."
        )
        raise ApiError(Code.UNKNOWN_RULES, detail=detail)
    ref = body.matched("ref") if "ref" in body else secrets.token_hex(16)
    try:
        answer = await gateway.commands.carry_out(Transfer(source, to, asset, amount, ref))
    except ApiError as error:
        if error.field not in _FIELDS:
            raise
        raise ApiError(error.code, _FIELDS[error.field], position=error.position) from None
    return Reply(replies.transferred(gateway.view, answer.id, answer.outcome), answer.id, status=201)


def _own(call: Call, number: int, field: str) -> int:
    try:
        return own_account(call, number).id
    except ApiError as error:
        raise ApiError(error.code, field) from None


@endpoint(
    "Transfers from and to your account, newest first.",
    query=PAGE_BY_POSITION,
    answer=schemas.thing(transfers=schemas.many(schemas.TRANSFER)),
    codes=PAST,
    weight=5,
)
async def transfers(call: Call) -> Reply:
    """`GET transfers`."""
    query = call.query()
    view = call.gateway.view
    page = await call.gateway.past.transfers(
        view, call.account.id, before=query.position("before"), limit=query.number("limit")
    )
    return Reply({"transfers": [shapes.transfer(one, view.assets[one.asset]) for one in page]}, page.position)
