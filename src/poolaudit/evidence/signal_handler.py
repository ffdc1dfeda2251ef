"""Handlers of SIGTERM that keep a worker from ending when its pool terminates it.

Knows how a program sets a handler, which handlers let a process go on, and which of them a worker gets. Must never know a rule
or libcst.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from poolaudit.evidence.earlier import earlier, through_loops
from poolaudit.facts import MODULE_SCOPE, FileFacts, LibraryCall, Point, Value, find_argument

_SIGTERM = ("signal.SIGTERM", "signal.Signals.SIGTERM")
_ENDS = re.compile(r"\braise\b|\b(?:exit|_exit|kill|killpg|abort|quit|raise_signal|getpid|current_process|parent_process)\b")
"""Words of a handler that ends the process, or asks which process it runs in."""


class Deaf(Struct, frozen=True):
    """A call after which SIGTERM does not end the process any more."""

    call: LibraryCall
    why: str
    """What becomes of the signal: 'it is ignored', '`stop` returns'."""
    forked_only: bool
    """Workers that are not forked do not get it."""
    certain: bool
    """All that the handler runs is seen."""


def sets_signals(call: LibraryCall) -> bool:
    """The call says what becomes of a signal."""
    return call.api == "signal.signal" or (call.api.startswith("asyncio.") and call.api.endswith("add_signal_handler"))


def deaf(fork: Point, file: FileFacts) -> Deaf | None:
    """The handler of SIGTERM that the process has at `fork`, if it lets it go on."""
    setting = (call for call in file.library_calls if sets_signals(call) and _of_sigterm(call))
    set_by = {through_loops(call.point): call for call in setting}
    times = [time for time in set_by if earlier(time, fork, file)]
    last = [time for time in times if not any(earlier(time, other, file) for other in times if other is not time)]
    return _judge(set_by[last[0]], file) if len(last) == 1 else None


def _of_sigterm(call: LibraryCall) -> bool:
    number = find_argument(call.arguments, "signalnum", 0) or find_argument(call.arguments, "sig", 0)
    return number is not None and any(value.api in _SIGTERM for value in _choices(number.value, call.point))


def _choices(value: Value, point: Point) -> Iterator[Value]:
    """The value itself; for the target of a loop over a display, what it may be."""
    yield value
    for step in point.path:
        iterable = step.block.iterable
        if step.block.kind == "for" and step.block.targets == (value.text,) and iterable is not None:
            yield from iterable.items


def _judge(call: LibraryCall, file: FileFacts) -> Deaf | None:
    at_import = call.function in file.called_at_import or (call.function == MODULE_SCOPE and not call.under_guard)
    if call.api != "signal.signal":
        return Deaf(call, "asyncio hands it to the parent's loop", forked_only=True, certain=True)
    handler = find_argument(call.arguments, "handler", 1)
    if handler is None:
        return None
    value = handler.value
    if value.api == "signal.SIG_IGN":
        return Deaf(call, "it is ignored", forked_only=False, certain=True)
    function = file.functions.get(value.function) if value.function is not None else None
    if function is None or value.kind not in ("function", "lambda", "method"):
        return None
    run = file.reachable(function.id)
    if any(_ENDS.search(file.cut(each.body)) for each in run):
        return None
    name = "the lambda" if function.is_lambda else f"`{function.name}`"
    return Deaf(call, f"{name} returns", forked_only=not at_import, certain=all(each.complete for each in run))
