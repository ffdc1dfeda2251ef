"""`Pool(n, init, initargs)` to `ProcessPoolExecutor(max_workers=n, initializer=init, initargs=initargs)`.

All by keyword: the second positional argument of an executor is its context. Must never know an operation.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.edits import Edit, insert, replace
from poolaudit.facts import Argument
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.caveats import caveat
from poolaudit.migrate.editing import add_argument
from poolaudit.migrate.initializer import observed_workers
from poolaudit.migrate.move import Move
from poolaudit.migrate.plan import Piece

_KEYWORDS = {
    "processes": "max_workers",
    "initializer": "initializer",
    "initargs": "initargs",
    "maxtasksperchild": "maxtasksperchild",
    "context": "mp_context",
}
_POSITIONS = tuple(_KEYWORDS)
RECYCLING_SINCE = (3, 11)
WINDOWS_LIMIT = 61


def pieces(move: Move) -> Iterator[Piece]:
    """The new call in place of the old one."""
    site = move.site
    if site.family == "multiprocessing.managers":
        yield blocked("manager-pool", site.callee, f"{move.name} lives in the process of a Manager")
        return
    names = site.api.split(" | ")
    if not all(name.startswith("multiprocessing.") for name in names):
        yield blocked("pool-origin-unknown", site.callee, f"{move.name} may be one of {', '.join(names)}")
        return
    if len(names) == 1 and not site.stdlib:
        yield blocked("pool-subclassed", site.callee, f"`{move.file.cut(site.callee)}` is a class of the project")
        return
    if len(names) > 1 or site.conditional:
        yield blocked("pool-class-is-variable", site.callee, f"what {move.name} is gets chosen at run time")
        return
    name = "ThreadPoolExecutor" if move.is_thread else "ProcessPoolExecutor"
    spelled, needed = move.spelled("concurrent.futures", name, site.callee)
    yield from needed
    yield replace(site.callee, spelled)
    yield from _arguments(move)
    yield from _started(move)
    yield from _context(move)
    yield from observed_workers(move)


def _arguments(move: Move) -> Iterator[Piece]:
    site = move.site
    for position, argument in enumerate(site.arguments):
        keyword = argument.keyword or (_POSITIONS[position] if position < len(_POSITIONS) else "")
        if argument.star or keyword not in _KEYWORDS:
            yield blocked("unclear-arguments", argument.span, f"`{move.file.cut(argument.span)}` hides what is passed")
        elif keyword == "maxtasksperchild":
            yield from _recycling(move, argument)
        elif argument.keyword_span is not None:
            yield replace(argument.keyword_span, _KEYWORDS[keyword])
        else:
            yield insert(argument.span.start, f"{_KEYWORDS[keyword]}=")
    count = site.worker_count
    if move.is_thread and (count is None or (count.kind == "const" and count.const is None)):
        yield blocked("threadpool-default-size", site.callee, f"how many threads {move.name} has is left to the default")
    elif move.is_thread and count is not None and not count.literal and move.is_given(count):
        yield caveat("default-thread-count")
    if count is not None and count.kind == "const" and count.const is not None:
        if not isinstance(count.const, int) or count.const < 1:
            yield blocked("unclear-worker-count", count.span, f"`{count.text}` is no number of workers")
        elif count.const > WINDOWS_LIMIT and not move.is_thread and "windows" in move.settings.platforms:
            yield caveat("windows-limit")


def _started(move: Move) -> Iterator[Piece]:
    """Workers that do more than wait for tasks."""
    task = move.site.initializer
    endless = task is not None and any(function.endless for function in move.file.reachable(task.function))
    if endless or not move.site.operations:
        why = "its initializer never returns" if endless else "it is given no task here"
        yield blocked("workers-start-later", move.site.callee, f"{move.name}: {why}")


def _recycling(move: Move, argument: Argument) -> Iterator[Piece]:
    """Only one task for each process, by a context that does not fork, is the same in both."""
    site, value = move.site, argument.value
    if value.kind == "const" and value.const is None:
        yield _without(move, argument)
        return
    old = [target for target in move.settings.targets if target < RECYCLING_SINCE]
    if value.kind == "const" and value.const == 1 and site.start_method in ("spawn", "forkserver") and not old:
        name = "max_tasks_per_child"
        yield replace(argument.keyword_span, name) if argument.keyword_span else insert(argument.span.start, f"{name}=")
    else:
        yield blocked("maxtasksperchild", argument.span, f"`{move.file.cut(argument.span)}` has no faithful counterpart")


def _without(move: Move, argument: Argument) -> Edit:
    """Takes an argument out, with the comma that goes with it."""
    arguments = move.site.arguments
    index = arguments.index(argument)
    if index:
        return Edit(arguments[index - 1].span.end, argument.span.end, "")
    end = arguments[1].span.start if len(arguments) > 1 else argument.span.end
    return Edit(argument.span.start, end, "")


def _context(move: Move) -> Iterator[Piece]:
    """`context.Pool(..)` knows its start method by its receiver; an executor is told."""
    site = move.site
    receiver, dot, _ = move.file.cut(site.callee).rpartition(".")
    if not dot or move.is_thread or site.start_method is None or site.argument("context", 4) is not None:
        return
    yield add_argument(site.arguments, site.argument_list, f"mp_context={receiver.strip()}", move.file)
