"""Can an exception be rebuilt from its pickle?

Knows how BaseException is pickled: as its class and `args`, with which the class is called; and that `args` is what reached
BaseException.__init__. Must never know a rule. What is not plain counts as fine.
"""

from __future__ import annotations

import builtins

from poolaudit.facts import ClassFact, FileFacts, Function

_SPECIAL = (OSError, UnicodeError, SyntaxError, SystemExit, StopIteration, StopAsyncIteration)
"""Builtin exceptions that decide otherwise about `args`, or are pickled otherwise."""


def rebuilding_fails(file: FileFacts, owner: ClassFact) -> bool:
    """Calling the class with the `args` of its objects is certainly a TypeError."""
    maker = _maker(file, owner)
    kept = _kept(file, maker) if maker and not owner.custom_pickle else None
    if maker is None or kept is None:
        return False
    init = own_init(file, maker)
    if init is None or init.decorators:
        return False
    wanted = init.parameters
    return kept < wanted.required or (kept > len(wanted.names) and not wanted.star) or bool(wanted.keyword_only_required)


def own_init(file: FileFacts, owner: ClassFact) -> Function | None:
    """The __init__ that the class itself defines."""
    return file.functions.get(owner.methods["__init__"]) if "__init__" in owner.methods else None


def _maker(file: FileFacts, owner: ClassFact) -> ClassFact | None:
    """The class whose __init__ makes objects of `owner`: itself, or its only base here. None: a builtin's, or not plain."""
    if "__new__" in owner.methods or any(name == "args" for name, _ in owner.attributes):
        return None
    if "__init__" in owner.methods:
        return owner
    base = _base(file, owner)
    return _maker(file, base) if base else None


def _kept(file: FileFacts, maker: ClassFact) -> int | None:
    """How many arguments reach BaseException.__init__. None: as many as the object was made with, or not plain."""
    if maker.super_init is None or maker.super_init_unclear or len(maker.bases) != 1:
        return None
    base = _base(file, maker)
    if base is not None and _inits(file, base):
        above = _maker(file, base)
        return _kept(file, above) if above else None
    if not _is_plain(file, maker) or any(argument.star or argument.keyword for argument in maker.super_init):
        return None
    return len(maker.super_init)


def _base(file: FileFacts, owner: ClassFact) -> ClassFact | None:
    """Its only base, where that is a class of this file."""
    identity = owner.bases[0].class_id if len(owner.bases) == 1 else None
    return file.classes.get(identity) if identity is not None else None


def _inits(file: FileFacts, owner: ClassFact) -> bool:
    """It, or a base of this file, defines __init__ or __new__, or assigns `args`."""
    base = _base(file, owner)
    own = "__init__" in owner.methods or "__new__" in owner.methods or any(name == "args" for name, _ in owner.attributes)
    return own or (base is not None and _inits(file, base))


def _is_plain(file: FileFacts, owner: ClassFact) -> bool:
    """Single inheritance down to a builtin exception that keeps its arguments as they are."""
    base = _base(file, owner)
    if base is not None:
        return _is_plain(file, base)
    if len(owner.bases) != 1 or not (owner.bases[0].api or "").startswith("builtins."):
        return False
    builtin = getattr(builtins, (owner.bases[0].api or "").removeprefix("builtins."), None)
    return isinstance(builtin, type) and issubclass(builtin, BaseException) and not issubclass(builtin, _SPECIAL)
