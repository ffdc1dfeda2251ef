"""A callback of a Pool can raise, which stops the thread that hands out all results.

Why it hurts: Pool runs callback and error_callback in its one result thread. When one raises, that thread ends: the
result that it was called for, and every result after it, never arrives, and get() waits for ever; leaving the `with`
block may fail with an AssertionError instead. An executor logs what a done callback raises, and goes on.

When it is fine: the callback catches what it raises.

Limitations: sees `raise` and sys.exit in the callback itself, not in what it calls. Not on by default: whether an
error that is raised under a condition ever happens cannot be seen. There is no fix: catch the error in the callback
and keep it, or ask the result with get() instead, which raises in your own thread.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.caught import caught
from poolaudit.facts import FileFacts, Function, Point, PoolSite, Raised
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_EXITS = frozenset({"sys.exit", "builtins.exit", "builtins.quit"})
_OF_POOL = frozenset({"callback", "error_callback"})


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    if site.kind != "pool":
        return
    for operation in site.operations:
        if not operation.process_only or operation.sites[0] != site.index:
            continue
        for keyword, callback in operation.callbacks:
            function = file.functions.get(callback.function) if callback.function is not None else None
            place = _raising(function) if function is not None and keyword in _OF_POOL else None
            if place is None or callback.kind == "called":
                continue
            yield Finding(
                callback.span,
                f"an error in `{callback.name}` ends the thread that hands out results: every get() after it waits for ever",
                label="runs in the Pool's result thread",
                related=(Related(place.span, "raised in the callback"),),
                notes=("catch it in the callback, or ask the result with get(), which raises where it is called",),
            )


def _raising(function: Function) -> Point | None:
    """The first place in the body of the function from which an error leaves it."""
    if function.is_async or function.is_generator or function.decorators:
        return None  # calling it runs nothing of it, or something else as well
    raised = [item.point for item in function.raises if not _is_caught(item)]
    exits = [
        call.point for call in function.library_calls if call.api in _EXITS and not caught(call.point, "builtins.SystemExit")
    ]
    return min([*raised, *exits], key=lambda point: point.order, default=None)


def _is_caught(raised: Raised) -> bool:
    """A handler takes it, or may take it."""
    if raised.exception is not None and raised.exception.api is not None:
        return caught(raised.point, raised.exception.api)
    return any(step.block.kind == "try" and step.arm == "body" and step.block.handlers for step in raised.point.path)


RULE = Rule(code="PA510", name="raising-callback", severity="warning", check=check, default=False, doc=__doc__)
