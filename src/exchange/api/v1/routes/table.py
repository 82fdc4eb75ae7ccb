"""Every route of `/api/v1`, with who may call it. What is not here is not served, and tests go through this list."""

from typing import Final

from exchange.api.contract.declared import Access, Route, endpoint
from exchange.api.contract.openapi import document
from exchange.api.v1.call import Call, Reply
from exchange.api.v1.routes import account, admin, lists, markets, money, orders, people, proofs, sandbox, several


@endpoint("This description.", answer={"type": "object"}, position=False)
async def describe(_: Call) -> Reply:
    """`GET openapi.json`."""
    return Reply(document(ROUTES))


_PUBLIC, _USER, _ADMIN = Access.PUBLIC, Access.USER, Access.ADMIN

ROUTES: Final[tuple[Route, ...]] = (
    Route("POST", "signup", _PUBLIC, people.signup),
    Route("POST", "signin", _PUBLIC, people.signin),
    Route("POST", "order", _USER, orders.place),
    Route("POST", "order/quote", _PUBLIC, orders.quoted),
    Route("GET", "order/{id}", _USER, orders.show),
    Route("DELETE", "order/{id}", _USER, orders.cancel),
    Route("PATCH", "order/{id}", _USER, orders.amend),
    Route("GET", "order/{id}/amendments", _USER, orders.amendments),
    Route("GET", "orders", _USER, orders.listing),
    Route("DELETE", "orders", _USER, several.cancel),
    Route("POST", "order/{id}/replace", _USER, several.replace),
    Route("POST", "orders/replace", _USER, several.replace_by_client_id),
    Route("POST", "batch", _USER, several.batch),
    Route("POST", "order-lists", _USER, lists.place),
    Route("GET", "order-lists", _USER, lists.listing),
    Route("DELETE", "order-lists", _USER, lists.cancel_by_client_id),
    Route("GET", "order-lists/{id}", _USER, lists.show),
    Route("DELETE", "order-lists/{id}", _USER, lists.cancel),
    Route("GET", "account", _USER, account.show),
    Route("GET", "account/liability", _USER, proofs.proof),
    Route("PUT", "stp", _USER, account.set_stp),
    Route("PUT", "switch", _USER, account.set_switch),
    Route("GET", "prevented", _USER, account.prevented),
    Route("GET", "balances", _USER, money.balances),
    Route("POST", "deposits", _USER, money.deposit),
    Route("GET", "deposits", _USER, money.deposits),
    Route("POST", "withdrawals", _USER, money.withdraw),
    Route("GET", "withdrawals", _USER, money.withdrawals),
    Route("POST", "withdrawals/{id}/settle", _ADMIN, money.settle),
    Route("POST", "withdrawals/{id}/release", _ADMIN, money.release),
    Route("GET", "fills", _USER, money.fills),
    Route("GET", "openapi.json", _PUBLIC, describe),
    Route("GET", "time", _PUBLIC, markets.time),
    Route("GET", "assets", _PUBLIC, markets.assets),
    Route("GET", "markets", _PUBLIC, markets.markets),
    Route("GET", "fee-tiers", _PUBLIC, markets.fee_tiers),
    Route("GET", "checkpoint", _PUBLIC, proofs.checkpoint),
    Route("GET", "liabilities", _PUBLIC, proofs.stated),
    Route("GET", "depth", _PUBLIC, markets.depth),
    Route("GET", "trades", _PUBLIC, markets.trades),
    Route("GET", "ticker", _PUBLIC, markets.ticker),
    Route("GET", "candles", _PUBLIC, markets.candles),
    Route("POST", "admin/assets", _ADMIN, admin.create_asset),
    Route("POST", "admin/markets", _ADMIN, admin.create_market),
    Route("PATCH", "admin/markets/{market}", _ADMIN, admin.change_market),
    Route("PUT", "admin/markets/{market}/limits", _ADMIN, admin.set_limits),
    Route("POST", "admin/markets/{market}/uncross", _ADMIN, admin.uncross),
    Route("PUT", "admin/assets/{asset}/fee-tiers", _ADMIN, admin.set_fee_tiers),
    Route("PATCH", "admin/accounts/{account}", _ADMIN, admin.change_account),
    Route("PUT", "admin/rules", _ADMIN, admin.set_rules),
    Route("GET", "sandbox/clock", _PUBLIC, sandbox.show),
    Route("PUT", "sandbox/clock", _ADMIN, sandbox.move),
)
