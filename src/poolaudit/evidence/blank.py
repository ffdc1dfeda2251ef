"""Whether a value holds nothing yet: 0, an empty text, None, an empty container, or one that holds blanks.

True, False and other numbers are settings as a rule. Knows displays and constructors of containers and arrays. Must
never know a rule or a pool.
"""

from __future__ import annotations

import ast

from poolaudit.evidence.expressions import parse
from poolaudit.facts import Value

_EMPTY = frozenset(
    [f"builtins.{name}" for name in ("bytearray", "dict", "list", "set")]
    + [f"collections.{name}" for name in ("Counter", "OrderedDict", "deque")]
)
"""Calls that make an empty container when they get nothing."""

_ALIKE = frozenset({"collections.defaultdict", "numpy.zeros", "numpy.ones", "numpy.empty", "numpy.full"})


def is_blank(value: Value | None) -> bool:
    """Certainly blank; what is not known is not."""
    if value is None:
        return False
    if value.kind in ("list", "dict", "set", "tuple"):
        return value.length is not None and all(map(is_blank, value.items))
    if value.kind == "call":
        return value.api in _ALIKE or (value.api in _EMPTY and not value.items)
    if value.kind == "const":
        return not isinstance(value.const, bool) and not value.const
    return value.kind == "unknown" and value.literal and _is_repeated_constant(value.text)


def is_none(value: Value | None) -> bool:
    """None stands for what a process makes for itself, later."""
    return value is not None and value.kind == "const" and value.const is None


def _is_repeated_constant(text: str) -> bool:
    """`[0] * 10`."""
    node = parse(text)
    sides = (node.left, node.right) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) else ()
    return any(isinstance(side, ast.List) and all(isinstance(item, ast.Constant) for item in side.elts) for side in sides)
