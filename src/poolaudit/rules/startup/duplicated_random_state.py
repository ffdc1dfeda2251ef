"""Several workers draw the same random numbers.

Why it hurts: a forked worker starts with a copy of what the parent had. A generator of module level, random.Random() or
numpy's default_rng(), and numpy's own state once it is in use, are in the same state in all workers: they draw the same
numbers, without a word. So do tasks that are handed one generator as an argument: each gets a copy. A worker that
imports the file makes a generator of its own, but one with a seed that is written out begins like all others. The
functions of `random` are seeded anew in a forked worker; a random.seed(42) of module level is run again in a worker
that imports the file, which then repeats the numbers that follow.

When it is fine: where every worker is meant to draw the same. Where the worker or an initializer seeds. SystemRandom.

Limitations: a generator that is kept in a class or another object is not followed. What a call with `seed` in its name
does in a worker is taken to help. There is no fix: give each task a seed of its own, from SeedSequence.spawn or drawn
in the parent, and make the generator in the task.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from poolaudit.evidence.inherited import code_of
from poolaudit.evidence.random_state import Repeated, copied, repeated, seeds
from poolaudit.evidence.worker_start import forks
from poolaudit.facts import FileFacts, PoolSite, Task, Value
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import FORKSERVER_SINCE, Settings, StartMethod


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    told: set[str] = set()
    for operation in site.operations:
        task, code = operation.task, code_of(operation.task, file)
        prepared = (*code, *code_of(site.initializer, file))
        alone = operation.process_only and operation.sites[0] == site.index and not _unseen_initializer(site)
        if task is None or not code or not alone or seeds(prepared, file):
            continue
        several = site.worker_count is None or site.worker_count.const != 1
        states = repeated(code, prepared, forks(site) or operation.point, file) if several else ()
        found = [each for each in states if each.name not in told]
        told.update(each.name for each in found)
        yield from (_inherited(task, each, site, file, settings) for each in found if _severity(each, site, file, settings))
        for value in copied(operation, site, file):
            yield _handed(task, value)


def _inherited(task: Task, state: Repeated, site: PoolSite, file: FileFacts, settings: Settings) -> Finding:
    drawn = f"the state of `{state.name}`" if state.of_module else f"`{state.name}`"
    return Finding(
        task.span,
        f"`{task.name}` draws from {drawn}, which all workers begin with: they draw the same numbers",
        severity=_severity(state, site, file, settings),
        related=(Related(state.where.span, "one state for all workers"),),
        notes=(f"fails with {settings.where(site, file, _methods(state, file, settings))}", _HELP),
    )


def _handed(task: Task, value: Value) -> Finding:
    return Finding(
        value.span,
        f"`{value.text}` is handed to `{task.name}` in the same state each time: the same numbers are drawn again",
        label="copied for every task",
        notes=(_HELP,),
    )


_HELP = "hand each task a seed of its own, and make the generator in the task"


def _severity(state: Repeated, site: PoolSite, file: FileFacts, settings: Settings) -> Literal["error", "warning"] | None:
    return settings.severity(site, file, _methods(state, file, settings))


def _methods(state: Repeated, file: FileFacts, settings: Settings) -> frozenset[StartMethod]:
    methods: set[StartMethod] = set()
    if state.forked:
        methods.add("fork")
        # its fork server imports the program, and forks every worker with what that made (measured; earlier ones fail to)
        if file.is_script and settings.has(FORKSERVER_SINCE):
            methods.add("forkserver")
    if state.imported:
        methods.add("spawn")
        if state.forked:
            methods.add("forkserver")
    return frozenset(methods)


def _unseen_initializer(site: PoolSite) -> bool:
    """It has, or may have, an initializer that is not in this file and may seed."""
    if site.initializer is not None:
        return site.initializer.function is None
    return any(argument.star for argument in site.arguments)


RULE = Rule(code="PA312", name="duplicated-random-state", severity="error", check=check, doc=__doc__)
