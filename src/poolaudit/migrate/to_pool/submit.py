"""`executor.submit(f, x)` ... `.result()` to `executor.apply_async(f, (x,))` ... `.get()`. Must never know another method."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from poolaudit.edits import Edit, ImportRequest, insert, replace
from poolaudit.evidence.timeout_classes import FUTURE, ONE_SINCE, OTHERS
from poolaudit.facts import Argument, Operation, Use
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.changes import changed_arguments
from poolaudit.migrate.editing import has_comment, newline, remove_lines, rename_method
from poolaudit.migrate.looks import is_none_test
from poolaudit.migrate.move import Move
from poolaudit.migrate.plan import Definition, Piece
from poolaudit.migrate.tasks import may_raise_timeout
from poolaudit.migrate.timeouts import is_timed
from poolaudit.migrate.to_pool.completion import completed

LOG_FAILURE = "_log_failure"

_FOLLOWED = frozenset({"iterate", "consume", "len", "index", "drop", "test", "zip"})
_BLOCKERS = {
    "cancel": "future-cancel",
    "cancelled": "future-cancel",
    "running": "future-cancel",
    "exception": "future-exception-method",
    "wait_futures": "futures-wait",
    "await": "executor-escapes",
    "gather": "executor-escapes",
    "wait_for": "executor-escapes",
    "wrap_future": "executor-escapes",
}


def pieces(move: Move, operation: Operation) -> Iterator[Piece]:
    """The handle and everything that is done with it."""
    if any(use.how == "as_completed" for use in operation.handle.uses):
        yield from completed(move, operation)
        return
    callback = next((use for use in operation.handle.uses if use.how == "add_done_callback"), None)
    yield from _submitted(move, operation, callback)
    yield from changed_arguments(move, operation)
    if callback is not None and any(use.how in ("result", "done") for use in _own_uses(operation, callback)):
        yield blocked("callback-effect-read-early", callback.point.span, "the result is waited for besides")
    if not operation.handle.complete:
        escape = next(iter(operation.handle.escapes), None)
        where = escape.point.span if escape is not None else operation.point.span
        yield blocked("async-handle-escapes", where, "what becomes of this future is not seen")
        return
    for use in _own_uses(operation, callback):
        yield from _used(move, operation, use)


def _own_uses(operation: Operation, callback: Use | None) -> list[Use]:
    """What is done with the future outside of its callback."""
    return [
        use for use in operation.handle.uses if callback is None or use is callback or use.point.span not in callback.point.span
    ]


def _submitted(move: Move, operation: Operation, callback: Use | None) -> Iterator[Piece]:
    """`f, a, k=v` to `f, (a,), {"k": v}`."""
    yield rename_method(operation, "apply_async")
    first, *rest = operation.arguments or (None,)
    if first is None or first.keyword or first.star:
        yield blocked("unclear-arguments", operation.argument_list, "what is submitted is not plain")
        return
    positional = [each for each in rest if not each.keyword and each.star != "**"]
    named = [each for each in rest if each.keyword or each.star == "**"]
    if rest != [*positional, *named]:
        yield blocked("unclear-arguments", operation.argument_list, "the arguments stand in no plain order")
        return
    if positional:
        yield insert(positional[0].span.start, "(")
        yield insert(positional[-1].span.end, ",)" if len(positional) == 1 else ")")
    if named:
        yield insert(named[0].span.start, "{" if positional else "(), {")
        for each in named:
            if each.keyword is not None:
                yield Edit(each.span.start, each.value.span.start, f'"{each.keyword}": ')
        yield insert(named[-1].span.end, "}")
    if callback is not None:
        yield from _callback(move, operation, callback, rest[-1] if rest else first)


def _callback(move: Move, operation: Operation, use: Use, last: Argument) -> Iterator[Piece]:
    """`.add_done_callback(lambda future: g(future.result()))` to `callback=g`; a failed task is logged, as an executor does."""
    function = _reader_of_result(move, use)
    chained = use.point.span.start == operation.point.span.start and operation.handle.chained == "add_done_callback"
    if function is None or not _is_harmless(move, function) or not (chained or _follows(move, operation, use)):
        yield blocked("done-callback-opaque", use.point.span, "the callback is not seen to read only the result")
        return
    yield insert(last.span.end, f", callback={function}, error_callback={LOG_FAILURE}")
    yield Edit(operation.point.span.end, use.point.span.end, "") if chained else remove_lines(use.point.statement.span, move.file)
    yield from _logging(move, operation)


def _is_harmless(move: Move, text: str) -> bool:
    """A callback that raises is logged by an executor, and hangs a Pool."""
    if text == "print" or text.rpartition(".")[2] in ("append", "add"):
        return True
    function = next((each for each in move.file.functions.values() if each.name == text and not each.span.path), None)
    return function is not None and function.complete and not function.raises


def _follows(move: Move, operation: Operation, use: Use) -> bool:
    """`future = executor.submit(..)` and on the next line `future.add_done_callback(..)`."""
    first, second = operation.point.statement, use.point.statement
    named = first.form == "assign" and len(first.assigned) == 1 and second.form == "expression"
    return (
        named
        and first.alone
        and second.alone
        and not move.file.text[first.span.end : second.span.start].strip()
        and not has_comment(second.span, move.file)
    )


def _logging(move: Move, operation: Operation) -> Iterator[Piece]:
    end = newline(move.file)
    yield ImportRequest("logging")
    lines = (
        f"def {LOG_FAILURE}(error):",
        '    logging.getLogger("concurrent.futures").error("a task has failed", exc_info=error)',
    )
    text = end.join((*lines, "", "", ""))
    if text not in move.file.text:
        if LOG_FAILURE in move.code.names:
            yield blocked("code-shape", operation.point.span, f"`{LOG_FAILURE}` already means something else in this file")
        yield Definition(LOG_FAILURE, text, operation.point.statement.top.start)


def _reader_of_result(move: Move, use: Use) -> str | None:
    """`g` of `lambda future: g(future.result())`."""
    call = move.code.call(use.point.span)
    match call.args if call is not None else []:
        case [ast.Lambda(args=ast.arguments(args=[ast.arg(arg=name)]), body=ast.Call(func=function, args=[only], keywords=[]))]:
            match only:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=read), attr="result"), args=[], keywords=[]) if read == name:
                    return move.file.cut(move.code.span(function))
    return None


def _used(move: Move, operation: Operation, use: Use) -> Iterator[Piece]:
    if use.via == "item" or (use.via != "direct" and use.how in _FOLLOWED):
        return
    if use.point.span.path:
        yield blocked("other-file", operation.point.span, f"the future is used in {use.point.span.path}")
    elif use.how == "result" and use.name_span is not None:
        yield replace(use.name_span, "get")
        if is_timed(use):
            yield from _timed(move, operation, use)
    elif use.how == "done" and use.name_span is not None:
        yield replace(use.name_span, "ready")
    elif use.how in _BLOCKERS:
        yield blocked(_BLOCKERS[use.how], use.point.span, f"`{use.name or use.how}` has no counterpart")
    elif use.how == "add_done_callback":
        return
    elif use.how not in ("test", "drop") or (use.how == "test" and not is_none_test(move, use)):
        yield blocked("async-handle-escapes", use.point.span, "the future is used in a way that is not followed")


def _timed(move: Move, operation: Operation, use: Use) -> Iterator[Piece]:
    """The class of the timeout in every handler around it."""
    handlers = list(move.handlers(use.point))
    one_class = all(target >= ONE_SINCE for target in move.settings.targets)
    classes = FUTURE.names | (OTHERS if one_class else frozenset())
    names = [name for handler in handlers for name in handler.types if name.api in classes]
    wide = any(not handler.types or any(name.api == "builtins.Exception" for name in handler.types) for handler in handlers)
    doubtful = any(name.api in OTHERS for handler in handlers for name in handler.types) and not one_class
    if (not names and not wide) or doubtful:
        yield blocked("timeout-handler-unresolved", use.point.span, "no handler of this timeout is seen that could be changed")
    if names and may_raise_timeout(move, operation):
        yield blocked("task-may-raise-timeout", use.point.span, "the task is not seen to never raise TimeoutError")
    for name in names:
        spelled, needed = move.spelled("multiprocessing", "", name.span)
        yield from needed
        yield replace(name.span, f"{spelled}.TimeoutError")
