"""Places that speak of a pool's class and are left alone: annotations, isinstance checks, patches in tests, docstrings.

Knows how the classes are spelled in Python's tree and in strings. Must never know a pool, a plan or a file on disk.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from msgspec import Struct

from poolaudit import syntax

_CLASSES = frozenset({"Pool", "ThreadPool", "ProcessPoolExecutor"})
MAY_MENTION = re.compile(rb"\b(?:ThreadPool|Pool|ProcessPoolExecutor)\b")
"""What a file has that speaks of one of them."""

_PATCHED = re.compile(r"(?:[A-Za-z_]\w*\.)+(?:ThreadPool|Pool|ProcessPoolExecutor)")
_IN_PROSE = re.compile(
    r"\b(?:multiprocessing|mp|concurrent\.futures|futures)\.(?:pool\.)?(?:ThreadPool|Pool|ProcessPoolExecutor)\b"
)


class Mention(Struct, frozen=True):
    """One place, for a reader to look at. `line` from 1."""

    path: str
    line: int
    message: str


def mentions(text: str, path: str) -> Iterator[Mention]:
    """What a file says of the classes, apart from using them; nothing for what the running Python cannot parse."""
    try:
        tree = syntax.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    documented = {id(node) for node in _docstrings(tree)}
    for node in ast.walk(tree):
        match node:
            case ast.arg(annotation=annotation) | ast.AnnAssign(annotation=annotation) if annotation is not None:
                if name := _class_in(annotation):
                    yield Mention(path, annotation.lineno, f"an annotation says {name}")
            case ast.FunctionDef(returns=returns) | ast.AsyncFunctionDef(returns=returns) if returns is not None:
                if name := _class_in(returns):
                    yield Mention(path, returns.lineno, f"an annotation says {name}")
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass" as check), args=[_, classes]):
                if name := _class_in(classes):
                    yield Mention(path, node.lineno, f"{check}() asks for {name}")
            case ast.Constant(value=str(value)) if id(node) in documented:
                if found := _IN_PROSE.search(value):
                    yield Mention(path, node.lineno + value[: found.start()].count("\n"), f"a docstring speaks of {found[0]}")
            case ast.Constant(value=str(value)) if _PATCHED.fullmatch(value):
                yield Mention(path, node.lineno, f"a string names {value}, as a patch does")


def _class_in(node: ast.expr) -> str | None:
    """The class that an annotation or check names, also inside a string or a subscript."""
    for each in ast.walk(node):
        name = each.id if isinstance(each, ast.Name) else each.attr if isinstance(each, ast.Attribute) else None
        if name in _CLASSES:
            return ast.unparse(each)
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and each.value.rpartition(".")[2] in _CLASSES:
            return each.value
    return None


def _docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield first.value
