"""The arguments of apply, apply_async or an initializer are no tuple: a comma is missing, or a dict is unpacked into its keys.

Why it hurts: the worker calls `func(*args)`. A number cannot be unpacked (TypeError), a text is unpacked into its characters,
a dict into its keys. An initializer that fails so makes a Pool start new workers for ever, and breaks an executor.

When it is fine: any iterable of the right length works, a list as well. A text of one character works by luck and is not
reported.

Limitations: names are followed to their only binding; what is not known is left alone, unless it is read by more constant keys
than the function has parameters. A text is reported where its characters cannot be the function's parameters, or where it stands
in parentheses like a tuple that lost its comma.

Fix: adds the comma. For a dict there is only a guess: keywords, where its keys are the function's parameters, or the one argument
of a function that takes one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from poolaudit.edits import Caveat, Edit, Fix, insert
from poolaudit.evidence.expressions import parse
from poolaudit.facts import Argument, FileFacts, Parameters, PoolSite, Task, Value
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_PRIMITIVES = frozenset(
    f"{module}.{name}"
    for module in ("multiprocessing", "multiprocessing.Manager()", "threading", "queue")
    for name in ("Barrier", "BoundedSemaphore", "Condition", "Event", "JoinableQueue", "Lock", "Queue", "RLock", "Semaphore")
) | {"multiprocessing.Value", "multiprocessing.Manager().Value"}  # fmt: skip
"""Constructors of objects that cannot be iterated over."""


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    initargs = site.argument("initargs", 2 if site.kind == "pool" else 3)
    if site.initializer is not None and initargs is not None and site.kind != "unknown":
        harm = "a Pool starts new workers for ever" if site.kind == "pool" else "the executor is broken from the start"
        yield from _judge(initargs, site.initializer, site.function, file, f"an initializer that fails: {harm}")
    for operation in site.operations:
        args = operation.argument("args", 1)
        if operation.method not in ("apply", "apply_async") or not operation.process_only or operation.sites[0] != site.index:
            continue
        if args is not None and operation.task is not None and site.kind == "pool":
            note = "nobody asks for the result: the error never shows" if operation.handle.bare else ""
            kwds = operation.argument("kwds", 2) is not None
            yield from _judge(args, operation.task, operation.point.scope, file, note, kwds=kwds)


def _judge(
    argument: Argument, task: Task, scope: int, file: FileFacts, note: str, *, kwds: bool | None = None
) -> Iterator[Finding]:
    """`kwds`: keyword arguments are given as well; None where there can be none."""
    value = argument.value
    function = file.functions.get(task.function) if task.function is not None and not task.partial else None
    parameters = function.parameters if function is not None and not function.decorators and not kwds else None
    name = f"`{task.name}`" if task.name else "the function"
    text = value.text if len(value.text) <= 40 and "\n" not in value.text else "..."
    fix = None
    if value.kind == "dict" and value.length:
        message = f"the dict is unpacked into its keys: {name} gets those as arguments"
        fix = _as_keywords(argument, parameters) if kwds is False else None
        fix = fix or _as_one(argument, parameters)
    elif value.kind == "const" and isinstance(value.const, (str, bytes)):
        fits = _accepts(parameters, len(value.const))
        if fits or (fits is None and not (value.literal and value.parenthesized and len(value.const) > 1)):
            return
        message = f"the text is unpacked into its characters: {name} gets {len(value.const)} arguments"
        fix = _comma(value, parameters, unsafe=fits is None)
    elif value.kind in ("const", "lambda", "function", "method", "module") or (value.kind == "call" and value.api in _PRIMITIVES):
        message = f"`{text}` cannot be unpacked into the arguments of {name}: TypeError"
        fix = _comma(value, parameters)
    elif parameters is not None and not parameters.star and len(parameters.names) < len(keys := _keys_read(value, scope, file)):
        message = f"`{text}` has the keys {', '.join(keys)}: unpacked, it gives {name} more arguments than it takes"
        fix = _as_one(argument, parameters)
    else:
        return
    related = (Related(function.name_span, "what is called"),) if function is not None and function.name_span else ()
    label = "this is no tuple" if value.parenthesized else "unpacked into arguments"
    yield Finding(value.span, message, label, related=related, notes=(note,) if note else (), fix=fix)


def _keys_read(value: Value, scope: int, file: FileFacts) -> list[str]:
    """The constant text keys that the code around uses on a name: whatever has them has no fewer elements."""
    name = value.text.strip("( )")
    if value.kind not in ("unknown", "parameter") or not name.isidentifier() or scope not in file.functions:
        return []
    span = file.functions[scope].span
    return sorted(set(re.findall(rf"\b{name}\[(['\"]\w+['\"])\]", file.cut(span))))


def _accepts(parameters: Parameters | None, count: int) -> bool | None:
    """Whether a call with `count` positional arguments can work; None when the function is not known."""
    if parameters is None:
        return None
    return (
        not parameters.keyword_only_required
        and parameters.required <= count
        and (parameters.star or count <= len(parameters.names))
    )


def _as_tuple(value: Value) -> tuple[Edit, ...]:
    if value.parenthesized:
        return (insert(value.span.end - 1, ","),)
    return insert(value.span.start, "("), insert(value.span.end, ",)")


def _comma(value: Value, parameters: Parameters | None, *, unsafe: bool = False) -> Fix | None:
    if _accepts(parameters, 1) is False:
        return None
    caveats = (Caveat("one-argument", "the function gets the text as one argument"),) if unsafe else ()
    return Fix("make it a tuple of one", "unsafe" if unsafe else "safe", _as_tuple(value), caveats=caveats)


def _as_keywords(argument: Argument, parameters: Parameters | None) -> Fix | None:
    display = parse(argument.value.text) if argument.value.literal and parameters else None
    if not isinstance(display, ast.Dict) or parameters is None:
        return None
    names = {*parameters.names, *parameters.keyword_only}
    if not all(isinstance(key, ast.Constant) and key.value in names for key in display.keys):
        return None
    caveat = Caveat("meant-as-keywords", "the values of the dict become the keyword arguments of the function")
    edit = Edit(argument.span.start, argument.value.span.start, "kwds=")
    return Fix("pass the dict as keyword arguments", "unsafe", (edit,), caveats=(caveat,))


def _as_one(argument: Argument, parameters: Parameters | None) -> Fix | None:
    if parameters is None or not _accepts(parameters, 1) or len(parameters.names) != 1:
        return None
    caveat = Caveat("meant-as-one-argument", "the function gets the whole object as its argument")
    return Fix("pass it as the one argument", "unsafe", _as_tuple(argument.value), caveats=(caveat,))


RULE = Rule(code="PA702", name="args-not-tuple", severity="error", check=check, fix="sometimes", doc=__doc__)
