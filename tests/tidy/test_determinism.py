"""The determinism lint finds each kind of breach when it is planted, and nothing in what is allowed."""

from pathlib import Path

import pytest

from tools import determinism

BREACHES = {
    "clock": "import time",
    "clock by name": "from datetime import datetime",
    "randomness": "import random",
    "environment": "import os",
    "logging": "import logging",
    "the log": "from exchange.effects.ports import Log",
    "the writer beside the vocabulary": "from exchange.commands import writer",
    "relative import": "from . import book",
    "hash": "def f(x: str) -> int:\n    return hash(x)",
    "id": "def f(x: object) -> int:\n    return id(x)",
    "float literal": "def f() -> object:\n    return 0.1",
    "float call": "def f(x: int) -> object:\n    return float(x)",
    "true division": "def f(x: int) -> object:\n    return x / 2",
    "true division in place": "def f(x: int) -> None:\n    x /= 2",
    "async": "async def f() -> None:\n    pass",
    "iteration over a set display": "def f() -> None:\n    for x in {1, 2}:\n        g(x)",
    "iteration over a set call": "def f(y: list[int]) -> list[int]:\n    return [x for x in set(y)]",
    "iteration over an annotated set": "def f(y: set[int]) -> None:\n    for x in y:\n        g(x)",
    "iteration over an attribute": (
        "class A:\n    def __init__(self) -> None:\n        self.seen: set[int] = set()\n"
        "    def f(self) -> None:\n        for x in self.seen:\n            g(x)"
    ),
    "list of a set": "def f(y: frozenset[int]) -> list[int]:\n    return list(y)",
    "join of a set": "def f(y: set[str]) -> str:\n    return ','.join(y)",
    "unpacking a set": "def f(y: set[str]) -> list[str]:\n    return [*y]",
    "difference of sets": "def f(y: set[str], z: set[str]) -> None:\n    for x in y - z:\n        g(x)",
    "pop of a set": "def f(y: set[str]) -> str:\n    return y.pop()",
    "mutable at module level": "cache = {}",
    "annotated mutable at module level": "cache: dict[str, int] = {}",
    "change of module state": "from typing import Final\nC: Final = {}\ndef f() -> None:\n    C['a'] = 1",
    "append to module state": "from typing import Final\nC: Final = []\ndef f() -> None:\n    C.append(1)",
    "global": "n = 1\ndef f() -> None:\n    global n\n    n = 2",
    "printing": "print('x')",
    "reading a file": "def f() -> object:\n    return open('x')",
    "running text": "def f() -> object:\n    return eval('1')",
}

ALLOWED = '''
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

import orjson

from exchange.terms.words import BUY
from exchange.engine.book import Book

NAMES: Final[dict[str, int]] = {"a": 1}
KNOWN: Final = frozenset(["a", "b"])
_Object = dict[str, object]
__all__ = ["A"]


class A:
    """Membership in a set, sorted sets, integer division and an argument named id are all fine."""

    def __init__(self, id: int) -> None:
        self.id = id
        self.levels: dict[int, int] = {}

    def __hash__(self) -> int:
        return hash((self.id, 1))

    def rows(self, seen: set[int]) -> Iterator[int]:
        seen.add(self.id)
        self.levels.pop(self.id)
        if self.id in seen and "a" in KNOWN:
            yield from sorted(seen)
        for level in self.levels:
            yield level // 2
'''


@pytest.mark.parametrize("name", BREACHES)
def test_a_planted_breach_is_found(name: str) -> None:
    assert determinism.check_source(BREACHES[name], Path("engine/planted.py"))


def test_what_is_allowed_is_left_alone() -> None:
    assert determinism.check_source(ALLOWED, Path("engine/fine.py")) == []


def test_the_core_itself_is_clean() -> None:
    package = Path(__file__).parents[2] / "src" / "exchange"
    files = list(determinism.core(package))
    assert len(files) >= 10
    assert [str(finding) for file in files for finding in determinism.check(file)] == []


def test_a_breach_makes_the_command_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text("import time\n")
    assert determinism.main([str(planted)]) == 1
    assert f"{planted}:1: the core does not import time" in capsys.readouterr().out
