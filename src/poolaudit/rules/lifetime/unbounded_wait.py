"""A result of a Pool is waited for without a timeout, while its task can be seen to end its worker.

Why it hurts: when a worker dies, a Pool starts another one and forgets the task. Nothing raises: get, map and the end
of imap never come. ProcessPoolExecutor raises BrokenProcessPool.

When it is fine: the worker ends itself on purpose where nobody waits for its result.

Limitations: speaks only where the cause is seen: an exit, a signal that the task sends to itself, an alarm that nothing
handles. That the system may kill any worker that takes too much memory cannot be seen. There is no fix: wait with a
timeout and handle multiprocessing.TimeoutError, or let an executor notice.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.deliberate import expects_failure
from poolaudit.evidence.unbounded import waits
from poolaudit.evidence.worker_death import deaths
from poolaudit.facts import FileFacts, PoolSite
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    if site.kind != "pool":
        return
    for operation in site.operations:
        if not operation.process_only or operation.sites[0] != site.index or expects_failure(file, operation):
            continue
        wait = next((point for point, limited in waits(operation) if not limited), None)
        death = next(deaths(operation.task, file), None)
        if wait is None or death is None:
            continue
        name = f"`{operation.task.name}`" if operation.task else "the task"
        yield Finding(
            wait.span,
            f"the wait for {name} never ends when its worker dies of `{death.name}`",
            label="no timeout",
            related=(Related(death.where, "ends the worker"),),
        )


RULE = Rule(code="PA410", name="unbounded-wait", severity="info", check=check, default=False, doc=__doc__)
