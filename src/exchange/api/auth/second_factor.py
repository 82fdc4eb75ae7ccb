"""Second factors as they are kept: secrets encrypted, codes good once, recovery codes hashed (`totp` has the rule).

A factor is asked for only once it was confirmed by a code, so that nobody locks themselves out with an app that was
set up wrongly. That a code is good once is decided by the row: of two who bring the same code at once, one is refused.
"""

import uuid
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from exchange.api.auth import totp
from exchange.api.auth.secrets import Secrets
from exchange.api.auth.store import Store
from exchange.api.errors import ApiError, GatewayCode
from exchange.projections.timescale.people import recovery_codes, second_factors

PURPOSE: Final = "totp"
"""What the secrets are encrypted for."""


class _Factor(NamedTuple):
    """A second factor as stored."""

    secret: bytes
    last_step: int
    on: bool


class SecondFactors:
    """The second factors of all users. Every method raises ApiError `database_unavailable` when the database is
    away."""

    def __init__(self, store: Store, secrets: Secrets) -> None:
        self._store = store
        self._secrets = secrets

    async def is_on(self, subject: str) -> bool:
        """Whether a user's sign-in asks for a code."""
        query = sa.select(second_factors.c.confirmed_at).where(_of(subject))
        async with self._store.connection() as connection:
            return (await connection.execute(query)).scalar() is not None

    async def begin(self, subject: str) -> bytes:
        """A new secret, which is not asked for before `confirm`; one that was begun before is no more.

        Raises:
            ApiError: `totp_on`.
        """
        secret = totp.new_secret()
        terms = {
            "secret": self._secrets.seal(PURPOSE, subject, secret),
            "last_step": 0,
            "created_at": sa.func.now(),
        }
        begun = (
            insert(second_factors)
            .values(subject=uuid.UUID(hex=subject), **terms)
            .on_conflict_do_update(
                index_elements=["subject"], set_=terms, where=second_factors.c.confirmed_at.is_(None)
            )
            .returning(second_factors.c.subject)
        )
        async with self._store.connection() as connection:
            if (await connection.execute(begun)).first() is None:
                raise ApiError(GatewayCode.TOTP_ON)
        return secret

    async def confirm(self, subject: str, code: str, now_ms: int) -> list[str]:
        """Ask for codes from now on; the recovery codes, which are not told again.

        Raises:
            ApiError: `totp_on`, `totp_off` (nothing was begun), `wrong_code`.
        """
        factor = await self._factor(subject)
        if factor.on:
            raise ApiError(GatewayCode.TOTP_ON)
        step = self._step(subject, factor, code, now_ms)
        codes = totp.new_recovery_codes()
        hashes = [{"subject": uuid.UUID(hex=subject), "hash": totp.recovery_hash(made)} for made in codes]
        untouched = (second_factors.c.secret == factor.secret) & second_factors.c.confirmed_at.is_(None)
        change = (
            second_factors.update().where(_of(subject) & untouched).values(confirmed_at=sa.func.now(), last_step=step)
        )
        async with self._store.transaction() as connection:
            if (await connection.execute(change)).rowcount != 1:
                raise ApiError(GatewayCode.WRONG_CODE)
            await connection.execute(recovery_codes.delete().where(_codes_of(subject)))
            await connection.execute(recovery_codes.insert(), hashes)
        return codes

    async def check(self, subject: str, code: str, now_ms: int) -> None:
        """Take a code, of the app or a recovery code; it is no good again.

        Raises:
            ApiError: `wrong_code`, also when it was taken before; `totp_off`.
        """
        recovery = totp.recovery_hash(code)
        used: sa.Delete | sa.Update
        if recovery is not None:
            used = recovery_codes.delete().where(_codes_of(subject) & (recovery_codes.c.hash == recovery))
        else:
            step = self._step(subject, await self._factor(subject), code, now_ms)
            used = (
                second_factors.update().where(_of(subject) & (second_factors.c.last_step < step)).values(last_step=step)
            )
        async with self._store.connection() as connection:
            if (await connection.execute(used)).rowcount != 1:
                raise ApiError(GatewayCode.WRONG_CODE, "code")

    async def turn_off(self, subject: str) -> None:
        """Ask for no codes any more."""
        async with self._store.transaction() as connection:
            await connection.execute(second_factors.delete().where(_of(subject)))
            await connection.execute(recovery_codes.delete().where(_codes_of(subject)))

    async def _factor(self, subject: str) -> _Factor:
        column = second_factors.c
        query = sa.select(column.secret, column.last_step, column.confirmed_at).where(_of(subject))
        async with self._store.connection() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            raise ApiError(GatewayCode.TOTP_OFF)
        return _Factor(row.secret, row.last_step, row.confirmed_at is not None)

    def _step(self, subject: str, factor: _Factor, code: str, now_ms: int) -> int:
        step = totp.step_of(self._secrets.open(PURPOSE, subject, factor.secret), code, now_ms, factor.last_step)
        if step is None:
            raise ApiError(GatewayCode.WRONG_CODE, "code")
        return step


def _of(subject: str) -> sa.ColumnElement[bool]:
    return second_factors.c.subject == uuid.UUID(hex=subject)


def _codes_of(subject: str) -> sa.ColumnElement[bool]:
    return recovery_codes.c.subject == uuid.UUID(hex=subject)
