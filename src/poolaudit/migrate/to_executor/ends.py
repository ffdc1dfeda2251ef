"""close(), join() and terminate() to shutdown(), and every other use of the pool itself. Must never know an operation's form."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from poolaudit.edits import Edit, replace
from poolaudit.facts import LOOPS, End, before
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.caveats import caveat
from poolaudit.migrate.editing import has_comment, remove_lines
from poolaudit.migrate.looks import is_none_test
from poolaudit.migrate.move import Move
from poolaudit.migrate.outstanding import is_retrieved
from poolaudit.migrate.plan import Piece
from poolaudit.survey.families import BLOCKING_METHODS

_CALLS = ("close", "join", "terminate")
_OWN_CLASSES = ("MaybeEncodingError", "RemoteTraceback", "ExceptionWithTraceback")


def pieces(move: Move) -> Iterator[Piece]:
    """How the pool ends, and what else happens to it."""
    yield from _escapes(move)
    ends = [end for end in move.site.ends if end.how in _CALLS]
    yield from _unmapped(move)
    if move.site.in_async and move.site.with_block is not None:
        yield blocked("blocks-event-loop", move.site.with_block.header, "the exit of this block would stop the event loop")
    for end in ends:
        if end.how == "terminate":
            yield from _terminated(move, end)
    yield from _closed_before(move)
    if not move.site.ends and move.site.complete and not all(is_retrieved(each, move.site) for each in move.site.operations):
        yield blocked("pool-never-closed", move.site.point.span, f"nothing ends {move.name}, and work may be outstanding")
    yield from _calls(move, ends)


def _escapes(move: Move) -> Iterator[Piece]:
    if move.site.binding == "returned":
        yield blocked("pool-escapes", move.site.point.span, "the pool is returned")
        return
    named = False
    for use in move.site.uses:
        if use.how == "method" and use.name.startswith("_"):
            named = True
            yield blocked("private-attribute", use.point.span, f"`{use.name}` is private to Pool")
        elif use.how == "test" and is_none_test(move, use):
            continue
        else:
            named = True
            how = {"pass": "passed on", "return": "returned", "yield": "yielded", "store": "stored", "put": "stored"}.get(
                use.how, "used"
            )
            yield blocked("pool-escapes", use.point.span, f"{move.name} is {how} here")
    if not move.site.complete and not named:
        yield blocked("pool-escapes", move.site.point.span, f"not every use of {move.name} is seen")
    entered = [end for end in move.site.ends if end.how == "with-exit"]
    if len(entered) > 1 or any(_repeats(move, end) for end in entered):
        yield blocked("pool-reentered", move.site.point.span, f"{move.name} is entered more than once")


def _repeats(move: Move, end: End) -> bool:
    """A loop around it builds no new pool each time."""
    mine = {step.block.id for step in move.site.point.path}
    return any(step.block.kind in LOOPS and step.block.id not in mine for step in end.point.path)


def _unmapped(move: Move) -> Iterator[Piece]:
    for end in move.site.ends:
        if end.how == "closing" and (unwrapped := _unwrapped(move)):
            yield from unwrapped
        elif end.how in ("closing", "atexit", "finalize"):
            yield blocked("unmapped-method", end.point.span, f"an executor has no `close` for {end.how}")


def _unwrapped(move: Move) -> tuple[Edit, ...]:
    """`with closing(Pool(n)) as pool` to `with Pool(n) as pool`: the exit of an executor waits, as closing and joining do."""
    call = move.code.call(move.site.point.span)
    above = next(iter(move.code.parents(call)), None) if call is not None else None
    if call is None or not isinstance(above, ast.Call) or above.args != [call] or above.keywords:
        return ()
    outer, inner = move.code.span(above), move.site.point.span
    return Edit(outer.start, inner.start, ""), Edit(inner.end, outer.end, "")


def _terminated(move: Move, end: End) -> Iterator[Piece]:
    """Allowed where nothing can be outstanding: all results are there, or the pool was closed and joined."""
    joined = [other for other in move.site.ends if other.how == "join" and before(other.point, end.point) and not other.handler]
    if joined and any(other.how == "close" and before(other.point, joined[0].point) for other in move.site.ends):
        return
    for operation in move.site.operations:
        if operation.method in BLOCKING_METHODS or operation.handle.chained == "get":
            continue
        if end.handler or not is_retrieved(operation, move.site):
            line = move.file.text.count("\n", 0, operation.point.span.start) + 1
            yield blocked(
                "terminate-with-outstanding-work", end.point.span, f"what line {line} has submitted may still run at terminate()"
            )
        else:
            yield caveat("rest-runs-after-failure")


def _closed_before(move: Move) -> Iterator[Piece]:
    """Handlers for what only a Pool raises: ValueError after close() or by join() without it, its own classes."""
    for imported in move.file.imports:
        if imported.api.startswith("multiprocessing.pool.") and imported.api.endswith(_OWN_CLASSES):
            yield blocked("pool-exception-class-caught", imported.span, f"`{imported.name}` is used, which only Pool raises")
    for end in move.site.ends:
        for handler in move.handlers(end.point):
            for name in handler.types:
                if name.api == "builtins.ValueError" and end.how == "join":
                    yield blocked("closed-pool-error-caught", name.span, f"ValueError of `{end.how}` is handled")
    for operation in move.site.operations:
        closed = any(
            before(end.point, operation.point) and end.how in ("close", "with-exit", "terminate") for end in move.site.ends
        )
        for handler in move.handlers(operation.point) if closed else ():
            for name in handler.types:
                if name.api == "builtins.ValueError":
                    yield blocked("closed-pool-error-caught", name.span, f"ValueError of a closed {move.name} is handled")
        for handler in move.handlers(*move.points(operation)):
            if "__cause__" in move.file.cut(handler.body):
                yield blocked("pool-exception-class-caught", handler.header, "the cause of the exception is looked at")
            for name in handler.types:
                api = name.api or name.text
                if api.startswith("multiprocessing.") and not api.endswith("TimeoutError"):
                    yield blocked("pool-exception-class-caught", name.span, f"`{name.text}` is handled, which only Pool raises")


def _calls(move: Move, ends: list[End]) -> Iterator[Piece]:
    """One shutdown() for a close() or terminate() and the join() that follows."""
    done: set[int] = set()
    for index, end in enumerate(ends):
        if index in done:
            continue
        if end.point.span.path:
            yield blocked("other-file", move.site.point.span, f"`{end.how}` is called in {end.point.span.path}")
            continue
        if end.point.statement.form != "expression" or not end.point.statement.alone:
            yield blocked("code-shape", end.point.span, f"`{end.how}` shares its line with others")
            continue
        if index and ends[index - 1].how == "terminate" and end.how == "close" and _adjacent(move, ends[index - 1], end):
            yield from _drop(move, end)
            continue
        join = _join_behind(move, end, ends)
        if join is not None and ends.index(join) in done:
            yield from _drop(move, end)
            continue
        if end.how != "join" and join is not None:
            done.add(ends.index(join))
            if _ends_its_with(move, join):
                yield from _drop(move, join)
                yield from _drop(move, end)
            elif has_comment(join.point.statement.span, move.file) or not _adjacent(move, end, join):
                yield from _shut(move, join)
                yield from _drop(move, end)
            else:
                yield from _shut(move, end)
                yield remove_lines(join.point.statement.span, move.file)
        elif _ends_its_with(move, end):
            yield from _drop(move, end)
        else:
            yield from _shut(move, end)


def _join_behind(move: Move, end: End, ends: list[End]) -> End | None:
    """The join() in the same block."""
    statement = move.code.statement_at(end.point.statement.span)
    block = move.code.block(statement) if statement is not None else []
    here = {move.code.span(each) for each in block}
    later = (other for other in ends if other.how == "join" and before(end.point, other.point))
    return next((other for other in later if other.point.statement.span in here), None)


def _ends_its_with(move: Move, end: End) -> bool:
    """It is the last statement of the pool's own `with`, whose end does the same."""
    statement = move.code.statement_at(end.point.statement.span)
    block = move.code.block(statement) if statement is not None else []
    above = next(iter(move.code.parents(statement)), None) if statement is not None else None
    if not isinstance(above, ast.With) or above.body is not block or statement is not block[-1]:
        return False
    call = move.code.call(move.site.point.span)
    others = [each for each in block if move.code.span(each) not in {other.point.statement.span for other in move.site.ends}]
    return call is not None and above.items[-1].context_expr is call and bool(others)


def _adjacent(move: Move, end: End, join: End) -> bool:
    return not move.file.text[end.point.statement.span.end : join.point.statement.span.start].strip()


def _shut(move: Move, end: End) -> Iterator[Piece]:
    text = move.file.cut(end.point.span)
    receiver = text[: text.rindex(f".{end.how}")] if f".{end.how}" in text else ""
    if not receiver:
        yield blocked("code-shape", end.point.span, f"`{end.how}` is called through something else")
        return
    yield replace(end.point.span, f"{receiver}.shutdown({_wait(move, end)})")


def _wait(move: Move, end: End) -> str:
    """close() comes back at once. (Python 3.8 loses tasks with wait=False: there the shutdown waits.)"""
    joined = any(other.how in ("join", "terminate") and before(end.point, other.point) for other in move.site.ends)
    at_once = end.how == "close" and not joined and move.site.with_block is None
    return "wait=False" if at_once and not move.settings.below((3, 9)) else ""


def _drop(move: Move, end: End) -> Iterator[Piece]:
    """close() goes where the join() behind it becomes the shutdown()."""
    span = end.point.statement.span
    if has_comment(span, move.file):
        yield Edit(span.start, span.end, "pass")
    else:
        yield remove_lines(span, move.file)
