"""What the parent does with a pool and with its results: questions about operations, handles and escapes.

Knows which uses only one of the two APIs has. Must never look at what the tasks do, except where they are asked to stop.
"""

from __future__ import annotations

import re

from poolaudit.facts import Evidence, Function, Operation, Span
from poolaudit.needs.absence import absent, absent_argument
from poolaudit.needs.workers import values, worker_code
from poolaudit.survey.families import LAZY_METHODS
from poolaudit.tree import Subject

AWAITING = frozenset({"await", "gather", "wait_for", "wrap_future"})
FUTURE_ONLY = frozenset(
    {"as_completed", "wait_futures", "add_done_callback", "exception", "done", "running", "cancelled", *AWAITING}
)  # fmt: skip
"""What can be done with a Future and not with an AsyncResult, or not alike."""

AT_HAND = frozenset(f"builtins.{name}" for name in ("range", "list", "tuple", "sorted", "set", "dict"))
"""Calls whose result is finite and made, or costs nothing to make."""

_AS_FUTURE = {"as_completed": "`as_completed`", "wait_futures": "`wait`", "add_done_callback": "`add_done_callback`"}


def asyncio(subject: Subject) -> Evidence:
    site = subject.site
    for operation in site.operations:
        called = f"`{operation.method}`"
        if operation.method == "run_in_executor" or operation.awaited:
            return Evidence("yes", f"{called} is awaited", operation.point.span)
        for use in operation.handle.uses:
            if use.how in AWAITING or use.awaited:
                return Evidence("yes", f"the result of {called} is awaited", use.point.span)
            if use.in_async and use.how in ("get", "wait", "result", "consume", "iterate", "next"):
                return Evidence("yes", f"a coroutine waits for the result of {called} and stops the event loop", use.point.span)
        if operation.in_async and operation.handle.kind == "value":
            return Evidence("yes", f"{called} runs in a coroutine and stops the event loop until it ends", operation.point.span)
        for name, callback in operation.callbacks:
            for function in subject.file.reachable(callback.function):
                for call in function.library_calls:
                    if call.api.endswith(".call_soon_threadsafe"):
                        return Evidence("yes", f"the {name} hands the result to an event loop", call.point.span)
    by_thread = {call.point.span for call in subject.file.library_calls if call.api.endswith((".run_in_executor", ".to_thread"))}
    for use in site.uses:
        if use.how == "pass" and use.point.span in by_thread:
            return Evidence("yes", f"a thread calls its `{use.name}` so that a coroutine can wait", use.point.span)
    return absent(subject, "no coroutine waits for it")


def cancel(subject: Subject) -> Evidence:
    site = subject.site
    for operation in site.operations:
        for use in operation.handle.uses:
            if use.how == "cancel":
                return Evidence("yes", f"the future of `{operation.method}` is cancelled", use.point.span)
    for end in site.ends:
        for argument in end.arguments:
            if argument.keyword == "cancel_futures" and argument.value.const is not False:
                return Evidence("yes", "`cancel_futures` drops what has not started", end.point.span)
    skips = site.kind == "pool" and any(
        _skips_when_set(function, subject.file.text_of(function.span)) for function in worker_code(site, subject.file)
    )
    for operation in site.operations:
        for value in values(operation.arguments):
            if skips and value.api == "multiprocessing.Manager().Event":
                return Evidence("yes", f"a task that starts after `{value.text}` is set does nothing", value.span)
    return absent(subject, "no single task is cancelled")


def _skips_when_set(function: Function, text: str) -> bool:
    """A statement of the body itself returns when an event is set: what waited is cancelled. One in a loop stops running work."""
    start = text.rfind("\n", 0, function.body.start) + 1
    indent = " " * (function.body.start - start)
    return re.search(rf"^{indent}if [^\n]*\.is_set\(\):\s+return\b", text[start : function.body.end], re.MULTILINE) is not None


def futures(subject: Subject) -> Evidence:
    for operation in subject.site.operations:
        for name, callback in operation.callbacks:
            if name == "done_callback":
                return Evidence("yes", f"`{callback.name}` runs when the future is done", callback.span)
        for use in operation.handle.uses:
            if use.how in FUTURE_ONLY:
                return Evidence("yes", f"{_AS_FUTURE.get(use.how, use.how)} takes the future", use.point.span)
    return absent(subject, "only results are taken")


def handed_out(subject: Subject) -> Evidence:
    site = subject.site
    for use in site.uses:
        if use.how in ("pass", "put", "store"):
            what = f"its `{use.name}`" if use.name else "it"
            return Evidence("yes", f"{what} goes to code that is not seen", use.point.span)
        if use.how in ("return", "yield") and site.kind == "executor":
            return Evidence("yes", "its callers hold an executor", use.point.span)
    wrapped = _wrapper(subject)
    if wrapped is not None:
        return wrapped
    return absent(subject, "it stays here")


def _wrapper(subject: Subject) -> Evidence | None:
    """A class that offers methods of its pool under their own names: who holds it holds a Pool."""
    site, file = subject.site, subject.file
    if site.class_id is None:
        return None
    points = [(operation.method, operation.point) for operation in site.operations] + [(end.how, end.point) for end in site.ends]
    offered: dict[str, Span] = {}
    for name, point in points:
        function = file.functions.get(point.scope)
        if function is not None and (function.name, function.class_id) == (name, site.class_id):
            offered.setdefault(name, point.span)
    if site.kind == "pool" and len(offered) > 1 and offered.keys() & {"close", "join", "terminate"}:
        return Evidence("yes", f"its class offers {', '.join(sorted(offered))} of the pool as its own", min(offered.values()))
    return None


def private(subject: Subject) -> Evidence:
    for use in subject.site.uses:
        if use.how == "method" and use.name.startswith("_") and not use.name.startswith("__"):
            return Evidence("yes", f"`{use.name}` is private to the class", use.name_span or use.point.span)
    return absent(subject, "no private attribute is used")


def recycling(subject: Subject) -> Evidence:
    """Workers are replaced after some tasks in a way that only Pool has on every supported Python.

    An executor replaces workers from 3.11, never under fork, and before 3.14 hangs with more than one task per worker
    (https://github.com/python/cpython/issues/115634).
    """
    site = subject.site
    keyword, position = ("maxtasksperchild", 3) if site.kind == "pool" else ("max_tasks_per_child", None)
    argument = site.argument(keyword, position)
    if argument is None:
        return absent_argument(subject, f"no {keyword}")
    value = argument.value
    if value.kind == "const" and value.const is None:
        return Evidence("no", f"{keyword} is None", argument.span)
    oldest = min(subject.settings.targets)
    one = value.kind == "const" and value.const == 1
    if oldest >= (3, 14) or (one and oldest >= (3, 11) and (site.kind == "executor" or _no_fork(subject))):
        return Evidence("no", f"an executor of every supported Python does `{keyword}={value.text}` as well", argument.span)
    if site.kind == "executor" and value.kind != "const":
        return Evidence("unknown", f"the value of `{value.text}` is not seen", argument.span)
    if site.kind == "executor" and not subject.settings.declared:
        return Evidence(
            "unknown", f"`{keyword}={value.text}`, and no requires-python names the supported versions", argument.span
        )
    return Evidence("yes", f"`{keyword}={value.text}`", argument.span)


def _no_fork(subject: Subject) -> bool:
    return (subject.site.start_method or subject.file.start_method) in ("spawn", "forkserver")


def lazy_input(subject: Subject) -> Evidence:
    unclear: Evidence | None = None
    pool = subject.site.kind == "pool"
    for operation in subject.site.operations:
        source = operation.iterable
        if source is None or operation.method not in (LAZY_METHODS if pool else {"map"}) or operation.argument("buffersize"):
            continue
        if source.infinite and (pool or _all_endless(operation)):
            return Evidence("yes", f"`{source.text}` never ends", source.span)
        if not pool or _drained(operation):
            continue
        maker = subject.file.functions.get(source.function) if source.function is not None else None
        if source.kind == "call" and maker is not None and maker.is_generator:
            return Evidence("yes", f"`{source.text}` makes its items while `{operation.method}` takes them", source.span)
        if source.kind in ("generator", "parameter", "unknown", "call") and source.api not in AT_HAND:
            unclear = unclear or Evidence("unknown", f"how much `{source.text}` yields is not seen", source.span)
    return unclear or absent(subject, "every input is at hand")


def _all_endless(operation: Operation) -> bool:
    """Executor.map stops with the shortest of its iterables: map(f, repeat(x), items) ends."""
    return all(argument.value.infinite and not argument.star for argument in operation.arguments[1:] if argument.keyword is None)


def _drained(operation: Operation) -> bool:
    return any(use.how == "consume" for use in operation.handle.uses)


def used(subject: Subject) -> Evidence:
    operations = subject.site.operations
    if operations:
        return Evidence("yes", f"`{operations[0].method}`", operations[0].point.span)
    return absent(subject, "nothing is submitted to it")


def has_pool_form(subject: Subject) -> Evidence:
    """Every operation of the executor has a form for Pool."""
    site = subject.site
    for operation in site.operations:
        if operation.method not in ("submit", "map") or operation.argument("timeout"):
            return Evidence("no", f"Pool has no form for this `{operation.method}`", operation.point.span)
    for end in site.ends:
        if any(argument.keyword == "wait" or argument.keyword is None for argument in end.arguments):
            return Evidence("no", "Pool has no shutdown that does not wait", end.point.span)
    return absent(subject, "submit and map have a form for Pool", "yes")
