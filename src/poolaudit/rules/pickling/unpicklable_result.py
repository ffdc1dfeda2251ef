"""A worker returns something that cannot be pickled: a generator, a coroutine, a lambda, an open file, a lock.

Why it hurts: a result is pickled on its way back. The task runs to its end, and then its result is thrown away: Pool raises
MaybeEncodingError, an executor TypeError or AttributeError, when the result is asked for. A generator function does nothing in
the worker, and a coroutine function leaves a coroutine that is never awaited.

When it is fine: the worker's decorator turns the generator into a list. Under a decorator that is not known nothing is
reported.

Limitations: speaks of workers of the same file, and of what their return statements plainly are. There is no fix: collect a
generator into a list, run a coroutine by asyncio.run in the worker, return what was read and not the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.deliberate import expects_failure
from poolaudit.evidence.payload import opened
from poolaudit.facts import MODULE_SCOPE, FileFacts, Function, PoolSite, Value
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_THREADING = ("Lock", "RLock", "Condition", "Event", "Semaphore", "BoundedSemaphore", "Barrier", "Thread", "Timer", "local")
_SHARED = (
    "Queue",
    "SimpleQueue",
    "JoinableQueue",
    "Lock",
    "RLock",
    "Semaphore",
    "Event",
    "Condition",
    "Barrier",
    "Value",
    "Array",
)
UNPICKLABLE_CALLS = {
    "builtins.open": "an open file",
    "tempfile.TemporaryFile": "an open file",
    "tempfile.NamedTemporaryFile": "an open file",
    "urllib.request.urlopen": "an open response",
    "csv.reader": "a csv reader",
    "os.scandir": "an iterator over a folder",
    "os.walk": "a generator",
    "re.match": "a match object",
    "re.search": "a match object",
    "re.fullmatch": "a match object",
    "re.finditer": "an iterator of match objects",
    "sqlite3.connect": "a database connection",
    "subprocess.Popen": "a running process",
    **{f"threading.{name}": f"a threading {name}" for name in _THREADING},
    **{f"multiprocessing.{name}": f"a multiprocessing {name}" for name in _SHARED},
}
"""Calls whose result cannot be pickled: measured on Python 3.8 and 3.14."""


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        task = operation.task
        if not operation.process_only or operation.sites[0] != site.index or expects_failure(file, operation):
            continue
        if task is None or task.kind not in ("function", "nested", "method", "lambda", "instance") or task.function is None:
            continue
        function = file.functions.get(task.function)
        for what, place in _unpicklable_results(file, function) if function else ():
            yield Finding(
                task.span,
                f"`{task.name}` returns {what}, which cannot be pickled on its way back from the worker",
                label="runs in a worker",
                related=(place,),
            )
            break


def _unpicklable_results(file: FileFacts, function: Function) -> Iterator[tuple[str, Related]]:
    """What a call of the function gives that cannot be pickled, and where one sees it."""
    if not all((decorator.api or "").startswith("functools.") for decorator in function.decorators):
        return
    head = Related(function.name_span or function.span, "defined here")
    if function.is_async:
        yield "a generator" if function.is_generator else "a coroutine", head
    elif function.is_generator:
        yield "a generator", head
    else:
        for returned in function.returns:
            for value in opened(returned):
                what = _what(file, value)
                if what:
                    yield what if value is returned else f"a value that holds {what}", Related(value.span, "returned here")


def _text_around(file: FileFacts, value: Value) -> str:
    """The whole file that the value stands in: a defaultdict may lose its factory before it is returned."""
    return file.other_texts[value.span.path] if value.span.path else file.text


def _what(file: FileFacts, value: Value) -> str | None:
    if value.kind == "lambda":
        return "a lambda" if "default_factory" not in _text_around(file, value) else None
    if value.kind == "generator":
        return "a generator"
    if value.kind == "call" and value.function is None:
        return UNPICKLABLE_CALLS.get(value.api or "")
    function = file.functions.get(value.function) if value.function is not None else None
    if value.kind == "call" and function is not None:
        return "a generator" if function.is_generator and not function.decorators else None
    if value.kind == "function" and function is not None:
        return f"`{function.name}`, a local function," if function.nested and not function.decorators else None
    owner = file.classes.get(value.class_id) if value.class_id is not None else None
    if value.kind == "instance" and owner is not None:
        local = not owner.span.path and owner.parent != MODULE_SCOPE and not owner.bases and not owner.custom_pickle
        return f"an object of `{owner.name}`, a local class," if local else None
    return None


RULE = Rule(code="PA207", name="unpicklable-result", severity="error", check=check, doc=__doc__)
