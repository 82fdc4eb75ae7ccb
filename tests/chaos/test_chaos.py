"""A short run with everything in it: the exchange is broken for a few seconds, and its books balance."""

import asyncio
import os
import re
from pathlib import Path

import pytest

from tests.chaos.__main__ import say, show
from tests.chaos.campaign import Plan, run

SEED = 92
SECONDS = 9.0
KILLS = 30


@pytest.mark.timeout(300)
def test_an_exchange_that_is_broken_for_a_while_neither_loses_nor_doubles_anything(tmp_path: Path) -> None:
    plan = Plan(
        SEED, SECONDS, KILLS, traders=4, rate=20, readers=2, slow_readers=1, pace=0.3, long_pauses=False, thorough=False
    )
    report = asyncio.run(run(plan, tmp_path, say))
    show(report)
    assert list(report.verdict.findings()) == []
    assert re.fullmatch(
        r"chaos: kills=[0-9]+ commands=[0-9]+ acked=[0-9]+ lost=0 doubled=0 diverged=0",
        report.line,
    )
    assert report.kills.total() >= KILLS
    assert report.verdict.acked > 50


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_an_exchange_that_is_broken_for_long_neither_loses_nor_doubles_anything(tmp_path: Path) -> None:
    """CHAOS_MINUTES, ten by default."""
    minutes = float(os.environ.get("CHAOS_MINUTES", "10"))
    report = asyncio.run(run(Plan(SEED + 1, minutes * 60), tmp_path, say))
    show(report)
    assert list(report.verdict.findings()) == []
