"""What runs in the workers, and what they are given: questions about tasks and initializers.

Knows which functions of the file a worker runs, and what it means when not all of that code is seen. Must never look at what the
parent does with results.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from poolaudit.evidence.running import run_by, way_to
from poolaudit.evidence.worker_death import deaths
from poolaudit.facts import Argument, Evidence, FileFacts, Function, Handler, LibraryCall, PoolSite, Span, Task, Value
from poolaudit.needs.absence import absent, absent_argument
from poolaudit.survey.families import APIS
from poolaudit.tree import Subject

PROCESS_STARTERS = frozenset(
    {
        "multiprocessing.Process",
        "multiprocessing.process.Process",
        "multiprocessing.context.Process",
        "multiprocessing.Manager",
        "multiprocessing.managers.SyncManager",
    }
)
"""Library calls that start a child which a daemonic process may not have; subprocess does not."""

CRASHES = frozenset(f"signal.{name}" for name in ("SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL", "SIGFPE"))
"""Signals that native code brings about, and Python code does not."""

QUIET = frozenset(
    {
        "PIL", "attr", "attrs", "bs4", "colorama", "dateutil", "lxml", "matplotlib", "msgpack", "networkx", "numpy", "orjson",
        "packaging", "pandas", "psutil", "pytz", "regex", "requests", "rich", "scipy", "shapely", "six", "sympy", "tqdm",
        "typing_extensions", "ujson", "yaml",
    }
)  # fmt: skip
"""Libraries that neither start processes nor end them when they are called in a plain way."""

BROKEN = ("BrokenProcessPool", "BrokenExecutor")

SHELLS = frozenset({"os.system", "os.popen"})
WAITERS = ("subprocess.", "urllib.request.", "requests.", "shutil.")
"""Prefixes of calls that leave the interpreter lock free while they wait."""

_LOCAL = {"lambda": "lambda", "nested": "nested function"}


def worker_tasks(site: PoolSite) -> tuple[Task, ...]:
    """Everything that the pool's workers are given to run, the initializer last."""
    tasks = [operation.task for operation in site.operations if operation.task is not None]
    return (*tasks, site.initializer) if site.initializer is not None else tuple(tasks)


def worker_code(site: PoolSite, file: FileFacts) -> tuple[Function, ...]:
    """Functions of this file that run in a worker."""
    return file.reachable(*(task.function for task in worker_tasks(site)))


def unseen_code(subject: Subject) -> Evidence | None:
    """Why it is not known what runs in the workers; None where all of it is seen."""
    for task in worker_tasks(subject.site):
        if task.function is None and task.kind != "builtin":
            return Evidence("unknown", f"`{task.name}` is not seen", task.span)
    for function in worker_code(subject.site, subject.file):
        if not function.complete:
            return Evidence("unknown", f"`{function.name}` calls code that is not seen", function.name_span or function.span)
        unseen = sorted(function.libraries - QUIET)
        if unseen:
            because = f"`{function.name}` calls `{unseen[0].lstrip('.') or 'its package'}`, whose code is not seen"
            return Evidence("unknown", because, function.name_span or function.span)
    return None


def picklable(subject: Subject) -> Evidence:
    """Faults of pickling stop both APIs alike. A name of module level, imported or not, is found again by its name."""
    unclear: Evidence | None = None
    for operation in subject.site.operations:
        task = operation.task
        if task is None:
            continue
        if task.kind in ("lambda", "nested"):
            return Evidence("no", f"`{task.name}` is a {_LOCAL[task.kind]}; both APIs fail on it", task.span)
        if task.kind not in ("function", "builtin", "imported", "class"):
            unclear = unclear or Evidence("unknown", f"what pickling finds for `{task.name}` is not seen", task.span)
    if unclear is not None:
        return unclear
    return absent(subject, "every task is a name of module level", "yes")


def threads(subject: Subject) -> Evidence:
    """Threads are enough for tasks that do nothing but wait for another program or a download."""
    code = worker_code(subject.site, subject.file)
    waits = [call for function in code for call in function.library_calls if _waits(call)]
    unseen = unseen_code(subject)
    if waits and unseen is None and not any(function.has_loop for function in code):
        return Evidence("yes", f"all that the task does is to wait for `{waits[0].api}`", waits[0].point.span)
    if unseen is not None:
        return unseen
    return absent(subject, "its tasks do more than wait")


def _waits(call: LibraryCall) -> bool:
    return call.api in SHELLS or call.api.startswith(WAITERS)


def children(subject: Subject) -> Evidence:
    """A task is seen to start a process, whatever its arguments are."""
    site, file = subject.site, subject.file
    for task in worker_tasks(site):
        reached = file.reachable(task.function) if task.function is not None else ()
        if not any(next(_starts(function), None) for function in reached):
            continue
        for ran in run_by(task, file):
            starter = next(((name, span) for name, span in _starts(ran.function) if way_to(span, ran, file).always), None)
            if starter is not None:
                name, span = starter
                return Evidence("yes", f"`{ran.function.name}` runs in a worker and {name}", span)
    return unseen_code(subject) or _on_condition(subject) or absent(subject, "no task starts a process")


def _starts(function: Function) -> Iterator[tuple[str, Span]]:
    for made in function.makes:
        api = APIS.get(made.api or "")
        if api is not None and api.stdlib and api.workers == "process":
            yield f"makes a `{api.name}`", made.span
    for call in function.library_calls:
        if call.api in PROCESS_STARTERS:
            yield f"starts `{call.api}`", call.point.span


def _on_condition(subject: Subject) -> Evidence | None:
    """Code that a worker may come to starts a process: it depends on what is not seen here."""
    for function in worker_code(subject.site, subject.file):
        for name, span in _starts(function):
            return Evidence("unknown", f"`{function.name}` {name}, and whether a worker comes to it is not seen", span)
    return None


def worker_death(subject: Subject) -> Evidence:
    """A cause of a worker's death is seen, or the code is ready for one. A missing timeout is no cause."""
    for handler in handlers(subject.site):
        for name in handler.types:
            if (name.api or name.text).rpartition(".")[2] in BROKEN:
                return Evidence("yes", f"`{name.text}` is handled", name.span)
    for task in worker_tasks(subject.site):
        for death in deaths(task, subject.file):
            # SystemExit is a fault under both APIs: PA511 speaks of it
            if death.kind != "raised":
                by = "" if death.function is None else f"`{death.function.name}` runs in a worker and calls "
                return Evidence("yes", f"{by}`{death.name}`", death.where)
    return _crash_expected(subject) or unseen_code(subject) or absent(subject, "nothing seen ends a worker")


def _crash_expected(subject: Subject) -> Evidence | None:
    """Worker code prepares for the crash of native code: a handler of such a signal, faulthandler."""
    for function in worker_code(subject.site, subject.file):
        for call in function.library_calls:
            handled = call.api == "signal.signal" and call.arguments and call.arguments[0].value.api in CRASHES
            if handled or call.api == "faulthandler.enable":
                what = call.arguments[0].value.text if handled else call.api
                return Evidence("yes", f"`{function.name}` runs in a worker and is ready for a crash: `{what}`", call.point.span)
    return None


def handlers(site: PoolSite) -> Iterator[Handler]:
    """Except clauses around the construction, the operations and the uses of their results."""
    points = [site.point]
    for operation in site.operations:
        points.append(operation.point)
        points.extend(use.point for use in operation.handle.uses)
    for point in points:
        for step in point.path:
            if step.block.kind == "try" and step.arm == "body":
                yield from step.block.handlers


def endless_initializer(subject: Subject) -> Evidence:
    task = subject.site.initializer
    if task is None:
        return absent_argument(subject, "no initializer")
    function = subject.file.functions.get(task.function) if task.function is not None else None
    if function is None:
        return Evidence("unknown", f"`{task.name}` is not seen", task.span)
    if function.endless:
        return Evidence("yes", f"`{function.name}` loops for ever", task.span)
    return Evidence("no", f"`{function.name}` returns", task.span)


def all_workers_up(subject: Subject) -> Evidence:
    for value in _handed(subject):
        if value.api and value.api.endswith(".Barrier"):
            return Evidence("yes", f"`{value.text}` waits until all workers are there", value.span)
    return absent(subject, "no Barrier reaches the workers")


def _handed(subject: Subject) -> Iterator[Value]:
    """Values that reach a worker: initargs, arguments of tasks, globals that worker code reads."""
    initargs = subject.site.argument("initargs", 2 if subject.site.kind == "pool" else 3)
    if initargs is not None:
        yield from flat(initargs.value)
    for operation in subject.site.operations:
        yield from values(operation.arguments)
        if operation.task is not None:
            yield from values(operation.task.bound)
    for function in worker_code(subject.site, subject.file):
        for read in function.globals:
            for write in subject.file.globals.get(read.name, ()):
                if write.value is not None:
                    yield write.value


def values(arguments: Iterable[Argument]) -> Iterator[Value]:
    for argument in arguments:
        yield from flat(argument.value)


def flat(value: Value) -> Iterator[Value]:
    """The value and what it is written to hold."""
    yield value
    if value.kind in ("tuple", "list", "set", "dict", "comprehension", "generator"):
        for item in value.items:
            yield from flat(item)
