"""WebSockets under anything that can be sent: requests and raw frames; the gateway stays, and logs no error."""

import asyncio
import base64
import json
import random
import struct
from dataclasses import replace
from typing import Any

import pytest

from exchange.api.v1.sockets import MANNERS
from exchange.projections.live.feeds import PRIVATE
from tests.integration.api_world import DEADLINE_S, MARKET, World
from tests.security.generator import HOSTILE

REQUESTS = 1_000
FRAMES = 300
METHODS: list[Any] = ["SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "AUTH", "subscribe", "x", None, 7, [], {}]
PAYLOADS = [b"", b'{"method":"LIST_SUBSCRIPTIONS"}', b"\xff\xfe", b"\xed\xa0\x80", b"x" * 5000]
KINDS = ["trades", "depth", "ticker", "kline", "auction", "market", *sorted(PRIVATE), ""]


def some_request(chance: random.Random, number: int) -> str:
    """A request with nothing, something or everything wrong."""
    params: list[Any] = [
        chance.choice(KINDS) + chance.choice(["@", "", "@@", "_"]) + chance.choice([MARKET, "X", "_1m", f"{MARKET}_1m"])
        if chance.random() < 0.8
        else chance.choice(HOSTILE)
        for _ in range(chance.randint(0, 4))
    ]
    request = {
        "method": chance.choice(METHODS),
        "params": params if chance.random() < 0.9 else chance.choice(HOSTILE),
        "id": f"fuzz-{number}",
    }
    if chance.random() < 0.1:
        request[chance.choice(["x", "token", "account"])] = 1
    text = json.dumps(request)
    if chance.random() < 0.1:
        text = text[: chance.randrange(len(text))]
    elif chance.random() < 0.05:
        text = text[:-1] + ',"id":1}'
    return text[:4000]


async def test_no_request_brings_a_socket_down_and_each_has_one_answer(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.api.v1.sockets.MANNERS", replace(MANNERS, per_second=0))
    chance = random.Random(43)
    user = await place.user(INR="10")
    async with place.socket(user) as feed:
        answered = 0
        for number in range(REQUESTS):
            await feed.ws.send_str(some_request(chance, number))
            while True:
                async with asyncio.timeout(DEADLINE_S):
                    message = json.loads((await feed.ws.receive()).data)
                if "channel" not in message:
                    break
            assert message.keys() in ({"id", "result"}, {"id", "error"})
            if "error" in message:
                assert message["error"].keys() == {"code", "message", "field"}
                assert message["error"]["code"] != "internal"
            answered += "result" in message
        assert answered > REQUESTS // 20
        assert (await feed.ask("LIST_SUBSCRIPTIONS")).keys() == {"id", "result"}


def some_frames(chance: random.Random) -> bytes:
    """Frames as nobody should write them: opcodes, lengths, masks and bits by chance."""
    out = b""
    for _ in range(chance.randint(1, 4)):
        payload = chance.choice(
            [
                b"",
                b'{"method":"LIST_SUBSCRIPTIONS"}',
                b"\xff\xfe",
                b"\xed\xa0\x80",
                bytes(chance.randrange(200)),
                b"x" * 5000,
            ]
        )
        opcode = chance.choice([0, 1, 1, 1, 2, 3, 7, 8, 9, 10, 15])
        first = opcode | chance.choice([0x80, 0x80, 0x80, 0, 0xC0, 0xA0, 0x90])
        length = len(payload) if chance.random() < 0.8 else chance.choice([0, 1, 125, 126, 65_535, 2**40, 2**63])
        masked = 0x80 if chance.random() < 0.9 else 0
        if length < 126 and chance.random() < 0.9:
            head = bytes([first, masked | length])
        elif length < 65_536:
            head = bytes([first, masked | 126]) + struct.pack("!H", length)
        else:
            head = bytes([first, masked | 127]) + struct.pack("!Q", length)
        mask = chance.randbytes(4) if masked else b""
        if masked:
            payload = bytes(sign ^ mask[place % 4] for place, sign in enumerate(payload))
        out += head + mask + payload
    return out


async def test_no_frame_brings_the_gateway_down(place: World, capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(44)
    key = base64.b64encode(bytes(16)).decode()
    hello = (
        f"GET /api/v1/ws HTTP/1.1\r\nHost: 127.0.0.1:{place.settings.port}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    capsys.readouterr()

    async def one(frames: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.settings.port)
        writer.write(hello.encode())
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        writer.write(frames)
        if chance.random() < 0.3:
            writer.write_eof()
        try:
            async with asyncio.timeout(0.3):
                await reader.read(10_000)
        except (TimeoutError, ConnectionError):
            pass  # it waits for the rest, or has hung up
        writer.close()

    for _ in range(FRAMES // 50):
        await asyncio.gather(*[one(some_frames(chance)) for _ in range(50)])
    told = capsys.readouterr()
    assert "Traceback" not in told.out + told.err
    assert "error" not in told.out
    assert (await place.anonymous().get("/healthz")).status == 200
