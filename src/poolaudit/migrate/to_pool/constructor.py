"""`ProcessPoolExecutor(max_workers=n, mp_context=ctx)` to `ctx.Pool(n)`. Must never know an operation."""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.edits import Edit, insert, replace
from poolaudit.facts import Argument
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.move import Move
from poolaudit.migrate.plan import Piece
from poolaudit.migrate.surroundings import is_simple

_KEYWORDS = {
    "max_workers": "processes",
    "mp_context": "",
    "initializer": "initializer",
    "initargs": "initargs",
    "max_tasks_per_child": "maxtasksperchild",
}
_POSITIONS = tuple(_KEYWORDS)


def pieces(move: Move) -> Iterator[Piece]:
    """The new call in place of the old one."""
    site = move.site
    if " | " in site.api or site.conditional:
        yield blocked("pool-class-is-variable", site.callee, f"what {move.name} is gets chosen at run time")
        return
    if not site.stdlib:
        yield blocked("pool-subclassed", site.callee, f"`{move.file.cut(site.callee)}` is a class of the project")
        return
    named = {
        argument.keyword or (_POSITIONS[position] if position < len(_POSITIONS) else ""): argument
        for position, argument in enumerate(site.arguments)
    }
    if any(argument.star for argument in site.arguments) or not set(named) <= set(_KEYWORDS):
        yield blocked("unclear-arguments", site.argument_list, "what the executor is given is not plain")
        return
    given = {name: argument for name, argument in named.items() if not _is_none(argument)}
    recycling = given.get("max_tasks_per_child")
    if recycling is not None and "mp_context" not in given and not (recycling.value.literal and recycling.value.kind == "const"):
        yield blocked(
            "max-tasks-per-child", recycling.span, f"`{recycling.value.text}` may be None: then workers are not spawned"
        )
    yield from _callee(move, given.get("mp_context"), recycling is not None)
    for name, argument in named.items():
        if name == "mp_context" or (name == "max_tasks_per_child" and name not in given):
            yield _without(move, argument)
        elif argument.keyword_span is not None:
            yield replace(argument.keyword_span, _KEYWORDS[name])
        elif name != "max_workers":
            yield insert(argument.span.start, f"{_KEYWORDS[name]}=")
    if not site.operations:
        yield blocked("workers-start-later", site.callee, f"{move.name}: it is given no task here")


def _is_none(argument: Argument) -> bool:
    return argument.value.kind == "const" and argument.value.const is None


def _callee(move: Move, context: Argument | None, recycling: bool) -> Iterator[Piece]:
    """The class through its context: an executor that recycles its workers and is given none spawns them."""
    site = move.site
    if context is not None:
        text = move.file.cut(context.value.span)
        yield replace(site.callee, f"{text}.Pool" if is_simple(text) or text.endswith(")") else f"({text}).Pool")
    elif recycling:
        spelled, needed = move.spelled("multiprocessing", "get_context", site.callee)
        yield from needed
        yield replace(site.callee, f'{spelled}("spawn").Pool')
    else:
        spelled, needed = move.spelled("multiprocessing", "Pool", site.callee)
        yield from needed
        yield replace(site.callee, spelled)


def _without(move: Move, argument: Argument) -> Edit:
    """Takes an argument out, with the comma that goes with it."""
    arguments = move.site.arguments
    index = arguments.index(argument)
    if index:
        return Edit(arguments[index - 1].span.end, argument.span.end, "")
    end = arguments[1].span.start if len(arguments) > 1 else argument.span.end
    return Edit(argument.span.start, end, "")
