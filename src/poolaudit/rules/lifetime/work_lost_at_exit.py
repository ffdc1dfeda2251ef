"""A `with Pool` block ends while work that was handed out is still outstanding.

Why it hurts: leaving `with Pool` terminates the workers. Tasks that were submitted by apply_async, map_async or
starmap_async and not waited for are killed, in silence and with exit status 0; a get() after the block waits for ever.

When it is fine: something inside the block waits for the work: get or wait on each handle, close and join, or an event
or queue that the tasks or their callbacks feed.

Limitations: any call behind the submission, inside the block, that is not known to return at once counts as waiting.
Handles that are passed on or stored where they cannot be followed are left alone.

Fix: dropped handles are collected and read at the end of the block, so that errors become visible. Where the results
are read after the block, the block closes and joins the pool at its end.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.edits import Fix
from poolaudit.evidence.waiting import outstanding_at_end
from poolaudit.facts import Block, FileFacts, Operation, PoolSite, after_block, inside
from poolaudit.rewriting.collect import Refusal, add_lines, collect, end_of, read_kept
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings
from poolaudit.survey.families import ASYNC_METHODS, BLOCKING_METHODS

_HANGS = frozenset({"get", "wait"})
_WAITS_FOR_NOTHING = frozenset({"drop", "return", "test", "len"})


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    block = site.with_block
    if site.kind != "pool" or block is None or block.is_async:
        return
    lost = [operation for operation in site.operations if _is_lost(operation, site, block, file)]
    dropped = [operation for operation in lost if operation.handle.bare]
    for operation in lost:
        fix = _collect(dropped, block, file) if operation.handle.bare else _join(operation, lost, site, block, file)
        yield Finding(
            operation.point.span,
            _message(operation, block),
            label="outstanding when the block ends",
            related=(Related(block.header, "its exit terminates the workers"),),
            notes=(f"no fix: {fix.reason}",) if isinstance(fix, Refusal) else (),
            fix=fix if isinstance(fix, Fix) else None,
        )


def _is_lost(operation: Operation, site: PoolSite, block: Block, file: FileFacts) -> bool:
    return (
        operation.method in ASYNC_METHODS
        and operation.handle.kind == "async_result"
        and operation.process_only
        and operation.sites == (site.index,)
        and outstanding_at_end(operation, block, file)
        and (operation.handle.complete or _returned(operation))
        and all(after_block(use.point, block) or use.how in _WAITS_FOR_NOTHING for use in operation.handle.uses)
    )


def _returned(operation: Operation) -> bool:
    """`return pool.map_async(..)`: whoever gets the handle, the block ends first."""
    uses = operation.handle.uses
    return operation.point.statement.form == "return" and len(uses) == 1 and uses[0].how == "return" and uses[0].via == "direct"


def _message(operation: Operation, block: Block) -> str:
    task = f"`{operation.task.name}`" if operation.task and operation.task.name else "the task"
    if any(use.how in _HANGS and after_block(use.point, block) for use in operation.handle.uses):
        return f"{task} is killed when the `with` block ends, and reading its result after the block waits for ever"
    return f"{task} is killed when the `with` block ends: nothing in it waits for the result of `{operation.method}`"


def _collect(dropped: list[Operation], block: Block, file: FileFacts) -> Fix | Refusal:
    if dropped[0].in_async:
        return Refusal("waiting here would block the event loop")
    place = end_of(block, file)
    edits = place if isinstance(place, Refusal) else collect(dropped, place, "get", file)
    return edits if isinstance(edits, Refusal) else Fix("read the results at the end of the block", "safe", edits)


def _read(operation: Operation, block: Block, file: FileFacts) -> Fix | Refusal:
    place = end_of(block, file)
    edits = place if isinstance(place, Refusal) else read_kept(operation, place, "get", file)
    return edits if isinstance(edits, Refusal) else Fix("read the results at the end of the block", "safe", edits)


def _join(operation: Operation, lost: list[Operation], site: PoolSite, block: Block, file: FileFacts) -> Fix | Refusal:
    """Closing and joining waits for every task of the pool: only where all others block or are lost as well."""
    read = [use for use in operation.handle.uses if use.how in _HANGS]
    others = [other for other in site.operations if other not in lost and other.method not in BLOCKING_METHODS]
    if operation.in_async:
        return Refusal("waiting here would block the event loop")
    if _returned(operation):
        return Refusal("the handle leaves the block with the work undone: read the result first")
    if not read:
        return _read(operation, block, file)
    if any(use.timeout for use in read):
        return Refusal("the results are awaited with a timeout")
    if others or not site.complete or site.name is None or not site.name.isidentifier():
        return Refusal("the pool has other work, which may never end")
    if any(not inside(other.point, block) for other in lost):
        return Refusal("some of the work is submitted outside the block")
    place = end_of(block, file)
    if isinstance(place, Refusal):
        return place
    edit = add_lines(place, [f"{site.name}.close()", f"{site.name}.join()"], file)
    return Fix("wait for the work at the end of the block", "safe", (edit,))


RULE = Rule(
    code="PA404", name="work-lost-at-exit", severity="error", check=check, fix="sometimes", supersedes=("PA501",), doc=__doc__
)
