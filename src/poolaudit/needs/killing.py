"""Whether running work is killed on purpose: by terminate(), by an exit after a timeout, by terminate_workers().

Knows when tasks can still be running at a point of the program, and what is deliberate: the end of a `with`, or a finally that
does the same, is not. Must never look at what the tasks do.
"""

from __future__ import annotations

from poolaudit.facts import Answer, End, Evidence, FileFacts, Handler, Operation, Point, Use, before, dominates, inside
from poolaudit.needs.absence import absent
from poolaudit.survey.families import ASYNC_METHODS, LAZY_METHODS
from poolaudit.tree import Subject

WAITS = frozenset({"get", "wait", "consume", "iterate"})

FAR_AWAY = 9999
"""Seconds. get(timeout=9999999) is the old way to keep Ctrl-C working while waiting, not a timeout."""


def kill(subject: Subject) -> Evidence:
    """Running work is killed on purpose: by terminate(), by the exit after a timeout, by terminate_workers()."""
    terminated = _terminated(subject)
    if terminated is not None and terminated.answer == "yes":
        return terminated
    return (
        _left_by_timeout(subject)
        or _workers_killed(subject)
        or terminated
        or absent(subject, "no running task is killed on purpose")
    )


def _terminated(subject: Subject) -> Evidence | None:
    site = subject.site
    unclear: Evidence | None = None
    for end in site.ends:
        if end.how != "terminate" or _joined_before(end, site.ends):
            continue
        if _in_signal_handler(end, subject.file):
            return Evidence("yes", "terminate() runs in a signal handler", end.point.span)
        for operation in site.operations:
            killed = _killed_by(operation, end)
            line = subject.file.text_of(operation.point.span).count("\n", 0, operation.point.span.start) + 1
            if killed == "yes":
                return Evidence("yes", f"terminate() kills what `{operation.method}` of line {line} still runs", end.point.span)
            if killed == "unknown":
                because = f"whether `{operation.method}` of line {line} still runs at terminate() is not seen"
                unclear = unclear or Evidence("unknown", because, end.point.span)
    return unclear


def _joined_before(end: End, ends: tuple[End, ...]) -> bool:
    return any(other.how == "join" and dominates(other.point, end.point) for other in ends)


def _in_signal_handler(end: End, file: FileFacts) -> bool:
    handlers = (
        argument.value.function for call in file.library_calls if call.api == "signal.signal" for argument in call.arguments[1:2]
    )
    return any(function.id == end.point.scope for function in file.reachable(*handlers))


def _killed_by(operation: Operation, end: End) -> Answer:
    """The operation's tasks can still be running when terminate() is called there."""
    lasting = operation.method in ASYNC_METHODS | LAZY_METHODS
    if end.handler:
        return "yes" if (lasting or _on_interrupt(end)) and _guarded_by(operation, end) else "no"
    if not lasting or end.in_finally:
        return "no"  # a finally that only repeats what the end of a `with` does anyway is no purpose
    return _outstanding(operation, end.point)


def _on_interrupt(end: End) -> bool:
    """It stands in an except clause that catches KeyboardInterrupt: then a blocking map is left with its tasks running."""
    for step in end.point.path:
        if step.block.kind == "try" and step.arm.startswith("except#"):
            handler = step.block.handlers[int(step.arm.removeprefix("except#"))]
            if _catches(handler, "builtins.KeyboardInterrupt", "builtins.BaseException"):
                return True
    return False


def _catches(handler: Handler, *names: str) -> bool:
    """The clause catches one of the exceptions by name; a bare `except:` catches all."""
    return not handler.types or any(name.api in names for name in handler.types)


def _guarded_by(operation: Operation, end: End) -> bool:
    """The operation, or a use of its result, stands in the body of the `try` in whose except clause terminate() stands."""
    tries = {step.block.id for step in end.point.path if step.block.kind == "try" and step.arm.startswith("except#")}
    points = (operation.point, *(use.point for use in operation.handle.uses))
    return any(step.block.id in tries and step.arm == "body" for point in points for step in point.path)


def _outstanding(operation: Operation, when: Point) -> Answer:
    """Some result has not been waited for at that point. What another function waits for is taken to be there."""
    handle = operation.handle
    waits = [use for use in handle.uses if use.how in WAITS and not _real_timeout(use) and not _left_early(use)]
    if handle.kind == "value" or handle.chained == "get" or any(before(use.point, when) for use in waits):
        return "no"
    if any(use.how == "ready" or (use.how == "next" and _real_timeout(use)) for use in handle.uses):
        return "yes"  # it is polled
    if any(use.point.scope != when.scope for use in waits):
        return "no"
    if not handle.complete or any(use.how == "next" for use in handle.uses):
        return "unknown"
    return "yes"


def _left_early(use: Use) -> bool:
    """A loop over results that a break ends."""
    return use.how == "iterate" and any("break" in step.block.leaves for step in use.point.path[-1:])


def _left_by_timeout(subject: Subject) -> Evidence | None:
    site = subject.site
    if site.kind != "pool" or site.with_block is None:
        return None
    for operation in site.operations:
        for use in operation.handle.uses:
            if use.how in ("get", "next") and _real_timeout(use) and inside(use.point, site.with_block):
                return Evidence("yes", "after this timeout the exit of the `with` kills the tasks that still run", use.point.span)
    return None


def _real_timeout(use: Use) -> bool:
    value = use.timeout
    if value is None or value.api in ("sys.maxsize", "threading.TIMEOUT_MAX"):
        return False
    if value.kind == "const":
        return isinstance(value.const, (int, float)) and value.const < FAR_AWAY
    return True


def _workers_killed(subject: Subject) -> Evidence | None:
    site = subject.site
    for operation in site.operations:
        if operation.method in ("terminate_workers", "kill_workers"):
            return Evidence("yes", f"`{operation.method}` ends running tasks", operation.point.span)
    for use in site.uses:
        if site.kind == "executor" and use.how == "method" and use.name == "_processes":
            return Evidence("yes", "`_processes` gets at the workers themselves", use.point.span)
    return None
