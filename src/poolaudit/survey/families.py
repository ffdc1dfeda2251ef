"""The table of what each pool API is: whose processes or threads, and how it pickles.

Knows canonical names only. discover's needles and gate are derived from it, so that a new family extends all of them at once.
Must never know a spelling, a file or libcst.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Api(NamedTuple):
    """One class or factory that makes a pool."""

    name: str
    family: str
    kind: Literal["pool", "executor"]
    workers: Literal["process", "thread", "interpreter", "unknown"]
    pickling: Literal["pickle", "dill", "cloudpickle", "none", "unknown"]
    stdlib: bool = False


def _stdlib(name: str, family: str, kind: Literal["pool", "executor"]) -> Api:
    return Api(name, family, kind, "process", "pickle", stdlib=True)


def _threads(name: str, family: str, kind: Literal["pool", "executor"], stdlib: bool = False) -> Api:
    return Api(name, family, kind, "thread", "none", stdlib)


_TABLE = (
    _stdlib("multiprocessing.Pool", "multiprocessing", "pool"),
    _stdlib("multiprocessing.pool.Pool", "multiprocessing", "pool"),
    _stdlib("concurrent.futures.ProcessPoolExecutor", "concurrent.futures", "executor"),
    Api("multiprocessing.Manager().Pool", "multiprocessing.managers", "pool", "process", "pickle"),
    Api("concurrent.futures.InterpreterPoolExecutor", "concurrent.futures", "executor", "interpreter", "pickle", stdlib=True),
    _threads("multiprocessing.dummy.Pool", "multiprocessing.dummy", "pool", stdlib=True),
    _threads("multiprocessing.pool.ThreadPool", "multiprocessing", "pool", stdlib=True),
    _threads("concurrent.futures.ThreadPoolExecutor", "concurrent.futures", "executor", stdlib=True),
    _threads("gevent.pool.Pool", "gevent", "pool"),
    _threads("gevent.threadpool.ThreadPool", "gevent", "pool"),
    _threads("gevent.threadpool.ThreadPoolExecutor", "gevent", "executor"),
    _threads("eventlet.GreenPool", "eventlet", "pool"),
    Api("multiprocess.Pool", "multiprocess", "pool", "process", "dill"),
    Api("multiprocess.pool.Pool", "multiprocess", "pool", "process", "dill"),
    _threads("multiprocess.pool.ThreadPool", "multiprocess", "pool"),
    _threads("multiprocess.dummy.Pool", "multiprocess", "pool"),
    Api("pathos.multiprocessing.ProcessingPool", "pathos", "pool", "process", "dill"),
    Api("pathos.multiprocessing.ProcessPool", "pathos", "pool", "process", "dill"),
    Api("pathos.multiprocessing.Pool", "pathos", "pool", "process", "dill"),
    Api("pathos.pools.ProcessPool", "pathos", "pool", "process", "dill"),
    Api("pathos.pools._ProcessPool", "pathos", "pool", "process", "dill"),
    Api("pathos.pools.ParallelPool", "pathos", "pool", "process", "dill"),
    _threads("pathos.pools.ThreadPool", "pathos", "pool"),
    Api("billiard.Pool", "billiard", "pool", "process", "pickle"),
    Api("billiard.pool.Pool", "billiard", "pool", "process", "pickle"),
    Api("torch.multiprocessing.Pool", "torch.multiprocessing", "pool", "process", "pickle"),
    Api("torch.multiprocessing.pool.Pool", "torch.multiprocessing", "pool", "process", "pickle"),
    Api("loky.get_reusable_executor", "loky", "executor", "process", "cloudpickle"),
    Api("loky.ProcessPoolExecutor", "loky", "executor", "process", "cloudpickle"),
    Api("joblib.externals.loky.get_reusable_executor", "loky", "executor", "process", "cloudpickle"),
    Api("joblib.externals.loky.process_executor.ProcessPoolExecutor", "loky", "executor", "process", "cloudpickle"),
    Api("mpi4py.futures.MPIPoolExecutor", "mpi4py.futures", "executor", "process", "pickle"),
    Api("mpi4py.futures.MPICommExecutor", "mpi4py.futures", "executor", "process", "pickle"),
    Api("ray.util.multiprocessing.Pool", "ray", "pool", "process", "cloudpickle"),
    Api("ray.util.multiprocessing.pool.Pool", "ray", "pool", "process", "cloudpickle"),
    Api("pebble.ProcessPool", "pebble", "executor", "process", "pickle"),
    Api("pebble.ThreadPool", "pebble", "executor", "thread", "none"),
    Api("schwimmbad.MultiPool", "schwimmbad", "pool", "process", "pickle"),
    Api("schwimmbad.MPIPool", "schwimmbad", "pool", "process", "pickle"),
)

APIS: dict[str, Api] = {api.name: api for api in _TABLE}

CONTEXT_FAMILIES = ("multiprocessing", "multiprocess", "billiard", "torch.multiprocessing")
"""Modules whose get_context(..) gives an object with a Pool of the same family."""

ASYNC_METHODS = frozenset({"apply_async", "map_async", "starmap_async"})
LAZY_METHODS = frozenset({"imap", "imap_unordered"})
BLOCKING_METHODS = frozenset({"map", "starmap", "apply"})
POOL_METHODS = ASYNC_METHODS | LAZY_METHODS | BLOCKING_METHODS
EXECUTOR_METHODS = frozenset({"submit", "map"})
SUBMITTING_METHODS = POOL_METHODS | EXECUTOR_METHODS | {"run_in_executor"}
MAP_METHODS = frozenset({"map", "starmap", "imap", "imap_unordered", "map_async", "starmap_async"})

_ROOTS = ("multiprocess", "concurrent", "pathos", "loky", "billiard", "mpi4py", "pebble", "schwimmbad")

NEEDLES: tuple[bytes, ...] = tuple(root.encode() for root in _ROOTS)
"""A file without any of these bytes cannot name a pool module (ray and torch spell theirs '...multiprocessing')."""

BORROWED_NAMES = frozenset(
    {
        "apply_async", "imap", "imap_unordered", "starmap", "starmap_async", "map_async", "submit", "run_in_executor",
        "set_default_executor",
    }
)  # fmt: skip
BORROWED: tuple[bytes, ...] = tuple(f".{method}(".encode() for method in sorted(BORROWED_NAMES))
"""What a file that names no pool module calls on a pool that another file of the project made. `.map(` alone says too little."""

LEAF_NAMES: frozenset[str] = frozenset(
    {api.name.rpartition(".")[2] for api in _TABLE if api.workers != "thread"} | {"Pool", "set_start_method"}
)
"""A file in which none of these occurs as a name, attribute or import cannot make or configure a process pool. To run_in_executor
it may give one that another file makes; what get_context gives makes one by its Pool."""

PARTS: tuple[bytes, ...] = (
    b"Pool",
    b"xecutor",
    b"set_start_method",
    b".imap",
    b".starmap(",
    b"_async(",
    b".submit(",
)
"""One of them is in each of LEAF_NAMES and each of BORROWED: what a file is searched for first, because they are few."""

MOVABLE_NAMES: frozenset[str] = LEAF_NAMES | {"ThreadPool"}
"""As LEAF_NAMES, with the thread pools that have a counterpart among the executors."""

_SAME = {
    "concurrent.futures.process.ProcessPoolExecutor": "concurrent.futures.ProcessPoolExecutor",
    "concurrent.futures.thread.ThreadPoolExecutor": "concurrent.futures.ThreadPoolExecutor",
    "concurrent.futures.interpreter.InterpreterPoolExecutor": "concurrent.futures.InterpreterPoolExecutor",
    "multiprocessing.context.TimeoutError": "multiprocessing.TimeoutError",
    "multiprocessing.pool.TimeoutError": "multiprocessing.TimeoutError",
    "concurrent.futures._base.TimeoutError": "concurrent.futures.TimeoutError",
    "concurrent.futures._base.CancelledError": "concurrent.futures.CancelledError",
    "concurrent.futures._base.as_completed": "concurrent.futures.as_completed",
    "concurrent.futures._base.wait": "concurrent.futures.wait",
    "asyncio.tasks.gather": "asyncio.gather",
    "asyncio.exceptions.TimeoutError": "asyncio.TimeoutError",
    "multiprocessing.queues.Queue": "multiprocessing.Queue",
    "multiprocessing.synchronize.Lock": "multiprocessing.Lock",
    "multiprocessing.sharedctypes.Value": "multiprocessing.Value",
    "multiprocessing.sharedctypes.Array": "multiprocessing.Array",
    "multiprocessing.context.set_start_method": "multiprocessing.set_start_method",
    "multiprocessing.context.get_context": "multiprocessing.get_context",
}


def canonical(name: str) -> str:
    """One name for a thing that several modules export."""
    return _SAME.get(name, name)
