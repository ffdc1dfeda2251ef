"""A worker, or something that it uses, is defined below the main guard only.

Why it hurts: a worker that is not forked imports the file without the main guard's body. It cannot find a task or an
initializer that is defined there: a Pool waits for ever while it starts new workers, an executor fails with a
BrokenProcessPool. A function, class or import that the task uses is a NameError in it. macOS and Windows spawn workers;
Linux forks them up to Python 3.13, and starts them by a fork server from 3.14.

When it is fine: under an explicit fork context. A task that is imported below the guard: pickle names its own module.

Limitations: definitions in other files are not seen. There is no fix: move the definition above the guard.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.facts import MODULE_SCOPE, FileFacts, Operation, PoolSite, Span, Task
from poolaudit.inherited import DEFINITIONS, inherited
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings, StartMethod

_FRESH: frozenset[StartMethod] = frozenset({"spawn", "forkserver"})


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    severity = settings.severity(site, file, _FRESH)
    told: set[Span] = set()
    for task, operation in _tasks(site) if severity else ():
        for where, message in (_itself(task, file), *_used(operation, site, file)):
            if where is None or where in told:
                continue
            told.add(where)
            yield Finding(
                task.span,
                message,
                severity=severity,
                related=(Related(where, "defined below the main guard"),),
                notes=(
                    f"fails with {settings.where(site, file, _FRESH)}; works where workers are forked",
                    "move the definition above the main guard",
                ),
            )


def _tasks(site: PoolSite) -> Iterator[tuple[Task, Operation | None]]:
    if site.initializer is not None:
        yield site.initializer, None
    for operation in site.operations:
        if operation.task is not None and operation.process_only and operation.sites[0] == site.index:
            yield operation.task, operation


def _itself(task: Task, file: FileFacts) -> tuple[Span | None, str]:
    """The task's own definition, when it is below the guard."""
    function = file.functions.get(task.function) if task.function is not None else None
    owner = file.classes.get(task.class_id) if task.class_id is not None else None
    message = f"`{task.name}` is defined below the main guard, where a worker that is not forked cannot find it"
    if owner is not None and owner.under_guard and owner.parent == MODULE_SCOPE:
        return owner.span, message
    if function is not None and function.under_guard and not (function.nested or function.is_lambda):
        return function.name_span or function.span, message
    return None, message


def _used(operation: Operation | None, site: PoolSite, file: FileFacts) -> Iterator[tuple[Span, str]]:
    """What the task uses and the main guard alone defines."""
    for found in inherited(operation, site, file) if operation is not None else ():
        if found.write.binding in DEFINITIONS and found.write.under_guard and found.otherwise is None:
            reader = file.functions[found.read.function].name
            yield (
                found.write.span,
                f"`{reader}` uses `{found.name}`, which only the main guard defines: a NameError in a worker that is not forked",
            )


RULE = Rule(code="PA303", name="worker-under-main-guard", severity="error", check=check, doc=__doc__)
