"""A multiprocessing Queue, Lock, Event, Value or the like is sent to a pool's worker with a task.

Why it hurts: such objects reach another process only while it is being started. Sent with a task they raise RuntimeError,
"Queue objects should only be shared between processes through inheritance", under every start method and with Pool and
ProcessPoolExecutor alike. The error shows when the result is asked for; when nobody asks, the work is silently not done.

When it is fine: through initializer= and initargs=, or as arguments of a Process, both of which run while the worker starts.
Proxies of a Manager, pipe connections and SharedMemory may be sent with a task.

Limitations: an object that is stored in another object, or handed on by a call that is not followed, is not seen. There is no
fix: the initializer has to keep the object in a global of the worker.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.deliberate import expects_failure
from poolaudit.evidence.payload import payload
from poolaudit.facts import FileFacts, PoolSite, Value
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

NAMES = frozenset({
    "Queue", "SimpleQueue", "JoinableQueue", "Lock", "RLock", "Semaphore", "BoundedSemaphore", "Event", "Condition", "Barrier",
    "Value", "Array", "RawValue", "RawArray",
})  # fmt: skip
"""Measured on Python 3.9 and 3.14: none of these can be sent."""


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        if not operation.process_only or operation.sites[0] != site.index or expects_failure(file, operation):
            continue
        seen: set[str] = set()
        for value in payload(operation):
            kind = shared_kind(value)
            if kind and value.text not in seen:
                seen.add(value.text)
                yield Finding(
                    value.span,
                    f"`{value.text}` is a multiprocessing {kind}: it cannot be sent to a worker with a task",
                    label="sent to a worker",
                    related=(Related(site.callee, "give it to this pool: initializer=, initargs="),),
                    notes=("or use a Manager: its proxies can be sent",),
                )


def shared_kind(value: Value) -> str | None:
    """'Queue', 'Lock', .. when the value is one of multiprocessing's own."""
    module, _, name = (value.api or "").rpartition(".")
    return name if value.kind == "call" and module == "multiprocessing" and name in NAMES else None


RULE = Rule(code="PA205", name="shared-primitive-argument", severity="error", check=check, doc=__doc__)
