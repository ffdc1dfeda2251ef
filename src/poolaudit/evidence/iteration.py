"""Whether a value can be iterated over, and how many items its elements have.

Knows displays, comprehensions and a few builtins. What is not plain is unknown. Must never know a rule or a pool.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from poolaudit.evidence.expressions import parse
from poolaudit.facts import Value

_DISPLAYS = frozenset({"tuple", "list", "set"})
_ITERABLES = _DISPLAYS | {"dict", "comprehension", "generator"}
_CALLS = frozenset(f"builtins.{name}" for name in ("dict", "enumerate", "list", "map", "range", "set", "sorted", "tuple", "zip"))
_FUNCTIONS = frozenset({"lambda", "function", "method"})
_TUPLES = frozenset({"builtins.zip", "itertools.product"})
"""Calls that yield tuples as long as their number of arguments."""


def is_iterable(value: Value) -> bool:
    """Certainly something to iterate over, and so no number."""
    return value.kind in _ITERABLES or isinstance(value.const, (str, bytes)) or (value.kind == "call" and value.api in _CALLS)


def is_no_iterable(value: Value) -> bool:
    """A number, None, a function: iterating over it is a TypeError."""
    if value.kind == "const":
        return not isinstance(value.const, (str, bytes))
    return value.kind in _FUNCTIONS


def lengths(iterable: Value) -> tuple[int, ...]:
    """How many items the elements of `iterable` have, where that is written; each of them is certain to be there."""
    if iterable.kind == "call" and iterable.literal and iterable.api in _TUPLES:
        return tuple(_arguments(iterable.text))
    if iterable.kind == "call" and iterable.api == "builtins.enumerate":
        return (2,)
    if iterable.kind in _ITERABLES - {"dict"} and iterable.length != 0:
        return tuple(item.length for item in iterable.items if item.kind in _DISPLAYS and item.length is not None)
    return ()


def all_lengths(iterable: Value) -> tuple[int, ...]:
    """The lengths of every element; empty where some are not written."""
    found = lengths(iterable)
    return found if iterable.kind == "call" or len(found) == len(iterable.items) else ()


def _arguments(text: str) -> Iterator[int]:
    made = parse(text)
    if not isinstance(made, ast.Call) or any(isinstance(each, ast.Starred) for each in made.args):
        return
    if made.args and all(each.arg == "strict" for each in made.keywords):
        yield len(made.args)
