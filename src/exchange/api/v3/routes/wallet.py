"""The few calls of the wallet that clients make when they start (`/sapi/v1`).

There is no margin trading here, so its lists are empty; deposits and withdrawals are shown, not made: that is v1's.
"""

from typing import Final

from exchange.api.contract.declared import Flag, Text, Whole, optional
from exchange.api.v3 import faults
from exchange.api.v3.call import Call
from exchange.api.v3.declared import SIGNATURE, Moment, Security, endpoint
from exchange.api.v3.ordering import LONG
from exchange.api.v3.shapes import account as shapes
from exchange.api.v3.shapes.orders import Json
from exchange.projections.live.records import DepositRecord, WithdrawalRecord
from exchange.terms.amounts import format_decimal
from exchange.terms.stream import StreamId
from exchange.terms.words import FROZEN

_OBJECT: Final[Json] = {"type": "object"}
_ROWS: Final[Json] = {"type": "array", "items": _OBJECT}
_HISTORY: Final = {
    "coin": optional(Text()),
    "status": optional(LONG),
    "startTime": Moment(required=False),
    "endTime": Moment(required=False),
    "offset": optional(Whole(0, 10_000, 0)),
    "limit": optional(Whole(1, 1000, 1000)),
}
_SIGNED_OR_NOT: Final = {name: optional(kind) for name, kind in SIGNATURE.items()}
"""Some clients sign these calls, which need no key."""
_PAGE: Final = 1000
_PAGES: Final = 12
_WITHDRAWN: Final = {"pending": 2, "settled": 6, "released": 1}
"""The venue's numbers: awaiting approval, completed, cancelled."""
_DEPOSITED: Final = 1


@endpoint("Whether the exchange is up.", params=_SIGNED_OR_NOT, answer=_OBJECT)
async def system_status(_: Call) -> object:
    """`GET /sapi/v1/system/status`."""
    return {"status": 0, "msg": "normal"}


@endpoint(
    "The pairs that can be traded on margin: none.", params={"symbol": optional(Text()), **_SIGNED_OR_NOT}, answer=_ROWS
)
async def margin_pairs(_: Call) -> object:
    """`GET /sapi/v1/margin/allPairs`, and `…/isolated/allPairs`."""
    nothing: list[Json] = []
    return nothing


@endpoint("The assets, with what the account has of them.", security=Security.USER_DATA, weight=10, answer=_ROWS)
async def assets(call: Call) -> object:
    """`GET /sapi/v1/capital/config/getall`."""
    account = call.account
    told: list[Json] = []
    for asset, decimals in call.view.assets.items():
        held = account.balances.get(asset)
        nothing = format_decimal(0, decimals)
        told.append(
            {
                "coin": asset,
                "name": asset,
                "free": nothing if held is None else format_decimal(held.available, decimals),
                "locked": nothing if held is None else format_decimal(held.locked, decimals),
                **dict.fromkeys(("freeze", "ipoable", "ipoing", "storage", "withdrawing"), nothing),
                "depositAllEnable": True,
                "withdrawAllEnable": True,
                "isLegalMoney": False,
                "trading": True,
                "networkList": [
                    {
                        "network": asset,
                        "coin": asset,
                        "name": asset,
                        "isDefault": True,
                        "depositEnable": True,
                        "withdrawEnable": True,
                        "withdrawFee": nothing,
                        "withdrawMin": format_decimal(1, decimals),
                        "withdrawMax": format_decimal(10**30 - 1, decimals),
                        "withdrawIntegerMultiple": format_decimal(1, decimals),
                        "minConfirm": 1,
                        "unLockConfirm": 0,
                        "busy": False,
                        "resetAddressStatus": False,
                    }
                ],
            }
        )
    return told


@endpoint(
    "What the account's orders pay, by market.",
    params={"symbol": optional(Text())},
    security=Security.USER_DATA,
    answer=_ROWS,
    codes=(faults.BAD_SYMBOL,),
)
async def trade_fees(call: Call) -> object:
    """`GET /sapi/v1/asset/tradeFee`."""
    view = call.view
    markets = [call.market()] if "symbol" in call.params else list(view.markets.values())
    told: list[Json] = []
    for market in markets:
        maker, taker = view.rates(call.account.id, market, call.now_ms)
        told.append(
            {
                "symbol": call.symbol(market.name),
                "makerCommission": shapes.rate(maker),
                "takerCommission": shapes.rate(taker),
            }
        )
    return told


@endpoint(
    "The account's deposits, newest first.",
    params={**_HISTORY, "includeSource": Flag(required=False), "txId": optional(Text())},
    security=Security.USER_DATA,
    answer=_ROWS,
)
async def deposits(call: Call) -> object:
    """`GET /sapi/v1/capital/deposit/hisrec`."""
    found: list[DepositRecord] = []
    before: StreamId | None = None
    for _ in range(_PAGES):
        page = await call.gateway.past.deposits(call.view, call.account.id, before=before, limit=_PAGE)
        found += page
        if len(page) < _PAGE:
            break
        before = page[-1].position
    told: list[Json] = [
        {
            "id": f"{record.position[0]}-{record.position[1]}",
            "amount": format_decimal(record.amount, call.view.assets[record.asset]),
            "coin": record.asset,
            "network": record.asset,
            "status": _DEPOSITED,
            "address": "",
            "addressTag": "",
            "txId": record.ref,
            "insertTime": record.position[0] * call.unit,
            "completeTime": record.position[0] * call.unit,
            "transferType": 0,
            "confirmTimes": "1/1",
            "unlockConfirm": 0,
            "walletType": 0,
        }
        for record in found
        if _wanted(call, record.asset, _DEPOSITED, record.position[0], record.ref)
    ]
    return _cut(call, told)


@endpoint(
    "The account's withdrawals, newest first.",
    params={**_HISTORY, "withdrawOrderId": optional(Text()), "idList": optional(Text())},
    security=Security.USER_DATA,
    answer=_ROWS,
)
async def withdrawals(call: Call) -> object:
    """`GET /sapi/v1/capital/withdraw/history`."""
    found: list[WithdrawalRecord] = []
    before: StreamId | None = None
    for _ in range(_PAGES):
        page = await call.gateway.past.withdrawals(call.view, call.account.id, before=before, limit=_PAGE)
        found += page
        if len(page) < _PAGE:
            break
        before = page[-1].created
    ids = call.params.text("idList").split(",") if "idList" in call.params else None
    told: list[Json] = []
    for record in found:
        made, status = (record.created or (0, 0))[0], _WITHDRAWN[record.status]
        if (ids is None or str(record.id) in ids) and _wanted(call, record.asset, status, made, record.ref or ""):
            told.append(
                {
                    "id": str(record.id),
                    "amount": format_decimal(record.amount, call.view.assets[record.asset]),
                    "transactionFee": format_decimal(0, call.view.assets[record.asset]),
                    "coin": record.asset,
                    "network": record.asset,
                    "status": status,
                    "address": "",
                    "txId": record.ref or "",
                    "applyTime": made * call.unit,
                    "transferType": 0,
                    "withdrawOrderId": record.ref or "",
                    "confirmNo": 0,
                    "walletType": 0,
                }
            )
    return _cut(call, told)


def _wanted(call: Call, asset: str, status: int, ms: int, ref: str) -> bool:
    params = call.params
    start, end = params.moment("startTime"), params.moment("endTime")
    name = next((name for name in ("txId", "withdrawOrderId") if name in params), None)
    return (
        ("coin" not in params or params.text("coin") == asset)
        and ("status" not in params or params.whole("status") == status)
        and (start is None or ms >= start)
        and (end is None or ms <= end)
        and (name is None or params.text(name) == ref)
    )


def _cut(call: Call, told: list[Json]) -> list[Json]:
    offset = call.params.whole("offset")
    return told[offset : offset + call.params.whole("limit")]


@endpoint("What the key may do.", security=Security.USER_DATA, answer=_OBJECT)
async def key_restrictions(call: Call) -> object:
    """`GET /sapi/v1/account/apiRestrictions`."""
    key = call.key
    scopes = frozenset[str]() if key is None else key.scopes
    return {
        "ipRestrict": key is not None and bool(key.networks),
        "enableReading": "read" in scopes,
        "enableSpotAndMarginTrading": "trade" in scopes,
        "enableWithdrawals": "withdraw" in scopes,
        **dict.fromkeys(
            (
                "enableInternalTransfer",
                "enableMargin",
                "enableFutures",
                "enableVanillaOptions",
                "permitsUniversalTransfer",
                "enableFixApiTrade",
                "enableFixReadOnly",
                "enablePortfolioMarginTrading",
            ),
            False,
        ),
    }


@endpoint("Whether the account may trade.", security=Security.USER_DATA, answer=_OBJECT)
async def account_status(call: Call) -> object:
    """`GET /sapi/v1/account/status`."""
    return {"data": "Locked" if call.account.status == FROZEN else "Normal"}
