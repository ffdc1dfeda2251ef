"""What Python's own parser says of a text: trees, the places of their nodes, and why it refuses.

Knows `ast`. Must never know libcst, a pool, a rule or a file on disk. The running Python bounds what it can say: newer syntax is
refused, older syntax is judged by ast's feature_version.
"""

from __future__ import annotations

import ast
import re
import warnings
from functools import lru_cache

from msgspec import Struct

from poolaudit.facts import Span
from poolaudit.settings import Version
from poolaudit.source import NEWLINE, Lines

PYTHON_2 = re.compile(
    r"""
    ^\s*(print|exec)\s+["'\w%]                      # print "text", exec code
    | ^\s*except\s+[\w.()\s,]+?,\s*[a-z_]\w*\s*:     # except Error, error: (Python 3.14 takes `except One, Two:`)
    | ^\s*raise\s+[\w.]+\s*,                        # raise Error, "text"
    | \bur["'] | `[^`]+` | <> | \b0[0-7]+\b
    """,
    re.VERBOSE,
)
"""Statements and operators that only Python 2 takes. It is asked of a line that Python 3 has refused, never of others."""


class Places:
    """Turns places of ast (line, UTF-8 bytes from the line's start) into offsets of the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._is_ascii = text.isascii()
        self._starts = Lines(text).starts

    def offset(self, line: int, column: int) -> int:
        start = self._starts[line - 1]
        if self._is_ascii:
            return start + column
        end = self._starts[line] if line < len(self._starts) else len(self._text)
        content = self._text[start:end]
        return start + (column if content.isascii() else len(content.encode("utf-8", "surrogatepass")[:column].decode("utf-8")))

    def span(self, node: ast.stmt | ast.expr | ast.alias | ast.excepthandler) -> Span:
        """The node's characters; a decorated one starts with its first decorator's @."""
        start = self.offset(node.lineno, node.col_offset)
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        if decorators:
            first = self.offset(decorators[0].lineno, decorators[0].col_offset)
            start = min(start, self._text.rindex("@", 0, first))
        return Span(start, self.offset(node.end_lineno or node.lineno, node.end_col_offset or 0))


_NO_CODE = (ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop)


def nodes(tree: ast.AST) -> list[ast.AST]:
    """Every node once, level by level, without operators and contexts: what ast.walk gives, in a quarter of its time."""
    found = [tree]
    for node in found:
        for value in node.__dict__.values():
            if type(value) is list:
                found += [item for item in value if isinstance(item, ast.AST) and not isinstance(item, _NO_CODE)]
            elif isinstance(value, ast.AST) and not isinstance(value, _NO_CODE):
                found.append(value)
    return found


@lru_cache(maxsize=2)
def parse(text: str, version: Version | None = None) -> ast.Module:
    """The tree, judged by the grammar of `version` where that is older than the running Python. Several ask for one text: the
    tree is shared, and nobody may change it.

    Raises SyntaxError, and for what is nested too deeply RecursionError or MemoryError.
    """
    with warnings.catch_warnings():
        # invalid escapes in code that is not ours
        warnings.simplefilter("ignore")
        return ast.parse(text, feature_version=version)


def compiles(text: str, *, awaits: bool = False) -> None:
    """The whole way to byte code, which refuses more than the grammar does ('return' outside a function). Raises as `parse`.

    `awaits`: `await` may stand outside of functions, as in a notebook.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(text, "<text>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if awaits else 0, dont_inherit=True)


class Complaint(Struct, frozen=True):
    """Why the running Python does not take a text. Line and column from 1, 0 when unknown."""

    message: str
    line: int
    column: int
    python_2: bool
    """The line is one that Python 2 takes."""


def complaint(text: str) -> Complaint | None:
    """What is wrong with a text, in the words of the running Python; None when it takes the text, or cannot say."""
    try:
        parse(text)
    except SyntaxError as error:
        lines = NEWLINE.split(text)
        line = lines[error.lineno - 1] if error.lineno and error.lineno <= len(lines) else ""
        python_2 = "Missing parentheses in call to" in error.msg or PYTHON_2.search(line) is not None
        return Complaint(error.msg, error.lineno or 0, error.offset or 0, python_2)
    except (ValueError, RecursionError, MemoryError):
        return None
    return None
