"""The doctor beside a whole exchange: nothing to say when all is well; a role that refuses cannot be overlooked."""

import json
import os
import re
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.e2e.running import Exchange, environment, free_port, running, until

TOO_NEW = "99999999999999999999-00000000000000000000.snapshot"


def doctor(exchange: Exchange, *options: str) -> tuple[int, str]:
    """Its exit code and what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "exchange", "doctor", *options],
        env=environment(exchange.home, exchange.port),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def examined(exchange: Exchange) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(doctor(exchange, "--json")[1])
    return found


def a_snapshot_of_the_future(folder: Path) -> None:
    """A whole snapshot that only a later version reads."""
    header = json.dumps({"snapshot": 9, "format": 99}).encode() + b"\n"
    trailer = json.dumps({"sha256": sha256(header).hexdigest()}, separators=(",", ":")).encode() + b"\n"
    (folder / TOO_NEW).write_bytes(header + trailer)


def test_a_healthy_exchange_and_one_whose_standby_refuses(tmp_path: Path) -> None:
    two = {"EXCHANGE_STANDBYS": "2", "EXCHANGE_JOURNAL_SECONDS": "1"}
    with running(tmp_path / "home", free_port(), two) as exchange:
        exchange.wait_ready()
        until(lambda: doctor(exchange)[0] == 0, "nothing to say")
        code, screen = doctor(exchange)
        assert (code, screen.splitlines()[0].endswith(": fine")) == (0, True), screen
        found = examined(exchange)
        roles = [presence["role"] for presence in found["server"]["roles"]]
        assert sorted(roles) == ["engine", "gateway", "journal", "project", "standby", "standby"]
        assert "power loss: nothing that was answered (fsync always)" in found["crash"]
        assert {state["state"] for state in found["supervised"]} == {"runs"}
        names = [state["name"] for state in found["supervised"]]
        assert {"standby-1", "standby-2", "project-journal"} <= set(names)

        exchange.command("admin", "create-asset", "GOLD", "3")
        exchange.command("admin", "create-asset", "COIN", "2")
        exchange.command("admin", "create-market", "GOLD-COIN", "--tick-size", "0.01", "--lot-size", "1")
        exchange.command("admin", "set-status", "GOLD-COIN", "halted")
        code, screen = doctor(exchange)
        assert (code, "!! markets: halted: GOLD-COIN" in screen) == (1, True), screen

        a_snapshot_of_the_future(tmp_path / "home" / "snapshots")
        (pid,) = [state["pid"] for state in found["supervised"] if state["name"] == "standby-2"]
        os.kill(pid, 9)
        exchange.wait_said(re.compile(r"!!! standby-2 refuses to run and stays down: exchange standby: NewerFormat"))
        exchange.wait_said(re.compile(r"!!! its log: .*standby-2\.log; .*exchange doctor"))
        code, screen = doctor(exchange)
        assert code == 1
        assert "!! standby-2: REFUSES TO RUN: exchange standby: NewerFormat" in screen
        assert "run that version; there is no way back" in screen
        assert exchange.healthy(), "trading goes on"
        status, health = exchange.call("GET", "/healthz")
        assert (status, health.get("refused")) == (200, ["standby-2"])
        assert exchange.stop() == 0
    assert not (tmp_path / "home" / "run" / "roles.json").exists()


def test_servers_that_are_away_are_named_and_the_rest_is_told(tmp_path: Path) -> None:
    with running(tmp_path / "home", free_port()) as exchange:
        exchange.wait_ready()
        until(lambda: doctor(exchange)[0] == 0, "nothing to say")
        server = exchange.role("valkey-server")
        server.suspend()
        try:
            began = time.monotonic()
            found = examined(exchange)
            assert time.monotonic() - began < 15.0
        finally:
            server.resume()
        assert found["server"] is None
        assert found["database"] is not None
        assert "streams" in {concern["about"] for concern in found["concerns"]}
        until(lambda: doctor(exchange)[0] == 0, "nothing to say again")
        assert exchange.stop() == 0
