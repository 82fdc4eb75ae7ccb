"""One-time codes: turned on in two steps, so that nobody locks themselves out, and off by password and code."""

from typing import Final

from exchange.api.auth import totp
from exchange.api.auth.identity import read_password
from exchange.api.contract.declared import Text, endpoint
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.v1 import schemas
from exchange.api.v1.call import Call, Reply
from exchange.api.v1.routes.people import PASSWORDS, counted, take_code
from exchange.api.v1.routes.sessions import person, see_password

_CHANGING: Final = (*PASSWORDS, GatewayCode.NO_ACCOUNT)


@endpoint(
    "Begin to use one-time codes: the secret for an authenticator app. Nothing is asked for before it is confirmed.",
    body={"password": Text()},
    answer=schemas.thing(secret=schemas.TEXT, uri=schemas.TEXT),
    status=201,
    codes=(*_CHANGING, GatewayCode.WRONG_CREDENTIALS, GatewayCode.TOTP_ON),
    position=False,
)
async def begin(call: Call) -> Reply:
    """`POST totp`."""
    user = person(call)
    body = await call.body()
    await see_password(call, user, read_password(body.text("password")))
    people = call.gateway.people
    known = await people.identity.user(user.subject)
    if known is None:
        raise ApiError(GatewayCode.UNAUTHORIZED)
    secret = await people.second_factors.begin(user.subject)
    return Reply({"secret": totp.shown(secret), "uri": totp.uri(secret, known.email)}, status=201)


@endpoint(
    "Confirm the app by a code: from now on signing in asks for one. The recovery codes are shown this once.",
    body={"code": Text()},
    answer=schemas.thing(recovery_codes=schemas.many(schemas.TEXT)),
    codes=(*_CHANGING, GatewayCode.WRONG_CODE, GatewayCode.TOTP_ON, GatewayCode.TOTP_OFF),
    position=False,
)
async def confirm(call: Call) -> Reply:
    """`POST totp/confirm`."""
    user = person(call)
    body = await call.body()
    factors, code = call.gateway.people.second_factors, body.text("code")
    codes = await counted(call.gateway, user.subject, lambda now_ms: factors.confirm(user.subject, code, now_ms))
    return Reply({"recovery_codes": codes})


@endpoint(
    "Use one-time codes no more.",
    body={"password": Text(), "code": Text()},
    answer=schemas.thing(totp=schemas.FLAG),
    codes=(*_CHANGING, GatewayCode.WRONG_CREDENTIALS, GatewayCode.WRONG_CODE, GatewayCode.TOTP_OFF),
    position=False,
)
async def turn_off(call: Call) -> Reply:
    """`DELETE totp`."""
    user = person(call)
    body = await call.body()
    code = body.text("code")
    await see_password(call, user, read_password(body.text("password")))
    people = call.gateway.people
    if not await people.second_factors.is_on(user.subject):
        raise ApiError(GatewayCode.TOTP_OFF)
    await take_code(call.gateway, user.subject, code)
    await people.second_factors.turn_off(user.subject)
    return Reply({"totp": False})
