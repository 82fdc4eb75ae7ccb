"""What the exchange has signed: where its log stood, what it owes, and each user's own place in that sum.

The audit writes these documents; here they are passed on as they were signed, to the byte. A proof is only ever the
caller's own: it shows the sums beside their path, and nobody else's balance by name.
"""

import asyncio
from functools import lru_cache
from pathlib import Path
from typing import Final

from exchange.api.contract.declared import Text, endpoint
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.v1 import schemas
from exchange.api.v1.call import Call, Reply
from exchange.audit import liabilities
from exchange.audit.checkpoints import Checkpoint, Shelf
from exchange.audit.liabilities import NoLeaf, NoStatement, Statement
from exchange.audit.signing import Json
from exchange.terms.codes import Code
from exchange.terms.words import ASSET_PATTERN

_DIGITS: Final[Json] = {"type": "string", "pattern": "^(0|[1-9][0-9]{0,37})$"}
_HASH: Final[Json] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_SIGNATURE: Final[Json] = {"type": "string", "pattern": "^[0-9a-f]{128}$"}
_LOG_ID: Final[Json] = {"type": "string", "pattern": "^[0-9a-f]{32}$"}

CHECKPOINT: Final = schemas.named(
    "Checkpoint",
    schemas.thing(
        algorithm=schemas.word(["ed25519"]),
        chain=_HASH,
        entries=schemas.COUNT,
        format=schemas.TEXT,
        key=_HASH,
        log_id=_LOG_ID,
        position=schemas.POSITION,
        signature=_SIGNATURE,
        time=schemas.TIME,
    ),
)
LIABILITIES: Final = schemas.named(
    "Liabilities",
    schemas.thing(
        algorithm=schemas.word(["ed25519"]),
        assets=schemas.many(
            schemas.thing(
                accounts=schemas.COUNT,
                asset=schemas.NAME,
                decimals=schemas.COUNT,
                fees=_DIGITS,
                outside=_DIGITS,
                root=_HASH,
                total=_DIGITS,
            )
        ),
        chain=_HASH,
        format=schemas.TEXT,
        key=_HASH,
        log_id=_LOG_ID,
        position=schemas.POSITION,
        signature=_SIGNATURE,
        time=schemas.TIME,
    ),
)
PROOF: Final = schemas.named(
    "LiabilityProof",
    schemas.thing(
        account=schemas.ID,
        amount=_DIGITS,
        asset=schemas.NAME,
        format=schemas.TEXT,
        index=schemas.COUNT,
        log_id=_LOG_ID,
        path=schemas.many({"type": "array", "prefixItems": [_DIGITS, _HASH], "minItems": 2, "maxItems": 2}),
        position=schemas.POSITION,
        ref=schemas.OUTSIDE_ID,
        salt=_HASH,
    ),
)


@endpoint("The newest signed checkpoint of the log.", answer=CHECKPOINT, codes=(GatewayCode.NOT_FOUND,))
async def checkpoint(call: Call) -> Reply:
    """`GET checkpoint`."""
    found = await asyncio.to_thread(_checkpoint, call.gateway.settings.home)
    return Reply(found.document, found.head.id)


@endpoint("The newest signed statement of what all users are owed.", answer=LIABILITIES, codes=(GatewayCode.NOT_FOUND,))
async def stated(call: Call) -> Reply:
    """`GET liabilities`."""
    statement = await asyncio.to_thread(_newest, call.gateway.settings.home)
    return Reply(statement.document, statement.head.id)


@endpoint(
    "The proof that the caller's balance is in the newest statement.",
    query={"asset": Text(ASSET_PATTERN, "An asset's name.")},
    answer=PROOF,
    codes=(GatewayCode.NOT_FOUND, Code.UNKNOWN_ASSET),
)
async def proof(call: Call) -> Reply:
    """`GET account/liability`."""
    account = call.account.id
    asset = call.query().matched("asset")
    settings = call.gateway.settings
    statement, data = await asyncio.to_thread(_proof, settings.home, settings.keys_dir, account, asset)
    return Reply(data, statement.head.id)


def _checkpoint(home: Path) -> Checkpoint:
    found = Shelf(home).newest(None)
    if found is None:
        raise ApiError(GatewayCode.NOT_FOUND, detail="Nothing was signed yet.")
    return found


def _newest(home: Path) -> Statement:
    try:
        folder = liabilities.newest(home)
    except NoStatement:
        raise ApiError(GatewayCode.NOT_FOUND, detail="Nothing was stated yet.") from None
    return _read(folder, (folder / liabilities.STATEMENT_NAME).stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _read(folder: Path, _changed: int) -> Statement:
    return Statement.read(folder, None)


def _proof(home: Path, keys: Path, account: int, asset: str) -> tuple[Statement, Json]:
    statement = _newest(home)
    if asset not in statement.assets:
        raise ApiError(Code.UNKNOWN_ASSET, "asset")
    try:
        return statement, statement.proof(liabilities.salts_key(keys), account, asset)
    except NoLeaf:
        raise ApiError(GatewayCode.NOT_FOUND, detail="You held nothing of it at the statement's position.") from None
