"""The caller's account: its settings and fee rates, self-trade prevention, the dead man's switch, prevented matches."""

from exchange.api.contract.declared import Text, Whole, Word, endpoint, optional
from exchange.api.v1 import replies, schemas
from exchange.api.v1.call import Call, Reply
from exchange.api.v1.refusals import COMMAND, PAST
from exchange.api.v1.routes.paging import PAGE, before
from exchange.commands.read_setup import MAX_TIMEOUT_MS
from exchange.commands.types import SetStp, SetSwitch
from exchange.projections.live import shapes
from exchange.projections.live.formatting import rate
from exchange.projections.live.shapes import Json
from exchange.terms.amounts import MAX_COUNT, format_decimal
from exchange.terms.words import SELF_TRADES


@endpoint("The caller's account: settings, fee rates, volumes.", answer=schemas.ACCOUNT)
async def show(call: Call) -> Reply:
    """`GET account`."""
    account = call.account
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


@endpoint(
    "Set the self-trade prevention of orders that name none.",
    body={"stp": Word(SELF_TRADES)},
    answer=schemas.thing(stp=schemas.STP),
    codes=COMMAND,
)
async def set_stp(call: Call) -> Reply:
    """`PUT stp`."""
    account = call.account.id
    body = await call.body()
    answer = await call.gateway.commands.carry_out(SetStp(account, body.choice("stp", SELF_TRADES)))
    return Reply(replies.stp_set(answer.outcome), answer.id)


@endpoint(
    "Have all orders cancelled after a time, unless this comes again before; 0: never.",
    body={"timeout_ms": Whole(0, MAX_TIMEOUT_MS)},
    answer=schemas.thing(switch_at=schemas.maybe(schemas.TIME)),
    codes=COMMAND,
)
async def set_switch(call: Call) -> Reply:
    """`PUT switch`."""
    account = call.account.id
    body = await call.body()
    command = SetSwitch(account, body.number("timeout_ms"))
    answer = await call.gateway.commands.carry_out(command)
    return Reply(replies.switch_set(answer.outcome), answer.id)


@endpoint(
    "Trades with oneself that were prevented, newest first.",
    query={"market": optional(Text()), "order": optional(Whole(0, MAX_COUNT)), **PAGE},
    answer=schemas.thing(prevented=schemas.many(schemas.PREVENTED)),
    codes=PAST,
    weight=5,
)
async def prevented(call: Call) -> Reply:
    """`GET prevented`."""
    account = call.account.id
    query = call.query()
    gateway = call.gateway
    page = await gateway.past.prevented(
        gateway.view,
        account,
        market=gateway.market(query.text("market")).name if "market" in query else None,
        order=query.number("order") if "order" in query else None,
        before=before(query),
        limit=query.number("limit"),
    )
    shown = [shapes.prevented(match, gateway.market(match.event.market)) for match in page]
    return Reply({"prevented": shown}, page.position)
