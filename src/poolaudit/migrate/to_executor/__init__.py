"""multiprocessing.Pool to ProcessPoolExecutor, ThreadPool to ThreadPoolExecutor: one module for each form of a Pool.

Each yields the pieces of a plan: edits, imports, caveats, blockers. Sources: the documentation of multiprocessing.pool and
concurrent.futures, and programs run before and after (fixtures/migrations). Must never know libcst, a rule or a file on disk.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.move import Move
from poolaudit.migrate.observed import interrupts
from poolaudit.migrate.plan import Piece
from poolaudit.migrate.state import state_changes
from poolaudit.migrate.tasks import exits
from poolaudit.migrate.to_executor import (
    apply,
    apply_async,
    constructor,
    eager_map,
    ends,
    imap,
    imap_unordered,
    map_async,
    starmap,
)

_FORMS = {
    "map": eager_map.pieces,
    "starmap": starmap.pieces,
    "apply": apply.pieces,
    "apply_async": apply_async.pieces,
    "map_async": map_async.pieces,
    "starmap_async": map_async.pieces,
    "imap": imap.pieces,
    "imap_unordered": imap_unordered.pieces,
}


def pieces(move: Move) -> Iterator[Piece]:
    """Everything that it takes to make an executor of a pool."""
    yield from constructor.pieces(move)
    yield from state_changes(move)
    yield from interrupts(move)
    for operation in move.site.operations:
        if operation.point.span.path:
            yield blocked("other-file", move.site.point.span, f"`{operation.method}` is called in {operation.point.span.path}")
        elif not operation.certain or operation.sites != (move.site.index,):
            yield blocked(
                "pool-class-is-variable", operation.point.span, f"which pool `{operation.method}` goes to is not certain"
            )
        elif operation.method in _FORMS:
            yield from exits(move, operation)
            yield from _FORMS[operation.method](move, operation)
        else:
            yield blocked("unmapped-method", operation.method_span, f"an executor has no `{operation.method}`")
    yield from ends.pieces(move)
