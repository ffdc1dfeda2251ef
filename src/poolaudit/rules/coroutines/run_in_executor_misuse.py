"""run_in_executor is given a multiprocessing Pool, or a coroutine function for a process pool.

Why it hurts: a Pool has no submit: AttributeError. A coroutine function only makes a coroutine in the worker, which never runs
and cannot be pickled on its way back: TypeError.

When it is fine: never. Await the coroutine function where it is, or give run_in_executor a plain function, which may call
asyncio.run in the worker; use a ProcessPoolExecutor for a Pool.

Limitations: there is no fix. The result of a call, where a function should be passed, is PA701.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.deliberate import expects_failure
from poolaudit.facts import FileFacts, Operation, PoolSite
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        if operation.method != "run_in_executor" or not operation.process_only or operation.sites[0] != site.index:
            continue
        finding = _pool(site, operation) if site.kind == "pool" else _coroutine_function(file, operation)
        if finding is not None and not expects_failure(file, operation):
            yield finding


def _pool(site: PoolSite, operation: Operation) -> Finding:
    executor = operation.argument("executor", 0)
    return Finding(
        executor.value.span if executor else operation.point.span,
        "a multiprocessing Pool is no executor: run_in_executor fails with AttributeError",
        label="has no `submit`",
        related=(Related(site.callee, "made here: a ProcessPoolExecutor would do"),),
    )


def _coroutine_function(file: FileFacts, operation: Operation) -> Finding | None:
    task = operation.task
    function = file.functions.get(task.function) if task is not None and task.function is not None else None
    if task is None or function is None or function.decorators or not function.is_async or task.kind == "called":
        return None
    return Finding(
        task.span,
        f"`{task.name}` is a coroutine function: a worker only makes its coroutine, which never runs and cannot come back",
        label="never runs",
        related=(Related(function.name_span or function.span, "defined here"),),
        notes=("await it here, or give run_in_executor a plain function",),
    )


RULE = Rule(code="PA603", name="run-in-executor-misuse", severity="error", check=check, supersedes=("PA207",), doc=__doc__)
