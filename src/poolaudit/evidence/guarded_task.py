"""Whether a task catches its own errors, so that none is left for its result to carry.

Knows the text of functions and what a `try` catches. Must never know a rule or a pool.
"""

from __future__ import annotations

import ast

from poolaudit.facts import MODULE_SCOPE, FileFacts, PoolSite, Task

_BROAD = frozenset({"Exception", "BaseException"})
_WORDS = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})
_PLAIN = (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.Pass, ast.Global, ast.Break, ast.Continue)
"""Statements around the `try` that prepare or report: that they fail is possible, but not what the work is about."""


def catches_its_errors(task: Task | None, site: PoolSite, file: FileFacts) -> bool:
    """The task is a function that is visible and does its work below a `try` with a handler for every error."""
    function = file.functions.get(task.function) if task and task.function is not None else None
    if function is None or function.is_lambda:
        return False
    try:
        # below `if 1:`, so that an indented function need not be dedented (which would change its strings)
        tree = ast.parse(f"if 1:\n{function.indent or ' '}{file.cut(function.span)}")
    except SyntaxError:  # newer syntax than the running Python: nothing is known
        return False
    definition = next((node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)), None)
    if definition is None or not _is_guarded(definition.body):
        return False
    return bool(function.span.path) or not _needs_the_parent(definition, site, file)


def _needs_the_parent(definition: ast.FunctionDef, site: PoolSite, file: FileFacts) -> bool:
    """A handler reads a global that a function of the parent sets: the worker may not have it, and the handler itself fails."""
    in_worker = {MODULE_SCOPE, *(each.id for each in file.reachable(site.initializer.function if site.initializer else None))}
    handlers = [node for node in ast.walk(definition) if isinstance(node, ast.ExceptHandler)]
    names = {node.id for handler in handlers for node in ast.walk(handler) if isinstance(node, ast.Name)}
    return any(use.how == "assign" and use.function not in in_worker for name in names for use in file.globals.get(name, ()))


def _is_guarded(body: list[ast.stmt]) -> bool:
    """Some `try` catches every error, what stands beside it is plain or guarded as well, and after it words are all."""
    tries = [position for position, node in enumerate(body) if any(isinstance(inner, ast.Try) for inner in ast.walk(node))]
    return bool(tries) and all(map(_is_harmless, body)) and not any(map(_works, body[tries[-1] + 1 :]))


def _works(node: ast.stmt) -> bool:
    """Something is called that is not print or a method of a logger."""
    called = (inner.func for inner in ast.walk(node) if isinstance(inner, ast.Call))
    return any(getattr(function, "id", None) != "print" and getattr(function, "attr", None) not in _WORDS for function in called)


def _is_harmless(node: ast.stmt) -> bool:
    if isinstance(node, ast.Try):
        return any(_catches_all(handler) for handler in node.handlers)
    if isinstance(node, ast.If | ast.For | ast.While | ast.With):
        return all(map(_is_harmless, [*node.body, *getattr(node, "orelse", ())]))
    return isinstance(node, _PLAIN)


def _catches_all(handler: ast.ExceptHandler) -> bool:
    names = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    broad = any(name is None or (isinstance(name, ast.Name) and name.id in _BROAD) for name in names)
    return broad and not any(isinstance(inner, ast.Raise) for inner in ast.walk(handler))
