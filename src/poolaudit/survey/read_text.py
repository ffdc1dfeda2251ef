"""From text to the two trees that reading walks side by side.

Knows libcst's and ast's parsers and how each refuses. Must never know what is in a tree.
"""

from __future__ import annotations

import ast

import libcst as cst

from poolaudit.survey import Unparsable


def parse(text: str) -> cst.Module:
    """libcst's tree. Raises Unparsable; RecursionError for nesting beyond the interpreter's limit."""
    try:
        return cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        raise Unparsable(str(error.message), error.raw_line, error.raw_column + 1) from error


def parse_places(text: str) -> ast.Module | None:
    """ast's tree, for the places of statements; None where ast cannot: libcst knows newer syntax than the running Python."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
