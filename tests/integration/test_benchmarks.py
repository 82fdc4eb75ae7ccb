"""Every benchmark runs, gives the figures that others read, and asserts no time."""

import json
from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import engine, flow, peers
from exchange import compiled

FIGURES = {
    "engine": {
        "engine.worst_messages_per_s",
        "engine.step_worst_messages_per_s",
        "engine.interpreted_messages_per_s",
        "engine.bytes_per_open_order",
    },
    "pipeline": {"pipeline.commands_per_s.always", "pipeline.commands_per_s.everysec", "replay.commands_per_s"},
    "recovery": {"recovery.seconds_300_open_orders"},
    "failover": {"failover.p50_ms", "failover.p99_ms", "failover.max_ms"},
    "snapshot": {"snapshot.pause_ms", "snapshot.pause_ms_without", "snapshot.fork_ms", "snapshot.seconds"},
    "rest_v1": {
        "rest_v1.p50_ms_everysec.c1",
        "rest_v1.gateway_cpu_us_per_order.c64",
        "rest_v1.two_gateways_orders_per_s.c64",
        *(f"rest_v1.{what}.c{n}" for what in ("orders_per_s", "p50_ms", "p99_ms") for n in (1, 16, 64)),
    },
    **{
        area: {
            f"{area}.gateway_cpu_us_per_order.c64",
            *(f"{area}.{what}.c{n}" for what in ("orders_per_s", "p50_ms", "p99_ms") for n in (1, 16, 64)),
        }
        for area in ("rest_v3", "ws_api")
    },
    "feed": {f"feed.{what}.subscribers_{count}" for what in ("p50_ms", "p99_ms", "max_ms") for count in (100, 1000)},
    "durability": {
        f"durability.{what}.{mode}"
        for what in ("p50_ms", "orders_per_s")
        for mode in ("always", "always_replicated", "always_replicated_on_disk", "everysec", "everysec_replicated")
    },
    "projector": {
        "projector.rows_per_s",
        *(f"candles.query_ms.{i}" for i in ("1m", "5m", "1h", "1d")),
        *(f"journal.{what}" for what in ("entries_per_s", "bytes_per_entry", "read_entries_per_s")),
    },
}


SLOW = {"durability", "rest_v3"}
"""Five exchanges, one after the other; and clients of which `ws_api` tries the like."""


@pytest.mark.parametrize(
    "area", [pytest.param(area, marks=pytest.mark.soak if area in SLOW else ()) for area in FIGURES]
)
def test_a_benchmark_gives_its_figures(area: str) -> None:
    found = {figure.name: figure for figure in benchmarks.benchmarks(benchmarks.TINY)[area]()}
    assert found.keys() >= FIGURES[area]
    assert all(figure.value > 0 and figure.unit for figure in found.values())


def test_the_run_writes_machine_and_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "build" / "bench.json"
    assert benchmarks.main(["--tiny", "--only", "recovery.seconds*", "--output", str(output)]) == 0
    written = json.loads(output.read_text())
    assert list(written["figures"]) == ["recovery.seconds_300_open_orders"]
    assert written["figures"]["recovery.seconds_300_open_orders"]["unit"] == "s"
    assert written["machine"].keys() >= {"cores", "cpu", "python", "server", "fsync_us_median"}
    assert written["machine"]["engine"] == compiled.status()
    assert "recovery.seconds_300_open_orders" in capsys.readouterr().out


def test_a_pattern_that_names_nothing_is_refused(tmp_path: Path) -> None:
    assert benchmarks.main(["--only", "nothing.*", "--output", str(tmp_path / "bench.json")]) == 2


def test_the_figures_that_others_read_keep_their_names() -> None:
    assert benchmarks.ORDINARY.recovery == benchmarks.FULL.recovery == 1_000_000


@pytest.mark.parametrize("regime", flow.REGIMES)
def test_the_flow_is_what_it_says(regime: str) -> None:
    size = 10_000
    made = list(flow.messages(regime, size))
    assert made == list(flow.messages(regime, size))
    assert {message.kind for message in made[: flow.PREFILL]} == {"limit"}
    placed = [message for message in made if message.kind in {"limit", "ioc"}]
    assert [message.order for message in placed] == list(range(1, flow.PREFILL + size + 1))
    ended = [message.order for message in made if message.kind == "cancel"]
    assert len(ended) == len(set(ended))
    assert {message.order for message in placed if message.kind == "ioc"}.isdisjoint(ended)

    shares = engine.shares(regime, size)

    assert 0.93 < shares["cancelled_share"] < 0.97
    assert 0.15 < shares["reduced_share"] < 0.25
    assert 0.14 < shares["immediate_share"] < 0.16
    assert 0 < shares["refused_per_message"] < 0.03
    assert shares["trades_per_message"] > 0.02


def test_our_engine_runs_the_peers_flow() -> None:
    measured = peers.measure("exchange", 200)
    assert measured["errors"] == 0
    assert 300 < measured["done"] <= 450
