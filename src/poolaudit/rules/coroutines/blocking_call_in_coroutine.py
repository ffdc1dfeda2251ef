"""A coroutine waits for a process pool without await, so that the whole event loop stands still.

Why it hurts: future.result(), AsyncResult.get(), Pool.map, list(executor.map(..)), concurrent.futures.wait and their like hold
the thread of the event loop until the workers are done. No other coroutine runs meanwhile, no timeout fires, no connection is
served: a task of one second stops the loop for one second.

When it is fine: nothing else runs in the loop at that time, such as in a script with a single coroutine. A future that is known
to be done, an asyncio task's result() and result(timeout=0) do not wait and are not reported.

Fix: a future is awaited through asyncio.wrap_future, another call waits in a thread by asyncio.to_thread (Python 3.9). Unsafe
(interleaving): other coroutines run while this one waits, which is the purpose.

Limitations: looks at calls in the coroutine itself, not in functions that it calls. shutdown and join are likely only: the
workers may be idle by then. The end of a `with` is PA602.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import replace

from poolaudit.edits import Fix
from poolaudit.facts import End, FileFacts, Operation, PoolSite, Span, Use, before, exclusive, find_argument
from poolaudit.rewriting.awaiting import await_future, await_in_thread, callee_end
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings
from poolaudit.survey.families import BLOCKING_METHODS

WAITS = {
    "future": frozenset({"result", "exception", "as_completed", "wait_futures"}),
    "async_result": frozenset({"get", "wait"}),
    "iterator": frozenset({"iterate", "consume", "next"}),
}
"""Uses that wait, by the kind of what an operation gave back."""

KNOWN_DONE = frozenset(
    {"done", "running", "ready", "successful", "await", "wrap_future", "gather", "wait_for", "add_done_callback"}
)
"""Uses after which a coroutine knows that a future is done: asking for its result does not wait then."""


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        if not operation.process_only or operation.sites[0] != site.index:
            continue
        if operation.in_async and site.kind == "pool" and operation.method in BLOCKING_METHODS:
            fix = await_in_thread(file, settings, operation.point, operation.method_span.end)
            yield _finding(file, operation.point.span, fix)
        for use in _waiting_uses(operation):
            yield _finding(file, use.point.span, _fix(file, settings, operation, use), operation)
    for end in site.ends:
        if site.is_process and _end_waits(site, file, end):
            fix = await_in_thread(file, settings, end.point, callee_end(file, end.point.span))
            yield replace(_finding(file, end.point.span, fix), confidence="likely")


def _waiting_uses(operation: Operation) -> Iterator[Use]:
    """What waits for the operation in a coroutine: the first on each way, later ones find the work done."""
    handle, reported = operation.handle, list[Use]()
    for use in handle.uses:
        waits = use.how in WAITS.get(handle.kind, ()) and use.in_async and not use.awaited
        through_results = use.via == "item" or (handle.kind == "iterator" and use.via == "collection")
        if not waits or _is_at_once(use) or through_results or use.point.span.path:
            continue
        if any(_is_known_done(other) and not before(use.point, other.point) for other in handle.uses):
            continue
        if not any(before(other.point, use.point) and not exclusive(other.point, use.point) for other in reported):
            reported.append(use)
            yield use


def _is_known_done(use: Use) -> bool:
    """A question was asked, or something was awaited with it, such as asyncio.to_thread(result.get), or may have been."""
    return use.how in KNOWN_DONE or use.how == "pass" or use.awaited or _is_at_once(use)


def _is_at_once(use: Use) -> bool:
    return use.timeout is not None and use.timeout.kind == "const" and use.timeout.const == 0


def _end_waits(site: PoolSite, file: FileFacts, end: End) -> bool:
    """A shutdown or join in a coroutine that waits for workers which may be busy."""
    function = file.functions.get(end.point.scope)
    if function is None or not function.is_async or end.point.span.path or end.how not in ("shutdown", "join"):
        return False
    wait = find_argument(end.arguments, "wait", 0)
    settled = all(_is_settled(operation, end) for operation in site.operations)
    killed = any(other.how == "terminate" for other in site.ends)
    return not killed and not settled and (wait is None or (wait.value.kind == "const" and bool(wait.value.const)))


def _is_settled(operation: Operation, end: End) -> bool:
    """Its work was waited for, in one way or another, before the end."""
    if operation.handle.kind == "value" or operation.awaited:
        return True
    waiting = WAITS.get(operation.handle.kind, frozenset()) | KNOWN_DONE - {"done", "ready", "add_done_callback"}
    return any((use.how in waiting or use.awaited) and before(use.point, end.point) for use in operation.handle.uses)


def _fix(file: FileFacts, settings: Settings, operation: Operation, use: Use) -> Fix | None:
    if use.how == "result" and not use.arguments and use.name_span:
        return await_future(file, use.point, use.name_span)
    if use.how in ("result", "exception", "get", "wait") and use.name_span:
        return await_in_thread(file, settings, use.point, use.name_span.end)
    text = file.cut(use.point.span)
    end = callee_end(file, use.point.span)
    if use.how == "wait_futures":
        return await_in_thread(file, settings, use.point, end)
    drained = re.fullmatch(r"(?:list|tuple|set|frozenset|sorted|dict)\((.*)\)", text, re.DOTALL)
    handed = file.cut(operation.point.span)
    plain = drained is not None and (drained[1] == handed or drained[1].isidentifier())
    return await_in_thread(file, settings, use.point, end) if use.how == "consume" and plain else None


def _finding(file: FileFacts, where: Span, fix: Fix | None, operation: Operation | None = None) -> Finding:
    text = file.cut(where).partition("\n")[0]
    related: tuple[Related, ...] = ()
    if operation is not None and operation.point.span not in where:
        related = (Related(operation.point.span, "handed to a worker here"),)
    return Finding(
        where,
        f"`{text if len(text) <= 60 else text[:57] + '...'}` holds up the event loop until the workers are done",
        label="waits without await",
        related=related,
        fix=fix,
    )


RULE = Rule(
    code="PA601",
    name="blocking-call-in-coroutine",
    severity="warning",
    check=check,
    fix="unsafe",
    supersedes=("PA503",),
    doc=__doc__,
)
