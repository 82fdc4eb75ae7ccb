"""The table of API keys: read many at a time, changed by their owner only.

A key that was taken back stays in the table, and is found by nobody any more; its id never comes again.
"""

import uuid
from collections.abc import Iterable
from typing import Final, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping

from exchange.api.auth.api_key import KeyKind
from exchange.api.auth.store import Store
from exchange.projections.timescale.people import api_keys, users

MOST: Final = 30
"""Keys that a user may have at a time, those that are over included."""

_T: Final = api_keys.c


class KeyRow(NamedTuple):
    """A key as it is stored; `secret` is sealed. Times are in milliseconds since the epoch."""

    id: str
    subject: str
    account: int
    label: str
    kind: KeyKind
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    secret: bytes | None
    public_key: str | None
    created_ms: int
    expires_ms: int | None
    last_used_ms: int | None


class KeyRows:
    """Methods raise ApiError `database_unavailable` when the database is away."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, ids: Iterable[str]) -> dict[str, KeyRow]:
        """Those of these keys that there are."""
        query = sa.select(api_keys).where(_T.id.in_(list(ids)), _T.revoked_at.is_(None))
        async with self._store.connection() as connection:
            return {row["id"]: _row(row) for row in (await connection.execute(query)).mappings()}

    async def of_user(self, subject: str) -> list[KeyRow]:
        """A user's keys, oldest first."""
        query = sa.select(api_keys).where(_T.subject == uuid.UUID(hex=subject), _T.revoked_at.is_(None))
        async with self._store.connection() as connection:
            found = await connection.execute(query.order_by(_T.created_at, _T.id))
            return [_row(row) for row in found.mappings()]

    async def add(self, row: KeyRow) -> bool:
        """A new key; False when its user has `MOST` already. One at a time for a user: the user's row is locked."""
        subject = uuid.UUID(hex=row.subject)
        mine = sa.select(sa.func.count()).where(_T.subject == subject, _T.revoked_at.is_(None))
        values = {
            **{name: value for name, value in row._asdict().items() if not name.endswith("_ms")},
            "subject": subject,
            "scopes": list(row.scopes),
            "networks": list(row.networks),
            "created_at": row.created_ms,
            "expires_at": row.expires_ms,
        }
        async with self._store.transaction() as connection:
            await connection.execute(sa.select(users.c.id).where(users.c.id == subject).with_for_update())
            if cast("int", await connection.scalar(mine)) >= MOST:
                return False
            await connection.execute(api_keys.insert().values(values))
        return True

    async def change(self, subject: str, id: str, values: dict[str, object]) -> KeyRow | None:
        """Other values for columns of a user's key; None when it is not theirs, or there is none."""
        changed = api_keys.update().where(*_mine(subject, id)).values(values).returning(api_keys)
        async with self._store.connection() as connection:
            row = (await connection.execute(changed)).mappings().first()
            return None if row is None else _row(row)

    async def revoke(self, subject: str, id: str, now_ms: int) -> bool:
        """Take a user's key back; False when it is not theirs, or there is none."""
        revoked = api_keys.update().where(*_mine(subject, id)).values(revoked_at=now_ms)
        async with self._store.connection() as connection:
            return (await connection.execute(revoked)).rowcount == 1

    async def used(self, ids: Iterable[str], now_ms: int) -> None:
        """Note that keys were used."""
        async with self._store.connection() as connection:
            await connection.execute(api_keys.update().where(_T.id.in_(list(ids))).values(last_used_at=now_ms))


def _mine(subject: str, id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return _T.id == id, _T.subject == uuid.UUID(hex=subject), _T.revoked_at.is_(None)


def _row(row: RowMapping) -> KeyRow:
    return KeyRow(
        id=row["id"],
        subject=row["subject"].hex,
        account=row["account"],
        label=row["label"],
        kind=row["kind"],
        scopes=tuple(row["scopes"]),
        networks=tuple(row["networks"]),
        secret=row["secret"],
        public_key=row["public_key"],
        created_ms=row["created_at"],
        expires_ms=row["expires_at"],
        last_used_ms=row["last_used_at"],
    )
