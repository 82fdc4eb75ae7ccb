"""Sub-accounts: further accounts of a user, in one trade group, so that their orders do not trade with each other.

An account that joins and prevents no self-trades expires the resting order from then on; its owner may ask for anything
else, also for none.

A label names one: asking for the same again gives the same one, and finishes what was left half done. Nothing is taken
from the database but labels and numbers (`auth.sub_accounts`).
"""

import re
from typing import Final

from exchange.api.auth.sub_accounts import SubAccounts, number_of, ref_of
from exchange.api.contract.declared import Json, Shape, Text, endpoint
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.v1 import schemas
from exchange.api.v1.acting import signed
from exchange.api.v1.call import Call, Reply
from exchange.api.v1.owning import own_account
from exchange.api.v1.refusals import COMMAND
from exchange.commands.types import SetStp, SetTradeGroup
from exchange.projections.live import private
from exchange.projections.live.records import LiveAccount
from exchange.terms.codes import Code
from exchange.terms.words import EXPIRE_MAKER, NONE

LABEL: Final[Shape] = {
    "label": Text(re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,31}"), "A label is 1 to 32 of A-Z a-z 0-9 _ . - and blank.")
}
_NAMED: Final = {"account": schemas.ID, "label": schemas.TEXT}
SUB_ACCOUNT: Final = schemas.named("SubAccount", schemas.thing(**_NAMED, trade_group=schemas.maybe(schemas.ID)))
_KEPT: Final = (GatewayCode.DATABASE_UNAVAILABLE, GatewayCode.BUSY)


@endpoint(
    "Open a sub-account, or find the one with this label.",
    body=LABEL,
    answer=SUB_ACCOUNT,
    status=201,
    codes=COMMAND | {*_KEPT, GatewayCode.TOO_MANY_SUB_ACCOUNTS, Code.HOUSE_ACCOUNT},
)
async def create(call: Call) -> Reply:
    """`POST sub-accounts`."""
    first = _first(call)
    label = (await call.body()).matched("label")
    gateway = call.gateway
    subject = call.principal.subject
    ref = ref_of(subject, await _labels(call).number(subject, label))
    number = gateway.view.account_of(ref)
    if number is None:
        number = await gateway.open_account(ref)
    group = first.group or first.id
    for account in (first.id, number):
        joining = gateway.view.accounts[account]
        if joining.group != group:
            if joining.stp == NONE:
                await gateway.commands.carry_out(SetStp(account, EXPIRE_MAKER))
            await gateway.commands.carry_out(signed(call, SetTradeGroup(account, group)))
    shown = {"account": number, "label": label, "trade_group": group}
    return Reply(shown, gateway.view.position, status=201)


@endpoint(
    "The caller's sub-accounts, with balances.",
    answer=schemas.thing(
        sub_accounts=schemas.many(
            schemas.thing(**_NAMED, trade_group=schemas.maybe(schemas.ID), balances=schemas.many(schemas.BALANCE))
        )
    ),
    codes=_KEPT,
)
async def listing(call: Call) -> Reply:
    """`GET sub-accounts`."""
    _first(call)
    subject = call.principal.subject
    labels = await _labels(call).labels(subject)
    view = call.gateway.view
    shown: list[Json] = []
    for number, label in labels.items():
        account = view.account_of(ref_of(subject, number))
        if account is not None:
            group = view.accounts[account].group or None
            told: Json = {"account": account, "label": label, "trade_group": group}
            shown.append({**told, "balances": private.balances(view, account)})
    return Reply({"sub_accounts": shown}, view.position)


@endpoint(
    "Give a sub-account another label.",
    body=LABEL,
    answer=schemas.thing(**_NAMED),
    codes=(*_KEPT, Code.UNKNOWN_ACCOUNT, GatewayCode.LABEL_USED),
    position=False,
)
async def rename(call: Call) -> Reply:
    """`PATCH sub-accounts/{account}`."""
    _first(call)
    label = (await call.body()).matched("label")
    account = own_account(call, call.path_number("account", Code.UNKNOWN_ACCOUNT))
    number = number_of(account.ref)
    if not number:
        raise ApiError(Code.UNKNOWN_ACCOUNT, "account")
    await _labels(call).rename(call.principal.subject, number, label)
    return Reply({"account": account.id, "label": label})


def _first(call: Call) -> LiveAccount:
    """The caller's first account, whichever they act for.

    Raises:
        ApiError: they have none.
    """
    view = call.gateway.view
    number = view.account_of(call.principal.subject)
    if number is None:
        raise ApiError(GatewayCode.NO_ACCOUNT)
    return view.accounts[number]


def _labels(call: Call) -> SubAccounts:
    return call.gateway.people.sub_accounts
