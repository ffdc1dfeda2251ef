"""`for f in as_completed([executor.submit(g, x) for x in xs])` to `for value in executor.imap_unordered(g, xs)`.

Only where the loop reads the result of the future and nothing else of it. Must never know another form.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from poolaudit.edits import Edit, insert, replace
from poolaudit.facts import Operation
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.chunks import is_sized
from poolaudit.migrate.editing import newline
from poolaudit.migrate.move import Move
from poolaudit.migrate.plan import Piece

_PLAIN = (ast.Expr, ast.Assign, ast.AugAssign, ast.Return)
_NAMES = ("result", "value", "done", "outcome")


def completed(move: Move, operation: Operation) -> Iterator[Piece]:
    """The loop over results in the order of completion."""
    shape = _shape(move, operation)
    if shape is None:
        where = next(use.point.span for use in operation.handle.uses if use.how == "as_completed")
        yield blocked("as-completed-keyed", where, "the futures are not only read for their results")
        return
    futures, loop, reads = shape
    if _is_handled(loop):
        yield from _one_by_one(move, operation, futures, loop, reads)
        return
    name = move.free(*_NAMES)
    if name is None:
        yield blocked("code-shape", operation.point.span, "the usual names for a result are taken")
        return
    submit, comprehension = futures.elt, futures.generators[0]
    if not isinstance(submit, ast.Call):
        return
    receiver = move.file.cut(operation.receiver)
    function = move.file.cut(move.code.span(submit.args[0]))
    tasks = move.file.cut(move.code.span(comprehension.iter))
    known = operation.loop.iterable if operation.loop is not None else None
    if known is None or not is_sized(move, known):
        tasks = f"list({tasks})"
    yield replace(move.code.span(loop.iter), f"{receiver}.imap_unordered({function}, {tasks})")
    yield replace(move.code.span(loop.target), name)
    for read in reads:
        yield replace(move.code.span(read), name)
    yield from _without_futures(move, futures, loop)


def _without_futures(move: Move, futures: ast.ListComp, loop: ast.For) -> Iterator[Piece]:
    """The line that has submitted goes."""
    statement = move.code.statement(futures)
    if statement is not loop and statement is not None:
        span = move.code.span(statement)
        start = move.file.text.rfind("\n", 0, span.start) + 1
        end = move.file.text.find("\n", span.end)
        yield Edit(start, len(move.file.text) if end < 0 else end + 1, "")


def _shape(move: Move, operation: Operation) -> tuple[ast.ListComp, ast.For, list[ast.Call]] | None:
    """The comprehension that submits, the loop over as_completed, and the calls of result() in it."""
    call = move.code.call(operation.point.span)
    futures = next(iter(move.code.parents(call)), None) if call is not None else None
    if call is None or not isinstance(futures, ast.ListComp) or futures.elt is not call or len(futures.generators) != 1:
        return None
    comprehension = futures.generators[0]
    target = comprehension.target
    plain = isinstance(target, ast.Name) and not comprehension.ifs and not comprehension.is_async and not call.keywords
    if not plain or len(call.args) != 2 or not isinstance(call.args[1], ast.Name) or call.args[1].id != getattr(target, "id", ""):
        return None
    loop = _loop_over(move, futures)
    if loop is None or not isinstance(loop.target, ast.Name) or loop.orelse:
        return None
    reads = _reads(loop, loop.target.id)
    scope = move.code.scope(loop)
    inside = {id(node) for node in ast.walk(loop)}
    if any(isinstance(node, ast.Name) and node.id == loop.target.id and id(node) not in inside for node in ast.walk(scope)):
        return None  # the last future is looked at behind the loop
    leaves = any(isinstance(node, (ast.Break, ast.Return)) for statement in loop.body for node in ast.walk(statement))
    return (futures, loop, reads) if reads is not None and not leaves else None


def _loop_over(move: Move, futures: ast.ListComp) -> ast.For | None:
    """The loop over `as_completed(futures)`, in place or by a name that is used for nothing else."""
    above = next(iter(move.code.parents(futures)), None)
    if isinstance(above, ast.Call) and above.args == [futures] and not above.keywords:
        return _for_of(move, above)
    if isinstance(above, ast.Assign) and len(above.targets) == 1 and isinstance(above.targets[0], ast.Name):
        name = above.targets[0].id
        scope = move.code.scope(futures)
        uses = [
            node for node in ast.walk(scope) if isinstance(node, ast.Name) and node.id == name and node is not above.targets[0]
        ]
        call = next(iter(move.code.parents(uses[0])), None) if len(uses) == 1 else None
        if isinstance(call, ast.Call) and call.args == uses and not call.keywords:
            return _for_of(move, call)
    return None


def _for_of(move: Move, call: ast.Call) -> ast.For | None:
    above = next(iter(move.code.parents(call)), None)
    return above if isinstance(above, ast.For) and above.iter is call else None


def _reads(loop: ast.For, name: str) -> list[ast.Call] | None:
    """The calls `future.result()`; None when the future is used for anything else."""
    reads = [
        node
        for node in ast.walk(loop)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "result"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == name
        and not node.args
        and not node.keywords
    ]
    mentions = [node for statement in loop.body for node in ast.walk(statement) if isinstance(node, ast.Name) and node.id == name]
    return reads if reads and len(reads) == len(mentions) else None


def _is_handled(loop: ast.For) -> bool:
    """A handler in the loop catches the exception of one task and goes on; imap_unordered raises it in the head of the loop."""
    return any(isinstance(node, ast.Try) for statement in loop.body for node in ast.walk(statement))


def _one_by_one(move: Move, operation: Operation, futures: ast.ListComp, loop: ast.For, reads: list[ast.Call]) -> Iterator[Piece]:
    """`next(results)` where a result was asked for: the iterator of imap_unordered goes on after a task has failed."""
    results, tasks = move.free("results", "outcomes", "values"), move.free("tasks", "items", "inputs")
    first = loop.body[0]
    always = isinstance(first, ast.Try) and reads[0] in ast.walk(first.body[0]) and isinstance(first.body[0], _PLAIN)
    if results is None or tasks is None or len(reads) != 1 or not always or not isinstance(futures.elt, ast.Call):
        yield blocked("as-completed-keyed", move.code.span(loop.iter), "the futures are not only read for their results")
        return
    iterable = move.file.cut(move.code.span(futures.generators[0].iter))
    call = f"{move.file.cut(operation.receiver)}.imap_unordered({move.file.cut(move.code.span(futures.elt.args[0]))}, {tasks})"
    start = move.code.span(loop).start
    indent = move.file.text[move.file.text.rfind("\n", 0, start) + 1 : start]
    made = isinstance(futures.generators[0].iter, (ast.List, ast.ListComp))
    lines = (f"{tasks} = {iterable}" if made else f"{tasks} = list({iterable})", f"{results} = {call}")
    yield insert(start, "".join(f"{line}{newline(move.file)}{indent}" for line in lines))
    yield replace(move.code.span(loop.target), "_")
    yield replace(move.code.span(loop.iter), f"range(len({tasks}))")
    yield replace(move.code.span(reads[0]), f"next({results})")
    yield from _without_futures(move, futures, loop)
