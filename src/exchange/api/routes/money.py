"""Money: balances, deposits (a faucet in demo mode), withdrawals, fills."""

import secrets
from typing import Final

from exchange.api import replies
from exchange.api.call import Call, Reply
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.reading import Fields
from exchange.commands.types import Deposit, ReleaseWithdrawal, SettleWithdrawal, Withdraw
from exchange.projections.live import private, shapes
from exchange.terms.amounts import MAX_COUNT
from exchange.terms.codes import Code
from exchange.terms.words import REF_PATTERN

FAUCET_AT_ONCE: Final = 100_000_000
"""Whole units of an asset that the faucet gives in one deposit…"""
FAUCET_HELD: Final = 1_000_000_000
"""… and up to which an account may hold of it."""

MAX_PAGE: Final = 500
DEFAULT_PAGE: Final = 100


async def balances(call: Call) -> Reply:
    """`GET balances`."""
    call.query()
    view = call.gateway.view
    return Reply({"balances": private.balances(view, call.account.id)}, view.position)


async def deposit(call: Call) -> Reply:
    """`POST deposits`."""
    body = await call.body("asset", "amount", "ref", "account")
    gateway = call.gateway
    asset, amount = _transfer(call, body)
    ref = _ref(body)
    if "account" in body:
        await gateway.require_admin(call.principal)
        account = body.number("account", 0, MAX_COUNT)
    else:
        account = call.account.id
        _check_faucet(call, asset, amount)
    answer = await gateway.commands.carry_out(Deposit(account, asset, amount, ref))
    return Reply(replies.deposited(gateway.view, answer.id, answer.outcome), answer.id, status=201)


async def deposits(call: Call) -> Reply:
    """`GET deposits`."""
    query = call.query("limit", "before")
    view = call.gateway.view
    page = await call.gateway.past.deposits(
        view, call.account.id, before=query.position("before"), limit=query.limit(DEFAULT_PAGE, MAX_PAGE)
    )
    shown = [shapes.deposit(record, view.assets[record.asset]) for record in page]
    return Reply({"deposits": shown}, page.position)


async def withdraw(call: Call) -> Reply:
    """`POST withdrawals`."""
    body = await call.body("asset", "amount", "ref")
    gateway = call.gateway
    asset, amount = _transfer(call, body)
    answer = await gateway.commands.carry_out(Withdraw(call.account.id, asset, amount, _ref(body)))
    return Reply(replies.reserved(gateway.view, answer.id, answer.outcome), answer.id, status=201)


async def withdrawals(call: Call) -> Reply:
    """`GET withdrawals`."""
    query = call.query("limit", "before")
    view = call.gateway.view
    page = await call.gateway.past.withdrawals(
        view, call.account.id, before=query.position("before"), limit=query.limit(DEFAULT_PAGE, MAX_PAGE)
    )
    shown = [shapes.withdrawal(record, view.assets[record.asset]) for record in page]
    return Reply({"withdrawals": shown}, page.position)


async def settle(call: Call) -> Reply:
    """`POST withdrawals/{id}/settle`."""
    await call.no_body()
    answer = await call.gateway.commands.carry_out(SettleWithdrawal(call.path_number("id", Code.UNKNOWN_WITHDRAWAL)))
    return Reply(replies.settled(call.gateway.view, answer.id, answer.outcome), answer.id)


async def release(call: Call) -> Reply:
    """`POST withdrawals/{id}/release`."""
    await call.no_body()
    answer = await call.gateway.commands.carry_out(ReleaseWithdrawal(call.path_number("id", Code.UNKNOWN_WITHDRAWAL)))
    return Reply(replies.released(call.gateway.view, answer.id, answer.outcome), answer.id)


async def fills(call: Call) -> Reply:
    """`GET fills`."""
    query = call.query("market", "order", "limit", "before")
    gateway = call.gateway
    page = await gateway.past.fills(
        gateway.view,
        call.account.id,
        market=gateway.market(query.text("market")).name if "market" in query else None,
        order=query.number("order", 0, MAX_COUNT) if "order" in query else None,
        before=query.before(),
        limit=query.limit(DEFAULT_PAGE, MAX_PAGE),
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
    if "ref" not in body:
        return secrets.token_hex(16)
    ref = body.text("ref")
    if REF_PATTERN.fullmatch(ref) is None:
        raise ApiError(Code.INVALID_FIELD, "ref", detail="A ref is 1 to 64 of A-Z a-z 0-9 _ . : / -")
    return ref


def _check_faucet(call: Call, asset: str, amount: int) -> None:
    if not call.gateway.settings.demo:
        raise ApiError(GatewayCode.FAUCET_OFF)
    whole = 10 ** call.gateway.decimals(asset)
    held = call.account.balances.get(asset)
    total = 0 if held is None else held.available + held.locked
    if amount > FAUCET_AT_ONCE * whole or total + amount > FAUCET_HELD * whole:
        raise ApiError(GatewayCode.FAUCET_LIMIT, "amount")
