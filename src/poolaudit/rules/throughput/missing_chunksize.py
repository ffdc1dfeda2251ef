"""Thousands of tiny tasks are sent to the workers one by one.

Why it hurts: each task costs two pickles and two trips through a pipe, some hundred times more than the work itself. With 5000
trivial tasks, Executor.map and Pool.imap without chunksize were measured to take 79 to 296 times as long as Pool.map.

When it is fine: the tasks are not tiny. Anything well above 0.1 ms, a tokenizer or a parser, gains nothing worth a change.

Limitations: speaks only where the task is straight-line arithmetic on numbers, without loops, input, output or calls of anything
but cheap builtins and math, and where its inputs are a range whose length is written in the program. Pool.map and starmap choose
a chunksize by themselves.

Fix: adds chunksize, a quarter of each worker's share and at most 1000. Unsafe: when a task raises, the results of its chunk are
lost.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.edits import Caveat, Fix, insert
from poolaudit.evidence.arithmetic import is_brief
from poolaudit.facts import FileFacts, Operation, PoolSite, Value
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings
from poolaudit.survey.families import LAZY_METHODS

MANY = 1000
"""Tasks from which on the cost shows: about 0.1 s in all."""

_WORKERS = 16
"""Assumed where the program leaves their number to the machine."""

_LOSS = Caveat("chunk-fails-as-one", "when a task raises, the results of the other tasks in its chunk are lost")
_LATE = Caveat("results-in-chunks", "results arrive a chunk at a time")


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        if not operation.process_only or operation.sites[0] != site.index or operation.task is None:
            continue
        if not _one_by_one(operation, site) or operation.task.function is None or operation.task.partial:
            continue
        function = file.functions[operation.task.function]
        count = _count(operation)
        if count >= MANY and is_brief(function, file):
            yield Finding(
                operation.point.span,
                f"{count} tasks as small as `{function.name}` are sent to the workers one by one",
                label=f"`{operation.method}` without chunksize",
                related=(Related(function.name_span, "far less work than sending it"),) if function.name_span else (),
                fix=_fix(operation, site, count),
            )


def _one_by_one(operation: Operation, site: PoolSite) -> bool:
    if any(argument.star or argument.keyword in ("chunksize", "buffersize") for argument in operation.arguments):
        return False
    if site.kind == "executor":
        return operation.method == "map"
    return operation.method in LAZY_METHODS and len(operation.arguments) == 2


def _count(operation: Operation) -> int:
    """How many tasks there are; 0 unless each gets numbers of a range. Several iterables end with the shortest."""
    iterables = [argument.value for argument in operation.arguments if argument.keyword in (None, "iterable")][1:]
    return min((_numbers(value) for value in iterables), default=0)


def _numbers(value: Value) -> int:
    inner = value.items[0] if value.api in ("builtins.list", "builtins.tuple") and len(value.items) == 1 else value
    return inner.length or 0 if inner.kind == "call" and inner.api == "builtins.range" else 0


def _fix(operation: Operation, site: PoolSite, count: int) -> Fix | None:
    """None where .next() is called: imap in chunks gives a plain generator, which has none."""
    if site.kind == "pool" and (not operation.handle.complete or any(use.name == "next" for use in operation.handle.uses)):
        return None
    given = site.worker_count.const if site.worker_count is not None else None
    workers = given if isinstance(given, int) and given > 0 else _WORKERS
    chunksize = max(1, min(1000, count // (4 * workers)))
    edit = insert(operation.arguments[-1].span.end, f", chunksize={chunksize}")
    caveats = (_LOSS, _LATE) if site.kind == "pool" else (_LOSS,)
    return Fix(f"send them in chunks of {chunksize}", "unsafe", (edit,), caveats=caveats)


RULE = Rule(code="PA801", name="missing-chunksize", severity="info", check=check, fix="unsafe", doc=__doc__)
