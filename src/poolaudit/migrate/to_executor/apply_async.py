"""`pool.apply_async(f, args)` ... `.get()` to `pool.submit(f, *args)` ... `.result()`. Must never know another method of Pool."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from poolaudit.edits import Edit, insert, replace
from poolaudit.facts import Argument, End, Operation, Use, before, innermost_loop
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.caveats import caveat
from poolaudit.migrate.changes import changed_arguments, may_leave_before
from poolaudit.migrate.editing import line_after, newline
from poolaudit.migrate.looks import is_none_test
from poolaudit.migrate.move import Move
from poolaudit.migrate.outstanding import is_retrieved, joined_after
from poolaudit.migrate.plan import Definition, Piece
from poolaudit.migrate.tasks import is_many, is_tiny
from poolaudit.migrate.timeouts import is_timed, timed_get
from poolaudit.migrate.to_executor.apply import submitted

_CALLBACKS = {"callback": 3, "error_callback": 4}
_FOLLOWED = frozenset({"iterate", "consume", "len", "index", "drop", "test", "zip"})
"""Uses of a collection of handles, or of a handle as a value, that are the same for both."""

DONE = "_done"
_NONLOCAL = re.compile(r"\bnonlocal\s+([\w, \t]+)")


def pieces(move: Move, operation: Operation) -> Iterator[Piece]:
    """The future and everything that is done with it."""
    callbacks = _given(operation)
    yield from submitted(move, operation, tuple(callbacks.values()))
    yield from changed_arguments(move, operation)
    yield from _callbacks(move, operation, callbacks)
    yield from _handle(move, operation)
    if not is_retrieved(operation, move.site) or may_leave_before(move, operation):
        yield blocked(
            "unretrieved-at-exit", operation.point.span, f"nothing waits for this `apply_async` before {move.name} ends"
        )
    elif _raises_with_work_outstanding(move, operation):
        yield caveat("rest-runs-after-failure")
    if operation.loop is not None and is_many(move, operation.loop.iterable) and is_tiny(move, operation):
        yield caveat("slower-per-task")


def _raises_with_work_outstanding(move: Move, operation: Operation) -> bool:
    """Reading a result may raise while other tasks wait: a Pool that nobody ends then kills them."""
    alone = operation.loop is None and sum(other.handle.kind == "async_result" for other in move.site.operations) == 1
    if alone or operation.handle.chained == "get":
        return False
    mine = operation.loop.id if operation.loop is not None else None
    gets = [use for use in operation.handle.uses if use.how == "get"]
    waits = [use for use in operation.handle.uses if use.how == "wait" and use.timeout is None and not use.arguments]
    join = joined_after(operation, move.site)
    return any(
        not _in_one_go(use, mine)
        and not any(before(wait.point, use.point) for wait in waits)
        and (join is None or (before(use.point, join.point) and not join.in_finally))
        for use in gets
    )


def _in_one_go(use: Use, loop: int | None) -> bool:
    """Read in the same round of the loop that submits: no other task waits then."""
    inner = innermost_loop(use.point)
    return loop is not None and use.via == "direct" and inner is not None and inner.id == loop


def _handle(move: Move, operation: Operation) -> Iterator[Piece]:
    if not operation.handle.complete:
        escape = next(iter(operation.handle.escapes), None)
        where = escape.point.span if escape is not None else operation.point.span
        yield blocked("async-handle-escapes", where, "what becomes of this result is not seen")
        return
    for use in operation.handle.uses:
        yield from _used(move, operation, use)


def _used(move: Move, operation: Operation, use: Use) -> Iterator[Piece]:
    if use.via == "item" or (use.via != "direct" and use.how in _FOLLOWED):
        return
    if use.point.span.path:
        yield blocked("other-file", operation.point.span, f"the result is used in {use.point.span.path}")
    elif use.how in ("get", "ready") and use.name_span is not None:
        yield replace(use.name_span, "result" if use.how == "get" else "done")
        if use.how == "get" and is_timed(use):
            yield from timed_get(move, operation, use)
    elif use.how == "wait":
        yield from _wait(move, use)
    elif use.how == "successful" and use.name_span is not None:
        known = [
            other for other in operation.handle.uses if other.how in ("get", "wait", "ready") and before(other.point, use.point)
        ]
        if not known:
            yield blocked("successful-before-ready", use.point.span, "whether the result is there is not known here")
        yield Edit(use.name_span.start, use.point.span.end, "exception() is None")
        if _needs_parentheses(move, use):
            yield insert(use.point.span.start, "(")
            yield insert(use.point.span.end, ")")
    elif use.how not in ("test", "drop") or (use.how == "test" and not is_none_test(move, use)):
        yield blocked("async-handle-escapes", use.point.span, "the result is used in a way that is not followed")


def _needs_parentheses(move: Move, use: Use) -> bool:
    call = move.code.call(use.point.span)
    above = next(iter(move.code.parents(call)), None) if call is not None else None
    return not isinstance(above, (ast.Assign, ast.Return, ast.Expr, ast.If, ast.While, ast.Call, ast.BoolOp, ast.IfExp))


def _wait(move: Move, use: Use) -> Iterator[Piece]:
    """`r.wait(t)` to `wait([r], t)`: both come back without an exception when time is up."""
    if use.name_span is None or use.point.statement.span != use.point.span:
        yield blocked("code-shape", use.point.span, "wait() of a future gives back something else than None")
        return
    spelled, needed = move.spelled("concurrent.futures", "wait", use.point.span)
    yield from needed
    yield insert(use.point.span.start, f"{spelled}([")
    dot = move.file.text.rindex(".", use.point.span.start, use.name_span.start)
    opening = move.file.text.index("(", use.name_span.end) + 1
    yield Edit(dot, opening, "], " if use.arguments else "]")


def _given(operation: Operation) -> dict[str, Argument]:
    """The callbacks by name."""
    found = {name: operation.argument(name, position) for name, position in _CALLBACKS.items()}
    return {name: each for name, each in found.items() if each is not None}


def _callbacks(move: Move, operation: Operation, callbacks: dict[str, Argument]) -> Iterator[Piece]:
    given = {name: each for name, each in callbacks.items() if not (each.value.kind == "const" and each.value.const is None)}
    for argument in callbacks.values():
        index = operation.arguments.index(argument)
        yield Edit(operation.arguments[index - 1].span.end, argument.span.end, "")
    if not given:
        return
    join = joined_after(operation, move.site)
    read_early = join is None or _is_mentioned(move, operation, given, join)
    if read_early or not (operation.handle.bare or _is_named(operation)):
        why = "what the callback does may be read before the pool is joined"
        yield blocked("callback-effect-read-early", operation.point.span, why)
    if not operation.handle.bare:
        yield caveat("callback-after-result")
    if any(step.block.kind == "with" and "lock" in move.file.cut(step.block.header).lower() for step in operation.point.path):
        yield blocked("callback-under-lock", operation.point.span, "the task is submitted with a lock held")
    known = dict(operation.callbacks)
    for name, argument in given.items():
        task = known.get(name)
        if move.is_thread and not _is_append(argument):
            yield blocked("callbacks-at-once", argument.span, f"`{argument.value.text}` may run in several threads at once")
        if (task is None or task.function is None) and not _is_append(argument):
            yield blocked("callback-unknown", argument.span, f"what `{argument.value.text}` does is not seen")
    arguments = ", ".join(move.file.cut(each.value.span) for each in given.values())
    if list(given) == ["error_callback"]:
        arguments = f"None, {arguments}"
    if operation.handle.bare:
        yield insert(operation.point.span.end, f".add_done_callback({DONE}({arguments}))")
    elif _is_named(operation):
        name = operation.point.statement.assigned[0]
        yield line_after(operation.point.statement, f"{name}.add_done_callback({DONE}({arguments}))", move.file)
    yield from _done_definition(move, operation, "error_callback" in given)


def _is_mentioned(move: Move, operation: Operation, given: dict[str, Argument], join: End) -> bool:
    """What a callback changes is spoken of between the submission and the join()."""
    start = operation.point.statement.span.end
    between = move.file.text[start : join.point.span.start]
    for other in move.site.operations:
        if other.point.span.start >= start:
            between = between.replace(move.file.cut(other.argument_list), "")
    changed = _changed(move, operation, given)
    callees = (each for each in move.file.functions.values() if re.search(rf"\b{re.escape(each.name)}\s*\(", between))
    readers = move.file.reachable(*(each.id for each in callees))
    if any(use.name in changed for function in readers for use in function.globals):
        return True
    return any(re.search(rf"(?<![\w.]){re.escape(name)}\b", between) for name in changed)


def _changed(move: Move, operation: Operation, given: dict[str, Argument]) -> set[str]:
    """The object whose method it is, and the globals that its function writes."""
    names = {each.value.text.partition(".")[0] for each in given.values() if "." in each.value.text}
    for _, task in operation.callbacks:
        for function in move.file.reachable(task.function):
            names |= {use.name for use in function.globals if use.how != "read"}
            names |= {name for found in _NONLOCAL.findall(move.file.cut(function.body)) for name in re.findall(r"\w+", found)}
    return names


def _is_named(operation: Operation) -> bool:
    """`result = pool.apply_async(..)`, on a line of its own."""
    statement = operation.point.statement
    whole = operation.point.span.end == statement.span.end
    return statement.form == "assign" and len(statement.assigned) == 1 and statement.alone and whole


def _is_append(argument: Argument) -> bool:
    """`results.append`: a method that only keeps what it is given."""
    return argument.value.text.rpartition(".")[2] in ("append", "add", "extend", "update", "put", "set")


def _done_definition(move: Move, operation: Operation, errors: bool) -> Iterator[Piece]:
    end = newline(move.file)
    # the pools of a file share the definition, and are moved one after the other
    of_all = (each for site in move.file.sites for each in site.operations if each.method == "apply_async")
    errors = errors or "error_callback" in move.file.text or any("error_callback" in _given(each) for each in of_all)
    short = (
        f"def {DONE}(callback):",
        "    def done(future):",
        "        if future.exception() is None:",
        "            callback(future.result())",
        "",
        "    return done",
        "",
        "",
        "",
    )
    lines = (
        f"def {DONE}(callback, error_callback=None):",
        "    def done(future):",
        "        error = future.exception()",
        "        if error is None:",
        "            if callback is not None:",
        "                callback(future.result())",
        "        elif error_callback is not None:",
        "            error_callback(error)",
        "",
        "    return done",
        "",
        "",
        "",
    )
    if end.join(lines) in move.file.text:
        return
    text = end.join(lines if errors else short)
    if text not in move.file.text:
        if DONE in move.code.names:
            yield blocked("code-shape", operation.point.span, f"`{DONE}` already means something else in this file")
        yield Definition(DONE, text, operation.point.statement.top.start)
