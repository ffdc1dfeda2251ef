"""`pool.starmap(f, pairs)` to `list(pool.map(f, *zip(*pairs), chunksize=..))`, or through a function that unpacks its argument.

zip cuts rows of different lengths to the shortest: it is written only where all rows are seen to have one length.
Must never know another method of Pool.
"""

from __future__ import annotations

import ast
from collections.abc import Generator, Iterator

from poolaudit.edits import insert, replace
from poolaudit.facts import Argument, Operation, Value
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.caveats import caveat
from poolaudit.migrate.chunks import default_chunksize, given_chunksize, is_few, is_sized, name_before
from poolaudit.migrate.editing import add_argument, drop_keyword, newline, wrap
from poolaudit.migrate.move import Move
from poolaudit.migrate.observed import failure_is_observed, task_leaves_traces
from poolaudit.migrate.plan import Definition, Piece
from poolaudit.migrate.surroundings import is_simple

_FIXED_CALLS = frozenset(
    {"builtins.zip", "builtins.enumerate", "itertools.product", "itertools.combinations", "itertools.permutations"}
)
_NAMES = ("arguments", "tasks", "jobs", "rows", "calls")
STARCALL = "_starcall"


def pieces(move: Move, operation: Operation) -> Iterator[Piece]:
    """The results as a list, as Pool gives them."""
    yield from mapped(move, operation)
    call = move.code.call(operation.point.span)
    if call is None or not move.code.is_read_at_once(call):
        yield from wrap(operation.point.span, "list(", ")")


def mapped(move: Move, operation: Operation) -> Iterator[Piece]:
    """The call of the executor's map, an iterator."""
    function, rows, chunksize = (operation.argument(name, index) for index, name in enumerate(("func", "iterable", "chunksize")))
    plain = (function, rows) if chunksize is None else (function, rows, chunksize)
    if function is None or rows is None or operation.arguments != plain or any(each.star for each in operation.arguments):
        yield blocked("unclear-arguments", operation.argument_list, f"what `{operation.method}` is given is not plain")
        return
    yield replace(operation.method_span, "map")
    for argument in (function, rows):
        if argument.keyword is not None:
            yield drop_keyword(argument)
    if failure_is_observed(move, operation):
        yield caveat("failing-map-cancels-rest")
    given = chunksize is not None and not (chunksize.value.kind == "const" and chunksize.value.const is None)
    traces = move.is_thread and task_leaves_traces(move, operation)
    if chunksize is not None and given and traces and chunksize.value.const != 1:
        yield blocked("thread-chunksize", chunksize.span, "a chunk runs in one thread")
        return
    if chunksize is not None and given and given_chunksize(move, chunksize) is None and not move.is_thread:
        yield blocked("unclear-chunksize", chunksize.span, f"`{chunksize.value.text}` may be None or 0")
        return
    length = yield from _rows(move, operation, function, rows, needs_length=not given and not move.is_thread)
    if chunksize is not None and given:
        if chunksize.keyword is None:
            yield insert(chunksize.span.start, "chunksize=")
        return
    text = "1"
    if length and not move.is_thread:
        text, workers = default_chunksize(move, operation, length)
        yield from workers
    if chunksize is not None:
        yield replace(chunksize.span, f"chunksize={text}")
    elif length and not move.is_thread:
        yield add_argument(operation.arguments, operation.argument_list, f"chunksize={text}", move.file)


def _rows(
    move: Move, operation: Operation, function: Argument, rows: Argument, needs_length: bool
) -> Generator[Piece, None, str]:
    """The rows as iterables of their own; gives back the expression of their number, '' when it is not needed."""
    value = rows.value
    if value.infinite:
        yield blocked("imap-unbounded-iterable", value.span, f"`{value.text}` has no end")
        return ""
    small = is_few(move, value)
    if value.kind == "call" and value.api == "builtins.zip" and value.literal and (columns := _columns(move, value)):
        lengths = [f"len({text})" for text, sized in columns if sized]
        if not needs_length or (lengths and len(lengths) == len(columns)):
            yield replace(value.span, ", ".join(text for text, _ in columns))
            return lengths[0] if len(lengths) == 1 else f"min({', '.join(lengths)})"
    text = move.file.cut(value.span)
    fixed = _has_one_length(value) and (value.literal or move.is_as_written(value) or move.is_read_once(value))
    if small and fixed:
        yield from wrap(value.span, "*zip(*", ")")
        return ""
    length = f"len({text})"
    if not (is_sized(move, value) and is_simple(text)):
        bare = value.kind == "generator" and text.startswith("(")
        line = text if is_sized(move, value) else f"list{text}" if bare else f"list({text})"
        named, needed = name_before(move, operation, value.span, line, _NAMES)
        if named is None:
            yield from needed
            return ""
        # the name goes into another expression, so that only its line is taken over
        yield needed[0]
        text, length = named.text, named.length
    if fixed:
        yield replace(value.span, f"*zip(*{text})")
        return length
    yield replace(value.span, text)
    yield from _through_starcall(move, operation, function)
    return "" if small else length


def _columns(move: Move, value: Value) -> list[tuple[str, bool]]:
    """The arguments of a literal zip() as written, and whether each has a length; empty for anything but plain arguments."""
    call = move.code.call(value.span)
    if call is None or call.keywords or not call.args or any(isinstance(each, ast.Starred) for each in call.args):
        return []
    texts = [move.file.cut(move.code.span(each)) for each in call.args]
    if len(value.items) != len(texts):
        return []
    return [(text, is_sized(move, item) and is_simple(text)) for text, item in zip(texts, value.items, strict=True)]


def _has_one_length(value: Value) -> bool:
    """Every row has the same number of elements."""
    if value.kind == "call":
        return value.api in _FIXED_CALLS and value.literal
    if value.kind in ("list", "tuple", "set") and value.length is not None:
        lengths = {item.length if item.kind in ("tuple", "list") and item.literal else None for item in value.items}
        return len(lengths) == 1 and None not in lengths
    if value.kind in ("comprehension", "generator") and len(value.items) == 1:
        item = value.items[0]
        return item.kind in ("tuple", "list") and item.literal and item.length is not None
    return False


def _through_starcall(move: Move, operation: Operation, function: Argument) -> Iterator[Piece]:
    """Calls a function of module level that unpacks, so that a worker finds it again."""
    spelled, needed = move.spelled("functools", "partial", function.span)
    yield from needed
    yield from wrap(function.value.span, f"{spelled}({STARCALL}, ", ")")
    end = newline(move.file)
    text = f"def {STARCALL}(function, arguments):{end}    return function(*arguments){end}{end}{end}"
    if text not in move.file.text:
        if STARCALL in move.code.names:
            yield blocked("code-shape", function.span, f"`{STARCALL}` already means something else in this file")
        yield Definition(STARCALL, text, operation.point.statement.top.start)
