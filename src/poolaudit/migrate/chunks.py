"""The chunks that Pool.map makes, so that the executor makes the same.

Pool.map without a chunksize hands its workers a quarter of their share at a time (multiprocessing/pool.py, Pool._map_async); the
executor one task at a time, which is 50 to 110 times slower for tiny tasks. Knows the number of workers and the length of what is
mapped. Must never know which method is rewritten.
"""

from __future__ import annotations

import ast
import re

from msgspec import Struct

from poolaudit.edits import replace
from poolaudit.facts import MODULE_SCOPE, Argument, Operation, Span, Value, dominates
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.caveats import caveat
from poolaudit.migrate.editing import hung_at, line_before, newline
from poolaudit.migrate.move import Move
from poolaudit.migrate.observed import failure_is_observed
from poolaudit.migrate.plan import Definition, Piece
from poolaudit.migrate.surroundings import is_quiet, is_simple, parsed

SIZED_CALLS = frozenset(
    {f"builtins.{name}" for name in ("list", "tuple", "sorted", "range", "dict", "set", "frozenset")}
    | {"os.listdir", "glob.glob", "re.findall", "re.split"}
    | {f"builtins.dict().{name}" for name in ("items", "keys", "values")}
)
LIST_METHODS = frozenset({"split", "rsplit", "splitlines", "readlines", "tolist"})
"""Methods that give a list, whatever class of the standard library or of numpy their object is of."""

SIZED = frozenset({"tuple", "list", "dict", "set", "comprehension"})
DISPLAYS = SIZED - {"comprehension"}
CHUNKSIZE = "_chunksize"
TASK_NAMES = ("tasks", "items", "inputs", "jobs", "arguments", "todo")
WORKER_NAMES = ("workers", "max_workers", "worker_count", "process_count")

ALWAYS_ONE = 4
"""Up to so many tasks make chunks of one, however few workers there are."""

_SEES_ATTRIBUTES = re.compile(r"\b__slots__\b|\b__dict__\b|\bvars\(|\basdict\(|@(?:dataclasses\.)?dataclass\b|@attrs?\b")
"""What would see one attribute more."""

AFFINITY_SINCE = (3, 13)
"""Pool() asks os.process_cpu_count() from here on (https://docs.python.org/3/whatsnew/3.13.html#os)."""


class Tasks(Struct, frozen=True):
    """What is mapped, as the new call writes it."""

    text: str
    length: str
    """The expression of its length; '' when the chunks are single tasks."""


def is_sized(move: Move, value: Value) -> bool:
    """It has a length, and reading it twice gives the same, whoever calls."""
    if not value.literal and move.is_given(value):
        return False
    if value.kind == "call":
        return value.api in SIZED_CALLS or _is_of_list_method(move, value)
    return value.kind in SIZED or (value.literal and _is_repeated(value))


def _is_repeated(value: Value) -> bool:
    """A list or tuple times something: `[args] * n`."""
    match parsed(value.text):
        case ast.BinOp(op=ast.Mult(), left=left, right=right):
            return any(isinstance(side, (ast.List, ast.Tuple)) for side in (left, right))
    return False


def _is_of_list_method(move: Move, value: Value) -> bool:
    origin = value.span if value.literal else value.origin
    call = move.code.call(origin) if origin is not None else None
    return call is not None and isinstance(call.func, ast.Attribute) and call.func.attr in LIST_METHODS


def is_few(move: Move, value: Value) -> bool:
    """So few tasks that each is a chunk, whoever calls."""
    few = value.length is not None and value.length <= ALWAYS_ONE
    if value.literal and value.kind in DISPLAYS:
        return few
    return few and is_sized(move, value) and move.is_as_written(value) and not move.is_given(value)


def named_tasks(move: Move, operation: Operation, argument: Argument) -> tuple[Tasks | None, list[Piece]]:
    """The iterable of a call under a name that has a length; None where it cannot have one."""
    value, text = argument.value, move.file.cut(argument.value.span)
    if is_few(move, value):
        return Tasks(text, ""), []
    if is_sized(move, value) and is_simple(text):
        return Tasks(text, f"len({text})"), []
    if value.infinite:
        return None, [blocked("imap-unbounded-iterable", value.span, f"`{text}` has no end")]
    bare = value.kind == "generator" and text.startswith("(")
    line = text if is_sized(move, value) else f"list{text}" if bare else f"list({text})"
    return name_before(move, operation, argument.value.span, line, TASK_NAMES)


def name_before(
    move: Move, operation: Operation, span: Span, line: str, names: tuple[str, ...]
) -> tuple[Tasks | None, list[Piece]]:
    """Gives what an argument holds a name in a line before the statement."""
    name = _free_for(move, operation, names)
    if (why := cannot_go_before(move, operation, span)) or name is None:
        return None, [blocked("code-shape", span, why or "the usual names for a list of tasks are taken")]
    return Tasks(name, f"len({name})"), [
        line_before(
            operation.point.statement,
            hung_at(f"{name} = {line}", move.file.cut(span), span, operation.point.statement, move.file),
            move.file,
        ),
        replace(span, name),
    ]


def _free_for(move: Move, operation: Operation, names: tuple[str, ...]) -> str | None:
    """A name that is free, another one for each operation of the pool."""
    call = move.code.call(operation.point.span)
    taken = move.code.names_in(move.code.scope(call)) if call is not None else move.code.names
    free = [name for name in names if name not in taken]
    here = [other for other in move.site.operations if other.point.scope == operation.point.scope]
    mine = [other for other in here if other.method not in ("submit", "apply", "apply_async")]
    index = mine.index(operation) if operation in mine else 0
    return free[index] if index < len(free) else None


def cannot_go_before(move: Move, operation: Operation, span: Span) -> str:
    """Why a part of the call cannot be evaluated in a line before the statement; '' when it can."""
    point = operation.point
    call = move.code.call(point.span)
    if call is None or not point.statement.alone:
        return "the statement shares its line with others"
    if point.statement.form == "header" and not _is_for_header(move, operation):
        return "the call stands in the head of a block"
    if not move.code.comes_first(call):
        return "something else is evaluated before the call, or the call may not be evaluated at all"
    inner = (other for other in move.site.operations if other is not operation and other.point.span in span)
    if any(True for _ in inner):
        return "another call of the pool stands inside"
    return ""


def _is_for_header(move: Move, operation: Operation) -> bool:
    call = move.code.call(operation.point.span)
    statement = move.code.statement(call) if call is not None else None
    return isinstance(statement, (ast.For, ast.With))


def default_chunksize(move: Move, operation: Operation, length: str) -> tuple[str, list[Piece]]:
    """Pool's own number, `-(-len(xs) // (4 * workers)) or 1`, and what it takes."""
    count = move.site.worker_count
    if count is None or (count.kind == "const" and count.const is None and not move.is_given(count)):
        pieces = _definition(move, operation)
        if move.settings.has(AFFINITY_SINCE) and failure_is_observed(move, operation):
            pieces.append(caveat("default-worker-count"))
        return f"{CHUNKSIZE}({length})", pieces
    if count.kind == "const" and isinstance(count.const, int) and not move.is_given(count):
        written = None if count.literal else _reachable_name(move, operation, count)
        return f"{CHUNKSIZE}({length}, {written or count.const})", _definition(move, operation)
    name, pieces = _reachable_name(move, operation, count), []
    if name is None:
        name, pieces = _given_name(move, operation, count)
    return f"{CHUNKSIZE}({length}, {name})", [*pieces, *_definition(move, operation)]


def _definition(move: Move, operation: Operation) -> list[Piece]:
    """The number for a count of workers that only the running program knows, None included."""
    end = newline(move.file)
    count, needed = move.spelled("os", "cpu_count", operation.point.span)
    lines = (
        f"def {CHUNKSIZE}(length, workers=None):",
        '    """As multiprocessing.Pool chooses it: a quarter of what each worker gets."""',
        f"    return -(-length // (4 * (workers or {count}() or 1))) or 1",
    )
    text = end.join((*lines, "", "", ""))
    pieces: list[Piece] = [*needed]
    if text not in move.file.text:
        if CHUNKSIZE in move.code.names:
            pieces.append(blocked("code-shape", operation.point.span, f"`{CHUNKSIZE}` already means something else in this file"))
        pieces.append(Definition(CHUNKSIZE, text, operation.point.statement.top.start))
    return pieces


def _given_name(move: Move, operation: Operation, count: Value) -> tuple[str, list[Piece]]:
    """Keeps the number of workers under a name in a line before the pool is built."""
    if move.site.binding == "attribute":
        return _given_attribute(move, operation, count)
    name = move.free(*WORKER_NAMES)
    call = move.code.call(move.site.point.span)
    reachable = (
        call is not None
        and operation.point.scope == move.site.point.scope
        and (dominates(move.site.point, operation.point) or _in_its_with(move, operation))
        and move.site.point.statement.alone
        and move.code.comes_first(call)
    )
    if name is None or not reachable:
        return "", [blocked("unclear-worker-count", count.span, f"`{count.text}` is out of reach for `{operation.method}`")]
    line = line_before(move.site.point.statement, f"{name} = {move.file.cut(count.span)}", move.file)
    return name, [line, replace(count.span, name)]


def _given_attribute(move: Move, operation: Operation, count: Value) -> tuple[str, list[Piece]]:
    """Keeps the number of workers beside `self.pool`, as `self.pool_workers`."""
    owner, _, leaf = (move.site.name or "").rpartition(".")
    name = f"{leaf}_workers"
    call = move.code.call(move.site.point.span)
    same = move.file.cut(operation.receiver) == move.site.name
    free = f".{name}" not in move.file.text and not _SEES_ATTRIBUTES.search(move.file.text)
    if (
        owner != "self"
        or not same
        or not free
        or call is None
        or not move.site.point.statement.alone
        or not move.code.comes_first(call)
    ):
        return "", [blocked("unclear-worker-count", count.span, f"`{count.text}` is out of reach for `{operation.method}`")]
    line = line_before(move.site.point.statement, f"self.{name} = {move.file.cut(count.span)}", move.file)
    return f"self.{name}", [line, replace(count.span, f"self.{name}")]


def _in_its_with(move: Move, operation: Operation) -> bool:
    block = move.site.with_block
    return block is not None and any(step.block.id == block.id for step in operation.point.path)


def _reachable_name(move: Move, operation: Operation, count: Value) -> str | None:
    """The number of workers as a name that still holds it where the operation stands."""
    text = move.file.cut(count.span)
    if not is_simple(text) or not is_quiet(text):
        return None
    root, _, attribute = text.partition(".")
    call = move.code.call(move.site.point.span)
    if call is None:
        return None
    if attribute:
        same = operation.point.scope == move.site.point.scope or root == "self"
        written = re.findall(rf"\.{re.escape(attribute.rpartition('.')[2])}\s*(?::[^=\n]+)?=(?!=)", move.file.text)
        return text if same and len(written) <= 1 else None
    if operation.point.scope == move.site.point.scope:
        scope = move.code.scope(call)
        start = move.site.point.span.start
        return text if all(place.start < start for place in move.code.bindings(root, scope)) else None
    uses = move.file.globals.get(root, ())
    alone = len(uses) == 1 and uses[0].function == MODULE_SCOPE and not uses[0].under_guard
    return text if alone else None


def given_chunksize(move: Move, argument: Argument) -> int | str | None:
    """A chunksize that is plainly at least 1: a number, or an expression as it is written; None when it may be 0 or None."""
    value = argument.value
    if value.kind == "const":
        return value.const if not move.is_given(value) and isinstance(value.const, int) and value.const >= 1 else None
    if (
        value.kind == "call"
        and value.api == "builtins.max"
        and any(isinstance(item.const, int) and item.const >= 1 for item in value.items)
    ):
        return value.text
    return None
