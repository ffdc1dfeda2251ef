"""A pool forks its workers while a thread of the parent runs.

Why it hurts: a forked worker has the memory of its parent, but only one of its threads. A lock that another thread held
at that moment is held for ever in the worker: whoever asks for it there waits for ever. That may be a lock of the
program, or one inside of logging, of a library or of the C runtime. Python warns of it from 3.12 on.

When it is fine: when the pool is made, or an executor has got its first task, before the thread is started. With a
context that does not fork. A thread that holds no lock that a worker could need.

Limitations: likely only, and certain where the thread and the worker are seen to use one lock. The thread must be seen
to start before the workers, in one flow, and to run on. Threads that libraries start are not seen. There is no fix:
make the pool first.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.inherited import worker_code
from poolaudit.evidence.running_thread import running
from poolaudit.evidence.worker_start import forks
from poolaudit.facts import FileFacts, Function, PoolSite
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings, StartMethod

_FORKED: frozenset[StartMethod] = frozenset({"fork"})
_LOCKS = frozenset(f"threading.{name}" for name in ("Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore"))


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    point = forks(site)
    if any(call.api == "os.register_at_fork" for call in file.library_calls):
        return  # somebody takes care of forks
    if point is None or settings.severity(site, file, _FORKED) is None:
        return
    threads = list(running(point, file))
    if not threads:
        return
    taken = _locks(worker_code(site, file), file)
    shared, thread = max(((taken & _locks(each.code, file), each) for each in threads), key=lambda pair: len(pair[0]))
    yield Finding(
        point.span,
        _message(sorted(shared)),
        label="workers are forked here" if site.kind == "pool" else "workers are forked with the first task",
        confidence="certain" if shared else "likely",
        related=(Related(thread.where.span, "the thread starts here"),),
        notes=(
            f"concerns {settings.where(site, file, _FORKED)}",
            'start the workers before the thread, or by a context that does not fork: `get_context("forkserver")`',
        ),
    )


def _message(locks: list[str]) -> str:
    if locks:
        return f"workers are forked while a thread may hold `{locks[0]}`: a worker that takes it then waits for ever"
    return "workers are forked while a thread runs: a lock that it holds at this moment is held for ever in the workers"


def _locks(code: tuple[Function, ...], file: FileFacts) -> set[str]:
    """Names of module level that hold a lock, and that the code uses and does not bind anew."""
    uses = [use for function in code for use in function.globals]
    names = {use.name for use in uses} - {use.name for use in uses if use.how == "assign"}
    return {
        name
        for name in names
        if any(use.how == "assign" and use.value is not None and use.value.api in _LOCKS for use in file.globals.get(name, ()))
    }


RULE = Rule(code="PA308", name="fork-with-threads", severity="warning", check=check, confidence="likely", doc=__doc__)
