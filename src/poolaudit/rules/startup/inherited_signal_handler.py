"""Workers of a Pool do not end on SIGTERM, because they have the parent's handler.

Why it hurts: leaving a `with Pool` block, and terminate(), send SIGTERM to the workers and wait until they have ended.
A forked worker has the handlers of its parent. One that only notes the signal, or add_signal_handler of asyncio, lets a
busy worker go on: the parent waits for as long as the task takes, for ever where it does not end. With idle workers it
happens now and then. A handler that importing the file sets, and SIG_IGN, reach workers that are not forked as well.

When it is fine: where an initializer sets the signal to SIG_DFL. A handler that raises, exits or asks which process it
is in. Where the workers are closed and joined instead. Executors, which do not kill their workers.

Limitations: only handlers that the file shows, and that are set in one flow with the pool, or by importing the file.
There is no fix: give the pool an initializer that calls signal.signal(signal.SIGTERM, signal.SIG_DFL).
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.inherited import worker_code
from poolaudit.evidence.signal_handler import Deaf, deaf, sets_signals
from poolaudit.evidence.worker_start import forks
from poolaudit.facts import End, FileFacts, PoolSite, before
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import ALL_METHODS, Settings, StartMethod

_FORKED: frozenset[StartMethod] = frozenset({"fork"})


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    point = forks(site) if site.kind == "pool" else None
    end = _kill(site)
    if point is None or end is None or _may_reset(site, file):
        return
    found = deaf(point, file)
    methods = _FORKED if found is not None and found.forked_only else ALL_METHODS
    severity = settings.severity(site, file, methods)
    if found is None or severity is None:
        return
    yield Finding(
        site.point.span,
        f"workers of this Pool inherit what the parent does on SIGTERM: {_HOW[end.how]} may wait for them for ever",
        severity="warning" if end.handler else severity,
        confidence="certain" if found.certain else "likely",
        related=(Related(found.call.point.span, f"SIGTERM does not end a process any more: {found.why}"),),
        notes=(
            _where(found, site, file, settings),
            "give the Pool an initializer that calls `signal.signal(signal.SIGTERM, signal.SIG_DFL)`",
        ),
    )


_HOW = {"with-exit": "leaving the block", "stack": "leaving the stack", "terminate": "terminate()"}


def _kill(site: PoolSite) -> End | None:
    """What terminates the workers, unless they have ended before."""
    closed = [end for end in site.ends if end.how == "close"]
    joined = [end for end in site.ends if end.how == "join" and any(before(close.point, end.point) for close in closed)]
    for end in site.ends:
        if end.how in _HOW and not any(before(join.point, end.point) for join in joined):
            return end
    return None


def _may_reset(site: PoolSite, file: FileFacts) -> bool:
    """The workers set handlers of their own, or run code that is not seen before their tasks."""
    if site.initializer is not None and site.initializer.function is None:
        return True
    unseen = site.initializer is None and any(argument.star for argument in site.arguments)
    return unseen or any(sets_signals(call) for function in worker_code(site, file) for call in function.library_calls)


def _where(found: Deaf, site: PoolSite, file: FileFacts, settings: Settings) -> str:
    if found.forked_only:
        return f"hangs with {settings.where(site, file, _FORKED)}"
    return "hangs however the workers are started, except on Windows"


RULE = Rule(code="PA311", name="inherited-signal-handler", severity="error", check=check, doc=__doc__)
