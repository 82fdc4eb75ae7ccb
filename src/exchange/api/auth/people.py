"""All that the gateway keeps about people, in one hand: it is there, or there is no database."""

from dataclasses import dataclass

from exchange.api.auth.identity import Identity
from exchange.api.auth.second_factor import SecondFactors
from exchange.api.auth.sessions import Sessions
from exchange.api.auth.sub_accounts import SubAccounts


@dataclass(frozen=True)
class People:
    """Users and passwords, who is signed in, second factors, labels of sub-accounts."""

    identity: Identity
    sessions: Sessions
    second_factors: SecondFactors
    sub_accounts: SubAccounts
