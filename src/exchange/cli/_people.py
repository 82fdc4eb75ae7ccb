"""The operator's acts on people: roles, sessions, one-time codes. They are in the log before they are done.

grant, revoke   make somebody an administrator, or a plain user again
signout         end all their sessions
totp-off        ask them for no one-time codes any more: for who has lost the app and the recovery codes
"""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from exchange.api.auth.identity import ADMIN, USER, Identity
from exchange.api.auth.second_factor import SecondFactors
from exchange.api.auth.secrets import load_secrets
from exchange.api.auth.sessions import Sessions
from exchange.api.auth.store import Store
from exchange.api.auth.tokens import load_key
from exchange.api.v1.routes import users
from exchange.settings import Settings

Do = Callable[[Store, Settings, str], Awaitable[str]]


class PersonAct(NamedTuple):
    """One act: what the log calls it, and what does it to a subject and says what was done."""

    help: str
    record: str
    do: Do


async def _grant(store: Store, _: Settings, subject: str) -> str:
    return await _set_role(store, subject, ADMIN)


async def _revoke(store: Store, _: Settings, subject: str) -> str:
    return await _set_role(store, subject, USER)


async def _set_role(store: Store, subject: str, role: str) -> str:
    identity = Identity(store, cost=4)
    try:
        await identity.set_role(subject, role)
    finally:
        identity.close()
    return f"is {role} now"


async def _sign_out(store: Store, settings: Settings, subject: str) -> str:
    key = load_key(settings.keys_dir)
    sessions = Sessions(store, key, days=settings.session_days, token_minutes=settings.token_minutes)
    return f"has no session any more ({await sessions.end_all(subject)} ended)"


async def _totp_off(store: Store, settings: Settings, subject: str) -> str:
    await SecondFactors(store, load_secrets(settings.keys_dir)).turn_off(subject)
    return "is asked for no one-time codes now"


PERSON_ACTS: Final = {
    "grant": PersonAct("make a user an administrator", users.GRANTED, _grant),
    "revoke": PersonAct("make them a plain user again", users.REVOKED, _revoke),
    "signout": PersonAct("end all sessions of a user", users.SIGNED_OUT, _sign_out),
    "totp-off": PersonAct("ask a user for no one-time codes any more", users.TOTP_OFF, _totp_off),
}
"""The acts by name."""
