"""What only an executor can do: survive a worker's death in words, and let workers start processes.

Knows the facts about workers that decide (needs.workers). Must never know an edit.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.move import Move
from poolaudit.migrate.plan import Piece
from poolaudit.needs.workers import BROKEN, PROCESS_STARTERS


def pieces(move: Move) -> Iterator[Piece]:
    """Blockers for what is seen to need an executor."""
    for imported in move.file.imports:
        if imported.api.rpartition(".")[2] in BROKEN:
            yield blocked("broken-pool-handled", imported.span, f"`{imported.name}` is handled, which a Pool never raises")
    points = [move.site.point, *(point for operation in move.site.operations for point in move.points(operation))]
    for handler in move.handlers(*points):
        for name in handler.types:
            if (name.api or name.text).rpartition(".")[2] in BROKEN:
                yield blocked("broken-pool-handled", name.span, f"`{name.text}` is handled, which a Pool never raises")
    for function in move.worker_code:
        started = [call.api for call in function.library_calls if call.api in PROCESS_STARTERS]
        if started or any(move.file.sites[index].is_process for index in function.pools):
            yield blocked("worker-needs-children", move.site.callee, f"`{function.name}` runs in a worker and starts processes")
