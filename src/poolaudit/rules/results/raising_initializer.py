"""The initializer of a Pool raises, or exits: the Pool starts worker after worker, for ever.

Why it hurts: a worker whose initializer fails ends at once, and the Pool puts another one in its place, which fails as
well: hundreds of processes a minute, a traceback from each, and map or get that never return. ProcessPoolExecutor
raises BrokenProcessPool.

When it is fine: the error is caught in the initializer.

Limitations: speaks of a raise or an exit that is seen in the initializer and in what it calls. Reached on a condition
only, the finding is likely. There is no fix: keep the error in a global and let the tasks raise it, check what can be
checked before the Pool is made, or let an executor notice.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.deliberate import expects_failure
from poolaudit.evidence.running import Way, run_by, way_to
from poolaudit.evidence.worker_death import deaths
from poolaudit.facts import FileFacts, PoolSite, Span, Task
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_LATER = "builtins.NotImplementedError"
"""Stands in for what a derived class does."""


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    task = site.initializer
    if site.kind != "pool" or site.foreign or task is None or any(expects_failure(file, each) for each in site.operations):
        return
    failing = sorted(_failures(task, file), key=lambda each: not each[1].always)
    for where, way in failing[:1]:
        yield Finding(
            task.span,
            f"when `{task.name}` fails, the Pool starts workers for ever and never gives a result",
            label="runs in every new worker",
            severity="error" if way.always else "warning",
            confidence="certain" if way.always else "likely",
            related=(Related(where, "ends the worker"),),
        )


def _failures(task: Task, file: FileFacts) -> Iterator[tuple[Span, Way]]:
    """What leaves the initializer, or ends the worker."""
    for death in deaths(task, file):
        yield death.where, death.way
    if not any(function.raises for function in file.reachable(task.function)):
        return
    for ran in run_by(task, file):
        for raised in ran.function.raises:
            way = way_to(raised.point.span, ran, file)
            name = raised.exception.api if raised.exception is not None else None
            if not way.caught and name != _LATER and "KeyboardInterrupt" not in way.handling:
                yield raised.point.span, way


RULE = Rule(code="PA512", name="raising-initializer", severity="error", check=check, doc=__doc__)
