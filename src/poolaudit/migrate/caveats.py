"""What a migration changes although it is offered, by name.

Knows each difference that was measured. Must never know how a form is found.
"""

from __future__ import annotations

from poolaudit.edits import Caveat

CAVEATS: dict[str, str] = {
    "failing-map-cancels-rest": "when a task fails, Executor.map raises at once and cancels what is queued; Pool.map runs the"
    " rest"
    " first and then raises the failure that came first",
    "failing-map-runs-rest": "when a task fails, Pool.map runs the rest before it raises; Executor.map cancels what is queued",
    "rest-runs-after-failure": "when reading a result raises, leaving the block runs the tasks that wait; a Pool kills them",
    "interrupt-waits": "after Ctrl-C the executor waits for the tasks that its workers have; a Pool kills them",
    "default-worker-count": "under a CPU affinity, Python 3.13 and later have fewer workers by default than os.cpu_count(),"
    " so that"
    " chunks may be smaller than those of the Pool",
    "slower-per-task": "the tasks are tiny: an executor needs about 0.1 ms more for each than a Pool",
    "callback-after-result": "the callback runs after result() returns; that of a Pool runs before get() does",
    "ordered-results": "results come in the order of the tasks: the first one waits for the first task",
    "default-thread-count": "where the number of threads is None, ThreadPoolExecutor has up to 32, four more than there are CPUs",
    "workers-start-late": "workers are forked at the first task instead of when the pool is built: they inherit what is opened,"
    " started or loaded in between",
    "workers-start-early": "workers are forked when the pool is built instead of at the first task: they do not have what is"
    " opened, started or loaded in between",
    "reads-ahead": "Executor.map reads all tasks before it returns; imap reads them while workers take them",
    "iterator-passed-on": "a function that is not seen is given the iterator: that of imap has next(timeout), that of an executor"
    " only what every generator has",
    "no-chunks": "ThreadPool runs neighbouring tasks one after the other in a thread, ThreadPoolExecutor each where one is free",
    "initializer-failure-hangs": "an initializer that raises breaks an executor, which says so; a Pool starts new workers"
    " for ever",
    "worker-names": "workers have other names (ForkProcess-1 for ForkPoolWorker-1, ThreadPoolExecutor-0_0 for Thread-1);"
    " processes of a Pool are daemons, those of an executor are not",
    "windows-limit": "on Windows an executor refuses more than 61 workers",
}


def caveat(name: str) -> Caveat:
    """A named change of behaviour. Raises KeyError for a name that the table does not have."""
    return Caveat(name, CAVEATS[name])
