"""Whether an iterator is read to its end, and then read again, when nothing is left in it.

Knows uses, loops and the order of points. Must never know a rule or a pool.
"""

from __future__ import annotations

from msgspec.structs import replace

from poolaudit.facts import Block, FileFacts, Operation, Point, Use, dominates

_PASSES = frozenset({"iterate", "consume"})
_STOP_EARLY = frozenset({"builtins.any", "builtins.all"})
_TO_THE_END = ("builtins.enumerate", "builtins.map", "builtins.filter", "builtins.iter", "generator", "tqdm.", "rich.progress.")
"""Views that end when, and only when, what they read ends; the last ones by their prefix."""


def second_pass(operation: Operation, file: FileFacts) -> tuple[Use, Use] | None:
    """The pass that leaves nothing and the next one, which may be the same in the next round of a loop; None without both."""
    passes = [use for use in operation.handle.uses if use.how in _PASSES and use.certain and not use.point.span.path]
    passes = [use for use in passes if use.point.scope == operation.point.scope and use.point.order > operation.point.order]
    for use in passes:
        if not _is_whole(use, operation):
            continue
        if _is_repeated(use, operation, file):
            return use, use
        later = next((other for other in passes if dominates(_before(use), other.point)), None)
        if later is not None:
            return use, later
    return None


def _is_whole(use: Use, operation: Operation) -> bool:
    """When it is over, nothing is left."""
    if use.api in _STOP_EARLY or not all(view.startswith(_TO_THE_END) for view in use.views):
        return False
    if use.how == "iterate" and (use.loop is None or "break" in use.loop.leaves):
        return False
    # an error of a task may be caught there, and what comes after it be read behind the handler
    around = {step.block.id for step in operation.point.path}
    return not any(step.block.kind == "try" and step.block.handlers and step.block.id not in around for step in use.point.path)


def _before(use: Use) -> Point:
    """The point at which a `for` statement over it begins, outside of the loop."""
    path = use.point.path
    own = use.loop is not None and use.loop.kind == "for" and path and path[-1].block.id == use.loop.id
    return replace(use.point, path=path[:-1]) if own else use.point


def _is_repeated(use: Use, operation: Operation, file: FileFacts) -> bool:
    """It stands in a loop that comes round again, and the iterator was made before that loop."""
    around = {step.block.id for step in operation.point.path}
    steps = [step for step in _before(use).path if step.block.id not in around]
    if not steps or any(step.block.kind not in ("for", "comprehension", "with") for step in steps):
        return False
    loops = [step.block for step in steps if step.block.kind != "with"]
    return bool(loops) and all(_comes_round(loop, file) for loop in loops)


def _comes_round(loop: Block, file: FileFacts) -> bool:
    """Nothing leaves it early, it has no condition, and it is not known to have one round."""
    if {"break", "return", "raise"} & set(loop.leaves) or (loop.kind == "comprehension" and " if " in file.cut(loop.span)):
        return False
    return loop.iterable is None or loop.iterable.length is None or loop.iterable.length > 1
