"""A pool is built and torn down in every round of a loop.

Why it hurts: each round starts its workers anew, and an initializer loads again what it loads; with spawn and forkserver every
worker imports the program as well. One pool around the loop starts them once.

When it is fine: the pool depends on the round (its number of workers, initializer or initargs, or a global that forked workers
inherit). A single worker per round isolates tasks from each other; a fresh pool after a failure is a retry; a restart per batch
gives memory back. A benchmark that measures pools. A loop that sleeps between its rounds.

Limitations: a function with a pool that a loop of the same file calls is reported as likely. There is no fix: make the pool
around the loop, and see that no round relies on fresh workers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from poolaudit.evidence.inherited import worker_code
from poolaudit.facts import Block, FileFacts, Point, PoolSite, innermost_loop, inside
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_ON_PURPOSE = re.compile(r"memory|leak|\brestart|\bfresh|isolat|respawn|zombie", re.IGNORECASE)
_MEASURED = re.compile(r"\b(?:sleep|collect|timeit|perf_counter\w*|process_time\w*)\(")


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    loop = site.loop
    if site.foreign:
        return
    if loop is None:
        yield from _called_in_loop(site, file)
    elif loop.kind in ("for", "while") and _ends_in(loop, site) and not _needed(site, loop, file):
        yield Finding(
            site.point.span,
            "every round of the loop starts new workers: one pool around the loop starts them once",
            related=(Related(loop.header, "the loop"),),
        )


def _called_in_loop(site: PoolSite, file: FileFacts) -> Iterator[Finding]:
    """A function that makes a pool, uses it and ends it, is called in every round of a loop: how many rounds is not seen."""
    function = file.functions.get(site.function)
    if function is None or not _ends_within(site) or _is_for_its_caller(site, file):
        return
    for call in file.local_calls:
        loop = innermost_loop(call.point)
        if (
            call.certain
            and call.callees == (function.id,)
            and loop is not None
            and not _round_needs_it(site, call.point, loop, file)
        ):
            yield Finding(
                site.point.span,
                f"`{function.name}` starts new workers each time that a loop calls it: one pool around the loop starts them once",
                confidence="likely",
                related=(Related(call.point.span, "called here"), Related(loop.header, "in this loop")),
            )
            return


def _ends_within(site: PoolSite) -> bool:
    """The function that makes the pool uses and ends it."""
    points = [operation.point for operation in site.operations] + [end.point for end in site.ends]
    return _is_used_up(site) and all(point.scope == site.function for point in points)


def _is_for_its_caller(site: PoolSite, file: FileFacts) -> bool:
    """What it is made with may differ from call to call: more than constants, and functions of imported modules."""
    imported = {each.name for each in file.imports}
    written = {name for argument in site.arguments if argument.value.kind != "const" for name in argument.value.names}
    return bool(written - imported) or any(argument.star for argument in site.arguments)


def _round_needs_it(site: PoolSite, call: Point, loop: Block, file: FileFacts) -> bool:
    function = file.functions[site.function]
    texts = (file.cut(function.span), file.text[max(0, loop.span.start - 200) : loop.span.end])
    meant = any(_ON_PURPOSE.search(text) or _MEASURED.search(text) for text in texts)
    return _single_worker(site) or _recycles(site) or _few_rounds(loop) or _in_some_rounds(call, loop, file) or meant


def _ends_in(loop: Block, site: PoolSite) -> bool:
    """Each round uses and ends its pool: none is kept for later rounds."""
    points = [operation.point for operation in site.operations] + [end.point for end in site.ends]
    return _is_used_up(site) and all(inside(point, loop) for point in points)


def _is_used_up(site: PoolSite) -> bool:
    """It is used and ended, and nobody else gets it."""
    if not site.complete or site.conditional or not site.operations or any(use.how != "test" for use in site.uses):
        return False
    return site.binding == "chained" or any(end.how in ("with-exit", "close", "terminate", "shutdown") for end in site.ends)


def _needed(site: PoolSite, loop: Block, file: FileFacts) -> bool:
    """Something in the loop may need a pool of its own."""
    function = file.functions.get(site.function)
    around = function.span if function is not None else loop.span
    return (
        _single_worker(site)
        or _recycles(site)
        or _few_rounds(loop)
        or _in_some_rounds(site.point, loop, file)
        or bool(_ON_PURPOSE.search(file.text, around.start, loop.span.end))
        or bool(_MEASURED.search(file.text, loop.span.start, loop.span.end))
        or _depends_on_round(site, loop, file)
    )


def _single_worker(site: PoolSite) -> bool:
    return site.worker_count is not None and site.worker_count.kind == "const" and site.worker_count.const == 1


def _recycles(site: PoolSite) -> bool:
    return site.argument("maxtasksperchild", 3) is not None or site.argument("max_tasks_per_child") is not None


def _few_rounds(loop: Block) -> bool:
    return loop.forever or (loop.iterable is not None and loop.iterable.length is not None and loop.iterable.length < 2)


def _in_some_rounds(point: Point, loop: Block, file: FileFacts) -> bool:
    """A retry (the loop ends when a round succeeds, or goes on after a failure), or a pool that not every round makes."""
    for step in reversed(point.path):
        if step.block.id == loop.id:
            break
        header = file.cut(step.block.header)
        varies = "(" in header or loop.rebinds & set(re.findall(r"\w+", header))
        if (
            step.block.kind == "match"
            or (step.block.kind == "if" and varies)
            or (step.block.kind == "try" and step.block.handlers)
        ):
            return True
    return bool({"break", "return"} & set(loop.leaves))


def _depends_on_round(site: PoolSite, loop: Block, file: FileFacts) -> bool:
    rebound = {name for step in site.point.path for name in step.block.rebinds if step.block.kind in ("for", "while")}
    written = {name for argument in site.arguments for name in argument.value.names}
    if rebound & written or any(argument.star for argument in site.arguments):
        return True
    workers = worker_code(site, file)
    reads = {use.name for function in workers for use in function.globals}
    captures = {capture.name for function in workers for capture in function.captures}
    changed = any(use.span in loop.span for name in reads for use in file.globals.get(name, ()))
    return changed or bool(captures & rebound)


RULE = Rule(code="PA406", name="pool-in-loop", severity="info", check=check, doc=__doc__)
