"""`python -m benchmarks`: run the benchmarks, print the table, write `build/bench.json`."""

import argparse
import fnmatch
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import durability, engine, failover, feeds, peers, pipeline, projections, report, rest
from benchmarks.report import Figure, Skipped


@dataclass(frozen=True)
class Sizes:
    """How much each benchmark does; `flow`, `peers` and `pipeline` count new orders, about two messages each."""

    flow: int
    peers: int
    resting: int
    pipeline: int
    recovery: int
    seconds: float
    trades: int
    kills: int


TINY = Sizes(200, 200, 500, 400, 300, 0.3, 60, 2)
"""For the smoke test: everything runs, nothing means anything."""

ORDINARY = Sizes(1_000_000, 60_000, 200_000, 100_000, pipeline.MILLION, 3.0, 20_000, 100)
FULL = Sizes(1_000_000, 200_000, pipeline.MILLION, 1_000_000, pipeline.MILLION, 20.0, 500_000, 100)


def benchmarks(sizes: Sizes) -> dict[str, Callable[[], Iterator[Figure]]]:
    """Each benchmark by the beginning of its figures' names."""
    return {
        "engine": partial(engine.figures, sizes.flow, sizes.resting),
        "peers": partial(peers.figures, sizes.peers),
        "pipeline": partial(pipeline.figures, sizes.pipeline),
        "recovery": partial(pipeline.recovery, sizes.recovery),
        "failover": partial(failover.figures, sizes.kills),
        "snapshot": partial(failover.pauses, sizes.recovery, sizes.seconds),
        "rest_v1": partial(rest.figures, sizes.seconds),
        "rest_v3": partial(rest.compatible, "rest_v3", sizes.seconds),
        "ws_api": partial(rest.compatible, "ws_api", sizes.seconds),
        "feed": partial(feeds.figures, sizes.seconds),
        "durability": partial(durability.figures, sizes.seconds),
        "projector": partial(projections.figures, sizes.trades),
    }


ALSO = {"pipeline": ("replay",), "projector": ("candles", "journal")}
"""What else a benchmark measures on the way."""


def main(argv: list[str] | None = None) -> int:
    """Run what was asked for; 2 when nothing has such a name. What was measured before a failure is written."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", default="*", metavar="PATTERN", help="only figures whose names match, as rest_v1.*")
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--full", action="store_const", const=FULL, dest="sizes", help="the large sizes")
    sizes.add_argument("--tiny", action="store_const", const=TINY, dest="sizes", help="only see that everything runs")
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"), help="(%(default)s)")
    parser.set_defaults(sizes=ORDINARY)
    args = parser.parse_args(argv)
    chosen = {name: run for name, run in benchmarks(args.sizes).items() if _asked(name, args.only)}
    if not chosen:
        print(f"benchmarks: nothing matches {args.only}", file=sys.stderr)
        return 2
    on = report.machine()
    figures: list[Figure] = []
    skipped: dict[str, str] = {}
    try:
        for name, run in chosen.items():
            print(f"{name}…", file=sys.stderr, flush=True)
            try:
                for figure in run():
                    if _matches(figure.name, args.only):
                        figures.append(figure)
                        print(report.line(figure), flush=True)
            except Skipped as reason:
                skipped[name] = str(reason)
                print(f"{name}: skipped: {reason}", flush=True)
    finally:
        report.write(args.output, on, figures, skipped)
    for name, value in on.items():
        print(f"{name:<20} {value}")
    return 0


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern) or name.startswith(pattern)


def _asked(benchmark: str, pattern: str) -> bool:
    """Whether a benchmark may have figures that match; its area decides, since names come out of the run."""
    area = pattern.partition(".")[0]
    return any(
        fnmatch.fnmatchcase(name, area) or name.startswith(area) for name in (benchmark, *ALSO.get(benchmark, ()))
    )


if __name__ == "__main__":
    sys.exit(main())
