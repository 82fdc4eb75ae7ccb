"""The simulator's command line; the last line is `sim: runs=N crashes=N failures=N`, the exit code 1 if any failed."""

import argparse
import os
import sys
import time

from tests.simulation import bugs
from tests.simulation.runner import Verdict, run_many

CRASHES = 50_000


def main(argv: list[str] | None = None) -> int:
    """Run the simulator; the exit code."""
    args = _parser().parse_args(argv)
    if args.list_bugs:
        for bug in bugs.BUGS.values():
            print(f"{bug.name:<34}{bug.what}")
        return 0
    if args.bug and args.bug not in bugs.BUGS:
        print(f"there is no bug {args.bug!r}; --list-bugs names them", file=sys.stderr)
        return 2
    begun = time.monotonic()
    told = begun
    verdict = Verdict()
    for verdict in run_many(args.seed, args.runs, args.crashes, args.bug, args.workers):
        if time.monotonic() - told > 10:
            told = time.monotonic()
            print(f"{verdict.runs} runs, {verdict.crashes} crashes, {verdict.failures} failures", flush=True)
    _tell(verdict, args.bug, time.monotonic() - begun, args.verbose)
    print(f"sim: runs={verdict.runs} crashes={verdict.crashes} failures={verdict.failures}")
    return 1 if verdict.failures else 0


def _tell(verdict: Verdict, bug: str, seconds: float, verbose: bool) -> None:
    for result in verdict.examples:
        again = f"python -m tests.simulation --runs 1 --seed {result.plan.seed}"
        print(f"seed {result.plan.seed} failed: {result.failure}")
        print(f"  {result.plan}")
        print(f"  replay: {again}{f' --bug {bug}' if bug else ''} --verbose")
    if verbose:
        for what, times in sorted(verdict.seen.items()):
            print(f"{times:>10}  {what}")
    print(
        f"{verdict.commands} commands, {verdict.answers} answers "
        f"({verdict.lost} taken back by power cuts under everysec), {verdict.steps} steps, "
        f"{seconds:.1f} s, {verdict.crashes / max(seconds, 0.001):.0f} crashes/s"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description="The deterministic fault simulator."
    )
    parser.add_argument("--runs", type=int, help="how many runs; without it, as many as --crashes takes")
    parser.add_argument("--crashes", type=int, default=CRASHES, help=f"run until so many crashes ({CRASHES})")
    parser.add_argument("--seed", type=int, default=0, help="the first run's seed; the others follow")
    parser.add_argument("--bug", default="", help="plant a design bug, which must be found")
    parser.add_argument("--list-bugs", action="store_true", help="name the bugs that can be planted")
    parser.add_argument("--verbose", action="store_true", help="also count the plights that the runs came into")
    parser.add_argument(
        "--workers", type=int, default=min(2, os.cpu_count() or 1), help="processes that share the runs (at most 2)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
