"""Edits that submit all tasks of a loop before they wait for the first one.

Knows how a comprehension and a simple `for` loop that submit and wait per item are spelled. Must never know a rule, or whether
the tasks may run side by side: callers decide.
"""

from __future__ import annotations

import re

from poolaudit.edits import Edit, insert, replace
from poolaudit.facts import Block, FileFacts, Operation, Span, Use
from poolaudit.rewriting.collect import mentions, names_for


def submit_first(operation: Operation, wait: Use, loop: Block, file: FileFacts) -> tuple[Edit, ...]:
    """The edits for `ex.submit(f, x).result()` in `loop`; none where they cannot be made by moving text."""
    names = names_for(operation.point.scope, "get" if wait.how == "get" else "result", file)
    chained = operation.handle.chained == wait.how and wait.point.span.start == operation.point.span.start
    if names is None or not chained or wait.timeout is not None:
        return ()
    handle, asked = names[1], f"{names[1]}.{wait.how}()"
    edits = _in_comprehension if loop.kind in ("comprehension", "generator") else _in_loop
    return edits(operation, wait, loop, handle, asked, file)


def _in_comprehension(operation: Operation, wait: Use, loop: Block, handle: str, asked: str, file: FileFacts) -> tuple[Edit, ...]:
    """`[ex.submit(f, x).result() for x in xs]` to `[future.result() for future in [ex.submit(f, x) for x in xs]]`."""
    whole, call = loop.span, operation.point.span
    opened = whole.start != call.start
    if opened and not re.fullmatch(r"[\[({]\s*", file.text[whole.start : call.start]):
        return ()
    end = whole.end - 1 if opened else whole.end
    if not re.match(r"\s+for\b", file.text[wait.point.span.end : end]):
        return ()
    ask = replace(Span(call.end, wait.point.span.end), "")
    return insert(call.start, f"{asked} for {handle} in ["), ask, insert(end, "]")


def _in_loop(operation: Operation, wait: Use, loop: Block, handle: str, asked: str, file: FileFacts) -> tuple[Edit, ...]:
    """`for x in xs: use(ex.submit(f, x).result())` to `for future in [ex.submit(f, x) for x in xs]: use(future.result())`."""
    header, call = loop.header, operation.point.span
    text = file.cut(header).rstrip(":")
    inner = operation.point.path[-1].block
    alone = operation.point.statement.span.start == loop.body.start and inner is loop
    elsewhere = any(
        len(mentions(name, operation.point.scope, file))
        != sum(len(re.findall(rf"(?<![\w.]){name}\b", file.cut(span))) for span in (header, call))
        for name in loop.targets
    )
    bare_tuple = loop.iterable is None or (loop.iterable.kind == "tuple" and not loop.iterable.parenthesized)
    if not alone or elsewhere or bare_tuple or not text.startswith("for "):
        return ()
    return (
        insert(header.start + len("for "), f"{handle} in [{file.cut(call)} for "),
        insert(header.start + len(text), "]"),
        replace(wait.point.span, asked),
    )
