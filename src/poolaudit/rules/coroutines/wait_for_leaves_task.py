"""asyncio.wait_for gives up on a task of a process pool, and the task goes on.

Why it hurts: a timeout cancels the future in the event loop, not the task in the worker: a task that runs cannot be cancelled.
It holds its worker until it is done, what it does is done after all, and the end of the executor waits for it, with the event
loop standing still. A few tasks that hang use up all workers.

When it is fine: the task ends soon by itself, and nothing hangs on its effects; the program kills the workers.

Limitations: looks at wait_for and asyncio.timeout around the future itself, alone or in gather. There is no fix: give the task
its own limit, run it in a process that you can kill, or use terminate_workers() of Python 3.14. Where the executor is handed
on, something out of sight may end its workers: likely only.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.facts import FileFacts, LibraryCall, Operation, PoolSite, Use, find_argument
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_TIMEOUTS = frozenset({"asyncio.timeout", "asyncio.timeout_at"})
_NAMES = {"asyncio.wait_for": "timeout", "asyncio.timeout": "delay", "asyncio.timeout_at": "when"}
"""What the argument is called that sets the limit."""

_KILLS = frozenset({"terminate_workers", "kill_workers", "_processes"})
_TERMINATE = "from Python 3.14 on, ProcessPoolExecutor.terminate_workers() ends running tasks"


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    if site.kind != "executor" or _kills_workers(site):
        return
    for operation in site.operations:
        if operation.method != "run_in_executor" or not operation.process_only or operation.sites[0] != site.index:
            continue
        task = f"`{operation.task.name}`" if operation.task else "its task"
        for limit in _limits(operation, file):
            started = operation.point.span
            yield Finding(
                limit.point.span,
                f"the timeout ends the wait only: {task} goes on in its worker",
                label="cancels the future, not the task",
                related=() if started in limit.point.span else (Related(started, "handed to a worker here"),),
                notes=(_TERMINATE,) if settings.has((3, 14)) else (),
                confidence=None if site.complete else "likely",
            )


def _kills_workers(site: PoolSite) -> bool:
    names = {use.name for use in site.uses} | {operation.method for operation in site.operations}
    return bool(names & _KILLS)


def _limits(operation: Operation, file: FileFacts) -> Iterator[LibraryCall]:
    """Every call that sets a limit, other than None, to the wait for the operation's future."""
    uses = operation.handle.uses
    shields = {call.point.span for call in file.library_calls if call.api == "asyncio.shield"}
    if any(use.point.span in shields for use in uses):
        return  # it is meant to go on
    for call in file.library_calls:
        if call.api == "asyncio.wait_for" and _is_limit(call, 1):
            waited = call.arguments[0].span
            limits = any(use.point.span == call.point.span or (use.how == "gather" and use.point.span in waited) for use in uses)
        else:
            limits = call.api in _TIMEOUTS and _is_limit(call, 0) and any(_within(use, call) for use in uses)
        if limits:
            yield call


def _within(use: Use, timeout: LibraryCall) -> bool:
    """The future is awaited inside `async with asyncio.timeout(..)`."""
    headers = (step.block.header for step in use.point.path if step.block.kind == "with")
    return use.how == "await" and any(timeout.point.span in header for header in headers)


def _is_limit(call: LibraryCall, position: int) -> bool:
    given = find_argument(call.arguments, _NAMES[call.api], position)
    return given is not None and not (given.value.kind == "const" and given.value.const is None)


RULE = Rule(code="PA605", name="wait-for-leaves-task", severity="warning", check=check, supersedes=("PA506",), doc=__doc__)
