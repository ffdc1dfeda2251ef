"""A decorated function is sent to a worker process, and pickle does not find it by its name.

Why it hurts: a function is pickled as the name of its module and its own. Behind a decorator without functools.wraps that name is
one of a local function; behind a class it leads to the object that took its place; and what `fast = cached(square)` gives has
the name of `square`, which is something else. AttributeError or PicklingError when the result is asked for. A method behind such
a decorator is worse: it is pickled, and the worker that looks for the wrapper's name dies, so that a Pool waits for ever and an
executor is broken.

When it is fine: the decorator uses functools.wraps and is applied by @, or gives the function itself back; functools.lru_cache
and cache, applied by @.

Fix: adds functools.wraps to the wrapper. Unsafe (name-of-wrapper): it takes over name, docstring and attributes of every function
that the decorator is applied to.

Limitations: decorators of libraries, and those that return one thing or another, are not known: nothing is reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit import imports
from poolaudit.edits import Caveat, Fix, insert
from poolaudit.evidence.decorated import Hidden, hidden, named_elsewhere
from poolaudit.evidence.deliberate import expects_failure
from poolaudit.evidence.payload import payload
from poolaudit.facts import FileFacts, Function, Operation, PoolSite, Span
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        if not operation.process_only or operation.sites[0] != site.index or expects_failure(file, operation):
            continue
        seen: set[int] = set()
        for where, identity, bound in _functions(operation):
            function = file.functions.get(identity)
            found = hidden(file, function) if function is not None and identity not in seen else None
            if function is not None and found is not None and not _is_attribute(file, found, bound):
                seen.add(identity)
                yield _finding(site, file, where, function, found, bound)
        task = operation.task
        name = named_elsewhere(file, task.made_by) if task is not None else None
        if task is not None and name is not None:
            yield Finding(
                task.span,
                f"what `{task.name}` runs has the name of `{name}`, under which pickle finds another function",
                label="cannot be pickled",
                notes=(f"decorate `{name}` by @, or define a function of module level that calls it",),
            )


def _functions(operation: Operation) -> Iterator[tuple[Span, int, int | None]]:
    """The functions that are pickled: where, their id, and the class of the object that a method is bound to."""
    task = operation.task
    if task is not None and task.kind in ("function", "nested", "method") and task.function is not None:
        yield task.span, task.function, task.class_id if task.kind == "method" else None
    for value in payload(operation):
        if value.kind in ("function", "method") and value.function is not None:
            yield value.span, value.function, value.class_id if value.kind == "method" else None


def _is_attribute(file: FileFacts, found: Hidden, bound: int | None) -> bool:
    """The object has a method of the wrapper's name, which the worker finds."""
    owner = file.classes.get(bound) if bound is not None else None
    return bound is not None and (owner is None or found.wrapper is None or found.wrapper.name in owner.methods)


def _finding(site: PoolSite, file: FileFacts, where: Span, function: Function, found: Hidden, bound: int | None) -> Finding:
    decorator, wrapper = found.decorator.text, found.wrapper
    stands_in = f"`{wrapper.name}`" if wrapper else "an object"
    if bound is not None:
        dies = "and the executor is broken" if site.kind == "executor" else "and the Pool waits for ever"
        harm = f"a worker that gets it looks for {stands_in}, dies, {dies}"
    else:
        harm = "pickle does not find it" if wrapper else "pickle finds that in its place"
    related = [Related(found.decorator.span, "applied here")]
    if wrapper:
        related.append(Related(wrapper.name_span or wrapper.span, f"has no `functools.wraps({found.parameter})`"))
    return Finding(
        where,
        f"`{decorator}` puts {stands_in} in the place of `{function.name}`: {harm}",
        label="sent to a worker",
        related=tuple(related),
        notes=() if wrapper else ("decorate it by a function that uses functools.wraps",),
        fix=_fix(file, found),
    )


def _fix(file: FileFacts, found: Hidden) -> Fix | None:
    wraps = imports.spell(file, "functools", "wraps")
    wrapper = found.wrapper
    if wrapper is None or wrapper.span.path or isinstance(wraps, imports.Refusal):
        return None
    newline = "\r\n" if "\r\n" in file.text else "\n"
    added = insert(wrapper.span.start, f"@{wraps.text}({found.parameter}){newline}{wrapper.indent}")
    caveat = Caveat(
        "name-of-wrapper", f"`{wrapper.name}` takes over name, docstring and attributes of every function that is decorated so"
    )
    return Fix(f"add functools.wraps to `{wrapper.name}`", "unsafe", (added,), wraps.requests, (caveat,))


RULE = Rule(code="PA203", name="unimportable-task", severity="error", check=check, fix="unsafe", doc=__doc__)
