"""A method is sent to a worker process, and its object holds something that cannot be pickled.

Why it hurts: a bound method is pickled with its object, and an object with all its attributes, also those that the method does
not use. A lock of threads, an open file, a database connection, a generator, a lambda or a pool among them raises TypeError,
PicklingError, RuntimeError or NotImplementedError when the result is asked for; when nobody asks, the work is silently not done.

When it is fine: __getstate__ or __reduce__ leaves the attribute out; the method is a staticmethod or classmethod; in a thread
pool. Sockets, loggers and the proxies of a Manager can be sent, and attributes of the class itself are not.

Limitations: an attribute that is set in another method, or under a condition, may not be set in time: likely only. Classes with
bases or decorators that are not known, and those that reach into __dict__, are left alone. There is no fix: leave the
attribute out in __getstate__, or send a function of module level with plain arguments.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.deliberate import expects_failure
from poolaudit.evidence.holding import Held, held, taken_along, with_task
from poolaudit.facts import FileFacts, Operation, PoolSite, Task
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        if not operation.process_only or operation.sites[0] != site.index or expects_failure(file, operation):
            continue
        task = operation.task
        found = held(file, taken_along(file, task), with_task(file, operation, _receiver(task))) if task else None
        if task and found:
            yield _finding(operation, task, found)


def _receiver(task: Task) -> str:
    return task.receiver.text if task.receiver else task.name


def _finding(operation: Operation, task: Task, found: Held) -> Finding:
    thing = _receiver(task)
    along = f"`{task.name}` is pickled with `{thing}`, which" if thing != task.name else f"`{thing}`"
    return Finding(
        task.span,
        f"{along} {found.told}: that cannot be pickled",
        label="sent to a worker with its object",
        confidence=None if found.certain else "likely",
        related=(Related(found.where, found.what if found.attribute else "makes it one"),),
        notes=("leave it out in `__getstate__`, or send a function of module level with plain arguments",),
    )


RULE = Rule(code="PA204", name="unpicklable-self", severity="error", check=check, doc=__doc__)
