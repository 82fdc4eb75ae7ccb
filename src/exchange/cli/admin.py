"""`exchange admin`: the operator's acts, on the machine that holds the keys.

What concerns the market goes through the command stream like everything else, and its result is read back before
anything is said; what concerns people is recorded there, and goes to the database.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import orjson

from exchange import logs
from exchange.api.auth.identity import Identity, read_email
from exchange.api.auth.store import Store
from exchange.api.auth.tokens import OPERATOR, Tokens, load_key
from exchange.api.commanding import CommandPath
from exchange.api.errors import ApiError
from exchange.api.following import Follower
from exchange.api.v1.acting import record, signed_by
from exchange.cli._acts import ACTS
from exchange.cli._people import PERSON_ACTS, PersonAct
from exchange.effects.clock import AsyncClock
from exchange.effects.files import FileSnapshotStore
from exchange.effects.key_files import KeyUnusable
from exchange.effects.ports import EffectError
from exchange.effects.redis.log import AsyncRedisLog
from exchange.roles.stops import MustStop
from exchange.settings import Settings, SettingsError

HELP = "The operator's acts: tokens, people, assets, markets, accounts, rules."

_MAX_MINUTES = 24 * 60


def configure(parser: argparse.ArgumentParser) -> None:
    """Add one sub-command for each act."""
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    token = acts.add_parser("token", help="print an administrator's token")
    token.add_argument("--minutes", type=int, default=15, help="how long it is valid (%(default)s)")
    for name, of_person in PERSON_ACTS.items():
        acts.add_parser(name, help=of_person.help).add_argument("email")
    for act in ACTS.values():
        act.configure(acts.add_parser(act.name, help=act.help))


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do one act; 0 done, 1 refused, 2 could not be done."""
    logs.configure(replace(settings, log_level="warning"), "admin")
    try:
        if args.act == "token":
            return _token(settings, args.minutes)
        if args.act in PERSON_ACTS:
            return asyncio.run(_person(settings, PERSON_ACTS[args.act], args.email))
        return asyncio.run(_command(settings, args))
    except ApiError as error:
        print(f"exchange admin: {error.code.value}: {error.message}", file=sys.stderr)
        return 1 if error.status < 500 else 2
    except (EffectError, MustStop, KeyUnusable) as error:
        print(f"exchange admin: {error}", file=sys.stderr)
        return 2


def _token(settings: Settings, minutes: int) -> int:
    if not 1 <= minutes <= _MAX_MINUTES:
        print(f"exchange admin: --minutes must be between 1 and {_MAX_MINUTES}", file=sys.stderr)
        return 2
    token, _ = Tokens(load_key(settings.keys_dir)).issue(OPERATOR, AsyncClock().now_ms(), minutes)
    print(token)
    return 0


async def _person(settings: Settings, act: PersonAct, email: str) -> int:
    """Do something to a user, once the log has it."""
    if not settings.database_url:
        raise SettingsError("no database is known: set DATABASE_URL, or start `exchange up` in this EXCHANGE_HOME")
    address = read_email(email)
    store = Store(settings.database_url)
    identity = Identity(store, cost=4)
    try:
        subject = await identity.subject_of(address)
        if subject is None:
            print(f"exchange admin: there is no user {address}", file=sys.stderr)
            return 1
        async with _engine(settings) as (commands, follower):
            recorded = await record(commands, follower.view, OPERATOR, act.record, subject)
        done = await act.do(store, settings, subject)
    finally:
        identity.close()
        await store.close()
    print(f"{address} {done}" + ("" if recorded else "; not recorded: this log's rules know no such thing"))
    return 0


async def _command(settings: Settings, args: argparse.Namespace) -> int:
    """Append an act's command and print its result."""
    act = ACTS[args.act]
    async with _engine(settings) as (commands, follower):
        answer = await commands.carry_out(signed_by(follower.view, OPERATOR, act.ask(args, follower.view)))
        print(orjson.dumps(act.tell(args, follower.view, answer)).decode())
    return 0


@asynccontextmanager
async def _engine(settings: Settings) -> AsyncIterator[tuple[CommandPath, Follower]]:
    """The way to the engine, and who follows the log."""
    url = settings.redis_for("operator")
    reads, questions = (
        AsyncRedisLog(
            url,
            settings.commands_key,
            settings.events_key,
            replicas=settings.replicas,
            replicas_on_disk=settings.replicas_on_disk,
            clock_key=settings.clock_key,
        )
        for _ in range(2)
    )
    clock = AsyncClock()
    store = FileSnapshotStore(settings.snapshots)
    follower = Follower(reads, questions, store, clock, questions.pin, None, with_tape=False)
    try:
        await follower.start()
        following = asyncio.create_task(follower.run())
        try:
            yield CommandPath(questions, follower), follower
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
    finally:
        await follower.stop()
        await reads.aclose()
        await questions.aclose()
