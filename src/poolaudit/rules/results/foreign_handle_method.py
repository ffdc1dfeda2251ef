"""A future is used like an AsyncResult, an AsyncResult like a future, or either like a future of asyncio.

Why it hurts: get, wait, ready and successful are methods of the AsyncResult that a Pool gives; result, done, cancel and exception
are methods of the Future that an executor gives: AttributeError. Neither can be awaited, nor given to asyncio.gather or
asyncio.wait_for, and asyncio.create_task takes not even the future that run_in_executor gives: TypeError. The work is done
meanwhile, and its result is lost.

When it is fine: never, but behind hasattr, or where the AttributeError is caught.

Fix: the method's other name, where there is one; asyncio.wrap_future around a future that is awaited; ensure_future for
create_task.

Limitations: looks at objects that are surely what a call gave back. What Pool.map and executor.map give is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from poolaudit import imports
from poolaudit.edits import Edit, Fix, insert, replace
from poolaudit.evidence.caught import caught
from poolaudit.evidence.deliberate import expects_failure
from poolaudit.facts import FileFacts, Operation, PoolSite, Span, Use
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_FOREIGN = {
    "future": {"get": "result", "ready": "done", "wait": "", "successful": ""},
    "async_result": {"result": "get", "done": "ready", "running": "", "cancel": "", "cancelled": "", "exception": ""}
    | {"add_done_callback": ""},
}
"""Methods that a handle does not have, and what the same thing is called there; '' where there is no such thing."""

_NAMES = {"future": "a Future", "async_result": "an AsyncResult"}
_AWAITING = {
    "await": "cannot be awaited",
    "gather": "cannot be given to asyncio.gather",
    "wait_for": "cannot be given to asyncio.wait_for",
}
_INSTEAD = {
    "future": "loop.run_in_executor gives a future of asyncio, and asyncio.wrap_future makes one of this",
    "async_result": "wait for it in a thread, by asyncio.to_thread, or use a ProcessPoolExecutor",
}


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        if not operation.process_only or operation.sites[0] != site.index or expects_failure(file, operation):
            continue
        for use in operation.handle.uses:
            if use.certain and not use.point.span.path:
                yield from _missing_method(file, operation, use)
                yield from _awaited(file, operation, use)
                yield from _made_a_task(file, operation, use)


def _missing_method(file: FileFacts, operation: Operation, use: Use) -> Iterator[Finding]:
    kind, name, span = operation.handle.kind, use.name, use.name_span
    there = _FOREIGN.get(kind, {}).get(name)
    asked = any("builtins.hasattr" in step.block.tests for step in use.point.path)
    if there is None or span is None or use.via != "direct" or asked or caught(use.point, "builtins.AttributeError"):
        return
    yield Finding(
        span,
        f"{_NAMES[kind]} has no `{name}`: AttributeError",
        label=f"there it is `{there}`" if there else f"{_NAMES[kind]} has no such method",
        related=_given(operation, use),
        fix=Fix(f"call `{there}`", "safe", (replace(span, there),)) if there else None,
    )


def _awaited(file: FileFacts, operation: Operation, use: Use) -> Iterator[Finding]:
    kind = operation.handle.kind
    if kind not in _NAMES or use.how not in _AWAITING or use.api not in ("", "asyncio.gather", "asyncio.wait_for"):
        return
    others = {other.how for other in operation.handle.uses}
    if "wrap_future" in others or (use.how == "await" and "wait_for" in others) or caught(use.point, "builtins.TypeError"):
        return
    yield Finding(
        use.point.span,
        f"{_NAMES[kind]} of a process pool is no future of asyncio, and {_AWAITING[use.how]}: TypeError",
        label="fails at once",
        related=_given(operation, use),
        notes=(_INSTEAD[kind],),
        fix=_wrapped(file, use) if use.how == "await" and kind == "future" else None,
    )


def _made_a_task(file: FileFacts, operation: Operation, use: Use) -> Iterator[Finding]:
    """asyncio.create_task(loop.run_in_executor(..)): a future is no coroutine."""
    known = use.api.startswith("asyncio.") and use.api.endswith(".create_task")
    if not known or use.via != "direct" or caught(use.point, "builtins.TypeError"):
        return
    word = re.match(r"[\w.]+\.(?=create_task\b)", file.cut(use.point.span))
    edits: tuple[Edit, ...] = ()
    if word and use.api == "asyncio.create_task" and operation.handle.kind == "aio_future":
        start = use.point.span.start + word.end()
        edits = (replace(Span(start, start + len("create_task")), "ensure_future"),)
    yield Finding(
        use.point.span,
        "create_task takes a coroutine, and no future: TypeError",
        label="fails at once",
        related=_given(operation, use),
        notes=("a future needs no task: it can be awaited as it is",) if not edits else (),
        fix=Fix("call `ensure_future`, which takes both", "safe", edits) if edits else None,
    )


def _given(operation: Operation, use: Use) -> tuple[Related, ...]:
    inside = operation.point.span in use.point.span
    return () if inside else (Related(operation.point.span, f"`{operation.method}` gives it"),)


def _wrapped(file: FileFacts, use: Use) -> Fix | None:
    """`await future` -> `await asyncio.wrap_future(future)`."""
    asyncio = imports.spell(file, "asyncio")
    span = use.point.span
    word = re.match(r"(\(\s*)?await[ \t]+", file.cut(span))
    if word is None or isinstance(asyncio, imports.Refusal):
        return None
    start = insert(span.start + word.end(), f"{asyncio.text}.wrap_future(")
    end = insert(span.end - bool(word[1]), ")")  # the expression's own parentheses belong to its span
    return Fix("await it through asyncio.wrap_future", "safe", (start, end), asyncio.requests)


RULE = Rule(
    code="PA514", name="foreign-handle-method", severity="error", check=check, fix="safe", supersedes=("PA503",), doc=__doc__
)
