"""A timeout inside `with ProcessPoolExecutor` is handled, and the exit of the block waits for the task all the same.

Why it hurts: result(timeout=..) bounds the wait, not the task. cancel() does nothing to a task that runs: it returns
False. The block then waits for all tasks at its end, so that the program takes as long as if there were no timeout.

When it is fine: the timeout is passed on, the result is asked for again, or the handler ends the task in another way
(an event that the task looks at, a signal to the worker).

Limitations: speaks only where the handler does nothing but report, skip or cancel. A future of a list that is cancelled
is left alone: those that still wait in the queue are cancelled for good.

Fix: none by an edit. A Pool ends running tasks when its block is left; from Python 3.14 on
ProcessPoolExecutor.terminate_workers() does.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.timeout_classes import FUTURE, OTHERS
from poolaudit.evidence.waiting import may_wait
from poolaudit.facts import Block, FileFacts, Handler, Operation, PoolSite, Use, innermost_loop, inside
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_TIMEOUTS = FUTURE.names | OTHERS
_WAITS = frozenset({"result", "exception"})
_READS = frozenset({"iterate", "consume", "next"})
_IDLE = frozenset({"result", "exception", "cancel", "cancelled", "done", "running", "drop", "test", "len", "iterate", "index"})
"""Uses that neither wait again nor give the future to someone who might."""

_POOL = "multiprocessing.Pool ends running tasks when its block is left"
_TERMINATE = "from Python 3.14 on, ProcessPoolExecutor.terminate_workers() ends them"


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    block = site.with_block
    if site.kind != "executor" or block is None or _ends_workers(site):
        return
    for operation in site.operations:
        if not operation.process_only or operation.sites[0] != site.index or not operation.handle.complete:
            continue
        wait = _only_wait(operation)
        handler = _handler(wait, block) if wait else None
        if wait is None or handler is None or handler.reraises or _is_retried(operation, wait):
            continue
        if may_wait(file.cut(handler.body), constructors=False):
            continue  # something else may answer the timeout
        if _loop_over_futures(operation, wait) and any(use.how == "cancel" for use in operation.handle.uses):
            continue  # those that have not started yet are cancelled for good
        cancel = next((use for use in operation.handle.uses if use.how == "cancel" and use.point.span in handler.body), None)
        yield Finding(
            wait.point.span,
            "the timeout ends the wait, not the task: the `with` block still waits for it at its end",
            label="bounds this wait only",
            related=(
                Related(cancel.point.span if cancel else handler.header, _says(cancel)),
                Related(block.header, "its exit waits for every task"),
            ),
            notes=(_POOL, _TERMINATE) if settings.has((3, 14)) else (_POOL,),
        )


def _only_wait(operation: Operation) -> Use | None:
    """The one place where a result is awaited for a limited time: result(timeout=..), or the loop over map(.., timeout=..)."""
    limit = operation.argument("timeout") if operation.method == "map" else None
    hows = _READS if operation.method == "map" else _WAITS
    waits = [use for use in operation.handle.uses if use.how in hows]
    if len(waits) != 1 or any(use.how not in _IDLE | hows for use in operation.handle.uses):
        return None
    timeout = limit.value if limit else waits[0].timeout
    return None if timeout is None or (timeout.kind == "const" and timeout.const is None) else waits[0]


def _says(cancel: Use | None) -> str:
    return "does nothing to a task that runs" if cancel else "handles it and goes on"


def _ends_workers(site: PoolSite) -> bool:
    names = {use.name for use in site.uses} | {operation.method for operation in site.operations}
    return bool(names & {"terminate_workers", "kill_workers", "_processes"}) or not site.complete


def _handler(wait: Use, block: Block) -> Handler | None:
    """The handler, inside the block, that catches the timeout."""
    if not inside(wait.point, block):
        return None
    for step in reversed(wait.point.path):
        if step.block is block:
            return None
        if step.block.kind == "try" and step.arm == "body":
            for handler in step.block.handlers:
                if any(name.api in _TIMEOUTS for name in handler.types):
                    return handler
    return None


def _loop_over_futures(operation: Operation, wait: Use) -> Block | None:
    """The loop around the wait, unless the future is made in the same round of it."""
    loop = innermost_loop(wait.point)
    return None if loop is None or operation.loop is loop else loop


def _is_retried(operation: Operation, wait: Use) -> bool:
    """A loop in which the same future may be waited for more than once: it does not iterate over the futures."""
    if operation.method == "map":
        return False  # its iterator ends with the first error
    loop = _loop_over_futures(operation, wait)
    over_futures = any(use.how in ("iterate", "zip") and loop and use.point.span in loop.header for use in operation.handle.uses)
    return loop is not None and not over_futures


RULE = Rule(code="PA506", name="ineffective-cancel", severity="warning", check=check, doc=__doc__)
