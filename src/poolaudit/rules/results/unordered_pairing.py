"""Results that come in the order of their completion are paired with the inputs by position.

Why it hurts: imap_unordered and as_completed give the first result that is ready. zip then puts it beside the first
input, and enumerate gives it the number of another one: the program goes on with wrong pairs.

When it is fine: the position only counts. The task returns its input with the result, or the futures are the keys of a
dict of inputs.

Limitations: sees zip and enumerate around the iterator itself, not around a list that was made of it. enumerate is
reported where its number is an index of the inputs. With other partners than the inputs themselves the finding is
likely.

Fix: imap for imap_unordered. Unsafe: a slow task holds back the results of those behind it. Futures are asked in the
order of their list instead of by as_completed, which no edit does.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from poolaudit.edits import Caveat, Fix, replace
from poolaudit.evidence.expressions import parse
from poolaudit.evidence.rounds import one_worker
from poolaudit.facts import Block, FileFacts, Operation, PoolSite, Use, Value
from poolaudit.rule import Confidence, Finding, Rule
from poolaudit.settings import Settings

_COMPLETED = "concurrent.futures.as_completed"
_COUNTERS = frozenset({"builtins.range", "itertools.count", "itertools.repeat", "itertools.cycle", "builtins.iter"})
_IN_ORDER = Caveat("in-order", "a slow task holds back the results of those behind it")


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    if site.kind == "pool" and one_worker(site):
        return
    for operation in site.operations:
        if not operation.process_only or operation.sites[0] != site.index:
            continue
        for use in operation.handle.uses:
            source = "as_completed" if _COMPLETED in use.views else operation.method
            if use.how != "zip" or use.point.span.path or source not in ("as_completed", "imap_unordered"):
                continue
            confidence = _paired(use, operation, file)
            if confidence is None:
                continue
            fix = _fix(operation, source)
            yield Finding(
                use.point.span,
                f"`{use.api.rpartition('.')[2]}` pairs by position, but `{source}` gives first what is ready first",
                label="wrong pairs",
                confidence=confidence,
                notes=() if fix else ("no fix: keep the input of each future in a dict, or ask the futures in their own order",),
                fix=fix,
            )


def _paired(use: Use, operation: Operation, file: FileFacts) -> Confidence | None:
    """How sure it is that the partners are inputs, or the number an index of them; None where they may only count."""
    inputs = operation.loop.iterable if operation.iterable is None and operation.loop else operation.iterable
    loop = next(
        (each.loop for each in operation.handle.uses if each.how == "iterate" and each.point.span == use.point.span), None
    )
    if inputs is None or (loop is not None and _is_idle(use, loop, file)):
        return None
    written = {inputs.text, *inputs.names, *_drawn_from(inputs, file)}
    if any(partner.text in written for partner in use.partners):
        return "certain"
    if use.api == "builtins.enumerate" or any(map(_counts, use.partners)):
        indexed = loop is not None and any(_indexed(name, target, loop, file) for name in written for target in loop.targets)
        return "certain" if indexed else None
    return "likely" if use.partners else None


def _drawn_from(inputs: Value, file: FileFacts) -> set[str]:
    """`xs` of `[f(x) for x in xs]`: as many of them, in the same order."""
    node = parse(inputs.text if inputs.origin is None else file.cut(inputs.origin))
    clauses = node.generators if isinstance(node, ast.ListComp | ast.GeneratorExp) else []
    return {ast.unparse(clauses[0].iter)} if len(clauses) == 1 and not clauses[0].ifs else set()


def _is_idle(use: Use, loop: Block, file: FileFacts) -> bool:
    """`for x, result in zip(xs, results)` where nothing reads x."""
    if len(use.partners) != 1 or len(loop.targets) != 2:
        return False
    comes_first = file.text[use.point.span.start : use.partners[0].span.start].rstrip().endswith("(")
    name = loop.targets[0 if comes_first else 1]
    return len(re.findall(rf"(?<![\w.]){name}\b", file.cut(loop.span))) == 1


def _counts(partner: Value) -> bool:
    return partner.infinite or partner.kind == "const" or partner.api in _COUNTERS


def _indexed(name: str, target: str, loop: Block, file: FileFacts) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}\[{target}\]", file.cut(loop.span)) is not None


def _fix(operation: Operation, source: str) -> Fix | None:
    if source != "imap_unordered" or operation.method_span.path:
        return None
    return Fix(
        "take the results in the order of the inputs", "unsafe", (replace(operation.method_span, "imap"),), caveats=(_IN_ORDER,)
    )


RULE = Rule(code="PA507", name="unordered-pairing", severity="error", check=check, fix="unsafe", doc=__doc__)
