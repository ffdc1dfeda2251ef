"""ProcessPoolExecutor to multiprocessing.Pool: one module for each form of an executor.

Each yields the pieces of a plan: edits, imports, caveats, blockers. Sources: the documentation of multiprocessing.pool and
concurrent.futures, and programs run before and after (fixtures/migrations). Must never know libcst, a rule or a file on disk.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.move import Move
from poolaudit.migrate.plan import Piece
from poolaudit.migrate.state import state_changes
from poolaudit.migrate.tasks import exits
from poolaudit.migrate.to_pool import constructor, ends, executor_map, needs, submit

_FORMS = {"submit": submit.pieces, "map": executor_map.pieces}


def pieces(move: Move) -> Iterator[Piece]:
    """Everything that it takes to make a Pool of an executor."""
    yield from constructor.pieces(move)
    yield from state_changes(move)
    yield from needs.pieces(move)
    for operation in move.site.operations:
        if operation.point.span.path:
            yield blocked("other-file", move.site.point.span, f"`{operation.method}` is called in {operation.point.span.path}")
        elif operation.method == "run_in_executor":
            yield blocked("executor-escapes", operation.point.span, "an event loop runs tasks in it")
        elif not operation.certain or operation.sites != (move.site.index,):
            yield blocked("pool-class-is-variable", operation.point.span, f"where `{operation.method}` goes to is not certain")
        elif operation.method in _FORMS:
            yield from exits(move, operation)
            yield from _FORMS[operation.method](move, operation)
        else:
            yield blocked("unmapped-method", operation.method_span, f"a Pool has no `{operation.method}`")
    yield from ends.pieces(move)
