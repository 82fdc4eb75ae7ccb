"""The compatible streams: addresses, requests and errors as published, every stream's fields, limits and manners."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from yarl import URL

from exchange.api.v3.streams import door
from exchange.api.v3.streams.requests import MAX_STREAMS
from exchange.settings import Settings
from tests.integration.api_world import DEADLINE_S, Json, World, eventually, world

S = "tatainr"
TICKER = set("eEspPwxcQbBaAohlvqOCFLn")


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    made = make_settings(redis_url=redis_url, database_url=database_url, demo=True, limit_connections=0)
    async with world(made) as running:
        yield running


@asynccontextmanager
async def connected(place: World, path: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with place.session.ws_connect(place.base + path) as ws:
        yield ws


async def told(ws: aiohttp.ClientWebSocketResponse) -> Any:
    """The next message."""
    frame = await ws.receive(timeout=DEADLINE_S)
    assert frame.type is aiohttp.WSMsgType.TEXT, frame
    return json.loads(frame.data)


async def ask(ws: aiohttp.ClientWebSocketResponse, body: object) -> Any:
    await ws.send_str(body if isinstance(body, str) else json.dumps(body))
    return await told(ws)


async def until(ws: aiohttp.ClientWebSocketResponse, wanted: Callable[[Any], bool]) -> Any:
    while True:
        message = await told(ws)
        if wanted(message):
            return message


async def traders(place: World) -> tuple[Any, Any]:
    return await place.user(INR="100000"), await place.user(TATA="1000")


async def trade(place: World, price: str = "100", quantity: str = "2") -> None:
    buyer, seller = await traders(place)
    assert (await seller.limit("sell", price, quantity)).status == 201
    assert (await buyer.limit("buy", price, quantity)).status == 201


@pytest.mark.parametrize("path", ["/ws", "/ws/0", "/ws/17", "/stream"])
async def test_every_address_that_clients_use_takes_subscriptions(place: World, path: str) -> None:
    async with connected(place, path) as ws:
        assert await ask(ws, {"method": "SUBSCRIBE", "params": [f"{S}@trade"], "id": 1}) == {"result": None, "id": 1}
        assert (await ask(ws, {"method": "LIST_SUBSCRIPTIONS", "id": None})) == {"result": [f"{S}@trade"], "id": None}
        await trade(place)
        message = await told(ws)
        data = message["data"] if path == "/stream" else message
        assert ("stream" in message) == (path == "/stream")
        assert (data["e"], data["s"], data["p"], data["q"]) == ("trade", "TATAINR", "100.00", "2.0000")
        assert set(data) == set("eEstpqTmM")
        assert data["m"] is False


async def test_a_combined_address_wraps_what_a_raw_one_says(place: World) -> None:
    async with (
        connected(place, f"/ws/{S}@aggTrade") as raw,
        connected(place, f"/stream?streams={S}@aggTrade/{S}@depth@100ms&timeUnit=MICROSECOND") as combined,
    ):
        await trade(place)
        plain = await told(raw)
        wrapped = await until(combined, lambda message: message["stream"] == f"{S}@aggTrade")
        assert set(plain) == set("eEsapqflTmM")
        assert set(wrapped) == {"stream", "data"}
        assert {**plain, "E": 0, "T": 0} == {**wrapped["data"], "E": 0, "T": 0}
        assert wrapped["data"]["T"] == plain["T"] * 1000
        assert wrapped["data"]["E"] > 10**15
        update = await until(combined, lambda message: message["stream"] == f"{S}@depth@100ms")
        assert set(update["data"]) == set("eEsUuba")


async def test_a_plus_in_the_address_is_one_as_in_the_names_of_candles_of_the_east(place: World) -> None:
    for name in (f"{S}@kline_1m@+08:00", f"{S}@kline_1m@%2B08:00"):
        async with place.session.ws_connect(URL(f"{place.base}/stream?streams={name}", encoded=True)) as ws:
            assert (await told(ws))["stream"] == f"{S}@kline_1m@+08:00"


async def test_ids_come_back_as_they_came_and_properties_can_be_set(place: World) -> None:
    async with connected(place, "/ws") as ws:
        for id in (0, -(2**63), "a" * 36, None):
            assert await ask(ws, {"method": "GET_PROPERTY", "params": ["combined"], "id": id}) == {
                "result": False,
                "id": id,
            }
    async with connected(place, f"/ws/{S}@bookTicker") as ws:
        assert set(await told(ws)) == set("usbBaA")
        assert await ask(ws, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 5}) == {
            "result": None,
            "id": 5,
        }
        await trade(place)
        assert (await told(ws))["stream"] == f"{S}@bookTicker"
        answer = {"result": None, "id": 6}
        assert answer == await until_answer(ws, {"method": "UNSUBSCRIBE", "params": [f"{S}@bookTicker"], "id": 6})
        streams = place.servers[0].streams
        assert (streams.feeds, len(streams)) == (0, 1)


async def until_answer(ws: aiohttp.ClientWebSocketResponse, body: Json) -> Any:
    await ws.send_str(json.dumps(body))
    return await until(ws, lambda message: "id" in message)


@pytest.mark.parametrize(
    "body, code, msg",
    [
        ("{", 3, "Invalid JSON: expected value at line 1 column"),
        ("[]", 2, "Invalid request: "),
        (
            {"method": "SUBSCRIBE", "params": [f"{S}@trade"]},
            2,
            "Invalid request: request ID must be an unsigned integer",
        ),
        ({"method": "SUBSCRIBE", "params": [], "id": "a" * 37}, 2, "Invalid request: request ID must be"),
        ({"method": "SUBSCRIBE", "params": [], "id": 1.5}, 2, "Invalid request: request ID must be"),
        ({"method": "SUBSCRIBE", "params": [], "id": 2**63}, 2, "Invalid request: request ID must be"),
        ({"params": [], "id": 1}, 2, "Invalid request: missing field `method`"),
        (
            {"method": "subscribe", "id": 1},
            2,
            "Invalid request: unknown variant `subscribe`, expected one of `SUBSCRIBE`",
        ),
        ({"method": "SUBSCRIBE", "params": f"{S}@trade", "id": 1}, 2, "Invalid request: params"),
        ({"method": "SUBSCRIBE", "params": [7], "id": 1}, 2, "Invalid request: params"),
        ({"method": "SUBSCRIBE", "params": ["x" * 129], "id": 1}, 2, "Invalid request: a stream's name"),
        ({"method": "LIST_SUBSCRIPTIONS", "params": ["x"], "id": 1}, 2, "Invalid request: too many parameters"),
        ({"method": "GET_PROPERTY", "params": [], "id": 1}, 2, "Invalid request: property name must be a string"),
        ({"method": "GET_PROPERTY", "params": ["colour"], "id": 1}, 0, "Unknown property"),
        ({"method": "SET_PROPERTY", "params": ["combined", "yes"], "id": 1}, 1, "Invalid value type: expected Boolean"),
        (
            {"method": "SET_PROPERTY", "params": ["combined", True, 1], "id": 1},
            2,
            "Invalid request: too many parameters",
        ),
    ],
)
async def test_errors_are_the_published_ones(place: World, body: object, code: int, msg: str) -> None:
    async with connected(place, "/ws") as ws:
        answer = await ask(ws, body)
        assert (answer["code"], answer["msg"][: len(msg)]) == (code, msg)


async def test_state_is_told_at_once_and_has_the_published_fields(place: World) -> None:
    await trade(place)
    buyer, _ = await traders(place)
    assert (await buyer.limit("buy", "99", "3")).status == 201
    wanted = {
        f"{S}@ticker": TICKER,
        f"{S}@miniTicker": set("eEscohlvq"),
        f"{S}@ticker_1h": TICKER - set("xQbBaA"),
        f"{S}@ticker_4h": TICKER - set("xQbBaA"),
        f"{S}@ticker_1d": TICKER - set("xQbBaA"),
        f"{S}@bookTicker": set("usbBaA"),
        f"{S}@avgPrice": set("eEsiwT"),
        f"{S}@depth5": {"lastUpdateId", "bids", "asks"},
        f"{S}@depth20@100ms": {"lastUpdateId", "bids", "asks"},
        f"{S}@kline_1m": {"e", "E", "s", "k"},
        f"{S}@kline_1d@+08:00": {"e", "E", "s", "k"},
    }
    async with connected(place, "/stream") as ws:
        await ws.send_str(json.dumps({"method": "SUBSCRIBE", "params": list(wanted), "id": 1}))
        assert await told(ws) == {"result": None, "id": 1}
        seen: dict[str, Json] = {}
        while len(seen) < len(wanted):
            message = await told(ws)
            seen.setdefault(message["stream"], message["data"])
    for name, fields in wanted.items():
        assert set(seen[name]) == fields, name
    day = seen[f"{S}@ticker"]
    assert (day["e"], day["c"], day["v"], day["q"], day["n"]) == ("24hrTicker", "100.00", "2.0000", "200.00", 1)
    assert (day["b"], day["B"], day["a"], day["A"]) == ("99.00", "3.0000", "0.00", "0.0000")
    assert seen[f"{S}@ticker_4h"]["e"] == "4hTicker"
    kline = seen[f"{S}@kline_1m"]["k"]
    assert set(kline) == set("tTsifLocohlvnxqVQB")
    assert (kline["o"], kline["v"], kline["V"], kline["x"], kline["i"]) == ("100.00", "2.0000", "2.0000", False, "1m")
    assert kline["T"] - kline["t"] == 59_999
    eastern = seen[f"{S}@kline_1d@+08:00"]["k"]
    assert (eastern["t"] + 8 * 3_600_000) % 86_400_000 == 0
    depth = (await place.anonymous().get("/api/v3/depth?symbol=TATAINR&limit=5")).data
    assert seen[f"{S}@depth5"] == depth


async def test_a_depth_update_goes_on_from_the_snapshot_and_has_the_quantities_at_u(place: World) -> None:
    buyer, _ = await traders(place)
    async with connected(place, f"/ws/{S}@depth@100ms") as ws:
        before = (await place.anonymous().get("/api/v3/depth?symbol=TATAINR&limit=5")).data["lastUpdateId"]
        for price in ("90", "91", "92"):
            assert (await buyer.limit("buy", price, "1")).status == 201
        assert (await buyer.limit("buy", "92", "2")).status == 201
        last, bids = before, {}
        while last < before + 4:
            update = await told(ws)
            assert update["U"] == last + 1
            last = update["u"]
            bids.update(dict(update["b"]))
        depth = (await place.anonymous().get("/api/v3/depth?symbol=TATAINR&limit=5")).data
        assert last == depth["lastUpdateId"] == before + 4
        assert bids == dict(depth["bids"])


async def test_all_markets_are_told_of_when_they_change_and_a_closed_candle_once(place: World) -> None:
    async with (
        connected(place, f"/stream?streams=!miniTicker@arr/!ticker@arr/!ticker_1h@arr/{S}@kline_1s") as ws,
    ):
        first = await told(ws)
        assert first["stream"] == f"{S}@kline_1s"
        await trade(place)
        arrays: set[str] = set()
        closed: list[Json] = []
        while len(arrays) < 3 or not any(kline["n"] for kline in closed):
            message = await told(ws)
            if message["stream"].startswith("!"):
                assert [ticker["s"] for ticker in message["data"]] == ["TATAINR"]
                arrays.add(message["stream"])
            elif message["data"]["k"]["x"]:
                closed.append(message["data"]["k"])
        starts = [kline["t"] for kline in closed]
        assert starts == [starts[0] + 1000 * number for number in range(len(starts))]
        (traded,) = [kline for kline in closed if kline["n"]]
        assert (traded["o"], traded["v"]) == ("100.00", "2.0000")


async def test_names_that_are_no_streams_stay_silent_and_streams_have_a_bound(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MANNERS", replace(door.MANNERS, per_second=0))
    async with connected(place, "/ws") as ws:
        silent = ["nothing@trade", "TATAINR@trade", f"{S}@kline_7m", f"{S}@depth7", "!nope@arr", "x"]
        assert await ask(ws, {"method": "SUBSCRIBE", "params": silent, "id": 1}) == {"result": None, "id": 1}
        assert place.servers[0].streams.feeds == 0
        many = [f"s{number}@trade" for number in range(MAX_STREAMS - len(silent))]
        assert (await ask(ws, {"method": "SUBSCRIBE", "params": many, "id": 2}))["result"] is None
        refused = await ask(ws, {"method": "SUBSCRIBE", "params": [f"{S}@trade"], "id": 3})
        assert (refused["code"], refused["id"]) == (2, 3)
        assert len((await ask(ws, {"method": "LIST_SUBSCRIPTIONS", "id": 4}))["result"]) == MAX_STREAMS
        longest = [f"{'a' * 30}{number:05}@kline_15m@+08:00" for number in range(MAX_STREAMS)]
        body = {"method": "UNSUBSCRIBE", "params": longest, "id": 5}
        assert (await ask(ws, body)) == {"result": None, "id": 5}


async def closed(ws: aiohttp.ClientWebSocketResponse) -> tuple[int | None, str]:
    while True:
        message = await ws.receive(timeout=DEADLINE_S)
        if message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}:
            return ws.close_code, str(message.extra or "")


async def test_floods_huge_frames_and_other_kinds_of_frames_end_the_connection(place: World) -> None:
    async with connected(place, "/ws") as ws:
        for number in range(6):
            await ws.send_str(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        assert await closed(ws) == (1008, "more than 5 messages a second")
    async with connected(place, "/ws") as ws:
        for _ in range(6):
            await ws.ping()
        assert await closed(ws) == (1008, "more than 5 messages a second")
    async with connected(place, "/ws") as ws:
        await ws.send_str("x" * (door.MANNERS.max_bytes + 1))
        assert (await closed(ws))[0] == 1009
    async with connected(place, "/ws") as ws:
        await ws.send_bytes(b"{}")
        assert await closed(ws) == (1008, "only text frames are understood")


async def test_pings_must_come_back_and_a_connection_does_not_last_for_ever(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MANNERS", replace(door.MANNERS, ping_s=0.1, pong_s=0.3, per_second=0, lasts_s=0))
    async with place.session.ws_connect(f"{place.base}/ws", autoping=False) as ws:
        ping = await ws.receive(timeout=DEADLINE_S)
        assert ping.type is aiohttp.WSMsgType.PING
        await ws.pong(b"unasked")
        while (message := await ws.receive(timeout=DEADLINE_S)).type is aiohttp.WSMsgType.PING:
            await ws.pong(b"unasked")
        assert (ws.close_code, message.extra) == (1008, "no pong within 0.3 seconds")
    async with place.session.ws_connect(f"{place.base}/ws", autoping=False) as ws:
        for _ in range(6):
            ping = await ws.receive(timeout=DEADLINE_S)
            await ws.pong(bytes(ping.data))
        await ws.ping(b"mine")
        while (message := await ws.receive(timeout=DEADLINE_S)).type is aiohttp.WSMsgType.PING:
            await ws.pong(bytes(message.data))
        assert (message.type, bytes(message.data)) == (aiohttp.WSMsgType.PONG, b"mine")
    monkeypatch.setattr(door, "MANNERS", replace(door.MANNERS, lasts_s=0.25))
    async with connected(place, "/ws") as ws:
        code, reason = await closed(ws)
        assert code == 1001
        assert "reconnect" in reason


async def test_a_stopping_gateway_tells_of_it_first(place: World) -> None:
    async with connected(place, "/ws") as raw, connected(place, "/stream") as combined:
        assert (await ask(raw, {"method": "LIST_SUBSCRIPTIONS", "id": 1}))["result"] == []
        assert (await ask(combined, {"method": "LIST_SUBSCRIPTIONS", "id": 1}))["result"] == []
        reading = [asyncio.create_task(told(ws)) for ws in (raw, combined)]
        await asyncio.sleep(0)
        stopping = asyncio.create_task(place.stop_gateways())
        plain, wrapped = await asyncio.gather(*reading)
        assert (plain["e"], wrapped["stream"], wrapped["data"]["e"]) == (
            "serverShutdown",
            "!serverShutdown",
            "serverShutdown",
        )
        assert (await closed(raw))[0] == (await closed(combined))[0] == 1001
        await stopping


async def test_connections_are_counted_and_handshakes_refused_in_the_shape_of_the_door(
    make_settings: Callable[..., Settings], redis_url: str, database_url: str
) -> None:
    made = make_settings(redis_url=redis_url, database_url=database_url, demo=True, limit_connections=2)
    async with world(made) as place:
        async with connected(place, "/ws") as one, connected(place, "/stream") as other:
            assert (await ask(one, {"method": "LIST_SUBSCRIPTIONS", "id": 1}))["id"] == 1
            assert (await ask(other, {"method": "LIST_SUBSCRIPTIONS", "id": 1}))["id"] == 1
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                async with connected(place, "/ws"):
                    pass
            assert caught.value.status == 429
            assert caught.value.headers is not None and "Retry-After" in caught.value.headers
        for path in ("/ws", f"/ws/{S}@trade", "/stream?streams=x"):
            answer = await place.anonymous().get(path)
            assert (answer.status, set(answer.data)) == (404, {"code", "msg"}), path

        async def nobody() -> bool:
            return len(place.servers[0].streams) == 0

        await eventually(nobody)


async def test_a_page_of_any_origin_may_read_public_streams_and_the_root_is_no_socket(place: World) -> None:
    async with place.session.ws_connect(f"{place.base}/ws", headers={"Origin": "https://elsewhere.example"}) as ws:
        assert (await ask(ws, {"method": "LIST_SUBSCRIPTIONS", "id": 1}))["result"] == []
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with connected(place, "/"):
            pass
    assert caught.value.status == 404
