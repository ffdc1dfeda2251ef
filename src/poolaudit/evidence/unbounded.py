"""Where the parent waits for results of a pool, and whether it waits for ever.

Knows which calls wait, and that a timeout of hours is none. Must never know a rule, or what a task does.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.facts import Operation, Point, Use
from poolaudit.needs.killing import FAR_AWAY

_WAITS = {
    "async_result": frozenset({"get", "wait"}),
    "future": frozenset({"result", "exception", "as_completed", "wait_futures"}),
    "iterator": frozenset({"iterate", "consume", "next"}),
}


def waits(operation: Operation) -> Iterator[tuple[Point, bool]]:
    """Every place where a result of the operation is waited for, and whether a timeout ends the wait."""
    if operation.handle.kind == "value":
        yield operation.point, False
    for use in operation.handle.uses:
        if use.how in _WAITS.get(operation.handle.kind, ()) and use.via != "item":
            yield use.point, _is_limited(use, operation)


def _is_limited(use: Use, operation: Operation) -> bool:
    given = operation.argument("timeout") if operation.method == "map" else None
    value = use.timeout or (given.value if given else None)
    if value is None or value.api in ("sys.maxsize", "threading.TIMEOUT_MAX"):
        return False
    if value.kind == "const":
        return isinstance(value.const, (int, float)) and value.const < FAR_AWAY
    return True
