"""What only an executor can do: survive a worker's death in words, and let workers start processes.

Knows the facts about workers that decide (needs.workers). Must never know an edit.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.exception_class import rebuilding_fails
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.initializer import observed_workers
from poolaudit.migrate.move import Move
from poolaudit.migrate.plan import Piece
from poolaudit.migrate.to_pool import failing
from poolaudit.needs.workers import BROKEN, PROCESS_STARTERS

_PICKLING = frozenset({"PicklingError", "PickleError", "AttributeError", "TypeError"})
"""What an executor raises for a result that cannot be pickled."""

_DEADLY = frozenset({"os._exit", "os.abort", "os.kill", "signal.raise_signal"})


def pieces(move: Move) -> Iterator[Piece]:
    """Blockers for what is seen to need an executor."""
    for imported in move.file.imports:
        if imported.api.rpartition(".")[2] in BROKEN:
            yield blocked("broken-pool-handled", imported.span, f"`{imported.name}` is handled, which a Pool never raises")
    points = [move.site.point, *(point for operation in move.site.operations for point in move.points(operation))]
    for handler in move.handlers(*points):
        if "__cause__" in move.file.cut(handler.body):
            yield blocked("pool-exception-class-caught", handler.header, "the cause of the exception is looked at")
        for name in handler.types:
            if (name.api or name.text).rpartition(".")[2] in _PICKLING:
                message = f"`{name.text}` is handled: a result that cannot be pickled raises MaybeEncodingError in a Pool"
                yield blocked("pool-exception-class-caught", name.span, message)
            if (name.api or name.text).rpartition(".")[2] in (*BROKEN, "RuntimeError"):
                yield blocked("broken-pool-handled", name.span, f"`{name.text}` is handled, which a Pool never raises")
    yield from observed_workers(move)
    if move.site.at_import is not None and not move.site.guarded:
        yield blocked("built-at-import", move.site.callee, f"importing the file builds {move.name}")
    yield from _deaths(move)
    yield from failing.pieces(move)
    for function in move.worker_code:
        started = [call.api for call in function.library_calls if call.api in PROCESS_STARTERS]
        if started or any(move.file.sites[index].is_process for index in function.pools):
            yield blocked("worker-needs-children", move.site.callee, f"`{function.name}` runs in a worker and starts processes")


def _deaths(move: Move) -> Iterator[Piece]:
    """Causes of a worker's death that are seen: calls that end it, exceptions that cannot be rebuilt."""
    for function in move.worker_code:
        deadly = next((call.api for call in function.library_calls if call.api in _DEADLY), None)
        if deadly is not None:
            yield blocked("worker-may-die", move.site.callee, f"`{function.name}` calls `{deadly}`")
        for raised in function.raises:
            identity = raised.exception.class_id if raised.exception is not None else None
            owner = move.file.classes.get(identity) if identity is not None else None
            if owner is not None and rebuilding_fails(move.file, owner, raised.arguments):
                yield blocked(
                    "worker-may-die", move.site.callee, f"`{owner.name}`, which `{function.name}` raises, cannot be unpickled"
                )
