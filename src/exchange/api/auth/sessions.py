"""Sessions: who is signed in, for how long, and until when gateways believe it.

A session lives by its refresh token, which is good for one use: each use gives the next one. A token is two random
parts, the session's (`family`, the same in all of its tokens) and its own; the database has their hashes only. So
whoever shows the right family with an own part that is over has had a token of this session that was used already:
a thief, or the one who was robbed, and nobody can tell which. The whole session ends.

A lost answer must not look like a theft. The next token is a function of the one before and of a key of this home, so
the same token, asked for again within `GRACE_S` and before its successor was used, gives the very same successor: a
repetition gives away nothing that the first use did not.

Access tokens name their session and are not looked up: each gateway asks twice a second which sessions have ended
lately. So an ended session's tokens are refused within a second everywhere, requests wait for nothing, and while the
database is away tokens are believed until they end by themselves. All moments are by the database's clock.
"""

import base64
import hashlib
import hmac
import secrets
import uuid
from datetime import timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa
import structlog

from exchange.api.auth.store import Store
from exchange.api.errors import ApiError, GatewayCode
from exchange.effects.ports import Clock
from exchange.projections.timescale.people import sessions, users

GRACE_S: Final = 30
"""How long a refresh token may come again: longer than clients usually wait for an answer."""
ASK_S: Final = 0.5
"""How often gateways ask which sessions have ended."""
MOST: Final = 100
"""Sessions of one user; the one that was used longest ago ends for a new one."""
AGENT_CHARS: Final = 200

_FAMILY_BYTES: Final = 16
_OWN_BYTES: Final = 32
_KEPT: Final = timedelta(days=30)
"""How long a session that is over can still be told from one that never was."""

_logger = structlog.get_logger(__name__)


class Session(NamedTuple):
    """A session that has not ended; times in milliseconds since the epoch."""

    id: str
    address: str
    """Where it began."""
    agent: str
    """What the client called itself."""
    created_ms: int
    used_ms: int
    """When it was last refreshed."""
    expires_ms: int


class Refreshed(NamedTuple):
    """A session with its next refresh token, which is over at `expires_ms`."""

    id: str
    subject: str
    refresh_token: str
    expires_ms: int


class Sessions:
    """All sessions of the exchange. Methods that ask the database raise ApiError `database_unavailable`."""

    def __init__(self, store: Store, key: bytes, *, days: int, token_minutes: int) -> None:
        """`key` makes the next refresh token of each; `days` is how long one may lie unused, `token_minutes` how long
        access tokens live."""
        self._store = store
        self._key = hmac.digest(key, b"refresh tokens", "sha256")
        self._life = timedelta(days=days)
        self._asked_back = timedelta(minutes=token_minutes + 1)
        self._ended: set[str] = set()
        self._since_asked: set[str] = set()

    def ended(self, id: str) -> bool:
        """Whether a session is known to have ended. Asks nobody."""
        return id in self._ended

    async def begin(self, subject: str, address: str, agent: str) -> Refreshed:
        """A new session of a user."""
        token = secrets.token_bytes(_FAMILY_BYTES + _OWN_BYTES)
        id = uuid.uuid4()
        now = sa.func.now()
        made = (
            sessions.insert()
            .values(
                id=id,
                subject=uuid.UUID(hex=subject),
                family=_hash(token[:_FAMILY_BYTES]),
                refresh=_hash(token),
                address=address,
                agent=_printable(agent),
                created_at=now,
                used_at=now,
                expires_at=now + self._life,
            )
            .returning(sessions.c.expires_at)
        )
        async with self._store.connection() as connection:
            expires_ms: int = (await connection.execute(made)).scalar_one()
        await self._tidy(subject)
        return Refreshed(id.hex, subject, _written(token), expires_ms)

    async def refresh(self, text: str) -> Refreshed:
        """The next refresh token for one.

        Raises:
            ApiError: it is none, or its session is over; if it was used before, it is over now.
        """
        token = _read(text)
        successor = token[:_FAMILY_BYTES] + hmac.digest(self._key, token, "sha256")
        family, now = _hash(token[:_FAMILY_BYTES]), sa.func.now()
        alive = (sessions.c.family == family) & sessions.c.ended_at.is_(None) & (sessions.c.expires_at > now)
        used = (
            sessions.update()
            .where(alive & (sessions.c.refresh == _hash(token)))
            .values(previous=sessions.c.refresh, refresh=_hash(successor), used_at=now, expires_at=now + self._life)
            .returning(sessions.c.id, sessions.c.subject, sessions.c.expires_at)
        )
        again = (sessions.c.previous == _hash(token)) & (sessions.c.used_at > now - timedelta(seconds=GRACE_S))
        looked_up = sa.select(sessions.c.id, sessions.c.subject, sessions.c.expires_at, again.label("again")).where(
            alive
        )
        async with self._store.connection() as connection:
            row = (await connection.execute(used)).first()
            if row is None:
                row = (await connection.execute(looked_up)).first()
                if row is None:
                    raise _over()
                if not row.again:
                    await self._end(sessions.c.id == row.id)
                    _logger.warning("a used refresh token came again: its session ended", session=row.id.hex)
                    raise _over()
        return Refreshed(row.id.hex, row.subject.hex, _written(successor), row.expires_at)

    async def listing(self, subject: str) -> list[Session]:
        """A user's sessions, the one used last first."""
        query = (
            sa.select(sessions)
            .where(_of(subject) & sessions.c.ended_at.is_(None) & (sessions.c.expires_at > sa.func.now()))
            .order_by(sessions.c.used_at.desc(), sessions.c.id)
        )
        async with self._store.connection() as connection:
            rows = (await connection.execute(query)).all()
        return [
            Session(row.id.hex, row.address, row.agent, row.created_at, row.used_at, row.expires_at) for row in rows
        ]

    async def end(self, subject: str, id: str) -> bool:
        """End a user's session; False when they have no such session."""
        try:
            named = uuid.UUID(hex=id)
        except ValueError:
            return False
        return bool(await self._end(_of(subject) & (sessions.c.id == named)))

    async def end_all(self, subject: str, but: str = "") -> int:
        """End all sessions of a user (but one); how many there were."""
        which = _of(subject)
        if but:
            which &= sessions.c.id != uuid.UUID(hex=but)
        return await self._end(which)

    async def known_address(self, email: str, address: str) -> bool:
        """Whether the user with an email has signed in from an address lately."""
        query = (
            sa.select(sessions.c.id)
            .join(users, users.c.id == sessions.c.subject)
            .where((users.c.email == email) & (sessions.c.address == address))
            .limit(1)
        )
        async with self._store.connection() as connection:
            return (await connection.execute(query)).first() is not None

    async def learn(self) -> None:
        """Ask which sessions have ended lately."""
        self._since_asked = set()
        query = sa.select(sessions.c.id).where(sessions.c.ended_at > sa.func.now() - self._asked_back)
        async with self._store.connection() as connection:
            rows = (await connection.execute(query)).scalars().all()
        self._ended = {id.hex for id in rows} | self._since_asked

    async def follow(self, clock: Clock) -> None:
        """Ask again and again, for ever; while the database is away, what is known stays."""
        away = False
        while True:
            try:
                await self.learn()
                away = False
            except ApiError as error:
                if not away:
                    _logger.warning("sessions cannot be asked about: tokens are believed", reason=error.message)
                away = True
            await clock.sleep(ASK_S)

    async def _end(self, which: sa.ColumnElement[bool]) -> int:
        """End those of some sessions that have not ended."""
        change = (
            sessions.update()
            .where(which & sessions.c.ended_at.is_(None))
            .values(ended_at=sa.func.now())
            .returning(sessions.c.id)
        )
        async with self._store.connection() as connection:
            ids = {id.hex for id in (await connection.execute(change)).scalars()}
        self._ended |= ids
        self._since_asked |= ids  # an answer that is under way may not know of them
        return len(ids)

    async def _tidy(self, subject: str) -> None:
        """Forget what is long over, and hold a user's sessions to their number."""
        now = sa.func.now()
        over = sa.func.coalesce(sessions.c.ended_at, sessions.c.expires_at) < now - _KEPT
        live = sa.select(sessions.c.id).where(_of(subject) & sessions.c.ended_at.is_(None))
        async with self._store.connection() as connection:
            await connection.execute(sessions.delete().where(_of(subject) & over))
        await self._end(sessions.c.id.in_(live.order_by(sessions.c.used_at.desc()).offset(MOST)))


def _of(subject: str) -> sa.ColumnElement[bool]:
    return sessions.c.subject == uuid.UUID(hex=subject)


def _hash(token: bytes) -> bytes:
    """A plain hash will do: what is hashed is random."""
    return hashlib.sha256(token).digest()


def _written(token: bytes) -> str:
    return base64.urlsafe_b64encode(token).decode()


def _read(text: str) -> bytes:
    """A refresh token's bytes, if it is written as it was given."""
    try:
        token = base64.b64decode(text.encode("ascii"), b"-_", validate=True)
    except ValueError:
        raise _over() from None
    if len(token) != _FAMILY_BYTES + _OWN_BYTES or _written(token) != text:
        raise _over()
    return token


def _printable(agent: str) -> str:
    """What a client calls itself, as text that is safe to keep and to show in a terminal."""
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in agent[:AGENT_CHARS])


def _over() -> ApiError:
    return ApiError(GatewayCode.UNAUTHORIZED, "refresh_token", detail="This session is over; sign in again.")
