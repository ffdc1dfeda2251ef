"""What the text of an expression tells by itself.

Knows Python's expressions through `ast`. Must never know a fact, a rule or an edit.
"""

from __future__ import annotations

import ast


def parse(expression: str) -> ast.expr | None:
    """The expression's tree; its line breaks need no parentheses. None for syntax newer than the Python that runs."""
    try:
        return ast.parse(_enclosed(expression), mode="eval").body
    except SyntaxError:
        return None


def piece(expression: str, node: ast.expr) -> str:
    """The text of a part of what `parse` gave for `expression`."""
    return ast.get_source_segment(_enclosed(expression), node) or ""


def _enclosed(expression: str) -> str:
    return f"({expression}\n)"


def gives_data(expression: str) -> bool:
    """The text of an expression gives numbers, texts or truth by its operator. `|`, `>>` and `@` may join functions as well."""
    node = parse(expression)
    return node is not None and _gives_data(node)


def _gives_data(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow))
    if isinstance(node, ast.IfExp):
        return _gives_data(node.body) and _gives_data(node.orelse)
    if isinstance(node, ast.BoolOp):
        return all(map(_gives_data, node.values))
    return isinstance(node, (ast.UnaryOp, ast.Compare, ast.JoinedStr, ast.Constant))
