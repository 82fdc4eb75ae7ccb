"""Sessions and passwords: the next token, who is signed in where, signing out, another password."""

from typing import Final

from exchange.api.auth.identity import read_password
from exchange.api.auth.sessions import Session
from exchange.api.contract.declared import Json, Text, endpoint
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.gateway import Principal
from exchange.api.v1 import schemas
from exchange.api.v1.call import Call, Reply
from exchange.api.v1.routes.people import PASSWORDS, SIGNED_IN, signed_in

SESSION: Final = schemas.named(
    "Session",
    schemas.thing(
        id=schemas.TEXT,
        current=schemas.FLAG,
        address=schemas.TEXT,
        client=schemas.TEXT,
        created_at=schemas.TIME,
        used_at=schemas.TIME,
        expires_at=schemas.TIME,
    ),
)
_ENDED: Final = schemas.thing(ended=schemas.COUNT)
_OWN: Final = (GatewayCode.DATABASE_UNAVAILABLE, GatewayCode.NO_ACCOUNT)


@endpoint(
    "Get the next token and refresh token for a refresh token, which is used up by it.",
    body={"refresh_token": Text()},
    answer=SIGNED_IN,
    codes=(GatewayCode.DATABASE_UNAVAILABLE, GatewayCode.UNAUTHORIZED),
    position=False,
)
async def refresh(call: Call) -> Reply:
    """`POST refresh`."""
    body = await call.body()
    gateway = call.gateway
    session = await gateway.people.sessions.refresh(body.text("refresh_token"))
    return signed_in(gateway, session, gateway.view.account_of(session.subject))


@endpoint(
    "The caller's sessions, the one used last first.",
    answer=schemas.thing(sessions=schemas.many(SESSION)),
    codes=_OWN,
    position=False,
)
async def listing(call: Call) -> Reply:
    """`GET sessions`."""
    user = person(call)
    found = await call.gateway.people.sessions.listing(user.subject)
    return Reply({"sessions": [_shown(session, user.session) for session in found]})


@endpoint(
    "End one of the caller's sessions.",
    answer=_ENDED,
    codes=(*_OWN, GatewayCode.UNKNOWN_SESSION),
    position=False,
)
async def end(call: Call) -> Reply:
    """`DELETE sessions/{id}`."""
    if not await call.gateway.people.sessions.end(person(call).subject, call.path("id")):
        raise ApiError(GatewayCode.UNKNOWN_SESSION, "id")
    return Reply({"ended": 1})


@endpoint("End this session.", answer=_ENDED, codes=_OWN, position=False)
async def signout(call: Call) -> Reply:
    """`POST signout`."""
    user = person(call)
    await call.gateway.people.sessions.end(user.subject, user.session)
    return Reply({"ended": 1})


@endpoint("End all of the caller's sessions.", answer=_ENDED, codes=_OWN, position=False)
async def signout_everywhere(call: Call) -> Reply:
    """`POST signout-everywhere`."""
    return Reply({"ended": await call.gateway.people.sessions.end_all(person(call).subject)})


@endpoint(
    "Change the caller's password; all their other sessions end.",
    body={"password": Text(), "new_password": Text()},
    answer=_ENDED,
    codes=(*PASSWORDS, GatewayCode.WRONG_CREDENTIALS, GatewayCode.NO_ACCOUNT),
    position=False,
)
async def change_password(call: Call) -> Reply:
    """`PUT password`."""
    user = person(call)
    body = await call.body()
    old = read_password(body.text("password"))
    new = read_password(body.text("new_password"), "new_password")
    await see_password(call, user, old)
    people = call.gateway.people
    await people.identity.set_password(user.subject, new)
    return Reply({"ended": await people.sessions.end_all(user.subject, but=user.session)})


def person(call: Call) -> Principal:
    """The user who asks, in a session of theirs.

    Raises:
        ApiError: it is the operator, who has none.
    """
    principal = call.principal
    if not principal.session:
        raise ApiError(GatewayCode.NO_ACCOUNT)
    return principal


async def see_password(call: Call, user: Principal, password: bytes) -> None:
    """See that this is a user's password: a stolen token alone must not change how they sign in.

    Raises:
        ApiError: it is not, or there were too many wrong ones.
    """
    gateway = call.gateway
    now_ms = gateway.clock.now_ms()
    wait_s = await gateway.attempts.password(user.subject, now_ms)
    if wait_s:
        raise ApiError(GatewayCode.TOO_MANY_ATTEMPTS, retry_after=wait_s)
    try:
        right = await gateway.identity.check_password(user.subject, password)
    except BaseException:
        await gateway.attempts.password_was_right(user.subject, now_ms)
        raise
    if not right:
        raise ApiError(GatewayCode.WRONG_CREDENTIALS, "password", detail="This is not your password.")
    await gateway.attempts.password_was_right(user.subject, now_ms)


def _shown(session: Session, current: str) -> Json:
    return {
        "id": session.id,
        "current": session.id == current,
        "address": session.address,
        "client": session.agent,
        "created_at": session.created_ms,
        "used_at": session.used_ms,
        "expires_at": session.expires_ms,
    }
