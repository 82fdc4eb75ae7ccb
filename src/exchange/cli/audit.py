"""`exchange audit`: verify the log, explain it, sign it, and prove what is owed. It only reads, beside what runs.

Exit codes: 0 verified, 1 a difference (named), 2 could not run.
"""

import argparse
import time
from pathlib import Path
from typing import cast

import orjson

from exchange.audit import checkpoints, liabilities, signing
from exchange.audit.checkpoints import Checkpoint, Shelf
from exchange.audit.findings import CannotAudit, Found
from exchange.audit.liabilities import NoLeaf, NoStatement
from exchange.audit.signed_head import sign_head
from exchange.audit.signing import NotGenuine, Signer
from exchange.audit.verifying import Report, verify
from exchange.cli import _audit_acts, _audit_compare, _audit_explain
from exchange.cli._audit import Act, Answer, Json, carry_out, public_key, sources
from exchange.cli._history import add_source
from exchange.cli._moments import moment
from exchange.cli._role import begin
from exchange.engine.solvency import unsound
from exchange.roles.replay import machine_at
from exchange.settings import Settings
from exchange.terms.stream import START, format_id

HELP = "Verify, explain, sign and prove the log: 0 verified, 1 a difference (named), 2 could not run."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    parsers = parser.add_subparsers(dest="what", metavar="WHAT", required=True)

    def add(name: str, about: str, act: Act, *, source: bool = True) -> argparse.ArgumentParser:
        one = parsers.add_parser(name, help=about, description=about)
        one.add_argument("--json", action="store_true", help="print one JSON object instead of text")
        if source:
            add_source(one)
        one.set_defaults(act=act)
        return one

    one = add("verify", "hold streams, journal, snapshots and checkpoints against each other and the engine", _verify)
    one.add_argument(
        "--from", dest="start", type=moment, default=START, metavar="ID|TIME", help="begin at or before it"
    )
    one.add_argument("--to", dest="until", type=moment, metavar="ID|TIME", help="end at the last entry at or before it")
    how = one.add_mutually_exclusive_group()
    how.add_argument("--execute", action="store_true", default=True, help="compute every entry again (default)")
    how.add_argument("--chain-only", action="store_true", help="check hashes and ids, and compute nothing")
    one.add_argument("--checkpoint", type=Path, nargs="+", default=[], metavar="FILE", help="hold these against it too")
    one.add_argument("--key", metavar="HEX", help="the public key of who signed them (this home's own)")

    add("checkpoint", "sign where the log stands, verified back to the last checkpoint, and print it", _checkpoint)
    add("key", "print this home's public key", _key, source=False)
    one = add("liabilities", "sum up what every user is owed, and sign it", _liabilities)
    one.add_argument("--at", type=moment, metavar="ID|TIME", help="the position (the head)")
    one = add("prove", "print an account's proofs of the newest statement of liabilities", _prove, source=False)
    one.add_argument("account", type=int)
    one.add_argument("--asset", help="of this asset only")
    _audit_explain.configure(add)
    _audit_acts.configure(add)
    _audit_compare.configure(add)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do it; the exit code."""
    begin(settings, "audit")
    return carry_out(cast(Act, args.act), args, settings)


async def _verify(args: argparse.Namespace, settings: Settings) -> Answer:
    shelf = Shelf(settings.home)
    held: list[tuple[str, Checkpoint]] = []
    if args.checkpoint or shelf.paths():
        key = public_key(settings, args.key)
        held = [_read(path, key) for path in [*args.checkpoint, *shelf.paths()]]
    async with sources(settings, args.source) as found:
        report, _ = await verify(found, held, start=args.start, until=args.until, execute=not args.chain_only)
    return Answer(_report(report), _lines(report))


def _read(path: Path, key: str) -> tuple[str, Checkpoint]:
    try:
        return str(path), checkpoints.verify(path.read_bytes(), key)
    except NotGenuine as error:
        raise Found(f"checkpoint {path}", "", f"a checkpoint signed by {key}", str(error)) from error


def _report(report: Report) -> Json:
    return {
        "verified": True,
        "log_id": report.log_id,
        "from": format_id(report.start),
        "began_at": report.began_at,
        "head": format_id(report.head.id),
        "chain": report.head.chain.hex(),
        "executed": report.executed,
        "entries": report.entries,
        "number": report.number,
        "segments": report.segments,
        "streamed": report.streamed,
        "compared": report.compared,
        "snapshots": report.snapshots,
        "checkpoints": report.checkpoints,
    }


def _lines(report: Report) -> list[str]:
    how = "chain and engine" if report.executed else "chain alone: nothing was computed again"
    number = "" if report.number is None else f", {report.number:,} from the log's beginning"
    return [
        f"log id      {report.log_id or 'unknown'}",
        f"from        {format_id(report.start)} ({report.began_at})",
        f"head        {format_id(report.head.id)}",
        f"chain       {report.head.chain.hex()}",
        f"segments    {report.segments:,}; {report.compared:,} entries stand in the streams too, and are the same",
        f"streams     {report.streamed:,} entries beyond the segments",
        f"snapshots   {report.snapshots:,} whole and of this log",
        f"checkpoints {report.checkpoints:,} hold",
        f"verified    {report.entries:,} entries{number} ({how})",
    ]


async def _checkpoint(args: argparse.Namespace, settings: Settings) -> Answer:
    signer = Signer.of(settings.keys_dir)
    async with sources(settings, args.source) as found:
        try:
            checkpoint, _ = await sign_head(found, Shelf(settings.home), signer, _now_ms())
        except NotGenuine as error:
            raise Found("checkpoint", "", f"a last one signed by {signer.public}", str(error)) from error
    return Answer(checkpoint.document, [signing.canonical(checkpoint.document).decode()])


async def _key(_args: argparse.Namespace, settings: Settings) -> Answer:
    public = Signer.of(settings.keys_dir).public
    return Answer({"algorithm": signing.ALGORITHM, "key": public}, [public])


async def _liabilities(args: argparse.Namespace, settings: Settings) -> Answer:
    signer, salts = Signer.of(settings.keys_dir), liabilities.salts_key(settings.keys_dir)
    async with sources(settings, args.source) as found:
        position = (await found.history.head()).id if args.at is None else args.at
        machine = await machine_at(found.history, found.snapshots, position)
    if not machine.state.log_id:
        raise CannotAudit("the log is not open yet: nothing is owed to anybody")
    breach = unsound(machine.state)
    if breach:
        raise Found("engine state", format_id(machine.head.id), "a state in which the money adds up", breach)
    folder = liabilities.state(settings.home, machine, signer, salts, _now_ms())
    document = liabilities.Statement.read(folder, signer.public).document
    return Answer(document, [f"written     {folder}", signing.canonical(document).decode()])


async def _prove(args: argparse.Namespace, settings: Settings) -> Answer:
    signer, salts = Signer.of(settings.keys_dir), liabilities.salts_key(settings.keys_dir)
    try:
        folder = liabilities.newest(settings.home)
    except NoStatement as error:
        raise CannotAudit(str(error)) from error
    try:
        statement = liabilities.Statement.read(folder, signer.public)
    except NotGenuine as error:
        raise Found(f"liabilities {folder.name}", "", f"a statement signed by {signer.public}", str(error)) from error
    if args.asset is not None and args.asset not in statement.assets:
        raise CannotAudit(f"the statement knows no asset {args.asset}: {', '.join(statement.assets)}")
    proofs: list[Json] = []
    for asset in statement.assets if args.asset is None else [args.asset]:
        try:
            proofs.append(statement.proof(salts, args.account, asset))
        except NoLeaf:
            continue
        except NotGenuine as error:
            raise Found(f"liabilities {asset}", format_id(statement.head.id), "the files of it", str(error)) from error
    if not proofs:
        raise CannotAudit(f"account {args.account} held nothing at {format_id(statement.head.id)}")
    return Answer({"proofs": proofs}, [orjson.dumps(proof).decode() for proof in proofs])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
