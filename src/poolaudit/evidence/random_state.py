"""States of random numbers that every worker starts with, and how a worker gets one of its own.

Knows the generators of `random` and numpy, and that a forked process seeds the functions of `random` anew, those of numpy not.
Must never know a rule or libcst.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from poolaudit.evidence.earlier import earlier
from poolaudit.evidence.payload import payload
from poolaudit.facts import MODULE_SCOPE, FileFacts, Function, GlobalUse, LibraryCall, Operation, Point, PoolSite, Value, inside
from poolaudit.survey.families import MAP_METHODS

GENERATORS = frozenset({"random.Random", "numpy.random.default_rng", "numpy.random.RandomState"})
"""What makes an object with a state of its own. SystemRandom has none."""

_SEEDS = re.compile(r"\w*seed\w*\s*\(|\b(?:setstate|set_state)\s*\(|\.state\s*=", re.IGNORECASE)
"""A call that gives, or may well give, a worker a state of its own: seed, seed_everything, SeedSequence."""

_NO_DRAW = frozenset({
    "seed", "setstate", "set_state", "getstate", "get_state", "Random", "SystemRandom", "default_rng", "RandomState", "Generator",
    "SeedSequence", "BitGenerator", "PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64",
})  # fmt: skip
"""Names of `random` and `numpy.random` that draw no number from the state of the module."""


class Repeated(Struct, frozen=True):
    """A state that several workers begin with."""

    name: str
    """The variable, or 'random' or 'numpy.random' for the state behind the functions of a module."""
    of_module: bool
    where: Point
    """Where it is made or seeded."""
    forked: bool
    """Forked workers begin with it."""
    imported: bool
    """Workers that import the file begin with it."""


def repeated(code: tuple[Function, ...], prepared: tuple[Function, ...], fork: Point, file: FileFacts) -> Iterator[Repeated]:
    """The states that worker code draws from and that all workers, forked at `fork`, begin with.

    `prepared`: all that a worker runs, its initializer included; what it sets is its own.
    """
    own = {use.name for function in prepared for use in function.globals if use.how != "read"}
    for name in sorted({use.name for function in code for use in function.globals} - own):
        made = _generator(file.globals.get(name, ()))
        # what another file makes, it makes when it is imported
        if made is not None and made.point is not None and (made.span.path or earlier(made.point, fork, file)):
            fixed = made.value is not None and _is_fixed(made.value.items)
            imported = fixed and made.function == MODULE_SCOPE and not made.under_guard
            yield Repeated(name, False, made.point, forked=True, imported=imported)
    for module in ("random", "numpy.random"):
        if any(_draws(call, module) for function in code for call in function.library_calls):
            yield from _of_module(module, fork, file)


def copied(operation: Operation, site: PoolSite, file: FileFacts) -> Iterator[Value]:
    """Generators that several tasks, or the initializers of several workers, are handed in one state."""
    repeats = operation.loop is not None or operation.method in MAP_METHODS
    initargs = site.argument("initargs", 2 if site.kind == "pool" else 3)
    given = initargs.value.items if initargs is not None and not site.foreign else ()
    for value in given + (tuple(payload(operation)) if repeats else ()):
        made_there = value.literal or value.kind != "call" or value.api not in GENERATORS
        if not made_there and (value in given or not _moves_on(value, operation, file)):
            yield value


def _moves_on(value: Value, operation: Operation, file: FileFacts) -> bool:
    """The loop around the operation makes the generator anew, or draws from it."""
    loop = operation.loop
    draws = (call.point for call in file.library_calls if call.api.startswith(f"{value.api}()."))
    return loop is not None and (bool(value.names & loop.rebinds) or any(inside(point, loop) for point in draws))


def seeds(prepared: tuple[Function, ...], file: FileFacts) -> bool:
    """Something that a worker runs gives it a state of its own, or may well do so."""
    return any(_SEEDS.search(file.cut(function.span)) for function in prepared)


def _generator(uses: tuple[GlobalUse, ...]) -> GlobalUse | None:
    """Where a name gets the generator that is all it is ever bound to."""
    assigned = [use for use in uses if use.how == "assign"]
    if len(assigned) != 1 or assigned[0].value is None:
        return None
    only, value = assigned[0], assigned[0].value
    elsewhere = bool(only.span.path) and (only.function != MODULE_SCOPE or only.under_guard)
    return only if value.kind == "call" and value.api in GENERATORS and not elsewhere else None


def _is_fixed(arguments: tuple[Value, ...]) -> bool:
    """The first argument is a seed that is written out."""
    return bool(arguments) and arguments[0].kind == "const" and arguments[0].const is not None


def _of_module(module: str, fork: Point, file: FileFacts) -> Iterator[Repeated]:
    """The state behind the functions of a module, once the parent has seeded it."""
    for call in file.library_calls:
        if call.api != f"{module}.seed":
            continue
        fixed = _is_fixed(tuple(argument.value for argument in call.arguments))
        imported = fixed and call.function == MODULE_SCOPE and not call.under_guard
        forked = module == "numpy.random" and earlier(call.point, fork, file)
        if imported or forked:
            yield Repeated(module, True, call.point, forked=forked, imported=imported)
            return


def _draws(call: LibraryCall, module: str) -> bool:
    owner, _, name = call.api.rpartition(".")
    return owner == module and name not in _NO_DRAW
