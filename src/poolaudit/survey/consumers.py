"""What well-known functions do with an argument: look at it lazily, drain it, keep it, wait for it.

Data for solve and uses: an unknown callee is an escape. Must never know a trace.
"""

from __future__ import annotations

LAZY = frozenset(
    {
        "builtins.enumerate",
        "builtins.zip",
        "builtins.iter",
        "builtins.reversed",
        "builtins.filter",
        "itertools.islice",
        "itertools.chain",
        "itertools.chain.from_iterable",
        "itertools.takewhile",
        "itertools.dropwhile",
        "itertools.zip_longest",
        "itertools.tee",
        "tqdm.tqdm",
        "tqdm.auto.tqdm",
        "tqdm.notebook.tqdm",
        "tqdm.std.tqdm",
        "tqdm.rich.tqdm",
        "tqdm.trange",
        "tqdm.tqdm_notebook",
        "tqdm.autonotebook.tqdm",
        "tqdm.asyncio.tqdm",
        "rich.progress.track",
        "alive_progress.alive_it",
        "progressbar.progressbar",
        "pyprind.prog_bar",
        "click.progressbar",
        "fastprogress.progress_bar",
    }
)
"""The result yields what the argument yields, when it is asked to."""

EAGER = frozenset(
    {
        "builtins.list",
        "builtins.tuple",
        "builtins.sorted",
        "builtins.set",
        "builtins.frozenset",
        "collections.deque",
        "builtins.dict",
        "collections.OrderedDict",
        "collections.Counter",
    }
)
"""The result is a container of what the argument yields."""

DRAIN = frozenset(
    {
        "builtins.sum",
        "builtins.any",
        "builtins.all",
        "builtins.max",
        "builtins.min",
        "functools.reduce",
        "numpy.array",
        "numpy.asarray",
        "numpy.fromiter",
        "numpy.concatenate",
        "numpy.vstack",
        "numpy.hstack",
        "numpy.stack",
        "pandas.concat",
        "pandas.DataFrame",
        "itertools.product",
        "statistics.mean",
        "math.fsum",
        "math.prod",
    }
)
"""Iterates the argument to its end; the result keeps no handle."""

HARMLESS = frozenset(
    {
        "builtins.isinstance",
        "builtins.len",
        "builtins.print",
        "builtins.repr",
        "builtins.str",
        "builtins.id",
        "builtins.type",
        "builtins.bool",
        "builtins.hasattr",
        "builtins.callable",
        "builtins.hash",
        "builtins.issubclass",
        "builtins.format",
        "builtins.range",
        "builtins.int",
        "builtins.float",
        "builtins.abs",
        "builtins.round",
        "time.sleep",
    }
)
"""Looks at the argument and keeps nothing."""

WAITS = {
    "concurrent.futures.as_completed": "as_completed",
    "asyncio.as_completed": "as_completed",
    "tqdm.asyncio.tqdm.as_completed": "as_completed",
    "concurrent.futures.wait": "wait_futures",
    "asyncio.wait": "wait_futures",
    "asyncio.gather": "gather",
    "tqdm.asyncio.tqdm.gather": "gather",
    "tqdm.asyncio.tqdm_asyncio.gather": "gather",
    "asyncio.wait_for": "wait_for",
    "asyncio.timeout": "wait_for",
    "asyncio.wrap_future": "wrap_future",
    "asyncio.futures.wrap_future": "wrap_future",
    "asyncio.shield": "wrap_future",
    "asyncio.ensure_future": "wrap_future",
    "asyncio.create_task": "wrap_future",
    "asyncio.run": "await",
}

TIMEOUT_SECOND = frozenset({"asyncio.wait_for", "concurrent.futures.wait", "concurrent.futures.as_completed"})
"""What takes its timeout as the second argument by position."""

SAME = {
    "contextlib.closing": 0,
    "contextlib.nullcontext": 0,
    "copy.copy": 0,
    "typing.cast": 1,
    "contextlib.ExitStack().enter_context": 0,
    "contextlib.AsyncExitStack().enter_context": 0,
    "asyncio.shield": 0,
    "asyncio.ensure_future": 0,
    "asyncio.create_task": 0,
    "asyncio.wait_for": 0,
}
"""Gives back its argument (by position), or something that stands for it."""

ADDERS = {"append": 0, "add": 0, "appendleft": 0, "put": 0, "put_nowait": 0, "insert": 1, "push": 0}
"""Container methods that keep one argument (by position)."""

EXTENDERS = frozenset({"extend", "update", "extendleft"})
COMBINERS = frozenset({"union", "intersection", "difference", "symmetric_difference", "__add__", "__or__"})
"""Container methods whose result holds elements of both."""

TAKERS = frozenset({"pop", "popleft", "get", "get_nowait", "popitem", "setdefault", "values", "items", "copy", "__getitem__"})
"""Container methods that give elements back; values, items and copy give a view of them."""

MUTATORS = frozenset(
    {
        "append",
        "add",
        "appendleft",
        "insert",
        "extend",
        "extendleft",
        "update",
        "pop",
        "popleft",
        "popitem",
        "remove",
        "discard",
        "clear",
        "setdefault",
        "sort",
        "reverse",
    }
)

HANDLE_METHODS = frozenset(
    {
        "get",
        "result",
        "wait",
        "ready",
        "successful",
        "done",
        "running",
        "cancel",
        "cancelled",
        "exception",
        "add_done_callback",
        "next",
        "__next__",
    }
)

REGISTRARS = {
    "atexit.register": "atexit",
    "weakref.finalize": "finalize",
    "multiprocessing.util.Finalize": "finalize",
    "contextlib.ExitStack().callback": "stack",
    "contextlib.ExitStack().push": "stack",
    "contextlib.AsyncExitStack().callback": "stack",
}
"""Calls what it is given later: a pool's bound close or terminate handed to one ends the pool."""
