"""Who does the work: processes of this machine, or the engine that a name means.

Knows where forking is safe, how much work is worth a process, and how the executors of other packages are made.
Must never know what the work is, a rule or the command line.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from importlib import import_module

from poolaudit.config import ConfigError
from poolaudit.parallel import Crew

WORTH_A_FORK = 20_000
"""Characters of candidates for which one more forked process pays off: 0.14 s of work, 7 microseconds each. Measured on Linux
with Python 3.11: to start and end such a process costs 0.025 s of CPU."""

WORTH_A_SPAWN = 150_000
"""The same for one that starts from scratch: 1 s of work. To import libcst and the rules costs 0.9 s of CPU, measured alike."""

MOST = 61
"""Workers that ProcessPoolExecutor allows on Windows."""

FAR = 32
"""Workers that another engine is taken to have where --jobs does not say: what is under way should keep them all busy."""

GROUP = "poolaudit.executors"
"""Entry points of other packages, by the name that --executor takes."""

Factory = Callable[..., Executor]
"""Called with the number of workers (None: as it likes), and with the address where one is given behind ://."""


def usable() -> int:
    """The processors that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def crew(jobs: int | None, engine: str, characters: int) -> Crew | None:
    """Who does so much work: processes of this machine (`jobs` at most), or an engine of that name.

    None where this process is sooner done. Raises ConfigError for an engine that there is not.
    """
    return named(engine, jobs) if engine else local(jobs or usable(), characters)


def local(jobs: int, characters: int) -> Crew | None:
    """Processes of this machine for so much work; None when one process, this one, is done sooner."""
    method = "fork" if _may_fork() else "spawn"
    worth = WORTH_A_FORK if method == "fork" else WORTH_A_SPAWN
    count = min(jobs, characters // worth, MOST)
    return Crew(partial(_processes, count), count) if count > 1 else None


def named(name: str, jobs: int | None) -> Crew:
    """The engine that --executor names: 'loky', 'mpi', 'dask://HOST:PORT', 'module:factory' or an entry point of another package.

    Raises ConfigError when there is none.
    """
    scheme, _, address = name.partition("://")
    make = partial(_factory(scheme, name), *((jobs, address) if address else (jobs,)))
    return Crew(partial(_made, name, make), jobs or FAR)


def _factory(scheme: str, name: str) -> Factory:
    if scheme in _KNOWN:
        return _KNOWN[scheme]
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP, name=scheme):
        found: Factory = entry.load()
        return found
    module, colon, attribute = name.partition(":")
    if not colon or "/" in name:
        known = ", ".join([*_KNOWN, *sorted(entry.name for entry in entry_points(group=GROUP))])
        raise ConfigError(f"--executor {name}: is none of {known}, and no module:factory")
    try:
        factory: Factory = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"--executor {name}: {error}") from error
    return factory


def _made(name: str, make: Factory) -> Executor:
    try:
        return make()
    except ImportError as error:
        raise ConfigError(f"--executor {name}: {error}: is the package installed?") from error
    except OSError as error:
        raise ConfigError(f"--executor {name}: cannot be reached: {error}") from error


def _dask(jobs: int | None, address: str = "") -> Executor:
    """The cluster of a Dask scheduler; without an address the one that Dask's own configuration names."""
    client = import_module("distributed").Client(address or None, set_as_default=False)
    # pure: Dask would take a batch that is tried again for the one that has failed
    executor: Executor = client.get_executor(pure=False)
    return executor


def _loky(jobs: int | None, _: str = "") -> Executor:
    executor: Executor = import_module("loky").ProcessPoolExecutor(jobs, initializer=_start)
    return executor


def _mpi(jobs: int | None, _: str = "") -> Executor:
    """The ranks of `mpiexec -n N python -m mpi4py.futures -m poolaudit ...`."""
    executor: Executor = import_module("mpi4py.futures").MPIPoolExecutor(jobs)
    return executor


_KNOWN: dict[str, Factory] = {"dask": _dask, "loky": _loky, "mpi": _mpi}


def _processes(count: int) -> Executor:
    # asked again each time: an executor that has broken leaves threads behind for a while
    method = "fork" if _may_fork() else "spawn"
    return ProcessPoolExecutor(count, multiprocessing.get_context(method), initializer=_start)


def _may_fork() -> bool:
    """Only Linux is safe, and only a process without threads: whatever lock another thread holds stays locked in the child."""
    return sys.platform == "linux" and threading.active_count() == 1


def _start() -> None:
    """In a worker: Ctrl-C is the parent's, and a parent that was killed is followed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        signal.raise_signal(signal.SIGTERM)
