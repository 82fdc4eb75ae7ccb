"""`exchange audit acts`: the trail, read from the log."""

import argparse
from collections.abc import Callable

from exchange.audit.acts import acts
from exchange.cli._audit import Answer, Json, sources
from exchange.cli._moments import iso, moment
from exchange.settings import Settings
from exchange.terms.stream import format_id

Add = Callable[..., argparse.ArgumentParser]

_NOBODY = "-"


def configure(add: Add) -> None:
    """Add it."""
    one = add("acts", "tell what administrators did or tried, oldest first, from the log itself", _acts)
    one.add_argument("--by", default="", metavar="WHO", help="of one person only: 32 hex digits, or `operator`")
    one.add_argument("--kind", default="", help="of one kind only, like set_market_status or role.granted")
    one.add_argument("--until", type=moment, metavar="ID|TIME", help="only up to here (the head)")


async def _acts(args: argparse.Namespace, settings: Settings) -> Answer:
    lines: list[str] = []
    told: list[Json] = []
    async with sources(settings, args.source) as found:
        until = args.until or (await found.history.head()).id
        async for act in acts(found.history, until, args.by, args.kind):
            details = " ".join(f"{name}={value}" for name, value in act.details.items())
            refused = f"  refused: {act.refused}" if act.refused else ""
            who = act.by or _NOBODY
            lines.append(f"{format_id(act.id)}  {iso(act.id[0])}  {who}  {act.kind}  {details}{refused}")
            told.append(
                {
                    "id": format_id(act.id),
                    "time": act.id[0],
                    "by": act.by or None,
                    "act": act.kind,
                    "details": act.details,
                    "refused": act.refused or None,
                }
            )
    lines.append(f"verified    {len(told):,} acts, every entry up to here chained to the one before")
    return Answer({"verified": True, "acts": told}, lines)
