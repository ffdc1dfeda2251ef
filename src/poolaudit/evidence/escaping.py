"""Which exceptions leave a worker's task.

Knows `raise` statements, what an `except` clause catches, and which functions a task calls. Must never know a rule. What may be
caught on its way is left out.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator

from poolaudit.facts import ClassFact, FileFacts, Function, Raised, Task

_MAY_SWALLOW = re.compile(r"^[ \t]*try[ \t]*:|\b(?:suppress|raises|assertRaises)[ \t]*\(", re.MULTILINE)


def escaping(file: FileFacts, task: Task | None) -> Iterator[tuple[Raised, ClassFact]]:
    """Every `raise` of an exception class of this file that leaves the task when it happens, in the order of calls."""
    todo = [task.function] if task is not None and task.function is not None and task.kind != "called" else []
    seen: set[int] = set()
    while todo:
        function = file.functions.get(todo.pop(0))
        if function is None or function.id in seen or not _hands_on_errors(function):
            continue
        seen.add(function.id)
        for raised in function.raises:
            identity = raised.exception.class_id if raised.exception else None
            owner = file.classes.get(identity) if identity is not None else None
            if owner is not None and not _is_caught(file, raised, owner):
                yield raised, owner
        if not _MAY_SWALLOW.search(_text(file, function)):
            todo.extend(called for called in function.calls if _calls(file, function, called))


def _hands_on_errors(function: Function) -> bool:
    """No decorator and no event loop stands between it and its caller."""
    return not function.is_async and all((each.api or "").startswith("functools.") for each in function.decorators)


def _calls(file: FileFacts, function: Function, called: int) -> bool:
    """`Function.calls` also holds functions that are only passed on."""
    other = file.functions.get(called)
    return other is not None and re.search(rf"\b{re.escape(other.name)}[ \t]*\(", _text(file, function)) is not None


def _is_caught(file: FileFacts, raised: Raised, owner: ClassFact) -> bool:
    """A handler or a context manager around the `raise` takes it, or may take it."""
    classes, names = _ancestry(file, owner)
    for step in raised.point.path:
        if step.block.kind == "with" and _MAY_SWALLOW.search(file.cut(step.block.header)):
            return True
        if step.block.kind != "try" or step.arm != "body":
            continue
        for handler in step.block.handlers:
            if not handler.types:
                return True
            for caught in handler.types:
                known = caught.class_id is not None or (caught.api or "").startswith("builtins.")
                if not known or caught.class_id in classes or caught.api in names:
                    return True
    return False


def _ancestry(file: FileFacts, owner: ClassFact) -> tuple[set[int], set[str]]:
    """Ids and canonical names of the class and all its bases."""
    classes, names = {owner.id}, {"builtins.Exception", "builtins.BaseException"}
    for base in owner.bases:
        if base.class_id is not None and base.class_id in file.classes:
            more = _ancestry(file, file.classes[base.class_id])
            classes, names = classes | more[0], names | more[1]
        elif base.api:
            builtin = getattr(builtins, base.api.removeprefix("builtins."), None)
            names |= {f"builtins.{each.__name__}" for each in getattr(builtin, "__mro__", ())}
    return classes, names


def _text(file: FileFacts, function: Function) -> str:
    return file.cut(function.span)
