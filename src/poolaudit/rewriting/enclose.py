"""Puts the statements that use a pool into a `with` block that ends it, as a fix.

Knows from where to where a pool is used, and when leaving the block takes nothing from what the statements got. The exit of
a Pool terminates its workers, that of an executor waits for them. Must never know a rule or libcst.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from poolaudit.edits import Caveat, Edit, Fix, insert, replace
from poolaudit.facts import FileFacts, Handle, Operation, Point, PoolSite, Span, Use
from poolaudit.rewriting.indent import Unindentable, deeper, line_end, newline, unit
from poolaudit.survey.families import BLOCKING_METHODS, EXECUTOR_METHODS

_COMPOUND = ("with", "try", "if", "for", "while", "match")
_LAST = ("iterate", "consume", "get", "result", "as_completed", "wait_futures", "zip", "drop", "test", "len", "ready", "done")
"""Uses of a handle that leave nothing to come, or take nothing."""

_TERMINATES = Caveat("terminates-workers", "leaving the block terminates the workers at once, and runs no cleanup of theirs")
_WAITS = Caveat("waits-at-exit", "leaving the block waits until the workers have ended")


def enclose(site: PoolSite, file: FileFacts) -> Fix:
    """A `with` from the construction to the last use of the pool. Raises Unindentable."""
    if site.in_async:
        raise Unindentable("leaving the block would block the event loop")
    for operation in site.operations:
        _check(operation, site)
    if site.binding == "chained":
        return _around(site, file)
    return _from_assignment(site, file)


def _check(operation: Operation, site: PoolSite) -> None:
    """Raises Unindentable where the operation goes on behind its last use, or that use is not seen."""
    at_once = operation.method in BLOCKING_METHODS | EXECUTOR_METHODS
    if operation.point.span.path or operation.sites != (site.index,) or not (at_once or _finished(operation)):
        raise Unindentable(f"the results of `{operation.method}` may come after it")
    if not operation.handle.complete:
        raise Unindentable(f"the results of `{operation.method}` go where they are not seen")


def _finished(operation: Operation) -> bool:
    """All that the operation gives has come by its last use: nothing is lost when the workers end there."""
    handle: Handle = operation.handle
    awaited = (
        any(use.how in ("get", "iterate", "consume") and use.timeout is None for use in handle.uses) or handle.chained == "get"
    )
    return awaited and all(use.how in _LAST for use in handle.uses)


def _around(site: PoolSite, file: FileFacts) -> Fix:
    """`Pool(2).map(..)` becomes a `with` around its statement."""
    text, statement = file.text, site.point.statement
    name = site.kind if site.kind in ("pool", "executor") else "pool"
    if name in file.names:
        raise Unindentable(f"the name `{name}` is taken")
    if not statement.alone or statement.form not in ("expression", "assign", "return") or _in_comprehension(site.point):
        raise Unindentable("its statement cannot be put into a block")
    if any(use.point.statement.span != statement.span for use in _uses(site)):
        raise Unindentable("its results are used behind the statement")
    call = text[site.point.span.start : site.point.span.end]
    if "\n" in call:
        raise Unindentable("the construction takes several lines")
    others = deeper(text, statement.span)[1:]
    head = insert(statement.span.start, f"with {call} as {name}:{newline(text)}{statement.indent}{unit(text, statement.span)}")
    return _fix(site, (head, replace(site.point.span, name), *others))


def _from_assignment(site: PoolSite, file: FileFacts) -> Fix:
    """`pool = Pool(2)` becomes `with Pool(2) as pool:` around all that uses it."""
    text, statement, call = file.text, site.point.statement, site.point.span
    assigned = re.fullmatch(r"(\w+)[ \t]*=[ \t]*", text[statement.span.start : call.start])
    if not statement.alone or assigned is None or call.end != statement.span.end or site.conditional:
        raise Unindentable("the pool is not bound by a plain assignment")
    function = file.functions.get(site.function)
    if function is not None and function.is_generator:
        raise Unindentable("it is used in a generator, which may never come to the end of the block")
    end = max((_end(point, site.point) for point in _points(site)), default=call.end)
    body = Span(line_end(text, call.end) + 1, end)
    if body.start >= end:
        raise Unindentable("nothing uses the pool behind it")
    head = (replace(Span(statement.span.start, call.start), "with "), insert(call.end, f" as {assigned[1]}:"))
    return _fix(site, (*head, *deeper(text, body)))


def _fix(site: PoolSite, edits: tuple[Edit, ...]) -> Fix:
    return Fix("end it by a `with` block", "unsafe", edits, caveats=(_TERMINATES if site.kind == "pool" else _WAITS,))


def _uses(site: PoolSite) -> Iterator[Use]:
    for operation in site.operations:
        yield from operation.handle.uses
    yield from site.uses


def _points(site: PoolSite) -> Iterator[Point]:
    yield from (operation.point for operation in site.operations)
    yield from (use.point for use in _uses(site))


def _end(point: Point, first: Point) -> int:
    """Where the statement that holds `point` ends, in the block that `first` stands in. Raises Unindentable."""
    depth = len(first.path)
    same = [(step.block.id, step.arm) for step in point.path[:depth]] == [(step.block.id, step.arm) for step in first.path]
    if point.scope != first.scope or not same or point.order < first.order:
        raise Unindentable("it is used outside of the block in which it is made")
    inner = next((step.block for step in point.path[depth:]), None)
    if inner is not None and inner.kind in _COMPOUND:
        return inner.span.end
    if not point.statement.alone:
        raise Unindentable("a line holds several statements")
    return point.statement.span.end


def _in_comprehension(point: Point) -> bool:
    return any(step.block.kind in ("comprehension", "generator") for step in point.path)
