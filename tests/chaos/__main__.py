"""`python -m tests.chaos`: one run, its table, and the line that scripts read."""

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

from exchange import compiled
from tests.chaos.campaign import Plan, Report, run

LONGEST = 1_200


def main() -> int:
    """0 when the books balance and everything became well, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=(__doc__ or "").strip())
    parser.add_argument("--minutes", type=_minutes, default=2.0, help="how long things are broken (%(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="what is drawn from it is told in the docs (random)")
    parser.add_argument("--traders", type=int, default=8, help="clients that trade (%(default)s)")
    parser.add_argument("--rate", type=float, default=10.0, help="wishes of each a second (%(default)s)")
    parser.add_argument("--folder", type=Path, default=None, help="where home and logs are kept (until a clean end)")
    args = parser.parse_args()
    compiled.check()
    seed = secrets.randbelow(10**6) if args.seed is None else args.seed
    folder = args.folder or Path(tempfile.mkdtemp(prefix="chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    say(f"seed {seed}, {args.minutes:g} minutes, engine {compiled.status()}")
    report = asyncio.run(run(Plan(seed, args.minutes * 60, traders=args.traders, rate=args.rate), folder, say))
    show(report)
    findings = list(report.verdict.findings())
    for text in findings[:50]:
        print(text[:2000])
    if findings:
        print(f"{len(findings)} findings; again with SEED={seed} MINUTES={args.minutes:g}; all logs are in {folder}")
    elif args.folder is None:
        shutil.rmtree(folder)
    print(report.line, flush=True)
    return 1 if findings else 0


def _minutes(text: str) -> float:
    minutes = float(text)
    if not 0 < minutes <= LONGEST:
        raise argparse.ArgumentTypeError(f"up to {LONGEST} minutes: the clients sign in once, and tokens last a day")
    return minutes


def show(report: Report) -> None:
    """The table, by kind of fault."""
    for label, text in report.told:
        print(f"{label:<28}{text}")
    for name, count in sorted((report.kills + report.others).items(), key=lambda row: (-row[1], row[0])):
        print(f"{name:<28}{count:>8}{'' if name in report.kills else '  (no kill)'}")


def say(text: str) -> None:
    """Something for those who watch."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
