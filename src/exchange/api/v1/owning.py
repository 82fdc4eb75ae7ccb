"""Which accounts a caller may act for: their own, which the log itself tells by name."""

from typing import Final

from exchange.api.contract.reading import digits
from exchange.api.errors import ApiError
from exchange.api.gateway import Gateway, Principal
from exchange.api.v1.call import Call
from exchange.projections.live.records import LiveAccount
from exchange.terms.codes import Code

ACCOUNT: Final = "X-Exchange-Account"
"""The header that names the account which a caller acts for."""


def own_account(call: Call, number: int) -> LiveAccount:
    """An account of the caller's, the first one or a sub-account.

    Raises:
        ApiError: there is none of that number, or it is another's, which is answered alike.
    """
    return call.gateway.own_account(call.principal.subject, number)


def act_for(gateway: Gateway, principal: Principal, text: str) -> None:
    """Let a caller act for the account that the header names; a key acts for its own only.

    Raises:
        ApiError: it names none of theirs.
    """
    number = digits(text)
    bound = None if principal.key is None else principal.key.account
    if number is None or bound not in (None, number):
        raise ApiError(Code.UNKNOWN_ACCOUNT, "account")
    principal.account = gateway.own_account(principal.subject, number)
