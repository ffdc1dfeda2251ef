"""What workers must find in a notebook and cannot: the names that pickle sends of its tasks, initializers and arguments.

Knows that a notebook runs in a `__main__` that no process can import again, so a function or class of its cells exists in the
kernel, and in workers that are forked from it, alone. Must never know a rule, a start method or libcst.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from poolaudit.evidence.importable import may_be_importable
from poolaudit.evidence.inherited import sent
from poolaudit.evidence.payload import opened, payload
from poolaudit.facts import MODULE_SCOPE, FileFacts, GlobalUse, Point, PoolSite, Span, Task, Value

SUFFIX = ".ipynb"

_KEEPERS = frozenset({"attr", "attrs", "dataclasses", "enum", "functools", "typing"})
"""Modules whose decorators leave a class what it is for pickle."""


class Lost(Struct, frozen=True):
    """A function or class of a notebook that is sent to a worker by its name."""

    name: str
    sent: Span
    """The task, or the argument that is an object of the class."""
    defined: Span
    """The name in its definition."""


def lost(site: PoolSite, file: FileFacts) -> Iterator[Lost]:
    """Each definition once that the pool's workers, unless they are forked, look for in vain; none outside of notebooks."""
    if not file.path.endswith(SUFFIX):
        return
    told: set[str] = set()
    for each in _sent(site, file):
        if each.name not in told and not may_be_importable(file, each.name):
            told.add(each.name)
            yield each


def _sent(site: PoolSite, file: FileFacts) -> Iterator[Lost]:
    for task, when in sent(site):
        yield from _named(task, task.span, file)
        yield from _redefined(task, when, file)
    initargs = site.argument("initargs", 2 if site.kind == "pool" else 3)
    if initargs is not None and not site.foreign:
        for value in opened(initargs.value):
            yield from _named(value, value.span, file)
    for operation in site.operations:
        if operation.process_only and operation.sites[0] == site.index:
            for value in payload(operation):
                yield from _named(value, value.span, file)


def _redefined(task: Task, when: Point, file: FileFacts) -> Iterator[Lost]:
    """A global that several cells define, so that it is not known which of them the task is: pickle writes one name for all."""
    around = file.functions.get(when.scope)
    if task.kind != "unknown" or task.span.path or around is None:
        return
    is_global = any(use.name == task.name == file.cut(task.span) and use.how == "read" for use in around.globals)
    uses = file.globals.get(task.name, ()) if is_global else ()
    plain = (use.how == "assign" and use.binding == "function" and use.function == MODULE_SCOPE for use in uses)
    if uses and all(plain) and not any(use.span.path or _decorated(use, file) for use in uses):
        yield Lost(task.name, task.span, uses[-1].span)


def _decorated(use: GlobalUse, file: FileFacts) -> bool:
    return use.point is None or file.cut(use.point.statement.top).startswith("@")


def _named(what: Task | Value, where: Span, file: FileFacts) -> Iterator[Lost]:
    """The function or class of the notebook's module level whose name pickle writes for a task or a value."""
    if where.path:
        return
    function = file.functions.get(what.function) if what.function is not None else None
    owner = file.classes.get(what.class_id) if what.class_id is not None else None
    if what.kind in ("method", "class", "instance") and owner is not None:
        # what pickles itself may pickle as something else, and so may what a decorator has changed
        plain = not owner.custom_pickle and all((each.api or "").partition(".")[0] in _KEEPERS for each in owner.decorators)
        if plain and owner.parent == MODULE_SCOPE and not owner.span.path:
            yield Lost(owner.name, where, owner.span)
    elif what.kind == "function" and function is not None and function.name_span is not None:
        plain = function.class_id is None and not (function.nested or function.is_lambda or function.decorators)
        if plain and not function.span.path:
            yield Lost(function.name, where, function.name_span)
