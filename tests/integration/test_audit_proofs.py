"""A user's way to the proof that their balance is in the sum: from the gateway to the one file that they run."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
import redis

from exchange.audit import checkpoints, served, verify_liability
from exchange.audit.findings import CannotAudit, Found
from exchange.audit.served import Shown
from exchange.audit.signing import Signer, canonical
from exchange.cli._history import open_history
from exchange.settings import Settings
from exchange.terms.stream import format_id, parse_id
from tests.integration.api_world import World, world
from tests.integration.audited import Told, a_past, ask
from tests.integration.projecting import a_log_of_everything
from tests.unit.projections.segments import Pair

Make = Callable[..., Settings]


async def audit(world: World, *arguments: str) -> Told:
    """The audit beside the running exchange, in a thread: it has a loop of its own."""
    return await asyncio.to_thread(ask, world.settings, *arguments)


async def raw(world: World, path: str, token: str = "") -> bytes:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with world.session.get(f"{world.base}/api/v1/{path}", headers=headers) as response:
        assert response.status == 200, await response.text()
        return await response.read()


async def test_users_check_their_own_balances(make_settings: Make, redis_url: str, database_url: str) -> None:
    settings = make_settings(redis_url=redis_url, database_url=database_url)
    async with world(settings) as exchange:
        anonymous = exchange.anonymous()
        for path in ("checkpoint", "liabilities"):
            assert (await anonymous.get(f"/api/v1/{path}")).code == "not_found"
        seller, buyer = await exchange.user(TATA="100", INR="7.50"), await exchange.user(INR="1000")
        assert (await seller.get("/api/v1/account/liability?asset=INR")).code == "not_found"
        await seller.limit("sell", "10.00", "30")
        await buyer.limit("buy", "10.00", "5")
        signed, stated = (
            await audit(exchange, "checkpoint"),
            await audit(exchange, "liabilities", "--source", "streams"),
        )
        assert (signed.code, stated.code) == (0, 0), signed.error + stated.error
        public = (await audit(exchange, "key")).json["key"]

        checkpoint = await raw(exchange, "checkpoint")
        assert checkpoints.verify(checkpoint, public).id == signed.json["position"]
        statement = await raw(exchange, "liabilities")
        proofs = {
            name: await raw(exchange, f"account/liability?asset={asset}", client.token)
            for name, client, asset in (("s1", seller, "TATA"), ("s2", seller, "INR"), ("b1", buyer, "TATA"))
        }
        told = {name: verify_liability.verify(statement, proof, public) for name, proof in proofs.items()}
        account = str(seller.account)
        assert told["s1"].startswith(f"950000 TATA of {account} ")
        assert (await seller.balances())["TATA"] == ("70.0000", "25.0000")
        refused = await buyer.get("/api/v1/account/liability?asset=XYZ")
        assert (refused.status, refused.code, refused.field) == (404, "unknown_asset", "asset")
        assert (await buyer.get("/api/v1/account/liability")).status == 400
        assert (await anonymous.get("/api/v1/account/liability?asset=INR")).status == 401

        shown = await audit(exchange, "prove", account)
        assert [canonical(proof) for proof in shown.json["proofs"]] == [proofs["s2"], proofs["s1"]]
        assert (await audit(exchange, "prove", "99")).code == 2
        told_live = await audit(exchange, "projection", "live", "--source", "streams", "--url", exchange.base)
        assert (told_live.code, told_live.json["answers"]) == (0, 6), told_live.error
    home = settings.home
    (home / "s.json").write_bytes(statement)
    (home / "p.json").write_bytes(proofs["b1"])
    verifier = [sys.executable, "-I", "-S", verify_liability.__file__, "s.json", "p.json", public]
    done = subprocess.run(verifier, cwd=home, capture_output=True, text=True, check=False)  # noqa: ASYNC221
    assert done.stdout.startswith("proven: "), done.stderr


async def test_what_was_changed_on_disk_is_not_passed_on(
    make_settings: Make, redis_url: str, database_url: str
) -> None:
    settings = make_settings(redis_url=redis_url, database_url=database_url)
    async with world(settings) as exchange:
        user = await exchange.user(TATA="100")
        await audit(exchange, "liabilities", "--source", "streams")
        assert (await user.get("/api/v1/account/liability?asset=TATA")).status == 200
        (folder,) = (settings.home / "liabilities").iterdir()
        tree = folder / "TATA.tree"
        tree.write_bytes(bytes(len(tree.read_bytes())))
        assert (await user.get("/api/v1/account/liability?asset=TATA")).status == 500
        told = await audit(exchange, "prove", str(user.account))
        assert (told.code, told.place) == (1, "liabilities TATA")
        statement = folder / "statement.json"
        statement.write_bytes(statement.read_bytes().replace(b'"total":"1', b'"total":"2'))
        assert (await user.get("/api/v1/liabilities")).status == 500
        assert (await audit(exchange, "prove", str(user.account))).place.startswith("liabilities")


async def test_the_gateway_is_held_against_the_engine(make_settings: Make, redis_url: str, database_url: str) -> None:
    settings = make_settings(redis_url=redis_url, database_url=database_url)
    async with world(settings) as exchange:
        seller, buyer = await exchange.user(TATA="100"), await exchange.user(INR="1000")
        await seller.limit("sell", "10.00", "30")
        await buyer.limit("buy", "10.00", "5")

        async def asked(path: str, query: dict[str, str]) -> Shown:
            answer = await exchange.anonymous().get(f"/api/v1/{path}", params=query)
            return Shown(path, query, parse_id(answer.headers["X-Exchange-Position"]), answer.data)

        shown = await served.ask_all(asked)
        async with open_history(settings, "streams") as log:
            assert await served.compare(log, shown) == len(shown) == 6
            lies: list[tuple[str, object]] = [
                ("assets", []),
                ("markets", []),
                ("fee_tiers", [{"asset": "INR", "tiers": []}]),
                ("asks", [["10.00", "26"]]),
                ("trades", []),
                ("volume", "6"),
            ]
            for place, (member, told) in enumerate(lies):
                one = shown[place]
                lie = replace(one, data={**one.data, member: told})
                with pytest.raises(Found) as caught:
                    await served.compare(log, [*shown[:place], lie, *shown[place + 1 :]])
                assert caught.value.difference.place == f"gateway {one.name}"
                assert member in caught.value.difference.expected
            with pytest.raises(Found):
                await served.compare(log, [replace(shown[0], position=(1, 1))])
            with pytest.raises(CannotAudit):
                await served.compare(log, [replace(shown[0], position=(2**60, 0))])
        away = await audit(exchange, "projection", "live", "--source", "streams", "--url", "http://127.0.0.1:1")
        assert away.code == 2


def test_the_key_of_a_home_is_its_own(make_settings: Make) -> None:
    settings = make_settings()
    assert ask(settings, "key").json["key"] == Signer.of(settings.keys_dir).public
    Path(settings.keys_dir / "checkpoint.key").chmod(0o644)
    assert ask(settings, "key").code == 2


def owed(pairs: list[Pair]) -> dict[str, dict[int, int]]:
    """What each user has of each asset after these entries, added up from the postings' bytes."""
    found: dict[str, dict[int, int]] = {}
    for _, entry in pairs:
        for account, asset, available, locked in orjson.loads(entry.payload)["postings"]:
            if account >= 100:
                held = found.setdefault(asset, {})
                held[account] = held.get(account, 0) + int(available) + int(locked)
    return found


def test_what_is_owed_at_any_position_is_the_sum_of_all_postings(
    make_settings: Make, client: redis.Redis, redis_url: str
) -> None:
    pairs = a_log_of_everything(7, 300)
    settings = a_past(make_settings, client, redis_url, pairs, snapshots_at=(120,)).settings
    public = ask(settings, "key").json["key"]
    for place in (100, 200, len(pairs) - 1):
        told = ask(settings, "liabilities", "--at", format_id(pairs[place][1].id))
        assert told.code == 0, told.error
        expected = owed(pairs[: place + 1])
        for asset in told.json["assets"]:
            held = {account: amount for account, amount in expected[asset["asset"]].items() if amount}
            assert (asset["total"], asset["accounts"]) == (str(sum(held.values())), len(held))
            for account, amount in held.items():
                proof = ask(settings, "prove", str(account), "--asset", asset["asset"]).json["proofs"][0]
                assert proof["amount"] == str(amount)
                assert verify_liability.verify(canonical(told.json), canonical(proof), public)
        again = ask(settings, "liabilities", "--at", format_id(pairs[place][1].id))
        assert again.json == told.json, "one statement for a position, whenever it is asked for"
    assert ask(settings, "prove", "100", "--asset", "NONE").code == 2
    assert ask(make_settings(redis_url=redis_url, streams="nothing"), "liabilities").code == 2
