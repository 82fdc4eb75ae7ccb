"""Compiles the pure core with mypyc; everything else about the package stands in pyproject.toml.

Each module becomes a C file of its own, and they are compiled side by side on all cores: as one file they take more
than twice as long and run no faster. Which modules are compiled is said once, in `exchange.compiled`. Each build leaves
a stamp with the sources' hashes next to the package, so that a compiled module that is older than its source is noticed
at the next start.
"""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "src"))

from exchange import compiled  # noqa: E402


class StampedBuild(build_ext):
    """`build_ext` that uses all cores, and writes down what it compiled."""

    def build_extensions(self) -> None:
        """Compile the C files of an extension side by side; the compiler's driver takes them one after the other."""
        one_after_another = self.compiler.compile

        def side_by_side(sources: list[str], **options: Any) -> list[str]:
            with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
                parts = pool.map(lambda source: one_after_another([source], **options), sources)
                return [object_file for part in parts for object_file in part]

        self.compiler.compile = side_by_side
        super().build_extensions()

    def run(self) -> None:
        """Compile, then leave the stamp where the extensions went."""
        super().run()
        root = HERE / "src" if self.inplace else Path(self.build_lib)
        compiled.write_stamp(root / "exchange", HERE / "src" / "exchange")


COMPILING = {"bdist_wheel", "build", "build_ext", "editable_wheel", "install"}
"""The commands that need the extensions; installers also ask for names and versions, which need none."""


def extensions() -> Sequence[Extension]:
    """The compiled modules, as one group; none when EXCHANGE_INTERPRETED asks for a plain install."""
    if compiled.wanted_interpreted() or not COMPILING & set(sys.argv):
        return []
    from mypyc.build import mypycify

    os.chdir(HERE)
    sources = [str(path.relative_to(HERE)) for path in compiled.sources(HERE / "src" / "exchange")]
    made = mypycify(["--strict", *sources], opt_level="3", group_name="exchange", multi_file=True)
    return cast(Sequence[Extension], made)


setup(ext_modules=extensions(), cmdclass={"build_ext": StampedBuild})
