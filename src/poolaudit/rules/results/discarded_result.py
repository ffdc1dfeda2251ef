"""The result of a submitted task is never asked for, so that its errors vanish.

Why it hurts: an exception in the task, and even a task that could not be pickled and never ran, is kept in the future
or result object for whoever asks. When nobody does, the program goes on with exit status 0 and not a line on stderr.

When it is fine: the task catches and reports its own errors, or a done callback or error_callback does. Threads are not
looked at.

Limitations: handles that are passed on, returned or stored where they cannot be followed are left alone.
AsyncResult.wait() does not raise; only get() and successful() tell. Futures that are only waited for are unread futures
of another rule.

Fix: keeps the handles and asks each of them for its result, at the end of the `with` block or behind join() or
shutdown(); wait() becomes get(). The first error is raised there. Offered where the work is dropped in plain loops and
statements of one block.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.edits import Fix, replace
from poolaudit.evidence.guarded_task import catches_its_errors
from poolaudit.facts import FileFacts, Operation, PoolSite, Use
from poolaudit.rewriting.collect import Ask, Refusal, collect, end_of_work, read_kept
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings
from poolaudit.survey.families import ASYNC_METHODS

_SILENT_USES = frozenset({"wait", "ready", "done", "running", "cancel", "cancelled", "drop", "len", "test"})
"""Uses of a handle after which nobody knows whether the task failed."""

_LOOKS = frozenset({"iterate", "consume", "index", "zip"})
"""Uses of a list of handles: what happens to each of them is a use of its own."""

_WARM_UP = frozenset({f"builtins.{name}" for name in ("bool", "dict", "int", "list", "print", "set", "str", "tuple")})
_WARM_UP |= {"time.sleep", "os.getpid"}


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    dropped = [operation for operation in site.operations if _is_discarded(operation, site, file)]
    for operation in dropped:
        task = f"`{operation.task.name}`" if operation.task and operation.task.name else "the task"
        fix = _fix(operation, dropped, site, file)
        yield Finding(
            operation.point.span,
            f"errors of {task} vanish: {_why(operation)}",
            label="nobody asks for this result" if not operation.handle.bare else "this result is dropped",
            related=tuple(Related(use.point.span, "wait() does not raise") for use in _waits(operation)),
            notes=(f"no fix: {fix.reason}",) if isinstance(fix, Refusal) else (),
            fix=fix if isinstance(fix, Fix) else None,
        )


def _is_discarded(operation: Operation, site: PoolSite, file: FileFacts) -> bool:
    if operation.method not in ASYNC_METHODS | {"submit"} or not operation.process_only or operation.sites[0] != site.index:
        return False
    handle = operation.handle
    if handle.kind not in ("future", "async_result") or not (handle.bare or handle.complete):
        return False
    if _may_report(operation) or _cannot_fail(operation) or catches_its_errors(operation.task, site, file):
        return False
    return all(_tells_nothing(use) for use in handle.uses)


def _may_report(operation: Operation) -> bool:
    """An error_callback or done callback is given, or may hide in `**options`."""
    hidden = operation.method in ASYNC_METHODS and any(argument.star == "**" for argument in operation.arguments)
    return hidden or any(kind != "callback" for kind, _ in operation.callbacks)


def _cannot_fail(operation: Operation) -> bool:
    """`submit(int)`, `submit(time.sleep, 1)`: work that only starts the workers."""
    return operation.task is not None and not operation.task.partial and operation.task.api in _WARM_UP


def _tells_nothing(use: Use) -> bool:
    return use.how in _SILENT_USES or (use.via == "collection" and use.how in _LOOKS)


def _waits(operation: Operation) -> tuple[Use, ...]:
    return tuple(use for use in operation.handle.uses if use.how == "wait")


def _why(operation: Operation) -> str:
    if operation.callbacks:
        return f"`{operation.method}` has a callback but no error_callback, and its result is never asked for"
    if _waits(operation):
        return f"the result of `{operation.method}` is waited for, but never asked for"
    return f"the result of `{operation.method}` is never asked for"


def _fix(operation: Operation, dropped: list[Operation], site: PoolSite, file: FileFacts) -> Fix | Refusal:
    if operation.in_async:
        return Refusal("asking for the result here would block the event loop")
    waits = _waits(operation)
    if len(waits) == 1 and waits[0].name_span and not waits[0].name_span.path and not waits[0].timeout:
        return Fix("get() the result, which waits and raises", "safe", (replace(waits[0].name_span, "get"),))
    if waits:
        return Refusal("the results are waited for in another way")
    place = end_of_work(operation, site, file)
    if isinstance(place, Refusal):
        return place
    ask: Ask = "result" if site.kind == "executor" else "get"
    if operation.handle.bare:
        together = [other for other in dropped if other.handle.bare and end_of_work(other, site, file) == place]
        edits = collect(together, place, ask, file)
    else:
        edits = read_kept(operation, place, ask, file)
    return edits if isinstance(edits, Refusal) else Fix("ask for the results once all work is submitted", "safe", edits)


RULE = Rule(code="PA501", name="discarded-result", severity="warning", check=check, fix="sometimes", doc=__doc__)
