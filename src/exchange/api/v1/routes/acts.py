"""The trail: what administrators did, as the log tells it.

It is read from the database, which follows the log by moments; the answer's position says how far it has come.
`exchange audit acts` reads the same from the log itself, for those who trust no table.
"""

from typing import Final

import orjson

from exchange.api.contract.declared import Shape, Text, endpoint, optional
from exchange.api.v1 import schemas
from exchange.api.v1.call import Call, Reply
from exchange.api.v1.refusals import PAST
from exchange.api.v1.routes.paging import KEY, LIMIT, key
from exchange.projections.timescale.history import ActRow
from exchange.terms.words import ACT_PATTERN, BY_PATTERN

QUERY: Final[Shape] = {
    "by": optional(Text(BY_PATTERN, "It is 32 hexadecimal digits, or `operator`.")),
    "act": optional(Text(ACT_PATTERN, "An act is 1 to 32 of a-z 0-9 _ . and begins with a letter.")),
    "limit": LIMIT,
    "before": optional(Text(KEY, "It is the id of an act.")),
}


@endpoint(
    "What administrators did, newest first.",
    query=QUERY,
    answer=schemas.thing(acts=schemas.many(schemas.ACT)),
    codes=PAST,
    weight=5,
)
async def listing(call: Call) -> Reply:
    """`GET admin/acts`."""
    query = call.query()
    page = await call.gateway.past.acts(
        by=query.matched("by") if "by" in query else None,
        act=query.matched("act") if "act" in query else None,
        before=key(query, "It is the id of an act.") if "before" in query else None,
        limit=query.number("limit"),
    )
    return Reply({"acts": [_shown(row) for row in page]}, page.position)


def _shown(row: ActRow) -> dict[str, object]:
    ms, seq, place = row.key
    return {
        "id": f"{ms}-{seq}-{place}",
        "time": ms,
        "by": row.by,
        "act": row.act,
        "subject": row.subject,
        "details": orjson.Fragment(row.details),
    }
