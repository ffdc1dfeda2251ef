"""A large object that never changes is pickled again for each task.

Why it hurts: what functools.partial binds, what a bound method belongs to, and the same argument of every task are
pickled, sent through a pipe and rebuilt for each task: for each chunk with map and starmap of Pool. With 10 MB and 64
tasks Executor.map was measured to take 59 to 319 times as long as with the object kept in the workers, and Pool.map
17 to 31 times.

When it is fine: few tasks, or tasks that take much longer than sending the object.

Limitations: speaks where the size is written in the program and is a megabyte or more; objects that are read from a
file (arrays, tables, models) are reported as likely. There is no fix: hand the object over once per worker, by
initializer and initargs.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from poolaudit.evidence.payload import APPLY, COMPREHENSIONS
from poolaudit.evidence.size import is_loaded, pickled_size
from poolaudit.facts import FileFacts, Operation, PoolSite, Task, Value
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings
from poolaudit.survey.families import MAP_METHODS

LARGE = 1_000_000
"""Bytes from which on sending an object costs more than a task of a millisecond."""

FEW = 4
"""Tasks for which it does not matter."""

_SINGLE = APPLY | {"submit", "run_in_executor"}
_CHUNKED = frozenset({"map", "starmap", "map_async", "starmap_async"})
"""Methods of Pool that choose a chunksize by themselves."""


class _Companion(Struct, frozen=True):
    """A value that goes with each of many tasks: by itself, or as an attribute of the object that a method belongs to."""

    value: Value
    name: str
    owner: str = ""


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        if not operation.process_only or operation.sites[0] != site.index or operation.task is None or _few(operation):
            continue
        sizes = [(pickled_size(each.value, file) or 0, each) for each in _companions(operation, operation.task, file)]
        heavy = [(size, each) for size, each in sizes if size >= LARGE or is_loaded(each.value)]
        if heavy:
            size, largest = max(heavy, key=lambda pair: pair[0])
            yield _finding(largest, size, operation, operation.task, site)


def _finding(each: _Companion, size: int, operation: Operation, task: Task, site: PoolSite) -> Finding:
    chunks = operation.argument("chunksize") is not None or (site.kind == "pool" and operation.method in _CHUNKED)
    megabytes = f" ({size // 1_000_000} MB or more)" if size >= LARGE else ""
    along = f"`{task.name}` takes `{each.owner}` along: " if each.owner else ""
    made = each.value.span if each.owner else each.value.origin
    return Finding(
        task.span if each.owner else each.value.span,
        f"{along}`{each.name}`{megabytes} is pickled again for each {'chunk of tasks' if chunks else 'task'}",
        label="goes with each of them",
        confidence="certain" if megabytes else "likely",
        related=(Related(made, "made here, once"),) if made else (),
        notes=("hand it over once per worker, by initializer and initargs",),
    )


def _few(operation: Operation) -> bool:
    source = operation.loop.iterable if operation.method in _SINGLE and operation.loop else operation.iterable
    return source is not None and source.length is not None and source.length < FEW


def _companions(operation: Operation, task: Task, file: FileFacts) -> Iterator[_Companion]:
    fixed = [*_bound(task), *_attributes(task, file)]
    behind = [each.value for each in operation.arguments if each.span.start > task.span.start and not each.star]
    if operation.method in MAP_METHODS:
        yield from fixed
        yield from (_by_itself(value) for iterable in behind for value in _same_for_all(iterable) if not value.literal)
    elif operation.method in _SINGLE and operation.loop is not None:
        if operation.method in APPLY:
            behind = [item for value in behind for item in value.items]
        fixed += [_by_itself(value) for value in behind if not value.literal]
        yield from (each for each in fixed if not each.value.names & operation.loop.rebinds)


def _by_itself(value: Value) -> _Companion:
    return _Companion(value, value.text)


def _bound(task: Task) -> Iterator[_Companion]:
    """What a partial binds."""
    return (_by_itself(argument.value) for argument in task.bound)


def _attributes(task: Task, file: FileFacts) -> Iterator[_Companion]:
    """What the object holds that a method belongs to, where each attribute is set in one place."""
    owner = file.classes.get(task.class_id) if task.class_id is not None and task.kind in ("method", "instance") else None
    if owner is None or owner.custom_pickle:
        return
    receiver = task.receiver.text if task.kind == "method" and task.receiver is not None else task.name
    names = [name for name, _ in owner.attributes]
    for name, value in owner.attributes:
        if names.count(name) == 1:
            yield _Companion(value, f"{receiver}.{name}", receiver)


def _same_for_all(iterable: Value) -> Iterator[Value]:
    """What each element of an iterable certainly holds: repeat(x), zip(xs, repeat(x)), [(y, x) for y in ys]."""
    if iterable.kind == "call" and iterable.api == "itertools.repeat":
        yield from iterable.items[:1]
    elif iterable.kind == "call" and iterable.api == "builtins.zip":
        for item in iterable.items:
            yield from _same_for_all(item)
    elif iterable.kind in COMPREHENSIONS:
        for item in iterable.items:
            yield from item.items if item.kind == "tuple" else (item,)


RULE = Rule(code="PA802", name="heavy-capture", severity="info", check=check, doc=__doc__)
