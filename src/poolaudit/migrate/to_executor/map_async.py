"""`pool.map_async(f, xs)`, read once by get(), to `pool.map(f, xs, chunksize=..)`, read once by list().

Executor.map submits everything before it returns (concurrent/futures/_base.py, Executor.map). Must never know
another method of Pool.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.edits import Edit, insert
from poolaudit.facts import Operation, Use
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.changes import changed_arguments, may_leave_before
from poolaudit.migrate.editing import rename_method
from poolaudit.migrate.move import Move
from poolaudit.migrate.outstanding import is_retrieved
from poolaudit.migrate.plan import Piece
from poolaudit.migrate.timeouts import is_timed
from poolaudit.migrate.to_executor import eager_map, starmap

_CALLBACKS = frozenset({"callback", "error_callback"})


def pieces(move: Move, operation: Operation) -> Iterator[Piece]:
    """The iterator, and the list that get() becomes."""
    if any(argument.keyword in _CALLBACKS for argument in operation.arguments):
        yield blocked("map-async-callback", operation.argument_list, "a map of the executor takes no callback")
        return
    if operation.method == "map_async":
        yield from eager_map.mapped(move, operation)
        yield rename_method(operation, "map")
    else:
        yield from starmap.mapped(move, operation)
    yield from changed_arguments(move, operation)
    reads = [use for use in operation.handle.uses if use.how not in ("drop", "test") and use.via != "item"]
    if not operation.handle.complete:
        yield blocked("async-handle-escapes", operation.point.span, "what becomes of this result is not seen")
    elif len(reads) != 1 or reads[0].how != "get" or is_timed(reads[0]) or reads[0].via != "direct":
        first = next((use for use in reads if use.how != "get" or is_timed(use)), None)
        where = first.point.span if first is not None else operation.point.span
        yield blocked("map-async-handle", where, "an iterator can only be read once, to its end")
    elif not is_retrieved(operation, move.site) or may_leave_before(move, operation):
        yield blocked("unretrieved-at-exit", operation.point.span, f"the result may not be read before {move.name} ends")
    else:
        yield from _read(move, operation, reads[0])


def _read(move: Move, operation: Operation, use: Use) -> Iterator[Piece]:
    """`r.get()` to `list(r)`. A chained one wraps the call itself."""
    if use.point.span.path or use.name_span is None:
        yield blocked("other-file", operation.point.span, "the result is read in another file")
        return
    if _repeats(operation, use):
        yield blocked("map-async-handle", use.point.span, "the result is read in a loop")
        return
    yield insert(use.point.span.start, "list(")
    dot = move.file.text.rindex(".", use.point.span.start, use.name_span.start)
    yield Edit(dot, use.point.span.end, ")")


def _repeats(operation: Operation, use: Use) -> bool:
    mine = {step.block.id for step in operation.point.path}
    return any(step.block.kind in ("for", "while", "comprehension") and step.block.id not in mine for step in use.point.path)
