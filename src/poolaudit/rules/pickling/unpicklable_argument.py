"""A generator, an open file, a lock or a connection is sent to a worker process with its task.

Why it hurts: tasks and their arguments are always pickled, under fork too. What lives in one process, such as a generator's
frame, a file descriptor or a lock of threads, cannot be: TypeError when the result is asked for; when nobody asks, the work is
silently not done. On Python 3.8 an executor with several such tasks hangs.

When it is fine: as the iterable of a map, which the parent reads; in a thread pool; in a pool that pickles with dill or
cloudpickle. Sockets, pipe connections, loggers, BytesIO and the proxies of a Manager can be sent.

Limitations: an object that reaches the call through a container or a call that is not followed is not seen. Views of a dict are
likely only: they can be sent once something has imported multiprocessing.managers. A pool that is given to its own task is
PA408. There is no fix: send the path, the list or the address, and open it in the worker or its initializer.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.deliberate import expects_failure
from poolaudit.evidence.holding import held, with_task
from poolaudit.evidence.payload import payload
from poolaudit.evidence.unpicklable import (
    ITERTOOLS_SINCE,
    dict_view,
    itertools_object,
    pool_or_result,
    shortened,
    unpicklable,
)
from poolaudit.facts import FileFacts, Operation, PoolSite, Value
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_INSTEAD = {
    "a generator": "send a list, or let the worker make it",
    "an open file": "send its path, and open it in the worker",
    "a coroutine": "send the function's arguments, and run it in the worker by asyncio.run",
    "a future": "send its result, or submit this task when that one is done",
    "a database connection": "connect in the worker, or once per worker by initializer=",
    "a threading Lock": "a lock of a Manager can be sent",
    "a queue.Queue": "a queue of a Manager can be sent",
}


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        if not operation.process_only or operation.sites[0] != site.index or expects_failure(file, operation):
            continue
        seen: set[str] = set()
        for value in payload(operation):
            if value.text in seen or value.pools == operation.sites:  # its own pool: PA408
                continue
            finding = _thing(file, value, settings) or _holder(file, value, operation)
            if finding:
                seen.add(value.text)
                yield finding


def _thing(file: FileFacts, value: Value, settings: Settings) -> Finding | None:
    """The value is itself something that cannot be pickled."""
    iterator = itertools_object(value) if settings.has(ITERTOOLS_SINCE) else None
    what = (
        iterator or unpicklable(file, value) or pool_or_result(file, value) or ("a view of a dict" if dict_view(value) else None)
    )
    if what is None:
        return None
    when = " under Python 3.14" if iterator else ""
    return Finding(
        value.span,
        f"{shortened(value)} is {what}: it cannot be sent to a worker with a task{when}",
        label="sent to a worker",
        confidence="likely" if dict_view(value) else None,
        notes=(_INSTEAD[what],) if what in _INSTEAD else (),
    )


def _holder(file: FileFacts, value: Value, operation: Operation) -> Finding | None:
    """The value is an object, or a method of one, that takes such a thing along."""
    function = file.functions.get(value.function) if value.kind == "method" and value.function is not None else None
    if value.kind != "instance" and (function is None or function.decorators):
        return None
    name = value.text.rpartition(".")[0] if function else value.text
    found = held(file, value.class_id, with_task(file, operation, name))
    if found is None:
        return None
    return Finding(
        value.span,
        f"{shortened(value)} {found.told}: it cannot be sent to a worker with a task",
        label="sent to a worker",
        confidence=None if found.certain else "likely",
        related=(Related(found.where, found.what),),
        notes=("leave it out in `__getstate__`, or send what the task needs of it",),
    )


RULE = Rule(code="PA206", name="unpicklable-argument", severity="error", check=check, doc=__doc__)
