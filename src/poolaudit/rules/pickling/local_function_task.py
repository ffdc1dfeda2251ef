"""A def inside a function, or an object of a class defined there, is sent to a worker process.

Why it hurts: tasks and their arguments are always pickled, under fork too, and pickle finds functions and classes by their
module and name: what a function defines has no such name. The call fails with AttributeError, or PicklingError from Python
3.14, when its result is asked for; when nobody asks, the work is silently not done.

When it is fine: as a callback, which runs in the parent; in a thread pool; in a pool that pickles with dill or cloudpickle
(multiprocess, pathos, loky, joblib); when a global statement or a decorator makes the function importable.

Fix: the def moves to module level. What it uses of the function around it is bound by functools.partial and sent with each
task: safe where that is plain data which nothing rebinds, else unsafe (captured-value, changes-global). Classes are left to
you.

Limitations: a function that reaches the pool through a container or a call that is not followed is not seen. Under a decorator
that is not known nothing is reported: it may return something importable.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.deliberate import expects_failure
from poolaudit.evidence.importable import may_be_importable
from poolaudit.evidence.payload import payload
from poolaudit.facts import MODULE_SCOPE, ClassFact, FileFacts, Function, Operation, PoolSite, Span
from poolaudit.rewriting.hoist import Refused, hoist
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

CACHES = ("functools.cache", "functools.lru_cache")
"""Decorators after which a function is pickled by its own name as before. functools.wraps gives it another one."""


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        if not operation.process_only or operation.sites[0] != site.index or expects_failure(file, operation):
            continue
        seen: set[str] = set()
        for where, function, owner, role in _sent(operation):
            finding = _local_function(file, operation, where, function, role) if owner is None else None
            finding = finding or _local_class(file, where, owner, operation, role)
            if finding is not None and finding.message not in seen:
                seen.add(finding.message)
                yield finding


def _sent(operation: Operation) -> Iterator[tuple[Span, int | None, int | None, str]]:
    """Everything named that the operation pickles: where, function id, class id, what it is there."""
    task = operation.task
    if task is not None and task.kind in ("nested", "method", "class", "instance"):
        yield task.span, task.function, task.class_id, "the task"
    for value in payload(operation):
        if value.kind in ("function", "method", "class", "instance"):
            yield value.span, value.function, value.class_id, "an argument"


def _local_function(file: FileFacts, operation: Operation, where: Span, identity: int | None, role: str) -> Finding | None:
    function = file.functions.get(identity) if identity is not None else None
    if function is None or not _is_local(file, function):
        return None
    notes: tuple[str, ...] = ()
    try:
        fix = hoist(file, function, operation)
    except Refused as refused:
        fix, notes = None, (f"no fix: {refused}",)
    return Finding(
        where,
        f"`{function.name}`, {role} of `{operation.method}`, is defined inside a function: it cannot be pickled",
        label="sent to a worker",
        related=(Related(function.name_span or function.span, "defined here"),),
        notes=notes,
        fix=fix,
    )


def _is_local(file: FileFacts, function: Function) -> bool:
    known = all(decorator.api in CACHES for decorator in function.decorators)
    return function.nested and not function.is_lambda and known and not may_be_importable(file, function.name)


def _local_class(file: FileFacts, where: Span, identity: int | None, operation: Operation, role: str) -> Finding | None:
    owner = file.classes.get(identity) if identity is not None else None
    if owner is None or owner.span.path or owner.parent == MODULE_SCOPE or not _is_pickled_by_name(file, owner):
        return None
    return Finding(
        where,
        f"`{owner.name}`, the class of {role} of `{operation.method}`, is defined inside a function: it cannot be pickled",
        label="sent to a worker",
        related=(Related(owner.span, "defined here"),),
        notes=("define the class at module level",),
    )


def _is_pickled_by_name(file: FileFacts, owner: ClassFact) -> bool:
    """Nothing that is known or unknown of the class pickles its objects in another way."""
    if owner.custom_pickle or may_be_importable(file, owner.name):
        return False
    for base in owner.bases:
        if base.class_id is not None and base.class_id in file.classes:
            if not _is_pickled_by_name(file, file.classes[base.class_id]):
                return False
        elif not (base.api or "").startswith("builtins."):
            return False
    return True


RULE = Rule(
    code="PA202", name="local-function-task", severity="error", check=check, fix="sometimes", supersedes=("PA303",), doc=__doc__
)
