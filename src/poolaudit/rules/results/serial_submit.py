"""Work is submitted and waited for one item at a time, so that one worker is busy and the others are idle.

Why it hurts: `submit(..).result()` or `apply_async(..).get()` in a loop starts a task only when the one before has
ended. On four workers it was measured to take 3.9 to 4.1 times as long as submitting all of them first.

When it is fine: one worker, a retry, a loop whose next task depends on the last result, or work that must run in this
order.

Limitations: speaks only where no name that the loop sets from a result is read for the next task. Order that matters
outside the program (files that one task writes and the next one reads) cannot be seen.

Fix: submits all tasks before it waits for the first. Unsafe: when a task fails, the later ones have been started.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator
from itertools import pairwise

from poolaudit.edits import Caveat, Fix
from poolaudit.facts import Block, FileFacts, Operation, PoolSite, Use, innermost_loop
from poolaudit.rewriting.submit_first import submit_first
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_METHODS = frozenset({"submit", "apply_async"})
_WAITS = frozenset({"result", "get"})
_IDENTIFIER = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_CLOCK = re.compile(r"\b(?:perf_counter|monotonic|process_time|time\.time|timeit|timer)\b", re.IGNORECASE)
_LATER_TASKS = Caveat("later-tasks-run", "when a task fails, the later ones have been started already")


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    if site.worker_count is not None and site.worker_count.const == 1:
        return
    operations = [op for op in site.operations if op.method in _METHODS and op.process_only and op.sites[0] == site.index]
    for operation in operations:
        loop = operation.loop
        wait = _only_wait(operation)
        if loop is None or wait is None or site.loop is loop or not _is_serial(operation, wait, loop, operations, file):
            continue
        fix = _fix(operation, wait, loop, file)
        yield Finding(
            operation.point.span,
            f"`{wait.how}()` waits for each task before the next one is submitted: one worker is busy, the others are idle",
            label="the next task starts when this one has ended",
            related=(Related(loop.header, "once per item"),),
            notes=() if fix else ("no fix: submit all tasks in one loop and ask for the results in a second one",),
            fix=fix,
        )
    reported = False
    for first, second in pairwise(operations):
        already, reported = reported, _adjacent(first, second, file)
        if reported and not already:
            yield Finding(
                first.point.span,
                "the result is waited for before the next task is submitted: the two never run side by side",
                related=(Related(second.point.span, "submitted when the first one has ended"),),
                notes=("no fix: submit both first, then ask for the results",),
            )


def _only_wait(operation: Operation) -> Use | None:
    """The one thing that is done with the handle: result() or get() in the same round of the loop."""
    uses = operation.handle.uses
    if len(uses) != 1 or uses[0].how not in _WAITS or uses[0].via != "direct":
        return None
    mine, theirs = innermost_loop(operation.point), innermost_loop(uses[0].point)
    return uses[0] if operation.handle.complete and mine is theirs and operation.point.scope == uses[0].point.scope else None


def _is_serial(operation: Operation, wait: Use, loop: Block, operations: list[Operation], file: FileFacts) -> bool:
    if loop.kind == "while" or loop.forever or loop.leaves or loop.is_async or not loop.targets:
        return False
    if any(other is not operation and other.loop is loop for other in operations):
        return False  # two at a time, or a pipeline
    if wait.point.statement.form == "header":
        return False  # the result decides what happens next
    text = file.cut(loop.span)
    return not _CLOCK.search(text) and _independent(operation, loop, file)


def _independent(operation: Operation, loop: Block, file: FileFacts) -> bool:
    """The task depends on the item, and no name that occurs once the result is there is read for the next task."""
    call = operation.point.span
    if loop.kind in ("comprehension", "generator"):
        return bool(_identifiers(call.start, call.end, file) & set(loop.targets))
    start = operation.point.statement.span.start
    prepared = _identifiers(loop.body.start, start, file)
    read = prepared | _identifiers(call.start, call.end, file)
    later = _identifiers(start, call.start, file) | _identifiers(call.end, loop.body.end, file)
    arguments = {name for argument in operation.arguments for name in argument.value.names}
    receiver = _identifiers(operation.receiver.start, operation.receiver.end, file) - arguments
    constant = set(dir(builtins)) | {item.name for item in file.imports} | {function.name for function in file.functions.values()}
    shared = (read & later) - set(loop.targets) - receiver - constant
    return not shared and bool(arguments & (set(loop.targets) | prepared))


def _identifiers(start: int, end: int, file: FileFacts) -> set[str]:
    return set(_IDENTIFIER.findall(file.text, start, max(start, end)))


def _adjacent(first: Operation, second: Operation, file: FileFacts) -> bool:
    """Two statements, one behind the other, that each submit, wait and keep the value, the second without the first's."""
    mine, theirs = first.point.statement, second.point.statement
    return (
        all(op.loop is None and op.handle.chained in _WAITS and op.point.statement.form == "assign" for op in (first, second))
        and all(len(op.handle.uses) == 1 and op.handle.uses[0].timeout is None for op in (first, second))
        and first.point.scope == second.point.scope
        and mine.span.end <= theirs.span.start
        and not file.text[mine.span.end : theirs.span.start].strip()
        and not any(set(mine.assigned) & argument.value.names for argument in second.arguments)
    )


def _fix(operation: Operation, wait: Use, loop: Block, file: FileFacts) -> Fix | None:
    edits = submit_first(operation, wait, loop, file)
    return Fix("submit all tasks before waiting for the first", "unsafe", edits, caveats=(_LATER_TASKS,)) if edits else None


RULE = Rule(code="PA503", name="serial-submit", severity="info", check=check, fix="unsafe", doc=__doc__)
