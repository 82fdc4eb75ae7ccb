"""The WebSocket API at `/ws-api/v3`: requests and answers, sessions, order, manners."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Final

import aiohttp
import pytest

from exchange.settings import Settings
from tests.integration.api_world import Json, World, world
from tests.integration.ws_world import Api, Signer, connected, ed25519_key, hmac_key, now_ms

SYMBOL = "TATAINR"


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as made:
        yield made


@pytest.fixture
async def unlimited(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    settings = make_settings(redis_url=redis_url, database_url=database_url, demo=True)
    async with world(replace(settings, limit_weight=0, limit_orders_10s=0, limit_orders_day=0)) as made:
        yield made


def limit(side: str, price: object, quantity: object, **more: object) -> Json:
    """Parameters of a limit order."""
    order = {"symbol": SYMBOL, "side": side, "type": "LIMIT", "timeInForce": "GTC"}
    return {**order, "price": price, "quantity": quantity, **more}


async def logged_on(api: Api, key: Signer) -> Json:
    """Log a connection on."""
    answer = await api.ask("session.logon", key.signed())
    assert answer["status"] == 200, answer
    result: Json = answer["result"]
    return result


async def test_answers_bring_back_ids_of_every_kind_and_tell_of_limits_as_asked(place: World) -> None:
    async with connected(place) as api:
        for id in ("a" * 36, 0, -7, 2**63, None):
            answer = await api.ask("ping", id=id)
            assert (answer["id"], answer["status"], answer["result"]) == (id, 200, {})
        (told,) = answer["rateLimits"]
        assert (told["rateLimitType"], told["interval"], told["intervalNum"]) == ("REQUEST_WEIGHT", "MINUTE", 1)
        assert told["count"] == 2 + 5  # connecting weighs two
        assert "rateLimits" not in await api.ask("time", {"returnRateLimits": False})
        assert (await api.ask("v3/time"))["result"]["serverTime"] == pytest.approx(now_ms(), abs=5_000)
    async with connected(place, "?returnRateLimits=false") as api:
        assert "rateLimits" not in await api.ask("ping")
        assert "rateLimits" in await api.ask("ping", {"returnRateLimits": True})
        assert "rateLimits" not in await api.ask("no.such.method")


async def test_times_are_microseconds_where_the_connection_asks_for_them(place: World) -> None:
    async with connected(place, "?timeUnit=MICROSECOND") as api:
        status = (await api.ask("session.status"))["result"]
        assert status["serverTime"] // 1000 == pytest.approx(now_ms(), abs=5_000)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await place.session.ws_connect(f"{place.base}/ws-api/v3?timeUnit=HOUR")
    assert refused.value.status == 400


NO_REQUESTS: Final = (
    ("{", None, -1135),
    ("[1]", None, -1135),
    ('"ping"', None, -1135),
    ("[" * 15_000, None, -1135),
    ('{"method":"ping"}', None, -1102),
    ('{"id":1.5,"method":"ping"}', None, -1100),
    ('{"id":true,"method":"ping"}', None, -1100),
    ('{"id":{},"method":"ping"}', None, -1100),
    ('{"id":"' + "x" * 37 + '","method":"ping"}', None, -1100),
    ('{"id":1}', 1, -1102),
    ('{"id":1,"method":7}', 1, -1102),
    ('{"id":1,"method":"order.steal"}', 1, -1020),
    ('{"id":1,"method":"ping","params":[]}', 1, -1135),
    ('{"id":1,"method":"ping","params":{"x":{}}}', 1, -1135),
    ('{"id":1,"method":"ping","params":{"x":1}}', 1, -1104),
    ('{"id":1,"method":"depth","params":{"symbol":%s}}' % ("[" * 300 + "]" * 300), 1, -1135),
    ('{"id":1,"method":"depth","params":{"symbol":[99999999999999999999],"limit":1.5}}', 1, -1100),
    ('{"id":1,"method":"time","params":{"returnRateLimits":"maybe"}}', 1, -1100),
    ('{"id":1,"method":"order.place","params":{"symbol":"TATAINR"}}', 1, -2014),
    ('{"id":1,"method":"order.place","params":{"apiKey":"nobody"}}', 1, -2015),
    ('{"id":1,"method":"order.place","params":{"apiKey":"%s"}}' % ("é" * 10), 1, -2014),
    ('{"id":1,"method":"userDataStream.subscribe"}', 1, -2015),
    ('{"id":1,"method":"userDataStream.unsubscribe","params":{"subscriptionId":7}}', 1, -2036),
)


async def test_what_is_no_request_is_refused_and_the_connection_goes_on(place: World) -> None:
    async with connected(place) as api:
        for text, id, code in NO_REQUESTS:
            await api.ws.send_str(text)
            refused = await api.answer(id)
            assert refused["status"] in (400, 401)
            assert (text, refused["error"]["code"]) == (text, code), refused
        assert (await api.ask("ping"))["status"] == 200


async def test_frames_that_are_too_long_or_not_text_close_the_connection(place: World) -> None:
    async with connected(place) as api:
        await api.ws.send_str(json.dumps({"id": "x" * 20_000, "method": "ping"}))
        assert (await api.closed())[0] == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
    async with connected(place) as api:
        await api.ws.send_bytes(b'{"id":1,"method":"ping"}')
        assert (await api.closed())[0] == aiohttp.WSCloseCode.POLICY_VIOLATION
    assert (await place.anonymous().get("/ws-api/v3")).status == 404


async def test_a_whole_trading_session_signed_request_by_request(place: World) -> None:
    seller = await hmac_key(await place.user(TATA="100"))
    buyer = await ed25519_key(await place.user(INR="10000"))
    async with connected(place) as api:
        placed = await api.ask("order.place", seller.signed(**limit("SELL", "100.05", "5", newClientOrderId="mine")))
        assert placed["status"] == 200, placed
        assert (placed["result"]["clientOrderId"], placed["result"]["status"]) == ("mine", "NEW")
        taken = await api.ask("order.place", buyer.signed(symbol=SYMBOL, side="BUY", type="MARKET", quantity=2))
        assert (taken["result"]["status"], taken["result"]["fills"][0]["price"]) == ("FILLED", "100.05")
        shown = await api.ask("order.status", seller.signed(symbol=SYMBOL, origClientOrderId="mine"))
        assert (shown["result"]["executedQty"], shown["result"]["status"]) == ("2.0000", "PARTIALLY_FILLED")
        ended = await api.ask("order.cancel", seller.signed(symbol=SYMBOL, origClientOrderId="mine"))
        assert ended["result"]["status"] == "CANCELED"
        again = await api.ask("order.cancel", seller.signed(symbol=SYMBOL, origClientOrderId="mine"))
        assert (again["status"], again["error"]) == (400, {"code": -2011, "msg": "Unknown order sent."})
        poor = await api.ask("order.place", buyer.signed(**limit("BUY", "1000", "1000")))
        assert poor["error"]["code"] == -2010


async def test_numbers_are_signed_as_they_were_written(place: World) -> None:
    key = await hmac_key(await place.user(INR="10000"))
    async with connected(place) as api:
        for price in ("1.50", "0.2e1", "1.0500000000000000000000001"):
            params = f'"apiKey":"{key.id}","price":{price},"quantity":1,"side":"BUY","symbol":"{SYMBOL}"'
            rest = f'"timeInForce":"GTC","timestamp":{now_ms()},"type":"LIMIT"'
            payload = (params + "," + rest).replace('"', "").replace(":", "=").replace(",", "&")
            signature = key.sign(payload.encode())
            await api.ws.send_str(
                f'{{"id":"{price}","method":"order.place","params":{{{params},{rest},"signature":"{signature}"}}}}'
            )
            answer = await api.answer(price)
            if price == "1.50":
                assert answer["result"]["price"] == "1.50", answer
            else:
                assert answer["error"]["code"] in (-1100, -1111), answer  # the signature was good


async def test_a_session_lets_requests_leave_out_key_and_signature(place: World) -> None:
    user = await place.user(INR="10000", TATA="10")
    key, other = await ed25519_key(user), await hmac_key(await place.user(TATA="10"))
    async with connected(place, "?returnRateLimits=false") as api:
        before = (await api.ask("session.status"))["result"]
        assert (before["apiKey"], before["authorizedSince"], before["returnRateLimits"]) == (None, None, False)
        on = await logged_on(api, key)
        assert (on["apiKey"], on["userDataStream"]) == (key.id, False)
        assert on["authorizedSince"] >= on["connectedSince"]
        mine = await api.ask("order.place", limit("BUY", "5", "1", timestamp=now_ms()))
        assert mine["result"]["status"] == "NEW"
        late = await api.ask("order.place", limit("BUY", "5", "1", timestamp=now_ms() - 20_000))
        assert late["error"]["code"] == -1021
        timeless = await api.ask("order.place", limit("BUY", "5", "1"))
        assert timeless["error"]["code"] == -1102
        theirs = await api.ask("order.place", other.signed(**limit("SELL", "5", "1")))
        assert theirs["result"]["status"] == "FILLED"
        forged = await api.ask("order.place", {**other.signed(**limit("SELL", "5", "1")), "signature": "0" * 64})
        assert forged["error"]["code"] == -1022
        needless = await api.ask("order.place", limit("BUY", "5", "1", timestamp=now_ms(), signature="0" * 64))
        assert needless["error"]["code"] == -1022
        off = (await api.ask("session.logout"))["result"]
        assert (off["apiKey"], off["authorizedSince"]) == (None, None)
        refused = await api.ask("order.place", limit("BUY", "5", "1", timestamp=now_ms()))
        assert (refused["status"], refused["error"]["code"]) == (401, -2014)


async def test_only_ed25519_keys_log_on_and_scopes_hold_in_a_session(place: World) -> None:
    user = await place.user(INR="10000")
    async with connected(place) as api:
        refused = await api.ask("session.logon", (await hmac_key(user)).signed())
        assert (refused["status"], refused["error"]["code"]) == (400, -1020)
        await logged_on(api, await ed25519_key(user, scopes=["read"]))
        refused = await api.ask("order.place", limit("BUY", "5", "1", timestamp=now_ms()))
        assert (refused["status"], refused["error"]["code"]) == (401, -2015)
        assert (await api.ask("session.status"))["result"]["apiKey"] is not None


async def test_a_key_that_is_taken_back_ends_its_session_within_a_second(place: World) -> None:
    user = await place.user(INR="10000")
    key = await ed25519_key(user)
    async with connected(place) as api:
        await logged_on(api, key)
        assert (await api.ask("userDataStream.subscribe"))["status"] == 200
        gone = await user.call("DELETE", f"/api/v1/api-keys/{key.id}")
        assert gone.status in (200, 204), gone
        async with asyncio.timeout(1.5):
            ended = await api.event("eventStreamTerminated")
        assert ended["subscriptionId"] == 0
        await api.send("order.place", limit("BUY", "5", "1", timestamp=now_ms()), id="after")
        over = await api.answer(None)
        assert (over["status"], over["error"]["code"]) == (401, -2015)
        assert (await api.ask("session.status"))["result"]["apiKey"] is None


async def test_orders_that_are_sent_ahead_are_appended_in_their_order(unlimited: World) -> None:
    key = await ed25519_key(await unlimited.user(INR="1000000"))
    async with connected(unlimited) as api:
        # The log-on itself is sent ahead too: what follows depends on it.
        await api.send("session.logon", key.signed(), id="on")
        ids = []
        for number in range(500):
            params = {**limit("BUY", "5", "1", newClientOrderId=f"n{number}"), "timestamp": now_ms()}
            ids.append(await api.send("order.place", params))
        assert (await api.answer("on"))["status"] == 200
        answers = [await api.answer(id) for id in ids]
    assert {answer["status"] for answer in answers} == {200}
    orders = [answer["result"]["orderId"] for answer in answers]
    assert orders == sorted(orders)
    assert [answer["result"]["clientOrderId"] for answer in answers] == [f"n{number}" for number in range(500)]


async def test_too_many_orders_are_refused_with_the_time_to_wait(place: World) -> None:
    key = await ed25519_key(await place.user(INR="1000000"))
    async with connected(place) as api:
        await logged_on(api, key)
        ids = [await api.send("order.place", limit("BUY", "5", "1", timestamp=now_ms())) for _ in range(250)]
        answers = [await api.answer(id) for id in ids]
    refused = [answer for answer in answers if answer["status"] != 200]
    assert 50 <= len(refused) <= 150  # a window may end meanwhile
    told = refused[0]
    assert (told["status"], told["error"]["code"]) == (429, -1015)
    assert 0 < told["error"]["data"]["retryAfter"] - told["error"]["data"]["serverTime"] <= 11_000
    counted = [limit for limit in answers[0]["rateLimits"] if limit["rateLimitType"] == "ORDERS"]
    assert [limit["limit"] for limit in counted] == [100, 200_000]


async def test_a_cancel_that_is_sent_twice_is_refused_once(place: World) -> None:
    key = await ed25519_key(await place.user(INR="1000000"))
    async with connected(place) as api:
        await logged_on(api, key)
        place_id = await api.send(
            "order.place", {**limit("BUY", "5", "1", newClientOrderId="c"), "timestamp": now_ms()}
        )
        first = await api.answer(place_id)
        cancel = {"symbol": SYMBOL, "orderId": first["result"]["orderId"], "timestamp": now_ms()}
        ids = [await api.send("order.cancel", cancel) for _ in range(2)]
        answers = [await api.answer(id) for id in ids]
        assert [answer["status"] for answer in answers] == [200, 400]


async def test_a_gateway_that_stops_says_so_and_answers_what_is_under_way(place: World) -> None:
    key = await ed25519_key(await place.user(INR="1000000"))
    async with connected(place, "?timeUnit=MICROSECOND") as api:
        await logged_on(api, key)
        ids = [
            await api.send(
                "order.place", {**limit("BUY", "5", "1"), "timestamp": now_ms(), "newClientOrderId": f"s{n}"}
            )
            for n in range(50)
        ]
        await api.answer(ids[0])
        stopping = asyncio.create_task(place.stop_gateways())
        assert (await api.event("serverShutdown"))["event"]["E"] > 10**15
        code, rest = await api.closed()
        await stopping
    answers = [*api.answers.values(), *(told for told in rest if "id" in told)]
    assert {answer["id"] for answer in answers} == set(ids[1:])
    assert {answer["status"] for answer in answers} <= {200, 503}
    assert code == aiohttp.WSCloseCode.GOING_AWAY


async def test_pings_are_answered(place: World) -> None:
    async with connected(place) as api:
        await api.ws.ping(b"hello")
        assert (await api.ask("ping"))["status"] == 200
