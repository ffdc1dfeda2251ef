"""A map takes all of its input before it gives the first result, and the input never ends or is huge.

Why it hurts: Executor.map submits every item before it yields a result, and Pool.map, starmap and their async forms
make a list of their input first. With an endless iterator the program hangs while its memory grows; 200 000 items
took 26 to 48 seconds before the first result.

When it is fine: with buffersize, which Executor.map has from Python 3.14. Where another iterable of the same
Executor.map ends. Pool.imap and imap_unordered hand out items as the workers take them.

Limitations: sees itertools.count, cycle and repeat, generators that never return, and ranges whose length is written
in the program. A million items or more are reported as likely. There is no fix: use imap of a Pool, or submit a
window of tasks and refill it as they are done.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.arithmetic import is_brief
from poolaudit.facts import Argument, FileFacts, Operation, PoolSite, Value
from poolaudit.rule import Finding, Rule
from poolaudit.settings import Settings

HUGE = 1_000_000
"""Items whose futures take about 2 GB (measured: 1.9 to 2.2 kB each)."""

_LISTS = frozenset({"map", "starmap", "map_async", "starmap_async"})
_BUFFERED_SINCE = (3, 14)


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        if not operation.process_only or operation.sites[0] != site.index or site.kind == "unknown":
            continue
        inputs = _inputs(operation, site)
        if not inputs:
            continue
        if all(argument.value.infinite for argument in inputs):
            yield Finding(
                inputs[0].span,
                f"`{operation.method}` takes all of `{_short(inputs[0].value)}` before it gives a result, and that never ends",
                label="never ends",
                notes=_notes(site, settings),
            )
        elif site.kind == "executor" and not operation.argument("chunksize") and not _is_brief(operation, file):
            count = min((_count(argument.value) for argument in inputs if not argument.value.infinite), default=0)
            if count >= HUGE:
                yield Finding(
                    inputs[0].span,
                    f"`map` makes {count} futures before it gives the first result",
                    label="all of it is taken first",
                    severity="info",
                    confidence="likely",
                    notes=("chunksize makes one future for many items", *_notes(site, settings)),
                )


def _inputs(operation: Operation, site: PoolSite) -> list[Argument]:
    """The iterables that the operation drains before it gives anything; empty where that is not so, or not all are seen."""
    if operation.task is None or operation.argument("buffersize") or operation.method not in _LISTS:
        return []
    if any(argument.star for argument in operation.arguments) or (site.kind == "executor" and operation.method != "map"):
        return []
    behind = [each for each in operation.arguments if each.span.start > operation.task.span.start]
    plain = [argument for argument in behind if argument.keyword in (None, "iterable")]
    return plain if site.kind == "executor" else plain[:1]


def _count(value: Value) -> int:
    return value.length or 0


def _is_brief(operation: Operation, file: FileFacts) -> bool:
    """Tiny tasks are slow one by one in any case: the subject of another rule."""
    function = file.functions.get(operation.task.function) if operation.task and operation.task.function is not None else None
    return function is not None and is_brief(function, file)


def _notes(site: PoolSite, settings: Settings) -> tuple[str, ...]:
    if site.kind == "pool":
        return ("imap and imap_unordered take items as the workers go",)
    if settings.declared and not settings.below(_BUFFERED_SINCE):
        return ("buffersize bounds how many items are taken ahead",)
    return ("submit a window of tasks and refill it as they are done; from Python 3.14 buffersize does that",)


def _short(value: Value) -> str:
    return value.text if len(value.text) <= 40 and "\n" not in value.text else "..."


RULE = Rule(code="PA803", name="eager-map", severity="error", check=check, supersedes=("PA102",), doc=__doc__)
