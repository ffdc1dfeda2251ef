"""A lambda is sent to a worker process, as the task or with its arguments.

Why it hurts: tasks and their arguments are always pickled, under fork too, and a lambda cannot be: pickle finds a function by
its module and name. The call fails with PicklingError or AttributeError when its result is asked for; when nobody asks, the
work is silently not done. On Python 3.8 an executor with several such tasks hangs.

When it is fine: as a callback, which runs in the parent; in a thread pool; in a pool that pickles with dill or cloudpickle
(multiprocess, pathos, loky, joblib).

Fix: the lambda becomes a def of module level. What it uses of the function around it is bound by functools.partial and sent
with each task: safe where that is plain data which nothing rebinds, else unsafe (captured-value, changes-global).

Limitations: a lambda that reaches the pool through a container or a call that is not followed is not seen. A lambda as
initializer is PA209.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.deliberate import expects_failure
from poolaudit.evidence.importable import may_be_importable
from poolaudit.evidence.payload import payload
from poolaudit.facts import FileFacts, Operation, PoolSite, Span
from poolaudit.rewriting.hoist import Refused, hoist
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        if not operation.process_only or operation.sites[0] != site.index or expects_failure(file, operation):
            continue
        seen: set[int] = set()
        for where, function, role in _lambdas(operation):
            name = file.cut(where)
            if function in file.functions and function not in seen and not may_be_importable(file, name):
                seen.add(function)
                yield _finding(file, operation, where, function, role)


def _lambdas(operation: Operation) -> Iterator[tuple[Span, int, str]]:
    """Every lambda that the operation pickles: where it is written or named, its function, what it is there."""
    task = operation.task
    if task is not None and task.kind == "lambda" and task.function is not None:
        yield task.span, task.function, "the task"
    for value in payload(operation):
        if value.kind == "lambda" and value.function is not None:
            yield value.span, value.function, "an argument"


def _finding(file: FileFacts, operation: Operation, where: Span, identity: int, role: str) -> Finding:
    function, name = file.functions[identity], file.cut(where)
    notes: tuple[str, ...] = ()
    try:
        fix = hoist(file, function, operation)
    except Refused as refused:
        fix, notes = None, (f"no fix: {refused}",)
    return Finding(
        where,
        f"{f'`{name}` is a lambda' if name.isidentifier() else 'a lambda is'}"
        f"{' and' if name.isidentifier() else ''} {role} of `{operation.method}`: it cannot be pickled",
        label="sent to a worker",
        related=() if function.span in operation.point.span else (Related(function.span, "the lambda"),),
        notes=notes,
        fix=fix,
    )


RULE = Rule(code="PA201", name="lambda-task", severity="error", check=check, fix="sometimes", supersedes=("PA603",), doc=__doc__)
