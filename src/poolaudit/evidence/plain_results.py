"""What a task gives back, where that is plain data.

Knows the return values of visible functions and of a few builtins. Must never know a rule.
"""

from __future__ import annotations

from poolaudit.evidence.expressions import gives_data
from poolaudit.facts import FileFacts, Task, Value

_DATA = frozenset({"const", "tuple", "list", "dict", "set", "comprehension"})
_BUILTINS = frozenset(
    f"builtins.{name}"
    for name in (
        "abs", "bool", "bytes", "dict", "divmod", "float", "format", "hash", "int", "len", "list", "ord", "pow", "print", "range",
        "repr", "round", "set", "sorted", "str", "sum", "tuple",
    )
)  # fmt: skip


def gives_plain_data(task: Task | None, file: FileFacts) -> bool:
    """Whatever the task returns is a number, a text, a container or None: it has no methods of a future."""
    if task is None:
        return False
    if task.kind == "builtin":
        return task.api in _BUILTINS
    function = file.functions.get(task.function) if task.function is not None else None
    if function is None or task.kind != "function" or function.decorators or function.is_generator:
        return False
    return not function.is_async and all(_is_data(value) for value in function.returns)


def may_give_objects(task: Task | None, file: FileFacts) -> bool:
    """The task is seen to return objects of a class of the project: what methods they have is not known here."""
    function = file.functions.get(task.function) if task is not None and task.function is not None else None
    return task is not None and (
        task.kind == "class" or (function is not None and any(value.kind in ("instance", "class") for value in function.returns))
    )


def _is_data(value: Value) -> bool:
    if value.kind == "call":
        return value.api in _BUILTINS
    return value.kind in _DATA or (value.kind in ("unknown", "call") and value.literal and gives_data(value.text))
