"""Names of module level that a worker has only when it is forked: what the parent alone gives them.

Knows that a worker which is not forked imports the file again, without the main guard's body and without what functions of the
parent have done since. Must never know a rule, a start method or libcst.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator

from msgspec import Struct

from poolaudit.facts import MODULE_SCOPE, FileFacts, Function, GlobalUse, Operation, Point, PoolSite, Task, Value

DEFINITIONS = ("import", "function", "class")
"""Bindings that define something to be called, apart from data."""

_SHARED = (
    "multiprocessing.Manager", "multiprocessing.managers.", "multiprocessing.shared_memory.", "multiprocessing.Value",
    "multiprocessing.Array", "multiprocessing.RawValue", "multiprocessing.RawArray", "multiprocessing.sharedctypes.",
)  # fmt: skip
"""What two processes share, whoever changes it."""


class Inherited(Struct, frozen=True):
    """A name that worker code reads and that only the parent gives its value."""

    name: str
    read: GlobalUse
    write: GlobalUse
    otherwise: GlobalUse | None
    """What importing the file gives the name instead; None: a worker does not have it."""


def worker_code(site: PoolSite, file: FileFacts) -> tuple[Function, ...]:
    """Functions of this file that the workers of a pool run."""
    tasks = [operation.task for operation in site.operations] + [site.initializer]
    return file.reachable(*(task.function for task in tasks if task is not None))


def code_of(task: Task | None, file: FileFacts) -> tuple[Function, ...]:
    """Functions of this file that a worker runs for the task."""
    return file.reachable(task.function) if task is not None else ()


def sent(site: PoolSite) -> Iterator[tuple[Task, Point]]:
    """The initializer and every task that this file hands to the workers, each task once, with when that happens."""
    if site.initializer is not None and not site.foreign:
        yield site.initializer, site.point
    for operation in site.operations:
        if operation.task is not None and operation.process_only and operation.sites[0] == site.index:
            yield operation.task, operation.point


def inherited(operation: Operation, site: PoolSite, file: FileFacts) -> tuple[Inherited, ...]:
    """What the task of an operation lacks in a worker which is not forked."""
    return lacking(operation.task, operation.point, site, file) if operation.task is not None else ()


def lacking(task: Task, when: Point, site: PoolSite, file: FileFacts) -> tuple[Inherited, ...]:
    """Each name once, in the order of the names, that a task handed over `when` lacks in a worker which is not forked."""
    if "globals" in file.names or _unseen_initializer(site):
        return ()  # what is not seen may set it
    prepared = {function.id for function in (*code_of(task, file), *code_of(site.initializer, file))}
    reads: dict[str, GlobalUse] = {}
    for function in code_of(task, file):
        for use in function.globals:
            if use.how != "assign":
                reads.setdefault(use.name, use)
    parted = ((read, _by_parent(file.globals.get(name, ()), prepared, when, site, file)) for name, read in sorted(reads.items()))
    return tuple(Inherited(read.name, read, *found) for read, found in parted if found is not None)


def _unseen_initializer(site: PoolSite) -> bool:
    """It has, or may have, an initializer that is not in this file."""
    if site.initializer is not None:
        return site.initializer.function is None
    return any(argument.star for argument in site.arguments) or site.argument("initargs") is not None


def _by_parent(
    uses: tuple[GlobalUse, ...], prepared: set[int], when: Point, site: PoolSite, file: FileFacts
) -> tuple[GlobalUse, GlobalUse | None] | None:
    """What the parent alone does to a name, and what importing the file gives it."""
    uses = tuple(use for use in uses if not (use.under_guard and use.span.path))  # another file's main guard never runs
    imported = [use for use in uses if _at_import(use, file)]
    if any(use.function in prepared and (use.how == "assign" or imported) for use in uses):
        return None  # the worker or its initializer gives it a value of its own
    if any(use.how == "mutate" for use in imported) or any(use.value is not None and _shared(use.value) for use in uses):
        return None
    otherwise = imported[-1] if imported else None
    if otherwise is None and any(hasattr(builtins, use.name) for use in uses):
        return None  # the worker has the builtin, and it may well be meant
    if otherwise is not None and otherwise.binding in DEFINITIONS:
        return None  # state of a module, or attributes of a function or class, is not followed
    writes = (use for use in uses if use not in imported and use.function not in prepared)
    write = next((use for use in writes if _before(use, when, site, file) and not _same(use, otherwise)), None)
    return (write, otherwise) if write is not None else None


def _at_import(use: GlobalUse, file: FileFacts) -> bool:
    """Importing the file does it."""
    return use.function in file.called_at_import or (use.function == MODULE_SCOPE and not use.under_guard)


def _before(use: GlobalUse, when: Point, site: PoolSite, file: FileFacts) -> bool:
    """The parent does it before it submits, as far as the file shows.

    Behind the construction of a Pool in the same scope it is lost on forked workers as well: another fault.
    """
    here = when.scope
    if use.function == here:
        late = site.kind == "pool" and site.point.scope == here and use.order > site.point.order
        return use.order < when.order and not late
    callers = _callers(here, file)
    below_guard = here == MODULE_SCOPE or not callers.isdisjoint(file.called_under_guard)
    if use.function == MODULE_SCOPE:
        return below_guard
    run = {function.id for function in file.reachable(*callers)} | (file.called_under_guard if below_guard else set())
    callbacks = {task.function for operation in site.operations for _, task in operation.callbacks}
    return use.function in run - callbacks


def _callers(target: int, file: FileFacts) -> set[int]:
    """The function itself and all that call it, directly or through others."""
    found, size = {target}, 0
    while len(found) > size:
        size = len(found)
        found |= {function.id for function in file.functions.values() if not found.isdisjoint(function.calls)}
    return found


def _same(use: GlobalUse, otherwise: GlobalUse | None) -> bool:
    """Both give the name the same constant."""
    if otherwise is None or use.how != "assign" or use.value is None or otherwise.value is None:
        return False
    mine, other = use.value, otherwise.value
    return mine.kind == other.kind == "const" and type(mine.const) is type(other.const) and mine.const == other.const


def _shared(value: Value) -> bool:
    return value.api is not None and value.api.startswith(_SHARED)
