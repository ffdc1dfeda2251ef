"""`pool.map(f, xs)` to `list(pool.map(f, xs, chunksize=..))`, with the chunks that Pool makes.

Without list() nobody would see the exception of a task. Must never know another method of Pool.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.edits import insert, replace
from poolaudit.facts import Argument, Operation
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.caveats import caveat
from poolaudit.migrate.chunks import default_chunksize, given_chunksize, is_few, named_tasks
from poolaudit.migrate.editing import add_argument, drop_keyword, wrap
from poolaudit.migrate.move import Move
from poolaudit.migrate.observed import failure_is_observed, task_leaves_traces
from poolaudit.migrate.plan import Piece


def pieces(move: Move, operation: Operation) -> Iterator[Piece]:
    """The results as a list, as Pool gives them."""
    yield from mapped(move, operation)
    call = move.code.call(operation.point.span)
    if call is None or not move.code.is_read_at_once(call):
        yield from wrap(operation.point.span, "list(", ")")


def mapped(move: Move, operation: Operation) -> Iterator[Piece]:
    """The call of the executor's map, an iterator."""
    function, tasks, chunksize = (operation.argument(name, index) for index, name in enumerate(("func", "iterable", "chunksize")))
    known = {id(function), id(tasks), id(chunksize)}
    if function is None or tasks is None or any(argument.star or id(argument) not in known for argument in operation.arguments):
        yield blocked("unclear-arguments", operation.argument_list, f"what `{operation.method}` is given is not plain")
        return
    in_order = operation.arguments[:2] == (function, tasks)
    if not in_order:
        yield blocked("unclear-arguments", operation.argument_list, "the keywords stand in another order")
        return
    for argument in (function, tasks):
        if argument.keyword is not None:
            yield drop_keyword(argument)
    if failure_is_observed(move, operation):
        yield caveat("failing-map-cancels-rest")
    yield from _chunked(move, operation, tasks, chunksize)


def _chunked(move: Move, operation: Operation, tasks: Argument, chunksize: Argument | None) -> Iterator[Piece]:
    """The chunks of the Pool; ThreadPoolExecutor.map takes the argument and makes none."""
    given = chunksize is not None and not (chunksize.value.kind == "const" and chunksize.value.const is None)
    if chunksize is not None and (given or move.is_thread):
        if move.is_thread and given and chunksize.value.const != 1 and task_leaves_traces(move, operation):
            yield blocked("thread-chunksize", chunksize.span, "a chunk runs in one thread")
        elif given_chunksize(move, chunksize) is None and not move.is_thread:
            yield blocked("unclear-chunksize", chunksize.span, f"`{chunksize.value.text}` may be None or 0")
        elif chunksize.keyword is None:
            yield insert(chunksize.span.start, "chunksize=")
        return
    if move.is_thread:
        if task_leaves_traces(move, operation) and not is_few(move, tasks.value):
            yield caveat("no-chunks")
        return
    named, needed = named_tasks(move, operation, tasks)
    yield from needed
    if named is None:
        return
    text = "1"
    if named.length:
        text, workers = default_chunksize(move, operation, named.length)
        yield from workers
    if chunksize is not None:
        yield replace(chunksize.span, f"chunksize={text}")
    elif named.length:
        yield add_argument(operation.arguments, operation.argument_list, f"chunksize={text}", move.file)
