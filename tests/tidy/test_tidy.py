"""The house rules find each kind of breach when it is planted."""

from pathlib import Path

import pytest

from tools import tidy

BREACHES = {
    "later": "x = 1  # TODO: the rest\n",
    "a home folder": 'PATH = "/home/me/exchange"\n',
    "the folder of root": "see /root/notes\n",
    "a registry": "https://pypi.org/simple\n",
    "an index": "pip install --index-url http://127.0.0.1/simple x\n",
    "no-break space": "a\u00a0b\n",
    "zero width": "a\u200bb\n",
    "direction override": "a\u202eb\n",
    "a Cyrillic letter": "p\u0430y = 1\n",
    "trailing blanks": "a \n",
    "carriage return": "a\r\nb\n",
    "no last line end": "a",
    "too long": "x = 1\n" * 401,
}


@pytest.mark.parametrize("name", BREACHES)
def test_a_planted_breach_is_found(name: str) -> None:
    assert list(tidy.check_text(BREACHES[name], Path("src/exchange/planted.py")))


@pytest.mark.parametrize(
    "line",
    [
        "price × quantity → notional, µs – fine",
        "/healthz and /api/v1/order",
        'folder / "home" / "x"',
        "uv pip compile --no-emit-index-url",
        "<home>/run/servers.json and $HOME/work/x",
    ],
)
def test_what_is_allowed_is_left_alone(line: str) -> None:
    assert list(tidy.check_text(line + "\n", Path("src/exchange/fine.py"))) == []


def test_a_test_module_may_be_longer_but_not_endless() -> None:
    assert list(tidy.check_text("x = 1\n" * 401, Path("tests/unit/test_x.py"))) == []
    assert list(tidy.check_text("x = 1\n" * 601, Path("tests/unit/test_x.py")))
