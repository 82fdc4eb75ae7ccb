"""A client of the exchange for Python programs: typed, blocking or asynchronous, with books that keep themselves.

    from exchange.client import Client, Key

    with Client("http://127.0.0.1:8000", Key("…", "…")) as exchange:
        order = exchange.place("BTC-USDT", "buy", price="60000", quantity="0.01")
        print(order.status, exchange.balances())

`Client` and `AsyncClient` have the same methods: each is described once, in `asks`, and both send it. Amounts are
`Decimal`s, times milliseconds since the epoch; what the exchange refuses is raised (`errors`). Nothing here knows the
exchange's inside: what it relies on is docs/api.md.
"""

from exchange.client.awaiting import AsyncClient
from exchange.client.blocking import Client
from exchange.client.books import Gap, LocalBook
from exchange.client.errors import ExchangeError, Refused, TryAgain, UnknownOutcome, Unreadable
from exchange.client.following import BookFollower
from exchange.client.signing import Key, Login

__all__ = [
    "AsyncClient",
    "BookFollower",
    "Client",
    "ExchangeError",
    "Gap",
    "Key",
    "LocalBook",
    "Login",
    "Refused",
    "TryAgain",
    "UnknownOutcome",
    "Unreadable",
]
