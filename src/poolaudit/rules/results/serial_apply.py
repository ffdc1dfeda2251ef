"""Pool.apply in a loop waits for each task before it starts the next one, so that one worker is busy and the others are idle.

Why it hurts: apply is apply_async(..).get(). On four workers, map took a quarter of the time.

When it is fine: one worker, a retry, a loop whose next task depends on the last result, or work that must run in this order.

Limitations: speaks only where no name that the loop sets from a result is read for the next task. Order that matters outside the
program (files that one task writes and the next one reads) cannot be seen.

Fix: one map or starmap for the whole loop. Unsafe: when a task fails, the others have been started, and what the loop does with a
result waits until all are there.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.edits import Caveat, Edit, Fix
from poolaudit.evidence.rounds import one_worker, side_by_side
from poolaudit.facts import Block, FileFacts, Operation, PoolSite
from poolaudit.rewriting.map_rounds import map_rounds
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_LATER_TASKS = Caveat("later-tasks-run", "when a task fails, the others have been started already")
_AT_ONCE = Caveat("results-at-once", "what the loop does with a result waits until all results are there")


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    if site.kind != "pool" or one_worker(site):
        return
    for operation in site.operations:
        loop = operation.loop
        if operation.method != "apply" or not operation.process_only or operation.sites[0] != site.index:
            continue
        if loop is None or site.loop is loop or not _alone(operation, site) or not side_by_side(operation, loop, file):
            continue
        edits = map_rounds(operation, loop, file)
        yield Finding(
            operation.point.span,
            "`apply` waits for each task before the next one starts: one worker is busy, the others are idle",
            label="the next task starts when this one has ended",
            related=(Related(loop.header, "once per item"),) if loop.kind == "for" else (),
            notes=() if edits else ("no fix: use map or starmap over all items",),
            fix=_fix(loop, edits) if edits else None,
        )


def _alone(operation: Operation, site: PoolSite) -> bool:
    """No other work is given to the pool in the same loop: two at a time, or a pipeline."""
    return all(other is operation or other.loop is not operation.loop for other in site.operations)


def _fix(loop: Block, edits: tuple[Edit, ...]) -> Fix:
    caveats = (_LATER_TASKS, _AT_ONCE) if loop.kind == "for" else (_LATER_TASKS,)
    return Fix("hand all items to the pool at once", "unsafe", edits, caveats=caveats)


RULE = Rule(code="PA504", name="serial-apply", severity="info", check=check, fix="unsafe", doc=__doc__)
