"""Which class a timeout raises, which handlers catch it, and which only look as if they did.

Knows canonical names of exception classes and since when they are one. Must never know a rule or an edit.
"""

from __future__ import annotations

import sys

from msgspec import Struct

from poolaudit.facts import Block, Name, Use

ONE_SINCE = (3, 11)
"""concurrent.futures.TimeoutError and asyncio.TimeoutError are the builtin class from here on
(https://docs.python.org/3/library/concurrent.futures.html#concurrent.futures.TimeoutError)."""

OTHERS = frozenset({"builtins.TimeoutError", "asyncio.TimeoutError", "asyncio.exceptions.TimeoutError"})
"""One class with that of concurrent.futures since ONE_SINCE."""


class Raised(Struct, frozen=True):
    """The class that a timeout raises, and what else catches it."""

    module: str
    names: frozenset[str]
    ancestors: frozenset[str]


_ANCESTORS = frozenset({"builtins.Exception", "builtins.BaseException"})
POOL = Raised(
    "multiprocessing",
    frozenset({"multiprocessing.TimeoutError", "multiprocessing.context.TimeoutError"}),
    _ANCESTORS | {"multiprocessing.ProcessError", "multiprocessing.context.ProcessError"},
)
FUTURE = Raised(
    "concurrent.futures",
    frozenset({"concurrent.futures.TimeoutError", "concurrent.futures._base.TimeoutError"}),
    _ANCESTORS | {"concurrent.futures._base.Error"},
)


def wrong_handler(use: Use, wrong: frozenset[str], catching: frozenset[str]) -> tuple[Block, Name] | None:
    """The innermost try with a handler for a wrong class, and that class; None where the right one is or may be caught."""
    found = None
    for step in reversed(use.point.path):
        if step.block.kind != "try" or step.arm != "body":
            continue
        names = [name for handler in step.block.handlers for name in handler.types]
        if found is not None:
            if any(name.api in catching - _ANCESTORS for name in names):
                return None  # somebody knows the difference
            continue
        if any(not handler.types for handler in step.block.handlers):
            return None
        if any(not _is_known(name) or name.api in catching for name in names):
            return None
        found = next(((step.block, name) for name in names if name.api in wrong), None)
    return found


def _is_known(name: Name) -> bool:
    """An exception class whose ancestors are known: of this file or of the standard library, not an alias of who knows what."""
    if name.api is None:
        return name.class_id is not None
    return name.api.partition(".")[0] in sys.stdlib_module_names
