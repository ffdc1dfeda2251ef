"""Locks, queues and values of multiprocessing that workers share only when they are forked.

Knows that a worker which is not forked imports the file again, and with it makes its own of whatever module level makes.
Must never know a rule or libcst.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.inherited import code_of, sent
from poolaudit.facts import MODULE_SCOPE, FileFacts, GlobalUse, LibraryCall, PoolSite

PRIMITIVES = frozenset(
    {f"multiprocessing.{name}" for name in (
        "Array", "Barrier", "BoundedSemaphore", "Condition", "Event", "JoinableQueue", "Lock", "Pipe", "Queue", "RawArray",
        "RawValue", "RLock", "Semaphore", "SimpleQueue", "Value")}
)  # fmt: skip
"""What stands for one object of the system in every process that has inherited it."""


def unshared(site: PoolSite, file: FileFacts) -> Iterator[tuple[str, GlobalUse]]:
    """Names of module level that worker code reads and that hold a primitive made at import, each once, with where it is read."""
    told: set[str] = set()
    for task, _ in sent(site):
        code = (*code_of(task, file), *code_of(site.initializer, file))
        own = {use.name for function in code for use in function.globals if use.how == "assign"}
        for use in (use for function in code for use in function.globals if use.how != "assign"):
            if use.name not in own | told and _made_at_import(file.globals.get(use.name, ())):
                told.add(use.name)
                yield use.name, use


def _made_at_import(uses: tuple[GlobalUse, ...]) -> bool:
    """Module level makes it, outside the guard, and nothing else is bound to the name."""
    bound = [use for use in uses if use.how == "assign"]
    made = [use for use in bound if use.value is not None and use.value.api in PRIMITIVES]
    return bool(bound) and bound == made and all(use.function == MODULE_SCOPE and not use.under_guard for use in bound)


def manager_at_import(file: FileFacts) -> LibraryCall | None:
    """The call by which importing the file starts a manager's process."""
    for call in file.library_calls:
        at_import = call.function == MODULE_SCOPE or call.function in file.called_at_import
        if call.api == "multiprocessing.Manager" and at_import and not call.under_guard:
            return call
    return None
