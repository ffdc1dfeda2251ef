"""The pool calls the task with another number of arguments than it takes.

Why it hurts: Pool.map takes one iterable, and a second one is taken for its chunksize; Executor.map takes one
iterable for each argument, and never unpacks an item; submit hands on what it is given, a tuple as one argument and
`args=` as a keyword. Each of these is a TypeError: at once, or when somebody asks for the result.

When it is fine: never. What a partial has bound, defaults and stars are taken into account.

Limitations: speaks only where the function is visible and undecorated (as likely of `self.method`, which a subclass
may define otherwise), or where an argument is plainly no iterable or no chunksize.

Fix: starmap with zip for several iterables of Pool.map, and for pairs; `*zip(*pairs)` for pairs of an executor's map;
the items of the tuple as arguments of submit. Unsafe, because it is a guess at what was meant: the call never worked.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from poolaudit.edits import Fix
from poolaudit.evidence.arity import accepts, called, may_be_overridden, needs
from poolaudit.evidence.caught import caught
from poolaudit.evidence.deliberate import expects_failure
from poolaudit.evidence.iteration import all_lengths, is_iterable, is_no_iterable, lengths
from poolaudit.facts import Argument, FileFacts, Function, Operation, PoolSite, Task
from poolaudit.rewriting.unpack import items, spread, star, star_over_zip
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_MOST = {"map": 3, "imap": 3, "imap_unordered": 3, "map_async": 5}
"""Methods of Pool that take one iterable and a chunksize -> how many arguments they have in all."""

_STARMAPS = frozenset({"starmap", "starmap_async"})
_SUBMITS = frozenset({"submit", "run_in_executor"})


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        task = operation.task
        if not operation.process_only or operation.sites[0] != site.index or task is None:
            continue
        if caught(operation.point, "builtins.TypeError") or expects_failure(file, operation):
            continue
        behind = [argument for argument in operation.arguments if argument.span.start > task.span.start]
        if not any(argument.star for argument in behind):
            wrong = _wrong_argument(operation, behind, task, site, file)
            misfit = None if wrong else _misfit(operation, behind, task, site, file)
            if wrong is not None:
                yield wrong
            if misfit is not None:
                yield replace(misfit, confidence="likely") if may_be_overridden(task) else misfit


def _wrong_argument(operation: Operation, behind: list[Argument], task: Task, site: PoolSite, file: FileFacts) -> Finding | None:
    """A second iterable where a Pool wants a chunksize, or no iterable at all."""
    plain, method = [argument for argument in behind if argument.keyword is None], operation.method
    if site.kind == "pool" and method in _MOST and _is_second_iterable(plain, method):
        function = called(task, file)
        fits = function is None or accepts(task, function, len(plain))
        return Finding(
            plain[1].span,
            f"`{method}` of Pool takes one iterable: `{_short(plain[1])}` is taken for its chunksize, a TypeError",
            "no chunksize",
            related=_related(function),
            notes=("starmap passes several arguments, from one iterable of tuples",),
            fix=star_over_zip(operation, plain) if fits else None,
        )
    iterated = plain if site.kind == "executor" and method == "map" else plain[:1] if method in {*_MOST, *_STARMAPS} else []
    for argument in iterated:
        if is_no_iterable(argument.value):
            message = f"`{method}` iterates over each of its iterables, and `{_short(argument)}` is none: TypeError"
            repeat = argument.value.kind == "const" and argument is not iterated[0]
            notes = ("itertools.repeat gives every task the same argument",) if repeat else ()
            return Finding(argument.span, message, "no iterable", notes=notes)
    return None


def _is_second_iterable(plain: list[Argument], method: str) -> bool:
    return len(plain) > 1 and (1 + len(plain) > _MOST[method] or is_iterable(plain[1].value))


def _misfit(operation: Operation, behind: list[Argument], task: Task, site: PoolSite, file: FileFacts) -> Finding | None:
    """The function is visible and takes other arguments."""
    function = called(task, file)
    if function is None:
        return None
    if operation.method in _SUBMITS:
        return _submitted(operation, behind, task, function, file)
    plain = [argument for argument in behind if argument.keyword is None]
    if not plain or any(argument.value.length == 0 for argument in plain):
        return None
    count, fix = _given(operation, plain, task, function, site)
    if count is None or accepts(task, function, count):
        return None
    found = all_lengths(plain[0].value)
    if not found or not all(accepts(task, function, length) for length in found):
        fix = None  # only what is seen to fit
    if site.kind == "pool" and len(plain) > 1:
        meant = accepts(task, function, len(plain)) and not any(is_no_iterable(argument.value) for argument in plain)
        fix = star_over_zip(operation, plain) if meant else None
    return _finding(operation, task, function, count, fix)


def _given(
    operation: Operation, plain: list[Argument], task: Task, function: Function, site: PoolSite
) -> tuple[int | None, Fix | None]:
    """How many arguments the method gives the task, None where that is not seen; and what would unpack an item."""
    method = operation.method
    if site.kind == "pool" and method in _STARMAPS:
        return next((length for length in lengths(plain[0].value) if not accepts(task, function, length)), None), None
    if site.kind == "pool" and method in _MOST:
        return 1, star(operation)
    if site.kind == "executor" and method == "map":
        return len(plain), spread(plain[0]) if len(plain) == 1 else None
    return None, None


def _submitted(operation: Operation, behind: list[Argument], task: Task, function: Function, file: FileFacts) -> Finding | None:
    keywords = frozenset(argument.keyword for argument in behind if argument.keyword)
    count = len(behind) - len(keywords)
    if accepts(task, function, count, keywords):
        return None
    fix = None
    if len(behind) == 1 and behind[0].keyword in (None, "args"):
        value = behind[0].value
        if value.literal and value.kind in ("tuple", "list") and value.length and accepts(task, function, value.length):
            fix = items(behind[0], file)
    known = {*function.parameters.names, *function.parameters.keyword_only}
    strange = next((each for each in behind if each.keyword and each.keyword not in known), None)
    if strange is None or function.parameters.double_star:
        return _finding(operation, task, function, count, fix)
    message = f"`{operation.method}` hands `{strange.keyword}` on to `{task.name}`, which has no such parameter: TypeError"
    return Finding(
        strange.span, message, "a keyword argument of the task", related=_related(function), notes=_unseen(operation), fix=fix
    )


def _finding(operation: Operation, task: Task, function: Function, count: int, fix: Fix | None) -> Finding:
    return Finding(
        operation.point.span,
        f"`{task.name}` takes {needs(task, function)}, and `{operation.method}` gives it {count or 'none'}: TypeError",
        related=_related(function),
        notes=_unseen(operation),
        fix=fix,
    )


def _related(function: Function | None) -> tuple[Related, ...]:
    return (Related(function.name_span, "what is called"),) if function is not None and function.name_span else ()


def _unseen(operation: Operation) -> tuple[str, ...]:
    lost = operation.handle.bare and operation.handle.kind != "value"
    return ("nobody asks for the result: the error never shows",) if lost else ()


def _short(argument: Argument) -> str:
    text = argument.value.text
    return text if len(text) <= 40 and "\n" not in text else "..."


RULE = Rule(code="PA703", name="map-arity", severity="error", check=check, fix="unsafe", doc=__doc__)
