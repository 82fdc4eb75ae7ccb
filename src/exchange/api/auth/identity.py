"""Who may sign in: the table `users`, and passwords.

bcrypt takes 0.4 s of a core at the usual cost, so it runs in two threads of its own with a bounded queue, never on the
event loop; and an unknown email costs the same as a wrong password, so that time tells nobody which emails exist.
"""

import asyncio
import hmac
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import bcrypt
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from exchange.api.errors import ApiError, GatewayCode
from exchange.projections.timescale import database
from exchange.projections.timescale.people import users
from exchange.terms.codes import Code

MIN_PASSWORD_CHARS: Final = 8
MAX_PASSWORD_BYTES: Final = 72
"""bcrypt reads no further."""

COST: Final = 12
ADMIN: Final = "admin"
USER: Final = "user"

DATABASE_S: Final = 5.0
"""How long the database may take for one question."""

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


def read_email(text: str) -> str:
    """An email in the form in which it is stored.

    Raises:
        ApiError: it is not one.
    """
    email = text.strip().lower()
    if len(email) > _MAX_EMAIL_CHARS or _EMAIL.fullmatch(email) is None:
        raise ApiError(Code.INVALID_FIELD, "email", detail="This is not an email address.")
    return email


def read_password(text: str) -> bytes:
    """A password's bytes.

    Raises:
        ApiError: it is too short or too long.
    """
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raise ApiError(Code.INVALID_FIELD, "password") from None
    if len(text) < MIN_PASSWORD_CHARS or len(raw) > MAX_PASSWORD_BYTES or b"\0" in raw:
        detail = f"A password has {MIN_PASSWORD_CHARS} characters or more and at most {MAX_PASSWORD_BYTES} bytes."
        raise ApiError(Code.INVALID_FIELD, "password", detail=detail)
    return raw


def random_subject(_email: str) -> uuid.UUID:
    """The id of somebody who signs up."""
    return uuid.uuid4()


class Identity:
    """Users and their passwords. Every method raises ApiError `database_unavailable` when the database is away."""

    def __init__(
        self, database_url: str, *, cost: int = COST, new_subject: Callable[[str], uuid.UUID] = random_subject
    ) -> None:
        self._new_subject = new_subject
        self._engine = database.engine(database_url, pool_size=4)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="bcrypt")
        self._waiting = 0
        self._cost = cost
        self._dummy = bcrypt.hashpw(b"nobody's password", bcrypt.gensalt(cost))

    async def close(self) -> None:
        """Give up connections and threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        await self._engine.dispose()

    async def create(self, email: str, password: bytes) -> User:
        """A new user.

        Raises:
            ApiError: the email is taken, or too many wait already.
        """
        with self._admitted():
            hashed = await self._hashing(password, None)
        subject = self._new_subject(email)
        insert = users.insert().values(id=subject, email=email, password_hash=hashed, role=USER)
        try:
            async with self._connection() as connection:
                await connection.execute(insert)
        except IntegrityError:
            raise ApiError(GatewayCode.EMAIL_TAKEN, "email") from None
        return User(subject.hex, email, USER, None)

    async def check(self, email: str, password: bytes) -> User | None:
        """The user with this email and password, if there is one.

        Raises:
            ApiError: too many wait already.
        """
        with self._admitted():
            async with self._connection() as connection:
                row = (await connection.execute(sa.select(users).where(users.c.email == email))).first()
            stored: bytes = self._dummy if row is None else row.password_hash
            right = await self._hashing(password, stored)
        if row is None or not hmac.compare_digest(right, stored):
            return None
        return User(row.id.hex, row.email, row.role, row.account)

    async def set_account(self, subject: str, account: int) -> None:
        """Note the account that the engine opened for a user."""
        change = users.update().where(users.c.id == uuid.UUID(hex=subject)).values(account=account)
        async with self._connection() as connection:
            await connection.execute(change)

    async def is_admin(self, subject: str) -> bool:
        """Whether a user is an administrator now."""
        query = sa.select(users.c.role).where(users.c.id == uuid.UUID(hex=subject))
        async with self._connection() as connection:
            return (await connection.execute(query)).scalar() == ADMIN

    async def set_role(self, email: str, role: str) -> bool:
        """Make a user an administrator, or a plain user again; False when there is no such user."""
        change = users.update().where(users.c.email == email).values(role=role)
        async with self._connection() as connection:
            return (await connection.execute(change)).rowcount == 1

    async def ping(self) -> None:
        """Ask the database anything."""
        async with self._connection() as connection:
            await connection.execute(sa.select(1))

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

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with asyncio.timeout(DATABASE_S), self._engine.connect() as connection:
                yield connection
        except IntegrityError:
            raise
        except (DBAPIError, sa.exc.TimeoutError, *database.FAILURES) as error:
            away = database.translate(error)
            if away is None:
                raise
            raise ApiError(GatewayCode.DATABASE_UNAVAILABLE) from away


def _hash(password: bytes, salt: bytes | None, cost: int) -> bytes:
    """Hash with a salt (a stored hash holds its own), or with a new one."""
    return bcrypt.hashpw(password, bcrypt.gensalt(cost) if salt is None else salt)
