"""An initializer, or one of its initargs, cannot be pickled where workers are not forked.

Why it hurts: a forked worker inherits its initializer. One that is started by spawn or forkserver, the default of macOS,
Windows and Python 3.14, gets it pickled: a lambda, a local function, a generator, an open file or a lock of threads fails there,
PicklingError, AttributeError or TypeError. A Pool fails when it is made, an executor with its first task.

When it is fine: the pool always forks, by its context or by set_start_method. Locks and queues of multiprocessing may be
initargs under every start method.

Limitations: what reaches the pool through a container or a call that is not followed is not seen. There is no fix: define the
initializer at module level, and bind what it needs by initargs=.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.holding import Pickled, held, taken_along
from poolaudit.evidence.payload import DISPLAYS, opened
from poolaudit.evidence.unpicklable import local_code, pool_or_result, shortened, unpicklable
from poolaudit.facts import FileFacts, PoolSite, Span, Value
from poolaudit.rule import Finding, Rule
from poolaudit.settings import ALL_METHODS, Settings

_PICKLED = ALL_METHODS - {"fork"}


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    severity = None if site.foreign else settings.severity(site, file, _PICKLED)
    for where, what, certain in _sent(site, file) if severity else ():
        yield Finding(
            where,
            f"{what}: it cannot be pickled where workers are not forked",
            label="sent to each worker when it starts",
            severity=severity,
            confidence=None if certain else "likely",
            notes=(f"fails with {settings.where(site, file, _PICKLED)}; works where workers are forked",),
        )


def _sent(site: PoolSite, file: FileFacts) -> Iterator[tuple[Span, str, bool]]:
    """The initializer and those of its arguments that cannot be pickled: where, what it is, whether that is certain."""
    task = site.initializer
    # a Pool starts its workers when it is made, an executor with its first task
    when = Pickled(point=site.point if site.kind == "pool" else None, starting=True, runs=task.function if task else None)
    if task is not None:
        name = f" `{task.name}`" if task.name.isidentifier() or task.kind == "method" else ""
        code = local_code(file, task.function, task.name) if task.kind in ("lambda", "nested") else None
        owner = held(file, taken_along(file, task), when) if code is None else None
        if code:
            yield task.span, f"the initializer{name} is {code}", True
        elif owner:
            yield task.span, f"the initializer{name} is pickled with an object that {owner.told}", owner.certain
    for value in _arguments(site):
        code = local_code(file, value.function, value.text) if value.kind in ("lambda", "function") else None
        what = code or pool_or_result(file, value) or unpicklable(file, value)
        owner = held(file, value.class_id, when) if value.kind == "instance" else None
        if what or owner:
            told = f"is {what}" if what else owner.told if owner else ""
            yield value.span, f"{shortened(value)}, given to the initializer, {told}", owner is None or owner.certain


def _arguments(site: PoolSite) -> Iterator[Value]:
    """Everything that is bound to the initializer, by partial or initargs."""
    for bound in site.initializer.bound if site.initializer else ():
        yield from opened(bound.value)
    given = site.argument("initargs", 2 if site.kind == "pool" else 3)
    if given is not None and given.value.kind in DISPLAYS:
        for item in given.value.items:
            yield from opened(item)


RULE = Rule(code="PA209", name="unpicklable-initializer", severity="error", check=check, doc=__doc__)
