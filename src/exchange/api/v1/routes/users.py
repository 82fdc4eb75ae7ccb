"""Administration of people: who there is, roles, sessions, keys.

What is done to somebody is put into the log first (`acting.record`), and then done: nothing is done without a trace.
"""

import re
from typing import Final

from exchange.api.auth.identity import ADMIN, USER, Listed, User
from exchange.api.contract.declared import Json, Text, Word, endpoint, optional
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.v1 import schemas
from exchange.api.v1.acting import record
from exchange.api.v1.call import Call, Reply
from exchange.api.v1.refusals import COMMAND
from exchange.api.v1.routes.paging import LIMIT

GRANTED: Final = "role.granted"
REVOKED: Final = "role.revoked"
SIGNED_OUT: Final = "sessions.ended"
KEYS_REVOKED: Final = "keys.revoked"
TOTP_OFF: Final = "totp.off"

_ROLES: Final = {USER: USER, ADMIN: ADMIN}
_ROLE: Final = schemas.word(_ROLES)
_SUBJECT: Final = re.compile(r"[0-9a-f]{32}")
_LISTED: Final = schemas.named(
    "User",
    schemas.thing(
        subject=schemas.TEXT,
        email=schemas.TEXT,
        role=_ROLE,
        account=schemas.maybe(schemas.ID),
        totp=schemas.FLAG,
        created_at=schemas.TIME,
    ),
)
_ACTING: Final = COMMAND | {GatewayCode.UNKNOWN_USER, GatewayCode.RESULT_GONE, GatewayCode.REF_REUSED}


@endpoint(
    "Users by email: those that contain `search`, after an email.",
    query={"search": optional(Text()), "after": optional(Text()), "limit": LIMIT},
    answer=schemas.thing(users=schemas.many(_LISTED)),
    position=False,
)
async def listing(call: Call) -> Reply:
    """`GET admin/users`."""
    query = call.query()
    search, after = (_text(query.text(name)) if name in query else "" for name in ("search", "after"))
    users = await call.gateway.identity.page(search.lower(), after, query.number("limit"))
    return Reply({"users": [_shown(user) for user in users]})


@endpoint(
    "Make a user an administrator, or a plain user again.",
    body={"role": Word(_ROLES)},
    answer=schemas.thing(subject=schemas.TEXT, role=_ROLE, recorded=schemas.FLAG),
    codes=_ACTING,
    position=False,
)
async def set_role(call: Call) -> Reply:
    """`PATCH admin/users/{subject}`."""
    role = (await call.body()).choice("role", _ROLES)
    user = await _user(call)
    recorded = await _record(call, GRANTED if role == ADMIN else REVOKED, user)
    await call.gateway.identity.set_role(user.subject, role)
    return Reply({"subject": user.subject, "role": role, "recorded": recorded})


@endpoint(
    "End all sessions of a user.",
    answer=schemas.thing(ended=schemas.COUNT, recorded=schemas.FLAG),
    codes=_ACTING,
    position=False,
)
async def signout(call: Call) -> Reply:
    """`POST admin/users/{subject}/signout`."""
    user = await _user(call)
    recorded = await _record(call, SIGNED_OUT, user)
    return Reply({"ended": await call.gateway.people.sessions.end_all(user.subject), "recorded": recorded})


@endpoint(
    "Take back all keys of a user.",
    answer=schemas.thing(revoked=schemas.COUNT, recorded=schemas.FLAG),
    codes=_ACTING,
    position=False,
)
async def revoke_keys(call: Call) -> Reply:
    """`DELETE admin/users/{subject}/keys`."""
    user = await _user(call)
    keys = call.gateway.keys
    recorded = await _record(call, KEYS_REVOKED, user)
    revoked = [await keys.revoke(user.subject, key.id) for key in await keys.of_user(user.subject)]
    return Reply({"revoked": sum(revoked), "recorded": recorded})


async def _user(call: Call) -> User:
    subject = call.path("subject")
    user = await call.gateway.identity.user(subject) if _SUBJECT.fullmatch(subject) else None
    if user is None:
        raise ApiError(GatewayCode.UNKNOWN_USER, "subject")
    return user


async def _record(call: Call, act: str, user: User) -> bool:
    gateway = call.gateway
    return await record(gateway.commands, gateway.view, call.principal.subject, act, user.subject)


def _text(given: str) -> str:
    """A text that the database can be asked about: without zeros and halves of characters, which no email has."""
    return given.encode(errors="replace").decode().replace("\0", "?")


def _shown(user: Listed) -> Json:
    return {
        "subject": user.subject,
        "email": user.email,
        "role": user.role,
        "account": user.account,
        "totp": user.totp,
        "created_at": user.created_ms,
    }
