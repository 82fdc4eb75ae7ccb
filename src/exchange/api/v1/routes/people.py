"""Signing up and in: passwords, one-time codes, and the first token.

Nothing here tells whether an email has a user: signing up says the same for both and takes as long, and so does signing
in until the password is right.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from exchange.api.auth.identity import User, read_email, read_password
from exchange.api.auth.sessions import Refreshed
from exchange.api.contract.declared import Shape, Text, endpoint, optional
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.gateway import Gateway
from exchange.api.v1 import schemas
from exchange.api.v1.call import Call, Reply

_T = TypeVar("_T")

PASSWORDS: Final = (
    GatewayCode.DATABASE_UNAVAILABLE,
    GatewayCode.BUSY,
    GatewayCode.TOO_MANY_ATTEMPTS,
)
CREDENTIALS: Final[Shape] = {"email": Text(), "password": Text()}
SIGNED_IN: Final = schemas.named(
    "SignedIn",
    schemas.thing(
        token=schemas.TEXT,
        expires_at=schemas.TIME,
        refresh_token=schemas.TEXT,
        refresh_expires_at=schemas.TIME,
        account=schemas.maybe(schemas.ID),
    ),
)


@endpoint(
    "Make a user; the same answer for an email that has one already.",
    body=CREDENTIALS,
    answer=schemas.thing(email=schemas.TEXT),
    status=201,
    codes=PASSWORDS,
    position=False,
)
async def signup(call: Call) -> Reply:
    """`POST signup`."""
    body = await call.body()
    email = read_email(body.text("email"))
    password = read_password(body.text("password"))
    gateway = call.gateway
    wait_s = await gateway.attempts.sign_up(call.address, gateway.clock.now_ms())
    if wait_s:
        raise ApiError(GatewayCode.TOO_MANY_ATTEMPTS, retry_after=wait_s)
    await gateway.identity.create(email, password)
    return Reply({"email": email}, status=201)


@endpoint(
    "Get a token, and a refresh token for the next one.",
    body={**CREDENTIALS, "code": optional(Text())},
    answer=SIGNED_IN,
    codes=(*PASSWORDS, GatewayCode.WRONG_CREDENTIALS, GatewayCode.CODE_REQUIRED, GatewayCode.WRONG_CODE),
    position=False,
)
async def signin(call: Call) -> Reply:
    """`POST signin`."""
    body = await call.body()
    gateway = call.gateway
    email = read_email(body.text("email"))
    password = read_password(body.text("password"))
    code = body.text("code") if "code" in body else ""
    user = await _checked(call, email, password, code)
    account = await gateway.account_for(user)
    session = await gateway.people.sessions.begin(user.subject, call.address, call.agent)
    return signed_in(gateway, session, account)


def signed_in(gateway: Gateway, session: Refreshed, account: int | None) -> Reply:
    """A session's next tokens."""
    minutes = gateway.settings.token_minutes
    token, expires_ms = gateway.tokens.issue(session.subject, gateway.clock.now_ms(), minutes, session.id)
    return Reply(
        {
            "token": token,
            "expires_at": expires_ms,
            "refresh_token": session.refresh_token,
            "refresh_expires_at": session.expires_ms,
            "account": account,
        }
    )


async def _checked(call: Call, email: str, password: bytes, code: str) -> User:
    """The user with this email and password, and with this code if they have such codes."""
    gateway = call.gateway
    address, now_ms = call.address, gateway.clock.now_ms()
    attempts, sessions = gateway.attempts, gateway.people.sessions
    wait_s = await attempts.begin(address, email, now_ms, lambda: sessions.known_address(email, address))
    if wait_s:
        raise ApiError(GatewayCode.TOO_MANY_ATTEMPTS, retry_after=wait_s)
    try:
        user = await gateway.identity.check(email, password)
        if user is not None and await gateway.people.second_factors.is_on(user.subject):
            if not code:
                raise ApiError(GatewayCode.CODE_REQUIRED, "code")
            await take_code(gateway, user.subject, code)
    except BaseException as error:
        if not isinstance(error, ApiError) or error.code is not GatewayCode.WRONG_CODE:
            await attempts.undone(address, email, now_ms)
        raise
    if user is None:
        raise ApiError(GatewayCode.WRONG_CREDENTIALS)
    await attempts.succeeded(address, email, now_ms)
    return user


async def take_code(gateway: Gateway, subject: str, code: str) -> None:
    """Use a one-time code up.

    Raises:
        ApiError: it is wrong, there were too many wrong ones, or there are no codes.
    """
    await counted(gateway, subject, lambda now_ms: gateway.people.second_factors.check(subject, code, now_ms))


async def counted(gateway: Gateway, subject: str, take: Callable[[int], Awaitable[_T]]) -> _T:
    """What `take` gives, which looks at a one-time code at the moment that it is told.

    Raises:
        ApiError: there were too many wrong codes; or as `take`.
    """
    now_ms = gateway.clock.now_ms()
    wait_s = await gateway.attempts.code(subject, now_ms)
    if wait_s:
        raise ApiError(GatewayCode.TOO_MANY_ATTEMPTS, retry_after=wait_s)
    try:
        taken = await take(now_ms)
    except ApiError as error:
        if error.code is not GatewayCode.WRONG_CODE:
            await gateway.attempts.code_was_right(subject, now_ms)
        raise
    await gateway.attempts.code_was_right(subject, now_ms)
    return taken
