"""A pool's workers are forked before module level has defined what they run.

Why it hurts: a forked worker has what the module had when it was forked. It cannot find a task, or a name that the task
uses, that is defined below: a Pool waits for ever for the task, an executor fails with a BrokenProcessPool, a missing
name is a NameError. A Pool forks its workers when it is made, an executor with its first task.

When it is fine: under spawn and forkserver, whose workers import the whole file. Where the pool is made last, or in a
function that is called when everything is defined. An executor that is only made before.

Limitations: only what module level itself does is ordered. There is no fix: move the definition above the pool.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.inherited import DEFINITIONS, code_of
from poolaudit.evidence.worker_start import forks
from poolaudit.facts import MODULE_SCOPE, FileFacts, Operation, Point, PoolSite, Span, dominates
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings, StartMethod

_FORKED: frozenset[StartMethod] = frozenset({"fork"})


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    severity = settings.severity(site, file, _FORKED)
    point = _forked_at_module_level(site)
    if severity is None or point is None:
        return
    late: dict[str, Span] = {}
    uses: dict[str, Span] = {}
    for operation in site.operations:
        # what is asked of a Pool comes after its making; a first task may have been left out
        if operation.process_only and (site.kind == "pool" or dominates(point, operation.point)):
            late.update(_task_itself(operation, point, file))
            uses.update(_what_it_uses(operation, point, file))
    missing = late or uses
    if not missing:
        return
    names = " and ".join(f"`{name}`" for name in sorted(missing))
    made = "this Pool is made" if site.kind == "pool" else "this first task starts the executor's workers"
    harm = "a NameError in a forked worker" if not late else _HARM.get(site.kind, "")
    yield Finding(
        point.span,
        f"{made} before {names} {'is' if len(missing) == 1 else 'are'} defined: {harm}",
        label="forked workers have only what is defined above",
        severity=severity,
        related=tuple(Related(span, "defined too late") for _, span in sorted(missing.items())),
        notes=(f"fails with {settings.where(site, file, _FORKED)}", "make the pool when everything is defined"),
    )


_HARM = {
    "pool": "a forked worker cannot find it, and the call waits for ever",
    "executor": "a forked worker cannot find it, a BrokenProcessPool",
}


def _forked_at_module_level(site: PoolSite) -> Point | None:
    """The point of module level at which the workers are forked."""
    point = forks(site)
    if point is not None and point.scope == MODULE_SCOPE:
        return point
    return site.at_import if site.kind == "pool" and not site.foreign else None


def _task_itself(operation: Operation, point: Point, file: FileFacts) -> Iterator[tuple[str, Span]]:
    task = operation.task
    function = file.functions.get(task.function) if task and task.function is not None else None
    owner = file.classes.get(task.class_id) if task and task.class_id is not None else None
    if owner is not None:
        if owner.parent == MODULE_SCOPE and _is_behind(owner.span, point):
            yield owner.name, owner.span
    elif function is not None and not function.nested and not function.is_lambda and _is_behind(function.span, point):
        yield function.name, function.name_span or function.span


def _what_it_uses(operation: Operation, point: Point, file: FileFacts) -> Iterator[tuple[str, Span]]:
    """Names that the task reads and that only definitions behind the point give it."""
    reads = {use.name for function in code_of(operation.task, file) for use in function.globals if use.how == "read"}
    for name in sorted(reads):
        bound = [use for use in file.globals.get(name, ()) if use.how == "assign"]
        if bound and all(
            use.function == MODULE_SCOPE and use.binding in DEFINITIONS and _is_behind(use.span, point) for use in bound
        ):
            yield name, bound[0].span


def _is_behind(span: Span, point: Point) -> bool:
    """Statements of module level run in the order in which they are written, and a loop's body only together."""
    return not span.path and not point.span.path and span.start > point.statement.span.end


RULE = Rule(code="PA304", name="worker-after-pool", severity="error", check=check, doc=__doc__)
