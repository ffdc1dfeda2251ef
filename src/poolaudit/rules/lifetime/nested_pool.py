"""A task of a Pool starts processes, which workers of a Pool may not do.

Why it hurts: the workers of a Pool are daemonic processes. Making a Pool, a Process or a Manager in one, or submitting
to an executor that was made there, raises "daemonic processes are not allowed to have children", on every Python and
start method.

When it is fine: the outer pool is a ProcessPoolExecutor, whose workers may have children. subprocess is no matter of
multiprocessing.

Limitations: only code that the task is seen to run. Where a condition decides on the inner processes the finding is
likely, and nothing is said where that condition speaks of workers, jobs or processes: it may choose to do without them
in a worker. There is no fix: make the outer pool a ProcessPoolExecutor, or do all of the work in one pool.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from poolaudit.evidence.deliberate import expects_failure
from poolaudit.evidence.inherited import code_of
from poolaudit.evidence.running import Ran, Way, run_by, way_to
from poolaudit.facts import FileFacts, PoolSite, Span, Task
from poolaudit.needs.workers import PROCESS_STARTERS
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_STARTS = {f"{name}().start": name for name in PROCESS_STARTERS} | {
    name: name for name in ("multiprocessing.Manager", "multiprocessing.Pool", "multiprocessing.pool.Pool")
}
_CATCHES = frozenset({"", "AssertionError", "Exception", "BaseException"})
_CHOICE = re.compile(
    r"job|worker|proc|parallel|thread|pool|cpu|core|serial|daemon|main|child|nest|executor|__name__", re.IGNORECASE
)
"""What a condition speaks of that chooses whether to start processes."""

_FREED = re.compile(r"no[nt]?_?daemon|def daemon\b|_config\b|\bdaemon\b[\"'\]]*\s*=\s*False", re.IGNORECASE)
"""The workers are made to be no daemons."""


class _Child(Struct, frozen=True):
    """Where a task starts processes."""

    what: str
    where: Span
    way: Way
    ran: Ran


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    children = _children(site, file)[:1] if site.kind == "pool" and not site.foreign else []
    if any(map(_FREED.search, (file.text, *file.other_texts.values()) if children else ())):
        return
    for task, child in children:
        yield Finding(
            site.callee,
            f"`{child.ran.function.name}` starts a `{child.what}` in a worker of this Pool: "
            "its daemonic workers are not allowed to have children",
            label="its workers are daemonic",
            confidence="certain" if child.way.always else "likely",
            related=(Related(task.span, "runs in a worker"), Related(child.where, "starts a process there")),
            notes=("the workers of a ProcessPoolExecutor may have children",),
        )


def _children(site: PoolSite, file: FileFacts) -> list[tuple[Task, _Child]]:
    """Every task with what it starts; what always happens comes first."""
    tasks = [
        operation.task
        for operation in site.operations
        if operation.task and operation.process_only and operation.sites[0] == site.index and not expects_failure(file, operation)
    ]
    tasks += [site.initializer] if site.initializer else []
    found = [(task, child) for task in tasks for child in _started(task, file) if _counts(child)]
    return sorted(found, key=lambda each: not each[1].way.always)


def _counts(child: _Child) -> bool:
    if child.way.caught & _CATCHES:
        return False
    return child.way.always or (bool(child.way.conditions) and not any(map(_CHOICE.search, child.way.conditions)))


def _started(task: Task, file: FileFacts) -> Iterator[_Child]:
    """What the task starts where it is seen to run."""
    if not any(function.pools or any(call.api in _STARTS for call in function.library_calls) for function in code_of(task, file)):
        return
    for ran in run_by(task, file):
        places = [(_STARTS[call.api], call.point.span) for call in ran.function.library_calls if call.api in _STARTS]
        pools = [file.sites[index] for index in ran.function.pools if file.sites[index].is_process]
        # an executor starts its workers with the first task
        places += [(inner.api, inner.point.span) for inner in pools if inner.kind == "pool" or inner.operations]
        for api, span in places:
            yield _Child(api.rpartition(".")[2], span, way_to(span, ran, file), ran)


RULE = Rule(code="PA407", name="nested-pool", severity="error", check=check, supersedes=("PA101",), doc=__doc__)
