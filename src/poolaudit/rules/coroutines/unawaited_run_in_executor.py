"""The future of run_in_executor is dropped, so that the errors of its task vanish.

Why it hurts: an exception in the task, and even a task that could not be pickled and never ran, is kept in the future for
whoever awaits it. When nobody does, the coroutine goes on as if the work were done. asyncio logs such an error at best, once
the future is collected and if the loop still runs then.

When it is fine: the task catches and reports its own errors, or a done callback does. Threads are not looked at.

Limitations: futures that are passed on, returned or stored where they cannot be followed are left alone.

Fix: awaits the future on the spot. Unsafe (waits-here): the coroutine goes on when the task is done, and its error is raised
there. Not offered in a loop, where the tasks would run one after the other: keep the futures and await asyncio.gather.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.edits import Caveat, Fix, insert
from poolaudit.evidence.deliberate import expects_failure
from poolaudit.evidence.guarded_task import catches_its_errors
from poolaudit.facts import FileFacts, Operation, PoolSite, Use
from poolaudit.rule import Finding, Rule
from poolaudit.settings import Settings

_SILENT_USES = frozenset({"done", "cancel", "cancelled", "drop", "len", "test"})
"""Uses of a future after which nobody knows whether the task failed."""

_LOOKS = frozenset({"iterate", "consume", "index", "zip"})
"""Uses of a list of futures: what happens to each of them is a use of its own."""

_WARM_UP = frozenset({"builtins.int", "builtins.print", "os.getpid", "time.sleep"})
"""Work that only starts the workers."""

_AWAIT_ALL = "keep the futures and await asyncio.gather(*futures)"
_AWAIT_LATER = "await it where the work must be done"
_WAITS_HERE = Caveat("waits-here", "the coroutine waits for the task here, and its error is raised here")


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    if site.kind != "executor":
        return
    for operation in site.operations:
        if not _is_dropped(operation, site, file) or expects_failure(file, operation):
            continue
        task = f"`{operation.task.name}`" if operation.task else "the task"
        fix = _fix(operation)
        yield Finding(
            operation.point.span,
            f"errors of {task} vanish: the future of `run_in_executor` is never awaited",
            label="this future is dropped" if operation.handle.bare else "nobody awaits this future",
            notes=() if fix else (_AWAIT_ALL if operation.loop else _AWAIT_LATER,),
            fix=fix,
        )


def _is_dropped(operation: Operation, site: PoolSite, file: FileFacts) -> bool:
    if operation.method != "run_in_executor" or not operation.process_only or operation.sites[0] != site.index:
        return False
    handle, task = operation.handle, operation.task
    if handle.kind != "aio_future" or not (handle.bare or handle.complete) or operation.callbacks:
        return False
    if (task and not task.partial and task.api in _WARM_UP) or catches_its_errors(task, site, file):
        return False
    return all(_tells_nothing(use) for use in handle.uses)


def _tells_nothing(use: Use) -> bool:
    return use.how in _SILENT_USES or (use.via == "collection" and use.how in _LOOKS)


def _fix(operation: Operation) -> Fix | None:
    plain = operation.handle.bare and operation.in_async and operation.point.statement.form == "expression"
    if not plain or operation.loop is not None:
        return None
    return Fix("await it", "unsafe", (insert(operation.point.span.start, "await "),), caveats=(_WAITS_HERE,))


RULE = Rule(code="PA604", name="unawaited-run-in-executor", severity="warning", check=check, fix="unsafe", doc=__doc__)
