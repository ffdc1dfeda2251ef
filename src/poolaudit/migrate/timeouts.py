"""`get(timeout)` to `result(timeout)`: the class of the timeout, and what happens to a task that is late.

Knows which handler catches which class (evidence.timeout_classes). Must never know how a call is rewritten.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from poolaudit.edits import replace
from poolaudit.evidence.timeout_classes import ONE_SINCE, POOL
from poolaudit.facts import Name, Operation, Point, Span, Use, Value
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.move import Move
from poolaudit.migrate.plan import Piece
from poolaudit.migrate.tasks import may_raise_timeout

_CATCH_ALL = frozenset({"builtins.Exception", "builtins.BaseException"})


_ANCESTORS_SINCE_3_11 = frozenset(
    {"builtins.OSError", "builtins.TimeoutError", "builtins.EnvironmentError", "builtins.IOError", "socket.timeout"}
)
"""What catches concurrent.futures.TimeoutError since it is the builtin one, and never caught that of multiprocessing."""

_DEADLY = frozenset({"os._exit", "os.abort", "os.kill"})


def is_timed(use: Use) -> bool:
    """It waits for a limited time."""
    value: Value | None = use.timeout
    return value is not None and not (value.kind == "const" and value.const is None)


def timed_get(move: Move, operation: Operation, use: Use) -> Iterator[Piece]:
    """What a get() with a timeout takes: no exit that kills, and a handler for the class of the other API."""
    for function in move.file.reachable(operation.task.function if operation.task else None):
        for call in function.library_calls:
            if call.api in _DEADLY:
                message = f"`{function.name}` ends its worker, and this timeout goes on"
                yield blocked("survives-worker-death", use.point.span, message)
    if any(end.how in ("with-exit", "terminate", "stack") for end in move.site.ends):
        yield blocked("timeout-relies-on-terminate", use.point.span, f"after this timeout the end of {move.name} kills the task")
        return
    handlers = list(move.handlers(use.point))
    names = [name for handler in handlers for name in handler.types if name.api in POOL.names]
    wide = any(not handler.types or any(name.api in _CATCH_ALL for name in handler.types) for handler in handlers)
    if not names and not wide:
        yield blocked("timeout-handler-unresolved", use.point.span, "no handler of this timeout is seen")
        return
    if names and may_raise_timeout(move, operation):
        task = operation.task.name if operation.task else "the task"
        yield blocked("task-may-raise-timeout", use.point.span, f"`{task}` is not seen to never raise TimeoutError")
        return
    caught = [name for handler in handlers for name in handler.types if name.api in _ANCESTORS_SINCE_3_11]
    again = [handler for handler in handlers if handler.reraises and any(name in handler.types for name in names)]
    if again or (caught and move.settings.has(ONE_SINCE)):
        message = "from Python 3.11 on the timeout of an executor is an OSError, which a handler around it may catch"
        yield blocked("timeout-handler-unresolved", use.point.span, message)
        return
    if _is_mentioned_elsewhere(move, names):
        message = "multiprocessing.TimeoutError is looked at elsewhere in the file, too"
        yield blocked("timeout-handler-unresolved", use.point.span, message)
        return
    for name in names:
        yield from _renamed(move, name)


def _is_mentioned_elsewhere(move: Move, names: list[Name]) -> bool:
    """Something other than a handler of a get() asks for the class."""
    imported = {each.name for each in move.file.imports if each.api in POOL.names}
    spelled = "|".join([r"(?:multiprocessing|mp|context)\.TimeoutError", *map(re.escape, sorted(imported))])
    handlers = [name for operation in move.site.operations for point in move.points(operation) for name in _caught(move, point)]
    known = {name.span for name in (*names, *handlers)}
    found = [Span(match.start(), match.end()) for match in re.finditer(rf"(?<![\w.])(?:{spelled})\b", move.file.text)]
    code = [span for span in found if not any(span in each.span or each.span in span for each in move.file.imports)]
    return any(not any(span in each or each in span for each in known) for span in code)


def _caught(move: Move, point: Point) -> Iterator[Name]:
    for handler in move.handlers(point):
        yield from (name for name in handler.types if name.api in POOL.names)


def _renamed(move: Move, name: Name) -> Iterator[Piece]:
    """The class of concurrent.futures, spelled through its module: a bare TimeoutError would hide the builtin."""
    spelled, needed = move.spelled("concurrent.futures", "", name.span)
    yield from needed
    yield replace(name.span, f"{spelled}.TimeoutError")
