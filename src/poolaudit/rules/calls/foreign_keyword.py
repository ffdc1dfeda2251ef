"""A keyword, a position or a method of the other API: Pool and ProcessPoolExecutor do not have the same ones.

Why it hurts: the call is a TypeError (a keyword) or an AttributeError (a method), each time and on every Python.

When it is fine: subclasses and other libraries have signatures of their own and are not looked at; neither is a call in a `try`
that catches the error, or under a question such as hasattr or isinstance.

Limitations: names that neither API has are not reported. What a Python is too old for is the subject of another rule.

Fix: renames a keyword whose meaning is the same, and names an initializer that stands where an executor wants a multiprocessing
context. Methods are left to you: what they give back differs as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from poolaudit.edits import Fix, insert, replace
from poolaudit.facts import Argument, End, FileFacts, Point, PoolSite, Span
from poolaudit.rule import Finding, Rule
from poolaudit.settings import Settings
from poolaudit.survey.families import MAP_METHODS, POOL_METHODS

_KEYWORDS = {
    ("executor", "processes"): "max_workers",
    ("executor", "context"): "mp_context",
    ("executor", "maxtasksperchild"): "",
    ("executor", "thread_name_prefix"): "",
    ("pool", "max_workers"): "processes",
    ("pool", "max_tasks_per_child"): "maxtasksperchild",
    ("pool", "mp_context"): "",
    ("pool", "thread_name_prefix"): "",
}
"""What a constructor does not take -> its own keyword with the same meaning, '' where there is none."""

_CALL_KEYWORDS = {
    "executor": (MAP_METHODS, ("callback", "error_callback")),
    "pool": (POOL_METHODS, ("timeout", "buffersize")),
}
"""Methods, and keywords that they take in the other API only. submit hands every keyword on to the function."""

_METHODS = {
    ("executor", "starmap"): "executor.map(f, *zip(*pairs)) passes several arguments",
    ("executor", "starmap_async"): "executor.map(f, *zip(*pairs)) passes several arguments and does not block",
    ("executor", "map_async"): "executor.map(f, xs) does not block",
    ("executor", "imap"): "executor.map(f, xs) yields the results in order",
    ("executor", "imap_unordered"): "as_completed([executor.submit(f, x) for x in xs]) yields futures as they end",
    ("executor", "apply"): "executor.submit(f, *args).result() waits for one call",
    ("executor", "apply_async"): "executor.submit(f, *args) gives a future",
    ("executor", "close"): "executor.shutdown(wait=False) takes no more work",
    ("executor", "join"): "executor.shutdown() waits for all work",
    ("executor", "terminate"): "executor.shutdown(cancel_futures=True) drops what has not started",
    ("pool", "submit"): "pool.apply_async(f, (x,)) gives an AsyncResult",
    ("pool", "shutdown"): "pool.close() and pool.join() wait for all work",
}
"""What a kind of pool does not have -> what it has."""

_INSTEAD = {
    ("executor", "maxtasksperchild"): "max_tasks_per_child replaces workers from 3.11 on, and not with fork",
    ("pool", "mp_context"): "a Pool of another start method is multiprocessing.get_context(..).Pool(..)",
}
_NAMES = {"executor": "ProcessPoolExecutor", "pool": "Pool"}
_NO_CONTEXT = {"const": "constant", **{kind: kind for kind in ("function", "lambda", "method", "tuple", "list", "dict", "set")}}
_QUESTIONS = frozenset({"builtins.hasattr", "builtins.isinstance", "builtins.issubclass", "builtins.getattr", "sys.version_info"})


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    if site.kind == "unknown":
        return
    name = _NAMES[site.kind]
    if " | " not in site.api and not _expected(site.point, "TypeError"):
        yield from _constructor(site, name)
    methods, keywords = _CALL_KEYWORDS[site.kind]
    for operation in site.operations:
        if not operation.process_only or operation.sites[0] != site.index:
            continue
        yield from _method(operation.method, operation.method_span, operation.point, site, file)
        for argument in operation.arguments:
            if operation.method in methods and argument.keyword in keywords and not _expected(operation.point, "TypeError"):
                message = f"`{operation.method}` of {name} has no keyword `{argument.keyword}`: TypeError"
                yield Finding(argument.keyword_span or argument.span, message, label="a keyword of the other API")
    for end in site.ends:
        if _is_alone(end, site, file):
            yield from _method(end.how, end.point.span, end.point, site, file)


def _method(method: str, where: Span, point: Point, site: PoolSite, file: FileFacts) -> Iterator[Finding]:
    instead = _METHODS.get((site.kind, method))
    if instead and not _expected(point, "AttributeError") and not _added(method, file):
        message = f"{_NAMES[site.kind]} has no method `{method}`: AttributeError"
        yield Finding(where, message, label="a method of the other API", notes=(instead,))


def _is_alone(end: End, site: PoolSite, file: FileFacts) -> bool:
    """What is ended there is this pool and can be no other."""
    spelled = file.text.startswith(f"{site.name}.{end.how}", end.point.span.start)
    shared = any(other.point.span == end.point.span for each in file.sites if each is not site for other in each.ends)
    return spelled and not shared and not site.conditional and end.point.scope == site.point.scope


def _constructor(site: PoolSite, name: str) -> Iterator[Finding]:
    given = {argument.keyword for argument in site.arguments}
    for argument in site.arguments:
        own = _KEYWORDS.get((site.kind, argument.keyword or ""))
        if own is None or argument.keyword_span is None:
            continue
        fix = Fix(f"rename it to {own}", "safe", (replace(argument.keyword_span, own),)) if own and own not in given else None
        note = _INSTEAD.get((site.kind, argument.keyword or ""))
        yield Finding(
            argument.keyword_span,
            f"{name} has no keyword `{argument.keyword}`: TypeError",
            label=f"here it is called {own}" if own else "a keyword of another pool",
            notes=(note,) if note else (),
            fix=fix,
        )
    context = site.argument("mp_context", 1) if site.kind == "executor" else None
    word = _NO_CONTEXT.get(context.value.kind) if context is not None else None
    if context is not None and word and not (context.value.kind == "const" and context.value.const is None):
        yield Finding(
            context.value.span,
            f"the `mp_context` of {name} is a {word}, no multiprocessing context: AttributeError",
            label="the second argument is mp_context" if context.keyword is None else "",
            fix=_name_initializer(site, context),
        )


def _name_initializer(site: PoolSite, context: Argument) -> Fix | None:
    """ProcessPoolExecutor(2, init, (x,)) in the order of Pool -> ProcessPoolExecutor(2, initializer=init, initargs=(x,))."""
    positional = [argument for argument in site.arguments if argument.keyword is None]
    if context.keyword is not None or context.value.kind != "function" or len(positional) > 3:
        return None
    if any(argument.star or argument.keyword in ("initializer", "initargs") for argument in site.arguments):
        return None
    edits = [
        insert(argument.span.start, keyword)
        for argument, keyword in zip(positional[1:], ("initializer=", "initargs="), strict=False)
    ]
    return Fix("name the initializer", "safe", tuple(edits))


def _expected(point: Point, error: str) -> bool:
    """The program is prepared: the call stands in a `try` that catches the error, or under a question about the object."""
    for step in point.path:
        if step.block.kind == "if" and _QUESTIONS.intersection(step.block.tests):
            return True
        if step.block.kind == "try" and step.arm == "body":
            for handler in step.block.handlers:
                if not handler.types or any(name.text in (error, "Exception", "BaseException") for name in handler.types):
                    return True
    return False


def _added(method: str, file: FileFacts) -> bool:
    """The file gives a class this method: `Pool.submit = ...` or setattr(Pool, "submit", ...)."""
    return re.search(rf"\.{method}\s*=[^=]|[\"']{method}[\"']", file.text) is not None


RULE = Rule(code="PA704", name="foreign-keyword", severity="error", check=check, fix="sometimes", doc=__doc__)
