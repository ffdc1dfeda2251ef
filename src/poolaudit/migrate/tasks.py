"""What a task does that the two APIs answer differently: it ends the process, raises a timeout, or is tiny.

Knows functions that a worker runs. Must never know an edit.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from poolaudit.facts import Function, Name, Operation, Value
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.move import Move
from poolaudit.migrate.plan import Piece

_EXITS = frozenset({"sys.exit", "builtins.exit", "builtins.quit"})
_EXIT_CLASSES = frozenset({"builtins.SystemExit", "builtins.KeyboardInterrupt", "builtins.BaseException"})
_TIMEOUTS = frozenset({"builtins.TimeoutError", "concurrent.futures.TimeoutError", "asyncio.TimeoutError", "socket.timeout"})

_STOPS = re.compile(r"\braise\s+StopIteration\b|\bnext\((?:[^,()]|\([^()]*\))*\)")

FEW = 100
"""So many tasks cost an executor 10 ms more than a Pool."""

TINY = 15
"""Function.weight below which a body is plain arithmetic (facts.Function)."""


def exits(move: Move, operation: Operation) -> Iterator[Piece]:
    """A task that ends its process by an exception."""
    if operation.task is None:
        return
    if operation.task.api in _EXITS:
        yield blocked("task-exits", operation.task.span, f"`{operation.task.name}` raises SystemExit in the worker")
    for function in move.file.reachable(operation.task.function):
        body = move.file.cut(function.body)
        if function.id == operation.task.function and ".parse_args(" in body:
            yield blocked(
                "task-exits", operation.task.span, f"`{function.name}` parses arguments, which ends the worker on bad ones"
            )
        if function.id == operation.task.function and not function.is_generator and _stops(move, function, body):
            yield blocked("task-stops-iteration", operation.task.span, f"`{function.name}` may raise StopIteration")
        for call in function.library_calls:
            if call.api in _EXITS:
                yield blocked("task-exits", operation.task.span, f"`{function.name}` calls `{call.api}` in the worker")
        for raised in function.raises:
            if raised.exception is not None and _is_exit(move, raised.exception):
                yield blocked(
                    "task-exits", operation.task.span, f"`{function.name}` raises {raised.exception.text} in the worker"
                )


def _stops(move: Move, function: Function, body: str) -> bool:
    """A statement of the function itself raises StopIteration, or calls next() without a default."""
    if function.span.path:
        return _STOPS.search(body) is not None
    raised = any(each.exception is not None and each.exception.api == "builtins.StopIteration" for each in function.raises)
    return raised or any(
        isinstance(call.func, ast.Name) and call.func.id == "next" and len(call.args) == 1 and not _is_caught(move, call)
        for call in move.code.calls_in(function.body)
    )


def _is_caught(move: Move, call: ast.Call) -> bool:
    """A try around it, or a generator or function of its own, does not let StopIteration out as it is."""
    below: ast.AST = call
    for above in move.code.parents(call):
        if isinstance(above, (ast.GeneratorExp, ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef)):
            return isinstance(above, ast.GeneratorExp)
        if isinstance(above, ast.Try) and below in above.body and any(_catches_all(each) for each in above.handlers):
            return True
        below = above
    return False


def _catches_all(handler: ast.ExceptHandler) -> bool:
    names = {each.id for each in ast.walk(handler.type) if isinstance(each, ast.Name)} if handler.type is not None else set()
    return handler.type is None or bool(names & {"StopIteration", "Exception", "BaseException"})


def _is_exit(move: Move, name: Name) -> bool:
    """SystemExit, KeyboardInterrupt, or a class of the project that is one."""
    todo, seen = [name], set[int]()
    while todo:
        each = todo.pop()
        if each.api in _EXIT_CLASSES:
            return True
        known = move.file.classes.get(each.class_id) if each.class_id is not None else None
        if known is not None and known.id not in seen:
            seen.add(known.id)
            todo += known.bases
    return False


def may_raise_timeout(move: Move, operation: Operation) -> bool:
    """The task is not seen to never raise a TimeoutError of its own."""
    task = operation.task
    if task is None or task.function is None:
        return task is None or task.api is None or not task.api.startswith(("math.", "builtins."))
    for function in move.file.reachable(task.function):
        if not function.complete or any(
            call.api.startswith(("socket.", "urllib.", "requests.")) for call in function.library_calls
        ):
            return True
        if any(raised.exception is None or raised.exception.api in _TIMEOUTS for raised in function.raises):
            return True
    return False


def is_many(move: Move, tasks: Value | None) -> bool:
    """Not seen to be few: what each task costs more may add up."""
    return tasks is None or tasks.length is None or tasks.length > FEW or not move.is_as_written(tasks)


def is_tiny(move: Move, operation: Operation) -> bool:
    """The task is plain arithmetic: what an executor adds for each task shows."""
    task = operation.task
    if task is None:
        return False
    if task.function is None:
        return task.api is not None and task.api.startswith("math.")
    function = move.file.functions.get(task.function)
    return function is not None and function.complete and not function.has_loop and function.weight < TINY
