"""The fault table is whole: every row has tests that are named after it, and docs/reliability.md names their files."""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
DOCUMENT = FOLDER.parents[1] / "docs" / "reliability.md"
ROWS = range(1, 29)


@cache
def rows_shown() -> dict[int, set[str]]:
    """The files with tests of each row, as their functions are named."""
    found: dict[int, set[str]] = defaultdict(set)
    for path in sorted(FOLDER.glob("test_f[0-9][0-9]_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_"):
                match = re.match(r"test_f([0-9]{2})_", node.name)
                assert match is not None, f"{path.name}: {node.name} does not say which row it is of"
                assert path.name.startswith(f"test_f{match[1]}_"), f"{path.name}: {node.name} is of another row"
                found[int(match[1])].add(path.name)
    return found


def documented() -> dict[int, set[str]]:
    """The files that the document's table names, row by row."""
    rows = re.findall(r"^\| F([0-9]+) \|.*\| ([^|]*) \|$", DOCUMENT.read_text(), re.MULTILINE)
    return {int(number): set(re.findall(r"`(test_f[a-z0-9_]+\.py)`", cell)) for number, cell in rows}


@pytest.mark.parametrize("row", ROWS)
def test_every_row_of_the_table_has_tests_named_after_it(row: int) -> None:
    assert rows_shown()[row], f"nothing shows F{row}: add tests/faults/test_f{row:02}_….py"


def test_the_document_names_the_files_of_every_row_and_no_others() -> None:
    assert documented() == {row: rows_shown()[row] for row in ROWS}
