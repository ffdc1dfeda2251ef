"""What runs when a worker runs a task: the functions that are called, not those that are only passed on, and on what condition.

Knows the order of statements through `ast`, and from facts which functions a function reaches. Must never know a rule.
A loop is taken to run at least once. What stands behind a statement that may leave the function does not always run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import lru_cache

from msgspec import Struct

from poolaudit.facts import FileFacts, Function, Span, Task
from poolaudit.syntax import Places

_LEAVES = (ast.Return, ast.Raise, ast.Break, ast.Continue, ast.Yield, ast.YieldFrom)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_LATER = (ast.Lambda, ast.GeneratorExp)


class Way(Struct, frozen=True):
    """How a place is come to."""

    always: bool = True
    """No condition decides on it."""
    conditions: tuple[str, ...] = ()
    """The texts of the conditions around it, and of those before it that may leave."""
    caught: frozenset[str] = frozenset()
    """What the `except` clauses, and `with suppress(..)`, around it take, as written, without modules; '' is the bare clause."""
    handling: frozenset[str] = frozenset()
    """What the `except` clauses take in whose bodies it stands."""

    def then(self, other: Way) -> Way:
        """This way, and from its end the other one."""
        return Way(
            self.always and other.always,
            self.conditions + other.conditions,
            self.caught | other.caught,
            self.handling | other.handling,
        )


START = Way()
"""At the start of a task."""


class Ran(Struct, frozen=True):
    """A function that runs, the way to its call from the start of the task, and the functions that lead there."""

    function: Function
    way: Way = START
    callers: tuple[Function, ...] = ()


def run_by(task: Task | None, file: FileFacts) -> Iterator[Ran]:
    """The task's function and all that it calls, directly or through others, each once, callers first.

    Left out, because it is not known whether their bodies run: coroutines, generators, and what stands below a decorator that
    is not of the standard library.
    """
    function = file.functions.get(task.function) if task and task.function is not None and task.kind != "called" else None
    todo = [Ran(function)] if function is not None else []
    seen: set[int] = set()
    while todo:
        ran = todo.pop(0)
        if ran.function.id in seen or not _runs_as_written(ran.function):
            continue
        seen.add(ran.function.id)
        yield ran
        reached = {
            _called_as(file.functions[each]): file.functions[each] for each in ran.function.calls if each in file.functions
        }
        for place in _places(ran.function, file):
            callee = reached.get(place.called)
            if callee is not None:
                todo.append(Ran(callee, ran.way.then(place.way), (*ran.callers, ran.function)))


def way_to(span: Span, ran: Ran, file: FileFacts) -> Way:
    """The whole way from the start of the task to a call or a `raise` statement of a function that it runs."""
    ways = {place.offset: place.way for place in _places(ran.function, file)}
    text = file.cut(span)
    start = span.start - ran.function.span.start
    # a span begins with the expression's own parentheses, a node of the tree does not
    inner = start + len(text) - len(text.lstrip("( \t\r\n"))
    return ran.way.then(ways.get(start) or ways.get(inner) or Way(always=False))


def _runs_as_written(function: Function) -> bool:
    known = all((each.api or "").startswith(("functools.", "builtins.")) for each in function.decorators)
    return known and not function.is_async and not function.is_generator


def _called_as(function: Function) -> str:
    making = function.name in ("__init__", "__post_init__", "__new__")
    return function.qualname.split(".")[-2] if making else function.name


def _name(callee: ast.expr) -> str:
    return callee.attr if isinstance(callee, ast.Attribute) else callee.id if isinstance(callee, ast.Name) else ""


class _Place(Struct, frozen=True):
    """A call or a `raise` statement."""

    offset: int
    """From the start of the function."""
    called: str
    """The name, or the attribute, that is called; '' of what has none."""
    way: Way


def _places(function: Function, file: FileFacts) -> tuple[_Place, ...]:
    """Every call and `raise` of a function."""
    text = file.cut(function.span)
    # below `if 1:`, so that an indented function need not be dedented (which would change its strings)
    head, tail = ("(", "\n)") if function.is_lambda else (f"if 1:\n{function.indent}", "") if function.indent else ("", "")
    return _places_in(head + text + tail, len(head))


@lru_cache(maxsize=2048)  # many ask of the same functions: the decision, the rules, and both for another start method
def _places_in(source: str, head: int) -> tuple[_Place, ...]:
    try:
        tree = ast.parse(source)
    except SyntaxError:  # newer syntax than the running Python: nothing is known
        return ()
    places = Places(source)
    return tuple(
        _Place(places.offset(node.lineno, node.col_offset) - head, _name(node.func) if isinstance(node, ast.Call) else "", way)
        for node, way in _body(tree)
    )


def _body(tree: ast.Module) -> Iterator[tuple[ast.expr | ast.stmt, Way]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda):
            return _expression(node.body, START)
        if isinstance(node, ast.FunctionDef):
            return _statements(node.body, START)
    return iter(())


def _statements(body: Iterable[ast.stmt], way: Way) -> Iterator[tuple[ast.expr | ast.stmt, Way]]:
    for statement in body:
        yield from _statement(statement, way)
        if any(isinstance(node, _LEAVES) for node in _walk(statement)):
            test = getattr(statement, "test", None)
            way = way.then(Way(always=False, conditions=(ast.unparse(test),) if test else ()))


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Like ast.walk, without nested definitions."""
    if not isinstance(node, (*_DEFINITIONS, ast.Lambda)):
        yield node
        for child in ast.iter_child_nodes(node):
            yield from _walk(child)


def _statement(node: ast.stmt, way: Way) -> Iterator[tuple[ast.expr | ast.stmt, Way]]:
    if isinstance(node, _DEFINITIONS):
        return
    if isinstance(node, (ast.If, ast.While)):
        yield from _expression(node.test, way)
        forever = isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and bool(node.test.value)
        below = way if forever else way.then(_if(node.test))
        yield from _statements(node.body, below)
        yield from _statements(node.orelse, below)
    elif isinstance(node, (ast.For, ast.AsyncFor)):
        yield from _expression(node.iter, way)
        yield from _statements([*node.body, *node.orelse], way)
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        for item in node.items:
            yield from _expression(item.context_expr, way)
        yield from _statements(node.body, way.then(Way(caught=frozenset().union(*map(_suppressed, node.items)))))
    elif isinstance(node, ast.Try):
        yield from _statements(node.body, way.then(Way(caught=frozenset().union(*map(_taken, node.handlers)))))
        for handler in node.handlers:
            yield from _statements(handler.body, way.then(Way(always=False, handling=_taken(handler))))
        yield from _statements([*node.orelse, *node.finalbody], way)
    elif isinstance(node, ast.Match):
        yield from _expression(node.subject, way)
        for case in node.cases:
            yield from _statements(case.body, way.then(_if(node.subject)))
    else:
        for child in ast.iter_child_nodes(node):
            yield from _expression(child, way)
        if isinstance(node, ast.Raise):
            yield node, way


def _expression(node: ast.AST, way: Way) -> Iterator[tuple[ast.expr | ast.stmt, Way]]:
    if isinstance(node, _LATER):
        return
    if isinstance(node, ast.IfExp):
        yield from _expression(node.test, way)
        for arm in (node.body, node.orelse):
            yield from _expression(arm, way.then(_if(node.test)))
    elif isinstance(node, ast.BoolOp):
        yield from _expression(node.values[0], way)
        for value in node.values[1:]:
            yield from _expression(value, way.then(_if(node.values[0])))
    else:
        for child in ast.iter_child_nodes(node):
            yield from _expression(child, way)
        if isinstance(node, ast.Call):
            yield node, way


def _if(test: ast.expr) -> Way:
    return Way(always=False, conditions=(ast.unparse(test),))


def _suppressed(item: ast.withitem) -> frozenset[str]:
    """contextlib.suppress(..), or a test that expects an error."""
    call = item.context_expr
    asks = isinstance(call, ast.Call) and _name(call.func) in ("suppress", "raises", "assertRaises", "assertRaisesRegex")
    return frozenset(map(_name, call.args)) if isinstance(call, ast.Call) and asks else frozenset()


def _taken(handler: ast.ExceptHandler) -> frozenset[str]:
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return frozenset(_name(each) if each is not None else "" for each in types)
