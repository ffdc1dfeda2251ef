"""Calls that set the start method, and where they fail.

Knows that the method can be set once in a process, what settles it without being asked, and which workers import a file. Must
never know a rule, a Python version or libcst.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from poolaudit.evidence.caught import caught
from poolaudit.evidence.earlier import earlier
from poolaudit.facts import MODULE_SCOPE, FileFacts, LibraryCall, Point, PoolSite, find_argument

_SETTERS = ("multiprocessing.set_start_method", "torch.multiprocessing.set_start_method")
_ASKS = ("__name__", "current_process", "parent_process", "get_start_method", "get_context")
"""Last parts of the names by which a program asks whether the method is settled, or it runs in a worker."""

_SETTLING = frozenset(
    f"multiprocessing.{name}"
    for name in (
        "Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event", "Barrier", "Queue", "JoinableQueue",
        "SimpleQueue", "Value", "Array", "Manager",
    )
)  # fmt: skip
"""Making one settles the start method (measured; Pipe, RawValue and RawArray do not)."""

_SUPPRESSES = re.compile(r"\b(?:suppress|raises|assertRaises\w*)\s*\(")


def setters(file: FileFacts) -> tuple[LibraryCall, ...]:
    """The calls that set the start method, and raise a RuntimeError which nobody expects where it is settled."""
    return tuple(call for call in file.library_calls if call.api in _SETTERS and not _is_spared(call, file))


def method(call: LibraryCall) -> object:
    """The start method that is set, where it is written out."""
    argument = find_argument(call.arguments, "method", 0)
    return None if argument is None else argument.value.const


def settled_before(call: LibraryCall, file: FileFacts) -> tuple[Point, str] | None:
    """What settles the method in this process before the call, and how it says so."""
    return next(_settled_before(call, file), None)


def runs_in_workers(call: LibraryCall, file: FileFacts) -> bool:
    """A worker that is not forked imports the file, and with it the call."""
    at_import = call.function in file.called_at_import or (call.function == MODULE_SCOPE and not call.under_guard)
    if not at_import or file.path.endswith((".ipynb", "__main__.py")):
        return False
    return any(_is_default(site) and (is_program(file) or _finds_tasks_here(site, file)) for site in file.sites)


def is_program(file: FileFacts) -> bool:
    """It is run, not imported: the call itself, which is visible work of module level, does not tell."""
    return file.guard is not None or file.text.startswith("#!")


def _is_spared(call: LibraryCall, file: FileFacts) -> bool:
    """It may be repeated, its error is caught, or the code asks before."""
    force = find_argument(call.arguments, "force", 1)
    if force is not None and not (force.value.kind == "const" and not force.value.const):
        return True
    blocks = [step.block for step in call.point.path]
    asked = any(name.endswith(_ASKS) for block in blocks if block is not file.guard for name in block.tests)
    suppressed = any(block.kind == "with" and _SUPPRESSES.search(file.cut(block.header)) for block in blocks)
    return asked or suppressed or caught(call.point, "builtins.RuntimeError")


def _settled_before(call: LibraryCall, file: FileFacts) -> Iterator[tuple[Point, str]]:
    for other in file.library_calls:
        if other.api in _SETTERS and other is not call and earlier(other.point, call.point, file):
            yield other.point, "it has been set before"
    for site in file.sites:
        if _is_default(site) and earlier(site.point, call.point, file):
            yield site.point, f"the {'Pool' if site.kind == 'pool' else 'executor'} is made before"
    for made in file.library_calls:
        if made.api in _SETTLING and earlier(made.point, call.point, file):
            yield made.point, f"the {made.api.rpartition('.')[2]} is made before"


def _is_default(site: PoolSite) -> bool:
    """A process pool whose start method is not its own."""
    return site.is_process and not site.foreign and site.start_method is None


def _finds_tasks_here(site: PoolSite, file: FileFacts) -> bool:
    tasks = [site.initializer, *(operation.task for operation in site.operations if operation.process_only)]
    functions = [file.functions.get(task.function) for task in tasks if task is not None and task.function is not None]
    return any(function is not None and not function.span.path for function in functions)
