"""What the parent runs once an operation has been called.

Knows points and the calls of the project's own functions. Must never know a rule.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.facts import FileFacts, Point, exclusive


def afterwards(file: FileFacts, point: Point) -> Iterator[Point]:
    """The point itself, and each point at which a caller comes back from it: what stands behind one of them runs later."""
    seen: set[int] = set()
    todo = [point]
    while todo:
        current = todo.pop(0)
        if current.scope in seen:
            continue
        seen.add(current.scope)
        yield current
        todo.extend(call.point for call in file.local_calls if current.scope in call.callees)


def called_afterwards(file: FileFacts, point: Point) -> frozenset[int]:
    """Functions of the project that run once the operation at `point` has been called."""
    found: set[int] = set()
    for here in afterwards(file, point):
        for call in file.local_calls:
            if call.function == here.scope and call.point.order > here.order and not exclusive(here, call.point):
                found.update(function.id for function in file.reachable(*call.callees))
    return frozenset(found)
