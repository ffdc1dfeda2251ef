"""A task changes a global, an argument or its own object, and the parent looks at its own copy afterwards.

Why it hurts: a worker is another process. What a task appends, counts or assigns there changes the worker's copy,
whatever the start method; the parent's stays as it was. Nothing fails: a counter is 0 after ten tasks, a list is
empty.

When it is fine: where the worker alone uses it, as a cache. Proxies of a Manager, shared memory, Value and Array are
shared.

Limitations: speaks only of what is a constant or an empty container in the parent, what the parent itself never
changes, and what it looks at behind the operation, in the same function or one that runs later. There is no fix:
return the change from the task, and let the parent put the results together.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.lost_writes import Lost, lost_writes
from poolaudit.facts import FileFacts, Operation, PoolSite
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        if operation.process_only and operation.sites[0] == site.index:
            yield from (_finding(lost, operation) for lost in lost_writes(operation, site, file))


def _finding(lost: Lost, operation: Operation) -> Finding:
    assert operation.task is not None
    elsewhere = bool(lost.write.path)
    task, write = Related(operation.task.span, "runs in a worker"), Related(lost.write, "changes the worker's copy")
    return Finding(
        operation.task.span if elsewhere else lost.write,
        f"what `{operation.task.name}` does to `{lost.name}` stays in the worker: the parent looks at its own copy",
        label=task.message if elsewhere else write.message,
        related=(write if elsewhere else task, Related(lost.read, "the parent's copy")),
        notes=("return it from the task, and let the parent put the results together",),
    )


RULE = Rule(code="PA509", name="write-lost-in-worker", severity="error", check=check, doc=__doc__)
