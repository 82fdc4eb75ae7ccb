"""Signing up and in."""

from exchange.api.call import Call, Reply
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.identity import read_email, read_password


async def signup(call: Call) -> Reply:
    """`POST signup`."""
    body = await call.body("email", "password")
    email = read_email(body.text("email"))
    password = read_password(body.text("password"))
    user = await call.gateway.identity.create(email, password)
    account = await call.gateway.account_for(user)
    return Reply({"email": email, "account": account}, status=201)


async def signin(call: Call) -> Reply:
    """`POST signin`."""
    body = await call.body("email", "password")
    gateway = call.gateway
    email = read_email(body.text("email"))
    password = read_password(body.text("password"))
    wait_s = gateway.attempts.wait_s(call.address, email, gateway.clock.now_ms())
    if wait_s:
        raise ApiError(GatewayCode.TOO_MANY_ATTEMPTS, retry_after=wait_s)
    user = await gateway.identity.check(email, password)
    if user is None:
        gateway.attempts.failed(call.address, email, gateway.clock.now_ms())
        raise ApiError(GatewayCode.WRONG_CREDENTIALS)
    gateway.attempts.succeeded(call.address, email)
    account = await gateway.account_for(user)
    token, expires_ms = gateway.tokens.issue(user.subject, gateway.clock.now_ms(), gateway.settings.token_minutes)
    return Reply({"token": token, "expires_at": expires_ms, "account": account})
