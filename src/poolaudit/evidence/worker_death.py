"""What ends a worker process while it runs a task: exits, and signals that it brings upon itself.

Knows the calls that end a process, what catches them, and what else they are for: a child that was forked, an interrupt, a parent
that is gone. Must never know a rule, or what a pool does about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from poolaudit.evidence.running import START, Ran, Way, run_by, way_to
from poolaudit.facts import FileFacts, Function, LibraryCall, Raised, Span, Task, Value

_RAISING = {"sys.exit": "sys.exit", "builtins.exit": "exit", "builtins.quit": "quit"}
"""Calls that raise SystemExit, and how they are written."""

_ENDING = frozenset({"os._exit", "os.abort"})
_FATAL = frozenset(f"signal.{name}" for name in ("SIGKILL", "SIGTERM", "SIGSEGV", "SIGABRT", "SIGBUS", "SIGQUIT", "SIGHUP"))
_NUMBERS = {1: "signal.SIGHUP", 6: "signal.SIGABRT", 9: "signal.SIGKILL", 11: "signal.SIGSEGV", 15: "signal.SIGTERM"}
"""Signals that have the same number everywhere."""

_TIMERS = frozenset({"signal.alarm", "signal.setitimer"})
_FORKS = frozenset({"os.fork", "os.forkpty", "pty.fork"})
_CATCHES_EXIT = frozenset({"", "SystemExit", "BaseException"})
_ORPHAN = re.compile(r"\b(?:getppid|parent_process|ppid)\b")

Kind = Literal["raised", "ended", "signalled"]
"""raised: SystemExit goes up to the pool's own code. ended: the process ends on the spot. signalled: by a signal of its own."""


class Death(Struct, frozen=True):
    """A place that ends the worker that comes to it."""

    kind: Kind
    name: str
    where: Span
    way: Way = START
    function: Function | None = None
    """The function that the place is in; None: the task is the call itself."""
    depth: int = 0
    """How many calls lead from the task's function to that one."""


def deaths(task: Task | None, file: FileFacts) -> Iterator[Death]:
    """What ends the worker that runs a task, in the order of calls."""
    if task is None:
        return
    if task.api in _RAISING or task.api in _ENDING:
        yield Death("raised" if task.api in _RAISING else "ended", task.name, task.span)
    if task.function is not None and any(next(_places(each, file), None) for each in file.reachable(task.function)):
        for ran in run_by(task, file):
            yield from _deaths(ran, file)


def _deaths(ran: Ran, file: FileFacts) -> Iterator[Death]:
    family = (*ran.callers, ran.function)
    if any(call.api in _FORKS for function in family for call in function.library_calls):
        return  # a child of the worker's own may be meant
    for kind, name, where in _places(ran.function, file):
        way = way_to(where, ran, file)
        caught = kind == "raised" and way.caught & _CATCHES_EXIT
        meant = "KeyboardInterrupt" in way.handling or any(map(_ORPHAN.search, way.conditions))
        if not caught and not meant:
            yield Death(kind, name, where, way, ran.function, len(ran.callers))


def _places(function: Function, file: FileFacts) -> Iterator[tuple[Kind, str, Span]]:
    for call in function.library_calls:
        if call.api in _RAISING:
            yield "raised", _RAISING[call.api], call.point.span
        elif call.api in _ENDING:
            yield "ended", call.api, call.point.span
        elif _signals_itself(call, file):
            yield "signalled", call.api, call.point.span
    for raised in function.raises:
        if _is_exit(raised):
            yield "raised", "raise SystemExit", raised.point.span


def _is_exit(raised: Raised) -> bool:
    return raised.exception is not None and raised.exception.api == "builtins.SystemExit"


def _signals_itself(call: LibraryCall, file: FileFacts) -> bool:
    """A signal that ends a process, sent to the process itself, and that nothing in this file handles."""
    values = [argument.value for argument in call.arguments]
    if call.api in _TIMERS and values:
        real = call.api == "signal.alarm" or values[0].api == "signal.ITIMER_REAL"
        return real and values[-1].const != 0 and not _is_handled("signal.SIGALRM", file)
    to_itself = call.api == "signal.raise_signal" or (call.api == "os.kill" and len(values) == 2 and values[0].api == "os.getpid")
    return to_itself and _signal(values[-1]) in _FATAL and not _is_handled(_signal(values[-1]), file)


def _signal(value: Value) -> str:
    number = value.const if isinstance(value.const, int) else 0
    return value.api or _NUMBERS.get(number, "")


def _is_handled(signal: str, file: FileFacts) -> bool:
    calls = [*file.library_calls, *(call for function in file.functions.values() for call in function.library_calls)]
    return any(call.api == "signal.signal" and call.arguments and call.arguments[0].value.api == signal for call in calls)
