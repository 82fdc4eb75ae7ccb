"""Compiles the pure core with mypyc; everything else about the package stands in pyproject.toml.

Which modules are compiled is said once, in `exchange.compiled`. Each build leaves a stamp with the sources' hashes next
to the package, so that a compiled module that is older than its source is noticed at the next start.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "src"))

from exchange import compiled  # noqa: E402


class StampedBuild(build_ext):
    """`build_ext` that writes down what it compiled."""

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
    return cast(Sequence[Extension], mypycify(["--strict", *sources], opt_level="3", group_name="exchange"))


setup(ext_modules=extensions(), cmdclass={"build_ext": StampedBuild})
