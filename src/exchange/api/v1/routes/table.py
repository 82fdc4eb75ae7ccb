"""Every route of `/api/v1`, with who may call it. What is not here is not served, and tests go through this list."""

from typing import Final

from exchange.api.contract.declared import Access, Route, endpoint
from exchange.api.contract.openapi import document
from exchange.api.v1.call import Call, Reply
from exchange.api.v1.routes import (
    account,
    acts,
    admin,
    keys,
    lists,
    markets,
    money,
    orders,
    people,
    proofs,
    sandbox,
    second_factor,
    sessions,
    several,
    sub_accounts,
    transfers,
    users,
)


@endpoint("This description.", answer={"type": "object"}, position=False)
async def describe(_: Call) -> Reply:
    """`GET openapi.json`."""
    return Reply(document(ROUTES))


_PUBLIC, _USER, _ADMIN = Access.PUBLIC, Access.USER, Access.ADMIN
_READ, _TRADE, _WITHDRAW = Access.READ, Access.TRADE, Access.WITHDRAW

ROUTES: Final[tuple[Route, ...]] = (
    Route("POST", "signup", _PUBLIC, people.signup),
    Route("POST", "signin", _PUBLIC, people.signin),
    Route("POST", "refresh", _PUBLIC, sessions.refresh),
    Route("GET", "sessions", _USER, sessions.listing),
    Route("DELETE", "sessions/{id}", _USER, sessions.end),
    Route("POST", "signout", _USER, sessions.signout),
    Route("POST", "signout-everywhere", _USER, sessions.signout_everywhere),
    Route("PUT", "password", _USER, sessions.change_password),
    Route("POST", "totp", _USER, second_factor.begin),
    Route("POST", "totp/confirm", _USER, second_factor.confirm),
    Route("DELETE", "totp", _USER, second_factor.turn_off),
    Route("POST", "sub-accounts", _USER, sub_accounts.create),
    Route("GET", "sub-accounts", _USER, sub_accounts.listing),
    Route("PATCH", "sub-accounts/{account}", _USER, sub_accounts.rename),
    Route("POST", "api-keys", _USER, keys.make),
    Route("GET", "api-keys", _USER, keys.listing),
    Route("PATCH", "api-keys/{id}", _USER, keys.change),
    Route("DELETE", "api-keys/{id}", _USER, keys.revoke),
    Route("POST", "order", _TRADE, orders.place),
    Route("POST", "order/quote", _PUBLIC, orders.quoted),
    Route("GET", "order/{id}", _READ, orders.show),
    Route("DELETE", "order/{id}", _TRADE, orders.cancel),
    Route("PATCH", "order/{id}", _TRADE, orders.amend),
    Route("GET", "order/{id}/amendments", _READ, orders.amendments),
    Route("GET", "orders", _READ, orders.listing),
    Route("DELETE", "orders", _TRADE, several.cancel),
    Route("POST", "order/{id}/replace", _TRADE, several.replace),
    Route("POST", "orders/replace", _TRADE, several.replace_by_client_id),
    Route("POST", "batch", _TRADE, several.batch),
    Route("POST", "order-lists", _TRADE, lists.place),
    Route("GET", "order-lists", _READ, lists.listing),
    Route("DELETE", "order-lists", _TRADE, lists.cancel_by_client_id),
    Route("GET", "order-lists/{id}", _READ, lists.show),
    Route("DELETE", "order-lists/{id}", _TRADE, lists.cancel),
    Route("GET", "account", _READ, account.show),
    Route("GET", "account/liability", _READ, proofs.proof),
    Route("PUT", "stp", _TRADE, account.set_stp),
    Route("PUT", "switch", _TRADE, account.set_switch),
    Route("GET", "prevented", _READ, account.prevented),
    Route("GET", "balances", _READ, money.balances),
    Route("POST", "deposits", _TRADE, money.deposit),
    Route("GET", "deposits", _READ, money.deposits),
    Route("POST", "withdrawals", _WITHDRAW, money.withdraw),
    Route("GET", "withdrawals", _READ, money.withdrawals),
    Route("POST", "withdrawals/{id}/settle", _ADMIN, money.settle),
    Route("POST", "withdrawals/{id}/release", _ADMIN, money.release),
    Route("POST", "transfers", _USER, transfers.transfer),
    Route("GET", "transfers", _READ, transfers.transfers),
    Route("GET", "fills", _READ, money.fills),
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
    Route("GET", "admin/acts", _ADMIN, acts.listing),
    Route("GET", "admin/users", _ADMIN, users.listing),
    Route("PATCH", "admin/users/{subject}", _ADMIN, users.set_role),
    Route("POST", "admin/users/{subject}/signout", _ADMIN, users.signout),
    Route("DELETE", "admin/users/{subject}/keys", _ADMIN, users.revoke_keys),
    Route("GET", "sandbox/clock", _PUBLIC, sandbox.show),
    Route("PUT", "sandbox/clock", _ADMIN, sandbox.move),
)
