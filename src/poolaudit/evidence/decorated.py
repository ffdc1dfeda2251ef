"""What pickle finds, or does not find, under the name of a function that is decorated.

Knows that a function is pickled as its module and `__qualname__`, a bound method as its object and `__name__`, and what the
decorators of the project and of functools do to both. Must never know a rule. A decorator that is not plain is unknown.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from poolaudit.evidence.holding import pickled_by_attributes
from poolaudit.evidence.importable import may_be_importable
from poolaudit.evidence.unpicklable import pickling_is_taught
from poolaudit.facts import FileFacts, Function, Value

_KEEP_NAMES = frozenset({"functools.cache", "functools.lru_cache", "functools.lru_cache()", "functools.singledispatch"})
_BINDERS = frozenset({"builtins.staticmethod", "builtins.classmethod"})

Effect = Literal["same", "named", "nameless", "object", "unknown"]
"""What a decorator makes of a function. same: that function. named: a wrapper with its name. nameless: a wrapper with a local
name, which no module holds. object: an instance that keeps the function."""


class Hidden(Struct, frozen=True):
    """What stands in the place of a function, so that pickle does not find it by its name."""

    effect: Effect
    decorator: Value
    wrapper: Function | None = None
    """For 'nameless': the local function."""
    parameter: str = ""
    """What the decorator calls the function that it gets."""


def hidden(file: FileFacts, function: Function) -> Hidden | None:
    """What hides a decorated function from pickle; None where it is found, or may be."""
    if pickling_is_taught(file) or may_be_importable(file, function.name):
        return None
    made = [_made(file, decorator) for decorator in function.decorator_values]
    for position, each in enumerate(made):  # the outermost first
        if each.effect == "object":
            plain = all(other.effect == "same" for other in made[:position]) and function.class_id is None
            return each if plain and all(other.effect != "unknown" for other in made[position:]) else None
        if each.effect in ("nameless", "unknown"):
            return each if each.effect == "nameless" else None
    return None


def named_elsewhere(file: FileFacts, call: Value | None) -> str | None:
    """`fast = cached(square)`: the name, 'square', under which pickle finds another object than what the call gives."""
    if call is None or len(call.items) != 1 or pickling_is_taught(file):
        return None
    identity = call.items[0].function if call.items[0].kind == "function" else None
    function = file.functions.get(identity) if identity is not None else None
    if function is None or function.nested or function.class_id is not None or function.decorators or function.span.path:
        return None
    keeps = call.api in _KEEP_NAMES or (call.function is not None and _made_by(file, call, call.function).effect == "named")
    return function.name if keeps and not _is_bound_again(file, function.name) else None


def _made(file: FileFacts, decorator: Value) -> Hidden:
    """What a decorator puts in the place of the function that it gets."""
    if decorator.kind in ("call", "api") and decorator.api in _KEEP_NAMES:
        return Hidden("named", decorator)
    if decorator.kind == "api" and decorator.api in _BINDERS:
        return Hidden("same", decorator)
    if decorator.kind == "class" and _keeps_its_function(file, decorator.class_id):
        return Hidden("object", decorator)
    called = _called(file, decorator)
    return Hidden("unknown", decorator) if called is None else _made_by(file, decorator, called)


def _called(file: FileFacts, decorator: Value) -> int | None:
    """The function of the project that runs when the decorator is applied."""
    if decorator.kind in ("function", "method", "lambda"):
        return decorator.function
    owner = file.classes.get(decorator.class_id) if decorator.kind == "instance" and decorator.class_id is not None else None
    return owner.methods.get("__call__") if owner is not None else None


def _made_by(file: FileFacts, decorator: Value, identity: int) -> Hidden:
    """What a function of the project, called with another one, gives in all of its return statements."""
    function = file.functions.get(identity)
    unknown = Hidden("unknown", decorator)
    if function is None or function.is_async or function.is_generator or function.decorators or not function.parameters.names:
        return unknown
    parameter = function.parameters.names[0]
    made = {_returned(file, function, value, parameter) for value in function.returns}
    if len(made) != 1:
        return unknown
    effect, wrapper = made.pop()
    return Hidden(effect, decorator, file.functions[wrapper] if wrapper is not None else None, parameter)


def _returned(file: FileFacts, function: Function, value: Value, parameter: str) -> tuple[Effect, int | None]:
    if value.kind == "parameter" and value.api == parameter:
        return "same", None
    wrapper = file.functions.get(value.function) if value.kind == "function" and value.function is not None else None
    if wrapper is None or wrapper.parent != function.id:
        return "unknown", None
    if wrapper.decorators:
        copies = (each.api == "functools.wraps" and each.items[:1] for each in wrapper.decorator_values)
        return ("named" if all(of and of[0].text == parameter for of in copies) else "unknown"), None
    renamed = any(call.api == "functools.update_wrapper" for call in function.library_calls)
    return ("unknown", None) if renamed or may_be_importable(file, wrapper.name) else ("nameless", wrapper.id)


def _keeps_its_function(file: FileFacts, identity: int | None) -> bool:
    """Objects of the class are pickled with all attributes, and __init__ keeps its first argument in one of them."""
    owner = file.classes.get(identity) if identity is not None else None
    init = file.functions.get(owner.methods.get("__init__", -1)) if owner is not None else None
    if owner is None or init is None or not init.parameters.names or not pickled_by_attributes(file, owner, exactly=True):
        return False
    kept = (store.value for store in owner.stores if store.point.scope == init.id and not store.point.path)
    return any(value is not None and value.kind == "parameter" and value.api == init.parameters.names[0] for value in kept)


def _is_bound_again(file: FileFacts, name: str) -> bool:
    """Something beside one def binds the name: pickle may find what that is."""
    name = re.escape(name)
    assigned = rf"^[ \t]*{name}[ \t]*(?::[^=\n]+)?=(?!=)|\bglobal\b[^\n]*\b{name}\b|\b(?:def|class|as|import)[ \t]+{name}\b"
    return len(re.findall(assigned, file.text, re.MULTILINE)) != 1
