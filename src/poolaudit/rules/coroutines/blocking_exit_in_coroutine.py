"""`with ProcessPoolExecutor` in a coroutine: the end of the block may wait for tasks with the event loop standing still.

Why it hurts: the exit calls shutdown(wait=True), which is not awaited. When an exception, a timeout or a cancellation leaves
the block while tasks run, the thread of the event loop waits there until they are done: no other coroutine runs, no timeout
fires.

When it is fine: nothing else runs in the loop at that time, such as in a script with a single coroutine.

Limitations: there is no fix. Make the executor outside of the coroutine, around asyncio.run, and pass it in; or shut it down by
`await asyncio.to_thread(executor.shutdown)`. A Pool's exit kills its workers and does not wait: it is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.facts import FileFacts, PoolSite, Span
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings
from poolaudit.survey.families import SUBMITTING_METHODS


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    if site.kind != "executor" or not site.in_async or site.with_block is None or site.with_block.is_async:
        return
    first = next((operation for operation in site.operations if operation.method in SUBMITTING_METHODS), None)
    if first is not None:
        yield Finding(
            site.point.span,
            "leaving this `with` on an error or a cancellation waits for running tasks and holds up the event loop",
            label="its exit is not awaited",
            related=(Related(Span(first.point.span.start, first.method_span.end), "work is handed over here"),),
            notes=(
                "make the executor outside of the coroutine, or shut it down by `await asyncio.to_thread(executor.shutdown)`",
            ),
        )


RULE = Rule(code="PA602", name="blocking-exit-in-coroutine", severity="warning", check=check, doc=__doc__)
