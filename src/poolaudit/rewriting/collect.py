"""Edits that keep the handles of dropped work and ask each of them for its result, once all of it has been submitted.

Knows points, statements, what waits for a pool's work, and how a list and a loop are spelled. Must never know a rule, or
whether asking is wise: callers decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from poolaudit.edits import Edit, insert
from poolaudit.facts import Block, End, FileFacts, Operation, Point, PoolSite, Span, Step, before

Ask = Literal["result", "get", "list"]
"""How a handle is asked: `future.result()`, `result.get()`, or `list(results)` of an iterator."""

_NAMES: dict[Ask, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "result": (("futures", "pending", "submitted"), ("future", "each", "task")),
    "get": (("results", "pending", "submitted"), ("result", "each", "task")),
    "list": (("maps", "pending", "submitted"), ("results", "each", "mapped")),
}
"""Names for the list and for one handle, in order of preference."""

_LEAVES = re.compile(r"\b(?:return|raise|break|continue|yield|exit|_exit)\b")


class Place(Struct, frozen=True):
    """Where lines may be added: after the line that `offset` ends, at the nesting `path`."""

    offset: int
    indent: str
    path: tuple[Step, ...]


class Refusal(Struct, frozen=True):
    """Why the results cannot be collected by an edit, as the end of a sentence."""

    reason: str


def end_of(block: Block, file: FileFacts) -> Place | Refusal:
    """The end of the body of `block`."""
    if block.span.path:
        return Refusal("the block stands in another file")
    line = file.text[file.text.rfind("\n", 0, block.body.start) + 1 : block.body.start]
    if line.strip():
        return Refusal("the block stands on one line")
    return _place(block.body.end, block.body_indent, (*block.path, Step(block, "body")), file)


def after(point: Point, file: FileFacts) -> Place | Refusal:
    """Behind the statement of `point`."""
    if point.span.path:
        return Refusal("the work is waited for in another file")
    if not point.statement.alone:
        return Refusal("the line holds several statements")
    return _place(point.statement.span.end, point.statement.indent, point.path, file)


def _place(end: int, indent: str, path: tuple[Step, ...], file: FileFacts) -> Place | Refusal:
    newline = file.text.find("\n", end)
    line_end = len(file.text) if newline < 0 else newline - file.text[:newline].endswith("\r")
    rest = file.text[end:line_end].strip()
    if rest and not rest.startswith("#"):
        return Refusal("the line holds several statements")
    return Place(line_end, indent, path)


def end_of_work(operation: Operation, site: PoolSite, file: FileFacts) -> Place | Refusal:
    """Behind the join() or shutdown() that waits for the work, else at the end of the `with` block that does."""
    for end in site.ends:
        if _waits_for_work(end) and before(operation.point, end.point) and not end.in_finally and not end.handler:
            return after(end.point, file)
    if site.with_block is None or site.kind == "pool":
        return Refusal("nothing here waits for the work")
    return end_of(site.with_block, file)


def _waits_for_work(end: End) -> bool:
    return end.how == "join" or (end.how == "shutdown" and all(argument.value.const is True for argument in end.arguments))


def newline(file: FileFacts) -> str:
    """What an inserted line ends with."""
    return "\r\n" if "\r\n" in file.text else "\n"


def add_lines(place: Place, lines: Iterable[str], file: FileFacts) -> Edit:
    """Inserts lines, written without the place's own indent."""
    return insert(place.offset, "".join(f"{newline(file)}{place.indent}{line}" for line in lines))


def collect(operations: Sequence[Operation], place: Place, ask: Ask, file: FileFacts) -> tuple[Edit, ...] | Refusal:
    """Keeps the handles of bare `operations` and asks each of them at `place`.

    One operation that stands at the place's own level gets a name; all others go into one list.
    """
    depth = len(place.path)
    for operation in operations:
        if refusal := _unreachable(operation.point, place, file):
            return refusal
    names = names_for(operations[0].point.scope, ask, file)
    if names is None:
        return Refusal("the usual names are taken")
    many, one = names
    first = operations[0].point
    if len(operations) == 1 and len(first.path) == depth:
        return insert(first.span.start, f"{one} = "), add_lines(place, [_asked(one, ask)], file)
    start = first.path[depth].block.span.start if len(first.path) > depth else first.statement.span.start
    line_start = file.text.rfind("\n", 0, start) + 1
    edits = [insert(line_start, f"{place.indent}{many} = []{newline(file)}")]
    for operation in operations:
        span = operation.point.span
        edits += [insert(span.start, f"{many}.append("), insert(span.end, ")")]
    step = step_of(place, file)
    edits.append(add_lines(place, [f"for {one} in {many}:", f"{step}{_asked(one, ask)}"], file))
    return tuple(edits)


def _asked(name: str, ask: Ask) -> str:
    return f"list({name})" if ask == "list" else f"{name}.{ask}()"


def read_kept(operation: Operation, place: Place, ask: Ask, file: FileFacts) -> tuple[Edit, ...] | Refusal:
    """Asks, at `place`, the handle or each handle of a list that a statement of its level keeps in vain.

    `future = ex.submit(f, x)`, `futures = [ex.submit(f, x) for x in xs]`, or that comprehension as a statement.
    """
    point, statement = operation.point, operation.point.statement
    depth = len(place.path)
    names = names_for(point.scope, ask, file)
    whole = point.path[depth].block.span if len(point.path) == depth + 1 else point.span
    if refusal := _unreachable(point, place, file, kept=True):
        return refusal
    if names is None or len(point.path) > depth + 1 or whole.end != statement.span.end:
        return Refusal("the handles are kept in an expression")
    is_list = whole != point.span
    if is_list and not re.fullmatch(r"\[\s*", file.text[whole.start : point.span.start]):
        return Refusal("the handles are kept in an expression")
    if is_list and not re.match(r"\s+for\b", file.text[point.span.end : whole.end]):
        return Refusal("the handles are kept in an expression")
    many, one = names
    edits = []
    if statement.form == "assign" and len(statement.assigned) == 1:
        kept = statement.assigned[0]
        if len(mentions(kept, point.scope, file)) != 1:
            return Refusal(f"`{kept}` is used for other things")
    elif statement.form == "expression" and whole == statement.span:
        kept = many if is_list else one
        edits.append(insert(statement.span.start, f"{kept} = "))
    else:
        return Refusal("the handles are kept in an expression")
    if not is_list:
        return (*edits, add_lines(place, [_asked(kept, ask)], file))
    return (*edits, add_lines(place, [f"for {one} in {kept}:", f"{step_of(place, file)}{_asked(one, ask)}"], file))


def step_of(place: Place, file: FileFacts) -> str:
    """One level of indent: a tab where the place is indented by tabs, else what the innermost block adds."""
    if "\t" in place.indent:
        return "\t"
    if place.path:
        block = place.path[-1].block
        line = file.text[file.text.rfind("\n", 0, block.span.start) + 1 : block.span.start]
        added = len(block.body_indent) - (len(line) - len(line.lstrip()))
        if added > 0:
            return " " * added
    return "    "


def _unreachable(point: Point, place: Place, file: FileFacts, kept: bool = False) -> Refusal | None:
    """Why a handle made at `point` cannot be read at `place`; None when it can."""
    inner = point.path[len(place.path) :]
    if not point.statement.alone:
        return Refusal("the line holds several statements")
    if point.span.end > place.offset or [*map(_key, point.path[: len(place.path)])] != [*map(_key, place.path)]:
        return Refusal("the work is submitted in another block than the one that waits for it")
    if any(step.block.kind == "while" or step.block.forever for step in inner):
        return Refusal("the loop has no known end: the list would grow without bound")
    if not kept and any(step.block.kind not in ("for", "if", "with", "try", "match") for step in inner):
        return Refusal("the work is submitted in an expression")
    if _LEAVES.search(file.text, point.statement.span.end, place.offset):
        return Refusal("the code in between may leave before the results are read")
    return None


def _key(step: Step) -> tuple[int, str]:
    return step.block.id, step.arm


def names_for(scope: int, ask: Ask, file: FileFacts) -> tuple[str, str] | None:
    """Free names in a scope: for a list of handles and for one of them."""
    free = [next((name for name in names if not mentions(name, scope, file)), None) for names in _NAMES[ask]]
    return (free[0], free[1]) if free[0] and free[1] else None


def mentions(name: str, scope: int, file: FileFacts) -> list[str]:
    """Where the text of a scope mentions a name: a local name that it does not mention is free."""
    function = file.functions.get(scope)
    span = function.span if function else Span(0, len(file.text))
    return re.findall(rf"(?<![\w.]){name}\b", file.cut(span))
