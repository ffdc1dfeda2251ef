"""The iterator of imap or imap_unordered is read after its `with Pool` block has ended.

Why it hurts: imap returns at once and hands out results as they are asked for. Leaving `with Pool` terminates the
workers, so that reading the iterator afterwards, or returning it to a caller who does, waits for ever for the first
result that is not there yet.

When it is fine: the iterator is drained inside the block, by list, a loop, or a generator function that yields its
items while the block is open. ProcessPoolExecutor.map may be read after its block: leaving the block waits for the
work.

Limitations: silent when anything was read or waited for inside the block, and when the iterator goes where it cannot be
followed.

Fix: drains the iterator inside the block by wrapping the call in list.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.edits import Fix, insert
from poolaudit.evidence.waiting import outstanding_at_end
from poolaudit.facts import Block, FileFacts, Operation, PoolSite, Use, after_block, inside
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings
from poolaudit.survey.families import LAZY_METHODS

_READS = frozenset({"iterate", "consume", "next", "zip"})


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    block = site.with_block
    if site.kind != "pool" or block is None:
        return
    for operation in site.operations:
        if operation.method not in LAZY_METHODS or not operation.process_only or operation.sites != (site.index,):
            continue
        late = _late_use(operation, block)
        if late is None or not outstanding_at_end(operation, block, file):
            continue
        returned = late.how == "return"
        how = "is returned out of" if returned else "is read after"
        yield Finding(
            operation.point.span,
            f"the iterator of `{operation.method}` {how} the `with` block that terminates its workers: reading it waits for ever",
            label="lazy: nothing has been waited for",
            related=(
                Related(block.header, "its exit terminates the workers"),
                *(() if returned else (Related(late.point.span, "read here"),)),
            ),
            notes=() if _fixable(operation) else ("no fix: the results can not be drained into a list here",),
            fix=_fix(operation) if _fixable(operation) else None,
        )


def _late_use(operation: Operation, block: Block) -> Use | None:
    """The first use that reads the iterator too late; None when one inside the block, or one out of sight, may come first."""
    late = None
    for use in operation.handle.uses:
        returned = use.how == "return" and inside(use.point, block) and use.via in ("direct", "view")
        if returned or (use.how in _READS and after_block(use.point, block)):
            late = late or use
        elif use.how != "drop":
            return None
    if late is not None and late.how == "return":
        return late
    return late if operation.handle.complete else None


def _fixable(operation: Operation) -> bool:
    endless = operation.iterable is not None and operation.iterable.infinite
    return not endless and not operation.in_async and all(use.how != "next" for use in operation.handle.uses)


def _fix(operation: Operation) -> Fix:
    span = operation.point.span
    return Fix("read all results inside the block", "safe", (insert(span.start, "list("), insert(span.end, ")")))


RULE = Rule(code="PA405", name="lazy-result-after-exit", severity="error", check=check, fix="safe", doc=__doc__)
