"""`pool.imap(f, xs, k)` to `pool.map(f, xs, chunksize=k)`: only for what is a list already.

Must never know another method of Pool.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from poolaudit.edits import insert
from poolaudit.facts import Argument, Operation, Use
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.caveats import caveat
from poolaudit.migrate.changes import changed_arguments, has_shorter_partner
from poolaudit.migrate.chunks import given_chunksize, is_sized
from poolaudit.migrate.editing import drop_keyword, rename_method
from poolaudit.migrate.move import Move
from poolaudit.migrate.observed import failure_is_observed, task_leaves_traces
from poolaudit.migrate.plan import Piece
from poolaudit.migrate.surroundings import is_simple, parsed
from poolaudit.migrate.tasks import is_many, is_tiny


def pieces(move: Move, operation: Operation) -> Iterator[Piece]:
    """The iterator of the executor, read by the same loop."""
    yield from iterator(move, operation)


def iterator(move: Move, operation: Operation) -> Iterator[Piece]:
    """The call, and what must hold of its iterable and of who reads it."""
    yield from checked_arguments(move, operation)
    yield rename_method(operation, "map")
    chunksize = operation.argument("chunksize", 2)
    if chunksize is not None:
        if move.is_thread and chunksize.value.const != 1 and task_leaves_traces(move, operation):
            yield blocked("thread-chunksize", chunksize.span, "a chunk runs in one thread")
        elif given_chunksize(move, chunksize) is None and not move.is_thread:
            yield blocked("unclear-chunksize", chunksize.span, f"`{chunksize.value.text}` may be None or 0")
        elif chunksize.keyword is None:
            yield insert(chunksize.span.start, "chunksize=")
    tasks = operation.argument("iterable", 1)
    many = tasks is not None and is_many(move, tasks.value)
    if many and is_tiny(move, operation):
        yield caveat("slower-per-task")
    yield from read_whole(move, operation)


def checked_arguments(move: Move, operation: Operation) -> Iterator[Piece]:
    """A function and a list, in this order."""
    function, tasks = operation.argument("func", 0), operation.argument("iterable", 1)
    if function is None or tasks is None or operation.arguments[:2] != (function, tasks):
        yield blocked("unclear-arguments", operation.argument_list, f"what `{operation.method}` is given is not plain")
        return
    if any(argument.star for argument in operation.arguments) or len(operation.arguments) > 3:
        yield blocked("unclear-arguments", operation.argument_list, f"what `{operation.method}` is given is not plain")
    for argument in (function, tasks):
        if argument.keyword is not None:
            yield drop_keyword(argument)
    yield from _materialised(move, operation, tasks)
    yield from changed_arguments(move, operation)
    if not exit_kills(move) and failure_is_observed(move, operation):
        yield caveat("failing-map-cancels-rest")


def _materialised(move: Move, operation: Operation, tasks: Argument) -> Iterator[Piece]:
    if tasks.value.infinite:
        yield blocked("imap-unbounded-iterable", tasks.value.span, f"`{tasks.value.text}` has no end")
    elif not is_sized(move, tasks.value):
        if _has_a_length(move, operation, tasks):
            yield caveat("reads-ahead")
        else:
            yield blocked("imap-generator-argument", tasks.value.span, f"`{tasks.value.text}` is not seen to be a list")


def _has_a_length(move: Move, operation: Operation, tasks: Argument) -> bool:
    """No generator: a slice, a view of a mapping, or something whose len() is taken in the same function."""
    text = move.file.cut(tasks.value.span)
    call = move.code.call(operation.point.span)
    if is_simple(text):
        return call is not None and move.code.asks_length_of(text, call)
    match parsed(text):
        case ast.Subscript(slice=ast.Slice()):
            return True
        case ast.Call(func=ast.Attribute(attr="items" | "keys" | "values"), args=[], keywords=[]):
            return True
    return False


def read_whole(move: Move, operation: Operation) -> Iterator[Piece]:
    """The iterator is read in place, to its end or dropped by its loop."""
    call = move.code.call(operation.point.span)
    if call is not None and move.code.is_read_at_once(call):
        return
    if not operation.handle.complete:
        if call is not None and exit_kills(move) and _is_wrapped_in_place(move, call):
            yield caveat("iterator-passed-on")
        else:
            yield blocked("async-handle-escapes", operation.point.span, "who reads the results is not seen")
        return
    reads = [use for use in operation.handle.uses if use.via in ("direct", "view")]
    if not any(use.how in ("iterate", "consume") for use in reads):
        yield blocked("unretrieved-at-exit", operation.point.span, f"the results are not seen to be read before {move.name} ends")
    if not exit_kills(move) and any(has_shorter_partner(operation, use) for use in reads):
        yield blocked("early-exit-from-imap", operation.point.span, "a shorter partner ends the loop, and join() runs the rest")
    if call is not None and move.code.is_read_in_its_statement(call):
        if not exit_kills(move) and any(use.how == "iterate" and _leaves_early(use) for use in reads):
            yield blocked("early-exit-from-imap", operation.point.span, "the loop may be left early, and join() runs the rest")
        reads = [use for use in reads if use.how not in ("iterate", "consume", "zip")]
    for use in reads:
        yield from _read(move, operation, use)


def _is_wrapped_in_place(move: Move, call: ast.Call) -> bool:
    """The loop around it reads to the end what a function makes of it: `for x in progress(pool.imap(f, xs))`."""
    statement = move.code.statement(call)
    if statement is None or not move.code.is_read_in_its_statement(call):
        return False
    return not (isinstance(statement, (ast.For, ast.While)) and move.code.is_left_early(statement))


def _read(move: Move, operation: Operation, use: Use) -> Iterator[Piece]:
    if use.point.span.path:
        yield blocked("other-file", operation.point.span, "the results are read in another file")
    elif use.how == "next":
        timed = use.timeout is not None or bool(use.arguments)
        name = "imap-next-timeout" if timed and use.name == "next" else "imap-resumed-after-exception"
        if name == "imap-next-timeout" or any(True for _ in move.handlers(use.point)):
            yield blocked(name, use.point.span, "results are taken one by one")
        else:
            yield blocked("early-exit-from-imap", use.point.span, "results are taken one by one, maybe not all of them")
    elif use.how not in ("iterate", "consume", "drop", "test"):
        yield blocked("async-handle-escapes", use.point.span, "the iterator is used in a way that is not followed")
    elif use.how == "iterate" and _leaves_early(use) and not _in_place(operation, use):
        yield blocked("early-exit-from-imap", use.point.span, "the loop may be left while the iterator lives on")


def exit_kills(move: Move) -> bool:
    """The end of the pool drops what is queued, as a dropped iterator of an executor does."""
    return any(end.how in ("with-exit", "terminate", "stack") for end in move.site.ends)


def _leaves_early(use: Use) -> bool:
    """The loop over it has a break or return, or may raise on purpose."""
    last = use.point.path[-1:] or ()
    return any({"break", "return", "raise"} & set(step.block.leaves) for step in last)


def _in_place(operation: Operation, use: Use) -> bool:
    """No name keeps the iterator alive behind the loop."""
    return operation.point.statement.form == "header" and operation.point.statement.span == use.point.statement.span
