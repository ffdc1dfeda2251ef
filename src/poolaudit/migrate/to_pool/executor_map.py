"""`executor.map(f, xs)`: read at once to `map(f, xs, chunksize=1)`, several iterables to `starmap`, read one by one to `imap`.

The chunksize of 1 is written: it is the executor's default and not that of Pool.map. Must never know another method.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from poolaudit.edits import Edit, insert
from poolaudit.facts import Argument, Operation
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.caveats import caveat
from poolaudit.migrate.changes import changed_arguments, has_shorter_partner
from poolaudit.migrate.chunks import is_sized
from poolaudit.migrate.editing import rename_method, wrap
from poolaudit.migrate.move import Move
from poolaudit.migrate.observed import failure_is_observed
from poolaudit.migrate.plan import Piece

_KEYWORDS = frozenset({"chunksize", "timeout"})


def pieces(move: Move, operation: Operation) -> Iterator[Piece]:
    """The call, and who reads it."""
    positional = [each for each in operation.arguments if each.keyword is None]
    named = {each.keyword: each for each in operation.arguments if each.keyword is not None}
    if any(each.star for each in operation.arguments) or not set(named) <= _KEYWORDS or len(positional) < 2:
        yield blocked("unclear-arguments", operation.argument_list, "what `map` is given is not plain")
        return
    timeout = named.get("timeout")
    if timeout is not None and not (timeout.value.kind == "const" and timeout.value.const is None):
        yield blocked("map-timeout", timeout.span, "all results share one deadline")
        return
    if timeout is not None:
        yield _without(operation, timeout)
    if failure_is_observed(move, operation):
        yield caveat("failing-map-runs-rest")
    call = move.code.call(operation.point.span)
    if call is not None and move.code.is_read_at_once(call):
        yield from _eager(move, operation, call, positional, "chunksize" in named)
    else:
        yield from _lazy(move, operation, positional)


def _eager(move: Move, operation: Operation, call: ast.Call, positional: list[Argument], has_chunksize: bool) -> Iterator[Piece]:
    several = len(positional) > 2
    if several:
        yield rename_method(operation, "starmap")
        yield insert(positional[1].span.start, "zip(")
        yield insert(positional[-1].span.end, ")")
    if not has_chunksize:
        yield insert(positional[-1].span.end, ", chunksize=1")
    above = next(iter(move.code.parents(call)), None)
    if isinstance(above, ast.Call) and isinstance(above.func, ast.Name) and above.func.id == "list" and not above.keywords:
        outer = move.code.span(above)
        yield Edit(outer.start, operation.point.span.start, "")
        yield Edit(operation.point.span.end, outer.end, "")


def _lazy(move: Move, operation: Operation, positional: list[Argument]) -> Iterator[Piece]:
    """Read by a loop: results one by one, in order. The executor reads its iterable at once, so imap is given a list."""
    if len(positional) > 2:
        yield blocked(
            "lazy-map-of-several-iterables", operation.argument_list, "results of several iterables are read one by one"
        )
        return
    reads = [use for use in operation.handle.uses if use.how in ("iterate", "consume") and use.via in ("direct", "view")]
    if not operation.handle.complete or not reads or any(use.point.span.path for use in operation.handle.uses):
        yield blocked("async-handle-escapes", operation.point.span, "who reads the results is not seen")
        return
    others = [
        use for use in operation.handle.uses if use.how not in ("iterate", "consume", "zip", "drop", "test") and use.via != "item"
    ]
    for use in others:
        yield blocked("async-handle-escapes", use.point.span, "the iterator is used in a way that is not followed")
    yield from changed_arguments(move, operation)
    if any(has_shorter_partner(operation, use) for use in operation.handle.uses):
        yield blocked("early-exit-from-imap", operation.point.span, "a shorter partner ends the loop, and a Pool runs the rest")
    for use in reads:
        if any({"break", "return"} & set(step.block.leaves) for step in use.point.path[-1:]):
            yield blocked("early-exit-from-imap", use.point.span, "the loop may be left early: a Pool runs what is queued")
    yield rename_method(operation, "imap")
    tasks = positional[1]
    if not is_sized(move, tasks.value):
        yield from wrap(tasks.value.span, "list(", ")")


def _without(operation: Operation, argument: Argument) -> Edit:
    before = operation.arguments[operation.arguments.index(argument) - 1]
    return Edit(before.span.end, argument.span.end, "")
