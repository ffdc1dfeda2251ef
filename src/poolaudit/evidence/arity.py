"""Whether a task can be called with the arguments that a pool hands it.

Knows parameters, what functools.partial has bound already, and which callables keep their signature. What is not plain fits.
Must never know which method of a pool hands on what, a rule or an edit.
"""

from __future__ import annotations

from poolaudit.facts import FileFacts, Function, Task

_SAME_SIGNATURE = frozenset({"builtins.staticmethod", "builtins.classmethod", "functools.lru_cache", "functools.cache"})
"""Decorators that take no parameter away and add none."""


def called(task: Task | None, file: FileFacts) -> Function | None:
    """The function whose parameters a call of the task must fit; None where that is not plain.

    Lambdas and nested functions are left out: no worker ever calls them.
    """
    if task is None or task.function is None or task.kind not in ("function", "method", "class", "instance"):
        return None
    if any(argument.star for argument in task.bound):
        return None
    owner = file.classes.get(task.class_id) if task.class_id is not None else None
    if task.kind == "class" and (owner is None or "__new__" in owner.methods or owner.bases):
        return None
    function = file.functions.get(task.function)
    decorators = {decorator.api for decorator in function.decorators} if function is not None else {None}
    if task.kind == "method" and owner is None and "builtins.staticmethod" not in decorators:
        return None  # taken from the class: the first argument is self
    return function if decorators <= _SAME_SIGNATURE and not _is_stub(function) else None


def _is_stub(function: Function | None) -> bool:
    """A subclass is to define it, perhaps with other parameters."""
    raised = (item.exception.api for item in function.raises if item.exception is not None) if function is not None else ()
    return "builtins.NotImplementedError" in raised


def may_be_overridden(task: Task) -> bool:
    """`self.work`: a subclass that is not seen may define it otherwise."""
    return task.kind == "method" and task.receiver is not None and task.receiver.text in ("self", "cls")


def accepts(task: Task, function: Function, count: int, keywords: frozenset[str] = frozenset()) -> bool:
    """Whether `count` positional arguments and `keywords` can be bound, behind what a partial has bound."""
    wanted = function.parameters
    given = count + sum(argument.keyword is None for argument in task.bound)
    named = keywords | {argument.keyword for argument in task.bound if argument.keyword}
    filled = set(wanted.names[:given])
    if given > len(wanted.names) and not wanted.star:
        return False
    if filled & keywords or not (named <= {*wanted.names, *wanted.keyword_only} or wanted.double_star):
        return False
    missing = {*wanted.names[: wanted.required], *wanted.keyword_only_required} - filled - named
    # what a partial binds by keyword cannot be given again by position
    return not missing and not filled & named


def needs(task: Task, function: Function) -> str:
    """How many arguments a call of the task must give: '2 arguments', '1 to 3 arguments', 'at least 1 more argument'."""
    fitting = [count for count in range(20) if accepts(task, function, count)]
    if not fitting:
        names = ", ".join(f"`{name}`" for name in function.parameters.keyword_only_required)
        return f"{names} by keyword" if names else "other arguments"
    first, last = fitting[0], fitting[-1]
    if last == 19:
        return f"at least {_counted(first, task)}"
    return _counted(first, task) if first == last else f"{first} to {_counted(last, task)}"


def _counted(count: int, task: Task) -> str:
    return f"{count or 'no'}{' more' if task.bound else ''} argument" + ("s" if count > 1 else "")
