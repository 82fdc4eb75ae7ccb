"""A compiled module that is older than its source is noticed; the sources can be asked for."""

import importlib.machinery
import os
import subprocess
import sys
from pathlib import Path

import pytest

from exchange import compiled

SUFFIX = importlib.machinery.EXTENSION_SUFFIXES[0]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that was built: sources, extensions beside them, and the stamp."""
    monkeypatch.delenv("EXCHANGE_INTERPRETED", raising=False)
    for name in ("terms/words.py", "commands/types.py", "commands/writer.py", "engine/__init__.py", "engine/book.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"# {name}\n")
    for path in compiled.sources(tmp_path):
        path.with_suffix(SUFFIX).touch()
    compiled.write_stamp(tmp_path, tmp_path)
    return tmp_path


def test_only_the_pure_core_is_compiled(package: Path) -> None:
    names = [str(path.relative_to(package)) for path in compiled.sources(package)]
    assert names == ["commands/types.py", "engine/book.py", "terms/words.py"]


def test_a_fresh_build_is_compiled(package: Path) -> None:
    assert compiled.status(package) == "compiled"


def test_an_edited_source_makes_it_stale(package: Path) -> None:
    (package / "engine" / "book.py").write_text("# other\n")
    assert compiled.status(package) == "stale"


def test_a_new_source_makes_it_stale(package: Path) -> None:
    (package / "engine" / "orders.py").write_text("# new\n")
    assert compiled.status(package) == "stale"


def test_a_source_that_is_gone_makes_it_stale(package: Path) -> None:
    (package / "engine" / "book.py").unlink()
    assert compiled.status(package) == "stale"


def test_an_uncompiled_neighbour_does_not(package: Path) -> None:
    (package / "commands" / "writer.py").write_text("# other\n")
    assert compiled.status(package) == "compiled"


def test_extensions_without_a_stamp_are_stale(package: Path) -> None:
    next(package.glob("compiled.*.json")).unlink()
    assert compiled.status(package) == "stale"


def test_sources_alone_are_interpreted(package: Path) -> None:
    for path in compiled.sources(package):
        path.with_suffix(SUFFIX).unlink()
    assert compiled.status(package) == "interpreted"


def test_a_role_refuses_a_stale_build(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(compiled, "status", lambda: "stale")
    with pytest.raises(SystemExit) as ended:
        compiled.check()
    assert ended.value.code == 3
    assert capsys.readouterr().err == "exchange: the compiled engine is older than its source: run `make build`\n"


def test_the_sources_are_used_when_they_are_asked_for() -> None:
    program = (
        "import exchange.engine.book, exchange.terms.words, exchange.compiled as c;"
        "print(exchange.engine.book.__file__, exchange.terms.words.__file__, c.status())"
    )
    environ = os.environ | {"EXCHANGE_INTERPRETED": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    book, words, status = run.stdout.split()
    assert book.endswith("book.py")
    assert words.endswith("words.py")
    assert status == "interpreted"
