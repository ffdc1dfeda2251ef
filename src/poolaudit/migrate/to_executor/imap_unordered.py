"""`pool.imap_unordered(f, xs)` to results as they are completed, or to a plain map where the order does not matter.

What is queued is cancelled as soon as nobody reads on, as a Pool does. Must never know another method of Pool.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from poolaudit.edits import Edit, replace
from poolaudit.facts import Operation
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.caveats import caveat
from poolaudit.migrate.editing import add_first_argument, newline
from poolaudit.migrate.move import Move
from poolaudit.migrate.plan import Definition, Piece
from poolaudit.migrate.tasks import is_many, is_tiny
from poolaudit.migrate.to_executor.imap import checked_arguments, iterator, read_whole

_ORDER_FREE = frozenset({"sum", "set", "frozenset", "sorted", "max", "min", "len"})
AS_COMPLETED = "_map_as_completed"


def pieces(move: Move, operation: Operation) -> Iterator[Piece]:
    """A map where nobody can tell the order, else futures in the order of completion."""
    chunksize = operation.argument("chunksize", 2)
    if _order_is_free(move, operation):
        yield from iterator(move, operation)
    elif chunksize is None or chunksize.value.const == 1:
        yield from _as_completed(move, operation)
    elif _only_adds_up(move, operation):
        yield caveat("ordered-results")
        yield from iterator(move, operation)
    else:
        yield blocked("unordered-order-observed", chunksize.span, "results come in chunks, as they are completed")


def _order_is_free(move: Move, operation: Operation) -> bool:
    """The call stands in sum(), set(), sorted(): the order of the results cannot be seen."""
    call = move.code.call(operation.point.span)
    match next(iter(move.code.parents(call)), None) if call is not None else None:
        case ast.Call(func=ast.Name(id=name), args=[only], keywords=[]):
            return only is call and name in _ORDER_FREE
    return False


def _only_adds_up(move: Move, operation: Operation) -> bool:
    """A loop that adds to a number or fills a dict; what else it calls does not mention the results."""
    call = move.code.call(operation.point.span)
    loop = move.code.statement(call) if call is not None else None
    if not isinstance(loop, ast.For) or loop.orelse:
        return False
    counted = isinstance(loop.iter, ast.Call) and isinstance(loop.iter.func, ast.Name) and loop.iter.func.id == "enumerate"
    target = loop.target.elts[-1] if counted and isinstance(loop.target, ast.Tuple) else loop.target
    results = {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}
    return all(_is_free_of_order(statement, results) for statement in loop.body)


def _is_free_of_order(statement: ast.stmt, results: set[str]) -> bool:
    match statement:
        case ast.AugAssign(target=ast.Name(), op=ast.Add() | ast.Mult() | ast.BitOr()):
            return True
        case ast.Assign(targets=[ast.Subscript()]):
            return True
        case ast.Expr(value=ast.Call() as call):
            return not results & {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
    return False


def _as_completed(move: Move, operation: Operation) -> Iterator[Piece]:
    """`_map_as_completed(pool, f, xs)` in place of `pool.imap_unordered(f, xs)`."""
    yield from checked_arguments(move, operation)
    yield from read_whole(move, operation)
    tasks, chunksize = operation.argument("iterable", 1), operation.argument("chunksize", 2)
    if tasks is None:
        return
    if is_many(move, tasks.value) and is_tiny(move, operation):
        yield caveat("slower-per-task")
    if chunksize is not None:
        yield Edit(tasks.span.end, chunksize.span.end, "")
    yield replace(operation.method_span, AS_COMPLETED)
    yield Edit(operation.receiver.start, operation.method_span.start, "")
    yield add_first_argument(operation.arguments, move.file.cut(operation.receiver), move.file)
    yield from _definition(move, operation)


def _definition(move: Move, operation: Operation) -> Iterator[Piece]:
    spelled, needed = move.spelled("concurrent.futures", "as_completed", operation.point.span)
    yield from needed
    lines = (
        f"def {AS_COMPLETED}(executor, function, tasks):",
        "    futures = {executor.submit(function, task) for task in tasks}",
        "",
        "    def results():",
        "        try:",
        f"            for future in {spelled}(futures):",
        "                futures.remove(future)",
        "                yield future.result()",
        "        finally:",
        "            for future in futures:",
        "                future.cancel()",
        "",
        "    return results()",
        "",
        "",
        "",
    )
    text = newline(move.file).join(lines)
    if text not in move.file.text:
        if AS_COMPLETED in move.code.names:
            yield blocked("code-shape", operation.point.span, f"`{AS_COMPLETED}` already means something else in this file")
        yield Definition(AS_COMPLETED, text, operation.point.statement.top.start)
