"""The clients that people have, unmodified, each in its own environment: a whole trading session with every one."""

import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.running import Exchange, free_port, running, until

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "clients"
SESSIONS = {
    "ccxt_session.py": "ccxt",
    "ccxt_streams.py": "ccxt",
    "python_binance_session.py": "python-binance",
    "binance_connector_session.py": "binance-connector",
    "binance_sdk_spot_session.py": "binance-sdk-spot",
}
SECONDS = 90


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """The demo, with its market maker."""
    with running(tmp_path_factory.mktemp("clients"), free_port(), {"EXCHANGE_DEMO": "1"}) as started:
        started.wait_ready()
        for market in ("BTC-USDT", "ETH-USDT"):
            until(partial(two_sided, started, market), f"{market} to move")
        yield started


def two_sided(exchange: Exchange, market: str) -> bool:
    depth = exchange.ok("GET", f"/api/v1/depth?market={market}")
    return bool(depth["bids"] and depth["asks"])


def test_every_example_is_run_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*SESSIONS, "newcomer.py"}
    assert {path.stem for path in EXAMPLES.glob("*.lock")} == set(SESSIONS.values())


@pytest.mark.parametrize("script", SESSIONS)
@pytest.mark.timeout(SECONDS + 60)
def test_a_whole_trading_session_works_with_an_unmodified_client(exchange: Exchange, script: str) -> None:
    python = ROOT / ".clients" / SESSIONS[script] / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{SESSIONS[script]} is not installed: make .clients/{SESSIONS[script]}/.installed")
    done = subprocess.run(
        [python, EXAMPLES / script, exchange.url],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-4000:]}\n{exchange.screen()}"
    assert done.stdout.splitlines()[-1] == "session complete"
