"""What the documents show is run: an example that no longer works fails here."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_library_example_prints_what_its_comments_say(capsys: pytest.CaptureFixture[str]) -> None:
    source = re.search(r"```python\n(.*?)```", (ROOT / "docs/engine.md").read_text(), re.DOTALL)
    assert source is not None
    exec(compile(source[1], "docs/engine.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    promised = re.findall(r"^print\(.*\)  # ([(\[{].*)$", source[1], re.MULTILINE)
    assert len(promised) == 2
    for line in promised:
        assert line in printed


def test_links_between_documents_lead_somewhere() -> None:
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    broken = [
        f"{document.relative_to(ROOT)} → {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert not broken
