"""A function is called where it should be passed: it runs in the parent, and the worker is asked to call its result.

Why it hurts: `submit(f(x))` computes f(x) before anything is submitted, one item after the other, in the parent. Then the worker
tries to call the result: TypeError, 'int' object is not callable. Where nobody asks for that result, nothing shows it.

When it is fine: the function makes a callable, which is what the worker is to call. Such calls are not reported.

Limitations: speaks only where the function is in the same file and every value that it returns is plainly no callable: constants,
displays, arithmetic, text, None. Results of calls that are not known and parameters handed back are left alone.

Fix: passes the function and its arguments. Offered for functions of module level; map and its kin want a function and its inputs
apart, which only the author can tell.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from poolaudit.edits import Fix, replace
from poolaudit.evidence.expressions import gives_data, parse, piece
from poolaudit.facts import FileFacts, Function, Operation, PoolSite, Value
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings
from poolaudit.survey.families import SUBMITTING_METHODS

_DATA = frozenset({"const", "tuple", "list", "dict", "set", "comprehension", "generator"})
_BUILTINS = frozenset({
    "abs", "all", "any", "bool", "bytes", "chr", "dict", "divmod", "float", "frozenset", "hash", "hex", "int", "len", "list",
    "open", "ord", "pow", "print", "range", "repr", "reversed", "round", "set", "sorted", "str", "sum", "tuple", "zip",
})  # fmt: skip
"""Builtin functions and types whose result is never a callable."""


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        task = operation.task
        if operation.method not in SUBMITTING_METHODS or not operation.process_only or operation.sites[0] != site.index:
            continue
        if task is None or task.kind != "called" or task.function is None or task.partial:
            continue
        function = file.functions[task.function]
        if not _gives_data(function, file, frozenset()):
            continue
        shown = function.returns[-1].span if function.returns else function.name_span or function.span
        says = "returns this, no callable" if function.returns else "returns None"
        fix = _fix(operation, function, file)
        yield Finding(
            task.span,
            f"`{function.name}` is called here, in the parent, and the worker is asked to call its result",
            label="runs before anything is submitted",
            related=(Related(shown, says),),
            notes=("nobody asks for the result: the TypeError never shows",) if operation.handle.bare else (),
            fix=fix,
        )


def _gives_data(function: Function, file: FileFacts, seen: frozenset[int]) -> bool:
    """Whatever it returns is no callable. An abstract method returns what its subclasses like."""
    if function.decorators or function.id in seen or any(not raised.point.path for raised in function.raises):
        return False
    if function.is_generator or function.is_async:
        return True
    return all(_is_data(value, file, seen | {function.id}) for value in function.returns)


def _is_data(value: Value, file: FileFacts, seen: frozenset[int]) -> bool:
    if value.kind == "call" and value.function is not None:
        return value.function in file.functions and _gives_data(file.functions[value.function], file, seen)
    if value.kind == "call":
        module, _, name = (value.api or "").rpartition(".")
        return module == "math" or (module == "builtins" and name in _BUILTINS)
    if value.kind == "unknown":
        return gives_data(value.text)
    return value.kind in _DATA


def _fix(operation: Operation, function: Function, file: FileFacts) -> Fix | None:
    """submit(f(x)) -> submit(f, x); apply_async(f(x)) -> apply_async(f, (x,))."""
    if function.nested or function.is_lambda or function.class_id is not None or function.under_guard:
        return None  # a worker could not find it
    if operation.method not in ("submit", "run_in_executor", "apply", "apply_async") or operation.task is None:
        return None
    first = 1 if operation.method == "run_in_executor" else 0
    if any(argument.star or (argument.keyword is None and n > first) for n, argument in enumerate(operation.arguments)):
        return None
    passed = _passed(operation.method, file.cut(operation.task.span))
    if passed is None or operation.argument("args") or operation.argument("kwds"):
        return None
    return Fix("pass the function and its arguments", "safe", (replace(operation.task.span, passed),))


def _passed(method: str, text: str) -> str | None:
    """The arguments that ask a worker for the call that `text` is. None where an argument cannot be passed on as it stands."""
    call = parse(text)
    if not isinstance(call, ast.Call) or "#" in text:
        return None
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    if any(isinstance(node, (ast.Starred, ast.GeneratorExp, ast.Lambda, ast.NamedExpr, ast.Yield)) for node in given):
        return None
    keys = [keyword.arg for keyword in call.keywords]
    if None in keys or {"fn", "func"}.intersection(keys):
        return None
    name, *positional = [piece(text, node) for node in (call.func, *call.args)]
    values = [piece(text, keyword.value) for keyword in call.keywords]
    if method in ("submit", "run_in_executor"):
        if method == "run_in_executor" and keys:
            return None
        return ", ".join([name, *positional, *(f"{key}={value}" for key, value in zip(keys, values, strict=True))])
    args = ", ".join(positional) + ("," if len(positional) == 1 else "")
    kwds = ", ".join(f'"{key}": {value}' for key, value in zip(keys, values, strict=True))
    return name + (f", ({args})" if positional or keys else "") + (f", {{{kwds}}}" if keys else "")


RULE = Rule(
    code="PA701", name="called-not-passed", severity="error", check=check, fix="sometimes", supersedes=("PA603",), doc=__doc__
)
