"""Turns a call that blocks the event loop into one that is awaited, as a fix.

Knows where await may stand and how a call is handed to asyncio. What is not plain gets no fix. Must never know a rule or a
syntax tree.
"""

from __future__ import annotations

import re

from poolaudit import imports
from poolaudit.edits import Caveat, Edit, Fix, insert, replace
from poolaudit.facts import FileFacts, Point, Span
from poolaudit.settings import Settings

TO_THREAD_SINCE = (3, 9)

_INTERLEAVING = Caveat("interleaving", "other coroutines run while this one waits, and it can be cancelled there")


def await_future(file: FileFacts, point: Point, name: Span) -> Fix | None:
    """`future.result()` -> `await asyncio.wrap_future(future)`; `name` is the span of `result`."""
    asyncio = imports.spell(file, "asyncio")
    plain = file.text[name.start - 1] == "." and file.text[name.end : point.span.end] == "()"
    if isinstance(asyncio, imports.Refusal) or not plain or not _may_await(point):
        return None
    head, tail = _parentheses(file, point.span)
    edits = (
        insert(point.span.start, f"{head}await {asyncio.text}.wrap_future("),
        replace(Span(name.start - 1, point.span.end), f"){tail}"),
    )
    return Fix("await the future", "unsafe", edits, asyncio.requests, (_INTERLEAVING,))


def await_in_thread(file: FileFacts, settings: Settings, point: Point, callee: int | None) -> Fix | None:
    """`pool.map(f, xs)` -> `await asyncio.to_thread(pool.map, f, xs)`; `callee` is where `pool.map` ends."""
    asyncio = imports.spell(file, "asyncio")
    if callee is None or isinstance(asyncio, imports.Refusal) or settings.below(TO_THREAD_SINCE) or not _may_await(point):
        return None
    text = file.text[callee : point.span.end]
    if not text.startswith("(") or not text.endswith(")"):
        return None
    head, tail = _parentheses(file, point.span)
    start = insert(point.span.start, f"{head}await {asyncio.text}.to_thread(")
    opening = Edit(callee, callee + 1, ", " if text[1:-1].strip() else "")
    end = (insert(point.span.end, tail),) if tail else ()
    return Fix("wait in a thread", "unsafe", (start, opening, *end), asyncio.requests, (_INTERLEAVING,))


def callee_end(file: FileFacts, call: Span) -> int | None:
    """Where the callee of a call by a plain or dotted name ends."""
    found = re.match(r"[\w.]+(?=\()", file.cut(call))
    return call.start + found.end() if found else None


def _may_await(point: Point) -> bool:
    """Not in a generator expression, which await would make asynchronous, nor in a nested comprehension (Python 3.11)."""
    kinds = [step.block.kind for step in point.path]
    return "generator" not in kinds and "class" not in kinds and kinds.count("comprehension") < 2


def _parentheses(file: FileFacts, span: Span) -> tuple[str, str]:
    """Needed where an attribute, an index or a call follows."""
    return ("(", ")") if file.text[span.end :].lstrip(" \t")[:1] in (".", "[", "(") else ("", "")
