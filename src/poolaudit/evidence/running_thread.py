"""Threads that run at a point of a program.

Knows what starts a thread, and what waits for its end or may do so. Must never know a rule or libcst.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from poolaudit.evidence.earlier import earlier, reached_by, through_loops
from poolaudit.facts import FileFacts, Function, LibraryCall, Point, PoolSite

_STARTS = ("threading.Thread().start", "threading.Timer().start", "_thread.start_new_thread")
_STOPS = ("threading.Thread().join", "threading.Timer().join", "threading.Timer().cancel")
_SUBMITS = ("submit", "map")


class Running(Struct, frozen=True):
    """A thread, or the threads of a pool, and where they were started."""

    where: Point
    code: tuple[Function, ...]
    """Functions of this file that they run, as far as that is seen."""


def running(at: Point, file: FileFacts) -> Iterator[Running]:
    """What has been started before `at`, and is not seen to have been joined, cancelled or closed since."""
    starts = (call for call in file.library_calls if call.api in _STARTS)
    for call in starts:
        if not earlier(through_loops(call.point), at, file):
            continue
        stops = [other for other in file.library_calls if other.api in _STOPS and _same_object(call, other)]
        if all(_later(other.point, at, file) for other in stops):
            yield Running(call.point, _code(call, file))
    for site in file.sites:
        point = _threads_start(site, at, file)
        if point is not None and all(_later(end.point, at, file) for end in site.ends):
            tasks = (operation.task for operation in site.operations)
            yield Running(point, file.reachable(*(task.function for task in tasks if task is not None)))


def _same_object(start: LibraryCall, stop: LibraryCall) -> bool:
    """They are, or may be, about one thread."""
    return start.made_at is None or stop.made_at is None or start.made_at == stop.made_at


def _later(point: Point, at: Point, file: FileFacts) -> bool:
    """It comes after `at`, on the way that leads there."""
    return any(point.scope == each.scope and point.order > each.order for each in reached_by(at, file))


def _threads_start(site: PoolSite, at: Point, file: FileFacts) -> Point | None:
    """Where an executor has got a task that its threads may still be at. Those of a ThreadPool are idle most of the time."""
    if site.workers != "thread" or site.kind != "executor" or not site.stdlib or site.foreign:
        return None
    points = (operation.point for operation in site.operations if operation.certain and operation.method in _SUBMITS)
    return next((point for point in points if earlier(point, at, file)), None)


def _code(start: LibraryCall, file: FileFacts) -> tuple[Function, ...]:
    """What the thread runs: the target of the Thread(..) call that made it."""
    for call in file.library_calls:
        if call.function == start.function and call.point.order == start.made_at:
            target = next((each.value.function for each in call.arguments if each.keyword in ("target", "function")), None)
            return file.reachable(target)
    return ()
