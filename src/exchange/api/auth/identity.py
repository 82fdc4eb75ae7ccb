"""Who may sign in: the table `users`, and passwords.

bcrypt takes 0.4 s of a core at the usual cost, so it runs in two threads of its own with a bounded queue, never on the
event loop; and an unknown email costs the same as a wrong password, and a known one the same as a new one, so that time
tells nobody which emails exist.
"""

import asyncio
import hmac
import re
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, NamedTuple

import bcrypt
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from exchange.api.auth.store import Store
from exchange.api.errors import ApiError, GatewayCode
from exchange.projections.timescale.people import second_factors, users
from exchange.terms.codes import Code

MIN_PASSWORD_CHARS: Final = 8
MAX_PASSWORD_BYTES: Final = 72
"""bcrypt reads no further."""

COST: Final = 12
ADMIN: Final = "admin"
USER: Final = "user"

_MAX_EMAIL_CHARS: Final = 254
_EMAIL: Final = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)*", re.ASCII)
_THREADS: Final = 2
_WAITING: Final = 64


class User:
    """A user as stored; `subject` (32 hex digits) is what tokens and the engine's `ref` say."""

    def __init__(self, subject: str, email: str, role: str, account: int | None) -> None:
        self.subject = subject
        self.email = email
        self.role = role
        self.account = account


class Listed(NamedTuple):
    """A user as administrators see them."""

    subject: str
    email: str
    role: str
    account: int | None
    totp: bool
    """Whether their sign-in asks for a code."""
    created_ms: int


def read_email(text: str) -> str:
    """An email in the form in which it is stored.

    Raises:
        ApiError: it is not one.
    """
    email = text.strip().lower()
    if len(email) > _MAX_EMAIL_CHARS or _EMAIL.fullmatch(email) is None:
        raise ApiError(Code.INVALID_FIELD, "email", detail="This is not an email address.")
    return email


def read_password(text: str, field: str = "password") -> bytes:
    """A password's bytes.

    Raises:
        ApiError: it is too short or too long.
    """
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raise ApiError(Code.INVALID_FIELD, field) from None
    if len(text) < MIN_PASSWORD_CHARS or len(raw) > MAX_PASSWORD_BYTES or b"\0" in raw:
        detail = f"A password has {MIN_PASSWORD_CHARS} characters or more and at most {MAX_PASSWORD_BYTES} bytes."
        raise ApiError(Code.INVALID_FIELD, field, detail=detail)
    return raw


def random_subject(_email: str) -> uuid.UUID:
    """The id of somebody who signs up."""
    return uuid.uuid4()


class Identity:
    """Users and their passwords. Every method raises ApiError `database_unavailable` when the database is away."""

    def __init__(
        self, store: Store, *, cost: int = COST, new_subject: Callable[[str], uuid.UUID] = random_subject
    ) -> None:
        self._store = store
        self._new_subject = new_subject
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="bcrypt")
        self._waiting = 0
        self._cost = cost
        self._dummy = bcrypt.hashpw(b"nobody's password", bcrypt.gensalt(cost))

    def close(self) -> None:
        """Give up the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def create(self, email: str, password: bytes) -> None:
        """Make a user, unless there is one with this email: then nothing is changed, at the same cost.

        Raises:
            ApiError: too many wait already.
        """
        with self._admitted():
            hashed = await self._hashing(password, None)
        made = insert(users).values(id=self._new_subject(email), email=email, password_hash=hashed, role=USER)
        # A row is written either way, and so the database's answer takes the same time.
        made = made.on_conflict_do_update(index_elements=["email"], set_={"email": email})
        async with self._store.connection() as connection:
            await connection.execute(made)

    async def check(self, email: str, password: bytes) -> User | None:
        """The user with this email and password, if there is one.

        Raises:
            ApiError: too many wait already.
        """
        return await self._checked(users.c.email == email, password)

    async def check_password(self, subject: str, password: bytes) -> bool:
        """Whether this is a user's password.

        Raises:
            ApiError: too many wait already.
        """
        return await self._checked(_is(subject), password) is not None

    async def set_password(self, subject: str, password: bytes) -> None:
        """Give a user another password.

        Raises:
            ApiError: too many wait already.
        """
        with self._admitted():
            hashed = await self._hashing(password, None)
        async with self._store.connection() as connection:
            await connection.execute(users.update().where(_is(subject)).values(password_hash=hashed))

    async def user(self, subject: str) -> User | None:
        """A user."""
        async with self._store.connection() as connection:
            row = (await connection.execute(sa.select(users).where(_is(subject)))).first()
        return None if row is None else User(row.id.hex, row.email, row.role, row.account)

    async def page(self, search: str, after: str, limit: int) -> list[Listed]:
        """Users by email, those that contain `search`, beginning after an email."""
        column = users.c
        confirmed = second_factors.c.confirmed_at.is_not(None)
        query = (
            sa.select(users, sa.func.coalesce(confirmed, sa.false()).label("totp"))
            .outerjoin(second_factors, second_factors.c.subject == column.id)
            .where(column.email.contains(search, autoescape=True) & (column.email > after))
            .order_by(column.email)
            .limit(limit)
        )
        async with self._store.connection() as connection:
            rows = (await connection.execute(query)).all()
        return [
            Listed(row.id.hex, row.email, row.role, row.account, row.totp, int(row.created_at.timestamp() * 1000))
            for row in rows
        ]

    async def set_account(self, subject: str, account: int) -> None:
        """Note the account that the engine opened for a user."""
        async with self._store.connection() as connection:
            await connection.execute(users.update().where(_is(subject)).values(account=account))

    async def is_admin(self, subject: str) -> bool:
        """Whether a user is an administrator now."""
        async with self._store.connection() as connection:
            return (await connection.execute(sa.select(users.c.role).where(_is(subject)))).scalar() == ADMIN

    async def subject_of(self, email: str) -> str | None:
        """The subject of the user with an email, if there is one."""
        async with self._store.connection() as connection:
            found: uuid.UUID | None = (
                await connection.execute(sa.select(users.c.id).where(users.c.email == email))
            ).scalar()
        return None if found is None else found.hex

    async def set_role(self, subject: str, role: str) -> bool:
        """Make a user an administrator, or a plain user again; False when there is no such user."""
        async with self._store.connection() as connection:
            return (await connection.execute(users.update().where(_is(subject)).values(role=role))).rowcount == 1

    async def ping(self) -> None:
        """Ask the database anything."""
        async with self._store.connection() as connection:
            await connection.execute(sa.select(1))

    async def _checked(self, which: sa.ColumnElement[bool], password: bytes) -> User | None:
        with self._admitted():
            async with self._store.connection() as connection:
                row = (await connection.execute(sa.select(users).where(which))).first()
            stored: bytes = self._dummy if row is None else row.password_hash
            right = await self._hashing(password, stored)
        if row is None or not hmac.compare_digest(right, stored):
            return None
        return User(row.id.hex, row.email, row.role, row.account)

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        """A place in the queue for the two threads, taken before the database is asked anything."""
        if self._waiting >= _WAITING:
            raise ApiError(GatewayCode.BUSY)
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def _hashing(self, password: bytes, salt: bytes | None) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._pool, _hash, password, salt, self._cost)


def _is(subject: str) -> sa.ColumnElement[bool]:
    return users.c.id == uuid.UUID(hex=subject)


def _hash(password: bytes, salt: bytes | None, cost: int) -> bytes:
    """Hash with a salt (a stored hash holds its own), or with a new one."""
    return bcrypt.hashpw(password, bcrypt.gensalt(cost) if salt is None else salt)
