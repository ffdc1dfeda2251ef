"""Can an exception be rebuilt from its pickle?

Knows how BaseException is pickled: as its class and `args`, with which the class is called; and that `args` is what reached
BaseException.__init__. Must never know a rule. What is not plain counts as fine.
"""

from __future__ import annotations

import builtins
import re

from poolaudit.facts import Argument, ClassFact, FileFacts, Function

_SPECIAL = (UnicodeError, SyntaxError, SystemExit, StopIteration, StopAsyncIteration)
"""Builtin exceptions that decide otherwise about `args`, or are pickled otherwise."""


def rebuilding_fails(file: FileFacts, owner: ClassFact, given: tuple[Argument, ...]) -> bool:
    """Calling the class with the `args` of an object that was made with the arguments `given` is certainly a TypeError."""
    maker = _maker(file, owner)
    kept = _kept(file, maker, given) if maker and not owner.custom_pickle else None
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
    if _is_special(file, owner):
        return None
    if "__init__" in owner.methods:
        return owner
    base = _base(file, owner)
    return _maker(file, base) if base else None


def _kept(file: FileFacts, maker: ClassFact, given: tuple[Argument, ...]) -> int | None:
    """How many arguments `args` holds: those that reach BaseException.__init__, else the positional ones of the object itself."""
    if maker.super_init_unclear or len(maker.bases) != 1:
        return None
    base = _base(file, maker)
    if maker.super_init is not None and base is not None and _inits(file, base):
        above = _maker(file, base)
        return _kept(file, above, maker.super_init) if above and above.super_init is not None else None
    root = _root(file, maker)
    arguments = given if maker.super_init is None else maker.super_init
    if root is None or any(argument.star for argument in arguments):
        return None
    positional = sum(argument.keyword is None for argument in arguments)
    # a third argument of OSError is a file name, which is not in `args`
    return None if issubclass(root, OSError) and (positional > 2 or maker.super_init is None) else positional


def _base(file: FileFacts, owner: ClassFact) -> ClassFact | None:
    """Its only base, where that is a class of this file."""
    identity = owner.bases[0].class_id if len(owner.bases) == 1 else None
    return file.classes.get(identity) if identity is not None else None


def _inits(file: FileFacts, owner: ClassFact) -> bool:
    """It, or a base of this file, defines __init__ or decides about `args` otherwise."""
    base = _base(file, owner)
    return "__init__" in owner.methods or _is_special(file, owner) or (base is not None and _inits(file, base))


def _is_special(file: FileFacts, owner: ClassFact) -> bool:
    """It makes objects, `args` or its pickle in a way of its own."""
    if {"__new__", "args"} & owner.methods.keys() or any(name == "args" for name, _ in owner.attributes):
        return True
    return re.search(r"\b__(?:reduce|reduce_ex|getnewargs|getstate)\w*__\b", file.cut(owner.span)) is not None


def _root(file: FileFacts, owner: ClassFact) -> type[BaseException] | None:
    """The builtin exception that single inheritance leads down to, where it keeps its arguments as they are."""
    base = _base(file, owner)
    if base is not None:
        return _root(file, base)
    api = (owner.bases[0].api or "") if len(owner.bases) == 1 else ""
    builtin = getattr(builtins, api.removeprefix("builtins."), None) if api.startswith("builtins.") else None
    plain = isinstance(builtin, type) and issubclass(builtin, BaseException) and not issubclass(builtin, _SPECIAL)
    return builtin if plain else None
