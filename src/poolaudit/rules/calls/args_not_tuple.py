"""The arguments of apply, apply_async or an initializer are no tuple: a comma is missing, or a dict is unpacked into its keys.

Why it hurts: the worker calls `func(*args)`. A number cannot be unpacked (TypeError), a text is unpacked into its characters,
a dict into its keys. An initializer that fails so makes a Pool start new workers for ever, and breaks an executor.

When it is fine: any iterable of the right length works, a list as well. A text of one character works by luck and is not
reported.

Limitations: names are followed to their only binding; what is not known is left alone. A text is reported where its characters
cannot be the function's parameters, or where it stands in parentheses like a tuple that lost its comma.

Fix: adds the comma. For a dict there is only a guess: keywords, where its keys are the function's parameters, or the one argument
of a function that takes one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from poolaudit.edits import Caveat, Edit, Fix, insert
from poolaudit.facts import Argument, FileFacts, Parameters, PoolSite, Task, Value
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_PRIMITIVES = frozenset(
    f"{module}.{name}"
    for module in ("multiprocessing", "multiprocessing.Manager()", "threading", "queue")
    for name in (
        "Barrier",
        "BoundedSemaphore",
        "Condition",
        "Event",
        "JoinableQueue",
        "Lock",
        "Queue",
        "RLock",
        "Semaphore",
        "Value",
    )
)
"""Constructors of objects that cannot be iterated over."""


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    if site.initializer is not None and site.kind != "unknown":
        initargs = site.argument("initargs", 2 if site.kind == "pool" else 3)
        harm = "a Pool starts new workers for ever" if site.kind == "pool" else "the executor is broken from the start"
        if initargs is not None:
            yield from _judge(initargs, site.initializer, file, f"an initializer that fails: {harm}", kwds=False)
    for operation in site.operations:
        if operation.method not in ("apply", "apply_async") or not operation.process_only or operation.sites[0] != site.index:
            continue
        args = operation.argument("args", 1)
        if args is not None and operation.task is not None and site.kind == "pool":
            note = "nobody asks for the result: the error never shows" if operation.handle.bare else ""
            yield from _judge(args, operation.task, file, note, kwds=operation.argument("kwds", 2) is None)


def _judge(argument: Argument, task: Task, file: FileFacts, note: str, *, kwds: bool) -> Iterator[Finding]:
    """`kwds`: the call takes keyword arguments and has none yet."""
    value = argument.value
    function = file.functions.get(task.function) if task.function is not None and not task.partial else None
    parameters = function.parameters if function is not None and not function.decorators else None
    name = f"`{task.name}`" if task.name else "the function"
    message, fix = _fault(argument, parameters, name, file, kwds)
    if message:
        definition = (Related(function.name_span, "what is called"),) if function is not None and function.name_span else ()
        label = "this is no tuple" if value.parenthesized else "unpacked into arguments"
        yield Finding(value.span, message, label, related=definition, notes=(note,) if note else (), fix=fix)


def _fault(argument: Argument, parameters: Parameters | None, name: str, file: FileFacts, kwds: bool) -> tuple[str, Fix | None]:
    value = argument.value
    if value.kind == "dict" and value.length:
        return f"the dict is unpacked into its keys: {name} gets those as arguments", _dict_fix(argument, parameters, file, kwds)
    if value.kind == "const" and isinstance(value.const, (str, bytes)):
        fits = _accepts(parameters, len(value.const))
        if fits or (fits is None and not (value.literal and value.parenthesized and len(value.const) > 1)):
            return "", None
        message = f"the text is unpacked into its characters: {name} gets {len(value.const)} arguments"
        return message, _comma(value, parameters, unsafe=fits is None)
    if value.kind in ("const", "lambda", "function", "method", "module") or (value.kind == "call" and value.api in _PRIMITIVES):
        return f"`{value.text}` cannot be unpacked into the arguments of {name}: TypeError", _comma(value, parameters)
    return "", None


def _accepts(parameters: Parameters | None, count: int) -> bool | None:
    """Whether a call with `count` positional arguments can work; None when the function is not known."""
    if parameters is None:
        return None
    return (
        not parameters.keyword_only_required
        and parameters.required <= count
        and (parameters.star or count <= len(parameters.names))
    )


def _comma(value: Value, parameters: Parameters | None, *, unsafe: bool = False) -> Fix | None:
    if _accepts(parameters, 1) is False:
        return None
    edits: tuple[Edit, ...] = (insert(value.span.start, "("), insert(value.span.end, ",)"))
    if value.parenthesized:
        edits = (insert(value.span.end - 1, ","),)
    caveats = (Caveat("one-argument", "the function gets the text as one argument"),) if unsafe else ()
    return Fix("make it a tuple of one", "unsafe" if unsafe else "safe", edits, caveats=caveats)


def _dict_fix(argument: Argument, parameters: Parameters | None, file: FileFacts, kwds: bool) -> Fix | None:
    span, text = argument.value.span, file.text[argument.value.span.start : argument.value.span.end]
    if parameters is None:
        return None
    if argument.value.literal and kwds:
        node = ast.parse(text, mode="eval").body
        keys = (
            {key.value if isinstance(key, ast.Constant) else None for key in node.keys} if isinstance(node, ast.Dict) else {None}
        )
        if keys <= {*parameters.names, *parameters.keyword_only}:
            edit = Edit(argument.span.start, span.start, "kwds=")
            caveat = Caveat("meant-as-keywords", "the values of the dict become the keyword arguments of the function")
            return Fix("pass the dict as keyword arguments", "unsafe", (edit,), caveats=(caveat,))
    if _accepts(parameters, 1) and len(parameters.names) == 1:
        caveat = Caveat("meant-as-one-argument", "the function gets the whole dict as its argument")
        return Fix(
            "pass the dict as the one argument", "unsafe", (insert(span.start, "("), insert(span.end, ",)")), caveats=(caveat,)
        )
    return None


RULE = Rule(code="PA702", name="args-not-tuple", severity="error", check=check, fix="sometimes", doc=__doc__)
