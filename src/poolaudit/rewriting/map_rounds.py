"""Edits that hand the rounds of a loop, each of which calls `pool.apply`, to one map or starmap.

Knows how a list comprehension and a simple `for` loop that apply a task to each item are spelled. Must never know a rule, or
whether the rounds may run side by side: callers decide.
"""

from __future__ import annotations

import re

from poolaudit.edits import Edit, insert, replace
from poolaudit.facts import Block, FileFacts, Operation, Span, Value
from poolaudit.rewriting.collect import mentions, names_for


def map_rounds(operation: Operation, loop: Block, file: FileFacts) -> tuple[Edit, ...]:
    """The edits for `pool.apply(f, (x,))` in `loop`; none where they cannot be made by moving text."""
    task, arguments = operation.argument("func", 0), operation.argument("args", 1)
    if task is None or arguments is None or len(operation.arguments) != 2 or set(loop.targets) & task.value.names:
        return ()
    display = arguments.value
    plain = display.literal and display.kind in ("tuple", "list") and file.cut(display.span)[:1] in ("(", "[")
    if operation.point.span.path or not plain or any(text in file.cut(loop.span) for text in ("#", "*", ":=")):
        return ()
    edits = {"comprehension": _of_comprehension, "for": _of_loop}.get(loop.kind)
    return edits(operation, loop, task.value, display, file) if edits else ()


def _of_comprehension(operation: Operation, loop: Block, task: Value, arguments: Value, file: FileFacts) -> tuple[Edit, ...]:
    """`[pool.apply(f, (x, 2)) for x in xs]` to `pool.starmap(f, [(x, 2) for x in xs])`."""
    whole, call = loop.span, operation.point.span
    clauses = file.text[call.end : whole.end - 1].rstrip() + file.text[whole.end - 1 : whole.end]
    if not re.fullmatch(r"\[\s*", file.text[whole.start : call.start]) or not re.match(r"\s+for\b", clauses):
        return ()
    mapped = _mapped(operation, loop, task, arguments, file)
    if mapped and loop.iterable and clauses.split(maxsplit=2)[1:] == [*loop.targets, f"in {file.cut(loop.iterable.span)}]"]:
        return (replace(whole, mapped),)
    head = f"{file.cut(operation.receiver)}.starmap({file.cut(task.span)}, ["
    return (
        replace(Span(whole.start, arguments.span.start), head),
        replace(Span(arguments.span.end, call.end), ""),
        insert(whole.end, ")"),
    )


def _mapped(operation: Operation, loop: Block, task: Value, arguments: Value, file: FileFacts) -> str | None:
    """`pool.map(f, xs)`, where the item itself is the only argument."""
    if loop.iterable is None or [item.text for item in arguments.items] != [*loop.targets]:
        return None
    return f"{file.cut(operation.receiver)}.map({file.cut(task.span)}, {file.cut(loop.iterable.span)})"


def _of_loop(operation: Operation, loop: Block, task: Value, arguments: Value, file: FileFacts) -> tuple[Edit, ...]:
    """`for x in xs: use(pool.apply(f, (x,)))` to `for result in pool.map(f, xs): use(result)`."""
    header = file.cut(loop.header).removesuffix(":").rstrip()
    names = names_for(operation.point.scope, "get", file)
    first = operation.point.statement.span.start == loop.body.start and operation.point.path[-1].block is loop
    bare_tuple = loop.iterable is None or (loop.iterable.kind == "tuple" and not loop.iterable.parenthesized)
    if names is None or not first or bare_tuple or not header.startswith("for ") or _elsewhere(operation, loop, file):
        return ()
    clause = header.removeprefix("for ")
    mapped = _mapped(operation, loop, task, arguments, file) if clause.split(maxsplit=1)[0] in loop.targets else None
    if mapped is None or len(loop.targets) > 1:
        mapped = f"{file.cut(operation.receiver)}.starmap({file.cut(task.span)}, [{file.cut(arguments.span)} {header}])"
    if operation.handle.bare:
        only = operation.point.statement.span.end == loop.span.end
        return (replace(loop.span, mapped),) if only else ()
    return (
        replace(Span(loop.header.start + len("for "), loop.header.start + len(header)), f"{names[1]} in {mapped}"),
        replace(operation.point.span, names[1]),
    )


def _elsewhere(operation: Operation, loop: Block, file: FileFacts) -> bool:
    """A name that the loop binds is used outside of its header and the call."""
    here = (loop.header, operation.point.span)
    return any(
        len(mentions(name, operation.point.scope, file))
        != sum(len(re.findall(rf"(?<![\w.]){name}\b", file.cut(span))) for span in here)
        for name in loop.targets
    )
