"""Which modules are compiled, whether they are, and whether what is compiled is still what the source says.

The pure core runs from the same source compiled and interpreted. An in-place build leaves the extension modules beside
their sources, and Python prefers them even when the source has changed since: a stamp with the hashes of the compiled
sources makes that visible. `EXCHANGE_INTERPRETED=1` makes Python pass over the extensions. This module is imported
before anything compiled and must import nothing of the house; `setup.py` uses it too.
"""

import importlib.machinery
import json
import os
import sys
from collections.abc import Sequence
from hashlib import sha256
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Literal

Status = Literal["compiled", "interpreted", "stale"]

CORE = (
    "terms/*.py",
    "commands/types.py",
    "commands/fields.py",
    "commands/codec_1.py",
    "commands/read_orders.py",
    "commands/read_setup.py",
    "commands/write.py",
    "commands/codec.py",
    "events/base.py",
    "events/setup.py",
    "events/transfers.py",
    "events/orders.py",
    "events/trades.py",
    "events/types.py",
    "events/read.py",
    "events/codec.py",
    "engine/*.py",
)
"""The pure core, below the package's folder: compiled, and held to be deterministic."""

PATTERNS = (
    *CORE,
    "events/replies.py",
    "projections/live/*.py",
    "api/parts.py",
    "api/v1/order_replies.py",
    "api/v3/params.py",
    "api/v3/ordering.py",
    "api/v3/shapes/words.py",
    "api/v3/shapes/orders.py",
    "api/v3/shapes/placed.py",
)
"""The compiled modules. What stands here beside the core is pure too: what a gateway does with every entry and order.
Packages' `__init__` modules only gather names: they stay plain."""

REFUSAL = 3
"""Exit code of a role that refuses to run."""

_PACKAGE = Path(__file__).parent


def sources(package: Path = _PACKAGE) -> list[Path]:
    """The sources that are compiled, in a fixed order."""
    found = [path for pattern in PATTERNS for path in package.glob(pattern) if path.name != "__init__.py"]
    return sorted(found)


def status(package: Path = _PACKAGE) -> Status:
    """What runs here: the extensions of exactly these sources, the sources, or extensions of other sources."""
    if wanted_interpreted():
        return "interpreted"
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    if not any(path.with_suffix(suffix).exists() for path in sources(package)):
        return "interpreted"
    try:
        stamped: object = json.loads(_stamp(package).read_text())
    except (OSError, ValueError):
        return "stale"
    return "compiled" if stamped == _hashes(package) else "stale"


def check() -> None:
    """What every role does first: refuse to run extensions that are not their sources'.

    Raises:
        SystemExit: code 3, after one line on stderr.
    """
    if status() == "stale":
        print("exchange: the compiled engine is older than its source: run `make build`", file=sys.stderr)
        raise SystemExit(REFUSAL)


def write_stamp(target: Path, package: Path = _PACKAGE) -> None:
    """Write down the hashes of the sources in `package` next to the extensions in `target`, or that there are none."""
    if wanted_interpreted():
        _stamp(target).unlink(missing_ok=True)
    else:
        _stamp(target).write_text(json.dumps(_hashes(package), indent=1) + "\n")


def wanted_interpreted() -> bool:
    """Whether EXCHANGE_INTERPRETED asks for the plain sources."""
    return os.environ.get("EXCHANGE_INTERPRETED", "").lower() in {"1", "true", "yes", "on"}


def use_sources() -> None:
    """Make Python import this package's modules from their sources only."""
    sys.meta_path.insert(0, _SourceFinder())


class _SourceFinder:
    """Finds this package's modules as `.py` files, whatever lies beside them."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith("exchange.") or path is None:
            return None
        for folder in path:
            spec = FileFinder(folder, (SourceFileLoader, [".py"])).find_spec(name, target)
            if spec is not None:
                return spec
        return None


def _hashes(package: Path) -> dict[str, str]:
    return {str(path.relative_to(package)): sha256(path.read_bytes()).hexdigest() for path in sources(package)}


def _stamp(package: Path) -> Path:
    return package / f"compiled.{sys.implementation.cache_tag}.json"


if __name__ == "__main__":
    print(status())
    sys.exit(status() == "stale")
