"""Whether a difference that shows only after a failure or Ctrl-C can be noticed.

Knows except clauses, finally clauses and what a task is seen to leave behind. Must never know an edit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from poolaudit.facts import Block, Handler, Operation
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.caveats import caveat
from poolaudit.migrate.move import Move
from poolaudit.migrate.plan import Piece

LEAVES_TRACES = re.compile(
    r"""
    \bprint\s*\( | \bopen\s*\([^()]*["'][rbtU]*[wax+]
    | \bos\.(?!path\b|getpid\b|cpu_count\b|environ\b|_exit\b|kill\b|abort\b|listdir\b|sep\b|fspath\b)\w+\s*\(
    | \b(?:shutil|subprocess|logging|sqlite3|socket|requests|urllib)\.\w
    | \.(?:write\w*|save\w*|dump|to_(?:csv|parquet|json|pickle|excel|sql|hdf|feather)|mkdir|touch|unlink|rename|symlink_to
        |info|debug|warning|error|exception|critical|log|execute\w*|commit|post|put|send\w*|imwrite|set|add|release)\s*\(
    """,
    re.VERBOSE,
)
"""What a task may leave behind where others see it. Strings and comments are taken for code: it errs towards seeing something."""

_INTERRUPTS = frozenset({"builtins.KeyboardInterrupt"})
_EVERYTHING = frozenset({"builtins.BaseException"})
_ENDS = re.compile(r"(?:[\w.]+\.(?:close|join|terminate|shutdown)\([^()]*\)|#[^\n]*|pass|\s)*")


def task_leaves_traces(move: Move, operation: Operation) -> bool:
    """The task is seen to print, write or start something: who looks can tell which tasks have run."""
    if operation.task is None:
        return False
    if operation.task.api in (
        "builtins.print",
        "os.remove",
        "os.unlink",
        "os.mkdir",
        "os.makedirs",
        "subprocess.run",
        "os.system",
    ):
        return True
    functions = move.file.reachable(operation.task.function)
    if move.is_thread and any(function.mutates or any(use.how != "read" for use in function.globals) for function in functions):
        return True
    return any(LEAVES_TRACES.search(move.file.cut(function.body)) for function in functions)


def failure_is_observed(move: Move, operation: Operation) -> bool:
    """Somebody can tell which tasks have run after one of them has failed, or which failure came first."""
    tasks = operation.iterable
    if tasks is not None and tasks.length is not None and tasks.length <= 1 and move.is_as_written(tasks):
        return False
    if any(not _is_of_interrupts(handler) for handler in move.handlers(*move.points(operation))):
        return True
    steps = [step for point in move.points(operation) for step in point.path]
    if any(step.block.kind == "with" and "suppress(" in move.file.cut(step.block.header) for step in steps):
        return True
    tries = (step.block for step in steps if step.block.kind == "try" and step.arm == "body")
    return any(_finally_does_something(move, block) for block in tries) or task_leaves_traces(move, operation)


def _is_of_interrupts(handler: Handler) -> bool:
    """It catches what ends a program, no failure of a task."""
    return bool(handler.types) and all(name.api in _INTERRUPTS | {"builtins.SystemExit"} for name in handler.types)


def _finally_does_something(move: Move, block: Block) -> bool:
    """A finally that only ends the pool notices nothing."""
    if not block.has_finally:
        return False
    text = move.file.cut(block.span)
    start = max(text.rfind(f"{mark}:") for mark in ("finally", "finally "))
    return _ENDS.fullmatch(text[start:].partition(":")[2]) is None


def interrupts(move: Move) -> Iterator[Piece]:
    """What handles Ctrl-C around the work."""
    points = [move.site.point, *(point for operation in move.site.operations for point in move.points(operation))]
    for handler in move.handlers(*points):
        named = next((name for name in handler.types if name.api in _INTERRUPTS), None)
        if named is not None and any(end.point.span in handler.body for end in move.site.ends):
            yield blocked("keyboard-interrupt-handled", named.span, f"`{named.text}` is handled around the work of {move.name}")
        elif named is not None or not handler.types or any(name.api in _EVERYTHING for name in handler.types):
            yield caveat("interrupt-waits")
    if move.code.mentions_handler_of("KeyboardInterrupt"):
        yield caveat("interrupt-waits")
