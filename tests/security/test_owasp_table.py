"""Every row of the security table has its tests, and docs/security.md names them."""

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "security.md"
ROWS = {
    "1 object level": "test_owasp_1_",
    "2 authentication": "test_owasp_2_",
    "3 properties": "test_owasp_3_",
    "4 consumption": "test_owasp_4_",
    "5 functions": "test_owasp_5_",
    "6 flows": "test_owasp_6_",
    "7 outbound requests": "test_owasp_7_",
    "8 configuration": "test_owasp_8_",
    "9 inventory": "test_owasp_9_",
    "10 other APIs": "test_owasp_10_",
    "browser": "test_owasp_browser_",
}
TESTS = {
    node.name
    for path in HERE.glob("test_*.py")
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
}


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_tests(row: str) -> None:
    assert [name for name in TESTS if name.startswith(ROWS[row])]
    assert f"| {row} |" in DOCUMENT.read_text()


def test_every_test_that_the_document_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", DOCUMENT.read_text()))
    assert named and {name for name in named if name not in TESTS and not name.endswith("_")} == set()
