"""Edits that take what `map` gives for what it is: results, in an iterator.

Knows spans, and how a list and a submit are spelled. Must never know a rule, or whether the edit is wise.
"""

from __future__ import annotations

from collections.abc import Iterable

from poolaudit.edits import Caveat, Edit, Fix, insert, replace
from poolaudit.facts import FileFacts, Operation, Use
from poolaudit.rewriting.collect import mentions

_WAITS = Caveat("waits-here", "all results are waited for where the list is made, and the first error of a task is raised there")
_EACH = Caveat("as-they-are-done", "each item is a task of its own, and the results come in the order in which they are ready")
_VALUE = Caveat("value-itself", "the item is taken for the result that it is")


def as_list(operation: Operation) -> Fix | None:
    """`list(executor.map(..))`, unless something takes it for an iterator, or may do so out of sight."""
    handle, source = operation.handle, operation.iterable
    stepwise = any(use.how in ("next", "method") and use.name not in LIST_METHODS for use in handle.uses)
    if not handle.complete or stepwise or operation.in_async or (source is not None and source.infinite):
        return None
    span = operation.point.span
    edits = (insert(span.start, "list("), insert(span.end, ")"))
    return Fix("make a list of the results", "unsafe", edits, caveats=(_WAITS,))


LIST_METHODS = frozenset({"append", "extend", "insert", "sort", "reverse", "index", "count", "copy", "pop", "remove", "clear"})
"""What a list has and an iterator has not."""


def without_result(uses: Iterable[Use], file: FileFacts) -> Fix | None:
    """`item.result()` -> `item`."""
    edits = []
    for use in uses:
        start, end = use.point.span.end - len(use.name) - 1, use.point.span.end
        if use.name != "result" or file.text[start : end + 2] != ".result()":
            return None
        edits.append(Edit(start, end + 2, ""))
    return Fix("take the item itself", "unsafe", tuple(edits), caveats=(_VALUE,)) if edits else None


def submitted_each(operation: Operation, file: FileFacts) -> Fix | None:
    """`executor.map(f, xs)` -> `[executor.submit(f, item) for item in xs]`."""
    arguments = operation.arguments
    if len(arguments) != 2 or any(each.star or each.keyword for each in arguments):
        return None
    if sum(use.via != "item" for use in operation.handle.uses) != 1 or mentions("item", operation.point.scope, file):
        return None
    span, iterable = operation.point.span, arguments[1].value
    edits = (
        insert(span.start, "["),
        replace(operation.method_span, "submit"),
        replace(iterable.span, "item"),
        insert(span.end, f" for item in {iterable.text}]"),
    )
    return Fix("submit each item", "unsafe", edits, caveats=(_EACH,))
