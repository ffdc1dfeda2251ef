"""`pool.imap_unordered(f, xs)` to results as they are completed, or to a plain map where the order does not matter.

Must never know another method of Pool.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from poolaudit.edits import replace
from poolaudit.facts import Operation
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.caveats import caveat
from poolaudit.migrate.move import Move
from poolaudit.migrate.plan import Piece
from poolaudit.migrate.tasks import is_many, is_tiny
from poolaudit.migrate.to_executor.imap import checked_arguments, iterator, leaves_early, read_whole

_ORDER_FREE = frozenset({"sum", "set", "frozenset", "sorted", "max", "min", "len"})


def pieces(move: Move, operation: Operation) -> Iterator[Piece]:
    """A map where nobody can tell the order, else futures in the order of completion."""
    chunksize = operation.argument("chunksize", 2)
    if _order_is_free(move, operation):
        yield from iterator(move, operation)
        return
    if chunksize is not None and chunksize.value.const != 1:
        yield blocked("unordered-order-observed", chunksize.span, "results come in chunks, as they are completed")
        return
    yield from checked_arguments(move, operation)
    yield from read_whole(move, operation)
    for use in operation.handle.uses:
        if use.how == "iterate" and leaves_early(use):
            yield blocked("early-exit-from-imap", use.point.span, "the loop may be left before all results are there")
    if any(end.how in ("with-exit", "terminate", "stack") for end in move.site.ends):
        yield caveat("rest-runs-after-failure")
    tasks = operation.argument("iterable", 1)
    if is_many(tasks.value if tasks is not None else None) and is_tiny(move, operation):
        yield caveat("slower-per-task")
    yield from _as_completed(move, operation)


def _order_is_free(move: Move, operation: Operation) -> bool:
    """The call stands in sum(), set(), sorted(): the order of the results cannot be seen."""
    call = move.code.call(operation.point.span)
    above = next(iter(move.code.parents(call)), None) if call is not None else None
    return (
        isinstance(above, ast.Call)
        and isinstance(above.func, ast.Name)
        and above.func.id in _ORDER_FREE
        and above.args[:1] == [call]
        and not above.keywords
    )


def _as_completed(move: Move, operation: Operation) -> Iterator[Piece]:
    """`(future.result() for future in as_completed([pool.submit(f, x) for x in xs]))` in place of the call."""
    function, tasks = operation.argument("func", 0), operation.argument("iterable", 1)
    if function is None or tasks is None:
        return
    spelled, needed = move.spelled("concurrent.futures", "as_completed", operation.point.span)
    yield from needed
    task, future = move.free("task", "item", "argument"), move.free("future", "done", "completed")
    if task is None or future is None:
        yield blocked("code-shape", operation.point.span, "the usual names for a future are taken")
        return
    receiver = move.file.cut(operation.receiver)
    submit = f"{receiver}.submit({move.file.cut(function.value.span)}, {task})"
    futures = f"[{submit} for {task} in {move.file.cut(tasks.value.span)}]"
    text = f"{future}.result() for {future} in {spelled}({futures})"
    yield replace(operation.point.span, text if _stands_alone(move, operation) else f"({text})")


def _stands_alone(move: Move, operation: Operation) -> bool:
    """The only argument of a call: a generator expression needs no parentheses of its own."""
    call = move.code.call(operation.point.span)
    above = next(iter(move.code.parents(call)), None) if call is not None else None
    return isinstance(above, ast.Call) and above.args == [call] and not above.keywords
