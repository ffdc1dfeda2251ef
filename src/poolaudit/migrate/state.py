"""What the process changes between the construction of a Pool and its first task.

A forked Pool has its workers from the construction on, an executor from the first submit: the workers of one see the change and
those of the other do not. Knows globals and calls that change the process. Must never know an edit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from poolaudit.facts import FileFacts, Function, GlobalUse, Point, Span
from poolaudit.migrate.between import Stretch, is_uneventful, stretches
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.caveats import caveat
from poolaudit.migrate.move import Move
from poolaudit.migrate.plan import Piece

_CHANGES = frozenset(
    {
        "os.fchdir", "os.umask", "os.nice", "os.setuid", "os.setgid", "signal.signal", "signal.setitimer", "random.seed",
        "numpy.random.seed", "locale.setlocale", "sys.setrecursionlimit", "socket.setdefaulttimeout", "resource.setrlimit",
        "warnings.simplefilter", "warnings.filterwarnings", "logging.basicConfig", "decimal.setcontext", "time.tzset",
        "gc.disable", "gc.freeze", "faulthandler.enable", "threading.Thread", "threading.Timer", "threading.Lock",
    }
)  # fmt: skip
"""Library calls whose effect a forked worker inherits."""

_INHERITED = re.compile(
    r"\bos\.environ(?:\[[^\]\n]*\]\s*=(?!=)|\.(?:update|pop|setdefault|clear)\()|\bos\.(?:putenv|unsetenv|chdir)\("
    r"|\bsys\.path\.(?:insert|append|extend)\(|\bsys\.(?:path|argv)(?:\[[^\]\n]*\])?\s*=(?!=)"
)
"""What every kind of worker inherits when it starts; an executor starts some of them later, on demand."""

_SHARED = re.compile(r"\bredirect_std(?:out|err)\(|\.setLevel\(")
_FORKED = re.compile(r"\bredirect_std(?:out|err)\(|\.setLevel\(|^[ \t]*(?:import|from)\s", re.MULTILINE)
"""What a forked worker inherits besides."""


def state_changes(move: Move) -> Iterator[Piece]:
    """Blockers for what is seen to change in between. An executor's workers see it, a Pool's do not."""
    site, file = move.site, move.file
    if move.is_thread or all(operation.point.span.path for operation in site.operations):
        return
    yield from _inherited_later(move)
    workers = {function.id for function in _workers(move)}
    elsewhere = [stretch for stretch in stretches(move) if stretch.scope not in workers]
    for stretch in elsewhere:
        yield from _mentioned(move, stretch, _INHERITED)
    if "fork" not in move.settings.start_methods(site, file):
        return
    first = min(
        (operation.point for operation in site.operations), key=lambda point: (point.scope != site.point.scope, point.order)
    )
    for call in file.library_calls:
        if call.api in _CHANGES and _between(call.point.scope, call.point.order, site.point, first):
            yield blocked(
                "state-changed-before-first-submit", call.point.span, f"`{call.api}` runs before the first task is submitted"
            )
    yield from _elsewhere(move, first, elsewhere)
    yield from _locks(move)
    yield from _touched(move, first)
    read = {use.name for function in _workers(move) for use in function.globals if use.how != "assign"}
    for name in sorted(read):
        for write in file.globals.get(name, ()):
            if _is_late(write, move, first):
                yield blocked("state-changed-before-first-submit", write.span, f"`{name}`, which the workers read, is set here")


def _elsewhere(move: Move, first: Point, found: Sequence[Stretch]) -> Iterator[Piece]:
    """What other functions are seen to change in between; and a name for what is not seen, where the first task is in one."""
    for stretch in found:
        for call in move.file.library_calls:
            inside = call.point.scope == stretch.scope and call.point.span in stretch.span
            if inside and call.api in _CHANGES and call.api != "threading.Lock":
                message = f"`{call.api}` runs between the construction and the first task"
                yield blocked("state-changed-before-first-submit", call.point.span, message)
        yield from _mentioned(move, stretch, _SHARED)
    if first.scope != move.site.point.scope and not is_uneventful(move, found):
        yield caveat("workers-start-late" if move.site.kind == "pool" else "workers-start-early")


def _mentioned(move: Move, stretch: Stretch, changes: re.Pattern[str]) -> Iterator[Piece]:
    for match in changes.finditer(move.file.text, stretch.span.start, stretch.span.end):
        where = Span(match.start(), match.end())
        yield blocked("state-changed-before-first-submit", where, "this changes between the construction and the first task")


def _inherited_later(move: Move) -> Iterator[Piece]:
    """Changes of what workers inherit, up to the last task: workers that start on demand see them."""
    site, file = move.site, move.file
    count = site.worker_count
    if count is not None and count.kind == "const" and count.const == 1 and not move.is_given(count):
        last = min(operation.point.span.start for operation in site.operations if not operation.point.span.path)
    else:
        last = max(operation.point.span.start for operation in site.operations if not operation.point.span.path)
    for match in _INHERITED.finditer(file.text, site.point.span.end, max(last, site.point.span.end)):
        where = Span(match.start(), match.end())
        yield blocked("state-changed-before-first-submit", where, "workers of an executor that start later see this change")


def _touched(move: Move, first: Point) -> Iterator[Piece]:
    """What stands between the construction and the first task, and changes what a forked worker gets."""
    site, file = move.site, move.file
    if first.scope != site.point.scope or first.span.path:
        return
    between = Span(site.point.span.end, max(first.span.start, site.point.span.end))
    for match in _FORKED.finditer(file.text, between.start, between.end):
        where = Span(match.start(), match.end())
        yield blocked("state-changed-before-first-submit", where, "workers that are forked at the first submit see this change")
    read = {use.name for function in _workers(move) for use in function.globals}
    text = file.text[between.start : between.end]
    for function in move.worker_code:
        cached = any((each.api or each.text).rpartition(".")[2] in ("lru_cache", "cache") for each in function.decorators)
        if cached and (called := re.search(rf"\b{re.escape(function.name)}\s*\(", text)) is not None:
            where = Span(between.start + called.start(), between.start + called.end())
            yield blocked("state-changed-before-first-submit", where, f"the cache of `{function.name}` is filled here")
    data = {name for name in read if any(use.how == "assign" and use.binding == "data" for use in file.globals.get(name, ()))}
    for name in sorted(data):
        used = re.search(rf"(?<![\w.]){re.escape(name)}\s*[.\[]", text)
        if used is not None:
            where = Span(between.start + used.start(), between.start + used.end())
            yield blocked("state-changed-before-first-submit", where, f"`{name}`, which the workers read, may be changed here")


def _locks(move: Move) -> Iterator[Piece]:
    """A lock of the module that is held while tasks are submitted: an executor forks its workers with the lock locked."""
    read = {use.name for function in _workers(move) for use in function.globals}
    for operation in move.site.operations:
        for step in operation.point.path:
            block = step.block
            if block.kind != "with" or block is move.site.with_block:
                continue
            held = read & set(re.findall(r"\w+", move.file.cut(block.header)))
            classes = {each.name for each in move.file.classes.values()}
            for name in sorted(held & move.file.globals.keys() - classes):
                message = f"`{name}`, which the workers take, is held while the workers are forked"
                yield blocked("state-changed-before-first-submit", block.header, message)


def _workers(move: Move) -> tuple[Function, ...]:
    initializer = move.site.initializer
    return move.file.reachable(*(task.function for task in (*move.tasks, *([initializer] if initializer else []))))


def _between(scope: int, order: int, built: Point, first: Point) -> bool:
    """In the scope of the construction, after it, and not after the first task where both are in one scope."""
    if scope != built.scope or order < built.order:
        return False
    return first.scope != built.scope or order < first.order


def _is_late(write: GlobalUse, move: Move, first: Point) -> bool:
    """The write may fall between: in the same scope by order, or in a function of the parent that may be called in between."""
    site, file = move.site, move.file
    if write.function == site.point.scope:
        return _between(write.function, write.order, site.point, first)
    if write.function == 0 or write.function in file.called_at_import:
        return False
    workers = {function.id for function in _workers(move)}
    if first.scope != site.point.scope:
        return write.function not in workers  # who runs in between is not known
    return write.function not in workers and write.function in _called_between(site.point, first, file)


def _called_between(built: Point, first: Point, file: FileFacts) -> set[int]:
    """Functions that run because the text between the construction and the first task mentions them."""
    text = file.cut(Span(built.span.end, max(first.span.end, built.span.end)))
    scope = file.functions.get(built.scope)
    calls = scope.calls if scope is not None else tuple(file.functions)
    named = (identity for identity in calls if re.search(rf"\b{re.escape(file.functions[identity].name)}\b", text))
    return {function.id for function in file.reachable(*named)}
