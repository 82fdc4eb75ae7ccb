"""The caller's account: its settings and fee rates, self-trade prevention, the dead man's switch, prevented matches."""

from typing import Final

from exchange.api import replies
from exchange.api.call import Call, Reply
from exchange.commands.read_setup import MAX_TIMEOUT_MS
from exchange.commands.types import SetStp, SetSwitch
from exchange.projections.live import shapes
from exchange.projections.live.formatting import rate
from exchange.projections.live.shapes import Json
from exchange.terms.amounts import MAX_COUNT, format_decimal
from exchange.terms.words import SELF_TRADES

MAX_PAGE: Final = 500
DEFAULT_PAGE: Final = 100


async def show(call: Call) -> Reply:
    """`GET account`."""
    account = call.account
    call.query()
    gateway = call.gateway
    view = gateway.view
    now_ms = gateway.time.now_ms()
    fees: list[Json] = []
    for name, market in sorted(view.markets.items()):
        maker, taker = view.rates(account.id, market, now_ms)
        fees.append({"market": name, "maker_fee": rate(maker), "taker_fee": rate(taker)})
    volumes: list[Json] = [
        {"asset": asset, "volume": format_decimal(view.volume(account.id, asset, now_ms), view.assets[asset])}
        for asset in sorted(account.volumes)
    ]
    return Reply({**shapes.account(account), "fees": fees, "volumes": volumes}, view.position)


async def set_stp(call: Call) -> Reply:
    """`PUT stp`."""
    account = call.account.id
    body = await call.body("stp")
    answer = await call.gateway.commands.carry_out(SetStp(account, body.choice("stp", SELF_TRADES)))
    return Reply(replies.stp_set(answer.outcome), answer.id)


async def set_switch(call: Call) -> Reply:
    """`PUT switch`."""
    account = call.account.id
    body = await call.body("timeout_ms")
    command = SetSwitch(account, body.number("timeout_ms", 0, MAX_TIMEOUT_MS))
    answer = await call.gateway.commands.carry_out(command)
    return Reply(replies.switch_set(answer.outcome), answer.id)


async def prevented(call: Call) -> Reply:
    """`GET prevented`."""
    account = call.account.id
    query = call.query("market", "order", "limit", "before")
    gateway = call.gateway
    page = await gateway.past.prevented(
        gateway.view,
        account,
        market=gateway.market(query.text("market")).name if "market" in query else None,
        order=query.number("order", 0, MAX_COUNT) if "order" in query else None,
        before=query.before(),
        limit=query.limit(DEFAULT_PAGE, MAX_PAGE),
    )
    shown = [shapes.prevented(match, gateway.market(match.event.market)) for match in page]
    return Reply({"prevented": shown}, page.position)
