"""A task gives work to the very pool that runs it, or a callback waits for more work of its own pool.

Why it hurts: a worker has no working copy of the pool. A forked one waits for ever for a lock or a thread that only the
parent has; with spawn and forkserver the name is missing. As an argument a pool cannot be pickled. A callback runs in
the thread that hands out results: while it waits for the next result, nobody delivers it, and the program hangs.

When it is fine: the parent submits what the first results ask for. A callback that submits without waiting. An executor
of module level that spawned workers make anew for themselves.

Limitations: speaks of tasks and callbacks that are seen, and of pools that they reach by name. Methods of an object
that holds the pool are not looked at: such an object cannot be pickled at all. There is no fix: let tasks return what
is left to do, and let the parent submit it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from poolaudit.evidence.deliberate import expects_failure
from poolaudit.evidence.payload import payload
from poolaudit.evidence.running import Ran, run_by, way_to
from poolaudit.evidence.unbounded import waits
from poolaudit.facts import FileFacts, Operation, PoolSite, Span, Task
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_WHERE_AM_I = re.compile(r"current_process|parent_process|getpid|daemon|main_?process", re.IGNORECASE)
"""A condition asks which process this is."""


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    operations = [op for op in site.operations if op.process_only and op.sites == (site.index,) and not expects_failure(file, op)]
    handed = [finding for operation in operations for finding in _handed_over(operation, site)]
    yield from handed or _from_workers(operations, site, file, settings)
    yield from _from_callbacks(operations, file)


def _handed_over(operation: Operation, site: PoolSite) -> Iterator[Finding]:
    """The pool is an argument of its own task."""
    for value in payload(operation):
        if value.kind == "pool" and value.pools == (site.index,):
            yield Finding(
                value.span,
                f"`{value.text}` cannot be pickled: a task cannot be given the {site.kind} that runs it",
                label="an argument of the task",
                related=(Related(site.point.span, "made here"),),
            )


def _from_workers(operations: list[Operation], site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    """A worker submits to the pool that it knows by name."""
    # an executor that importing the file makes, each spawned worker makes for itself
    only_forked = site.kind == "executor" and site.module_level and not site.guarded
    severity = settings.severity(site, file, frozenset({"fork"})) if only_forked else "error"
    if severity is None:
        return
    places = {operation.point.scope for operation in operations}
    seen: set[Span] = set()
    for task in _tasks(operations):
        if places.isdisjoint(function.id for function in file.reachable(task.function)):
            continue
        run = list(run_by(task, file))
        if any(ran.function.id == site.function for ran in run):
            continue  # the worker makes a pool of its own
        found = [(ran, inner) for ran in run for inner in _in(ran, operations, file)]
        for ran, inner in found:
            if inner.point.span not in seen:
                seen.add(inner.point.span)
                yield Finding(
                    inner.point.span,
                    f"`{ran.function.name}` runs in a worker of `{site.name}` and submits to it: "
                    "what a worker has of the pool of its parent does not work",
                    severity=severity,
                    related=(Related(task.span, "runs in a worker"), Related(site.point.span, "the pool")),
                )


def _tasks(operations: list[Operation]) -> list[Task]:
    """Tasks that the pool is not pickled with, those first that they do not submit themselves."""
    outer = sorted(operations, key=lambda each: each.task is None or each.task.function == each.point.scope)
    return [each.task for each in outer if each.task is not None and each.task.kind not in ("method", "instance")]


def _in(ran: Ran, operations: list[Operation], file: FileFacts) -> Iterator[Operation]:
    """Operations that a function runs, whatever process it is in."""
    for operation in operations:
        span = operation.point.span
        if operation.point.scope == ran.function.id and not any(map(_WHERE_AM_I.search, way_to(span, ran, file).conditions)):
            yield operation


def _from_callbacks(operations: list[Operation], file: FileFacts) -> Iterator[Finding]:
    """A callback waits for its own pool."""
    for outer in operations:
        for kind, callback in outer.callbacks:
            for ran in run_by(callback, file):
                for inner in operations:
                    if _waits_in(ran, inner, outer):
                        yield _of_callback(kind, ran, inner, outer)


def _waits_in(ran: Ran, operation: Operation, outer: Operation) -> bool:
    """For work that it submits itself, or for other work of a Pool, without a timeout. (A callback's own future is done.)"""
    own = operation.point.scope == ran.function.id
    limits = [limited for point, limited in waits(operation) if point.scope == ran.function.id]
    return bool(limits) and not all(limits) and (own or (operation is not outer and operation.handle.kind == "async_result"))


def _of_callback(kind: str, ran: Ran, inner: Operation, outer: Operation) -> Finding:
    own = inner.point.scope == ran.function.id
    place = inner.point if own else next(point for point, _ in waits(inner) if point.scope == ran.function.id)
    return Finding(
        place.span,
        "a callback waits for its own pool, in the thread that hands out the results: it waits for ever",
        label=f"runs in the {kind.replace('_', ' ')}",
        confidence="certain" if own else "likely",
        related=(Related(outer.point.span, "its callback"),),
    )


RULE = Rule(code="PA408", name="self-submission", severity="error", check=check, supersedes=("PA305", "PA501"), doc=__doc__)
