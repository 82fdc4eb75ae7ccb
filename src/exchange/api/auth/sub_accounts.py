"""Further accounts of a user: how they are called.

The log says whose an account is: its `ref` is its owner's subject, and for a sub-account the subject, a slash and a
number. So ownership is told from the live view alone, trading goes on while the database is away, and opening one again
after a lost answer finds the one that there is. The database has the labels, and gives out the numbers.
"""

import uuid
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from exchange.api.auth.store import Store
from exchange.api.errors import ApiError, GatewayCode
from exchange.projections.timescale.people import sub_accounts

MOST: Final = 20
"""Sub-accounts of one user; one that was opened stays."""

_TRIES: Final = 5


def ref_of(subject: str, number: int) -> str:
    """What the log calls a user's sub-account."""
    return f"{subject}/{number}"


def owner_of(ref: str) -> str:
    """The subject of the user whose account this is."""
    return ref.partition("/")[0]


def number_of(ref: str) -> int:
    """Which of its owner's sub-accounts this is; 0 for the owner's first account."""
    number = ref.partition("/")[2]
    return int(number) if number.isdigit() else 0


class SubAccounts:
    """Labels and numbers. Every method raises ApiError `database_unavailable` when the database is away."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def number(self, subject: str, label: str) -> int:
        """The number of a user's sub-account with a label; a new one if there is none.

        Raises:
            ApiError: there are too many.
        """
        owner = uuid.UUID(hex=subject)
        column = sub_accounts.c
        highest = sa.func.coalesce(sa.func.max(column.number), 0)
        next_one = (
            sa.select(
                sa.literal(owner, sa.Uuid),
                highest + 1,
                sa.literal(label, sa.Text),
                sa.func.now(),
            )
            .where(column.subject == owner)
            .having(highest < MOST)
        )
        added = (
            insert(sub_accounts)
            .from_select(["subject", "number", "label", "created_at"], next_one)
            .on_conflict_do_nothing()
            .returning(column.number)
        )
        known = sa.select(column.number).where((column.subject == owner) & (column.label == label))
        count = sa.select(sa.func.count()).where(column.subject == owner)
        async with self._store.connection() as connection:
            for _ in range(_TRIES):
                found: int | None = (await connection.execute(known)).scalar()
                if found is None:
                    found = (await connection.execute(added)).scalar()
                if found is not None:
                    return found
                if (await connection.execute(count)).scalar_one() >= MOST:
                    raise ApiError(GatewayCode.TOO_MANY_SUB_ACCOUNTS)
        raise ApiError(GatewayCode.BUSY)  # somebody opens them all the time

    async def labels(self, subject: str) -> dict[int, str]:
        """A user's sub-accounts: labels by number."""
        query = sa.select(sub_accounts.c.number, sub_accounts.c.label).where(
            sub_accounts.c.subject == uuid.UUID(hex=subject)
        )
        async with self._store.connection() as connection:
            rows = (await connection.execute(query.order_by(sub_accounts.c.number))).all()
        return {row.number: row.label for row in rows}

    async def rename(self, subject: str, number: int, label: str) -> None:
        """Give a sub-account another label.

        Raises:
            ApiError: another one has it.
        """
        row = {"subject": uuid.UUID(hex=subject), "number": number, "label": label}
        change = insert(sub_accounts).values(**row, created_at=sa.func.now())
        change = change.on_conflict_do_update(index_elements=["subject", "number"], set_={"label": label})
        try:
            async with self._store.connection() as connection:
                await connection.execute(change)
        except IntegrityError:
            raise ApiError(GatewayCode.LABEL_USED, "label") from None
