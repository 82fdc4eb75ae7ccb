"""An API key as requests use it: whose it is, what it may do, from where and until when, and how it is proven.

Where keys are kept is `keys`; what of a request is signed is the doors' own.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, Literal, Protocol

KeyKind = Literal["hmac", "ed25519", "rsa"]

READ: Final = "read"
TRADE: Final = "trade"
WITHDRAW: Final = "withdraw"
SCOPES: Final = (READ, TRADE, WITHDRAW)
"""What a key can be allowed: to look at its account, to place and cancel orders, to withdraw."""


class Verifier(Protocol):
    """What a signature is checked with."""

    def verify(self, payload: bytes, signature: str) -> bool:
        """Whether a signature, as it was sent, is this key's of the payload; in a time that tells nothing of it."""


class ApiKey:
    """A key; `id` is its public text, `subject` its user's, `account` the engine's account that it acts for. Without
    `networks` it may be used from everywhere; `expires_ms` is None when it never ends."""

    __slots__ = ("_verifier", "account", "expires_ms", "id", "kind", "networks", "scopes", "subject", "used")

    def __init__(
        self,
        id: str,
        subject: str,
        account: int,
        kind: KeyKind,
        scopes: frozenset[str],
        networks: Sequence[IPv4Network | IPv6Network],
        expires_ms: int | None,
        verifier: Verifier,
    ) -> None:
        self.id = id
        self.subject = subject
        self.account = account
        self.kind: KeyKind = kind
        self.scopes = scopes
        self.networks = networks
        self.expires_ms = expires_ms
        self.used = False
        """Whether it has proven itself since it was noted the last time."""
        self._verifier = verifier

    def allows(self, scope: str, address: str, now_ms: int) -> bool:
        """Whether it may do something, from an address, now."""
        return scope in self.scopes and self.usable(address, now_ms)

    def usable(self, address: str, now_ms: int) -> bool:
        """Whether it may be used at all, from an address, now."""
        if self.expires_ms is not None and self.expires_ms <= now_ms:
            return False
        if not self.networks:
            return True
        try:
            here = ip_address(address)
        except ValueError:
            return False  # a connection without an address
        if isinstance(here, IPv6Address) and here.ipv4_mapped is not None:
            here = here.ipv4_mapped
        return any(here in network for network in self.networks)

    def verify(self, payload: bytes, signature: str) -> bool:
        """Whether a signature is this key's of the payload."""
        if not self._verifier.verify(payload, signature):
            return False
        self.used = True
        return True


class Keys(Protocol):
    """Where keys are found."""

    async def find(self, id: str) -> ApiKey | None:
        """The key of this public text, if there is one and it was not taken back.

        Raises:
            ApiError: it is not known here, and the database cannot be asked.
        """
