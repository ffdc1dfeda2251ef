"""A handler for a timeout names a class that is not the one that is raised.

Why it hurts: a Pool raises multiprocessing.TimeoutError, which is neither the builtin TimeoutError nor that of
concurrent.futures or asyncio, on any version. A future raises concurrent.futures.TimeoutError, which became the builtin
one in Python 3.11 only. A handler for another class never runs, and the error goes on up.

When it is fine: another handler of the same try catches the right class, or the try waits for something else that
raises the named class.

Limitations: without declared versions, the builtin and asyncio's class around a future are not reported, since they
work from 3.11 on.

Fix: names the right class; the old one stays beside it where the task, or other code of the try, could raise that.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.edits import Edit, Fix, insert, replace
from poolaudit.evidence.timeout_classes import FUTURE, ONE_SINCE, OTHERS, POOL, Raised, wrong_handler
from poolaudit.evidence.waiting import may_wait
from poolaudit.facts import Block, FileFacts, Name, Operation, PoolSite, Span, Use
from poolaudit.imports import Refusal, spell
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_TIMED: dict[str, frozenset[str]] = {
    "async_result": frozenset({"get"}),
    "iterator": frozenset({"next"}),
    "future": frozenset({"result", "exception", "as_completed"}),
}
_READS = frozenset({"iterate", "consume", "next"})
_ASKS = frozenset({"get", "result"})
_HARMLESS_CALLS = frozenset({"time.sleep"})


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    raised = POOL if site.kind == "pool" else FUTURE
    old = settings.below(ONE_SINCE) if raised is FUTURE else ()
    wrong = OTHERS | FUTURE.names if raised is POOL else POOL.names | (OTHERS if old else frozenset())
    catching = raised.names | raised.ancestors | (OTHERS - wrong)
    seen: set[Span] = set()
    for operation, use in _timed_uses(site):
        found = wrong_handler(use, wrong, catching)
        if found is None or found[1].span in seen:
            continue
        block, name = found
        if may_wait(_without(block.body, use.point.span, file), _ASKS):
            continue  # something else of the try may raise the named class
        seen.add(name.span)
        versions = (
            f" before Python 3.11 ({', '.join(f'{major}.{minor}' for major, minor in old)})" if name.api in OTHERS and old else ""
        )
        fix = _fix(operation, name, block, raised, file)
        yield Finding(
            name.span,
            f"`{name.text}` does not catch the timeout of `{_name(use)}`{versions}: {raised.module}.TimeoutError is raised",
            label="another class",
            related=(Related(use.point.span, f"raises {raised.module}.TimeoutError"),),
            notes=() if fix else (f"no fix: `{raised.module}` cannot be imported here without a clash",),
            fix=fix,
        )


def _timed_uses(site: PoolSite) -> Iterator[tuple[Operation, Use]]:
    """Every place where a timeout of this pool is raised."""
    for operation in site.operations:
        if not operation.process_only or operation.sites[0] != site.index or operation.handle.kind not in _TIMED:
            continue
        limit = operation.argument("timeout") if operation.method == "map" and site.kind == "executor" else None
        for use in operation.handle.uses:
            if use.point.span.path:
                continue  # reported with that file
            read = limit is not None and use.how in _READS and use.via != "item"
            timeout = limit.value if limit and read else use.timeout if use.how in _TIMED[operation.handle.kind] else None
            if timeout is not None and not (timeout.kind == "const" and timeout.const is None):
                yield operation, use


def _name(use: Use) -> str:
    return use.how if use.timeout is not None else "map"


def _without(body: Span, call: Span, file: FileFacts) -> str:
    return file.text[body.start : call.start] + file.text[call.end : body.end]


def _fix(operation: Operation, name: Name, block: Block, raised: Raised, file: FileFacts) -> Fix | None:
    module = spell(file, raised.module)
    handler = next(handler for handler in block.handlers if name in handler.types)
    if isinstance(module, Refusal) or handler.types_span is None:
        return None
    right = f"{module.text}.TimeoutError"
    edits: tuple[Edit, ...]
    if not _may_raise_by_itself(operation, file):
        edits = (replace(name.span, right),)
    elif file.text[handler.types_span.start] == "(":
        edits = (insert(name.span.end, f", {right}"),)
    else:
        edits = (insert(name.span.start, "("), insert(name.span.end, f", {right})"))
    return Fix(f"catch {raised.module}.TimeoutError", "safe", edits, imports=module.requests)


def _may_raise_by_itself(operation: Operation, file: FileFacts) -> bool:
    """The task could raise the old class, which get() or result() would raise again."""
    task = operation.task
    if task is None or task.function is None:
        return task is None or task.api not in _HARMLESS_CALLS
    return any(
        not function.complete or function.raises or any(call.api not in _HARMLESS_CALLS for call in function.library_calls)
        for function in file.reachable(task.function)
    )


RULE = Rule(code="PA505", name="wrong-timeout-class", severity="warning", check=check, fix="safe", doc=__doc__)
