"""The house's own rules for every file that is kept, run by `make lint`.

Modules stay short enough to have one subject, nothing says "later", nothing names the machine it was written on or the
registry its packages came from, and no character is there that a reader cannot see or would take for another.

usage: python -m tools.tidy      exit 1 when something is found
"""

import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

LONGEST_MODULE = 400
LONGEST_TEST = 600
BIGGEST_FILE = 512 * 1024

TEXT = {".cfg", ".css", ".html", ".in", ".ini", ".js", ".json", ".lock", ".mako", ".md", ".py", ".pyi", ".sh", ".sql"}
TEXT |= {".toml", ".ts", ".tsx", ".txt", ".yaml", ".yml"}
NAMES = {"Dockerfile", "Makefile", "run", ".gitignore", ".dockerignore"}

LONG_BY_NATURE = {
    "src/exchange/events/types.py": "one class for each event",
}
"""Modules that pass the limit because they are one closed list."""

_LATER = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
_MACHINE = re.compile(r"(?<![\w.$<}/])/(?:home|root|Users|work|opt/pypi|mnt)/[\w.]")
_REGISTRY = re.compile(r"(?:pypi|pythonhosted|npmjs|yarnpkg|deb\.debian)\.(?:org|com)|(?<![\w-])--(?:extra-)?index-url")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


def main() -> int:
    """Check every file that is kept."""
    root = Path(__file__).resolve().parent.parent
    found = False
    for path in kept(root):
        for line, text in check(root, path):
            found = True
            print(f"{path}:{line}: {text}")
    return 1 if found else 0


def kept(root: Path) -> list[Path]:
    """The files under version control, and those that are about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    ).stdout
    names = [Path(name) for name in listed.decode().split("\0") if name]
    return sorted(name for name in names if (root / name).is_file())


def check(root: Path, path: Path) -> Iterator[tuple[int, str]]:
    """Breaches in one file, as line and text."""
    if (root / path).stat().st_size > BIGGEST_FILE:
        yield 1, f"bigger than {BIGGEST_FILE // 1024} KiB: make it when it is needed"
        return
    if path.suffix not in TEXT and path.name not in NAMES:
        return
    content = (root / path).read_bytes().decode()
    yield from check_text(content, path)


def check_text(content: str, path: Path) -> Iterator[tuple[int, str]]:
    """The same, for a text that stands under this path."""
    lines = content.removesuffix("\n").split("\n") if content else []
    if content and not content.endswith("\n"):
        yield len(lines), "the last line does not end"
    limit = LONGEST_TEST if path.parts[0] == "tests" else LONGEST_MODULE
    if path.suffix == ".py" and len(lines) > limit and str(path) not in LONG_BY_NATURE:
        yield len(lines), f"{len(lines)} lines: above {limit} a module has two subjects"
    rules_themselves = path in {Path("tools/tidy.py"), Path("tests/tidy/test_tidy.py")}
    for number, line in enumerate(lines, start=1):
        if "\r" in line or line != line.rstrip():
            yield number, "blanks at the end of the line"
        if rules_themselves:
            continue
        if _LATER.search(line):
            yield number, "nothing is left for later: do it, or leave it out"
        if _MACHINE.search(line):
            yield number, "a path of somebody's machine"
        if _REGISTRY.search(line):
            yield number, "the host of a package registry"
        for sign in sorted(set(_BEYOND_ASCII.findall(line))):
            if surprising(sign):
                yield number, f"a surprising character: {sign!r} (U+{ord(sign):04X})"


def surprising(sign: str) -> bool:
    """Whether a character cannot be seen, or is a letter of a script that looks like another."""
    category = unicodedata.category(sign)
    if category in {"Cc", "Cf", "Co", "Cn", "Zs", "Zl", "Zp"}:
        return True
    return category.startswith("L") and not unicodedata.name(sign, "").startswith(("LATIN", "GREEK", "MICRO"))


if __name__ == "__main__":
    sys.exit(main())
