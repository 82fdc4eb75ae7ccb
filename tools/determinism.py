"""Holds the pure core to its contract: the same log gives the same bytes on any machine.

Reads the syntax tree of every module of the core and reports what could make two runs differ or let the world in:
imports beyond a short list, clocks, randomness and environment (all of which need an import), `hash()` and `id()`, the
order of sets, floats and true division, `async`, and module-level state that changes. It reads the source, not types: a
set is what is written or annotated as one in the same module.

usage: python -m tools.determinism [FILE…]     exit 1 when something is found
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exchange.compiled import CORE

IMPORTS = {
    "bisect",
    "collections",
    "collections.abc",
    "enum",
    "hashlib",
    "heapq",
    "itertools",
    "mypy_extensions",
    "orjson",
    "re",
    "typing",
}
"""What the core may import beside itself. `orjson` gives plain data for bytes and takes nothing from the machine;
`mypy_extensions` marks classes for the compiler."""

CORE_MODULES = (
    "exchange.terms",
    "exchange.commands.types",
    "exchange.commands.fields",
    "exchange.commands.codec_1",
    "exchange.commands.read_orders",
    "exchange.commands.read_setup",
    "exchange.commands.write",
    "exchange.commands.codec",
    "exchange.events.base",
    "exchange.events.setup",
    "exchange.events.transfers",
    "exchange.events.orders",
    "exchange.events.trades",
    "exchange.events.types",
    "exchange.events.read",
    "exchange.events.codec",
    "exchange.engine",
)

CALLS = {
    "hash": "hash() differs between runs",
    "id": "id() differs between runs",
    "float": "floats round",
    "complex": "floats round",
    "round": "round() is for floats",
    "open": "the core reads and writes nothing",
    "print": "the core reads and writes nothing",
    "input": "the core reads and writes nothing",
    "eval": "code comes from the source only",
    "exec": "code comes from the source only",
    "compile": "code comes from the source only",
    "__import__": "code comes from the source only",
    "globals": "module-level state does not change",
}

_ORDER_TAKERS = {"list", "tuple", "iter", "enumerate", "zip", "map", "filter", "reversed", "next", "dict", "deque"}

_MUTATORS = {
    "add",
    "append",
    "appendleft",
    "clear",
    "discard",
    "extend",
    "insert",
    "pop",
    "popitem",
    "remove",
    "reverse",
    "setdefault",
    "sort",
    "update",
}


@dataclass(frozen=True)
class Finding:
    """One breach: where, and why it is one."""

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


def check(path: Path) -> list[Finding]:
    """All breaches in one module, by line."""
    return check_source(path.read_text(), path)


def check_source(source: str, path: Path) -> list[Finding]:
    """The same, for a text."""
    tree = ast.parse(source, str(path))
    visitor = _Visitor(path, _set_names(tree), _module_names(tree))
    visitor.visit(tree)
    return sorted(set(visitor.findings), key=lambda finding: (finding.line, finding.text))


def core(package: Path) -> Iterator[Path]:
    """The modules of the core, below the package's folder."""
    for pattern in CORE:
        yield from sorted(package.glob(pattern))


def main(arguments: list[str]) -> int:
    """Check the named files, or the whole core."""
    files = [Path(name) for name in arguments] or list(core(Path("src/exchange")))
    if not files:
        print("determinism: no file to check", file=sys.stderr)
        return 2
    findings = [finding for file in files for finding in check(file)]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


class _Visitor(ast.NodeVisitor):
    def __init__(self, path: Path, sets: set[str], module_names: set[str]) -> None:
        self.findings: list[Finding] = []
        self._path = path
        self._sets = sets
        self._module_names = module_names
        self._functions: list[str] = []

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._check_import(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level:
            self._report(node, "imports are absolute")
        elif module in {"exchange", "exchange.commands", "exchange.events"}:
            for alias in node.names:
                self._check_import(node, f"{module}.{alias.name}")
        else:
            self._check_import(node, module)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._functions.append(node.name)
        self.generic_visit(node)
        self._functions.pop()

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._report(node, "the core is not async")

    def visit_Await(self, node: ast.Await) -> None:
        self._report(node, "the core is not async")

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, float | complex):
            self._report(node, f"{node.value!r} is a float")

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, ast.Div):
            self._report(node, "true division makes floats: use //")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.op, ast.Div):
            self._report(node, "true division makes floats: use //=")
        self._check_target(node.target)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._check_target(target)
        exported = [ast.unparse(target) for target in node.targets] == ["__all__"]
        if not self._functions and node.col_offset == 0 and _is_mutable(node.value) and not exported:
            self._report(node, "a mutable at module level is marked Final")
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._check_target(node.target)
        at_top = not self._functions and node.col_offset == 0
        if at_top and node.value is not None and _is_mutable(node.value) and not _mentions(node.annotation, {"Final"}):
            self._report(node, "a mutable at module level is marked Final")
        self.generic_visit(node)

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            self._check_target(target)

    def visit_Global(self, node: ast.Global) -> None:
        self._report(node, "module-level state does not change")

    def visit_For(self, node: ast.For) -> None:
        self._check_order(node.iter)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        if node.is_async:
            self._report(node.iter, "the core is not async")
        self._check_order(node.iter)
        self.generic_visit(node)

    def visit_Starred(self, node: ast.Starred) -> None:
        self._check_order(node.value)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Name):
            why = CALLS.get(function.id)
            if why and not (function.id == "hash" and self._functions[-1:] == ["__hash__"]):
                self._report(node, why)
            if function.id in _ORDER_TAKERS:
                for argument in node.args:
                    self._check_order(argument)
        elif isinstance(function, ast.Attribute):
            owner = function.value
            if function.attr == "join":
                for argument in node.args:
                    self._check_order(argument)
            if function.attr == "pop" and not node.args and self._is_set(owner):
                self._report(node, "set.pop() takes any element")
            if self._functions and function.attr in _MUTATORS and self._is_module_state(owner):
                self._report(node, "module-level state does not change")
        self.generic_visit(node)

    def _check_import(self, node: ast.stmt, module: str) -> None:
        ours = any(module == allowed or module.startswith(f"{allowed}.") for allowed in CORE_MODULES)
        if not ours and module not in IMPORTS:
            self._report(node, f"the core does not import {module}")

    def _check_order(self, node: ast.expr) -> None:
        if self._is_set(node):
            self._report(node, "the order of a set differs between runs: use sorted() or a dict")

    def _check_target(self, target: ast.expr) -> None:
        if isinstance(target, ast.Subscript) and self._functions and self._is_module_state(target.value):
            self._report(target, "module-level state does not change")

    def _is_module_state(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id in self._module_names

    def _is_set(self, node: ast.expr) -> bool:
        match node:
            case ast.Set() | ast.SetComp():
                return True
            case ast.Call(func=ast.Name(id="set" | "frozenset")):
                return True
            case ast.Call(func=ast.Attribute(attr="union" | "intersection" | "difference" | "symmetric_difference")):
                return True
            case ast.BinOp(op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor(), left=left, right=right):
                return self._is_set(left) or self._is_set(right)
            case ast.Name(id=name) | ast.Attribute(attr=name):
                return name in self._sets
        return False

    def _report(self, node: ast.stmt | ast.expr, text: str) -> None:
        self.findings.append(Finding(self._path, node.lineno, text))


def _set_names(tree: ast.Module) -> set[str]:
    """Names (of variables, arguments and attributes) that are annotated as sets or assigned one."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name) | ast.Attribute(attr=name), annotation=annotation):
                if _mentions(annotation, {"set", "frozenset", "Set", "AbstractSet"}, outermost=True):
                    names.add(name)
            case ast.arg(arg=name, annotation=ast.expr() as annotation):
                if _mentions(annotation, {"set", "frozenset", "Set", "AbstractSet"}, outermost=True):
                    names.add(name)
            case ast.Assign(targets=[ast.Name(id=name) | ast.Attribute(attr=name)], value=value):
                if isinstance(value, ast.Set | ast.SetComp) or _calls(value, {"set", "frozenset"}):
                    names.add(name)
    return names


def _module_names(tree: ast.Module) -> set[str]:
    """Names of mutable objects at module level."""
    names: set[str] = set()
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_mutable(value):
                names.add(name)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if _is_mutable(value):
                names.add(name)
    return names


def _is_mutable(value: ast.expr) -> bool:
    displays = ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp
    return isinstance(value, displays) or _calls(value, {"list", "dict", "set", "deque", "defaultdict", "OrderedDict"})


def _calls(value: ast.expr, names: set[str]) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in names


def _mentions(annotation: ast.expr, names: set[str], *, outermost: bool = False) -> bool:
    """Whether the annotation is one of the names, bare or subscripted; `Final[set[…]]` counts as its inside."""
    if isinstance(annotation, ast.Subscript):
        if _mentions(annotation.value, names):
            return True
        return (
            outermost and _mentions(annotation.value, {"Final"}) and _mentions(annotation.slice, names, outermost=True)
        )
    return isinstance(annotation, ast.Name) and annotation.id in names


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
