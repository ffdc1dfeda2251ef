"""What the parent does while tasks wait: it changes their arguments, or leaves.

A Pool pickles arguments within moments, an executor when its queue has room.

Knows which names reach a task, and the text that changes what they hold. Must never know an edit.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from poolaudit.facts import LOOPS, Argument, Operation, Use
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.move import Move
from poolaudit.migrate.outstanding import joined_after
from poolaudit.migrate.plan import Piece
from poolaudit.migrate.surroundings import dotted_names, parsed

_CALLBACKS = frozenset({"callback", "error_callback"})


def changed_arguments(move: Move, operation: Operation) -> Iterator[Piece]:
    """Blockers for what is changed between the submission and the moment when all of its work is known to be done."""
    call = move.code.call(operation.point.span)
    if move.is_thread or call is None:
        return
    start, end = operation.point.span.start, _done_by(move, operation)
    scope = move.code.scope(call)
    loops = [step.block for step in operation.point.path if step.block.kind in LOOPS]
    for path in sorted(_handed(move, operation)):
        root = path.partition(".")[0]
        stale = [loop.span for loop in loops if root not in loop.rebinds and root not in loop.targets]
        names = (path, *move.code.elements_of(path, scope))
        changes = (node for name in names for node in (*move.code.mutations(name, scope), *_changing_calls(move, name, scope)))
        for node in changes:
            where = move.code.span(node)
            if start < where.start < end or any(where in span for span in stale):
                yield blocked("argument-mutated-after-submit", where, f"`{path}`, which a task is given, is changed here")


def _done_by(move: Move, operation: Operation) -> int:
    """Where all results have been read, or the pool was joined; else the end of the file."""
    join = joined_after(operation, move.site)
    if join is not None:
        return join.point.span.start
    reads = [use for use in operation.handle.uses if use.how in ("get", "result", "wait", "iterate", "consume")]
    ends = [use.point.path[-1].block.span.end if use.point.path else use.point.span.end for use in reads]
    return max(ends, default=len(move.file.text))


def may_leave_before(move: Move, operation: Operation) -> bool:
    """A return or a jump stands between the submission and what waits for it; a finally waits all the same."""
    call = move.code.call(operation.point.span)
    join = joined_after(operation, move.site)
    if call is None or operation.handle.chained == "get" or (join is not None and join.in_finally):
        return False
    waits = [use.point.span.start for use in operation.handle.uses if use.how in ("get", "wait")]
    end = join.point.span.start if join is not None else max(waits, default=0)
    return move.code.leaves_between(operation.point.statement.span.end, end, call)


def _handed(move: Move, operation: Operation) -> set[str]:
    """Dotted names of everything that a task is given: arguments, what partial binds, the object of a bound method."""
    names: set[str] = set()
    for argument in operation.arguments:
        if argument.keyword not in _CALLBACKS and argument.keyword != "chunksize":
            names |= _names(move, argument)
    task = operation.task
    if task is not None and task.kind == "method" and task.receiver is not None:
        names.add(task.receiver.text)
    for bound in task.bound if task is not None else ():
        names |= dotted_names(parsed(bound.value.text)) if bound.value.text else set()
    return names


def _names(move: Move, argument: Argument) -> set[str]:
    return dotted_names(parsed(move.file.cut(argument.value.span)))


def _changing_calls(move: Move, path: str, scope: ast.AST) -> Iterator[ast.Call]:
    """Calls of functions of the file that change the parameter which they are given the object as."""
    functions = {function.name: function for function in move.file.functions.values() if not function.span.path}
    for call, position in move.code.calls_with(path, scope):
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        function = functions.get(name)
        if function is not None:
            given = function.parameters.names[position : position + 1]
            yield from [call] if given and given[0] in function.mutates else []


def has_shorter_partner(operation: Operation, use: Use) -> bool:
    """Zipped with something else than what is mapped, which may end first."""
    mapped = operation.iterable.text if operation.iterable is not None else ""
    return use.how == "zip" and use.api != "builtins.enumerate" and any(partner.text != mapped for partner in use.partners)
