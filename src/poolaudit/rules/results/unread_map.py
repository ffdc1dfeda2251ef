"""The results of Executor.map, or of a Pool's imap, are never read, so that the errors of its tasks vanish.

Why it hurts: Executor.map, Pool.imap and Pool.imap_unordered hand out results, and raise the first error, only while
they are iterated. When nobody does, a failing task leaves no trace: the program ends with exit status 0 and not a line
on stderr.

When it is fine: the task catches and reports its own errors. Pool.map is another matter: it waits and raises.

Limitations: an iterator that is passed on, returned or stored where it cannot be followed is left alone.

Fix: wraps the call in list, which waits for the results and raises the first error.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.edits import Fix, insert
from poolaudit.facts import FileFacts, Operation, PoolSite
from poolaudit.guarded_task import catches_its_errors
from poolaudit.rule import Finding, Rule
from poolaudit.settings import Settings


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        # of a pool, imap and imap_unordered give iterators: map waits and raises by itself
        if operation.handle.kind != "iterator" or not operation.process_only or operation.sites[0] != site.index:
            continue
        if not _is_unread(operation) or catches_its_errors(operation.task, site, file):
            continue
        task = f"`{operation.task.name}`" if operation.task and operation.task.name else "the task"
        reason = _reason_against(operation)
        yield Finding(
            operation.point.span,
            f"errors of {task} vanish: the results of `{operation.method}` are never read",
            label="an iterator that nobody reads",
            notes=(f"no fix: {reason}",) if reason else (),
            fix=None if reason else _fix(operation),
        )


def _is_unread(operation: Operation) -> bool:
    handle = operation.handle
    return handle.bare or (handle.complete and all(use.how in ("drop", "test") for use in handle.uses))


def _reason_against(operation: Operation) -> str:
    if operation.iterable is not None and operation.iterable.infinite:
        return "the input never ends"
    return "reading the results here would block the event loop" if operation.in_async else ""


def _fix(operation: Operation) -> Fix:
    span = operation.point.span
    return Fix("read the results", "safe", (insert(span.start, "list("), insert(span.end, ")")))


RULE = Rule(code="PA502", name="unread-map", severity="warning", check=check, fix="safe", doc=__doc__)
