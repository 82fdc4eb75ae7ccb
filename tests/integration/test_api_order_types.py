"""Orders beyond plain limit and market ones, through the gateway: what each type and instruction does, end to end."""

from collections.abc import AsyncIterator, Callable

import pytest

from exchange.effects.clock import AsyncClock
from exchange.settings import Settings
from tests.integration.api_world import MARKET, Answer, Client, World, eventually, world


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url)) as made:
        yield made


async def order(client: Client, kind: str, order_type: str, quantity: str, **more: object) -> Answer:
    placed = {"market": MARKET, "kind": kind, "type": order_type, "quantity": quantity}
    return await client.post("/api/v1/order", placed | more)


async def passed(ms: int) -> None:
    """Wait until a moment is over."""
    clock = AsyncClock()

    async def over() -> bool:
        return clock.now_ms() > ms

    await eventually(over)


async def status(client: Client, id: int) -> tuple[str, str | None]:
    shown = (await client.get(f"/api/v1/order/{id}")).data
    return shown["status"], shown["reason"]


async def traded_at(place: World, price: str) -> None:
    """Make this the last price."""
    seller, buyer = await place.user(TATA="10"), await place.user(INR="10000")
    assert (await seller.limit("sell", price, "1")).status == 201
    assert (await buyer.limit("buy", price, "1")).data["status"] == "filled"


async def test_a_stop_waits_and_is_activated_by_the_last_price(place: World) -> None:
    user = await place.user(TATA="100")
    buyer = await place.user(INR="100000")
    await traded_at(place, "100")

    placed = await order(user, "sell", "stop_loss", "4", stop_price="95", slippage_bps=500)
    assert placed.status == 201
    assert (placed.data["status"], placed.data["stop_price"], placed.data["slippage_bps"]) == ("waiting", "95.00", 500)
    assert (placed.data["price"], placed.data["time_in_force"], placed.data["fills"]) == (None, "ioc", [])
    assert (await user.balances())["TATA"] == ("96.0000", "4.0000")
    assert [row["id"] for row in (await user.get("/api/v1/orders")).data["orders"]] == [placed.data["id"]]

    await buyer.limit("buy", "94", "10")
    await traded_at(place, "94.95")

    shown = (await user.get(f"/api/v1/order/{placed.data['id']}")).data
    assert (shown["status"], shown["filled"], shown["filled_quote"]) == ("filled", "4", "376.00")
    assert shown["activated_at"] is not None


async def test_who_triggers_an_own_stop_sees_it_in_the_state_of_its_order_only(place: World) -> None:
    user = await place.user(TATA="100", INR="10000")
    other = await place.user(INR="100000", TATA="10")
    await traded_at(place, "100")
    stop = await order(user, "sell", "stop_loss_limit", "4", price="90", stop_price="95")
    await other.limit("buy", "95", "1")

    sold = await user.limit("sell", "95", "3", client_order_id="mine")

    assert (sold.data["client_order_id"], sold.data["filled"], sold.data["status"]) == ("mine", "1", "open")
    assert [fill["order"] for fill in sold.data["fills"]] == [sold.data["id"]]
    assert await status(user, stop.data["id"]) == ("open", None)


async def test_a_trailing_stop_shows_its_trail(place: World) -> None:
    user = await place.user(TATA="100")
    placed = await order(user, "sell", "stop_loss", "1", trailing_bps=100)
    assert (placed.data["status"], placed.data["trailing_bps"], placed.data["stop_price"]) == ("waiting", 100, None)
    by_amount = await order(user, "sell", "take_profit_limit", "1", price="90", trailing_amount="2.50")
    assert (by_amount.data["trailing_amount"], by_amount.data["type"]) == ("2.50", "take_profit_limit")
    buy = await order(await place.user(INR="1000"), "buy", "stop_loss", "1", trailing_bps=100)
    assert (buy.status, buy.code, buy.field) == (409, "no_reference", "trailing_bps")


async def test_a_trigger_that_is_met_already_is_refused(place: World) -> None:
    user = await place.user(TATA="100")
    await traded_at(place, "100")
    placed = await order(user, "sell", "stop_loss", "1", stop_price="100")
    assert (placed.status, placed.code, placed.field) == (409, "would_trigger", "stop_price")


async def test_a_waiting_order_is_reduced_and_cancelled(place: World) -> None:
    user = await place.user(TATA="100")
    id = (await order(user, "sell", "stop_loss_limit", "4", price="90", stop_price="95")).data["id"]

    reduced = await user.call("PATCH", f"/api/v1/order/{id}", {"quantity": "3"})
    assert (reduced.data["quantity"], reduced.data["reduced_by"], reduced.data["status"]) == ("3", "1", "waiting")
    gone = await user.call("DELETE", f"/api/v1/order/{id}")
    assert gone.data == {
        "id": id,
        "market": MARKET,
        "kind": "sell",
        "price": "90.00",
        "canceled": "3",
        "status": "canceled",
    }
    assert await status(user, id) == ("canceled", None)
    assert await user.balances() == {"TATA": ("100.0000", "0.0000")}


async def test_an_order_rests_until_its_time_and_the_next_command_finds_it_gone(place: World) -> None:
    user = await place.user(INR="10000")
    until = AsyncClock().now_ms() + 700
    placed = await user.limit("buy", "10", "1", time_in_force="gtd", expires_at=until)
    assert (placed.data["status"], placed.data["expires_at"]) == ("open", until)
    await passed(until)

    # The entry of this command begins with the expiry; the reply is about the command.
    refused = await user.limit("buy", "10.01", "1")
    assert (refused.status, refused.code) == (422, "off_tick")
    assert await status(user, placed.data["id"]) == ("expired", "time")


async def test_the_reply_to_a_command_passes_over_what_was_due(place: World) -> None:
    user = await place.user(INR="10000")
    until = AsyncClock().now_ms() + 700
    for price in ("10", "11"):
        assert (await user.limit("buy", price, "1", time_in_force="gtd", expires_at=until)).status == 201
    stays = await user.limit("buy", "12", "1", client_order_id="stays")
    await passed(until)
    gone = await user.call("DELETE", f"/api/v1/order/{stays.data['id']}")
    assert (gone.data["id"], gone.data["price"]) == (stays.data["id"], "12.00")
    again = await user.limit("buy", "12", "1", client_order_id="stays")
    assert again.data == stays.data


async def test_fill_or_kill_is_all_or_nothing(place: World) -> None:
    seller, buyer = await place.user(TATA="100"), await place.user(INR="100000")
    await seller.limit("sell", "10", "5")
    killed = await buyer.limit("buy", "10", "6", time_in_force="fok")
    assert (killed.status, killed.data["status"], killed.data["reason"], killed.data["filled"]) == (
        201,
        "expired",
        "fok",
        "0",
    )
    filled = await order(buyer, "buy", "market", "5", time_in_force="fok")
    assert (filled.data["status"], filled.data["time_in_force"]) == ("filled", "fok")


async def test_post_only_is_refused_or_repriced(place: World) -> None:
    seller, buyer = await place.user(TATA="100"), await place.user(INR="100000")
    await seller.limit("sell", "10", "5")
    refused = await buyer.limit("buy", "10", "1", post_only="refuse")
    assert (refused.status, refused.code, refused.field) == (409, "would_take", "price")
    moved = await buyer.limit("buy", "10", "1", post_only="reprice")
    assert (moved.data["status"], moved.data["price"], moved.data["post_only"]) == ("open", "9.95", "reprice")


async def test_an_iceberg_shows_a_part_and_trades_whole(place: World) -> None:
    seller, buyer = await place.user(TATA="100"), await place.user(INR="100000")
    ice = await seller.limit("sell", "10", "10", display="3")
    assert (ice.data["display"], ice.data["hidden"]) == ("3", "7")
    public = place.anonymous()
    depth = await public.get(f"/api/v1/depth?market={MARKET}")
    assert depth.data["asks"] == [["10.00", "3"]]
    quote = await public.post("/api/v1/order/quote", {"market": MARKET, "kind": "buy", "quantity": "5"})
    assert (quote.data["fillable_quantity"], quote.data["complete"]) == ("3", False)

    bought = await order(buyer, "buy", "market", "5")
    assert (bought.data["status"], [fill["quantity"] for fill in bought.data["fills"]]) == ("filled", ["3", "2"])
    assert (await public.get(f"/api/v1/depth?market={MARKET}")).data["asks"] == [["10.00", "1"]]
    reduced = await seller.call("PATCH", f"/api/v1/order/{ice.data['id']}", {"quantity": "8"})
    assert (reduced.data["reduced_by"], reduced.data["status"]) == ("2", "open")
    gone = await seller.call("DELETE", f"/api/v1/order/{ice.data['id']}")
    assert gone.data["canceled"] == "3"
    assert (await seller.balances())["TATA"] == ("95.0000", "0.0000")


async def test_a_sell_can_ask_for_an_amount(place: World) -> None:
    seller, buyer = await place.user(TATA="100"), await place.user(INR="100000")
    await buyer.limit("buy", "10", "50")
    quote = await place.anonymous().post(
        "/api/v1/order/quote", {"market": MARKET, "kind": "sell", "quote_amount": "105.00"}
    )
    sold = await seller.market("sell", quote_amount="105.00")
    assert (sold.data["status"], sold.data["filled"], sold.data["filled_quote"]) == ("filled", "10", "100.00")
    assert (quote.data["fillable_quantity"], quote.data["total"], quote.data["fee"]) == (
        "10",
        "100.00",
        sold.data["fee"],
    )


async def test_a_slippage_cap_ends_an_order_early(place: World) -> None:
    seller, buyer = await place.user(TATA="100"), await place.user(INR="100000")
    for price in ("100", "100.50", "102"):
        await seller.limit("sell", price, "1")
    bought = await order(buyer, "buy", "market", "3", slippage_bps=100)
    assert (bought.data["status"], bought.data["reason"], bought.data["filled"]) == ("expired", "slippage", "2")


@pytest.mark.parametrize(
    "mode,taker,maker,lost",
    [
        ("expire_taker", "expired_in_match", "open", ("2", "0")),
        ("expire_maker", "open", "expired_in_match", ("0", "3")),
        ("expire_both", "expired_in_match", "expired_in_match", ("2", "3")),
        ("decrement", "expired_in_match", "open", ("2", "2")),
    ],
)
async def test_self_trades_are_prevented(
    place: World, mode: str, taker: str, maker: str, lost: tuple[str, str]
) -> None:
    user = await place.user(TATA="100", INR="100000")
    first = await user.limit("sell", "10", "3")
    second = await user.limit("buy", "10", "2", stp=mode)
    assert (second.data["status"], second.data["prevented_quantity"], second.data["stp"]) == (taker, lost[0], mode)
    shown = (await user.get(f"/api/v1/order/{first.data['id']}")).data
    assert (shown["status"], shown["prevented_quantity"]) == (maker, lost[1])
    (match,) = (await user.get("/api/v1/prevented")).data["prevented"]
    assert (match["maker_order"], match["taker_order"]) == (first.data["id"], second.data["id"])
    assert (match["stp"], match["taker_quantity"], match["maker_quantity"]) == (mode, *lost)
    assert (await user.get(f"/api/v1/prevented?order={second.data['id']}&market={MARKET}")).data["prevented"] == [match]
    assert (await user.get(f"/api/v1/prevented?before={match['id']}")).data == {"prevented": []}


async def test_the_reductions_of_an_order_are_listed(place: World) -> None:
    user, other = await place.user(INR="10000"), await place.user()
    id = (await user.limit("buy", "10", "9")).data["id"]
    for quantity in ("7", "6", "2"):
        assert (await user.call("PATCH", f"/api/v1/order/{id}", {"quantity": quantity})).status == 200
    path = f"/api/v1/order/{id}/amendments"
    rows = (await user.get(path)).data["amendments"]
    assert [(row["quantity"], row["reduced_by"], row["order"]) for row in rows] == [
        ("2", "4", id),
        ("6", "1", id),
        ("7", "2", id),
    ]
    assert (await user.get(f"{path}?limit=1&before={rows[0]['id']}")).data["amendments"] == [rows[1]]
    assert (await other.get(path)).code == "unknown_order"
    assert (await user.get(f"{path}?before=1-1-{10**15}")).data == {"amendments": []}
    for before in ("x", "1-2", "1-2-x", "1-2-3-4", f"{10**18}-0-0", f"1-{10**18}-0"):
        refused = await user.get(f"{path}?before={before}")
        assert (refused.status, refused.code, refused.field) == (400, "invalid_field", "before")
