"""API keys: found, made, changed and taken back.

The idea: what was read is believed for a second (`BELIEVED_S`, counted from before it was asked for), and keys in use
are read again twice a second, all with one question and in the background. So a request with a key in use waits for
nothing, and a key that was taken back at another gateway is refused here within a second; one that was taken back here,
at once. While the database is away, keys that are known go on being believed: trading does not stop.

Keys that are not known are asked for many at a time, one question after the other, and remembered as unknown for a
moment: who guesses keys costs the database little, and keys in use nothing.
"""

import asyncio
import secrets
import string
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from ipaddress import ip_network
from typing import Final, TypeVar

import structlog

from exchange.api.auth.api_key import ApiKey, KeyKind, Verifier
from exchange.api.auth.key_rows import MOST, KeyRow, KeyRows
from exchange.api.auth.secrets import Secrets, SecretUnreadable
from exchange.api.auth.signatures import HmacVerifier, NotAKey, public_verifier
from exchange.api.errors import ApiError, GatewayCode
from exchange.effects.ports import Clock

PURPOSE: Final = "api-key"
"""What secrets of keys are sealed for."""
KEY_CHARS: Final = 64

BELIEVED_S: Final = 1.0
"""How long what was read is believed."""
ASK_S: Final = 0.5
"""How often keys in use are read again."""
IN_USE_S: Final = 60.0
"""A key that nobody has asked for so long is read again when somebody does."""
PATIENCE_S: Final = 0.5
"""How long a request with a known key waits for the database before the key is believed without it."""
UNKNOWN_S: Final = 2.0
"""How long a key is remembered not to be there."""
NOTED_S: Final = 60.0
"""How often it is noted which keys were used."""

_MOST_KNOWN: Final = 100_000
_MOST_UNKNOWN: Final = 10_000
_MOST_WAITING: Final = 5_000
_AT_ONCE: Final = 500
_RACE_S: Final = 30.0
"""Longer than any question to the database takes."""

_ALPHABET: Final = string.ascii_letters + string.digits
_T = TypeVar("_T")
_logger = structlog.get_logger(__name__)


class _Known:
    """A key as it was read, `seen` and last `wanted` at moments of the store's clock."""

    __slots__ = ("key", "row", "seen", "wanted")

    def __init__(self, row: KeyRow, key: ApiKey, seen: float, wanted: float) -> None:
        self.row = row
        self.key = key
        self.seen = seen
        self.wanted = wanted


class KeyStore:
    """The keys, by way of what is known of them here. Implements `Keys`; `follow` must run."""

    def __init__(
        self, rows: KeyRows, secrets: Secrets, clock: Clock, time: Callable[[], float] = time.monotonic
    ) -> None:
        """`time` is seconds of a clock that is never set."""
        self._rows = rows
        self._secrets = secrets
        self._clock = clock
        self._time = time
        self._known: dict[str, _Known] = {}
        self._unknown: dict[str, float] = {}
        self._waiting: dict[str, asyncio.Future[ApiKey | None]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._touched: dict[str, float] = {}
        """When keys were changed here: what was asked for before that is not believed."""
        self._away = False

    def current(self, id: str) -> ApiKey | None:
        """A key, if it is known without asking anybody; None tells nothing: `find` does."""
        known = self._known.get(id)
        if known is None:
            return None
        now = known.wanted = self._time()
        return known.key if now - known.seen <= BELIEVED_S or self._away else None

    def known(self, id: str) -> bool:
        """Whether a key that was found once still is one, as far as is known; for who holds on to it. Asks nobody, but
        has it read again within `ASK_S`."""
        known = self._known.get(id)
        if known is None:
            return False
        known.wanted = self._time()
        return known.key.expires_ms is None or known.key.expires_ms > self._clock.now_ms()

    async def find(self, id: str) -> ApiKey | None:
        """See `Keys`."""
        if len(id) != KEY_CHARS:
            return None
        key = self.current(id)
        if key is not None:
            return key
        known = self._known.get(id)
        if known is not None:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    return await self._asked(id)
            except TimeoutError:
                self._away = True
            except ApiError as error:
                if error.code is not GatewayCode.DATABASE_UNAVAILABLE and error.code is not GatewayCode.BUSY:
                    raise
            return known.key if id in self._known else None
        since = self._unknown.get(id)
        if since is not None and self._time() - since <= UNKNOWN_S:
            return None
        return await self._asked(id)

    async def make(
        self,
        id: str,
        subject: str,
        account: int,
        label: str,
        kind: KeyKind,
        public_key: str | None,
        scopes: Iterable[str],
        networks: Iterable[str],
        expires_ms: int | None,
    ) -> tuple[KeyRow, str | None]:
        """A new key of a user for an account, with its secret if it has one, which is nowhere to be had again. `id` is
        a new `random_text`; the public key must have been looked at (`public_verifier`).

        Raises:
            ApiError: the user has too many, or the database is away.
        """
        secret = random_text() if kind == "hmac" else None
        sealed = None if secret is None else self._secrets.seal(PURPOSE, id, secret.encode())
        now_ms = self._clock.now_ms()
        row = KeyRow(
            id,
            subject,
            account,
            label,
            kind,
            tuple(scopes),
            tuple(networks),
            sealed,
            public_key,
            now_ms,
            expires_ms,
            None,
        )
        if not await self._rows.add(row):
            raise ApiError(GatewayCode.TOO_MANY_KEYS, detail=f"A user has at most {MOST} keys; take one back first.")
        return row, secret

    async def of_user(self, subject: str) -> list[KeyRow]:
        """A user's keys, oldest first.

        Raises:
            ApiError: the database is away.
        """
        return await self._rows.of_user(subject)

    async def change(self, subject: str, id: str, values: dict[str, object]) -> KeyRow | None:
        """Change a user's key, for this gateway at once; None when it is not theirs, or there is none.

        Raises:
            ApiError: the database is away.
        """
        row = await self._rows.change(subject, id, values)
        if row is not None:
            now = self._touch(id)
            _remember(self._known, id, _Known(row, self._key(row), now, now), _MOST_KNOWN)
        return row

    async def revoke(self, subject: str, id: str) -> bool:
        """Take a user's key back, for this gateway at once; False when it is not theirs, or there is none.

        Raises:
            ApiError: the database is away.
        """
        gone = await self._rows.revoke(subject, id, self._clock.now_ms())
        if gone:
            self._touch(id)
        return gone

    async def follow(self) -> None:
        """Read the keys in use again and again, and note which were used."""
        noted = self._time()
        while True:
            begun = self._time()
            await self._again(begun)
            if begun - noted >= NOTED_S:
                noted = begun
                await self.note()
            await self._clock.sleep(max(0.0, begun + ASK_S - self._time()))

    async def close(self) -> None:
        """Wait for what is being read."""
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)

    async def note(self) -> None:
        """Write down which keys were used since the last time, to the minute."""
        used = [known.key for known in self._known.values() if known.key.used]
        if not used:
            return
        now_ms = self._clock.now_ms()
        try:
            await self._rows.used([key.id for key in used], now_ms - now_ms % 60_000)
        except ApiError as error:
            _logger.warning("the use of keys was not noted", reason=error.message)
            return
        for key in used:
            key.used = False

    async def _again(self, begun: float) -> None:
        in_use = [id for id, known in self._known.items() if begun - known.wanted <= IN_USE_S]
        # While the database is away somebody must ask whether it is back, be there keys in use or not.
        for start in range(0, len(in_use) or self._away, _AT_ONCE):
            ids = in_use[start : start + _AT_ONCE]
            asked = self._time()
            try:
                async with asyncio.timeout(BELIEVED_S):
                    rows = await self._rows.read(ids)
            except (ApiError, TimeoutError) as error:
                if not self._away:
                    _logger.warning("keys are believed without the database", reason=str(error))
                self._away = True
                return
            self._away = False
            for id in ids:
                with suppress(ApiError):  # unreadable from now on, which was logged
                    self._learn(id, rows.get(id), asked)

    async def _asked(self, id: str) -> ApiKey | None:
        """What the database says of a key; many that wait are asked for with one question."""
        answer = self._waiting.get(id)
        if answer is None:
            if len(self._waiting) >= _MOST_WAITING:
                raise ApiError(GatewayCode.BUSY)
            answer = self._waiting[id] = asyncio.get_running_loop().create_future()
            if self._reading is None:
                self._reading = asyncio.create_task(self._read())
        return await asyncio.shield(answer)

    async def _read(self) -> None:
        try:
            while self._waiting:
                ids = list(self._waiting)[:_AT_ONCE]
                asked = self._time()
                failed: ApiError | None = None
                rows: dict[str, KeyRow] = {}
                try:
                    rows = await self._rows.read(ids)
                    self._away = False
                except ApiError as error:
                    failed = error
                for id in ids:
                    self._answer(id, rows.get(id), asked, failed)
        finally:
            self._reading = None
            for id in list(self._waiting):
                self._answer(id, None, 0.0, ApiError(GatewayCode.INTERNAL))

    def _answer(self, id: str, row: KeyRow | None, asked: float, failed: ApiError | None) -> None:
        answer = self._waiting.pop(id)
        try:
            if failed is not None:
                raise failed
            self._learn(id, row, asked)
        except ApiError as error:
            answer.set_exception(error)
            answer.exception()  # looked at, also when nobody waits any more
            return
        known = self._known.get(id)
        answer.set_result(None if known is None else known.key)

    def _learn(self, id: str, row: KeyRow | None, asked: float) -> None:
        """Take in what the database said of a key when it was asked.

        Raises:
            ApiError: the key's secret cannot be read here.
        """
        if self._touched.get(id, asked) > asked:
            return
        known = self._known.get(id)
        if row is None:
            self._known.pop(id, None)
            _remember(self._unknown, id, asked, _MOST_UNKNOWN)
        elif known is not None and known.row._replace(last_used_ms=None) == row._replace(last_used_ms=None):
            known.seen = asked
        else:
            wanted = asked if known is None else known.wanted
            self._known.pop(id, None)
            self._unknown.pop(id, None)
            _remember(self._known, id, _Known(row, self._key(row), asked, wanted), _MOST_KNOWN)

    def _key(self, row: KeyRow) -> ApiKey:
        networks = [ip_network(text) for text in row.networks]
        try:
            verifier = self._verifier(row)
        except (SecretUnreadable, NotAKey) as error:
            _logger.warning("an API key cannot be read", key=row.id, reason=str(error))
            raise ApiError(GatewayCode.KEY_UNREADABLE) from None
        return ApiKey(
            row.id, row.subject, row.account, row.kind, frozenset(row.scopes), networks, row.expires_ms, verifier
        )

    def _verifier(self, row: KeyRow) -> Verifier:
        if row.kind == "hmac":
            return HmacVerifier(self._secrets.open(PURPOSE, row.id, row.secret or b""))
        return public_verifier(row.kind, row.public_key or "")

    def _touch(self, id: str) -> float:
        """A key was changed here: nothing that was known or asked for before holds."""
        now = self._time()
        self._known.pop(id, None)
        self._touched = {one: when for one, when in self._touched.items() if now - when <= _RACE_S}
        self._touched[id] = now
        return now


def random_text() -> str:
    """What names a key, or is its secret."""
    return "".join([secrets.choice(_ALPHABET) for _ in range(KEY_CHARS)])


def _remember(known: dict[str, _T], id: str, value: _T, most: int) -> None:
    """Put in the newest; the oldest makes room."""
    known.pop(id, None)
    known[id] = value
    if len(known) > most:
        del known[next(iter(known))]
