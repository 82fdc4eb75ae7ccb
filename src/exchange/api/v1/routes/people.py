"""Signing up and in."""

from typing import Final

from exchange.api.auth.identity import read_email, read_password
from exchange.api.contract.declared import Shape, Text, endpoint
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.v1 import schemas
from exchange.api.v1.call import Call, Reply

PASSWORDS: Final = (GatewayCode.DATABASE_UNAVAILABLE, GatewayCode.BUSY, GatewayCode.TOO_MANY_ATTEMPTS)
CREDENTIALS: Final[Shape] = {"email": Text(), "password": Text()}


@endpoint(
    "Make a user.",
    body=CREDENTIALS,
    answer=schemas.thing(email=schemas.TEXT, account=schemas.maybe(schemas.ID)),
    status=201,
    codes=(*PASSWORDS, GatewayCode.EMAIL_TAKEN),
    position=False,
)
async def signup(call: Call) -> Reply:
    """`POST signup`."""
    body = await call.body()
    email = read_email(body.text("email"))
    password = read_password(body.text("password"))
    gateway = call.gateway
    wait_s = gateway.attempts.sign_up(call.address, gateway.clock.now_ms())
    if wait_s:
        raise ApiError(GatewayCode.TOO_MANY_ATTEMPTS, retry_after=wait_s)
    user = await gateway.identity.create(email, password)
    account = await gateway.account_for(user)
    return Reply({"email": email, "account": account}, status=201)


@endpoint(
    "Get a token.",
    body=CREDENTIALS,
    answer=schemas.thing(token=schemas.TEXT, expires_at=schemas.TIME, account=schemas.maybe(schemas.ID)),
    codes=(*PASSWORDS, GatewayCode.WRONG_CREDENTIALS),
    position=False,
)
async def signin(call: Call) -> Reply:
    """`POST signin`."""
    body = await call.body()
    gateway = call.gateway
    email = read_email(body.text("email"))
    password = read_password(body.text("password"))
    wait_s = gateway.attempts.wait_s(call.address, email, gateway.clock.now_ms())
    if wait_s:
        raise ApiError(GatewayCode.TOO_MANY_ATTEMPTS, retry_after=wait_s)
    gateway.attempts.begun(call.address, email, gateway.clock.now_ms())
    try:
        user = await gateway.identity.check(email, password)
    except BaseException:
        gateway.attempts.undone(call.address, email)
        raise
    if user is None:
        raise ApiError(GatewayCode.WRONG_CREDENTIALS)
    gateway.attempts.succeeded(call.address, email)
    account = await gateway.account_for(user)
    token, expires_ms = gateway.tokens.issue(user.subject, gateway.clock.now_ms(), gateway.settings.token_minutes)
    return Reply({"token": token, "expires_at": expires_ms, "account": account})
