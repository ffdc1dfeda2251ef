"""Whether the work of an operation has surely been waited for when its pool ends.

Knows handles, their uses and the ends of a pool. Must never know an edit. What is not proven is outstanding.
"""

from __future__ import annotations

from poolaudit.facts import LOOPS, Block, End, Operation, PoolSite, Use, before, dominates, innermost_loop
from poolaudit.survey.families import BLOCKING_METHODS

WAITING = frozenset({"get", "result", "wait", "consume"})


def is_retrieved(operation: Operation, site: PoolSite) -> bool:
    """Every result is there before the pool ends: the call blocks, each handle is asked, or the pool is closed and joined."""
    return (
        operation.method in BLOCKING_METHODS
        or operation.handle.chained in ("get", "result")
        or joined_after(operation, site) is not None
        or _is_asked(operation, site)
    )


def joined_after(operation: Operation, site: PoolSite) -> End | None:
    """The join() that waits for it after close(): every task has run then, whoever reads the results."""
    for end in site.ends:
        if end.how != "join" or end.handler or not _runs_after(operation, end):
            continue
        closed = [other for other in site.ends if other.how == "close" and before(other.point, end.point)]
        terminated = [other for other in site.ends if other.how == "terminate" and before(other.point, end.point)]
        if closed and not any(not other.handler for other in terminated):
            return end
    return None


def _runs_after(operation: Operation, end: End) -> bool:
    """The end follows on every way from the operation that does not raise."""
    if not before(operation.point, end.point):
        return False
    theirs = {(step.block.id, step.arm) for step in operation.point.path}
    return all(
        (step.block.id, step.arm) in theirs
        or step.block.kind == "with"
        or (step.block.kind == "try" and step.arm in ("finally", "body"))
        for step in end.point.path
    )


def _is_asked(operation: Operation, site: PoolSite) -> bool:
    if not operation.handle.complete:
        return False
    asked = [use for use in operation.handle.uses if use.how in WAITING and use.timeout is None]
    if operation.loop is not None:
        # one of many: only a loop asks them all
        asked = [use for use in asked if use.how == "consume" or _loops_more(operation, use)]
    return any(_always(operation, use) and _in_time(use, site) for use in asked)


def _loops_more(operation: Operation, use: Use) -> bool:
    """In a loop of its own, or in the round that submits."""
    inner = innermost_loop(use.point)
    if inner is not None and operation.loop is not None and inner.id == operation.loop.id:
        return True
    mine = {step.block.id for step in operation.point.path}
    return any(step.block.kind in LOOPS and step.block.id not in mine for step in use.point.path)


def _always(operation: Operation, use: Use) -> bool:
    """The use happens for every handle that the operation makes."""
    if use.point.scope != operation.point.scope:
        return False
    if dominates(operation.point, use.point) or _same_steps(operation, use):
        return _unconditional(operation, use)
    return _unconditional(operation, use) and before(operation.point, use.point)


def _same_steps(operation: Operation, use: Use) -> bool:
    return [step.block.id for step in operation.point.path] == [step.block.id for step in use.point.path]


def _unconditional(operation: Operation, use: Use) -> bool:
    """Whatever is around the use and not around the operation is a plain loop over the handles, a `with` or the body of a try."""
    around = {(step.block.id, step.arm) for step in operation.point.path}
    for step in use.point.path:
        if (step.block.id, step.arm) in around or step.block.kind == "with":
            continue
        if step.block.kind == "try" and step.arm in ("body", "finally"):
            continue
        if step.block.kind in ("for", "comprehension") and step.arm in ("body", "element") and not _left_early(step.block):
            continue
        return False
    return True


def _left_early(block: Block) -> bool:
    return bool({"break", "return"} & set(block.leaves))


def _in_time(use: Use, site: PoolSite) -> bool:
    """Before the pool is terminated. Behind the `with`, get() waits for ever for what the exit has killed: futures answer."""
    ends = [end for end in site.ends if end.how == "terminate" and end.point.scope == use.point.scope]
    return all(end.handler or before(use.point, end.point) for end in ends)
