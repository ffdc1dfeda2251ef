"""A Manager's queue, lock or the like is made inside the call that sends it to a Pool.

Why it hurts: the Manager keeps an object only while somebody holds a proxy of it. A Pool lets the arguments of a task go once
they are sent, so that the object is gone before a busy worker asks for it; an idle one is seldom in time. The worker dies of
that before it runs anything, and the Pool waits for the task for ever (https://github.com/python/cpython/issues/75275).

When it is fine: in submit and executor.map, and in apply, and map over a list, which hold their arguments until the result is
there; as initargs, which the pool keeps.

Limitations: a proxy in a name that goes out of scope, as by a return, is lost in the same way and not seen. There is no fix:
give the proxy a name, and keep it until the results are there.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.payload import payload
from poolaudit.facts import FileFacts, Operation, PoolSite, Value
from poolaudit.rule import Finding, Rule
from poolaudit.settings import Settings
from poolaudit.survey.families import ASYNC_METHODS, LAZY_METHODS

_MANAGER = "multiprocessing.Manager()."


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    if site.kind != "pool":
        return
    for operation in site.operations:
        if not operation.process_only or operation.sites[0] != site.index or not _lets_go(operation):
            continue
        for value in payload(operation):
            if _is_temporary(value, operation):
                yield Finding(
                    value.span,
                    f"nothing holds `{value.text}` once `{operation.method}` has sent it: the worker that asks for it dies",
                    label="the only proxy of it",
                    notes=("give it a name, and keep that until the results are there",),
                )


def _lets_go(operation: Operation) -> bool:
    """The call does not hold its arguments until the result is there. A blocking map holds a list, not what a generator gave."""
    if operation.method in ("map", "starmap"):
        return operation.iterable is not None and operation.iterable.kind == "generator"
    return operation.method in ASYNC_METHODS | LAZY_METHODS


def _is_temporary(value: Value, operation: Operation) -> bool:
    """A proxy that is made in place, in the arguments of the call."""
    maker, _, name = (value.api or "").partition(_MANAGER)
    proxy = value.kind == "call" and not maker and name.isidentifier()
    return proxy and value.literal and value.span in operation.point.span


RULE = Rule(code="PA210", name="temporary-manager-proxy", severity="error", check=check, doc=__doc__)
