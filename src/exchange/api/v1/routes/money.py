"""Money: balances, deposits (a faucet in demo mode), withdrawals, fills."""

import secrets
from typing import Final

from exchange.api.contract.declared import Amount, Position, Shape, Text, Whole, endpoint, optional
from exchange.api.contract.reading import Fields
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.v1 import replies, schemas
from exchange.api.v1.acting import signed
from exchange.api.v1.call import Call, Reply
from exchange.api.v1.refusals import COMMAND, MONEY, PAST
from exchange.api.v1.routes.paging import LIMIT, PAGE, before
from exchange.commands.types import Deposit, ReleaseWithdrawal, SettleWithdrawal, Withdraw
from exchange.projections.live import private, shapes
from exchange.terms.amounts import MAX_COUNT
from exchange.terms.codes import Code
from exchange.terms.words import REF_PATTERN

FAUCET_AT_ONCE: Final = 100_000_000
"""Whole units of an asset that the faucet gives in one deposit…"""
FAUCET_HELD: Final = 1_000_000_000
"""… and up to which an account may hold of it."""

TRANSFER: Final[Shape] = {
    "asset": Text(),
    "amount": Amount(),
    "ref": optional(Text(REF_PATTERN, "A ref is 1 to 64 of A-Z a-z 0-9 _ . : / -")),
}
PAGE_BY_POSITION: Final[Shape] = {"limit": LIMIT, "before": optional(Position())}

_ENDING: Final = COMMAND | {Code.UNKNOWN_WITHDRAWAL, Code.BALANCE_LIMIT}


@endpoint("Balances, by name.", answer=schemas.thing(balances=schemas.many(schemas.BALANCE)))
async def balances(call: Call) -> Reply:
    """`GET balances`."""
    view = call.gateway.view
    return Reply({"balances": private.balances(view, call.account.id)}, view.position)


@endpoint(
    "Credit a deposit: a faucet in demo mode, or an administrator's act with an account.",
    body={**TRANSFER, "account": optional(Whole(0, MAX_COUNT))},
    answer=schemas.DEPOSIT,
    status=201,
    codes=MONEY
    | {GatewayCode.FAUCET_OFF, GatewayCode.FAUCET_LIMIT, GatewayCode.FORBIDDEN, GatewayCode.DATABASE_UNAVAILABLE},
)
async def deposit(call: Call) -> Reply:
    """`POST deposits`."""
    body = await call.body()
    gateway = call.gateway
    asset, amount = _transfer(call, body)
    ref = _ref(body)
    if "account" in body:
        await gateway.require_admin(call.principal)
        command = signed(call, Deposit(body.number("account"), asset, amount, ref))
    else:
        _check_faucet(call, asset, amount)
        command = Deposit(call.account.id, asset, amount, ref)
    answer = await gateway.commands.carry_out(command)
    return Reply(replies.deposited(gateway.view, answer.id, answer.outcome), answer.id, status=201)


@endpoint(
    "Deposits, newest first.",
    query=PAGE_BY_POSITION,
    answer=schemas.thing(deposits=schemas.many(schemas.DEPOSIT)),
    codes=PAST,
    weight=5,
)
async def deposits(call: Call) -> Reply:
    """`GET deposits`."""
    query = call.query()
    view = call.gateway.view
    page = await call.gateway.past.deposits(
        view, call.account.id, before=query.position("before"), limit=query.number("limit")
    )
    shown = [shapes.deposit(record, view.assets[record.asset]) for record in page]
    return Reply({"deposits": shown}, page.position)


@endpoint(
    "Ask for a withdrawal: the amount is locked.", body=TRANSFER, answer=schemas.WITHDRAWAL, status=201, codes=MONEY
)
async def withdraw(call: Call) -> Reply:
    """`POST withdrawals`."""
    body = await call.body()
    gateway = call.gateway
    asset, amount = _transfer(call, body)
    answer = await gateway.commands.carry_out(Withdraw(call.account.id, asset, amount, _ref(body)))
    return Reply(replies.reserved(gateway.view, answer.id, answer.outcome), answer.id, status=201)


@endpoint(
    "Withdrawals, newest first.",
    query=PAGE_BY_POSITION,
    answer=schemas.thing(withdrawals=schemas.many(schemas.WITHDRAWAL)),
    codes=PAST,
    weight=5,
)
async def withdrawals(call: Call) -> Reply:
    """`GET withdrawals`."""
    query = call.query()
    view = call.gateway.view
    page = await call.gateway.past.withdrawals(
        view, call.account.id, before=query.position("before"), limit=query.number("limit")
    )
    shown = [shapes.withdrawal(record, view.assets[record.asset]) for record in page]
    return Reply({"withdrawals": shown}, page.position)


@endpoint("The money of a withdrawal has left.", answer=schemas.WITHDRAWAL_ENDED, codes=_ENDING)
async def settle(call: Call) -> Reply:
    """`POST withdrawals/{id}/settle`."""
    command = SettleWithdrawal(call.path_number("id", Code.UNKNOWN_WITHDRAWAL))
    answer = await call.gateway.commands.carry_out(signed(call, command))
    return Reply(replies.settled(call.gateway.view, answer.id, answer.outcome), answer.id)


@endpoint("The money of a withdrawal is available again.", answer=schemas.WITHDRAWAL_ENDED, codes=_ENDING)
async def release(call: Call) -> Reply:
    """`POST withdrawals/{id}/release`."""
    command = ReleaseWithdrawal(call.path_number("id", Code.UNKNOWN_WITHDRAWAL))
    answer = await call.gateway.commands.carry_out(signed(call, command))
    return Reply(replies.released(call.gateway.view, answer.id, answer.outcome), answer.id)


@endpoint(
    "Fills, newest first.",
    query={"market": optional(Text()), "order": optional(Whole(0, MAX_COUNT)), **PAGE},
    answer=schemas.thing(fills=schemas.many(schemas.FILL)),
    codes=PAST,
    weight=5,
)
async def fills(call: Call) -> Reply:
    """`GET fills`."""
    query = call.query()
    gateway = call.gateway
    page = await gateway.past.fills(
        gateway.view,
        call.account.id,
        market=gateway.market(query.text("market")).name if "market" in query else None,
        order=query.number("order") if "order" in query else None,
        before=before(query),
        limit=query.number("limit"),
    )
    shown = [shapes.fill(fill, gateway.market(fill.trade.market)) for fill in page]
    return Reply({"fills": shown}, page.position)


def _transfer(call: Call, body: Fields) -> tuple[str, int]:
    asset = body.text("asset")
    amount = body.amount("amount", call.gateway.decimals(asset))
    if amount == 0:
        raise ApiError(Code.NOT_POSITIVE, "amount")
    return asset, amount


def _ref(body: Fields) -> str:
    """The transfer's outside id; one is made when there is none, since the log wants every transfer named."""
    return body.matched("ref") if "ref" in body else secrets.token_hex(16)


def _check_faucet(call: Call, asset: str, amount: int) -> None:
    if not call.gateway.settings.demo:
        raise ApiError(GatewayCode.FAUCET_OFF)
    whole = 10 ** call.gateway.decimals(asset)
    held = call.account.balances.get(asset)
    total = 0 if held is None else held.available + held.locked
    if amount > FAUCET_AT_ONCE * whole or total + amount > FAUCET_HELD * whole:
        raise ApiError(GatewayCode.FAUCET_LIMIT, "amount")
