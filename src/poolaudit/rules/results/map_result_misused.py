"""What map gives is taken for something else: for futures, for a list, or for something to iterate over twice.

Why it hurts: Executor.map yields results, not futures. as_completed and wait fail on them, and so does `.result()` of
an item (AttributeError). What holds the results is an iterator: it has no length and no index (TypeError), and a
second loop over it finds nothing, without a word. The same is true of imap and imap_unordered of a Pool; its
AsyncResults are no futures either.

When it is fine: where the error is caught, and where the first loop leaves something for the second one.

Limitations: an iterator that is passed on, returned or stored where it cannot be followed is left alone. `.result()`
of an item is reported where the task plainly returns data, and as likely where that is not seen.

Fix: makes a list of the results, takes the item itself, or submits each item. Unsafe: errors of tasks are raised
where the list is made.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.caught import caught
from poolaudit.evidence.deliberate import expects_failure
from poolaudit.evidence.passes import second_pass
from poolaudit.evidence.plain_results import gives_plain_data, may_give_objects
from poolaudit.facts import FileFacts, Operation, Point, PoolSite, Use, Value
from poolaudit.rewriting.results import LIST_METHODS, as_list, submitted_each, without_result
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_WAITS = {"concurrent.futures.as_completed": "as_completed", "concurrent.futures.wait": "wait"}
_OF_FUTURES = frozenset({"result", "exception", "done", "running", "cancel", "cancelled", "add_done_callback"})
_GIVES = {"iterator": "yields results", "value": "gives a list of results", "async_result": "gives an AsyncResult"}


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        if operation.process_only and operation.sites[0] == site.index and not expects_failure(file, operation):
            awaited = list(_awaited(operation, file))
            yield from awaited
            if operation.handle.kind == "iterator" and not awaited:
                yield from _asked(operation, file)
                yield from _taken_for_list(operation, file)


def _awaited(operation: Operation, file: FileFacts) -> Iterator[Finding]:
    """as_completed or wait, which take futures."""
    gives = _GIVES.get(operation.handle.kind)
    found = next(_waits(operation, file), None)
    if found is None or gives is None:
        return
    point, function = found
    yield Finding(
        point.span,
        f"`{function}` takes futures, and `{operation.method}` {gives}: AttributeError",
        label="not a future among them",
        related=(Related(operation.point.span, gives),) if operation.point.span not in point.span else (),
        notes=("submit gives futures",),
        fix=submitted_each(operation, file) if operation.handle.kind == "iterator" and function == "as_completed" else None,
    )


def _waits(operation: Operation, file: FileFacts) -> Iterator[tuple[Point, str]]:
    for use in operation.handle.uses:
        if use.api in _WAITS and _speaks(use, "AttributeError") and operation.handle.kind != "future":
            yield use.point, _WAITS[use.api]
    for call in file.library_calls:
        value = call.arguments[0].value if call.arguments else None
        if (
            call.api in _WAITS
            and value is not None
            and _is_all_of(value, operation)
            and not caught(call.point, "builtins.AttributeError")
        ):
            yield call.point, _WAITS[call.api]


def _is_all_of(value: Value, operation: Operation) -> bool:
    """`pool.map(..)` itself, or `list(executor.map(..))`."""
    if operation.handle.kind not in ("value", "iterator") or operation.method in ("apply", "submit"):
        return False
    inner = value.items[0] if value.api in ("builtins.list", "builtins.tuple", "builtins.set") and value.items else value
    return inner.span == operation.point.span


def _asked(operation: Operation, file: FileFacts) -> Iterator[Finding]:
    """`.result()` of an item."""
    uses = [
        use for use in operation.handle.uses if use.via == "item" and use.name in _OF_FUTURES and _speaks(use, "AttributeError")
    ]
    uses = [use for use in uses if file.text.startswith("(", use.point.span.end)]
    if not uses or may_give_objects(operation.task, file):
        return
    yield Finding(
        uses[0].point.span,
        f"`{operation.method}` yields results, not futures: an item has no `{uses[0].name}` (AttributeError)",
        label="this is the result itself",
        confidence="certain" if gives_plain_data(operation.task, file) else "likely",
        related=(Related(operation.point.span, "yields results"),),
        fix=without_result(uses, file),
    )


def _taken_for_list(operation: Operation, file: FileFacts) -> Iterator[Finding]:
    """len, an index, a method of lists, or a second pass."""
    for use in operation.handle.uses:
        harm = _no_list(use)
        if harm is not None:
            yield _finding(operation, use, f"`{operation.method}` gives an iterator, which has no {harm}", "not a list")
            return
    found = second_pass(operation, file)
    if found is None:
        return
    first, second = found
    again = "in every round after the first" if first is second else "the second time"
    message = f"the results of `{operation.method}` can be read once: nothing is left of them {again}"
    related = () if first is second else (Related(first.point.span, "reads all of them"),)
    yield _finding(operation, second, message, "finds nothing", related)


def _no_list(use: Use) -> str | None:
    if use.via != "direct" or not use.certain:
        return None
    if use.how in ("len", "index"):
        return {"len": "length: TypeError", "index": "index: TypeError"}[use.how] if _speaks(use, "TypeError") else None
    return (
        f"`{use.name}`: AttributeError"
        if use.how == "method" and use.name in LIST_METHODS and _speaks(use, "AttributeError")
        else None
    )


def _finding(operation: Operation, use: Use, message: str, label: str, related: tuple[Related, ...] = ()) -> Finding:
    made = (Related(operation.point.span, "an iterator"),) if operation.point.span not in use.point.span else ()
    return Finding(use.point.span, message, label, related=(*made, *related), fix=as_list(operation))


def _speaks(use: Use, error: str) -> bool:
    """It stands in this file, on nothing else than this, and nobody catches the error."""
    return use.certain and not use.point.span.path and not caught(use.point, f"builtins.{error}")


RULE = Rule(code="PA508", name="map-result-misused", severity="error", check=check, fix="unsafe", doc=__doc__)
