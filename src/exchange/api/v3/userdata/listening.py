"""Listen keys: who may listen to an account without a signature, and for how long (Binance: user-data-stream.md, as it
was published until listen keys were withdrawn; clients still use them).

The idea: the key says itself whose it is and when it was made, and proves it with a MAC, so nothing must be looked up
to know that. What must be shared is one number for each account, in the streams' server: when its present key was made.
It is gone an hour after it was last set; setting it again keeps the same key alive, setting it to zero ends it.

Whoever listens is checked against that number about once a second.
"""

import asyncio
import hmac
import string
from collections.abc import Callable
from hashlib import sha256
from typing import Final

import orjson
import structlog

from exchange.api.errors import ApiError, GatewayCode
from exchange.api.v3.userdata.feed import Feed, Send
from exchange.effects.ports import Clock, Count, Counters, EffectError

LASTS_MS: Final = 60 * 60 * 1000
KEY_CHARS: Final = 64

_LETTERS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_VALUES: Final = {letter: value for value, letter in enumerate(_LETTERS)}
_HEAD: Final = 14
"""Bytes of account and time in a key; the MAC follows."""
_BYTES: Final = _HEAD + sha256().digest_size
_LOOK_S: Final = 1.0

_logger = structlog.get_logger(__name__)


class _Listener:
    """Somebody who listens by a key; events wait until the key is known to be good."""

    def __init__(self, key: str, account: int, made_ms: int, send: Send) -> None:
        self.key = key
        self.account = account
        self.made_ms = made_ms
        self.send = send
        self.waiting: list[bytes] | None = []
        self.stop: Callable[[], None] = _nothing

    def hear(self, event: bytes) -> None:
        if self.waiting is None:
            self.send(event)
        else:
            self.waiting.append(event)

    def good(self) -> None:
        waiting, self.waiting = self.waiting, None
        for event in waiting or ():
            self.send(event)


class ListenKeys:
    """Makes, keeps and ends keys, and lets listen by them. `clock` is the wall's."""

    def __init__(self, feed: Feed, counters: Counters | None, secret: bytes, clock: Clock) -> None:
        self._feed = feed
        self._counters = counters
        self._secret = hmac.digest(secret, b"listen keys", "sha256")
        self._clock = clock
        self._listeners: set[_Listener] = set()
        self._come = asyncio.Event()

    async def start(self, account: int) -> str:
        """An account's key, good for another hour; the one that it has, if it has one.

        Raises:
            ApiError: the streams' server is away.
        """
        made_ms = (await self._made([account]))[0] or self._clock.now_ms()
        await self._set(account, made_ms)
        return self._written(account, made_ms)

    async def keep(self, account: int, key: str) -> bool:
        """Let an account's key last another hour; False when it is not its key.

        Raises:
            ApiError: as `start`.
        """
        return await self._renew(account, key, lambda made_ms: made_ms)

    async def end(self, account: int, key: str) -> bool:
        """End an account's key; False when it is not its key.

        Raises:
            ApiError: as `start`.
        """
        return await self._renew(account, key, lambda _: 0)

    def attach(self, listen_key: str, send: Send) -> Callable[[], None] | None:
        """Send an account's events by its key until what this gives is called; None when this is no key. One that is
        over is sent `listenKeyExpired`, and nothing more."""
        read = self._read(listen_key)
        if read is None:
            return None
        listener = _Listener(listen_key, *read, send)
        listener.stop = self._feed.listen(listener.account, listener.hear, _nothing)
        self._listeners.add(listener)
        self._come.set()
        return lambda: self._leave(listener)

    async def follow(self) -> None:
        """See that keys are good: of who comes, at once; of all, again and again, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._listeners:
                await self._come.wait()
            self._come.clear()
            try:
                await self._look()
            except ApiError as error:
                _logger.warning("listen keys cannot be looked at", code=error.code.value)
            timer = loop.call_later(_LOOK_S, self._come.set)
            await self._come.wait()
            timer.cancel()

    async def _look(self) -> None:
        listeners = list(self._listeners)
        accounts = sorted({one.account for one in listeners})
        made = dict(zip(accounts, await self._made(accounts), strict=True))
        for one in listeners:
            if one not in self._listeners:
                continue
            if made[one.account] == one.made_ms:
                one.good()
            else:
                self._leave(one)
                told = {"e": "listenKeyExpired", "E": self._clock.now_ms(), "listenKey": one.key}
                one.send(orjson.dumps(told))

    def _leave(self, listener: _Listener) -> None:
        self._listeners.discard(listener)
        listener.stop()

    async def _renew(self, account: int, key: str, made: Callable[[int], int]) -> bool:
        read = self._read(key)
        if read is None or read[0] != account or (await self._made([account]))[0] != read[1]:
            return False
        await self._set(account, made(read[1]))
        return True

    async def _made(self, accounts: list[int]) -> list[int]:
        return await self._count([Count(f"listen:{account}", 0, LASTS_MS) for account in accounts])

    async def _set(self, account: int, made_ms: int) -> None:
        await self._count([Count(f"listen:{account}", made_ms, LASTS_MS, afresh=True)])

    async def _count(self, counts: list[Count]) -> list[int]:
        try:
            if self._counters is not None:
                return await self._counters.add(counts)
        except EffectError as error:
            _logger.warning("listen keys cannot be kept", reason=str(error))
        raise ApiError(GatewayCode.LOG_UNAVAILABLE)

    def _written(self, account: int, made_ms: int) -> str:
        head = account.to_bytes(8, "big") + made_ms.to_bytes(_HEAD - 8, "big")
        number = int.from_bytes(head + hmac.digest(self._secret, head, "sha256"), "big")
        letters = []
        for _ in range(KEY_CHARS):
            number, value = divmod(number, len(_LETTERS))
            letters.append(_LETTERS[value])
        return "".join(reversed(letters))

    def _read(self, key: str) -> tuple[int, int] | None:
        """Account and time of a key; None when it is none of ours."""
        if len(key) != KEY_CHARS:
            return None
        number = 0
        for letter in key:
            value = _VALUES.get(letter)
            if value is None:
                return None
            number = number * len(_LETTERS) + value
        try:
            raw = number.to_bytes(_BYTES, "big")
        except OverflowError:
            return None
        head = raw[:_HEAD]
        if not hmac.compare_digest(raw[_HEAD:], hmac.digest(self._secret, head, "sha256")):
            return None
        return int.from_bytes(head[:8], "big"), int.from_bytes(head[8:], "big")


def _nothing() -> None:
    """Nothing to end, or to be told."""
