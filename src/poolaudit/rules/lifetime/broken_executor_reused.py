"""BrokenProcessPool is caught, and the executor that raised it gets more work.

Why it hurts: when a worker dies, the whole executor is broken for good. Every later submit or map raises
BrokenProcessPool again, so that one lost task takes all that follow with it, in silence where the handler is meant for
one task.

When it is fine: the handler raises, returns, leaves the loop, or makes a new executor. Asking the other futures for
their results is no reuse.

Limitations: sees a handler and the further work in one function, a loop around both included. A handler for Exception
is taken to be meant for the errors of tasks. There is no fix: make the executor anew, or give each task that may kill
its worker an executor of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from poolaudit.facts import Block, FileFacts, Name, Operation, Point, PoolSite, after_block, inside
from poolaudit.needs.workers import BROKEN
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings
from poolaudit.survey.families import SUBMITTING_METHODS

_LEAVES = re.compile(r"\b(?:return|raise|break|exit|_exit|fail|skip)\b")
_NEXT_ROUND = re.compile(r"\bcontinue\b")


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    if site.kind != "executor" or site.conditional:
        return
    operations = [each for each in site.operations if each.method in SUBMITTING_METHODS and not each.point.span.path]
    if any(not each.process_only or each.sites != (site.index,) for each in operations):
        return  # another executor may have taken its place
    for block, number, name in _handlers(site):
        again = next((each for each in operations if _comes_again(each, block, number, site, file)), None)
        if again is not None:
            yield Finding(
                name.span,
                f"the executor is broken for good when `{name.text}` is caught: `{again.method}` raises it again",
                label="broken from here on",
                related=(Related(again.point.span, "the same executor"),),
            )


def _handlers(site: PoolSite) -> Iterator[tuple[Block, int, Name]]:
    """Each `except BrokenProcessPool` around work or results of an executor that was made outside of its `try`."""
    points = [each.point for each in site.operations]
    points += [use.point for each in site.operations for use in each.handle.uses]
    blocks = {
        step.block.id: step.block for point in points for step in point.path if step.block.kind == "try" and step.arm == "body"
    }
    for block in blocks.values():
        if not block.span.path and not inside(site.point, block):
            for number, handler in enumerate(block.handlers):
                for name in handler.types:
                    if (name.api or name.text).rpartition(".")[2] in BROKEN:
                        yield block, number, name


def _comes_again(operation: Operation, block: Block, number: int, site: PoolSite, file: FileFacts) -> bool:
    """The operation runs when the handler has: in it, behind the `try`, or in the next round of a loop around both."""
    point, handler = operation.point, block.handlers[number]
    if point.scope != block.scope or handler.reraises:
        return False
    if any(step.block.id == block.id and step.arm == f"except#{number}" for step in point.path):
        return True
    body = file.cut(handler.body)
    if _LEAVES.search(body):
        return False
    behind = after_block(point, block) and not _NEXT_ROUND.search(body)
    rounds = [step.block for step in block.path if step.block.kind in ("for", "while") and step.arm == "body"]
    again = any(inside(point, loop) and not inside(site.point, loop) for loop in rounds)
    return again or (behind and not _is_apart(point, block))


def _is_apart(point: Point, block: Block) -> bool:
    """They stand in different arms of one `if`: a run takes only one of them."""
    arms = {step.block.id: step.arm for step in block.path}
    return any(arms.get(step.block.id, step.arm) != step.arm for step in point.path)


RULE = Rule(code="PA409", name="broken-executor-reused", severity="warning", check=check, doc=__doc__)
