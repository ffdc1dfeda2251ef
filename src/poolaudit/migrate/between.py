"""What runs between the construction of a pool and its first task, where the two stand in different functions.

Knows which calls of the project lead to the one and to the other. Must never know an edit, nor which changes matter.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from poolaudit.facts import LocalCall, Span
from poolaudit.migrate.move import Move

_QUIET_FUNCTIONS = frozenset(
    {"len", "range", "list", "tuple", "dict", "set", "sorted", "zip", "enumerate", "min", "max", "sum", "int", "float", "str"}
    | {"print", "isinstance", "partial", "super"}
)
_QUIET_METHODS = frozenset({"append", "format", "join", "items", "keys", "values", "cpu_count"})
"""Calls after which a forked process looks as before."""


class Stretch(Struct, frozen=True):
    """Text of one function, or of module level, that runs in between."""

    scope: int
    span: Span


def stretches(move: Move) -> Iterator[Stretch]:
    """What is seen to run in between outside of the constructor's own statements, and functions that are called there.

    Where construction and first task stand in one function: only what is called in between.
    """
    built = move.site.point
    tasks = {each.point.scope for each in move.site.operations if not each.point.span.path}
    between = _Between(move, tasks)
    if built.scope in tasks:
        first = min(each.point.span.start for each in move.site.operations if each.point.scope == built.scope)
        yield from between.called(built.scope, Span(built.span.end, max(first, built.span.end)))
        return
    for scope in {call.function for call in move.file.local_calls} | {built.scope}:
        yield from between.of(scope)
    for scope in tasks:
        function = move.file.functions.get(scope)
        if function is not None and not function.span.path:
            first = min(each.point.statement.span.start for each in move.site.operations if each.point.scope == scope)
            yield from between.stretch(scope, Span(function.body.start, max(first, function.body.start)))


class _Between(Struct, frozen=True):
    move: Move
    tasks: set[int]

    def of(self, scope: int) -> Iterator[Stretch]:
        """Of one scope: from where the pool has been built, to where the first task may run."""
        built = self.move.site.point
        calls = [call for call in self.move.file.local_calls if call.function == scope and not call.point.span.path]
        start = built.span.end if scope == built.scope else _first_end(call for call in calls if self._builds(call))
        if start is None:
            return
        later = [call.point.span for call in calls if call.point.span.start >= start and self._runs_a_task(call)]
        end = min((span.start for span in later), default=self._end(scope))
        yield from self.stretch(scope, Span(start, max(start, end)))

    def stretch(self, scope: int, span: Span) -> Iterator[Stretch]:
        yield Stretch(scope, span)
        yield from self.called(scope, span)

    def called(self, scope: int, span: Span) -> Iterator[Stretch]:
        """The functions of this file that calls in the span run."""
        for call in self.move.file.local_calls:
            if call.function == scope and call.certain and call.point.span in span:
                for function in self.move.file.reachable(*call.callees):
                    if not function.span.path:
                        yield Stretch(function.id, function.body)

    def _builds(self, call: LocalCall) -> bool:
        return self.move.site.point.scope in self._reached(call) and not self._runs_a_task(call)

    def _runs_a_task(self, call: LocalCall) -> bool:
        return bool(self.tasks & self._reached(call))

    def _reached(self, call: LocalCall) -> set[int]:
        return {function.id for function in self.move.file.reachable(*call.callees)}

    def _end(self, scope: int) -> int:
        function = self.move.file.functions.get(scope)
        return function.body.end if function is not None else len(self.move.file.text)


def _first_end(calls: Iterable[LocalCall]) -> int | None:
    return min((call.point.span.end for call in calls), default=None)


def is_uneventful(move: Move, found: Sequence[Stretch]) -> bool:
    """The function that builds the pool calls the one with the first task, and nothing of note runs before."""
    built = move.site.point
    tasks = {each.point.scope for each in move.site.operations}
    first = next(
        (
            call
            for call in move.file.local_calls
            if call.function == built.scope
            and call.point.span.start >= built.span.end
            and tasks & {function.id for function in move.file.reachable(*call.callees)}
        ),
        None,
    )
    if first is None or not first.certain:
        return False
    names = {move.file.functions[each].name for each in first.callees if each in move.file.functions}
    own = (call for stretch in found if stretch.scope == built.scope for call in move.code.calls_in(stretch.span))
    theirs = (call for stretch in found if stretch.scope in first.callees for call in move.code.calls_in(stretch.span))
    statement = (call for call in move.code.calls_in(first.point.span))
    return tasks <= set(first.callees) and all(_is_quiet(call, names) for calls in (own, theirs, statement) for call in calls)


def _is_quiet(call: ast.Call, names: set[str]) -> bool:
    match call.func:
        case ast.Name(id=name):
            return name in _QUIET_FUNCTIONS or name in names
        case ast.Attribute(attr=name):
            return name in _QUIET_METHODS or name in names
    return False
