"""`exchange market-maker` against a real gateway: books and tape live, gateways may come and go, nothing is left."""

import os
import signal
from collections.abc import Callable, Iterator

import pytest

from exchange.commands.types import CreateAsset, CreateMarket
from exchange.settings import Settings
from tests.integration.clients_world import Exchange, exchange, until

ARGUMENTS = ("market-maker", "--markets", "TATA-INR=1000", "--interval", "0.05", "--levels", "3")


@pytest.fixture
def world(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> Iterator[Exchange]:
    for world in exchange(make_settings(redis_url=redis_url, database_url=database_url)):
        world.start_engine()
        world.tell(
            CreateAsset("TATA", 4), CreateAsset("INR", 2), CreateMarket("TATA-INR", 5, 10_000, 1_000, 1000, 1000)
        )
        yield world


def trades(world: Exchange) -> int:
    return len(world.get("/api/v1/trades?market=TATA-INR&limit=1000")["trades"])


def levels(world: Exchange) -> tuple[int, int]:
    depth = world.get("/api/v1/depth?market=TATA-INR")
    return len(depth["bids"]), len(depth["asks"])


def test_it_quotes_both_sides_and_trades_and_takes_everything_back_when_stopped(world: Exchange) -> None:
    world.start_gateway()
    maker = world.start(*ARGUMENTS)
    until(lambda: min(levels(world)) >= 2 and trades(world) >= 5)
    prices = {trade["price"] for trade in world.get("/api/v1/trades?market=TATA-INR")["trades"]}
    assert all(800 < float(price) < 1200 for price in prices)
    assert world.stop(maker) == 0
    assert levels(world) == (0, 0)


def test_it_goes_on_when_the_gateway_comes_back(world: Exchange) -> None:
    gateway = world.start_gateway()
    maker = world.start(*ARGUMENTS)
    until(lambda: trades(world) >= 1)
    os.kill(gateway.pid, signal.SIGKILL)
    gateway.wait()
    before = trades_after(world)
    until(lambda: trades(world) > before)
    assert world.stop(maker) == 0
    assert levels(world) == (0, 0)


def trades_after(world: Exchange) -> int:
    """The trades that a new gateway shows."""
    world.start_gateway()
    return trades(world)


def test_what_a_killed_one_left_is_taken_over_by_the_next(world: Exchange) -> None:
    world.start_gateway()
    killed = world.start(*ARGUMENTS)
    until(lambda: min(levels(world)) >= 2)
    killed.kill()
    killed.wait()
    assert min(levels(world)) >= 1
    keys = {path.name: path.read_bytes() for path in world.settings.keys_dir.glob("market-*.json")}
    assert len(keys) == 2
    following = world.start(*ARGUMENTS)
    before = trades(world)
    until(lambda: trades(world) > before)
    assert world.stop(following) == 0
    assert levels(world) == (0, 0)
    assert {path.name: path.read_bytes() for path in world.settings.keys_dir.glob("market-*.json")} == keys


def test_it_waits_for_gateway_and_market_and_stops_while_it_waits(world: Exchange) -> None:
    maker = world.start("market-maker", "--markets", "NONE-INR")
    until(lambda: len(list(world.settings.keys_dir.glob("market-*.json"))) == 2)
    world.start_gateway()
    assert maker.poll() is None
    assert world.stop(maker) == 0


@pytest.mark.parametrize(
    "arguments",
    [["--markets", "tata"], ["--markets", "TATA-INR=abc"], ["--markets", "TATA-INR=0"], ["--interval", "0"]],
)
def test_arguments_that_make_no_sense_are_refused(arguments: list[str], make_settings: Callable[..., Settings]) -> None:
    for world in exchange(make_settings(redis_url="unix:///nowhere")):
        done = world.run("market-maker", *arguments)
        assert done.returncode == 2
        assert arguments[0] in done.stderr
