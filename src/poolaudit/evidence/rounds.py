"""Whether the rounds of a loop are independent of each other, so that their work may run side by side.

Knows names in the text of a loop, and which of them an item, an import or a function gives. Must never know a rule. What a task
writes outside of the program, for the next one to read, is not seen.
"""

from __future__ import annotations

import builtins
import re

from poolaudit.facts import Block, FileFacts, Operation, PoolSite

_IDENTIFIER = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_CLOCK = re.compile(r"\b(?:perf_counter|monotonic|process_time|time\.time|timeit|timer)\b", re.IGNORECASE)


def side_by_side(operation: Operation, loop: Block, file: FileFacts) -> bool:
    """Every round of a plain loop gives the operation an item of its own, and reads nothing that an earlier round made.

    A loop that ends early, asks a clock, or goes by the result in a condition is none.
    """
    if loop.kind == "while" or loop.forever or loop.leaves or loop.is_async or not loop.targets:
        return False
    if operation.point.statement.form == "header" or _CLOCK.search(file.cut(loop.span)):
        return False
    return _independent(operation, loop, file)


def _independent(operation: Operation, loop: Block, file: FileFacts) -> bool:
    """The task depends on the item, and no name that occurs once the result is there is read for the next task."""
    call = operation.point.span
    if loop.kind in ("comprehension", "generator"):
        return bool(_identifiers(call.start, call.end, file) & set(loop.targets))
    start = operation.point.statement.span.start
    prepared = _identifiers(loop.body.start, start, file)
    read = prepared | _identifiers(call.start, call.end, file)
    later = _identifiers(start, call.start, file) | _identifiers(call.end, loop.body.end, file)
    arguments = {name for argument in operation.arguments for name in argument.value.names}
    receiver = _identifiers(operation.receiver.start, operation.receiver.end, file) - arguments
    constant = set(dir(builtins)) | {item.name for item in file.imports} | {function.name for function in file.functions.values()}
    shared = (read & later) - set(loop.targets) - receiver - constant
    return not shared and bool(arguments & (set(loop.targets) | prepared))


def one_worker(site: PoolSite) -> bool:
    """The pool has a single worker, for isolation: nothing runs side by side."""
    return site.worker_count is not None and site.worker_count.const == 1


def _identifiers(start: int, end: int, file: FileFacts) -> set[str]:
    return set(_IDENTIFIER.findall(file.text, start, max(start, end)))
