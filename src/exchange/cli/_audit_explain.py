"""`exchange audit order` and `exchange audit balance`."""

import argparse
from collections.abc import Callable

from exchange.audit import explaining
from exchange.cli._audit import Answer, Json, sources
from exchange.cli._moments import iso, moment
from exchange.roles.replay import machine_at
from exchange.settings import Settings
from exchange.terms.amounts import format_decimal
from exchange.terms.stream import format_id

Add = Callable[..., argparse.ArgumentParser]


def configure(add: Add) -> None:
    """Add the two."""
    one = add("order", "tell everything that happened to an order", _order)
    one.add_argument("order", type=int, metavar="ID")
    one = add("balance", "tell every change of a balance, and why", _balance)
    one.add_argument("account", type=int)
    one.add_argument("asset")
    one.add_argument("--until", type=moment, metavar="ID|TIME", help="only up to here (the head)")


async def _order(args: argparse.Namespace, settings: Settings) -> Answer:
    async with sources(settings, args.source) as found:
        steps, standing = await explaining.order(found.history, found.snapshots, args.order)
    lines = [f"order {args.order}"]
    told: list[Json] = []
    for step in steps:
        lines.append(f"{format_id(step.id)}  {iso(step.id[0])}  {step.command}")
        lines += [f"    {sentence}" for sentence in step.told]
        told.append({"id": format_id(step.id), "time": step.id[0], "command": step.command, "told": step.told})
    report: Json = {"verified": True, "order": args.order, "steps": told, "now": standing}
    return Answer(report, [*lines, f"now         {standing}"])


async def _balance(args: argparse.Namespace, settings: Settings) -> Answer:
    lines: list[str] = []
    told: list[Json] = []
    async with sources(settings, args.source) as found:
        head = (await found.history.head()).id
        machine = await machine_at(found.history, found.snapshots, args.until or head)
        asset = machine.state.assets.get(args.asset)
        decimals = 0 if asset is None else asset.decimals
        available = locked = 0
        async for one in explaining.balance(found.history, machine, args.account, args.asset):
            available, locked = one.available_after, one.locked_after
            shown = [format_decimal(amount, decimals) for amount in (one.available, one.locked, available, locked)]
            lines.append(f"{format_id(one.id)}  {iso(one.id[0])}  {one.command}")
            lines += [f"    {cause}" for cause in one.told]
            lines.append(f"    {shown[0]} available, {shown[1]} locked: now {shown[2]} and {shown[3]}")
            names = ("available", "locked", "available_after", "locked_after")
            amounts = dict(zip(names, shown, strict=True))
            told.append({"id": format_id(one.id), "command": one.command, "causes": one.told, **amounts})
    at = format_id(machine.head.id)
    end = [format_decimal(amount, decimals) for amount in (available, locked)]
    lines.append(f"verified    {end[0]} available, {end[1]} locked at {at}, as the engine has it")
    report: Json = {"verified": True, "account": args.account, "asset": args.asset, "position": at}
    return Answer({**report, "available": end[0], "locked": end[1], "movements": told}, lines)
