"""A global that a worker reads is set after the pool's workers have started.

Why it hurts: a worker has what the parent had when it was forked, or what importing the file gives. What the parent
sets afterwards never reaches it: the worker goes on with the old value, in silence. A Pool starts its workers when it
is made, an executor with its first task.

When it is fine: where an initializer or the worker itself gives the name its value. With maxtasksperchild, which forks
new workers later. For proxies of a Manager and shared memory.

Limitations: only what is seen to happen between the start of the workers and the task counts, and of changes in place
only those of plain lists, dicts and sets. There is no fix: hand the value over as an argument, or by initializer and
initargs. Setting it before the pool is made helps forked workers only.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.late_global import Late, late
from poolaudit.evidence.worker_start import forks
from poolaudit.facts import FileFacts, PoolSite
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings, StartMethod

_FORKED: frozenset[StartMethod] = frozenset({"fork"})


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    started = forks(site)
    if started is None:
        return
    told: set[str] = set()
    for operation in site.operations:
        task = operation.task
        if task is None or not operation.process_only or operation.sites != (site.index,):
            continue
        found = [each for each in late(operation, site, started, file) if each.name not in told]
        found = [each for each in found if not each.imported or settings.severity(site, file, _FORKED)]
        if not found:
            continue
        told.update(each.name for each in found)
        names = " and ".join(f"`{each.name}`" for each in found)
        yield Finding(
            task.span,
            f"`{task.name}` reads {names}, which the parent sets when the workers have started: they never see it",
            severity=settings.severity(site, file, _FORKED) if all(each.imported for each in found) else None,
            confidence="certain" if all(each.certain for each in found) else "likely",
            related=(Related(started.span, "workers start here"), *_places(found)),
            notes=(f"hand {names} over as an argument, or by initializer and initargs",),
        )


def _places(found: list[Late]) -> Iterator[Related]:
    for each in found:
        yield Related(each.write.span, "set too late" if each.write.how == "assign" else "filled too late")
        yield Related(each.read.span, "read in the worker")


RULE = Rule(code="PA306", name="global-after-pool", severity="error", check=check, supersedes=("PA305",), doc=__doc__)
