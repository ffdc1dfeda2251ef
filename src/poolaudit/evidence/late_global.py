"""What the parent gives a name of module level when the workers that read it have started.

Knows the order of points, along calls and around loops, and which values two processes may share. Must never know a rule or
libcst.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from poolaudit.evidence.earlier import ran_by, reached_by
from poolaudit.evidence.inherited import DEFINITIONS, code_of
from poolaudit.facts import LOOPS, MODULE_SCOPE, FileFacts, GlobalUse, Operation, Point, PoolSite, Value, exclusive, inside

_BUILDERS = frozenset(
    [f"builtins.{name}" for name in ("bytearray", "bytes", "dict", "float", "int", "list", "set", "sorted", "str", "tuple")]
    + [f"collections.{name}" for name in ("Counter", "OrderedDict", "defaultdict", "deque")]
)
"""What makes an object of one process alone."""


class Late(Struct, frozen=True):
    """A name that worker code reads, and what the parent does to it too late."""

    name: str
    read: GlobalUse
    write: GlobalUse
    certain: bool
    """It is done whenever the task is handed over; else a condition of its own decides."""
    imported: bool
    """Importing the file does it: only forked workers miss it."""


def late(operation: Operation, site: PoolSite, started: Point, file: FileFacts) -> Iterator[Late]:
    """Each name once, in the order of the names, that is set between the start of the workers and the operation."""
    if "globals" in file.names or _renews_workers(site) or _unseen_initializer(site):
        return
    code = code_of(operation.task, file)
    prepared = {function.id for function in (*code, *code_of(site.initializer, file))}
    reads: dict[str, GlobalUse] = {}
    for function in code:
        for use in function.globals:
            reads.setdefault(use.name, use)
    for name, read in sorted(reads.items()):
        uses = file.globals.get(name, ())
        if any(use.function in prepared for use in uses):
            continue  # the worker or its initializer gives it a value of its own
        found = [
            Late(name, read, write, how == "certain", _at_import(write, file))
            for write in uses
            if _is_seen_nowhere(write, uses) and (how := _between(write, operation, site, started, file))
        ]
        if found:
            yield min(found, key=lambda each: (each.imported, not each.certain))


def _at_import(use: GlobalUse, file: FileFacts) -> bool:
    return use.function in file.called_at_import or (use.function == MODULE_SCOPE and not use.under_guard)


def _renews_workers(site: PoolSite) -> bool:
    """Later workers are forked later."""
    return any(argument.keyword in ("maxtasksperchild", "max_tasks_per_child") for argument in site.arguments)


def _unseen_initializer(site: PoolSite) -> bool:
    """It has, or may have, an initializer that is not in this file."""
    if site.initializer is not None:
        return site.initializer.function is None
    return any(argument.star for argument in site.arguments) or site.argument("initargs") is not None


def _is_seen_nowhere(write: GlobalUse, uses: tuple[GlobalUse, ...]) -> bool:
    """The worker cannot see what is written, and it makes a difference."""
    if write.point is None or write.span.path or write.binding in DEFINITIONS:
        return False
    others = [use for use in uses if use.how == "assign" and use is not write]
    if write.how == "assign" and write.value is not None:
        return not others or any(not _same(write.value, other.value) for other in others)
    # changed in place: another process may share the object
    return bool(others) and all(other.value is not None and _is_plain(other.value) for other in others)


def _between(write: GlobalUse, operation: Operation, site: PoolSite, started: Point, file: FileFacts) -> str:
    """'certain': what is written comes after the start of the workers and before the task. 'likely': if a condition holds."""
    assert write.point is not None
    found = ""
    tasks = {point.scope: point for point in reached_by(operation.point, file)}
    made = {point.scope: point for point in reached_by(site.point, file)}
    starts = {point.scope: point for point in reached_by(started, file)}
    for point in ran_by(write.point, file):
        task, start, making = (points.get(point.scope) for points in (tasks, starts, made))
        if task is None or start is None or making is None or exclusive(point, task):
            continue
        if start.order < point.order < task.order or _comes_round(point, task, making):
            if _conditions(point) <= _conditions(task):
                return "certain"
            found = "likely"
    return found


def _comes_round(write: Point, task: Point, making: Point) -> bool:
    """A loop that makes no pool of its own repeats both."""
    loops = [step.block for step in task.path if step.block.kind in LOOPS and step.arm == "body"]
    return any(inside(write, loop) and not inside(making, loop) and making.order < loop.start for loop in loops)


def _conditions(point: Point) -> set[tuple[int, str]]:
    """What decides whether the point is reached in its scope."""
    return {
        (step.block.id, step.arm)
        for step in point.path
        if step.block.kind not in ("with", "class") and not (step.block.kind == "try" and step.arm in ("body", "finally"))
    }


def _same(value: Value, other: Value | None) -> bool:
    """Both are the same constant, or written in the same words."""
    if other is None or value.kind != "const" or other.kind != "const":
        return other is not None and value.text == other.text
    return type(value.const) is type(other.const) and value.const == other.const


def _is_plain(value: Value) -> bool:
    """An object of this process, and so is all that it holds."""
    if value.kind in ("const", "function", "class", "lambda"):
        return True
    if value.kind == "api":
        return value.api in _BUILDERS
    holds = value.kind in ("tuple", "list", "dict", "set") or (value.kind == "call" and value.api in _BUILDERS)
    return holds and all(map(_is_plain, value.items))
