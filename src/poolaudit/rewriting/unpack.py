"""Edits that hand a task the items of its tuples, or of several iterables, as arguments.

Knows how map, starmap and submit are spelled. Must never know a rule, or whether the task can take what it is given.
"""

from __future__ import annotations

from collections.abc import Sequence

from poolaudit.edits import Caveat, Fix, insert, replace
from poolaudit.facts import Argument, FileFacts, Operation

STARS = {"map": "starmap", "map_async": "starmap_async"}
"""Methods of Pool that call the task with one item -> those that unpack it. imap has none."""

_STOPS_EARLY = Caveat("zip-stops-early", "zip ends with the shortest of them")
_MEANT = Caveat("meant-as-arguments", "the items of each tuple become the arguments of the function")


def star_over_zip(operation: Operation, iterables: Sequence[Argument]) -> Fix | None:
    """`pool.map(f, xs, ys)` -> `pool.starmap(f, zip(xs, ys))`."""
    star = STARS.get(operation.method)
    if star is None or any(argument.keyword for argument in operation.arguments):
        return None
    edits = (
        replace(operation.method_span, star),
        insert(iterables[0].span.start, "zip("),
        insert(iterables[-1].span.end, ")"),
    )
    return Fix(f"use {star}, over all of them at once", "unsafe", edits, caveats=(_STOPS_EARLY,))


def star(operation: Operation) -> Fix | None:
    """`pool.map(f, pairs)` -> `pool.starmap(f, pairs)`."""
    name = STARS.get(operation.method)
    if name is None:
        return None
    return Fix(f"use {name}, which unpacks the items", "unsafe", (replace(operation.method_span, name),), caveats=(_MEANT,))


def spread(iterable: Argument) -> Fix:
    """`executor.map(f, pairs)` -> `executor.map(f, *zip(*pairs))`."""
    edits = (insert(iterable.span.start, "*zip(*"), insert(iterable.span.end, ")"))
    return Fix("give it an iterable for each argument", "unsafe", edits, caveats=(_MEANT,))


def items(argument: Argument, file: FileFacts) -> Fix:
    """`executor.submit(f, (x, y))` -> `executor.submit(f, x, y)`, for a display that is not empty."""
    first, last = argument.value.items[0], argument.value.items[-1]
    inner = file.text[first.span.start : last.span.end]
    return Fix("pass its items as arguments", "unsafe", (replace(argument.span, inner),), caveats=(_MEANT,))
