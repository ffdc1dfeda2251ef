"""Can the initializer fail? An executor then raises BrokenProcessPool; a Pool starts new workers for ever, and hangs.

Knows the statements of an initializer and of what it calls, and which calls are harmless. Must never know an edit.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from poolaudit.facts import Function, Span, Task
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.caveats import caveat
from poolaudit.migrate.move import Move
from poolaudit.migrate.plan import Piece
from poolaudit.migrate.surroundings import Surroundings, surroundings

Handled = Literal["nothing", "something", "everything"]
"""What the handlers around a statement keep from getting out."""

_BUILTINS = frozenset(
    {"bool", "callable", "dict", "enumerate", "frozenset", "globals", "hasattr", "id", "isinstance", "issubclass", "len", "list"}
    | {"locals", "object", "print", "range", "repr", "set", "setattr", "str", "super", "tuple", "type", "vars", "zip"}
)
_HARMLESS = frozenset(
    {f"builtins.{name}" for name in _BUILTINS}
    | {"signal.signal", "atexit.register", "faulthandler.enable", "warnings.filterwarnings", "warnings.simplefilter"}
    | {"gc.collect", "gc.disable", "gc.enable", "gc.freeze", "logging.getLogger", "random.seed", "random.Random"}
    | {"os.cpu_count", "os.environ.get", "os.getenv", "os.getpid", "os.getppid", "sys.path.append", "sys.path.insert"}
    | {"threading.Event", "threading.Lock", "threading.RLock", "threading.local", "threading.current_thread"}
    | {"time.monotonic", "time.perf_counter", "time.time", "functools.partial", "pathlib.Path", "datetime.datetime.now"}
    | {"collections.OrderedDict", "collections.defaultdict", "collections.deque", "multiprocessing.current_process"}
)
"""Calls that do not fail when they are given what they take."""
_HARMLESS_METHODS = frozenset({"append", "clear", "copy", "endswith", "format", "items", "keys", "startswith", "strip", "values"})
_ENDS = frozenset({"sys.exit", "os._exit", "os.abort", "os.kill", "signal.raise_signal", "builtins.exit", "builtins.quit"})
_LOADS = re.compile(r"(?:^|_)(?:(?:un)?pickle|download|loads?|(?:url)?open|connect|import|read)(?:_|$)")
"""Part of the name of what reads something that may be missing or broken: json.loads, read_csv, urlopen, import_module."""

_EVERYTHING = frozenset({"Exception", "BaseException"})


class Risk(Struct, frozen=True):
    """One way in which an initializer may fail."""

    what: str
    """What it does: 'raises'."""
    is_plain: bool
    """False: it calls what is not known to be harmless, and nothing more is known."""


def pieces(move: Move) -> Iterator[Piece]:
    """A blocker where the initializer raises, ends or reads what may be missing; a caveat where it calls what is not known."""
    task = move.site.initializer
    if task is None:
        return
    risks = list(_risks(move, task))
    plain = next((risk for risk in risks if risk.is_plain), None)
    if plain is not None:
        yield blocked("worker-may-die", move.site.callee, f"the initializer `{task.name}` {plain.what}")
    elif risks:
        yield caveat("initializer-failure-hangs")


def _risks(move: Move, task: Task) -> Iterator[Risk]:
    function = move.file.functions.get(task.function) if task.function is not None else None
    given = move.site.argument("initializer", 2)
    if given is not None and given.value.text in move.code.parameters_around(given.value.span):
        yield Risk("comes from a caller, of this file or of another", False)
    if function is None or task.kind == "called":
        yield from _of_name(task.api or task.name, "nothing")
    else:
        yield from _Reader(move, set()).function(function, "nothing")


class _Reader(Struct, frozen=True):
    """Reads functions, each once for what is handled around its call."""

    move: Move
    seen: set[tuple[int, Handled]]

    def function(self, function: Function, handled: Handled) -> Iterator[Risk]:
        if (function.id, handled) in self.seen:
            return
        self.seen.add((function.id, handled))
        code = surroundings(self.move.file.text_of(function.span))
        if code is None or function.decorators:
            yield Risk("is not followed", False)
        else:
            body = Span(function.body.start, function.body.end)
            for node in code.outermost(body):
                yield from self._node(node, function, code, handled)

    def _node(self, node: ast.AST, function: Function, code: Surroundings, handled: Handled) -> Iterator[Risk]:
        below: Iterator[ast.AST] = ast.iter_child_nodes(node)
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() | ast.ClassDef():
                return  # its body runs where it is called
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
                caught = {each for handler in handlers for each in _names(handler.type)}
                for statement in body:
                    yield from self._node(statement, function, code, _stronger(handled, _caught(caught)))
                below = iter([*handlers, *orelse, *final])
            case ast.With(items=[ast.withitem(context_expr=ast.Call(func=suppress, args=args))], body=body) if (
                code.api(suppress) == "contextlib.suppress"
            ):
                caught = {each for argument in args for each in _names(argument)}
                for statement in body:
                    yield from self._node(statement, function, code, _stronger(handled, _caught(caught)))
                return
            case ast.AnnAssign(target=target, value=value):
                below = iter([target, value] if value is not None else [target])
            case ast.Raise() | ast.Assert() if handled != "everything":
                yield Risk("asserts" if isinstance(node, ast.Assert) else "raises", True)
            case ast.Import() | ast.ImportFrom() if handled == "nothing" and not _is_of_python(node):
                yield Risk(f"imports: `{ast.unparse(node)}`", True)
            case ast.Subscript(ctx=ast.Load()) if handled == "nothing":
                yield Risk("looks something up", False)
            case ast.Call():
                yield from self._call(node, function, code, handled)
        for child in below:
            yield from self._node(child, function, code, handled)

    def _call(self, call: ast.Call, function: Function, code: Surroundings, handled: Handled) -> Iterator[Risk]:
        api = code.api(call.func)
        name = api.rpartition(".")[2]
        local = [each for each in self._callees(function) if name == _called(each)]
        if api.partition(".")[0] not in (*sys.stdlib_module_names, "builtins") and local:
            for callee in local:
                yield from self.function(callee, handled)
        elif not (isinstance(call.func, ast.Attribute) and name in _HARMLESS_METHODS):
            yield from _of_name(api, handled)

    def _callees(self, function: Function) -> list[Function]:
        return [self.move.file.functions[each] for each in function.calls if each in self.move.file.functions]


def _called(function: Function) -> str:
    """What it is called by: an __init__ by its class."""
    return function.qualname.removesuffix(".__init__").rpartition(".")[2]


def _of_name(api: str, handled: Handled) -> Iterator[Risk]:
    """A call of what is not of the project, by its name."""
    if api in _ENDS:
        yield Risk(f"calls `{api}`", True)
    elif handled == "nothing" and _LOADS.search(api.rpartition(".")[2]):
        yield Risk(f"calls `{api.removeprefix('builtins.')}`, which may fail", True)
    elif handled != "everything" and api not in _HARMLESS:
        yield Risk(f"calls `{api}`", False)


def _is_of_python(node: ast.Import | ast.ImportFrom) -> bool:
    """It imports the standard library, which is there."""
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else ["." * node.level + (node.module or "")]
    return all(name.partition(".")[0] in sys.stdlib_module_names for name in names)


def _names(handled: ast.expr | None) -> set[str]:
    """The last parts of the classes that a handler names; of a bare one, that of everything."""
    if handled is None:
        return {"BaseException"}
    named = handled.elts if isinstance(handled, ast.Tuple) else [handled]
    return {ast.unparse(each).rpartition(".")[2] for each in named}


def _caught(names: set[str]) -> Handled:
    if names & _EVERYTHING:
        return "everything"
    return "something" if names else "nothing"


def _stronger(one: Handled, other: Handled) -> Handled:
    order: tuple[Handled, ...] = ("nothing", "something", "everything")
    return max(one, other, key=order.index)
